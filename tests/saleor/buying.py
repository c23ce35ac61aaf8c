"""A shopper's steps in a real checkout."""

import graphene
from saleor.graphql.tests.utils import get_graphql_content
from saleor.order.models import Order

from dev.journey import ADDRESS
from tests.saleor.conftest import ask


def fill(client, product, *, quantity=1):
    """Fill a checkout with pieces of a product of ten dollars, shipped for ten."""
    variant = product.variants.first()
    content = get_graphql_content(
        client.post_graphql(
            """mutation($input: CheckoutCreateInput!) { checkoutCreate(input: $input) {
                 checkout { id } errors { field message } } }""",
            {
                "input": {
                    "channel": "main",
                    "email": "ada@example.com",
                    "shippingAddress": ADDRESS,
                    "billingAddress": ADDRESS,
                    "lines": [
                        {
                            "variantId": graphene.Node.to_global_id("ProductVariant", variant.pk),
                            "quantity": quantity,
                        }
                    ],
                }
            },
        )
    )
    checkout_id = content["data"]["checkoutCreate"]["checkout"]["id"]
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
