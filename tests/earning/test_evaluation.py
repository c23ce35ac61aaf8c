from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.earning.evaluation import RuleUsage, Usage, evaluate
from saleor_loyalty.earning.rules import RuleDefinition, RuleVersion
from saleor_loyalty.programs.policies.rules import Policy, Rounding, RoundingScope
from saleor_loyalty.programs.rules import PriceBasis, Rate
from tests.factories import NOW, START, line, make_order


def a_rate(points="10", basis=PriceBasis.GROSS, currency="USD"):
    return Rate(
        currency=currency,
        points_per_unit=Decimal(points),
        point_value=Decimal("0.01"),
        price_basis=basis,
        valid_from=START,
        valid_until=None,
    )


def a_rule(number=1, *, position=None, valid_until=None, **definition):
    definition.setdefault("action", "fixed_points")
    return RuleVersion(
        version_id=number * 10,
        rule_id=number,
        number=1,
        name=f"rule {number}",
        position=number if position is None else position,
        definition=RuleDefinition.from_json(definition),
        valid_from=START,
        valid_until=valid_until,
    )


def when(kind, *values, exclude=False):
    return {"kind": kind, "values": list(values), "exclude": exclude}


def earn(*rules, order=None, policy=None, rate=None, usage=None, time_zone="UTC"):
    return evaluate(
        order or make_order(),
        rate=rate or a_rate(),
        policy=policy or Policy(),
        rules=rules,
        time_zone=time_zone,
        usage=usage,
    )


def shares(evaluation):
    return [part.granted for part in evaluation.parts]


# What money earns


@pytest.mark.parametrize(
    ("amount", "points_per_unit", "points"),
    [
        ("268.28", "1000", 268280),
        ("0.09", "10", 0),
        ("0.10", "10", 1),
        ("19.99", "0.5", 9),
        ("1000000", "0.0001", 100),
        ("-5", "10", 0),
        (str(10**12), "1000000", 100_000_000),
    ],
)
def test_points_are_whole_rounded_down_and_bounded(amount, points_per_unit, points):
    order = make_order(lines=(line(amount),))

    assert earn(order=order, rate=a_rate(points_per_unit)).points == points


def test_100_euro_and_1701_rand_earn_alike_for_one_basket():
    euro = make_order(currency="EUR", lines=(line("100"),))
    rand = make_order(currency="ZAR", lines=(line("1701"),))

    assert earn(order=euro, rate=a_rate("10", currency="EUR")).points == 1000
    assert earn(order=rand, rate=a_rate("0.5882", currency="ZAR")).points == 1000


def test_taxes_and_shipping_earn_nothing_unless_the_shop_wants_it():
    order = make_order(lines=(line("125", "100"),), shipping=Decimal(50), shipping_net=Decimal(40))

    net = a_rate(basis=PriceBasis.NET)
    assert earn(order=order, rate=net).points == 1000
    assert earn(order=order, rate=net, policy=Policy(on_shipping=True)).points == 1400
    assert earn(order=order, policy=Policy(on_shipping=True)).points == 1750


def test_a_coupon_lowers_what_is_earned_unless_the_shop_counts_full_prices():
    order = make_order(lines=(line("80", "64", full_gross=Decimal(100), full_net=Decimal(80)),))

    assert earn(order=order).points == 800
    assert earn(order=order, policy=Policy(on_full_price=True)).points == 1000
    net = a_rate(basis=PriceBasis.NET)
    assert earn(order=order, rate=net, policy=Policy(on_full_price=True)).points == 800


def test_the_part_paid_with_points_earns_nothing():
    order = make_order(total=Decimal(60), paid_with_points=Decimal(50))

    assert earn(order=order).points == 545  # 1000 x 60 / 110
    assert earn(order=order, policy=Policy(on_points=True)).points == 1000


def test_the_part_paid_with_gift_cards_earns_unless_the_shop_leaves_it_out():
    order = make_order(total=Decimal(55), paid_with_gift_cards=Decimal(55))

    assert earn(order=order).points == 1000
    assert earn(order=order, policy=Policy(on_gift_cards=False)).points == 500


def test_an_order_paid_with_points_alone_earns_nothing():
    order = make_order(total=Decimal(0), charged=Decimal(0), paid_with_points=Decimal(110))

    assert earn(order=order).points == 0


def test_a_free_order_is_no_division_by_zero():
    order = make_order(total=Decimal(0), charged=Decimal(0), lines=(line("0", "0"),))

    assert earn(order=order).points == 0


# Rounding


def test_half_a_point_rounds_up_where_the_shop_wants_it():
    order = make_order(lines=(line("10.05"),))

    assert earn(order=order).points == 100
    assert earn(order=order, policy=Policy(rounding=Rounding.HALF_UP)).points == 101


def test_rounding_by_line_rounds_each_line():
    order = make_order(lines=(line("0.06"), line("0.06"), line("0.06")))
    by_line = Policy(rounding=Rounding.HALF_UP, rounding_scope=RoundingScope.LINE)

    assert earn(order=order, policy=by_line).points == 3
    assert earn(order=order, policy=Policy(rounding=Rounding.HALF_UP)).points == 2


