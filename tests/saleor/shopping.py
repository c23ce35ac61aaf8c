"""What shoppers do with checkouts, through Saleor's own mutations."""

import datetime
from decimal import Decimal

import graphene
from django.utils import timezone
from saleor.checkout.models import Checkout
from saleor.graphql.core.utils import from_global_id_or_error
from saleor.order.models import Order

from dev.journey import ADDRESS
from saleor_loyalty.flows.settle_orders import settle_due_orders
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.shop.orders import load_order_facts
from tests.saleor.conftest import ask, charge

APPLY = """mutation($id: ID!, $points: Int!) { checkoutLoyaltyPointsApply(id: $id, points: $points) {
  checkout { totalPrice { gross { amount } } voucherCode giftCards { id }
    loyalty { pointsToEarn applied { points amount { amount } means giftCardId voucherCode expiresAt }
      redeemable { points amount { amount } limits } } }
  applied { points amount { amount currency } } limits
  errors { field code message limits } } }"""
REMOVE = """mutation($id: ID!) { checkoutLoyaltyPointsRemove(id: $id) {
  checkout { totalPrice { gross { amount } } voucherCode giftCards { id } }
  errors { field code } } }"""
COMPLETE = """mutation($id: ID!) { checkoutComplete(id: $id) {
  order { id total { gross { amount } } status isPaid } errors { field code message } } }"""


def give(program, user, points):
    """Make a customer a member with some points."""
    membership = Membership(program.pk, user.pk)
    joined_at = timezone.now() - datetime.timedelta(days=10)
    member = enroll(joined={membership: joined_at}, by=JoinedBy.CUSTOMER)[membership]
    if points:
        post(
            postings=[
                Award(
                    program_id=program.pk,
                    member_id=member.pk,
                    key=f"gift:{timezone.now().timestamp()}",
                    reason=Reason.ADJUSTMENT,
                    effective_at=timezone.now(),
                    points=points,
                )
            ],
            now=timezone.now(),
        )
    return member


def purse(member):
    """What a member has now: available and held points."""
    found = purses_of(member_ids=[member.pk])[member.pk]
    return (found.available, found.held)


def global_id(kind, pk):
    return graphene.Node.to_global_id(kind, pk)


def fill(client, product, *, quantity=1, channel="main", email="ada@example.com"):
    """Fill a checkout with pieces of a product, and choose how it is shipped; return its id."""
    variant = product.variants.first()
    created = ask(
        client,
        """mutation($input: CheckoutCreateInput!) { checkoutCreate(input: $input) {
             checkout { id } errors { field message } } }""",
        {
            "input": {
                "channel": channel,
                "email": email,
                "shippingAddress": ADDRESS,
                "billingAddress": ADDRESS,
                "lines": [
                    {"variantId": global_id("ProductVariant", variant.pk), "quantity": quantity}
                ],
            }
        },
    )
    checkout_id = created["data"]["checkoutCreate"]["checkout"]["id"]
    document = "query($id: ID!) { checkout(id: $id) { shippingMethods { id } } }"
    methods = ask(client, document, {"id": checkout_id})["data"]["checkout"]["shippingMethods"]
    ask(
        client,
        """mutation($id: ID!, $method: ID!) {
             checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $method) {
               errors { field message } } }""",
        {"id": checkout_id, "method": methods[0]["id"]},
    )
    return checkout_id


def apply(client, checkout_id, points):
    answer = ask(client, APPLY, {"id": checkout_id, "points": points})
    assert "errors" not in answer, answer
    return answer["data"]["checkoutLoyaltyPointsApply"]


def remove(client, checkout_id):
    answer = ask(client, REMOVE, {"id": checkout_id})
    assert "errors" not in answer, answer
    return answer["data"]["checkoutLoyaltyPointsRemove"]


def complete(client, checkout_id):
    answer = ask(client, COMPLETE, {"id": checkout_id})
    assert "errors" not in answer, answer
    return answer["data"]["checkoutComplete"]


def total_of(client, checkout_id) -> Decimal:
    document = "query($id: ID!) { checkout(id: $id) { totalPrice { gross { amount } } } }"
    found = ask(client, document, {"id": checkout_id})["data"]["checkout"]
    return Decimal(str(found["totalPrice"]["gross"]["amount"]))


def settle(*orders):
    """Settle orders from their current facts, as the worker does."""
    mark_due(order_ids=[str(order.pk) for order in orders], now=timezone.now())
    report = settle_due_orders(load_facts=load_order_facts, now=timezone.now())
    assert report.failed == 0
    return report


def by(program, **spending):
    update_program(
        program_id=program.pk, changes=ProgramChanges(spending=spending), now=timezone.now()
    )


def checkout_of(checkout_id) -> Checkout:
    _, pk = from_global_id_or_error(checkout_id)
    return Checkout.objects.get(pk=pk)


def order_of(answer) -> Order:
    assert answer["errors"] == [], answer
    _, pk = from_global_id_or_error(answer["order"]["id"])
    return Order.objects.get(pk=pk)


def pay(order, amount, *, refunded=Decimal(0)):
    """Charge an order, as a payment app does after it was created, and confirm it."""
    Order.objects.filter(pk=order.pk, status="unconfirmed").update(status="unfulfilled")
    order.refresh_from_db()
    charge(order, amount, refunded=refunded)
