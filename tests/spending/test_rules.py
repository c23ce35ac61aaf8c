from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.programs.spending import Returning, SpendingTerms
from saleor_loyalty.spending.rules import (
    Limit,
    Offer,
    Payable,
    Undone,
    goods_share,
    offer_of,
    points_back,
    points_of,
)

CENT = Decimal("0.01")


def payable(items="100", shipping="0", excluded="0", left=None, unit=CENT):
    costs = Decimal(items) + Decimal(shipping) + Decimal(excluded)
    return Payable(
        items=Decimal(items),
        shipping=Decimal(shipping),
        left=costs if left is None else Decimal(left),
        unit=unit,
    )


def offer(asked, *, available=100_000, value=CENT, of=None, is_open=True, **terms):
    return offer_of(
        asked=asked,
        available=available,
        payable=of or payable(),
        terms=SpendingTerms(**terms),
        point_value=value,
        is_open=is_open,
    )


def test_what_was_asked_for_pays_its_value():
    assert offer(1_234) == Offer(points=1_234, amount=Decimal("12.34"))


@pytest.mark.parametrize(
    ("asked", "terms", "points", "amount", "limits"),
    [
        (700, {"available": 300}, 300, "3.00", [Limit.BALANCE]),
        (99_999, {}, 10_000, "100.00", [Limit.ORDER_TOTAL]),
        (99_999, {"maximum_percent": 30}, 3_000, "30.00", [Limit.MAXIMUM_SHARE]),
        (1_234, {"step_points": 500}, 1_000, "10.00", [Limit.STEP]),
        (80, {"minimum_points": 100}, 0, "0", [Limit.MINIMUM]),
        (80, {"step_points": 100}, 0, "0", [Limit.STEP, Limit.MINIMUM]),
        (80, {"available": 0}, 0, "0", [Limit.BALANCE, Limit.MINIMUM]),
        (80, {"is_on": False}, 0, "0", [Limit.CLOSED]),
        (80, {"is_open": False}, 0, "0", [Limit.CLOSED]),
        (80, {"value": Decimal(0)}, 0, "0", [Limit.NO_VALUE]),
        (9_999, {"of": payable("20", excluded="80")}, 2_000, "20.00", [Limit.EXCLUDED_ITEMS]),
        (9_999, {"of": payable("20", "5")}, 2_500, "25.00", [Limit.ORDER_TOTAL]),
        (9_999, {"of": payable("20", "5", left="15")}, 1_500, "15.00", [Limit.ORDER_TOTAL]),
        (9_999, {"of": payable("20", left="0")}, 0, "0", [Limit.ORDER_TOTAL, Limit.MINIMUM]),
        (None, {"available": 2_345}, 2_345, "23.45", []),
        (None, {}, 10_000, "100.00", [Limit.ORDER_TOTAL]),
        # 30 % of 33.35 is 10.005: a shop cannot be paid half a cent
        (
            9_999,
            {"of": payable("33.35"), "maximum_percent": 30},
            1_000,
            "10.00",
            [Limit.MAXIMUM_SHARE],
        ),
    ],
)
def test_limits_cut_what_was_asked_for_and_say_so(asked, terms, points, amount, limits):
    found = offer(asked, **terms)

    assert found == Offer(points=points, amount=Decimal(amount), limits=tuple(limits))


def test_points_worth_less_than_a_coin_are_not_taken():
    """5 points of 0.003 are 0.015: a cent, which 4 points are worth."""
    assert offer(5, value=Decimal("0.003")) == Offer(points=4, amount=CENT, limits=(Limit.STEP,))
    assert offer(3, value=Decimal("0.003")) == Offer(limits=(Limit.STEP, Limit.MINIMUM))


def test_a_whole_order_can_be_paid_where_that_wastes_less_than_a_coin():
    assert offer(99_999, value=Decimal("0.003"), of=payable("10.03")).amount == Decimal("10.03")


def test_a_point_of_much_value_pays_no_less_than_that():
    found = offer(99_999, value=Decimal(1), of=payable("10.50"))

    assert (found.points, found.amount) == (10, Decimal("10.00"))


def test_a_currency_without_cents_is_paid_in_whole_units():
    found = offer(150, value=Decimal("0.5"), of=payable("1000", unit=Decimal(1)))

    assert found == Offer(points=150, amount=Decimal(75))
    assert offer(151, value=Decimal("0.5"), of=payable("1000", unit=Decimal(1))).points == 150


