"""How long points take to apply, next to Saleor's own codes; run by `make bench`."""

import statistics
from typing import Any

from django.utils import timezone
from saleor.account.models import User
from saleor.core.jwt import create_access_token
from saleor.giftcard.models import GiftCard

from dev import journey
from dev.ledger_benchmarks import timed
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.models import Program

ROUNDS = 40
WARM_UP = 3
LINES = 20

ANSWER = """checkout { totalPrice { gross { amount } } giftCards { id } }
  errors { field message code }"""
APPLY = (
    f"""mutation($id: ID!) {{ checkoutLoyaltyPointsApply(id: $id, points: 500) {{ {ANSWER} }} }}"""
)
REMOVE = f"""mutation($id: ID!) {{ checkoutLoyaltyPointsRemove(id: $id) {{ {ANSWER} }} }}"""
ADD_CODE = f"""mutation($id: ID!) {{
  checkoutAddPromoCode(id: $id, promoCode: "BENCH-CARD") {{ {ANSWER} }} }}"""
REMOVE_CODE = f"""mutation($id: ID!) {{
  checkoutRemovePromoCode(id: $id, promoCode: "BENCH-CARD") {{ {ANSWER} }} }}"""
LOOK = "query($id: ID!) { checkout(id: $id) { totalPrice { gross { amount } } } }"


def _member() -> tuple[User, str]:
    """Return a customer with a thousand lots of points, and their token."""
    user, _ = User.objects.get_or_create(email="spender@example.com", is_confirmed=True)
    membership = Membership(Program.objects.values_list("pk", flat=True).get(), user.pk)
    member = enroll(joined={membership: timezone.now()}, by=JoinedBy.CUSTOMER)[membership]
    post(
        postings=[
            Award(
                program_id=member.program_id,
                member_id=member.pk,
                key=f"bench:{number}",
                reason=Reason.ADJUSTMENT,
                effective_at=timezone.now(),
                points=10,
            )
            for number in range(1000)
        ],
        now=timezone.now(),
    )
    return user, create_access_token(user)


def _checkout(shop: Any, token: str) -> str:
    """Return the id of a checkout with twenty lines."""
    data = shop.ask(
        """{ productVariants(first: 100, channel: "default-channel") { edges { node {
             id quantityAvailable product { productType { isShippingRequired kind } } } } } }"""
    )
    found = [
        edge["node"]["id"]
        for edge in data["productVariants"]["edges"]
        if edge["node"]["quantityAvailable"]
        and edge["node"]["product"]["productType"]["kind"] == "NORMAL"
    ]
    data = shop.ask(
        """mutation($input: CheckoutCreateInput!) { checkoutCreate(input: $input) {
             checkout { id lines { id } } errors { field message code } } }""",
        {
            "input": {
                "channel": "default-channel",
                "email": "spender@example.com",
                "shippingAddress": journey.ADDRESS,
                "billingAddress": journey.ADDRESS,
                "lines": [{"variantId": one, "quantity": 1} for one in found[:LINES]],
            }
        },
        token,
    )
    checkout = data["checkoutCreate"]["checkout"]
    assert len(checkout["lines"]) == LINES, len(checkout["lines"])
    return str(checkout["id"])


def applying_points(shop: Any) -> float:
    """Return applying points to a checkout of 20 lines, relative to adding a gift card's code.

    Both in turns on one checkout with current prices, by a member with a thousand lots.
    """
    _, token = _member()
    GiftCard.objects.get_or_create(
        code="BENCH-CARD",
        defaults={"currency": "USD", "initial_balance_amount": 5, "current_balance_amount": 5},
    )
    variables = {"id": _checkout(shop, token)}
    seconds: dict[str, list[float]] = {APPLY: [], ADD_CODE: []}
    for number in range(ROUNDS + WARM_UP):
        for do, undo in ((APPLY, REMOVE), (ADD_CODE, REMOVE_CODE)):
            shop.ask(LOOK, variables, token)
            took = timed(lambda do=do: shop.ask(do, variables, token))
            shop.ask(undo, variables, token)
            if number >= WARM_UP:
                seconds[do].append(took)
    return statistics.median(seconds[APPLY]) / statistics.median(seconds[ADD_CODE])
