from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from saleor.order import OrderOrigin, OrderStatus
from saleor.order.utils import updates_amounts_for_order
from saleor.payment import TransactionKind
from saleor.payment.models import TransactionEvent

from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.programs.rules import PriceBasis
from saleor_loyalty.shop.orders import load_order_facts
from tests.factories import merchandise
from tests.saleor.conftest import charge


def facts_of(order):
    return load_order_facts([str(order.pk)])[str(order.pk)]


def test_the_facts_of_an_order(paid_order, customer_user, channel_USD):
    customer_user.first_name = "Leslie"
    customer_user.save()

    facts = facts_of(paid_order)

    assert facts.number == str(paid_order.number)
    assert facts.channel_id == channel_USD.pk
    assert (facts.user_id, facts.account_since) == (customer_user.pk, customer_user.date_joined)
    assert facts.placed_at == paid_order.created_at
    assert (facts.email, facts.first_name) == (customer_user.email, "Leslie")
    assert merchandise(facts, PriceBasis.NET) == Decimal(70)
    assert merchandise(facts, PriceBasis.GROSS) == Decimal("86.10")
    assert facts.shipping == paid_order.shipping_price_gross_amount
    assert facts.total == paid_order.total_gross_amount
    assert (facts.charged, facts.refunded, facts.is_paid) == (facts.total, 0, True)
    assert facts.state is OrderState.PLACED
    assert [line.quantity for line in facts.lines] == [3, 2]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (OrderStatus.DRAFT, OrderState.OPEN),
        (OrderStatus.UNCONFIRMED, OrderState.OPEN),
        (OrderStatus.EXPIRED, OrderState.OPEN),
        (OrderStatus.UNFULFILLED, OrderState.PLACED),
        (OrderStatus.PARTIALLY_FULFILLED, OrderState.PLACED),
        (OrderStatus.FULFILLED, OrderState.PLACED),
        (OrderStatus.PARTIALLY_RETURNED, OrderState.PLACED),
        (OrderStatus.RETURNED, OrderState.PLACED),
        (OrderStatus.CANCELED, OrderState.CANCELLED),
    ],
)
def test_every_status_of_saleor_has_its_state(order, status, state):
    order.status = status
    order.save()

    assert facts_of(order).state is state


def test_no_status_of_saleor_is_forgotten():
    tested = {
        OrderStatus.DRAFT,
        OrderStatus.UNCONFIRMED,
        OrderStatus.EXPIRED,
        OrderStatus.UNFULFILLED,
        OrderStatus.PARTIALLY_FULFILLED,
        OrderStatus.FULFILLED,
        OrderStatus.PARTIALLY_RETURNED,
        OrderStatus.RETURNED,
        OrderStatus.CANCELED,
    }

    assert {status for status, _ in OrderStatus.CHOICES} == tested


def test_gift_cards_and_gifts_are_no_merchandise(paid_order):
    first, second = paid_order.lines.all()
    first.is_gift_card = True
    first.save()
    second.is_gift = True
    second.save()

    assert merchandise(facts_of(paid_order), PriceBasis.GROSS) == 0


def test_refunds_through_transactions_are_counted_over_all_of_them(paid_order):
    charge(paid_order, Decimal(60), refunded=Decimal(20))
    charge(paid_order, Decimal(60), refunded=Decimal(5), reference="second")

    facts = facts_of(paid_order)

    assert (facts.charged, facts.refunded) == (Decimal(95), Decimal(25))


def test_refunds_of_legacy_payments_count_only_when_they_succeeded(payment_txn_captured):
    payment = payment_txn_captured
    for kind, is_success, amount in (
        (TransactionKind.REFUND, True, 10),
        (TransactionKind.REFUND, False, 20),
        (TransactionKind.REFUND_ONGOING, True, 30),
    ):
        payment.transactions.create(
            amount=amount, currency="USD", kind=kind, gateway_response={}, is_success=is_success
        )

    assert facts_of(payment.order).refunded == Decimal(10)


def test_a_refund_on_its_way_is_still_charged(paid_order):
    total = paid_order.total_gross_amount
    paid_order.payment_transactions.update(
        charged_value=total - 10, refund_pending_value=Decimal(10)
    )
    updates_amounts_for_order(paid_order)

    facts = facts_of(paid_order)

    assert paid_order.charge_status == "partial"
    assert (facts.charged, facts.refunded, facts.is_paid) == (total, 0, True)
    assert facts.points_to_return(1000) == 0


def test_a_refund_that_failed_a_moment_ago_does_not_make_the_order_unpaid(paid_order):
    total = paid_order.total_gross_amount
    paid_order.total_charged_amount = total - 10  # Saleor has not written the order yet
    paid_order.charge_status = "partial"
    paid_order.save()

    facts = facts_of(paid_order)

    assert (facts.charged, facts.is_paid, facts.points_to_return(1000)) == (total, True, 0)


def test_an_order_from_a_draft_is_placed_when_the_draft_was_completed(paid_order):
    placed_at = timezone.now() + timedelta(days=20)
    paid_order.origin = OrderOrigin.DRAFT
    paid_order.save()
    paid_order.events.create(type="placed_from_draft", date=placed_at)

    assert facts_of(paid_order).placed_at == placed_at


