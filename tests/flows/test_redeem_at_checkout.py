"""Points at checkout, without a shop: held, replaced, fitted, released, captured, given back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saleor_loyalty.flows.join_program import NoProgram, NotAMember
from saleor_loyalty.flows.redeem_at_checkout import (
    apply_points,
    fit_points,
    release_points,
    spender_of,
)
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.models import Entry, Hold
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import PointsInvalid, Reason
from saleor_loyalty.points.verification import verify
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.policies.rules import PolicyInvalid
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.operations import CheckoutKey
from saleor_loyalty.spending.queries import is_unseen
from saleor_loyalty.spending.rules import Costs, Item, Limit, NothingToApply, Release
from tests.factories import (
    CHANNEL,
    NOW,
    line,
    make_member,
    make_order,
    make_program,
    make_user,
)

pytestmark = pytest.mark.django_db


class Desk:
    """A shop's side of it: what it was asked to put on the checkout and to take off."""

    def __init__(self, program=None, *, points=5_000, user=None):
        self.program = program or make_program()
        self.user = user or make_user()
        self.member = make_member(self.program, user=self.user)
        self.bound, self.unbound = [], []
        award(self.member, points)

    def apply(self, points, *, checkout="checkout-1", price="100", means=Means.GIFT_CARD):
        return apply_points(
            spender=spender_of(user_id=self.user.pk, channel_id=CHANNEL, now=NOW),
            checkout=CheckoutKey(
                checkout_id=checkout, channel_id=CHANNEL, currency="USD", user_id=self.user.pk
            ),
            costs=costs(price),
            points=points,
            means=means,
            bind=self.bind,
            now=NOW,
        )

    def fit(self, spending, *, price):
        return fit_points(
            spending_id=spending.pk,
            costs=costs(price),
            bind=self.bind,
            unbind=self.unbound.append,
            seen_at=NOW + timedelta(minutes=1),
            now=NOW,
        )

    def release(self, spending, because=Release.REMOVED):
        return release_points(
            spending_id=spending.pk, because=because, unbind=self.unbound.append, now=NOW
        )

    def bind(self, spending):
        spending.means_id = spending.means_id or f"card-{spending.pk}"
        self.bound.append((spending.points, spending.amount))

    @property
    def purse(self):
        found = purses_of(member_ids=[self.member.pk])[self.member.pk]
        return (found.available, found.held)


def award(member, points):
    if points:
        posting = Award(
            program_id=member.program_id,
            member_id=member.pk,
            key=f"start:{member.pk}",
            reason=Reason.ADJUSTMENT,
            effective_at=NOW,
            points=points,
        )
        post(postings=[posting], now=NOW)


def costs(price="100"):
    item = Item(price=Decimal(price), base_price=Decimal(price))
    return Costs(items=(item,), shipping=Decimal(0), left=Decimal(price))


def order_with(spending, used, *, total="90", **values):
    """An order that cost 100 dollars, a part of it paid by what carries the points."""
    return make_order(
        lines=(line("100", quantity=2, **values.pop("of_line", {})),),
        shipping=Decimal(0),
        total=Decimal(total),
        charged=values.pop("charged", Decimal(total)),
        user_id=spending.user_id,
        account_since=NOW - timedelta(days=9),
        gift_cards_used=((spending.means_id, Decimal(used)),) if Decimal(used) else (),
        paid_with_gift_cards=Decimal(used),
        **values,
    )


def test_points_are_held_under_a_secret_code():
    desk = Desk()

    applied = desk.apply(1_000)

    spending = Spending.objects.get()
    assert (applied.spending, applied.offer.limits) == (spending, ())
    assert desk.bound == [(1_000, Decimal("10.00"))]
    assert desk.purse == (4_000, 1_000)
    assert len(spending.code) == 16
    assert spending.expires_at == NOW + timedelta(minutes=60)
    assert Hold.objects.get().expires_at is None  # it ends with the card, never by itself


def test_a_replaced_amount_lets_the_old_points_go_first():
    desk = Desk(points=1_000)
    desk.apply(800)

    desk.apply(900)

    assert desk.purse == (100, 900)
    assert Spending.objects.get().number == 2


def test_more_than_there_is_pays_what_there_is():
    desk = Desk(points=700)

    applied = desk.apply(1_000)

    assert (applied.spending.points, applied.offer.limits) == (700, (Limit.BALANCE,))


