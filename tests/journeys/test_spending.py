"""Points at checkout, over HTTP, against a running shop: real server, worker and beat."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest

from dev import journey
from dev.journey import until
from dev.time_travel import travel

PASSWORD = "password-of-the-shopper"
POINTS = 6_000

STATE = """{ me { loyalty { balance { availablePoints heldPoints }
  entries(first: 50) { edges { node { reason points } } } } } }"""
APPLY = """mutation($id: ID!, $points: Int!) {
  checkoutLoyaltyPointsApply(id: $id, points: $points) {
    applied { points } errors { code limits } } }"""
TOTAL = "query($id: ID!) { checkout(id: $id) { totalPrice { gross { amount currency } } } }"


@pytest.fixture
def program(shop):
    data = shop.ask('{ loyaltyProgram(channel: "default-channel") { id } }', token=shop.admin)
    return data["loyaltyProgram"]["id"]


class Shopper:
    """A member with 6,000 points, and what they do."""

    def __init__(self, shop):
        self.shop = shop
        self.address = f"ada-{uuid4()}@example.com"
        self.token = journey.register(
            shop, address=self.address, password=PASSWORD, first_name="Ada"
        )
        data = shop.ask(
            """mutation { loyaltyJoin(channel: "default-channel") {
                 member { id } errors { code } } }""",
            token=self.token,
        )
        shop.ask(
            """mutation($input: LoyaltyPointsAdjustInput!) {
                 loyaltyPointsAdjust(input: $input) {
                   errors { field code message } } }""",
            {
                "input": {
                    "memberId": data["loyaltyJoin"]["member"]["id"],
                    "points": POINTS,
                    "reason": "GOODWILL",
                    "note": "A start",
                }
            },
            shop.admin,
        )

    def fill(self, **values):
        return journey.fill_checkout(self.shop, address=self.address, token=self.token, **values)

    def apply(self, checkout, points):
        return journey.apply_points(self.shop, checkout["id"], points, token=self.token)

    def remove(self, checkout):
        return journey.remove_points(self.shop, checkout["id"], token=self.token)

    def complete(self, checkout):
        return journey.complete(self.shop, checkout, token=self.token)

    def purse(self):
        balance = self.state()["balance"]
        return (balance["availablePoints"], balance["heldPoints"])

    def has(self, available, held=0, *, within=60.0):
        """Wait for a balance; say what it is instead if it does not come."""
        try:
            until(lambda: self.purse() == (available, held), within=within)
        except journey.Refused:
            assert self.purse() == (available, held)

    def state(self):
        return self.shop.ask(STATE, token=self.token)["me"]["loyalty"]

    def spent(self):
        edges = self.state()["entries"]["edges"]
        return [edge["node"]["reason"] for edge in edges].count("SPENT")


@pytest.fixture
def ada(shop, program):
    return Shopper(shop)


def gross(checkout) -> Decimal:
    return Decimal(str(checkout["totalPrice"]["gross"]["amount"]))


def test_points_are_applied_changed_removed_and_spent_once(shop, ada):
    checkout = ada.fill()
    total = gross(checkout)

    assert gross(ada.apply(checkout, 1_000)) == total - 10
    assert ada.purse() == (5_000, 1_000)
    assert gross(ada.apply(checkout, 250)) == total - Decimal("2.5")
    assert ada.purse() == (5_750, 250)
    assert gross(ada.remove(checkout)) == total
    assert ada.purse() == (6_000, 0)

    paid = ada.apply(checkout, 1_000)
    journey.pay(shop, paid)
    order = ada.complete(checkout)

    assert Decimal(str(order["total"]["gross"]["amount"])) == total - 10
    ada.has(5_000 + paid["loyalty"]["pointsToEarn"])
    assert ada.spent() == 1


def test_points_of_an_abandoned_checkout_come_back_within_a_minute(shop, ada, database):
    checkout = ada.fill()
    total = gross(checkout)
    ada.apply(checkout, 1_000)

    travel(database, days=1)

    ada.has(6_000)
    found = shop.ask(TOTAL, {"id": checkout["id"]}, ada.token)["checkout"]
    assert gross(found) == total


def test_a_code_that_saleor_removed_gives_the_points_back(shop, ada):
    checkout = ada.fill()
    card = ada.apply(checkout, 1_000)["giftCards"][0]["id"]

    shop.ask(
        """mutation($id: ID!, $card: ID!) { checkoutRemovePromoCode(id: $id, promoCodeId: $card) {
             errors { field code message } } }""",
        {"id": checkout["id"], "card": card},
        ada.token,
    )

    ada.has(6_000)


@pytest.mark.parametrize("means", ["GIFT_CARD", "VOUCHER"])
def test_a_cancelled_order_gives_the_points_back(shop, program, ada, means):
    journey.update_spending(shop, program, means=means)
    try:
        checkout = ada.fill()
        paid = ada.apply(checkout, 1_000)
        journey.pay(shop, paid)
        order = ada.complete(checkout)
        assert paid["loyalty"]["applied"]["means"] == means
        ada.has(5_000 + paid["loyalty"]["pointsToEarn"])

        journey.cancel(shop, order["id"])

        ada.has(6_000)
    finally:
        journey.update_spending(shop, program, means="AUTOMATIC")


def test_a_partial_refund_gives_its_share_of_the_points_back(shop, ada):
    checkout = ada.fill()
    paid = ada.apply(checkout, 2_000)
    transaction = journey.pay(shop, paid)
    ada.complete(checkout)
    earned = paid["loyalty"]["pointsToEarn"]
    ada.has(4_000 + earned)
    cash = gross(paid)
    part = (cash / 4).quantize(Decimal("0.01"))

    journey.refund(shop, transaction, amount=part)

    ada.has(4_000 + earned + int(2_000 * part / cash) - int(earned * part / cash))
    journey.refund(shop, transaction, amount=cash - part)
    ada.has(6_000)


def test_an_order_is_paid_with_points_alone(shop, ada):
    checkout = ada.fill(quantity=1)
    total = gross(checkout)
    assert total <= POINTS / 100

    assert gross(ada.apply(checkout, POINTS)) == 0
    order = ada.complete(checkout)

    assert order["total"]["gross"]["amount"] == 0
    ada.has(POINTS - int(total * 100))


def test_a_voucher_goes_on_top(shop, ada):
    checkout = ada.fill()
    total = gross(ada.apply(checkout, 1_000))

    shop.ask(
        """mutation($id: ID!) { checkoutAddPromoCode(id: $id, promoCode: "VCO9KV98LC") {
             errors { field code message } } }""",
        {"id": checkout["id"]},
        ada.token,
    )
    found = shop.ask(TOTAL, {"id": checkout["id"]}, ada.token)["checkout"]

    assert 0 < gross(found) < total
    journey.pay(shop, found | {"id": checkout["id"]})
    order = ada.complete(checkout)
    assert Decimal(str(order["total"]["gross"]["amount"])) == gross(found)
    until(lambda: ada.spent() == 1)
    assert ada.purse()[1] == 0


def test_two_tabs_and_eight_checkouts_never_hold_more_than_there_is(shop, ada):
    checkouts = [ada.fill(quantity=1)["id"] for _ in range(8)]

    def ask(number):
        variables = {"id": checkouts[number % 8], "points": 1_500}
        answer = shop.answer(APPLY, variables, ada.token)
        assert "errors" not in answer, answer
        found = answer["data"]["checkoutLoyaltyPointsApply"]
        return found["errors"][0]["code"] if found["errors"] else "APPLIED"

    with ThreadPoolExecutor(32) as pool:
        outcomes = Counter(pool.map(ask, range(32)))

    assert set(outcomes) <= {"APPLIED", "NOTHING_TO_APPLY", "CHECKOUT_BUSY"}
    available, held = ada.purse()
    assert available + held == POINTS
    assert available < 1_500
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: ada.remove({"id": one}), checkouts))
    assert ada.purse() == (POINTS, 0)


def test_a_worker_killed_between_order_and_capture_spends_the_points_when_it_is_back(
    shop, ada, worker
):
    checkout = ada.fill()
    paid = ada.apply(checkout, 1_000)
    journey.pay(shop, paid)
    worker.kill()
    try:
        ada.complete(checkout)
        assert ada.purse() == (5_000, 1_000)
    finally:
        worker.start()

    ada.has(5_000 + paid["loyalty"]["pointsToEarn"], within=120)
    assert ada.spent() == 1
