"""Where a member stands: the pure function, example by example."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from saleor_loyalty.tiers.evaluation import Standing, decide
from saleor_loyalty.tiers.history import history_of_days
from saleor_loyalty.tiers.rules import (
    ChangeKind,
    Falling,
    Keeping,
    Metric,
    MovingUp,
    Thresholds,
    Window,
)
from tests.tiers.ladders import (
    CIRCLE,
    GOLD,
    JOINED_ON,
    PLATINUM,
    SILVER,
    history,
    ladder,
    look,
    tier,
)

NOBODY = Standing(version=1)
SPRING = date(2026, 4, 1)


def test_a_member_is_in_the_highest_tier_whose_threshold_is_met():
    for points, expected in (
        (99, None),
        (100, SILVER),
        (499, SILVER),
        (500, GOLD),
        (5000, PLATINUM),
    ):
        assert look(NOBODY, [(SPRING, points)], SPRING).tier_id == expected


def test_a_tier_is_kept_until_the_end_of_the_next_year_and_needs_a_reason_to_end_earlier():
    risen = look(NOBODY, [(SPRING, 500)], SPRING)

    assert risen.kind is ChangeKind.ROSE
    assert risen.standing.kept_on == date(2027, 12, 31)
    assert risen.next_on == date(2027, 12, 1)
    for on in (date(2026, 12, 31), date(2027, 1, 1), date(2027, 11, 30)):
        later = look(risen.standing, [(SPRING, 500)], on)
        assert (later.tier_id, later.kind) == (GOLD, None)


def test_who_does_not_earn_it_again_is_warned_then_has_grace_then_goes_where_they_belong():
    events = [(SPRING, 500), (date(2027, 6, 1), 120)]
    risen = look(NOBODY, events, SPRING)

    warned = look(risen.standing, events, date(2027, 12, 1))
    again = look(warned.standing, events, date(2027, 12, 31))
    grace = look(again.standing, events, date(2028, 1, 1))
    still = look(grace.standing, events, date(2028, 1, 14))
    fallen = look(still.standing, events, date(2028, 1, 15))

    assert (warned.kind, warned.tier_id) == (ChangeKind.WARNED, GOLD)
    assert (again.kind, again.tier_id) == (None, GOLD)
    assert (grace.kind, grace.tier_id, grace.standing.grace_on) == (
        ChangeKind.GRACE,
        GOLD,
        date(2028, 1, 14),
    )
    assert grace.next_on == date(2028, 1, 15)
    assert (still.kind, still.tier_id) == (None, GOLD)
    assert (fallen.kind, fallen.tier_id) == (ChangeKind.FELL, SILVER)
    assert fallen.standing.kept_on == date(2028, 12, 31)


def test_who_earns_it_again_in_the_grace_period_keeps_it():
    events = [(SPRING, 500), (date(2028, 1, 5), 500)]
    grace = look(
        Standing(earned_id=GOLD, kept_on=date(2027, 12, 31), version=1), events, date(2028, 1, 1)
    )

    kept = look(grace.standing, events, date(2028, 1, 5))

    assert (kept.kind, kept.tier_id) == (ChangeKind.RENEWED, GOLD)
    assert (kept.standing.grace_on, kept.standing.kept_on) == (None, date(2029, 12, 31))


def test_earning_it_again_moves_the_end_once_a_year():
    events = [(SPRING, 500), (date(2027, 2, 1), 700), (date(2027, 3, 1), 100)]
    risen = look(NOBODY, events, SPRING)

    renewed = look(risen.standing, events, date(2027, 2, 1))
    again = look(renewed.standing, events, date(2027, 3, 1))

    assert (renewed.kind, renewed.standing.kept_on) == (ChangeKind.RENEWED, date(2028, 12, 31))
    assert (again.kind, again.standing) == (None, renewed.standing)


def test_a_refund_of_what_a_tier_was_earned_with_gives_grace_and_then_lowers():
    risen = look(NOBODY, [(SPRING, 500)], SPRING)
    refunded = [(SPRING, 150)]

    grace = look(risen.standing, refunded, date(2027, 2, 1))
    fallen = look(grace.standing, refunded, date(2027, 2, 16))

    assert (grace.kind, grace.tier_id, grace.standing.grace_on) == (
        ChangeKind.GRACE,
        GOLD,
        date(2027, 2, 15),
    )
    assert (fallen.kind, fallen.tier_id) == (ChangeKind.FELL, SILVER)


def test_a_refund_that_is_undone_in_the_grace_period_leaves_all_as_it_was():
    risen = look(NOBODY, [(SPRING, 500)], SPRING)
    grace = look(risen.standing, [(SPRING, 150)], date(2027, 2, 1))

    back = look(grace.standing, [(SPRING, 500)], date(2027, 2, 2))

    assert (back.kind, back.tier_id) == (ChangeKind.RENEWED, GOLD)
    assert back.standing == risen.standing


def test_without_grace_a_refund_lowers_at_once():
    strict = ladder(grace_days=0)
    risen = look(NOBODY, [(SPRING, 500)], SPRING, of=strict)

    fallen = look(risen.standing, [(SPRING, 50)], SPRING, of=strict)

    assert (fallen.kind, fallen.tier_id) == (ChangeKind.FELL, None)


def test_falling_goes_one_step_or_never_where_the_ladder_says_so():
    standing = Standing(earned_id=PLATINUM, kept_on=date(2026, 12, 31), version=1)
    on = date(2027, 2, 1)

    step = look(standing, [], on, of=ladder(falling=Falling.ONE_STEP, grace_days=0))
    never = look(standing, [], on, of=ladder(falling=Falling.NEVER, grace_days=0))

    assert (step.kind, step.tier_id, step.standing.kept_on) == (
        ChangeKind.FELL,
        GOLD,
        date(2027, 12, 31),
    )
    assert (never.kind, never.tier_id, never.next_on) == (None, PLATINUM, None)


def test_one_step_never_goes_below_what_the_metric_gives():
    standing = Standing(earned_id=PLATINUM, kept_on=date(2026, 12, 31), version=1)
    stepping = ladder(falling=Falling.ONE_STEP, grace_days=0)

    fallen = look(standing, [(date(2026, 6, 1), 600)], date(2027, 1, 2), of=stepping)

    assert (fallen.tier_id, fallen.standing.kept_on) == (GOLD, date(2027, 12, 31))


def test_a_period_end_ladder_moves_up_only_when_the_year_is_over():
    yearly = ladder(moving_up=MovingUp.AT_PERIOD_END)
    events = [(SPRING, 500)]

    assert look(NOBODY, events, date(2026, 12, 31), of=yearly).tier_id is None
    risen = look(NOBODY, events, date(2027, 1, 1), of=yearly)
    assert (risen.tier_id, risen.standing.kept_on) == (GOLD, date(2027, 12, 31))


def test_an_order_of_the_old_year_that_is_settled_in_the_new_one_still_counts_for_the_old():
    risen = look(NOBODY, [(date(2026, 12, 31), 500)], date(2027, 1, 2))

    assert (risen.tier_id, risen.standing.kept_on) == (GOLD, date(2027, 12, 31))


def test_a_lifetime_tier_ends_only_by_a_refund():
    forever = ladder(window=Window.LIFETIME, keeping=Keeping.FOREVER, grace_days=0)
    risen = look(NOBODY, [(date(2001, 1, 1), 500)], SPRING, of=forever)

    assert (risen.tier_id, risen.standing.kept_on, risen.next_on) == (GOLD, None, None)
    later = look(risen.standing, [(date(2001, 1, 1), 500)], date(2050, 1, 1), of=forever)
    assert later.tier_id == GOLD
    refunded = look(risen.standing, [(date(2001, 1, 1), 100)], SPRING, of=forever)
    assert refunded.tier_id == SILVER


def test_a_rolling_window_keeps_a_tier_for_some_months_after_it_was_met_last():
    rolling = ladder(
        window=Window.ROLLING_DAYS, window_length=90, keeping=Keeping.MONTHS, keep_months=6
    )
    events = [(date(2026, 1, 1), 300), (date(2026, 2, 1), 300), (date(2026, 4, 15), 250)]
    risen = look(NOBODY, events, date(2026, 2, 1), of=rolling)
    # both of 300 are in 90 days until 31 March
    assert risen.standing.kept_on == date(2026, 9, 30)

    near = look(risen.standing, events, date(2026, 9, 1), of=rolling)

    # 300 of February and 250 of April were together in 90 days until 1 May
    assert (near.kind, near.standing.kept_on) == (ChangeKind.RENEWED, date(2026, 11, 1))


def test_a_rolling_window_moves_the_end_only_when_it_comes_near():
    rolling = ladder(
        window=Window.ROLLING_MONTHS, window_length=12, keeping=Keeping.MONTHS, keep_months=12
    )
    events = [(SPRING, 500)]
    risen = look(NOBODY, events, SPRING, of=rolling)

    looks = [
        look(risen.standing, events, SPRING + timedelta(days=n), of=rolling) for n in range(300)
    ]

    assert {one.kind for one in looks} == {None}


def test_money_in_two_currencies_adds_up_by_its_share_of_each_threshold():
    both = Thresholds(amounts={"USD": Decimal(300), "EUR": Decimal(270)})
    money = ladder(tiers=[tier(GOLD, 0, thresholds=both)], metric=Metric.AMOUNT)

    def with_amounts(usd: int, eur: int):
        days = {"USD": {SPRING: usd * 1000}, "EUR": {SPRING: eur * 1000}}
        return decide(
            NOBODY, history_of_days(days), ladder=money, joined_on=JOINED_ON, today=SPRING
        ).tier_id

    assert with_amounts(100, 180) == GOLD  # a third and two thirds
    assert with_amounts(100, 179) is None
    assert with_amounts(0, 270) == GOLD


def test_a_tier_by_invitation_is_never_reached_by_points():
    assert look(NOBODY, [(SPRING, 10**9)], SPRING).tier_id == PLATINUM


def test_an_assigned_tier_is_the_least_a_member_has_until_it_ends():
    assigned = Standing(assigned_id=GOLD, assigned_on=date(2026, 6, 30), version=1)

    has = look(assigned, [(SPRING, 150)], SPRING)
    more = look(assigned, [(SPRING, 1000)], SPRING)
    ended = look(has.standing, [(SPRING, 150)], date(2026, 7, 1))

    assert (has.tier_id, has.kind, has.standing.earned_id) == (GOLD, None, SILVER)
    assert has.next_on == date(2026, 7, 1)
    assert (more.tier_id, more.kind) == (PLATINUM, ChangeKind.ROSE)
    assert (ended.tier_id, ended.kind) == (SILVER, ChangeKind.ASSIGNMENT_ENDED)


def test_a_pinned_tier_is_exactly_what_a_member_has():
    pinned = Standing(assigned_id=SILVER, is_pinned=True, version=1)

    assert look(pinned, [(SPRING, 5000)], SPRING).tier_id == SILVER


def test_an_invitation_stays_whatever_the_member_earns_beneath():
    invited = Standing(assigned_id=CIRCLE, version=1)

    risen = look(invited, [(SPRING, 500)], SPRING)

    assert (risen.tier_id, risen.kind, risen.standing.earned_id) == (CIRCLE, None, GOLD)


def test_a_correction_by_hand_undoes_what_it_corrects_from_the_start():
    risen = look(NOBODY, [(SPRING, 100), (SPRING + timedelta(1), 400)], SPRING + timedelta(1))
    corrected = [(SPRING, 100), (SPRING + timedelta(1), 400), (date(2026, 5, 1), -400)]

    grace = look(risen.standing, corrected, date(2026, 5, 1))

    assert (grace.kind, grace.tier_id) == (ChangeKind.GRACE, GOLD)
    assert history(*corrected).days[""] == [(SPRING, 100_000)]


@pytest.mark.parametrize("version", [1, 2])
def test_a_higher_threshold_takes_nothing_from_who_has_the_tier_until_the_date_they_were_told(
    version,
):
    events = [(SPRING, 500)]
    risen = look(NOBODY, events, SPRING)
    higher = ladder(tiers=[tier(SILVER, 100), tier(GOLD, 800)], version=version)

    later = look(risen.standing, events, date(2027, 10, 1), of=higher)
    over = look(later.standing, events, date(2028, 1, 1), of=higher)

    assert (later.tier_id, later.kind) == (GOLD, None)
    assert over.kind is ChangeKind.GRACE


def test_staff_may_put_everybody_where_they_belong_at_once():
    events = [(SPRING, 500)]
    risen = look(NOBODY, events, SPRING)
    strict = ladder(tiers=[tier(SILVER, 100), tier(GOLD, 800)], version=2, since=(0, 2))

    put = look(risen.standing, events, SPRING, of=strict)

    assert (put.tier_id, put.kind) == (SILVER, ChangeKind.LADDER_CHANGED)
    assert put.standing.version == 2


def test_members_of_a_deleted_tier_go_where_staff_said_with_the_dates_that_they_had():
    risen = look(NOBODY, [(SPRING, 500)], SPRING)
    shorter = ladder(
        tiers=[tier(SILVER, 100), tier(PLATINUM, 1000)], version=2, replaced={GOLD: PLATINUM}
    )
    without = ladder(tiers=[tier(SILVER, 100)], version=2, replaced={GOLD: None})

    moved = look(risen.standing, [(SPRING, 500)], SPRING, of=shorter)
    placed = look(risen.standing, [(SPRING, 500)], SPRING, of=without)

    assert (moved.tier_id, moved.kind) == (PLATINUM, ChangeKind.LADDER_CHANGED)
    assert moved.standing.kept_on == date(2027, 12, 31)
    assert (placed.tier_id, placed.kind) == (SILVER, ChangeKind.LADDER_CHANGED)


def test_a_ladder_that_forgot_nothing_and_now_counts_years_gives_everybody_a_full_term():
    forever = ladder(window=Window.LIFETIME, keeping=Keeping.FOREVER)
    risen = look(NOBODY, [(date(2020, 1, 1), 500)], SPRING, of=forever)
    yearly = ladder(version=2, since=(2, 0))

    told = look(risen.standing, [(date(2020, 1, 1), 500)], SPRING, of=yearly)

    assert (told.tier_id, told.kind) == (GOLD, ChangeKind.LADDER_CHANGED)
    assert told.standing.kept_on == date(2027, 12, 31)


def test_a_tier_that_needs_nothing_is_everybodys_and_never_ends():
    open_to_all = ladder(tiers=[tier(SILVER, 0), tier(GOLD, 500)])

    first = look(NOBODY, [], SPRING, of=open_to_all)

    assert (first.tier_id, first.standing.kept_on, first.next_on) == (SILVER, None, None)


def test_who_hears_of_a_near_end_when_they_rise_is_not_warned_of_it_again():
    late = [(date(2026, 12, 31), 500)]
    risen = look(NOBODY, late, date(2027, 12, 10))

    again = look(risen.standing, late, date(2027, 12, 10))

    assert (risen.kind, risen.standing.kept_on) == (ChangeKind.ROSE, date(2027, 12, 31))
    assert (again.kind, again.standing) == (None, risen.standing)


def test_who_met_the_threshold_again_is_not_warned_while_the_ladder_waits_for_the_years_end():
    yearly = ladder(moving_up=MovingUp.AT_PERIOD_END)
    before = Standing(earned_id=GOLD, kept_on=date(2027, 12, 31), version=1)
    met, missed = [(date(2027, 3, 1), 500)], [(date(2027, 3, 1), 499)]

    calm = look(before, met, date(2027, 12, 1), of=yearly)
    warned = look(before, missed, date(2027, 12, 1), of=yearly)
    refunded = look(calm.standing, missed, date(2027, 12, 20), of=yearly)
    renewed = look(calm.standing, met, date(2028, 1, 1), of=yearly)

    assert (calm.kind, calm.next_on) == (None, date(2028, 1, 1))
    assert (warned.kind, refunded.kind) == (ChangeKind.WARNED, ChangeKind.WARNED)
    assert (renewed.kind, renewed.standing.kept_on) == (ChangeKind.RENEWED, date(2028, 12, 31))


def test_where_nobody_falls_no_tier_has_an_end_to_warn_of():
    kind_ladder = ladder(falling=Falling.NEVER)

    risen = look(NOBODY, [(SPRING, 500)], SPRING, of=kind_ladder)

    assert (risen.standing.kept_on, risen.next_on) == (None, None)


def test_a_short_tier_is_warned_of_at_its_half_and_moves_on_no_more_often_than_that():
    monthly = ladder(window=Window.ROLLING_DAYS, window_length=30)
    events = [(SPRING + timedelta(n), 20) for n in range(200)]
    standing, kinds = NOBODY, []

    for number in range(200):
        made = look(standing, events, SPRING + timedelta(number), of=monthly)
        standing = made.standing
        if made.kind:
            kinds.append((number, made.kind.value))

    assert kinds[:3] == [(4, "rose"), (24, "rose"), (44, "renewed")]
    assert [number for number, _ in kinds[2:]] == list(range(44, 200, 20))


def test_no_end_is_told_beyond_a_gap_before_the_next_year_counts():
    short = ladder(
        window=Window.CALENDAR_YEAR,
        moving_up=MovingUp.AT_PERIOD_END,
        keeping=Keeping.MONTHS,
        keep_months=1,
        grace_days=0,
    )
    events = [(date(2025, 5, 1), 100), (date(2026, 1, 10), 100)]

    risen = look(NOBODY, events, date(2026, 1, 15), of=short)
    fallen = look(risen.standing, events, date(2026, 2, 1), of=short)
    again = look(fallen.standing, events, date(2027, 1, 1), of=short)

    assert (risen.tier_id, risen.standing.kept_on) == (SILVER, date(2026, 1, 31))
    assert (fallen.kind, fallen.tier_id) == (ChangeKind.FELL, None)
    assert (again.kind, again.standing.kept_on) == (ChangeKind.ROSE, date(2027, 1, 31))


def test_who_earned_the_step_they_fall_to_has_it_no_shorter_than_who_did_not():
    daily = ladder(
        window=Window.ROLLING_DAYS,
        window_length=1,
        falling=Falling.ONE_STEP,
        grace_days=0,
        notice_days=0,
    )
    ends = []

    for events in ([(SPRING, 500)], [(SPRING, 500), (SPRING + timedelta(1), 100)]):
        risen = look(NOBODY, events, SPRING, of=daily)
        fallen = look(risen.standing, events, SPRING + timedelta(2), of=daily)
        ends.append((fallen.tier_id, fallen.standing.kept_on))

    assert ends == [(SILVER, SPRING + timedelta(3))] * 2


def test_a_tier_that_is_earned_and_assigned_is_certain_until_the_later_end():
    both = Standing(
        earned_id=GOLD,
        kept_on=date(2027, 12, 31),
        grace_on=date(2026, 6, 15),
        assigned_id=GOLD,
        assigned_on=date(2026, 5, 31),
        version=1,
    )

    assert both.ends_on(ladder()) == date(2026, 6, 15)
