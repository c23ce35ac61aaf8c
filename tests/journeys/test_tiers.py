"""A ladder from its making to a fall with grace, over HTTP against a running shop."""

from datetime import date, datetime
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
  shippingPrice { gross { amount } } subtotalPrice { gross { amount } } totalPrice { gross { amount currency } } id
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


class Grace:
    """A shopper, and what their storefront shows of their tier."""

    def __init__(self, shop):
        self.shop = shop
        self.address = f"grace-{uuid4()}@example.com"
        self.token = journey.register(
            shop, address=self.address, password=PASSWORD, first_name="Grace"
        )

    def me(self):
        return self.shop.ask(ME, token=self.token)["me"]

    def loyalty(self):
        return self.me()["loyalty"]

    def tier(self):
        return (self.loyalty() or {}).get("tier") or {}

    def changes(self):
        return [edge["node"] for edge in self.loyalty()["tierHistory"]["edges"]]


def build_ladder(staff, price):
    """Silver at the price of a basket in points, Gold at two."""
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
    return silver["slug"]


def today_there():
    return datetime.now(tz=ZoneInfo("America/Los_Angeles")).date()


def order(shop, grace, checkout):
    """Pay and complete a checkout; returns the transaction."""
    transaction = journey.pay(shop, checkout)
    journey.complete(shop, checkout, token=grace.token)
    return transaction


def test_a_shopper_climbs_and_a_refund_after_the_year_warns_and_then_lowers(shop, staff, database):
    grace = Grace(shop)
    basket = journey.fill_checkout(shop, address=grace.address, token=grace.token)
    price = basket["loyalty"]["pointsToEarn"]
    silver = build_ladder(staff, price)

    # the first order is enough for Silver, and the checkout says so
    checkout = shop.ask(CHECKOUT, {"id": basket["id"]}, grace.token)["checkout"]
    assert checkout["loyalty"]["tierReached"] == {"name": "Silver"}
    order(shop, grace, checkout)
    until(lambda: grace.tier().get("name") == "Silver", what="Silver")
    check_status(grace.loyalty(), missing=price)
    until(lambda: grace.me()["metafield"] == silver, what="the customer's metadata")
    vouchers = until(lambda: grace.loyalty()["tierVouchers"], what="the voucher")

    # the second ships free by the voucher, earns half as much again, and leads to Gold
    second = journey.fill_checkout(
        shop, address=grace.address, token=grace.token, promo_code=vouchers[0]["code"]
    )
    shown = shop.ask(CHECKOUT, {"id": second["id"]}, grace.token)["checkout"]
    assert shown["shippingPrice"]["gross"]["amount"] == 0
    subtotal = Decimal(str(shown["subtotalPrice"]["gross"]["amount"]))
    assert shown["loyalty"]["pointsToEarn"] == int(subtotal * 10 * Decimal("1.5"))
    assert [part["name"] for part in shown["loyalty"]["breakdown"]["parts"]] == ["", "Silver"]
    assert shown["loyalty"]["tierReached"] == {"name": "Gold"}
    transaction = order(shop, grace, shown)
    until(lambda: grace.tier().get("name") == "Gold", what="Gold")
    assert grace.loyalty()["nextTier"] is None

    # in the next year nothing is lost, and a preview shows it
    travel(database, days=(today_there() - today_there().replace(month=1, day=1)).days + 60)
    preview = staff.preview(ladder={"metric": "POINTS"}, demotion="AT_ONCE")
    gold = next(one for one in preview["tiers"] if one["name"] == "Gold")
    assert gold["membersBefore"] == gold["membersAfter"] >= 1
    assert grace.tier()["name"] == "Gold"

    # the second order is refunded after its year: a warning with a date comes first
    total = Decimal(str(shown["totalPrice"]["gross"]["amount"]))
    journey.refund(shop, transaction, amount=total)
    until(lambda: grace.tier().get("isGrace"), what="the grace period")
    warned = grace.loyalty()
    grace_on = date.fromisoformat(warned["tier"]["until"])
    assert (warned["tier"]["name"], (grace_on - today_there()).days) == ("Gold", GRACE_DAYS)
    assert warned["toKeepTier"]["by"] == warned["tier"]["until"]
    assert grace.changes()[0]["kind"] == "GRACE"

    # and then the fall, to what is left of that year
    travel(database, days=GRACE_DAYS + 1)
    until(lambda: grace.tier().get("name") == "Silver", within=100, what="the fall")
    until(lambda: grace.me()["metafield"] == silver, within=100, what="the metadata")
    fall = grace.changes()[0]
    assert (fall["kind"], fall["fromTier"]) == ("FELL", {"name": "Gold"})
    assert (fall["toTier"], fall["needed"]) == ({"name": "Silver"}, {"points": price * 2})
    assert grace.loyalty()["tierExplanation"]["dueTier"] == {"name": "Silver"}


def check_status(status, *, missing):
    """A member of Silver, half-way to Gold."""
    kinds = [one["kind"] for one in status["tier"]["benefits"]]
    assert kinds == ["EARN_MULTIPLIER", "FREE_SHIPPING", "SUPPORT_LINE"]
    assert status["tier"]["until"] == f"{today_there().year + 1}-12-31"
    assert status["nextTier"]["missing"]["points"] == missing
    assert status["nextTier"]["progress"] == 50
