"""What users of other loyalty systems complain of, each as a test on our side of it."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.points.models import Entry, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import InsufficientPoints, Purse, Reason
from saleor_loyalty.points.sweeps import expire_due
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.rules import PriceBasis
from tests.factories import NOW, line, make_order, make_program, make_user, rate, refunded
from tests.threads import in_threads


@pytest.fixture
def ada(db):
    return make_user()


def purse():
    member = Member.objects.get()
    return purses_of(member_ids=[member.pk])[member.pk]


def settle_order(ada, *, now=NOW, **values):
    settle(facts=[make_order(user_id=ada.pk, **values)], now=now)


def spend(points, key="checkout"):
    member = Member.objects.get()
    common = {
        "program_id": member.program_id,
        "member_id": member.pk,
        "effective_at": NOW,
    }
    post(
        postings=[
            Authorize(**common, key=key, reason=Reason.HELD, points=points),
            Capture(**common, key=f"{key}:paid", reason=Reason.SPENT, hold_key=key),
        ],
        now=NOW,
    )


def test_buy_earn_refund_keep(ada):
    make_program()

    settle_order(ada)
    settle_order(ada, **refunded("110"))

    assert purse() == Purse()


def test_buy_earn_spend_refund_keep(ada):
    make_program()

    settle_order(ada)
    spend(1000)
    settle_order(ada, **refunded("110"))
    settle_order(ada, order_id="next", number="42")

    assert purse() == Purse()  # the next order repaid what the refund took


def test_a_partial_return_leaves_all_points(ada):
    make_program()

    settle_order(ada)
    settle_order(ada, **refunded("55"))

    assert purse() == Purse(available=500)


def test_awards_are_repeated_on_every_status_change(ada):
    make_program()

    for _ in range(7):
        settle_order(ada)

    assert Entry.objects.count() == 1


def test_cancel_then_complete_loses_points(ada):
    make_program()

    settle_order(ada)
    settle_order(ada, state=OrderState.CANCELLED)
    settle_order(ada)

    assert purse() == Purse(available=1000)


@pytest.mark.django_db(transaction=True)
def test_concurrent_checkouts_spend_points_twice():
    make_program()
    settle_order(make_user())

    results = in_threads(32, lambda number: spend(300, f"checkout-{number}"))

    refused = [one for one in results if isinstance(one, InsufficientPoints)]
    assert len(refused) == 29
    assert purse() == Purse(available=100)


def test_taxes_and_shipping_earn_points(ada):
    make_program(price_basis=None)  # a shop that chose nothing

    settle_order(
        ada,
        lines=(line("125", "100"),),
        shipping=Decimal(50),
        total=Decimal(175),
        charged=Decimal(175),
    )

    assert purse() == Purse(available=1000)


def test_a_coupon_does_not_lower_the_points(ada):
    make_program()

    settle_order(ada, lines=(line("60", "48", full_gross=Decimal(100)),), voucher_code="MINUS40")

    assert purse() == Purse(available=600)


def test_one_basket_earns_differently_in_euro_and_rand(db):
    make_program(rates=[rate("EUR", "10"), rate("ZAR", "0.5883")])  # 1 euro = 17 rand
    for currency, price in (("EUR", "100"), ("ZAR", "1700")):
        user = make_user(f"{currency}@example.com")
        lines = (line(price, price),)
        order = make_order(currency, currency=currency, user_id=user.pk, lines=lines)
        settle(facts=[order], now=NOW)

    assert list(Entry.objects.values_list("points", flat=True)) == [1000, 1000]


def test_points_are_268_28000000000003(ada):
    make_program(rates=[rate("USD", "1000")])

    settle_order(ada, lines=(line("268.28"),))

    assert purse() == Purse(available=268_280)


def test_points_expire_after_45_days_that_nobody_was_told_of(ada):
    program = make_program()
    settle_order(ada)

    update_program(
        program_id=program.pk,
        changes=ProgramChanges(policy={"expiry": "after_earning", "expiry_days": 45}),
        now=NOW,
    )
    expire_due(now=NOW + timedelta(days=400))

    assert purse() == Purse(available=1000)
    assert Lot.objects.get().expires_at is None


def test_points_of_a_late_import_expire_before_anyone_saw_them(ada):
    make_program(policy={"expiry": "after_earning", "expiry_days": 45, "notice_days": [30, 7]})

    settle_order(ada, placed_at=NOW - timedelta(days=100), is_import=True)
    expire_due(now=NOW + timedelta(days=30))

    assert purse() == Purse(available=1000)
    assert Lot.objects.get().expires_at >= NOW + timedelta(days=30)


def test_balances_are_wrong_for_years(ada):
    make_program(price_basis=PriceBasis.NET)
    chance = random.Random(7)

    for number in range(60):
        order_id = f"o{chance.randrange(12)}"
        state = chance.choice([OrderState.PLACED, OrderState.PLACED, OrderState.CANCELLED])
        back = refunded(str(chance.randrange(0, 111)))
        settle_order(ada, order_id=order_id, state=state, **back)
        if number % 9 == 0 and purse().available >= 50:
            spend(50, f"checkout-{number}")

    assert find_drift() == []
