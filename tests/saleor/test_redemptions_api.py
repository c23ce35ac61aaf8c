"""Redeeming, giving, cancelling and fulfilling rewards over the API, as a member and as staff."""

import datetime
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone
from saleor.account.models import User
from saleor.discount.models import VoucherCode
from saleor.graphql.tests.fixtures import ApiClient
from saleor.order import OrderStatus

from saleor_loyalty.earning.models import EarningRule
from saleor_loyalty.members.models import Member
from saleor_loyalty.plugin.tasks import keep_rewards_task, sweep_orders_task
from saleor_loyalty.points.models import Balance, Entry
from saleor_loyalty.points.verification import verify
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.rewards.models import Redemption, RedemptionStep, Reward
from saleor_loyalty.rewards.operations import update_reward
from saleor_loyalty.rewards.rules import RedemptionState, RewardContent, RewardKind
from tests.factories import make_program
from tests.rewards.shelf import make_redemption, make_reward
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, member_of
from tests.saleor.test_rewards_api import LONG_AGO, TEN, give_points, queries_of
from tests.saleor.test_tier_vouchers import add_code, complete, fill, prices
from tests.threads import in_threads

WHAT = """id name kind state code amount { amount currency } minimumAmount { amount } percentage
  variantId productIds validUntil pricePoints isGift reason createdAt orderId orderNumber
  reward { name isInStock } member { id } steps { state note }"""
REDEEM = f"""mutation($reward: ID!, $key: String!, $channel: String!) {{
  loyaltyRewardRedeem(reward: $reward, channel: $channel, key: $key) {{
    redemption {{ {WHAT} }} errors {{ field code obstacle message }} }} }}"""
GIVE = f"""mutation($member: ID!, $reward: ID!, $reason: String!, $key: String!) {{
  loyaltyRewardGive(memberId: $member, reward: $reward, channel: "main", reason: $reason,
    key: $key) {{ redemption {{ {WHAT} }} errors {{ field code obstacle message }} }} }}"""
CANCEL = """mutation($id: ID!, $note: String) { loyaltyRedemptionCancel(id: $id, note: $note) {
  redemption { state steps { state note } } errors { field code } } }"""
ADVANCE = """mutation($id: ID!, $state: LoyaltyRedemptionStateEnum!) {
  loyaltyRedemptionAdvance(id: $id, state: $state, note: "See you there") {
    redemption { state steps { state note actor } } errors { field code } } }"""
MINE = f"""query($states: [LoyaltyRedemptionStateEnum!]) {{ me {{ loyalty {{
  balance {{ availablePoints }}
  rewards(first: 10, states: $states) {{ totalCount edges {{ node {{ {WHAT} }} }} }} }} }} }}"""
QUEUE = f"""query($filter: LoyaltyRedemptionFilterInput, $sort: LoyaltyRedemptionSortingInput,
  $first: Int, $after: String) {{
  loyaltyRedemptions(first: $first, after: $after, filter: $filter, sortBy: $sort) {{
    totalCount pageInfo {{ endCursor }} edges {{ node {{ actor {WHAT} }} }} }} }}"""
OLDEST_FIRST = {"field": "CREATED_AT", "direction": "ASC"}


def redeem(client, reward, *, key="1", channel="main"):
    variables = {
        "reward": global_id("LoyaltyReward", reward.pk),
        "key": key,
        "channel": channel,
    }
    return ask(client, REDEEM, variables)["data"]["loyaltyRewardRedeem"]


def give(client, member, reward, *, key="1", reason="Sorry for the delay"):
    variables = {
        "member": global_id("LoyaltyMember", member.pk),
        "reward": global_id("LoyaltyReward", reward.pk),
        "reason": reason,
        "key": key,
    }
    return ask(client, GIVE, variables)["data"]["loyaltyRewardGive"]


def cancel(client, redemption_id, note=""):
    variables = {"id": redemption_id, "note": note}
    return ask(client, CANCEL, variables)["data"]["loyaltyRedemptionCancel"]


