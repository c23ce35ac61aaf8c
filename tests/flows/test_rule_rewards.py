"""Earning rules that give rewards: each once for a rule and its cause, and back with its order."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from saleor_loyalty.earning.models import EarningGrant
from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import RuleDefinition, RuleInvalid, Trigger, check_rule
from saleor_loyalty.flows.keep_rewards import issue_redemptions
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.reward_activities import (
    Activity,
    report_activity,
    reward_activities,
    reward_sign_ups,
)
from saleor_loyalty.flows.reward_days import reward_birthdays
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.rewards.models import Redemption, Reward
from saleor_loyalty.rewards.rules import RewardKind
from tests.factories import CHANNEL, NOW, START, line, make_order, make_program, refunded
from tests.rewards.desk import issue, member_with, states, steps
from tests.rewards.shelf import make_reward

DAY = timedelta(days=1)


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return member_with(0, program)


@pytest.fixture
def reward(program):
    return make_reward(program, name="Ten off", stock=5)


def add_rule(program, reward, **values):
    data = {"action": "give_reward", "reward_id": reward.pk, **values}
    return create_rule(
        program_id=program.pk,
        name="A little surprise",
        definition=RuleDefinition.from_json(data),
        now=START,
    )


def stock(reward) -> int:
    return Reward.objects.get(pk=reward.pk).stock


def test_an_order_brings_its_gift_once_without_a_code_until_it_is_issued(program, ada, reward):
    rule = add_rule(program, reward)
    order = make_order(user_id=ada.user_id)

    for _ in range(2):
        settle(facts=[order], now=NOW)

    gift = Redemption.objects.get()
    assert (gift.member, gift.key) == (ada, f"rule:{rule.pk}:order:order-1")
    assert (gift.is_gift, gift.price_points, gift.reason, gift.actor) == (
        True,
        0,
        "A little surprise",
        f"rule:{rule.pk}",
    )
    assert (gift.channel_id, gift.currency, gift.is_issued) == (CHANNEL, "USD", False)
    assert stock(reward) == 4
    row = SettledOrder.objects.get()
    assert row.earned_points == 1000
    assert row.breakdown[1] == {
        "rule": rule.pk,
        "version": rule.versions.get().pk,
        "number": 1,
        "name": "A little surprise",
        "wanted": 0,
        "granted": 0,
        "why": "",
        "maturing_days": None,
        "expiry_days": None,
        "reward": reward.pk,
        "gifts": 1,
    }
    assert issue_redemptions(issue=issue, now=NOW) == 1


def test_conditions_hold_as_for_points(program, ada, reward):
    add_rule(
        program,
        reward,
        conditions=[{"kind": "product", "values": ["9"], "exclude": False}],
    )

    settle(facts=[make_order("no", user_id=ada.user_id)], now=NOW)
    settle(facts=[make_order("yes", user_id=ada.user_id, lines=(line(product_id="9"),))], now=NOW)

    assert [key[-3:] for key in Redemption.objects.values_list("key", flat=True)] == ["yes"]


def test_a_cap_counts_gifts(program, ada, reward):
    rule = add_rule(program, reward, cap_times=2)
    orders = [
        make_order(f"o{n}", user_id=ada.user_id, placed_at=NOW + n * timedelta(minutes=1))
        for n in range(4)
    ]

    settle(facts=orders[:3], now=NOW)
    settle(facts=orders[3:], now=NOW)

    assert list(
        EarningGrant.objects.filter(rule=rule).order_by("cause").values_list("wanted", "granted")
    ) == [(1, 1), (1, 1), (1, 0), (1, 0)]
    assert Redemption.objects.count() == 2
    whys = [row.breakdown[1]["why"] for row in SettledOrder.objects.order_by("order_id")]
    assert whys == ["", "", "cap_times", "cap_times"]


def test_who_waits_gets_no_gift_before_the_time(program, ada, reward):
    add_rule(program, reward, cooldown_days=7)

    for number, day in enumerate((0, 6, 7)):
        order = make_order(f"o{number}", user_id=ada.user_id, placed_at=NOW + day * DAY)
        settle(facts=[order], now=NOW + 9 * DAY)

    causes = [key.rpartition(":")[2] for key in Redemption.objects.values_list("key", flat=True)]
    assert sorted(causes) == ["o0", "o2"]


def test_nothing_left_means_nothing_given_and_no_error(program, ada, reward, caplog):
    Reward.objects.update(stock=1, gift_count=3)
    add_rule(program, reward)

    settle(facts=[make_order(f"o{n}", user_id=ada.user_id) for n in range(2)], now=NOW)

    assert (Redemption.objects.count(), stock(reward)) == (1, 0)
    assert SettledOrder.objects.filter(earned_points=1000).count() == 2
    assert "gives nothing for order:o1: out_of_stock" in caplog.text


def test_gifts_of_rules_are_within_the_budget_of_the_reward(program, ada, reward, caplog):
    Reward.objects.update(gift_count=1)
    add_rule(program, reward)

    settle(facts=[make_order(f"o{n}", user_id=ada.user_id) for n in range(2)], now=NOW)

    assert (Redemption.objects.count(), stock(reward)) == (1, 4)
    assert "the budget of its gifts is spent" in caplog.text


@pytest.mark.parametrize("values", [refunded("110"), {"state": OrderState.CANCELLED}])
def test_an_order_that_comes_back_takes_its_unused_gift_back(program, ada, reward, values):
    add_rule(program, reward, cap_times=1)
    settle(facts=[make_order(user_id=ada.user_id)], now=NOW)
    issue_redemptions(issue=issue, now=NOW)

    for _ in range(2):
        settle(facts=[make_order(user_id=ada.user_id, **values)], now=NOW + DAY)

    gift = Redemption.objects.get()
    assert (gift.state, gift.is_issued, stock(reward)) == ("cancelled", False, 5)
    assert [state for state, *_ in steps(gift)] == ["open", "cancelled"]
    settle(facts=[make_order("next", user_id=ada.user_id)], now=NOW + DAY)
    assert states() == ["cancelled", "open"]


def test_a_part_that_comes_back_leaves_the_gift(program, ada, reward):
    add_rule(program, reward)
    settle(facts=[make_order(user_id=ada.user_id)], now=NOW)

    settle(facts=[make_order(user_id=ada.user_id, **refunded("109"))], now=NOW)

    assert states() == ["open"]


def test_a_used_gift_stays_used_when_its_order_comes_back(program, ada, reward):
    add_rule(program, reward, trigger="first_order")
    settle(facts=[make_order(user_id=ada.user_id)], now=NOW)
    issue_redemptions(issue=issue, now=NOW)
    code = Redemption.objects.get().code
    back = make_order(user_id=ada.user_id, state=OrderState.CANCELLED)
    used = make_order("next", user_id=ada.user_id, voucher_code=code, earlier_orders=1)

    settle(facts=[back, used], now=NOW)

    assert (states(), stock(reward)) == (["used"], 4)


def test_an_order_that_earns_no_points_brings_its_gift_too(program, ada, reward):
    rule = add_rule(program, reward, cap_times=1)
    free = {"lines": (line("0", "0"),)}

    for _ in range(2):
        settle(facts=[make_order("a", user_id=ada.user_id, **free)], now=NOW)
    later = make_order("b", user_id=ada.user_id, placed_at=NOW, **free)
    settle(facts=[later], now=NOW)
    assert (states(), SettledOrder.objects.get(pk="a").earned_points) == (["open"], 0)
    assert EarningGrant.objects.get(rule=rule, granted=1).cause == "order:a"
    gone = make_order("a", user_id=ada.user_id, state=OrderState.CANCELLED, **free)
    settle(facts=[gone], now=NOW)

    assert states() == ["cancelled"]
    assert not EarningGrant.objects.filter(rule=rule, granted=1).exists()


def test_an_order_of_no_member_or_not_paid_brings_nothing(program, ada, reward):
    add_rule(program, reward)
    unpaid = {"is_fully_charged": False, "charged": Decimal(0)}

    settle(facts=[make_order("guest"), make_order(user_id=ada.user_id, **unpaid)], now=NOW)

    assert Redemption.objects.count() == 0


def test_birthdays_activities_and_signing_up_bring_gifts_once(program, ada, reward):
    ada.born_on = date(1990, 6, 15)
    ada.save()
    add_rule(program, reward, trigger="birthday")
    add_rule(program, reward, trigger="activity", activity="review", cap_times=1)
    add_rule(program, reward, trigger="sign_up")

    for _ in range(2):
        reward_birthdays(now=NOW)
        for key in ("first", "second"):
            report_activity(member_id=ada.pk, name="review", key=key, happened_at=NOW, now=NOW)
        reward_sign_ups(members=[ada], now=NOW)

    causes = {key.split(":", 2)[2] for key in Redemption.objects.values_list("key", flat=True)}
    assert causes == {f"birthday:{ada.pk}:2026", "activity:review:first", f"sign_up:{ada.pk}"}
    assert set(Redemption.objects.values_list("channel_id", "currency")) == {(CHANNEL, "")}
    assert stock(reward) == 2


def test_a_merged_member_is_given_nothing_twice(program, ada, reward):
    ben = member_with(0, program, email="ben@example.com")
    add_rule(program, reward)
    order = make_order(user_id=ada.user_id)
    settle(facts=[order], now=NOW)
    merge_members(member_id=ada.pk, into_id=ben.pk, actor="user:5", now=NOW)

    settle(facts=[order], now=NOW)

    assert Redemption.objects.get().member == ben


def test_a_reward_of_another_programme_or_none_is_not_given(program, ada, reward, caplog):
    other = make_reward(make_program(name="Other", channel_ids=[8]), RewardKind.DONATION)
    add_rule(program, other)

    settle(facts=[make_order(user_id=ada.user_id)], now=NOW)

    assert Redemption.objects.count() == 0
    assert "the programme has no such reward" in caplog.text


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reward_id": None}, "reward"),
        ({"action": "fixed_points", "points": 5}, "reward"),
        ({"points": 5}, "points"),
        ({"factor": "2"}, "factor"),
        ({"stacking": "stop"}, "stacking"),
        ({"stacking": "best"}, "stacking"),
        ({"maximum_points": 5}, "maximum_points"),
        ({"cap_points": 5}, "cap_points"),
        ({"budget_points": 5}, "budget_points"),
        ({"maturing_days": 5}, "maturing_days"),
        ({"expiry_days": 5}, "expiry_days"),
    ],
)
def test_what_is_about_points_does_not_go_with_a_reward(values, field):
    data = {"action": "give_reward", "reward_id": 7, **values}

    with pytest.raises(RuleInvalid) as caught:
        check_rule(name="Bonus", definition=RuleDefinition.from_json(data), currencies=["USD"])

    assert caught.value.field == field


def test_a_rule_that_gives_a_reward_may_wait_for_anything():
    for trigger, activity in (("order", ""), ("birthday", ""), ("activity", "review")):
        data = {
            "action": "give_reward",
            "reward_id": 7,
            "trigger": trigger,
            "activity": activity,
            "cap_times": 1,
            "cooldown_days": 3,
        }
        definition = RuleDefinition.from_json(data)

        check_rule(name="Bonus", definition=definition, currencies=["USD"])

        assert RuleDefinition.from_json(definition.as_json()) == definition


def test_a_member_that_is_merged_in_the_same_moment_loses_no_gift(program, ada, reward):
    add_rule(program, reward, trigger="activity", activity="review")
    eve = member_with(0, program, email="eve@example.com")
    seen_before = Activity(
        member=Member.objects.get(pk=eve.pk),
        cause="activity:review:1",
        trigger=Trigger.ACTIVITY,
        moment=NOW,
        name="review",
    )
    merge_members(member_id=eve.pk, into_id=ada.pk, actor="user:1", now=NOW)

    reward_activities(activities=[seen_before], now=NOW)

    assert Redemption.objects.get().member == ada
