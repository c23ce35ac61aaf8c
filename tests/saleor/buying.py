"""A shopper's steps with codes in a real checkout."""

import graphene
from saleor.order.models import Order

from tests.saleor.conftest import ask
from tests.saleor.shopping import fill

__all__ = ["add_code", "complete", "fill", "prices", "refused"]


def add_code(client, checkout_id, code) -> list[str]:
    answer = ask(
        client,
        """mutation($id: ID!, $code: String!) {
             checkoutAddPromoCode(id: $id, promoCode: $code) { errors { code } } }""",
        {"id": checkout_id, "code": code},
    )
    return [error["code"] for error in answer["data"]["checkoutAddPromoCode"]["errors"]]


def prices(client, checkout_id) -> tuple[float, float]:
    answer = ask(
        client,
        """query($id: ID!) { checkout(id: $id) {
             shippingPrice { gross { amount } } totalPrice { gross { amount } } } }""",
        {"id": checkout_id},
    )["data"]["checkout"]
    return answer["shippingPrice"]["gross"]["amount"], answer["totalPrice"]["gross"]["amount"]


def complete(client, checkout_id) -> Order:
    answer = attempt_to_complete(client, checkout_id)
    assert answer["errors"] == []
    return Order.objects.get(pk=graphene.Node.from_global_id(answer["order"]["id"])[1])


def refused(client, checkout_id) -> list[str]:
    """Try to complete a checkout; return the words of the refusal."""
    answer = attempt_to_complete(client, checkout_id)
    assert answer["order"] is None
    return [error["message"] for error in answer["errors"]]


def attempt_to_complete(client, checkout_id):
    return ask(
        client,
        """mutation($id: ID!) { checkoutComplete(id: $id) {
             order { id } errors { field code message } } }""",
        {"id": checkout_id},
    )["data"]["checkoutComplete"]