def advance(client, redemption_id, state):
    variables = {"id": redemption_id, "state": state}
    return ask(client, ADVANCE, variables)["data"]["loyaltyRedemptionAdvance"]


def mine(client, *states):
    loyalty = ask(client, MINE, {"states": list(states) or None})["data"]["me"]["loyalty"]
    rewards = [edge["node"] for edge in loyalty["rewards"]["edges"]]
    return loyalty["balance"]["availablePoints"], rewards


def queue(client, *, first=10, after=None, sort=None, **criteria):
    variables = {"filter": criteria, "sort": sort, "first": first, "after": after}
    return ask(client, QUEUE, variables)["data"]["loyaltyRedemptions"]


def codes_of(errors):
    return [(one["field"], one["code"]) for one in errors]


@pytest.fixture
def member(program, customer_user):
    """The customer, with 2500 points."""
    member = member_of(program, customer_user)
    give_points(member, 2500)
    return member


@pytest.fixture
def ten_off(program):
    return make_reward(program, content=RewardContent(amounts=TEN), now=LONG_AGO)


@pytest.fixture
def tour(program):
    return make_reward(
        program, RewardKind.EXPERIENCE, name="Tour", price_points=500, stock=2, now=LONG_AGO
    )


@pytest.fixture
def shop_open(channel_USD, product, shipping_method):
    """A shop with something to sell and ship, where unpaid checkouts become orders."""
    channel_USD.allow_unpaid_orders = True
    channel_USD.save()
    return channel_USD


@pytest.mark.usefixtures("shop_open")
def test_a_member_redeems_ten_off_and_uses_it_in_a_checkout(
    user_api_client, member, ten_off, product
):
    update_reward(reward_id=ten_off.pk, values={"valid_days": 30}, now=LONG_AGO)

    payload = redeem(user_api_client, ten_off)

    assert payload["errors"] == []
    had = payload["redemption"]
    assert (had["state"], had["pricePoints"], had["isGift"]) == ("OPEN", 1000, False)
    assert (had["amount"], had["reward"]["name"]) == (
        {"amount": 10.0, "currency": "USD"},
        "Ten off",
    )
    assert had["validUntil"] is not None
    assert mine(user_api_client) == (1500, [had])

    checkout_id = fill(user_api_client, product)
    attach(user_api_client, checkout_id)
    assert prices(user_api_client, checkout_id) == (10.0, 20.0)
    assert add_code(user_api_client, checkout_id, had["code"]) == []
    assert prices(user_api_client, checkout_id) == (10.0, 10.0)
    order = confirmed(complete(user_api_client, checkout_id))

    _, (used,) = mine(user_api_client, "USED")
    assert (used["orderNumber"], used["orderId"]) == (
        str(order.number),
        global_id("Order", order.pk),
    )
    assert [step["state"] for step in used["steps"]] == ["OPEN", "USED"]
    assert codes_of(cancel(user_api_client, had["id"])["errors"]) == [("id", "REDEMPTION_CLOSED")]
    assert mine(user_api_client, "OPEN")[1] == []


@pytest.mark.usefixtures("shop_open")
def test_a_code_on_an_order_that_waits_for_staff_cannot_be_cancelled(
    user_api_client, member, ten_off, product
):
    had = redeem(user_api_client, ten_off)["redemption"]
    checkout_id = fill(user_api_client, product)
    attach(user_api_client, checkout_id)
    add_code(user_api_client, checkout_id, had["code"])
    order = complete(user_api_client, checkout_id)
    assert order.status == OrderStatus.UNCONFIRMED
    sweep_orders_task()

    payload = cancel(user_api_client, had["id"])

    assert codes_of(payload["errors"]) == [("id", "REDEMPTION_CLOSED")]
    assert mine(user_api_client)[0] == 1500


