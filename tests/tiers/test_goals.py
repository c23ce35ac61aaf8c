"""What a member is missing: to the next tier, and to keep the one they have."""

from datetime import date
from decimal import Decimal

from saleor_loyalty.tiers.evaluation import Standing
from saleor_loyalty.tiers.goals import keep_goal, next_goal, tier_reached
from saleor_loyalty.tiers.history import history_of_days
from saleor_loyalty.tiers.rules import Metric, MovingUp, Thresholds, Window
from tests.tiers.ladders import GOLD, JOINED_ON, PLATINUM, SILVER, history, ladder, tier

TODAY = date(2026, 6, 1)
SILVER_UNTIL_2027 = Standing(earned_id=SILVER, kept_on=date(2027, 12, 31), version=1)


def asked(find, standing, *events, of=None, today=TODAY):
    known = history(*events)
    return find(standing, known, ladder=of or ladder(), joined_on=JOINED_ON, today=today)


def test_the_next_tier_says_what_is_missing_and_by_when():
    goal = asked(next_goal, SILVER_UNTIL_2027, (date(2026, 2, 1), 170))

    assert (goal.tier.tier_id, goal.missing, goal.percent) == (GOLD, {"": Decimal(330)}, 34)
    assert goal.by == date(2026, 12, 31)


def test_on_top_there_is_no_next_tier_and_below_the_first_there_is():
    on_top = Standing(earned_id=PLATINUM, version=1)

    assert asked(next_goal, on_top) is None
    assert asked(next_goal, Standing()).tier.tier_id == SILVER


def test_a_rolling_window_has_no_last_day():
    rolling = ladder(window=Window.ROLLING_DAYS, window_length=30)

    goal = asked(next_goal, Standing(), (date(2026, 5, 1), 90), of=rolling)

    assert (goal.missing, goal.by) == ({"": Decimal(100)}, None)


def test_nearly_there_is_not_a_hundred_percent():
    goal = asked(next_goal, Standing(), (TODAY, 99))

    assert (goal.missing, goal.percent) == ({"": Decimal(1)}, 99)


def test_what_is_met_already_and_comes_with_the_new_year_misses_nothing():
    yearly = ladder(moving_up=MovingUp.AT_PERIOD_END)

    goal = asked(next_goal, Standing(), (TODAY, 120), of=yearly)

    assert (goal.missing, goal.percent, goal.by) == ({"": Decimal(0)}, 100, date(2026, 12, 31))


def test_keeping_a_tier_asks_for_its_threshold_in_the_last_year_of_it():
    goal = asked(
        keep_goal, SILVER_UNTIL_2027, (TODAY, 150), (date(2027, 3, 1), 40), today=date(2027, 4, 1)
    )

    assert (goal.tier.tier_id, goal.missing) == (SILVER, {"": Decimal(60)})
    assert (goal.days.first, goal.by) == (date(2027, 1, 1), date(2027, 12, 31))


def test_in_grace_what_counts_today_must_be_enough_by_its_end():
    in_grace = Standing(
        earned_id=GOLD, kept_on=date(2027, 12, 31), grace_on=date(2026, 6, 15), version=1
    )

    goal = asked(keep_goal, in_grace, (date(2026, 3, 1), 120))

    assert (goal.missing, goal.by) == ({"": Decimal(380)}, date(2026, 6, 15))


def test_nothing_that_a_member_does_keeps_what_has_no_end_or_was_assigned():
    for standing in (
        Standing(earned_id=SILVER, version=1),
        Standing(version=1),
        Standing(assigned_id=GOLD, assigned_on=date(2026, 12, 1), version=1),
        Standing(
            earned_id=SILVER,
            kept_on=TODAY,
            assigned_id=SILVER,
            is_pinned=True,
            version=1,
        ),
    ):
        assert asked(keep_goal, standing) is None


def test_missing_money_is_given_in_each_currency_and_rounded_up():
    both = Thresholds(amounts={"USD": Decimal(300), "EUR": Decimal(100)})
    money = ladder(tiers=[tier(GOLD, 0, thresholds=both)], metric=Metric.AMOUNT)
    known = history_of_days({"USD": {TODAY: 100_000}})

    goal = next_goal(Standing(), known, ladder=money, joined_on=JOINED_ON, today=TODAY)

    assert goal.missing == {"USD": Decimal(200), "EUR": Decimal("66.667")}
    assert goal.percent == 33


def reached(standing, points, *, of=None):
    found = tier_reached(
        standing,
        history((TODAY, 60)),
        {"": Decimal(points)},
        ladder=of or ladder(),
        joined_on=JOINED_ON,
        today=TODAY,
    )
    return found and found.tier_id


def test_an_order_leads_to_a_tier_when_it_leads_higher_and_at_once():
    assert reached(Standing(), 39) is None
    assert reached(Standing(), 40) == SILVER
    assert reached(Standing(), 440) == GOLD
    assert reached(Standing(earned_id=GOLD, version=1), 440) is None
    assert reached(Standing(assigned_id=SILVER, is_pinned=True, version=1), 440) is None
    assert reached(Standing(), 440, of=ladder(moving_up=MovingUp.AT_PERIOD_END)) is None