money = st.decimals(min_value=0, max_value=10_000, places=2)


@given(
    asked=st.none() | st.integers(1, 10**7),
    available=st.integers(0, 10**7),
    value=st.decimals(min_value="0.0001", max_value=10, places=4),
    items=money,
    shipping=money,
    excluded=money,
    cards=money,
    minimum=st.integers(1, 500),
    step=st.sampled_from([1, 1, 7, 100]),
    percent=st.integers(1, 100),
)
def test_an_offer_is_never_too_good(
    asked, available, value, items, shipping, excluded, cards, minimum, step, percent
):
    costs = items + shipping + excluded
    of = payable(items, shipping, excluded, left=max(costs - cards, Decimal(0)))
    terms = SpendingTerms(minimum_points=minimum, step_points=step, maximum_percent=percent)

    found = offer_of(asked=asked, available=available, payable=of, terms=terms, point_value=value)

    assert found.points <= (available if asked is None else min(asked, available))
    assert found.points == 0 or found.points >= minimum
    assert found.points % step == 0
    assert found.amount <= of.left
    assert found.amount * 100 <= (items + shipping) * percent
    assert found.amount <= found.points * value
    assert found.points == 0 or found.points * value - found.amount < max(CENT, value * (step > 1))
    assert found.limits or found.points == (available if asked is None else asked)


@pytest.mark.parametrize(
    ("used", "points"), [("10", 1_000), ("12", 1_000), ("5", 500), ("3.333", 334), ("0", 0)]
)
def test_an_order_uses_points_by_what_it_used_of_their_money(used, points):
    assert points_of(Decimal(used), points=1_000, whole=Decimal(10)) == points


def undone(goods="0", cash_returned="0", *, paid="40", cash="60", cancelled=False):
    return Undone(
        paid_with_points=Decimal(paid),
        cash=Decimal(cash),
        cash_returned=Decimal(cash_returned),
        goods_share=Fraction(goods),
        is_cancelled=cancelled,
    )


@pytest.mark.parametrize(
    ("what", "proportional", "first", "last"),
    [
        (undone(), 0, 0, 0),
        (undone(cancelled=True), 4_000, 4_000, 4_000),
        # goods for 30 of 100 came back
        (undone("3/10"), 1_200, 3_000, 0),
        (undone("3/10", "18"), 1_200, 1_200, 0),
        (undone("3/10", "30"), 0, 0, 0),
        (undone("7/10", "30"), 2_800, 4_000, 1_000),
        (undone("1", "60"), 4_000, 4_000, 4_000),
        # money went back, and nobody knows what for
        (undone("0", "30"), 2_000, 0, 0),
        (undone("0", "60"), 4_000, 4_000, 4_000),
        # points alone paid
        (undone("1/2", cash="0"), 2_000, 2_000, 2_000),
        (undone("0", cash="0"), 0, 0, 0),
    ],
)
def test_points_come_back_by_the_programmes_way(what, proportional, first, last):
    assert points_back(4_000, what, returning=Returning.PROPORTIONAL) == proportional
    assert points_back(4_000, what, returning=Returning.POINTS_FIRST) == first
    assert points_back(4_000, what, returning=Returning.POINTS_LAST) == last


@given(
    points=st.integers(1, 10**6),
    paid=money.filter(bool),
    cash=money,
    returned=money,
    share=st.fractions(0, 1),
    returning=st.sampled_from(Returning),
)
def test_never_do_more_points_come_back_than_were_spent(
    points, paid, cash, returned, share, returning
):
    what = Undone(paid_with_points=paid, cash=cash, cash_returned=returned, goods_share=share)

    back = points_back(points, what, returning=returning)

    assert 0 <= back <= points
    if share > 0:
        worth = share * Fraction(paid + cash)
        assert Fraction(back) / points * Fraction(paid) <= max(
            worth - Fraction(min(returned, cash)), 0
        )


def test_the_share_of_goods_goes_by_their_price():
    assert goods_share([(Decimal(30), 3, 1), (Decimal(70), 1, 0)]) == Fraction(1, 10)
    assert goods_share([(Decimal(0), 3, 1), (Decimal(0), 1, 0)]) == Fraction(1, 4)
    assert goods_share([(Decimal(10), 1, 5)]) == 1
    assert goods_share([]) == 0
