"""A ladder from its making to a fall with grace, over HTTP against a running shop."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from dev import journey
from dev.journey import until
from dev.time_travel import travel

PASSWORD = "password-of-the-shopper"
GRACE_DAYS = 10

ME = """{ me { id metafield(key: "loyalty.tier") loyalty { id
  tier { name since until isGrace warnedFrom benefits { kind name } }
  nextTier { tier { name } missing { points } progress by }
  toKeepTier { missing { points } by }
  tierHistory(first: 10) { edges { node { kind fromTier { name } toTier { name } until
    counted { points } needed { points } note } } }
  tierExplanation { metric counted { points } dueTier { name } change { kind } }
  tierVouchers { code validUntil benefit { kind } } } } }"""
CHECKOUT = """query($id: ID!) { checkout(id: $id) {
  shippingPrice { gross { amount } } totalPrice { gross { amount currency } } id
  loyalty { pointsToEarn tierReached { name } breakdown { parts { name points } } } } }"""


@pytest.fixture
def program(shop):
    data = shop.ask('{ loyaltyProgram(channel: "default-channel") { id } }', token=shop.admin)
    return data["loyaltyProgram"]["id"]


@pytest.fixture
def staff(shop, program):
    """What an admin does about tiers; all tiers are deleted after the test."""

    class Staff:
        def create(self, **given):
            return journey.add_tier(shop, program, **given)

        def ladder(self, **given):
            shop.ask(
                """mutation($program: ID!, $input: LoyaltyTierLadderInput!) {
                  loyaltyTierLadderUpdate(program: $program, input: $input) {
                    errors { field code message } } }""",
                {"program": program, "input": given},
                shop.admin,
            )

        def preview(self, **given):
            data = shop.ask(
                """mutation($program: ID!, $input: LoyaltyTierPreviewInput!) {
                  loyaltyTierPreview(program: $program, input: $input) {
                    preview { tiers { name membersBefore membersAfter }
                      moves { fromTier { name } toName members } }
                    errors { field code message } } }""",
                {"program": program, "input": given},
                shop.admin,
            )
            return data["loyaltyTierPreview"]["preview"]

    yield Staff()
    shown = shop.ask('{ loyaltyProgram(channel: "default-channel") { tiers { id } } }')
    for tier in reversed(shown["loyaltyProgram"]["tiers"]):
        shop.ask(
            "mutation($id: ID!) { loyaltyTierDelete(id: $id) { errors { message } } }",
            {"id": tier["id"]},
            shop.admin,
        )


def test_a_shopper_climbs_and_a_refund_after_the_year_warns_and_then_lowers(shop, staff, database):
    address = f"grace-{uuid4()}@example.com"
    token = journey.register(shop, address=address, password=PASSWORD, first_name="Grace")

    def me():
        return shop.ask(ME, token=token)["me"]

    def tier():
        return (me()["loyalty"] or {}).get("tier") or {}

    def kinds():
        edges = me()["loyalty"]["tierHistory"]["edges"]
        return [edge["node"]["kind"] for edge in edges]

    basket = journey.fill_checkout(shop, address=address, token=token)
    price = basket["loyalty"]["pointsToEarn"]

    # an admin builds a ladder
    staff.ladder(metric="POINTS", window="CALENDAR_YEAR", graceDays=GRACE_DAYS)
    silver = staff.create(
        name="Silver",
        color="#A8A8B3",
        threshold={"points": price},
        benefits=[
            {"key": "more", "kind": "EARN_MULTIPLIER", "factor": 1.5},
            {"key": "shipping", "kind": "FREE_SHIPPING", "uses": 1, "period": "MONTH"},
            {"key": "line", "kind": "SUPPORT_LINE", "name": "Call us", "url": "tel:+4712345678"},
        ],
    )
    staff.create(name="Gold", threshold={"points": price * 2}, color="#C0A060")

    # the first order is enough for Silver, and the checkout said so
    checkout = shop.ask(CHECKOUT, {"id": basket["id"]}, token)["checkout"]
    assert checkout["loyalty"]["tierReached"] == {"name": "Silver"}
    journey.pay(shop, checkout)
    journey.complete(shop, checkout, token=token)
    until(lambda: tier().get("name") == "Silver", what="Silver")
    status = me()["loyalty"]
    assert [one["kind"] for one in status["tier"]["benefits"]] == [
        "EARN_MULTIPLIER",
        "FREE_SHIPPING",
        "SUPPORT_LINE",
    ]
    year = datetime.now(tz=ZoneInfo("America/Los_Angeles")).year
    assert status["tier"]["until"] == f"{year + 1}-12-31"
    assert status["nextTier"]["missing"]["points"] == price
    assert status["nextTier"]["progress"] == 50
    until(lambda: me()["metafield"] == silver["slug"], what="the customer's metadata")
    vouchers = until(lambda: me()["loyalty"]["tierVouchers"], what="the voucher")

    # the second one ships free by the voucher, earns half as much again, and leads to Gold
    second = journey.fill_checkout(
        shop, address=address, token=token, promo_code=vouchers[0]["code"]
    )
    shown = shop.ask(CHECKOUT, {"id": second["id"]}, token)["checkout"]
    assert shown["shippingPrice"]["gross"]["amount"] == 0
    extra = shown["loyalty"]["pointsToEarn"] - price
    assert extra == price // 2
    assert [part["name"] for part in shown["loyalty"]["breakdown"]["parts"]] == ["", "Silver"]
    assert shown["loyalty"]["tierReached"] == {"name": "Gold"}
    transaction = journey.pay(shop, shown)
    journey.complete(shop, shown, token=token)
    until(lambda: tier().get("name") == "Gold", what="Gold")
    assert me()["loyalty"]["nextTier"] is None

    # a year later nothing is missing yet; staff can see what a harder ladder would do
    local = datetime.now(tz=ZoneInfo("America/Los_Angeles")).date()
    travel(database, days=(local - local.replace(month=1, day=1)).days + 60)
    harder = staff.preview(ladder={"metric": "POINTS"}, demotion="AT_ONCE")
    assert {"name": "Gold", "membersBefore": 1, "membersAfter": 1} in harder["tiers"]
    assert tier()["name"] == "Gold"

    # the second order is refunded after its year: a warning with a date comes first
    total = Decimal(str(shown["totalPrice"]["gross"]["amount"]))
    journey.refund(shop, transaction, amount=total)
    until(lambda: tier().get("isGrace"), what="the grace period")
    warned = me()["loyalty"]
    grace_on = datetime.fromisoformat(warned["tier"]["until"]).date()
    today = datetime.now(tz=UTC).astimezone(ZoneInfo("America/Los_Angeles")).date()
    assert (warned["tier"]["name"], (grace_on - today).days) == ("Gold", GRACE_DAYS)
    assert warned["toKeepTier"]["by"] == warned["tier"]["until"]
    assert kinds()[0] == "GRACE"

    # and then the fall, to what is left of that year
    travel(database, days=GRACE_DAYS + 1)
    until(lambda: tier().get("name") == "Silver", within=100, what="the fall")
    until(lambda: me()["metafield"] == silver["slug"], within=100, what="the metadata")
    assert kinds()[0] == "FELL"
    fall = me()["loyalty"]["tierHistory"]["edges"][0]["node"]
    assert (fall["fromTier"], fall["toTier"]) == ({"name": "Gold"}, {"name": "Silver"})
    assert fall["needed"] == {"points": price * 2}
    assert me()["loyalty"]["tierExplanation"]["dueTier"] == {"name": "Silver"}
