"""Earning rules, pending points and adjustments over HTTP against a running shop."""

from decimal import ROUND_FLOOR, Decimal
from uuid import uuid4

import pytest

from dev import journey
from dev.journey import until

PASSWORD = "password-of-the-shopper"

ORDER = """query($id: ID!) { order(id: $id) { loyalty { points earnedPoints returnedPoints
  breakdown { parts { name points ruleVersion } } } } }"""
BALANCE = """{ me { loyalty { id balance { availablePoints pendingPoints
  pending { points availableAt } expiring { points expiresAt } } } } }"""


@pytest.fixture
def program(shop):
    data = shop.ask('{ loyaltyProgram(channel: "default-channel") { id } }', token=shop.admin)
    return data["loyaltyProgram"]["id"]


@pytest.fixture
def a_rule(shop, program):
    """A maker of rules, which are deleted after the test."""
    made = []

    def make(**values):
        made.append(journey.add_rule(shop, program, **values))
        return made[-1]

    yield make
    for rule in made:
        shop.ask(
            "mutation($id: ID!) { loyaltyEarningRuleDelete(id: $id) { errors { code } } }",
            {"id": rule},
            shop.admin,
        )


@pytest.fixture
def a_policy(shop, program):
    """A setter of the programme's policy, which is as before after the test."""

    def change(**policy):
        shop.ask(
            """mutation($id: ID!, $input: LoyaltyProgramInput!) {
              loyaltyProgramUpdate(id: $id, input: $input) { errors { field message code } } }""",
            {"id": program, "input": {"policy": policy}},
            shop.admin,
        )

    yield change
    change(maturing="AT_ONCE", maturingDays=0, expiry="NEVER", adjustmentLimitPoints=None)


@pytest.fixture
def shopper(shop):
    address = f"grace-{uuid4()}@example.com"
    token = journey.register(shop, address=address, password=PASSWORD, first_name="Grace")
    return address, token


def test_what_the_checkout_promises_by_rules_the_order_earns_and_a_refund_keeps_the_version(
    shop, shopper, a_rule
):
    address, token = shopper
    rule = a_rule(name="Double days", action="MULTIPLIER", factor=2)
    a_rule(name="Welcome", trigger="FIRST_ORDER", action="FIXED_POINTS", points=500)

    checkout = journey.fill_checkout(shop, address=address, token=token)
    promised = checkout["loyalty"]
    subtotal = Decimal(str(checkout["subtotalPrice"]["gross"]["amount"]))
    base, doubled = (int((subtotal * rate).to_integral_value(ROUND_FLOOR)) for rate in (10, 20))
    assert promised["pointsToEarn"] == doubled + 500
    parts = [part["points"] for part in promised["breakdown"]["parts"]]
    assert parts == [base, doubled - base, 500]
    transaction = journey.pay(shop, checkout)
    order = journey.complete(shop, checkout, token=token)
    until(lambda: journey.balance_of(shop, token) == promised["pointsToEarn"])

    shop.ask(
        """mutation($id: ID!) { loyaltyEarningRuleUpdate(id: $id, input: {factor: 9}) {
          errors { code } } }""",
        {"id": rule},
        shop.admin,
    )
    total = Decimal(str(order["total"]["gross"]["amount"]))
    journey.refund(shop, transaction, amount=total)
    until(lambda: journey.balance_of(shop, token) == 0)

    settled = shop.ask(ORDER, {"id": order["id"]}, token)["order"]["loyalty"]
    assert settled["earnedPoints"] == settled["returnedPoints"] == promised["pointsToEarn"]
    versions = [part["ruleVersion"] for part in settled["breakdown"]["parts"]]
    assert versions == [None, 1, 1]


def test_points_are_pending_until_released_and_show_when_they_expire(shop, shopper, a_policy):
    address, token = shopper
    a_policy(maturing="BY_HAND", expiry="AFTER_EARNING", expiryMonths=12)

    checkout = journey.fill_checkout(shop, address=address, token=token)
    journey.pay(shop, checkout)
    journey.complete(shop, checkout, token=token)

    def loyalty():
        return shop.ask(BALANCE, token=token)["me"]["loyalty"]

    pending = until(lambda: (found := loyalty()) and found["balance"]["pendingPoints"])
    assert loyalty()["balance"]["availablePoints"] == 0
    assert loyalty()["balance"]["pending"] == [{"points": pending, "availableAt": None}]
    shop.ask(
        "mutation($id: ID!) { loyaltyPointsRelease(memberId: $id) { errors { code } } }",
        {"id": loyalty()["id"]},
        shop.admin,
    )

    balance = loyalty()["balance"]
    assert (balance["availablePoints"], balance["pendingPoints"]) == (pending, 0)
    assert [one["points"] for one in balance["expiring"]] == [pending]


def test_a_limit_on_adjustments_needs_a_second_person(shop, shopper, a_policy):
    _, token = shopper
    member = shop.ask(
        """mutation { loyaltyJoin(channel: "default-channel") {
          member { id } errors { code } } }""",
        token=token,
    )["loyaltyJoin"]["member"]["id"]
    a_policy(adjustmentLimitPoints=0)

    adjusted = shop.ask(
        """mutation($id: ID!) { loyaltyPointsAdjust(input: {
          memberId: $id, points: 100, reason: GOODWILL, note: "Sorry, Grace"}) {
            adjustment { id status } errors { field code message } } }""",
        {"id": member},
        shop.admin,
    )["loyaltyPointsAdjust"]["adjustment"]

    assert adjusted["status"] == "WAITING"
    assert journey.balance_of(shop, token) == 0
