"""An award stays as it was made: by the rules, products and policy of the order's own time."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from saleor_loyalty.earning.operations import RuleChanges, create_rule, update_rule
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.models import Entry, Lot
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import Purse
from saleor_loyalty.points.sweeps import mature_due
from tests.factories import NOW, START, line, make_order, make_program, make_user, refunded


@pytest.fixture
def ada(db):
    return make_user()


def purse():
    member = Member.objects.get()
    return purses_of(member_ids=[member.pk])[member.pk]


def a_definition(**values):
    return RuleDefinition.from_json({"action": "multiplier", "factor": "2", **values})


def add(program, **values):
    definition = a_definition(**values)
    return create_rule(program_id=program.pk, name="Double", definition=definition, now=START)


SUMMER = {"kind": "collection", "values": ["3"], "exclude": False}
ITEM = line("100", product_id="5", collection_ids=frozenset({"3"}))


def test_a_refund_uses_the_rule_of_the_orders_time_not_todays(ada):
    program = make_program()
    rule = add(program)
    settle(facts=[make_order(user_id=ada.pk)], now=NOW)

    update_rule(rule_id=rule.pk, changes=RuleChanges(definition=a_definition(factor="5")), now=NOW)
    settle(facts=[make_order(user_id=ada.pk, **refunded("55"))], now=NOW + timedelta(days=1))

    assert purse() == Purse(available=1000)
    assert Entry.objects.latest("id").details["rules"][1]["number"] == 1


def test_an_order_keeps_its_award_when_its_product_leaves_the_collection(ada):
    add(make_program(), conditions=[SUMMER])
    settle(facts=[make_order(user_id=ada.pk, lines=(ITEM,))], now=NOW)

    left = replace(ITEM, collection_ids=frozenset())
    settle(facts=[make_order(user_id=ada.pk, lines=(left,), **refunded("11"))], now=NOW)

    assert purse() == Purse(available=1800)


def test_an_order_keeps_its_award_when_its_variant_and_gift_card_are_deleted(ada):
    add(make_program(policy={"on_gift_cards": False}), conditions=[SUMMER])
    paid = {"total": Decimal(55), "charged": Decimal(55)}
    order = make_order(user_id=ada.pk, lines=(ITEM,), paid_with_gift_cards=Decimal(55), **paid)
    settle(facts=[order], now=NOW)

    unknown = replace(ITEM, product_id="", collection_ids=frozenset())
    settle(facts=[replace(order, lines=(unknown,), paid_with_gift_cards=Decimal(0))], now=NOW)

    assert purse() == Purse(available=1000)


def test_an_edited_order_is_worked_out_anew_by_the_rules_of_its_time(ada):
    program = make_program()
    rule = add(program, conditions=[SUMMER])
    settle(facts=[make_order(user_id=ada.pk, lines=(ITEM,))], now=NOW)
    update_rule(rule_id=rule.pk, changes=RuleChanges(is_active=False), now=NOW)

    more = (ITEM, line("30", product_id="6"))
    edited = make_order(user_id=ada.pk, lines=more, total=Decimal(140), charged=Decimal(140))
    settle(facts=[edited], now=NOW + timedelta(days=1))

    assert purse() == Purse(available=2300)


def test_rules_may_have_their_own_maturity_and_expiry(ada):
    program = make_program(policy={"expiry": "after_earning", "expiry_months": 12})
    add(program, maturing_days=14, expiry_days=60)

    settle(facts=[make_order(user_id=ada.pk, paid_at=NOW)], now=NOW)

    lots = Lot.objects.order_by("id").values_list("available", "pending", "matures_at")
    assert list(lots) == [(1000, 0, None), (0, 1000, NOW + timedelta(days=14))]
    first, second = Lot.objects.order_by("id")
    assert (first.expires_at.isoformat()[:10], second.expires_at.isoformat()[:10]) == (
        "2027-06-16",
        "2026-08-15",
    )
    assert mature_due(now=NOW + timedelta(days=14)) == 1
    assert purse() == Purse(available=2000)


def test_a_refund_takes_pending_points_first(ada):
    add(make_program(), maturing_days=14)
    settle(facts=[make_order(user_id=ada.pk, paid_at=NOW)], now=NOW)

    settle(facts=[make_order(user_id=ada.pk, paid_at=NOW, **refunded("55"))], now=NOW)

    assert purse() == Purse(available=1000)


def test_a_shop_may_forgive_what_a_refund_cannot_find(ada):
    from saleor_loyalty.adjustments.rules import AdjustmentReason
    from saleor_loyalty.flows.adjust_points import adjust_points

    make_program(policy={"when_short": "forgive"})
    settle(facts=[make_order(user_id=ada.pk)], now=NOW)
    member = Member.objects.get()
    adjust_points(
        member_id=member.pk,
        points=-900,
        reason=AdjustmentReason.OTHER,
        note="used",
        actor="user:1",
        now=NOW,
    )

    for _ in range(2):
        settle(facts=[make_order(user_id=ada.pk, **refunded("110"))], now=NOW)
    settle(facts=[make_order("next", user_id=ada.pk)], now=NOW)

    assert purse() == Purse(available=1000)
    forgiven = Entry.objects.get(reason="debt_forgiven")
    assert (forgiven.points, forgiven.order_id, forgiven.is_qualifying) == (900, "", False)


def test_the_breakdown_names_each_rule_and_its_version(ada):
    program = make_program()
    rule = add(program, maximum_points=300)

    settle(facts=[make_order(user_id=ada.pk)], now=NOW)

    base, doubled = SettledOrder.objects.get().breakdown
    assert (base["rule"], base["granted"]) == (None, 1000)
    assert doubled | {"version": None} == {
        "rule": rule.pk,
        "version": None,
        "number": 1,
        "name": "Double",
        "wanted": 1000,
        "granted": 300,
        "why": "maximum_points",
        "maturing_days": None,
        "expiry_days": None,
    }