def confirmed(order):
    """Confirm an order, as staff or its payment do."""
    order.status = OrderStatus.UNFULFILLED
    order.save()
    sweep_orders_task()
    return order


def attach(client, checkout_id):
    ask(
        client,
        """mutation($id: ID!) { checkoutCustomerAttach(id: $id) { errors { message } } }""",
        {"id": checkout_id},
    )


def test_the_same_key_again_redeems_once_and_never_another_reward(
    user_api_client, member, ten_off, tour
):
    first = redeem(user_api_client, ten_off, key="click-1")
    again = redeem(user_api_client, ten_off, key="click-1")
    other = redeem(user_api_client, tour, key="click-1")

    assert again == first
    assert codes_of(other["errors"]) == [("key", "IDEMPOTENCY_CONFLICT")]
    assert other["redemption"] is None
    assert mine(user_api_client)[0] == 1500
    assert Redemption.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "obstacle"),
    [
        ({"is_active": False}, "NOT_ACTIVE"),
        ({"starts_at": timezone.now() + datetime.timedelta(days=1)}, "NOT_STARTED"),
        ({"ends_at": LONG_AGO}, "OVER"),
        ({"stock": 0}, "OUT_OF_STOCK"),
        ({"price_points": 2501}, "POINTS"),
        ({"content": {"amounts": {"PLN": Decimal(40)}}}, "NOT_HERE"),
    ],
)
def test_what_cannot_be_redeemed_says_why_and_nothing_is_written(
    user_api_client, program, member, ten_off, values, obstacle
):
    values = dict(values)
    if "content" in values:
        values = {}
        ten_off.content = {"amounts": {"PLN": "40"}}
        ten_off.save()
    update_reward(reward_id=ten_off.pk, values=values, now=timezone.now())
    before = Entry.objects.count()

    payload = redeem(user_api_client, ten_off)

    assert payload["redemption"] is None
    (error,) = payload["errors"]
    assert (error["field"], error["code"], error["obstacle"]) == (
        "reward",
        "REWARD_UNAVAILABLE",
        obstacle,
    )
    assert (Redemption.objects.count(), VoucherCode.objects.count()) == (0, 0)
    assert Entry.objects.count() == before
    assert Balance.objects.get().available == 2500


def test_the_limit_of_a_period_holds_and_a_cancelled_one_does_not_count(
    user_api_client, member, tour
):
    update_reward(
        reward_id=tour.pk, values={"limit_count": 1, "limit_period": Period.YEAR}, now=LONG_AGO
    )

    first = redeem(user_api_client, tour)["redemption"]
    second = redeem(user_api_client, tour, key="2")
    assert cancel(user_api_client, first["id"])["errors"] == []
    third = redeem(user_api_client, tour, key="3")

    assert second["errors"][0]["obstacle"] == "LIMIT"
    assert third["errors"] == []
    assert Reward.objects.get().stock == 1


def test_who_cannot_redeem_is_told_so(user_api_client, program, ten_off):
    assert codes_of(redeem(user_api_client, ten_off)["errors"]) == [("reward", "NOT_A_MEMBER")]
    member_of(program, user_api_client.user)
    assert codes_of(redeem(user_api_client, ten_off, channel="nowhere")["errors"]) == [
        ("channel", "NOT_FOUND")
    ]
    assert codes_of(redeem(user_api_client, ten_off, key="")["errors"]) == [("key", "INVALID")]
    ten_off.pk = 0
    assert codes_of(redeem(user_api_client, ten_off)["errors"]) == [("reward", "NOT_FOUND")]
    assert Redemption.objects.count() == 0


def test_a_channel_of_another_programme_is_no_place_to_redeem(
    user_api_client, member, ten_off, channel_PLN
):
    payload = redeem(user_api_client, ten_off, channel=channel_PLN.slug)

    assert codes_of(payload["errors"]) == [("channel", "NO_PROGRAM")]
    assert Redemption.objects.count() == 0


