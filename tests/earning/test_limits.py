"""Caps and budgets through real settling: what one award uses is gone for the next."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from saleor_loyalty.earning.models import BudgetUse, EarningGrant
from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.models import Balance
from tests.factories import NOW, START, line, make_order, make_program, make_user, refunded
from tests.threads import in_threads


def add_rule(program, **values):
    definition = RuleDefinition.from_json({"action": "fixed_points", "points": 50, **values})
    return create_rule(program_id=program.pk, name="Bonus", definition=definition, now=START)


def earned():
    rows = SettledOrder.objects.order_by("order_placed_at", "order_id")
    return list(rows.values_list("earned_points", flat=True))


def test_a_cap_counts_a_member_and_a_period(db):
    program, ada = make_program(), make_user()
    add_rule(program, cap_points=120, cap_period="month")

    for day in range(4):
        order = make_order(f"o{day}", user_id=ada.pk, placed_at=NOW + timedelta(days=day))
        settle(facts=[order], now=NOW)
    next_month = make_order("o9", user_id=ada.pk, placed_at=NOW + timedelta(days=20))
    settle(facts=[next_month], now=NOW)

    assert earned() == [1050, 1050, 1020, 1000, 1050]


def test_a_cap_in_one_batch_is_the_same_in_the_order_in_which_orders_were_placed(db):
    program, ada = make_program(), make_user()
    add_rule(program, cap_times=2)

    orders = [
        make_order(f"o{hour}", user_id=ada.pk, placed_at=NOW - timedelta(hours=hour))
        for hour in range(3)
    ]
    settle(facts=orders, now=NOW)

    assert earned() == [1050, 1050, 1000]


def test_settling_again_uses_no_more_of_a_cap_or_budget(db):
    program, ada = make_program(policy={"budget_points": 5000}), make_user()
    add_rule(program, cap_times=1, budget_points=60)
    order = make_order(user_id=ada.pk)

    for _ in range(3):
        settle(facts=[order], now=NOW)

    assert earned() == [1050]
    assert EarningGrant.objects.get().granted == 50
    assert list(BudgetUse.objects.order_by("rule").values_list("used_points", flat=True)) == [
        50,
        1050,
    ]


@pytest.mark.parametrize("back", [{"state": OrderState.CANCELLED}, refunded("110")])
def test_an_order_that_all_went_back_of_frees_its_cap_and_budget(db, back):
    program, ada = make_program(policy={"budget_points": 1050}), make_user()
    add_rule(program, cap_times=1, budget_points=50)
    settle(facts=[make_order("first", user_id=ada.pk)], now=NOW)

    settle(facts=[make_order("first", user_id=ada.pk, **back)], now=NOW)
    settle(facts=[make_order("second", user_id=ada.pk)], now=NOW)

    assert SettledOrder.objects.get(pk="second").earned_points == 1050
    assert set(BudgetUse.objects.values_list("used_points", flat=True)) == {50, 1050}


def test_an_edited_order_is_awarded_anew_within_the_same_budget(db):
    program, ada = make_program(policy={"budget_points": 1200}), make_user()
    add_rule(program, cap_times=1)
    settle(facts=[make_order(user_id=ada.pk)], now=NOW)

    settle(facts=[make_order(user_id=ada.pk, lines=(line("55"),))], now=NOW)

    assert earned() == [600]
    assert BudgetUse.objects.get().used_points == 600
    assert Balance.objects.get().available == 600


def test_an_edited_order_of_a_deleted_account_stays_within_the_shared_budget(db):
    program = make_program(policy={"budget_points": 9000})
    add_rule(program, budget_points=500)
    users = [make_user(f"{number}@example.com") for number in range(3)]
    for user in users:
        settle(facts=[make_order(f"o{user.pk}", user_id=user.pk)], now=NOW)

    gone = make_order(f"o{users[0].pk}", user_id=None, account_since=None, lines=(line("55"),))
    settle(facts=[gone], now=NOW)

    used = dict(BudgetUse.objects.values_list("rule", "used_points"))
    assert sorted(used.values()) == [150, 2 * 1050 + 600]
    cancelled = replace(gone, state=OrderState.CANCELLED)
    settle(facts=[cancelled], now=NOW)
    assert sorted(BudgetUse.objects.values_list("used_points", flat=True)) == [100, 2100]


def test_what_one_order_gives_back_leaves_the_grants_of_others(db):
    program = make_program()
    users = [make_user(f"{number}@example.com") for number in range(2)]
    for_all = add_rule(program, cap_times=5)
    nine = {"kind": "product", "values": ["9"], "exclude": False}
    add_rule(program, cap_times=5, conditions=[nine])
    with_nine = make_order("b", user_id=users[1].pk, lines=(line("100", product_id="9"),))
    settle(facts=[make_order("a", user_id=users[0].pk), with_nine], now=NOW)

    cancelled = make_order("a", user_id=users[0].pk, state=OrderState.CANCELLED)
    without_nine = make_order("b", user_id=users[1].pk, lines=(line("101", product_id="8"),))
    settle(facts=[cancelled, without_nine], now=NOW)

    grants = EarningGrant.objects.values_list("rule", "cause", "granted")
    assert list(grants) == [(for_all.pk, "order:b", 50)]


def test_a_budget_that_runs_out_is_told_in_the_breakdown_and_the_log(db, caplog):
    make_program(policy={"budget_points": 1500, "budget_alert_percent": 60})
    users = [make_user(f"{number}@example.com") for number in range(3)]

    with caplog.at_level(logging.WARNING):
        for user in users:
            settle(facts=[make_order(f"o{user.pk}", user_id=user.pk)], now=NOW)

    assert sorted(earned()) == [0, 500, 1000]
    cut = SettledOrder.objects.get(earned_points=500).breakdown[0]
    assert (cut["wanted"], cut["granted"], cut["why"]) == (1000, 500, "program_budget")
    assert BudgetUse.objects.get().alerted_at == NOW
    assert caplog.text.count("points of the budget") == 1


@pytest.mark.django_db(transaction=True)
def test_a_budget_is_never_overrun_by_32_threads():
    make_program(policy={"budget_points": 10_500})
    users = [make_user(f"{number}@example.com") for number in range(32)]

    results = in_threads(
        32,
        lambda n: settle(facts=[make_order(f"o{n}", user_id=users[n].pk)], now=NOW).settled,
    )

    assert results == [1] * 32
    assert sum(Balance.objects.values_list("available", flat=True)) == 10_500
    assert BudgetUse.objects.get().used_points == 10_500


@pytest.mark.django_db(transaction=True)
def test_a_cap_holds_against_32_threads():
    program, ada = make_program(), make_user()
    add_rule(program, cap_times=3)

    in_threads(32, lambda n: settle(facts=[make_order(f"o{n}", user_id=ada.pk)], now=NOW))

    assert Member.objects.count() == 1
    assert Balance.objects.get().available == 32_000 + 3 * 50