def test_no_currency_turns_into_zero_points_by_rounding_lines():
    order = make_order(lines=tuple(line("0.04") for _ in range(25)))
    by_line = Policy(rounding_scope=RoundingScope.LINE)

    assert earn(order=order, policy=by_line).points == 10


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
    st.decimals("0.0001", "1000", places=4),
    st.lists(st.decimals("0", "5", places=4), max_size=4),
    st.sampled_from(list(Rounding)),
)
def test_the_parts_of_rules_add_up_to_the_rounded_sum(cents, per_unit, factors, rounding):
    order = make_order(lines=tuple(line(str(Decimal(one) / 100)) for one in cents))
    rules = [
        a_rule(number, action="multiplier", factor=str(factor), stacking="multiply")
        for number, factor in enumerate(factors, 1)
    ]

    evaluation = earn(
        *rules, order=order, rate=a_rate(str(per_unit)), policy=Policy(rounding=rounding)
    )

    exact = Fraction(sum(cents), 100) * Fraction(per_unit)
    for factor in factors:
        exact *= Fraction(factor)
    half = Fraction(1, 2) if rounding is Rounding.HALF_UP else 0
    assert sum(shares(evaluation)) == (exact + half).__floor__()


# Actions and stacking


def test_fixed_points_points_per_item_and_per_unit_are_added():
    order = make_order(lines=(line("100", quantity=3),))
    rules = (
        a_rule(1, action="fixed_points", points=50),
        a_rule(2, action="points_per_item", points=7),
        a_rule(3, action="points_per_unit", rates={"USD": "0.5"}),
    )

    assert shares(earn(*rules, order=order)) == [1000, 50, 21, 50]


def test_multipliers_add_up_or_multiply():
    double = {"action": "multiplier", "factor": "2"}
    half_more = {"action": "multiplier", "factor": "1.5"}

    added = earn(a_rule(1, **double), a_rule(2, **half_more))
    multiplied = earn(a_rule(1, **double), a_rule(2, **half_more, stacking="multiply"))

    assert shares(added) == [1000, 1000, 500]
    assert shares(multiplied) == [1000, 1000, 1000]


def test_a_multiplier_of_zero_takes_items_out_of_earning():
    order = make_order(lines=(line("100", product_id="5"), line("30", product_id="6")))
    books = when("product", "6")

    assert (
        earn(a_rule(action="multiplier", factor="0", conditions=[books]), order=order).points
        == 1000
    )


def test_of_the_best_rules_only_the_best_counts():
    rules = [a_rule(n, points=points, stacking="best") for n, points in ((1, 50), (2, 80), (3, 20))]

    assert shares(earn(*rules)) == [1000, 80]


def test_a_stopping_rule_ends_the_list():
    rules = (
        a_rule(1, points=5),
        a_rule(2, points=6, stacking="stop"),
        a_rule(3, points=7),
    )

    assert shares(earn(*rules)) == [1000, 5, 6]


def test_rules_apply_in_order_of_their_position():
    first = a_rule(1, position=9, points=5)
    second = a_rule(2, position=1, points=6, stacking="stop")

    assert shares(earn(first, second)) == [1000, 6]


def test_a_rule_counts_only_while_it_held():
    ended = a_rule(points=5, valid_until=NOW - timedelta(hours=2))

    assert shares(earn(ended)) == [1000]


def test_the_first_order_earns_more():
    rule = a_rule(trigger="first_order", points=500)

    assert earn(rule).points == 1500
    assert earn(rule, order=make_order(earlier_orders=1)).points == 1000


def test_rules_for_other_causes_leave_orders_alone():
    assert earn(a_rule(trigger="birthday", points=5)).points == 1000


# Conditions


ITEM = line(
    "100",
    product_id="5",
    product_type_id="2",
    category_ids=frozenset({"8", "9"}),
    collection_ids=frozenset({"3"}),
    metadata=(("eco", "yes"),),
    full_gross=Decimal(120),
)
ORDER = make_order(
    lines=(ITEM,),
    country="NO",
    customer_group_ids=frozenset({"4"}),
    voucher_code="SUMMER",
    earlier_orders=2,
    placed_at=datetime(2026, 6, 15, 23, 30, tzinfo=UTC),  # a Monday; Tuesday in Oslo
)


