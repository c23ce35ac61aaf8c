"""Rewards over HTTP, against a running shop: bought, used, cancelled, given, fulfilled by hand."""

from uuid import uuid4

import pytest

from dev import journey
from dev.journey import until
from tests.journeys.test_spending import Shopper, gross

CREATE = """mutation($program: ID!, $kind: LoyaltyRewardKindEnum!, $input: LoyaltyRewardInput!) {
  loyaltyRewardCreate(program: $program, kind: $kind, input: $input) {
    reward { id } errors { field code message } } }"""
REDEEM = """mutation($reward: ID!, $key: String!) {
  loyaltyRewardRedeem(reward: $reward, channel: "default-channel", key: $key) {
    redemption { id code state } errors { field code obstacle message } } }"""
MINE = """{ me { loyalty { balance { availablePoints }
  rewards(first: 20) { edges { node { id state code isGift reason } } } } } }"""


@pytest.fixture
def program(shop):
    data = shop.ask('{ loyaltyProgram(channel: "default-channel") { id } }', token=shop.admin)
    return data["loyaltyProgram"]["id"]


@pytest.fixture
def ada(shop, program):
    return Shopper(shop)


def reward(shop, program, kind, **values):
    given = {"name": "A reward", "pricePoints": 1_000, **values}
    data = shop.ask(CREATE, {"program": program, "kind": kind, "input": given}, shop.admin)
    return data["loyaltyRewardCreate"]["reward"]["id"]


def redeem(shop, ada, reward_id, *, key=None):
    variables = {"reward": reward_id, "key": key or str(uuid4())}
    return shop.ask(REDEEM, variables, ada.token)["loyaltyRewardRedeem"]["redemption"]


def states(shop, ada):
    edges = shop.ask(MINE, token=ada.token)["me"]["loyalty"]["rewards"]["edges"]
    return {edge["node"]["id"]: edge["node"]["state"] for edge in edges}


def test_a_discount_is_bought_used_once_and_open_again_when_its_order_is_cancelled(
    shop, program, ada
):
    ten_off = reward(
        shop, program, "FIXED_DISCOUNT", amounts=[{"currency": "USD", "amount": 10}], validDays=30
    )
    bought = redeem(shop, ada, ten_off, key="one click")
    assert redeem(shop, ada, ten_off, key="one click")["id"] == bought["id"]
    assert ada.purse() == (5_000, 0)
    checkout = ada.fill(promo_code=bought["code"])

    journey.pay(shop, checkout)
    order = ada.complete(checkout)

    until(lambda: states(shop, ada) == {bought["id"]: "USED"}, what="the use of the code")
    journey.cancel(shop, order["id"])
    until(lambda: states(shop, ada) == {bought["id"]: "OPEN"}, what="the return of the code")

    def is_good_again():
        found = ada.fill(promo_code=bought["code"])
        return gross(found) < gross(ada.fill())

    def tries():
        try:
            return is_good_again()
        except journey.Refused:
            return False

    until(tries, within=90, what="a code that works again")


def test_what_was_not_used_is_cancelled_with_its_points(shop, program, ada):
    bought = redeem(shop, ada, reward(shop, program, "FREE_SHIPPING"))
    assert ada.purse() == (5_000, 0)

    shop.ask(
        """mutation($id: ID!) { loyaltyRedemptionCancel(id: $id) {
             redemption { state } errors { field code message } } }""",
        {"id": bought["id"]},
        ada.token,
    )

    assert ada.purse() == (6_000, 0)
    with pytest.raises(journey.Refused):
        ada.fill(promo_code=bought["code"])


def test_a_stranger_cannot_order_with_anothers_code(shop, program, ada):
    bought = redeem(shop, ada, reward(shop, program, "PERCENTAGE_DISCOUNT", percentage=20))
    eve = Shopper(shop)
    checkout = eve.fill(promo_code=bought["code"])
    journey.pay(shop, checkout)

    with pytest.raises(journey.Refused, match="another account"):
        eve.complete(checkout)

    assert states(shop, ada) == {bought["id"]: "OPEN"}


def test_staff_fulfil_an_experience_and_give_a_surprise(shop, program, ada):
    tasting = reward(shop, program, "EXPERIENCE", name="A tasting for two")
    ordered = redeem(shop, ada, tasting)
    assert ordered["state"] == "ORDERED"

    for state in ("IN_PROGRESS", "DONE"):
        shop.ask(
            """mutation($id: ID!, $state: LoyaltyRedemptionStateEnum!) {
                 loyaltyRedemptionAdvance(id: $id, state: $state, note: "Saturday") {
                   errors { field code message } } }""",
            {"id": ordered["id"], "state": state},
            shop.admin,
        )
        assert states(shop, ada) == {ordered["id"]: state}
    member = shop.ask("{ me { loyalty { id } } }", token=ada.token)["me"]["loyalty"]["id"]
    shop.ask(
        """mutation($member: ID!, $reward: ID!) {
             loyaltyRewardGive(memberId: $member, reward: $reward, channel: "default-channel",
                 reason: "Ten years with us", key: "anniversary") {
               errors { field code message } } }""",
        {"member": member, "reward": reward(shop, program, "FREE_SHIPPING")},
        shop.admin,
    )

    edges = shop.ask(MINE, token=ada.token)["me"]["loyalty"]["rewards"]["edges"]
    assert [(one["node"]["isGift"], one["node"]["reason"]) for one in edges] == [
        (True, "Ten years with us"),
        (False, ""),
    ]
    assert ada.purse() == (5_000, 0)