def test_what_cannot_pay_changes_nothing():
    desk = Desk(points=0)

    with pytest.raises(NothingToApply) as refused:
        desk.apply(1_000)

    assert refused.value.data["limits"] == (Limit.BALANCE, Limit.MINIMUM)
    assert not Spending.objects.exists()
    assert not Hold.objects.exists()
    assert desk.bound == []


def test_no_number_of_points_is_refused():
    desk = Desk()

    with pytest.raises(PointsInvalid):
        desk.apply(0)

    assert desk.purse == (5_000, 0)


def test_a_shop_that_cannot_bind_holds_nothing():
    desk = Desk()

    def fails(_):
        raise RuntimeError("no cards today")

    desk.bind = fails
    with pytest.raises(RuntimeError):
        desk.apply(1_000)

    assert desk.purse == (5_000, 0)
    assert not Spending.objects.exists()


def test_only_members_of_a_served_channel_spend():
    desk = Desk()

    with pytest.raises(NotAMember):
        spender_of(user_id=None, channel_id=CHANNEL, now=NOW)
    with pytest.raises(NotAMember):
        spender_of(user_id=make_user("b@example.com").pk, channel_id=CHANNEL, now=NOW)
    with pytest.raises(NoProgram):
        spender_of(user_id=desk.user.pk, channel_id=99, now=NOW)


def test_released_points_are_there_again_and_once():
    desk = Desk()
    spending = desk.apply(1_000).spending

    released = desk.release(spending, Release.EXPIRED)

    assert released.released_because == "expired"
    assert desk.purse == (5_000, 0)
    assert desk.release(spending) is None
    assert desk.release(Spending(pk=0)) is None
    assert len(desk.unbound) == 1
    assert verify(now=NOW) == []


def test_a_cheaper_checkout_gives_the_surplus_back():
    desk = Desk()
    spending = desk.apply(1_000).spending

    fitted = desk.fit(spending, price="4")

    assert desk.purse == (4_600, 400)
    assert desk.bound[-1] == (400, Decimal("4.00"))
    assert (fitted.expires_at, fitted.code) == (spending.expires_at, spending.code)


def test_a_dearer_checkout_takes_no_more_points():
    desk = Desk()
    spending = desk.apply(1_000).spending

    desk.fit(spending, price="400")

    assert desk.purse == (4_000, 1_000)
    assert len(desk.bound) == 1
    assert not is_unseen(checkout_id="checkout-1", changed_at=NOW + timedelta(minutes=1))
    assert is_unseen(checkout_id="checkout-1", changed_at=NOW + timedelta(minutes=2))


def test_points_that_may_pay_for_nothing_any_more_go_back():
    desk = Desk()
    spending = desk.apply(1_000).spending

    desk.fit(spending, price="0")

    assert desk.purse == (5_000, 0)
    assert desk.unbound
    assert Spending.objects.get().released_because == "not_allowed"
    assert desk.fit(spending, price="100") is None


def test_what_is_held_keeps_the_terms_that_it_was_applied_by():
    desk = Desk()
    spending = desk.apply(1_000).spending
    update_program(
        program_id=desk.program.pk,
        changes=ProgramChanges(channel_ids=[], spending={"is_on": False, "minimum_points": 5_000}),
        now=NOW,
    )

    desk.fit(spending, price="5")

    assert desk.purse == (4_500, 500)


def test_an_order_captures_what_it_used_and_the_rest_goes_back():
    desk = Desk()
    spending = desk.apply(1_000).spending
    order = order_with(spending, "7.50", total="92.50")

    settle(facts=[order], now=NOW)
    settle(facts=[order], now=NOW)

    spending.refresh_from_db()
    assert (spending.state, spending.captured_points) == ("captured", 750)
    assert spending.captured_amount == Decimal("7.5")
    # 92.5 of 100 dollars earn ten points each
    assert desk.purse == (4_250 + 925, 0)
    assert verify(now=NOW) == []


def test_an_unpaid_order_captures_too_and_earns_nothing():
    desk = Desk()
    spending = desk.apply(1_000).spending

    settle(
        facts=[
            order_with(
                spending, "10", charged=Decimal(0), is_fully_charged=False, state=OrderState.OPEN
            )
        ],
        now=NOW,
    )

    assert desk.purse == (4_000, 0)
    assert not SettledOrder.objects.exists()


def test_an_order_by_a_voucher_captures_what_that_took_off():
    desk = Desk()
    spending = desk.apply(1_000, means=Means.VOUCHER).spending
    order = make_order(
        lines=(line("90"),),
        total=Decimal(90),
        charged=Decimal(90),
        user_id=desk.user.pk,
        account_since=NOW - timedelta(days=9),
        voucher_code=spending.code,
        voucher_amount=Decimal(10),
    )

    settle(facts=[order], now=NOW)

    spending.refresh_from_db()
    assert spending.captured_points == 1_000
    assert desk.purse == (4_000 + 900, 0)