def test_cancelling_gives_the_points_back_and_closes_the_code(
    user_api_client, member, ten_off, product, shop_open
):
    had = redeem(user_api_client, ten_off)["redemption"]

    payload = cancel(user_api_client, had["id"], "Changed my mind")
    again = cancel(user_api_client, had["id"])

    assert payload == {
        "redemption": {
            "state": "CANCELLED",
            "steps": [
                {"state": "OPEN", "note": ""},
                {"state": "CANCELLED", "note": "Changed my mind"},
            ],
        },
        "errors": [],
    }
    assert again == payload
    assert mine(user_api_client)[0] == 2500
    assert add_code(user_api_client, fill(user_api_client, product), had["code"]) != []


def test_nobody_cancels_what_is_another_members(
    user_api_client, staff_api_client, app_api_client, api_client, program, member, tour
):
    had = redeem(user_api_client, tour)["redemption"]
    member_of(program, staff_api_client.user)

    stranger = cancel(staff_api_client, had["id"])

    assert codes_of(stranger["errors"]) == [("id", "NOT_FOUND")]
    for client in (app_api_client, api_client):
        answer = ask(client, CANCEL, {"id": had["id"]})
        assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
    assert Redemption.objects.get().state == RedemptionState.ORDERED.value
    assert Balance.objects.get(member=member).available == 2000


def test_staff_fulfil_an_experience_step_by_step(user_api_client, loyalty_staff, member, tour):
    had = redeem(user_api_client, tour)["redemption"]
    assert (had["state"], had["code"]) == ("ORDERED", "")

    first = advance(loyalty_staff, had["id"], "IN_PROGRESS")
    owner = cancel(user_api_client, had["id"])
    done = advance(loyalty_staff, had["id"], "DONE")
    again = advance(loyalty_staff, had["id"], "DONE")
    back = advance(loyalty_staff, had["id"], "IN_PROGRESS")
    late = cancel(loyalty_staff, had["id"])

    assert first["redemption"]["state"] == "IN_PROGRESS"
    assert codes_of(owner["errors"]) == [("id", "REDEMPTION_CLOSED")]
    assert (done["errors"], done["redemption"]["state"]) == ([], "DONE")
    assert [step["state"] for step in again["redemption"]["steps"]] == [
        "ORDERED",
        "IN_PROGRESS",
        "DONE",
    ]
    assert again["redemption"]["steps"][1] == {
        "state": "IN_PROGRESS",
        "note": "See you there",
        "actor": f"user:{loyalty_staff.user.pk}",
    }
    for refused in (back, late):
        assert codes_of(refused["errors"]) == [("id", "REDEMPTION_CLOSED")]


def test_words_about_a_redemption_have_an_end(user_api_client, member, tour):
    had = redeem(user_api_client, tour)["redemption"]

    refused = cancel(user_api_client, had["id"], "x" * 1001)

    assert codes_of(refused["errors"]) == [("note", "INVALID")]
    assert Redemption.objects.get().state == RedemptionState.ORDERED.value
    assert cancel(user_api_client, had["id"], "x" * 1000)["errors"] == []


def test_staff_cancel_an_experience_with_points_back(user_api_client, loyalty_staff, member, tour):
    had = redeem(user_api_client, tour)["redemption"]
    advance(loyalty_staff, had["id"], "IN_PROGRESS")

    payload = cancel(loyalty_staff, had["id"], "The guide is ill")

    assert payload["redemption"]["state"] == "CANCELLED"
    points, (seen,) = mine(user_api_client)
    assert points == 2500
    assert seen["steps"][-1]["note"] == "The guide is ill"
    assert Reward.objects.get().stock == 2