def test_charge_backs_are_counted(paid_order):
    item = paid_order.payment_transactions.get()
    for amount, counts in ((Decimal(7), True), (Decimal(8), False)):
        TransactionEvent.objects.create(
            transaction=item,
            type="charge_back",
            amount_value=amount,
            currency="USD",
            include_in_calculations=counts,
        )

    assert facts_of(paid_order).charged_back == Decimal(7)


def test_a_nameless_variant_is_not_called_by_its_id(paid_order):
    line = paid_order.lines.first()
    line.variant_name = line.product_variant_id = "UHJvZHVjdFZhcmlhbnQ6Mzg0"
    line.translated_product_name = "Affekrus"
    line.save()

    facts = facts_of(paid_order).lines[0]

    assert (facts.name, facts.variant_name) == ("Affekrus", "")


def test_a_guests_order_finds_the_confirmed_account_with_its_address(paid_order, customer_user):
    paid_order.user = None
    paid_order.user_email = customer_user.email.upper()
    paid_order.save()

    found = facts_of(paid_order)
    customer_user.is_confirmed = False
    customer_user.save()
    unconfirmed = facts_of(paid_order)

    assert (found.user_id, found.account_since) == (customer_user.pk, customer_user.date_joined)
    assert unconfirmed.user_id is None


def test_the_name_comes_from_the_address_where_the_account_has_none(paid_order):
    paid_order.user.first_name = ""
    paid_order.user.save()

    assert facts_of(paid_order).first_name == paid_order.billing_address.first_name


def test_ids_that_are_none_of_saleors_are_left_out(paid_order):
    ids = ["", "nonsense", "\N{SNOWMAN}", "123", "00000000-0000-4000-8000-000000000000"]

    assert load_order_facts(ids) == {}


def test_facts_take_as_many_queries_for_5_orders_as_for_1(order_generator):
    orders = [order_generator(user=None, user_email=f"u{n}@example.com") for n in range(5)]
    counts = []

    for batch in (orders[:1], orders):
        with CaptureQueriesContext(connection) as captured:
            load_order_facts([str(order.pk) for order in batch])
        counts.append(len(captured))

    assert counts == [13, 13]


def test_the_money_of_gift_cards_groups_products_and_prices_before_discounts(
    paid_order, customer_user, gift_card, permission_group_manage_users
):
    from saleor.giftcard.events import gift_cards_used_in_order_event

    permission_group_manage_users.user_set.add(customer_user)
    previous = gift_card.current_balance_amount
    gift_card.current_balance_amount = previous - 4
    gift_card.save()
    gift_cards_used_in_order_event([(gift_card, previous)], paid_order, customer_user, None)
    line = paid_order.lines.first()
    line.undiscounted_total_price_gross_amount = line.total_price_gross_amount + 5
    line.save()

    facts = facts_of(paid_order)

    product = line.variant.product
    assert facts.paid_with_gift_cards == 4
    assert facts.customer_group_ids == {str(permission_group_manage_users.pk)}
    assert facts.lines[0].product_id == str(product.pk)
    assert facts.lines[0].category_ids == {str(product.category_id)}
    assert facts.lines[0].product_type_id == str(product.product_type_id)
    assert (facts.lines[0].is_discounted, facts.lines[1].is_discounted) == (True, False)
    assert facts.country == paid_order.shipping_address.country.code


def test_orders_placed_as_a_guest_are_earlier_orders_too(
    order_generator, customer_user, draft_order
):
    from saleor.order.models import OrderEvent

    guests = [order_generator(user=None, user_email=customer_user.email) for _ in range(2)]
    mine = order_generator(user=customer_user, user_email=customer_user.email)
    cancelled = order_generator(
        user=customer_user, user_email=customer_user.email, status=OrderStatus.CANCELED
    )
    draft_order.user = customer_user
    draft_order.status = OrderStatus.UNFULFILLED
    draft_order.origin = OrderOrigin.DRAFT
    draft_order.created_at = timezone.now() - timedelta(days=9)
    draft_order.save()
    OrderEvent.objects.create(order=draft_order, type="placed_from_draft", user=customer_user)

    orders = [*guests, mine, cancelled, draft_order]

    assert [facts_of(order).earlier_orders for order in orders] == [0, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("status", "is_sent"),
    [
        (OrderStatus.FULFILLED, True),
        (OrderStatus.PARTIALLY_RETURNED, True),
        (OrderStatus.RETURNED, True),
        (OrderStatus.PARTIALLY_FULFILLED, False),
    ],
)
def test_an_order_was_sent_whatever_came_back_since(fulfilled_order, status, is_sent):
    fulfilled_order.status = status
    fulfilled_order.save()

    sent_at = facts_of(fulfilled_order).fulfilled_at

    assert (sent_at is not None) is is_sent


def test_an_order_with_something_left_to_send_was_not_sent(fulfilled_order):
    fulfilled_order.status = OrderStatus.PARTIALLY_RETURNED
    fulfilled_order.save()
    fulfilled_order.lines.update(quantity_fulfilled=0)

    assert facts_of(fulfilled_order).fulfilled_at is None
