from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.orders.rules import retry_delay_seconds
from saleor_loyalty.programs.rules import PriceBasis
from tests.factories import line, make_order, merchandise, refunded

CENTS = st.integers(1, 10_000_000).map(lambda cents: Decimal(cents) / 100)


def test_merchandise_leaves_out_gift_cards_gifts_and_shipping():
    order = make_order(
        lines=(
            line("100", "80"),
            line("20.50", "16.40"),
            line("50", "50", is_gift_card=True),
            line("0", "0", is_gift=True),
        )
    )

    assert merchandise(order, PriceBasis.GROSS) == Decimal("120.50")
    assert merchandise(order, PriceBasis.NET) == Decimal("96.40")


def test_nothing_is_returned_while_nothing_was_paid_back():
    assert make_order().points_to_return(1000) == 0


@pytest.mark.parametrize(
    ("amount", "points"), [("55", 500), ("110", 1000), ("0.11", 1), ("0.10", 0), ("109.99", 999)]
)
def test_a_refund_returns_its_share_rounded_down(amount, points):
    assert make_order(**refunded(amount)).points_to_return(1000) == points


def test_what_was_overcharged_and_given_back_takes_nothing():
    order = make_order(charged=Decimal(110), refunded=Decimal(50))

    assert order.is_paid
    assert order.points_to_return(1000) == 0


def test_a_refund_beyond_the_overcharge_takes_its_share_only():
    order = make_order(charged=Decimal(55), refunded=Decimal(105))

    assert order.points_to_return(1000) == 500


def test_a_charge_back_counts_like_a_refund():
    order = make_order(is_fully_charged=False, charged=Decimal(55), charged_back=Decimal(55))

    assert order.is_paid
    assert order.points_to_return(1000) == 500


def test_a_cancelled_order_returns_all_though_it_stays_charged():
    assert make_order(state=OrderState.CANCELLED).points_to_return(1000) == 1000


def test_a_partly_paid_order_is_not_paid():
    assert not make_order(is_fully_charged=False, charged=Decimal(109)).is_paid


def test_a_refund_granted_before_the_payment_leaves_the_order_paid_and_earns_its_share():
    order = make_order(is_fully_charged=True, charged=Decimal(88))

    assert order.is_paid
    assert order.points_to_return(1000) == 200


def test_a_free_order_is_paid_and_returns_nothing():
    order = make_order(total=Decimal(0), charged=Decimal(0), is_fully_charged=False)

    assert order.is_paid
    assert order.points_to_return(1000) == 0


@given(award=st.integers(0, 10**9), total=CENTS, parts=st.lists(CENTS, max_size=8))
def test_partial_refunds_never_drift_and_never_take_more_than_the_award(award, total, parts):
    back = Decimal(0)
    taken = [0]

    for part in parts:
        back = min(back + part, total)
        order = make_order(total=total, charged=total - back, refunded=back)
        taken.append(order.points_to_return(award))

    assert taken == sorted(taken)
    assert taken[-1] == int(award * back / total) or taken[-1] == (award * back) // total
    assert taken[-1] <= award
    assert back < total or taken[-1] == award


def test_retries_wait_longer_and_longer_up_to_six_hours():
    assert [retry_delay_seconds(n) for n in (1, 2, 3, 9, 10, 99)] == [
        60,
        120,
        240,
        15360,
        21600,
        21600,
    ]