def test_staff_surprise_a_member_within_the_budget(user_api_client, loyalty_staff, member, ten_off):
    update_reward(reward_id=ten_off.pk, values={"gift_count": 1}, now=LONG_AGO)

    given = give(loyalty_staff, member, ten_off)
    again = give(loyalty_staff, member, ten_off)
    spent = give(loyalty_staff, member, ten_off, key="2")
    silent = give(loyalty_staff, member, ten_off, key="3", reason=" ")

    assert given["errors"] == []
    assert again == given
    assert codes_of(spent["errors"]) == [("reward", "GIFT_BUDGET_SPENT")]
    assert codes_of(silent["errors"]) == [("reason", "INVALID")]
    points, (seen,) = mine(user_api_client)
    assert (points, seen) == (2500, given["redemption"])
    assert (seen["isGift"], seen["reason"], seen["pricePoints"]) == (True, "Sorry for the delay", 0)
    assert VoucherCode.objects.count() == 1


ADD_RULE = """mutation($program: ID!, $reward: ID) {
  loyaltyEarningRuleCreate(program: $program, input: {
    name: "A review", trigger: ACTIVITY, activity: "review", action: GIVE_REWARD, reward: $reward
  }) { earningRule { action reward { name } } errors { field code } } }"""
REPORT = """mutation($member: ID!) {
  loyaltyActivityReport(memberId: $member, name: "review", key: "4711") {
    points errors { field code } } }"""


def test_a_rule_that_staff_add_gives_a_reward_once_a_cause(
    user_api_client, loyalty_staff, program, member, ten_off
):
    variables = {
        "program": global_id("LoyaltyProgram", program.pk),
        "reward": global_id("LoyaltyReward", ten_off.pk),
    }
    added = ask(loyalty_staff, ADD_RULE, variables)["data"]["loyaltyEarningRuleCreate"]
    assert added == {
        "earningRule": {"action": "GIVE_REWARD", "reward": {"name": "Ten off"}},
        "errors": [],
    }

    for _ in range(2):
        ask(loyalty_staff, REPORT, {"member": global_id("LoyaltyMember", member.pk)})
    keep_rewards_task()

    points, (gift,) = mine(user_api_client)
    assert (points, gift["isGift"], gift["reason"], gift["state"]) == (
        2500,
        True,
        "A review",
        "OPEN",
    )
    assert VoucherCode.objects.get().code == gift["code"]


def test_a_rule_gives_no_reward_of_another_programme_or_none(
    loyalty_staff, program, ten_off, channel_PLN
):
    other = make_program(channel_ids=[channel_PLN.pk])
    wanted = global_id("LoyaltyReward", ten_off.pk)
    found = []
    for owner, reward in ((other, wanted), (program, None), (program, "x")):
        variables = {"program": global_id("LoyaltyProgram", owner.pk), "reward": reward}
        added = ask(loyalty_staff, ADD_RULE, variables)["data"]["loyaltyEarningRuleCreate"]
        found += codes_of(added["errors"])

    assert found == [("reward", "NOT_FOUND"), ("reward", "INVALID"), ("reward", "GRAPHQL_ERROR")]
    assert EarningRule.objects.count() == 0


def test_what_ran_out_is_seen_as_expired(user_api_client, member, ten_off):
    make_redemption(member, ten_off, state=RedemptionState.EXPIRED.value, valid_until=LONG_AGO)

    _, (seen,) = mine(user_api_client, "EXPIRED", "USED")

    assert (seen["state"], seen["validUntil"]) == ("EXPIRED", LONG_AGO.isoformat())
    assert mine(user_api_client, "OPEN")[1] == []