@pytest.mark.parametrize(
    ("kind", "matching", "other"),
    [
        ("channel", "7", "8"),
        ("country", "NO", "SE"),
        ("customer_group", "4", "5"),
        ("voucher", "SUMMER", "WINTER"),
        ("minimum_amount", "USD 100", "USD 100.01"),
        ("minimum_amount", "USD 1", "EUR 1"),
        ("maximum_amount", "USD 100", "USD 99.99"),
        ("maximum_amount", "USD 500", "EUR 500"),
        ("product", "5", "6"),
        ("category", "8", "7"),
        ("collection", "3", "4"),
        ("product_type", "2", "3"),
        ("metadata", "eco", "organic"),
        ("metadata", "eco=yes", "eco=no"),
        ("weekday", "tuesday", "monday"),
        ("date", "2026-06-16", "2026-06-15"),
        ("date", "2026-06-16/2026-06-20", "2026-06-17/2026-06-20"),
    ],
)
def test_each_condition_tells_such_from_others(kind, matching, other):
    def points(*conditions):
        rule = a_rule(points=5, conditions=list(conditions))
        return earn(rule, order=ORDER, time_zone="Europe/Oslo").points - 1000

    assert points(when(kind, matching)) == 5
    assert points(when(kind, other)) == 0
    assert points(when(kind, other, matching)) == 5
    assert points(when(kind, matching, exclude=True)) == 0
    assert points(when(kind, other, exclude=True)) == 5


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("returning_customer", replace(ORDER, earlier_orders=0)),
        ("voucher", replace(ORDER, voucher_code="")),
        ("discounted", replace(ORDER, lines=(replace(ITEM, full_gross=None),))),
    ],
)
def test_conditions_without_values(kind, other):
    rule = a_rule(points=5, conditions=[when(kind)])

    assert shares(earn(rule, order=ORDER)) == [1000, 5]
    assert shares(earn(rule, order=other)) == [1000]


def test_all_conditions_must_hold_and_item_conditions_on_the_same_line():
    order = make_order(lines=(line("10", product_id="1"), line("20", collection_ids={"3"})))
    rule = a_rule(
        action="points_per_item",
        points=1,
        conditions=[when("product", "1"), when("collection", "3")],
    )

    assert shares(earn(rule, order=order)) == [300]


def test_a_minimum_amount_counts_the_rules_own_items():
    order = make_order(lines=(line("10", product_id="1"), line("90", product_id="2")))
    rule = a_rule(points=5, conditions=[when("product", "1"), when("minimum_amount", "USD 50")])

    assert shares(earn(rule, order=order)) == [1000]


# Limits, as one evaluation sees them


@pytest.mark.parametrize(
    ("limits", "usage", "granted", "why"),
    [
        ({"maximum_points": 30}, RuleUsage(), 30, "maximum_points"),
        ({"cap_points": 60}, RuleUsage(points=20), 40, "cap_points"),
        ({"cap_points": 60}, RuleUsage(points=70), 0, "cap_points"),
        ({"cap_times": 2}, RuleUsage(times=2), 0, "cap_times"),
        ({"cap_times": 2}, RuleUsage(times=1), 50, ""),
        ({"cooldown_days": 3}, RuleUsage(last_at=NOW - timedelta(days=3)), 0, "cooldown"),
        ({"cooldown_days": 3}, RuleUsage(last_at=NOW - timedelta(days=4)), 50, ""),
        ({"budget_points": 1000}, RuleUsage(budget_left=9), 9, "rule_budget"),
    ],
)
def test_a_limit_cuts_an_award_and_says_so(limits, usage, granted, why):
    rule = a_rule(points=50, **limits)

    evaluation = earn(rule, usage=Usage(by_rule={rule.rule_id: usage}))

    part = evaluation.parts[1]
    assert (part.wanted, part.granted, part.why) == (50, granted, why)


def test_the_programmes_budget_cuts_what_is_left_of_it():
    evaluation = earn(a_rule(points=50), usage=Usage(program_left=1010))

    assert [(part.granted, part.why) for part in evaluation.parts] == [
        (1000, ""),
        (10, "program_budget"),
    ]
    assert evaluation.points == 1010


def test_a_rule_that_takes_points_away_counts_before_the_budget_cuts():
    half = a_rule(action="multiplier", factor="0.5")

    assert earn(half, usage=Usage(program_left=600)).points == 500


def test_multipliers_multiply_what_a_capped_rule_was_left():
    capped = a_rule(1, points=1000, cap_points=10)
    double = a_rule(2, action="multiplier", factor="2", stacking="multiply")

    evaluation = earn(capped, double, usage=Usage())

    assert [(part.wanted, part.granted) for part in evaluation.parts] == [
        (1000, 1000),
        (1000, 10),
        (1010, 1010),
    ]


def test_the_best_rule_is_the_one_that_still_has_something_to_give():
    rules = (
        a_rule(1, points=500, cap_points=500, stacking="best"),
        a_rule(2, points=100, stacking="best"),
    )

    evaluation = earn(*rules, usage=Usage(by_rule={1: RuleUsage(points=500)}))

    assert shares(evaluation) == [1000, 100]


def test_a_multiplier_of_some_items_leaves_what_the_order_got_as_a_whole():
    order = make_order(lines=(line("100", product_id="1"), line("50", product_id="2")))
    fixed = a_rule(1, points=100)
    double = a_rule(
        2,
        action="multiplier",
        factor="2",
        stacking="multiply",
        conditions=[when("product", "1")],
    )

    assert shares(earn(fixed, double, order=order)) == [1500, 100, 1000]