def test_what_released_points_left_on_an_order_spends_nothing():
    desk = Desk()
    spending = desk.apply(1_000).spending
    desk.release(spending)

    settle(facts=[order_with(spending, "10", charged=Decimal(0), is_fully_charged=False)], now=NOW)

    assert desk.purse == (5_000, 0)


def test_points_come_back_with_their_old_dates_and_never_twice():
    desk = Desk()
    spending = desk.apply(1_000).spending
    settle(facts=[order_with(spending, "10")], now=NOW)

    half = order_with(spending, "10", of_line={"quantity_returned": 1})
    settle(facts=[half], now=NOW)
    settle(facts=[half], now=NOW)
    assert Spending.objects.get().returned_points == 500

    cancelled = order_with(spending, "10", state=OrderState.CANCELLED)
    settle(facts=[cancelled], now=NOW)
    settle(facts=[half], now=NOW)

    assert Spending.objects.get().returned_points == 1_000
    returned = Entry.objects.filter(reason="returned").values_list("points", flat=True)
    assert sorted(returned) == [500, 500]
    assert verify(now=NOW) == []


def test_the_database_refuses_two_applications_on_one_checkout():
    desk = Desk()
    spending = desk.apply(1_000).spending
    spending.pk, spending.code = None, "another"

    with pytest.raises(IntegrityError), transaction.atomic():
        spending.save(force_insert=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minimum_points", 0),
        ("step_points", 0),
        ("maximum_percent", 101),
        ("hold_minutes", 0),
        ("excluded_product_ids", ["1"] * 501),
    ],
)
def test_terms_that_make_no_sense_are_refused(field, value):
    program = make_program()

    with pytest.raises(PolicyInvalid) as refused:
        update_program(
            program_id=program.pk, changes=ProgramChanges(spending={field: value}), now=NOW
        )

    assert refused.value.field == field
    program.refresh_from_db()
    assert program.spending == {}


STEPS = st.one_of(
    st.tuples(st.just("apply"), st.integers(1, 3), st.integers(1, 3_000)),
    st.tuples(st.just("fit"), st.integers(1, 3), st.integers(0, 60)),
    st.tuples(st.just("release"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("order"), st.integers(1, 3), st.integers(0, 40)),
    st.tuples(st.just("return"), st.integers(1, 3), st.integers(0, 2)),
    st.tuples(st.just("cancel"), st.integers(1, 3), st.just(0)),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
def test_whatever_happens_no_point_is_lost_or_made(django_db_blocker, steps):
    with transaction.atomic():
        desk = Desk(points=4_000)
        orders = {}
        for what, number, value in steps:
            checkout = f"checkout-{number}"
            held = Spending.objects.filter(checkout_id=checkout, state="held").first()
            if what == "apply" and checkout not in orders:
                try:
                    desk.apply(value, checkout=checkout, price="30")
                except NothingToApply:
                    assert (desk.purse[0], held) == (0, None)
            elif what == "fit" and held:
                desk.fit(held, price=str(value))
            elif what == "release" and held:
                desk.release(held)
            elif what == "order" and held:
                used = min(Decimal(value), held.amount)
                orders[checkout] = (held, used)
                settle(facts=[unearned(held, used, number)], now=NOW)
                if used == 0:
                    desk.release(held, Release.NOT_USED)
            elif what in ("return", "cancel") and checkout in orders:
                bought, used = orders[checkout]
                settle(
                    facts=[
                        unearned(
                            bought,
                            used,
                            number,
                            returned=value,
                            cancelled=what == "cancel",
                        )
                    ],
                    now=NOW,
                )
            spent = sum(row.captured_points - row.returned_points for row in Spending.objects.all())
            assert sum(desk.purse) + spent == 4_000
        held_points = sum(row.points for row in Spending.objects.filter(state="held"))
        assert desk.purse[1] == held_points
        assert verify(now=NOW) == []
        transaction.set_rollback(True)


def unearned(spending, used, number, *, returned=0, cancelled=False):
    """An order that was not paid yet, so that it earns nothing."""
    return order_with(
        spending,
        str(used),
        order_id=f"order-{number}",
        charged=Decimal(0),
        is_fully_charged=False,
        of_line={"quantity_returned": returned},
        state=OrderState.CANCELLED if cancelled else OrderState.PLACED,
    )