def test_the_queue_is_what_is_to_be_fulfilled_oldest_first(loyalty_staff, program, member, tour):
    ada = member_of(program, User.objects.create(email="ada@example.com", first_name="Ada"))
    states = ["ORDERED", "DONE", "IN_PROGRESS", "ORDERED"]
    for number, (owner, state) in enumerate(zip([member, ada, ada, ada], states, strict=True)):
        make_redemption(owner, tour, key=str(number), state=RedemptionState[state].value)

    open_states = {"states": ["ORDERED", "IN_PROGRESS"], "kinds": ["EXPERIENCE"]}
    found = queue(loyalty_staff, sort=OLDEST_FIRST, **open_states)

    ids = [edge["node"]["id"] for edge in found["edges"]]
    rows = Redemption.objects.exclude(state=RedemptionState.DONE.value).order_by("pk")
    assert ids == [global_id("LoyaltyRedemption", row.pk) for row in rows]
    assert found["totalCount"] == 3
    first = queue(loyalty_staff, sort=OLDEST_FIRST, first=2, **open_states)
    rest = queue(
        loyalty_staff,
        sort=OLDEST_FIRST,
        first=2,
        after=first["pageInfo"]["endCursor"],
        **open_states,
    )
    assert [edge["node"]["id"] for edge in (*first["edges"], *rest["edges"])] == ids
    newest = queue(loyalty_staff, **open_states)
    assert [edge["node"]["id"] for edge in newest["edges"]] == ids[::-1]

    def count(**criteria):
        return queue(loyalty_staff, **criteria)["totalCount"]

    assert count(member=global_id("LoyaltyMember", ada.pk)) == 3
    assert count(search="ada tour\0") == 3
    assert count(search="nobody") == 0
    assert count(program=global_id("LoyaltyProgram", program.pk + 1)) == 0
    assert count(kinds=["GIFT_CARD"]) == 0


def test_lists_take_as_many_queries_for_3_as_for_1(user_api_client, loyalty_staff, program, member):
    queries_of(user_api_client, MINE)  # the shop's own settings are read once and kept
    counted = []
    for number in range(3):
        reward = make_reward(program, RewardKind.EXPERIENCE, now=LONG_AGO)
        row = make_redemption(
            member,
            reward,
            key=str(number),
            state=RedemptionState.USED.value,
            order_id=f"order-{number}",
        )
        RedemptionStep.objects.create(redemption=row, state=row.state, at=LONG_AGO)
        variables = {"first": 10, "sort": OLDEST_FIRST}
        counted.append(
            (queries_of(user_api_client, MINE), queries_of(loyalty_staff, QUEUE, variables))
        )

    assert counted[2] == counted[0]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_32_requests_at_once_for_the_last_points_exactly_two_succeed(
    member, customer_user, ten_off
):
    def work(number: int):
        try:
            return redeem(ApiClient(user=customer_user), ten_off, key=str(number))
        finally:
            connections.close_all()

    payloads = in_threads(32, work)

    assert all(isinstance(payload, dict) for payload in payloads), payloads
    won = [one["redemption"] for one in payloads if one["redemption"]]
    lost = [one["errors"][0]["obstacle"] for one in payloads if not one["redemption"]]
    assert (len(won), lost) == (2, ["POINTS"] * 30)
    assert len({one["code"] for one in won}) == 2
    assert VoucherCode.objects.count() == 2
    assert Balance.objects.get().available == 500
    assert Redemption.objects.filter(state=RedemptionState.OPEN.value).count() == 2
    assert verify(now=timezone.now()) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_32_members_at_once_for_the_last_ones_in_stock_exactly_two_get_one(program, tour):
    users = [User.objects.create(email=f"m{n}@example.com", is_active=True) for n in range(32)]
    for user in users:
        give_points(member_of(program, user), 500)

    def work(number: int):
        try:
            return redeem(ApiClient(user=users[number]), tour)
        finally:
            connections.close_all()

    payloads = in_threads(32, work)

    assert all(isinstance(payload, dict) for payload in payloads), payloads
    assert sum(1 for one in payloads if one["redemption"]) == 2
    lost = [one["errors"][0]["obstacle"] for one in payloads if not one["redemption"]]
    assert lost == ["OUT_OF_STOCK"] * 30
    assert Reward.objects.get().stock == 0
    assert sorted(Balance.objects.values_list("available", flat=True)) == [0] * 2 + [500] * 30
    assert Member.objects.count() == 32
