"""What shoppers and staff get from the API, and what they do not."""

from datetime import timedelta
from decimal import Decimal

import graphene
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from saleor.account.models import User
from saleor.graphql.core.utils import to_global_id_or_none

from saleor_loyalty.adjustments.rules import AdjustmentReason
from saleor_loyalty.emails.operations import queue_emails
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.adjust_points import adjust_points
from saleor_loyalty.graphql.errors import CODES_AND_TEXTS, LoyaltyErrorCode, validation_error
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.plugin.tasks import sweep_orders_task
from saleor_loyalty.points.models import Entry
from saleor_loyalty.programs.models import Program
from tests.saleor.conftest import ask


def global_id(kind: str, pk) -> str:
    return graphene.Node.to_global_id(kind, pk)


def member_of(program, user) -> Member:
    membership = Membership(program.pk, user.pk)
    now = timezone.now()
    return enroll(joined={membership: now}, by=JoinedBy.CUSTOMER)[membership]


@pytest.fixture
def member(program, customer_user):
    """The customer, with 120 Stars given by hand."""
    member = member_of(program, customer_user)
    adjust_points(
        member_id=member.pk,
        points=120,
        reason=AdjustmentReason.GOODWILL,
        note="welcome",
        actor="user:1",
        now=timezone.now(),
    )
    return member


ME = """{ me { loyalty {
  id joinedAt program { name pointsName timeZone rates { currency pointsPerUnit priceBasis
    pointValue { amount currency } } }
  balance { availablePoints debtPoints value(currency: "usd") { amount currency }
    unknown: value(currency: "NOK") { amount } }
  entries(first: 5) { totalCount pageInfo { hasNextPage } edges { node {
    points reason note orderId orderNumber breakdown { earnedPoints } } } } } } }"""


def test_a_member_sees_their_status(user_api_client, member):
    loyalty = ask(user_api_client, ME)["data"]["me"]["loyalty"]

    assert loyalty["id"] == global_id("LoyaltyMember", member.pk)
    assert loyalty["program"] == {
        "name": "Aurora Club",
        "pointsName": "Stars",
        "timeZone": "UTC",
        "rates": [
            {
                "currency": "USD",
                "pointsPerUnit": 10.0,
                "priceBasis": "GROSS",
                "pointValue": {"amount": 0.01, "currency": "USD"},
            }
        ],
    }
    assert loyalty["balance"] == {
        "availablePoints": 120,
        "debtPoints": 0,
        "value": {"amount": 1.2, "currency": "USD"},
        "unknown": None,
    }
    assert loyalty["entries"]["totalCount"] == 1
    assert loyalty["entries"]["edges"][0]["node"] == {
        "points": 120,
        "reason": "GOODWILL",
        "note": "welcome",
        "orderId": None,
        "orderNumber": None,
        "breakdown": None,
    }


def test_who_is_no_member_gets_null(user_api_client, program):
    assert ask(user_api_client, ME)["data"]["me"]["loyalty"] is None


@pytest.mark.usefixtures("member")
def test_switched_off_a_members_status_is_null(user_api_client, plugin_on):
    plugin_on.active = False
    plugin_on.save()

    assert ask(user_api_client, ME) == {
        "data": {"me": {"loyalty": None}},
        "extensions": ask(user_api_client, ME)["extensions"],
    }


def test_the_history_pages_from_the_newest(user_api_client, member):
    for number in range(1, 6):
        adjust_points(
            member_id=member.pk,
            points=number,
            reason=AdjustmentReason.OTHER,
            note="x",
            actor="",
            now=timezone.now(),
        )
    page = """query($after: String) { me { loyalty { entries(first: 4, after: $after) {
        pageInfo { endCursor hasNextPage } edges { node { points } } } } } }"""

    first = ask(user_api_client, page)["data"]["me"]["loyalty"]["entries"]
    second = ask(user_api_client, page, {"after": first["pageInfo"]["endCursor"]})
    second = second["data"]["me"]["loyalty"]["entries"]

    assert [edge["node"]["points"] for edge in first["edges"]] == [5, 4, 3, 2]
    assert [edge["node"]["points"] for edge in second["edges"]] == [1, 120]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


def test_a_membership_is_chosen_by_programme_or_channel(
    user_api_client, member, channel_USD, channel_PLN
):
    chosen = """query($program: ID, $channel: String) {
        me { loyalty(program: $program, channel: $channel) { id } } }"""

    def found(**variables):
        loyalty = ask(user_api_client, chosen, variables)["data"]["me"]["loyalty"]
        return loyalty and loyalty["id"]

    mine = global_id("LoyaltyMember", member.pk)
    assert found(program=global_id("LoyaltyProgram", member.program_id)) == mine
    assert found(channel=channel_USD.slug) == mine
    assert found(program=global_id("LoyaltyProgram", 404)) is None
    assert found(channel=channel_PLN.slug) is None
    assert found(channel="nowhere") is None


OTHER = "query($id: ID!) { user(id: $id) { loyalty { balance { availablePoints } } } }"


def test_staff_see_a_members_status_with_our_permission_only(
    staff_api_client, member, permission_manage_users, permission_manage_loyalty
):
    staff_api_client.user.user_permissions.add(permission_manage_users)
    variables = {"id": global_id("User", member.user_id)}

    refused = ask(staff_api_client, OTHER, variables)
    staff_api_client.user.user_permissions.add(permission_manage_loyalty)
    staff_api_client.user = User.objects.get(pk=staff_api_client.user.pk)
    allowed = ask(staff_api_client, OTHER, variables)

    assert refused["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
    assert refused["data"]["user"]["loyalty"] is None
    assert allowed["data"]["user"]["loyalty"]["balance"]["availablePoints"] == 120


ORDER = """query($id: ID!) { order(id: $id) { loyalty {
  outcome points earnedPoints returnedPoints program { name } breakdown {
    merchandise { amount currency } pointsPerUnit priceBasis } } } }"""


@pytest.fixture
def settled_order(program, paid_order):
    """A paid order that earned 861 Stars."""
    sweep_orders_task()
    return paid_order


def test_a_customer_sees_what_their_order_earned(user_api_client, settled_order):
    answer = ask(user_api_client, ORDER, {"id": global_id("Order", settled_order.pk)})

    assert answer["data"]["order"]["loyalty"] == {
        "outcome": "EARNED",
        "points": 861,
        "earnedPoints": 861,
        "returnedPoints": 0,
        "program": {"name": "Aurora Club"},
        "breakdown": {
            "merchandise": {"amount": 86.1, "currency": "USD"},
            "pointsPerUnit": 10.0,
            "priceBasis": "GROSS",
        },
    }


@pytest.mark.parametrize("who", ["api_client", "user2_api_client", "staff_api_client"])
def test_nobody_else_does(who, request, settled_order):
    client = request.getfixturevalue(who)

    answer = ask(client, ORDER, {"id": global_id("Order", settled_order.pk)})

    assert answer["data"]["order"]["loyalty"] is None
    assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


def test_an_order_that_is_not_settled_is_null(user_api_client, paid_order, program):
    variables = {"id": global_id("Order", paid_order.pk)}

    assert ask(user_api_client, ORDER, variables)["data"]["order"]["loyalty"] is None


def test_of_a_guests_order_only_managers_see_why_it_earned_nothing(
    api_client, loyalty_staff, paid_order, program
):
    paid_order.user = None
    paid_order.user_email = "guest@example.com"
    paid_order.save()
    sweep_orders_task()
    variables = {"id": global_id("Order", paid_order.pk)}

    guest = ask(api_client, ORDER, variables)
    staff = ask(loyalty_staff, ORDER, variables)

    assert guest["data"]["order"]["loyalty"] is None
    assert "errors" not in guest
    assert staff["data"]["order"]["loyalty"]["outcome"] == "NO_ACCOUNT"


def test_a_guests_order_is_seen_by_the_member_it_was_credited_to(
    user_api_client, api_client, paid_order, program
):
    paid_order.user = None
    paid_order.save()
    sweep_orders_task()
    variables = {"id": global_id("Order", paid_order.pk)}

    mine = ask(user_api_client, ORDER, variables)

    assert mine["data"]["order"]["loyalty"]["points"] == 861
    assert ask(api_client, ORDER, variables)["data"]["order"]["loyalty"] is None


def test_two_adjustments_in_one_request_each_show_their_balance(loyalty_staff, member):
    document = """mutation($id: ID!) {
      a: loyaltyPointsAdjust(input: {memberId: $id, points: 5, reason: OTHER, note: "x"}) {
        member { balance { availablePoints } } errors { code } }
      b: loyaltyPointsAdjust(input: {memberId: $id, points: 7, reason: OTHER, note: "y"}) {
        member { balance { availablePoints } } errors { code } } }"""

    data = ask(loyalty_staff, document, {"id": global_id("LoyaltyMember", member.pk)})["data"]

    shown = [data[name]["member"]["balance"]["availablePoints"] for name in "ab"]
    assert shown == [125, 132]


def test_the_history_names_the_order(user_api_client, settled_order):
    node = ask(user_api_client, ME)["data"]["me"]["loyalty"]["entries"]["edges"][0]["node"]

    assert node == {
        "points": 861,
        "reason": "ORDER_EARNED",
        "note": "",
        "orderId": global_id("Order", settled_order.pk),
        "orderNumber": str(settled_order.number),
        "breakdown": {"earnedPoints": 861},
    }


CHECKOUT = """query($id: ID!) { checkout(id: $id) {
  subtotalPrice { gross { amount } }
  loyalty { pointsToEarn program { name } } } }"""


def points_to_earn(client, checkout):
    answer = ask(client, CHECKOUT, {"id": to_global_id_or_none(checkout)})
    assert "errors" not in answer, answer
    return answer["data"]["checkout"]


def test_a_guests_checkout_shows_what_it_would_earn(api_client, program, checkout_with_items):
    shown = points_to_earn(api_client, checkout_with_items)

    subtotal = Decimal(str(shown["subtotalPrice"]["gross"]["amount"]))
    assert subtotal > 0
    assert shown["loyalty"] == {
        "pointsToEarn": int(subtotal * 10),
        "program": {"name": "Aurora Club"},
    }


def test_a_voucher_lowers_what_a_checkout_would_earn(
    api_client, program, checkout_with_item, voucher, channel_USD
):
    from saleor.checkout.fetch import fetch_checkout_info, fetch_checkout_lines
    from saleor.checkout.utils import add_voucher_to_checkout
    from saleor.plugins.manager import get_plugins_manager

    before = points_to_earn(api_client, checkout_with_item)["loyalty"]["pointsToEarn"]
    manager = get_plugins_manager(allow_replica=False)
    lines, _ = fetch_checkout_lines(checkout_with_item)
    info = fetch_checkout_info(checkout_with_item, lines, manager)
    add_voucher_to_checkout(manager, info, lines, voucher, voucher.codes.first())
    checkout_with_item.price_expiration = timezone.now()
    checkout_with_item.save()

    after = points_to_earn(api_client, checkout_with_item)["loyalty"]["pointsToEarn"]

    assert (before, after) == (300, 100)


def test_gift_cards_in_a_checkout_earn_nothing(
    api_client, program, checkout_with_item, shippable_gift_card_product
):
    checkout_with_item.lines.create(
        variant=shippable_gift_card_product.variants.get(),
        quantity=1,
        currency="USD",
        undiscounted_unit_price_amount=Decimal(90),
    )
    checkout_with_item.price_expiration = timezone.now()
    checkout_with_item.save()

    shown = points_to_earn(api_client, checkout_with_item)

    assert shown["subtotalPrice"]["gross"]["amount"] > 30
    assert shown["loyalty"]["pointsToEarn"] == 300


def test_without_a_rate_or_a_programme_a_checkout_shows_nothing(
    api_client, program, checkout_with_items
):
    program.rates.update(currency="EUR")
    assert points_to_earn(api_client, checkout_with_items)["loyalty"] is None

    program.channels.update(valid_until=timezone.now())
    assert points_to_earn(api_client, checkout_with_items)["loyalty"] is None


def test_an_empty_checkout_would_earn_nothing(api_client, program, checkout):
    assert points_to_earn(api_client, checkout)["loyalty"]["pointsToEarn"] == 0


PROGRAM = "query($channel: String!) { loyaltyProgram(channel: $channel) { name } }"


def test_anybody_sees_the_programme_of_a_channel(api_client, program, channel_USD):
    def found(slug):
        return ask(api_client, PROGRAM, {"channel": slug})["data"]["loyaltyProgram"]

    assert found(channel_USD.slug) == {"name": "Aurora Club"}
    assert found("nowhere") is None
    Program.objects.update(is_active=False)
    assert found(channel_USD.slug) is None


def test_the_channels_of_a_programme_are_for_staff(api_client, loyalty_staff, program, channel_USD):
    document = """query($channel: String!) { loyaltyProgram(channel: $channel) {
        channels { slug } } }"""

    refused = ask(api_client, document, {"channel": channel_USD.slug})
    allowed = ask(loyalty_staff, document, {"channel": channel_USD.slug})

    assert refused["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
    assert allowed["data"]["loyaltyProgram"]["channels"] == [{"slug": channel_USD.slug}]


CREATE = """mutation($input: LoyaltyProgramInput!) { loyaltyProgramCreate(input: $input) {
  loyaltyProgram { id name pointsName enrollment guestOrderDays isActive channels { slug }
    rates { currency pointsPerUnit priceBasis } }
  errors { field code message } } }"""
UPDATE = """mutation($id: ID!, $input: LoyaltyProgramInput!) {
  loyaltyProgramUpdate(id: $id, input: $input) {
    loyaltyProgram { name enrollment rates { currency pointsPerUnit } }
    errors { field code message } } }"""


@pytest.mark.usefixtures("plugin_on")
def test_staff_create_and_change_a_programme(loyalty_staff, channel_USD, channel_PLN):
    created = ask(
        loyalty_staff,
        CREATE,
        {
            "input": {
                "name": "Aurora Club",
                "pointsName": "Stars",
                "enrollment": "ON_REQUEST",
                "priceBasis": "NET",
                "channels": [global_id("Channel", channel_USD.pk)],
                "rates": [{"currency": "usd", "pointsPerUnit": 0.5, "pointValue": 0.02}],
            }
        },
    )["data"]["loyaltyProgramCreate"]
    changed = ask(
        loyalty_staff,
        UPDATE,
        {
            "id": created["loyaltyProgram"]["id"],
            "input": {
                "name": "Aurora Circle",
                "rates": [{"currency": "PLN", "pointsPerUnit": 2, "pointValue": "0.01"}],
            },
        },
    )["data"]["loyaltyProgramUpdate"]

    assert created["errors"] == []
    assert created["loyaltyProgram"] == {
        "id": created["loyaltyProgram"]["id"],
        "name": "Aurora Club",
        "pointsName": "Stars",
        "enrollment": "ON_REQUEST",
        "guestOrderDays": 30,
        "isActive": True,
        "channels": [{"slug": channel_USD.slug}],
        "rates": [{"currency": "USD", "pointsPerUnit": 0.5, "priceBasis": "NET"}],
    }
    assert changed["errors"] == []
    assert changed["loyaltyProgram"] == {
        "name": "Aurora Circle",
        "enrollment": "ON_REQUEST",
        "rates": [{"currency": "PLN", "pointsPerUnit": 2.0}],
    }


RATES = [{"currency": "USD", "pointsPerUnit": 1, "pointValue": 0.01}]


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"rates": RATES}, "name", "INVALID"),
        ({"name": "Second"}, "rates", "INVALID"),
        ({"name": "Second", "rates": RATES, "timeZone": "Moon"}, "timeZone", "INVALID"),
        ({"name": "Second", "rates": RATES, "guestOrderDays": -1}, "guestOrderDays", "INVALID"),
        ({"name": "Second", "rates": RATES, "channels": ["taken"]}, "channels", "CHANNEL_TAKEN"),
        ({"name": "Second", "rates": RATES, "channels": ["gone"]}, "channels", "NOT_FOUND"),
        ({"name": "Second", "rates": RATES, "channels": ["?"]}, "channels", "GRAPHQL_ERROR"),
    ],
)
def test_a_bad_programme_is_refused_by_field_and_nothing_is_written(
    loyalty_staff, program, channel_USD, values, field, code
):
    ids = {"taken": global_id("Channel", channel_USD.pk), "gone": global_id("Channel", 99999)}
    values = {**values}
    if "channels" in values:
        values["channels"] = [ids.get(one, one) for one in values["channels"]]

    payload = ask(loyalty_staff, CREATE, {"input": values})["data"]["loyaltyProgramCreate"]

    assert [(error["field"], error["code"]) for error in payload["errors"]] == [(field, code)]
    assert payload["errors"][0]["message"]
    assert payload["loyaltyProgram"] is None
    assert Program.objects.count() == 1


def test_an_unknown_programme_cannot_be_changed(loyalty_staff, program):
    variables = {"id": global_id("LoyaltyProgram", 404), "input": {"name": "x"}}

    payload = ask(loyalty_staff, UPDATE, variables)["data"]["loyaltyProgramUpdate"]

    assert payload["errors"][0]["code"] == "NOT_FOUND"


JOIN = """mutation($channel: String!) { loyaltyJoin(channel: $channel) {
  member { id program { name } balance { availablePoints } } errors { field code } } }"""


def test_a_customer_joins_once(user_api_client, program, channel_USD):
    first = ask(user_api_client, JOIN, {"channel": channel_USD.slug})["data"]["loyaltyJoin"]
    again = ask(user_api_client, JOIN, {"channel": channel_USD.slug})["data"]["loyaltyJoin"]

    assert first["errors"] == []
    assert first["member"]["program"] == {"name": "Aurora Club"}
    assert first["member"]["balance"] == {"availablePoints": 0}
    assert again == first
    assert Member.objects.count() == 1


def test_joining_where_there_is_nothing_to_join_is_a_typed_error(
    user_api_client, program, channel_PLN
):
    for slug, code in ((channel_PLN.slug, "NO_PROGRAM"), ("nowhere", "NOT_FOUND")):
        payload = ask(user_api_client, JOIN, {"channel": slug})["data"]["loyaltyJoin"]
        assert payload["errors"] == [{"field": "channel", "code": code}]
    assert Member.objects.count() == 0


ADJUST = """mutation($input: LoyaltyPointsAdjustInput!) { loyaltyPointsAdjust(input: $input) {
  member { balance { availablePoints } entries(first: 1) { edges { node {
    points note actor } } } } errors { field code message } } }"""


def adjust(client, member, points, **values):
    variables = {
        "memberId": global_id("LoyaltyMember", member.pk),
        "points": points,
        "reason": "CORRECTION",
        "note": "parcel was late",
        **values,
    }
    return ask(client, ADJUST, {"input": variables})["data"]["loyaltyPointsAdjust"]


def test_staff_adjust_points_for_a_reason(loyalty_staff, member):
    payload = adjust(loyalty_staff, member, -20, idempotencyKey="ticket-7")
    again = adjust(loyalty_staff, member, -20, idempotencyKey="ticket-7")

    assert payload["errors"] == []
    assert payload["member"]["balance"]["availablePoints"] == 100
    assert payload["member"]["entries"]["edges"][0]["node"] == {
        "points": -20,
        "note": "parcel was late",
        "actor": f"user:{loyalty_staff.user.pk}",
    }
    assert again["member"]["balance"]["availablePoints"] == 100


def test_an_app_is_named_as_the_actor(app_api_client, member, permission_manage_loyalty):
    app_api_client.app.permissions.add(permission_manage_loyalty)

    payload = adjust(app_api_client, member, 5)

    node = payload["member"]["entries"]["edges"][0]["node"]
    assert node["actor"] == f"app:{app_api_client.app.pk}"


@pytest.mark.parametrize(
    ("points", "values", "field", "code"),
    [
        (-122, {}, "points", "INSUFFICIENT_POINTS"),
        (0, {}, "points", "INVALID"),
        (2_000_000_000, {}, "points", "INVALID"),
        (5, {"note": " "}, "note", "INVALID"),
        (5, {"idempotencyKey": "used"}, "idempotencyKey", "IDEMPOTENCY_CONFLICT"),
        (5, {"memberId": "TG95YWx0eU1lbWJlcjo0MDQ="}, "memberId", "NOT_FOUND"),
        (5, {"memberId": "nonsense"}, "memberId", "GRAPHQL_ERROR"),
        (5, {"memberId": "TG95YWx0eU1lbWJlcjphYmM="}, "memberId", "GRAPHQL_ERROR"),
    ],
)
def test_bad_adjustments_are_refused_typed_and_write_nothing(
    loyalty_staff, member, points, values, field, code
):
    adjust(loyalty_staff, member, 1, idempotencyKey="used")
    before = Entry.objects.count()

    payload = adjust(loyalty_staff, member, points, **values)

    assert [(error["field"], error["code"]) for error in payload["errors"]] == [(field, code)]
    assert payload["errors"][0]["message"]
    assert Entry.objects.count() == before


STAFF_QUERIES = {
    "loyaltyPrograms": "{ loyaltyPrograms(first: 1) { edges { node { id } } } }",
    "loyaltyMember": '{ loyaltyMember(id: "TG95YWx0eU1lbWJlcjox") { id } }',
    "loyaltyMembers": "{ loyaltyMembers(first: 1) { edges { node { id } } } }",
    "loyaltyEmails": "{ loyaltyEmails(first: 1) { edges { node { id } } } }",
    "loyaltyProgramCreate": 'mutation { loyaltyProgramCreate(input: {name: "x"}) {'
    " errors { code } } }",
    "loyaltyProgramUpdate": 'mutation { loyaltyProgramUpdate(id: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyPointsAdjust": 'mutation { loyaltyPointsAdjust(input: {memberId: "x", points: 1,'
    ' reason: OTHER, note: "x"}) { errors { code } } }',
    "loyaltyEarningRules": '{ loyaltyEarningRules(program: "TG95YWx0eVByb2dyYW06MQ==") { id } }',
    "loyaltyAdjustments": "{ loyaltyAdjustments(first: 1) { edges { node { id } } } }",
    "loyaltyAdjustmentApprove": 'mutation { loyaltyAdjustmentApprove(id: "x") { errors { code } } }',
    "loyaltyAdjustmentReject": 'mutation { loyaltyAdjustmentReject(id: "x") { errors { code } } }',
    "loyaltyPointsRelease": 'mutation { loyaltyPointsRelease(memberId: "x") { errors { code } } }',
    "loyaltyDebtForgive": 'mutation { loyaltyDebtForgive(memberId: "x", note: "x") {'
    " errors { code } } }",
    "loyaltyActivityReport": 'mutation { loyaltyActivityReport(memberId: "x", name: "review",'
    ' key: "1") { errors { code } } }',
    "loyaltyMembersMerge": 'mutation { loyaltyMembersMerge(memberId: "x", intoId: "y") {'
    " errors { code } } }",
    "loyaltyEarningRuleCreate": 'mutation { loyaltyEarningRuleCreate(program: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyEarningRuleUpdate": 'mutation { loyaltyEarningRuleUpdate(id: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyEarningRuleDelete": 'mutation { loyaltyEarningRuleDelete(id: "x") {'
    " errors { code } } }",
    "loyaltyEarningRulePreview": 'mutation { loyaltyEarningRulePreview(program: "x", order: "y",'
    " input: {}) { errors { code } } }",
    "loyaltyTierLadderUpdate": 'mutation { loyaltyTierLadderUpdate(program: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyTierCreate": 'mutation { loyaltyTierCreate(program: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyTierUpdate": 'mutation { loyaltyTierUpdate(id: "x", input: {}) { errors { code } } }',
    "loyaltyTierReorder": 'mutation { loyaltyTierReorder(program: "x", tiers: []) {'
    " errors { code } } }",
    "loyaltyTierDelete": 'mutation { loyaltyTierDelete(id: "x") { errors { code } } }',
    "loyaltyTierPreview": 'mutation { loyaltyTierPreview(program: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyTierAssign": 'mutation { loyaltyTierAssign(memberId: "x", tier: "y", reason: "z") {'
    " errors { code } } }",
    "loyaltyTierAssignmentEnd": 'mutation { loyaltyTierAssignmentEnd(memberId: "x", reason: "z") {'
    " errors { code } } }",
    "loyaltyRewards": '{ loyaltyRewards(program: "TG95YWx0eVByb2dyYW06MQ==") { id } }',
    "loyaltyRedemptions": "{ loyaltyRedemptions(first: 1) { edges { node { id } } } }",
    "loyaltyRewardCreate": 'mutation { loyaltyRewardCreate(program: "x", kind: EXPERIENCE,'
    " input: {}) { errors { code } } }",
    "loyaltyRewardUpdate": 'mutation { loyaltyRewardUpdate(id: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyRewardReorder": 'mutation { loyaltyRewardReorder(program: "x", rewards: []) {'
    " errors { code } } }",
    "loyaltyRewardDelete": 'mutation { loyaltyRewardDelete(id: "x") { errors { code } } }',
    "loyaltyRewardGive": 'mutation { loyaltyRewardGive(memberId: "x", reward: "y",'
    ' channel: "main", reason: "z", key: "1") { errors { code } } }',
    "loyaltyRedemptionAdvance": 'mutation { loyaltyRedemptionAdvance(id: "x", state: DONE) {'
    " errors { code } } }",
    "loyaltyEmailAddressFailures": "{ loyaltyEmailAddressFailures(first: 1) { edges {"
    " node { address } } } }",
    "loyaltyEmailTexts": "{ loyaltyEmailTexts(kind: WELCOME, languageCode: EN) { kind } }",
    "loyaltyConsentRecord": 'mutation { loyaltyConsentRecord(member: "x", isGiven: true,'
    " source: STAFF) { errors { code } } }",
    "loyaltyMailingUpdate": 'mutation { loyaltyMailingUpdate(program: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyEmailSettingUpdate": 'mutation { loyaltyEmailSettingUpdate(program: "x",'
    " kind: WELCOME, input: {}) { errors { code } } }",
    "loyaltyEmailTextsUpdate": "mutation { loyaltyEmailTextsUpdate(kind: WELCOME,"
    " languageCode: EN, input: {}) { errors { code } } }",
    "loyaltyEmailTextsReset": "mutation { loyaltyEmailTextsReset(kind: WELCOME,"
    " languageCode: EN) { errors { code } } }",
    "loyaltyEmailTextsRestore": 'mutation { loyaltyEmailTextsRestore(id: "x") {'
    " errors { code } } }",
    "loyaltyEmailPreview": "mutation { loyaltyEmailPreview(kind: WELCOME, languageCode: EN) {"
    " errors { code } } }",
    "loyaltyEmailTestSend": "mutation { loyaltyEmailTestSend(kind: WELCOME, languageCode: EN) {"
    " errors { code } } }",
    "loyaltyEmailSendAgain": 'mutation { loyaltyEmailSendAgain(id: "x") { errors { code } } }',
    "loyaltyEmailBounceReport": 'mutation { loyaltyEmailBounceReport(address: "x") {'
    " errors { code } } }",
    "loyaltyEmailAddressClear": 'mutation { loyaltyEmailAddressClear(address: "x") {'
    " errors { code } } }",
    "loyaltyStaffEvents": "{ loyaltyStaffEvents(first: 1) { edges { node { id } } } }",
    "loyaltyEventWavePreview": '{ loyaltyEventWavePreview(eventId: "TG95YWx0eUV2ZW50OjE=") {'
    " members } }",
    "loyaltyEventCreate": 'mutation { loyaltyEventCreate(program: "x", input: {}) {'
    " errors { code } } }",
    "loyaltyEventUpdate": 'mutation { loyaltyEventUpdate(id: "x", input: {}) { errors { code } } }',
    "loyaltyEventPublish": 'mutation { loyaltyEventPublish(id: "x") { errors { code } } }',
    "loyaltyEventCancel": 'mutation { loyaltyEventCancel(id: "x") { errors { code } } }',
    "loyaltyEventDelete": 'mutation { loyaltyEventDelete(id: "x") { errors { code } } }',
    "loyaltyEventDoorChange": 'mutation { loyaltyEventDoorChange(id: "x") { errors { code } } }',
    "loyaltyEventInvite": 'mutation { loyaltyEventInvite(eventId: "x", memberIds: []) {'
    " errors { code } } }",
    "loyaltyInvitationRemove": 'mutation { loyaltyInvitationRemove(id: "x") { errors { code } } }',
    "loyaltyEventCheckIn": 'mutation { loyaltyEventCheckIn(code: "x") { errors { code } } }',
    "loyaltyEventWalkIn": 'mutation { loyaltyEventWalkIn(eventId: "x", memberId: "y") {'
    " errors { code } } }",
}

OPEN_TO_ALL = {
    "loyaltyProgram": '{ loyaltyProgram(channel: "main") { id } }',
    "loyaltyJoin": 'mutation { loyaltyJoin(channel: "main") { errors { code } } }',
    "loyaltyBirthdayUpdate": 'mutation { loyaltyBirthdayUpdate(channel: "main") {'
    " errors { code } } }",
    "loyaltyRewardRedeem": 'mutation { loyaltyRewardRedeem(reward: "x", channel: "main",'
    ' key: "1") { errors { code } } }',
    "loyaltyRedemptionCancel": 'mutation { loyaltyRedemptionCancel(id: "x") { errors { code } } }',
    "loyaltyPreferencesUpdate": 'mutation { loyaltyPreferencesUpdate(channel: "main", input: {}) {'
    " errors { code } } }",
    "loyaltyPersonalDaysUpdate": 'mutation { loyaltyPersonalDaysUpdate(channel: "main",'
    " days: []) { errors { code } } }",
    "loyaltyPreferencesByToken": '{ loyaltyPreferencesByToken(token: "x") { maskedEmail } }',
    "loyaltyPreferencesUpdateByToken": 'mutation { loyaltyPreferencesUpdateByToken(token: "x",'
    " input: {}) { errors { code } } }",
    "loyaltyEvents": '{ loyaltyEvents(channel: "main", first: 1) { edges { node { id } } } }',
    "loyaltyEvent": '{ loyaltyEvent(id: "TG95YWx0eUV2ZW50OjE=") { id } }',
    "loyaltyInvitationRespond": 'mutation { loyaltyInvitationRespond(id: "x", accept: true) {'
    " errors { code } } }",
    "loyaltyEventJoin": 'mutation { loyaltyEventJoin(eventId: "x") { errors { code } } }',
    "loyaltyEventLeave": 'mutation { loyaltyEventLeave(eventId: "x") { errors { code } } }',
    "loyaltyEventFeedback": 'mutation { loyaltyEventFeedback(id: "x", score: 5) {'
    " errors { code } } }",
}
FOR_CUSTOMERS = [
    "loyaltyJoin",
    "loyaltyBirthdayUpdate",
    "loyaltyRewardRedeem",
    "loyaltyPreferencesUpdate",
    "loyaltyPersonalDaysUpdate",
    "loyaltyInvitationRespond",
    "loyaltyEventJoin",
    "loyaltyEventLeave",
    "loyaltyEventFeedback",
]


@pytest.mark.parametrize("field", STAFF_QUERIES)
@pytest.mark.parametrize(
    "who", ["api_client", "user_api_client", "staff_api_client", "app_api_client"]
)
def test_staff_fields_need_our_permission(field, who, request, program):
    client = request.getfixturevalue(who)

    answer = ask(client, STAFF_QUERIES[field])

    assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
    assert Program.objects.count() == 1


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("field", FOR_CUSTOMERS)
def test_what_members_do_for_themselves_needs_a_customer(field, api_client, app_api_client):
    for client in (api_client, app_api_client):
        answer = ask(client, OPEN_TO_ALL[field])
        assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


def test_the_permission_test_knows_every_field_of_ours():
    from tests.saleor.test_schema import OUR_FIELDS

    assert set(OUR_FIELDS["Query"]) | set(OUR_FIELDS["Mutation"]) == (
        set(STAFF_QUERIES) | set(OPEN_TO_ALL)
    )


@pytest.mark.parametrize("field", [*STAFF_QUERIES, *OPEN_TO_ALL])
@pytest.mark.usefixtures("plugin_off")
def test_switched_off_queries_are_null_and_mutations_say_so(superuser_api_client, field):
    document = (STAFF_QUERIES | OPEN_TO_ALL)[field]

    answer = ask(superuser_api_client, document)

    assert "errors" not in answer
    expected = {"errors": [{"code": "DISABLED"}]} if document.startswith("mutation") else None
    assert answer["data"] == {field: expected}
    assert Program.objects.count() == 0


MEMBERS = """query($filter: LoyaltyMemberFilterInput, $first: Int!) {
  loyaltyMembers(first: $first, filter: $filter) { totalCount edges { node {
    id joinedAt user { email } program { name rates { currency } }
    balance { availablePoints value(currency: "USD") { amount } } } } } }"""


@pytest.fixture
def members(program):
    """Five members of the programme."""
    users = [
        User.objects.create(email=f"user{n}@example.com", first_name=f"Name{n}") for n in range(5)
    ]
    return [member_of(program, user) for user in users]


def test_staff_list_and_find_members(loyalty_staff, members, permission_manage_users):
    loyalty_staff.user.user_permissions.add(permission_manage_users)

    def found(**criteria):
        answer = ask(loyalty_staff, MEMBERS, {"first": 10, "filter": criteria})
        edges = answer["data"]["loyaltyMembers"]["edges"]
        return [edge["node"]["user"]["email"] for edge in edges]

    program_id = global_id("LoyaltyProgram", members[0].program_id)
    assert len(found()) == 5
    assert found(search="NAME3") == ["user3@example.com"]
    assert found(search="user2@ example") == ["user2@example.com"]
    assert found(search="nobody") == []
    assert len(found(program=program_id)) == 5
    assert found(program=global_id("LoyaltyProgram", 404)) == []


def test_a_member_whose_account_is_gone_is_still_listed(loyalty_staff, members):
    User.objects.filter(pk=members[0].user_id).delete()

    answer = ask(loyalty_staff, MEMBERS, {"first": 10})

    assert answer["data"]["loyaltyMembers"]["totalCount"] == 5
    assert answer["data"]["loyaltyMembers"]["edges"][0]["node"]["user"] is None


def test_a_member_by_id(loyalty_staff, member):
    document = "query($id: ID!) { loyaltyMember(id: $id) { balance { availablePoints } } }"

    found = ask(loyalty_staff, document, {"id": global_id("LoyaltyMember", member.pk)})
    unknown = ask(loyalty_staff, document, {"id": global_id("LoyaltyMember", 404)})
    wrong = ask(loyalty_staff, document, {"id": global_id("User", 1)})
    odd = ask(loyalty_staff, document, {"id": global_id("LoyaltyMember", "abc")})

    assert found["data"]["loyaltyMember"]["balance"]["availablePoints"] == 120
    assert unknown["data"]["loyaltyMember"] is None
    assert odd["data"]["loyaltyMember"] is None
    assert "Expected: LoyaltyMember" in wrong["errors"][0]["message"]


def queries_of(client, document, variables) -> int:
    ask(client, document, variables)  # Saleor caches the site and permissions at first
    with CaptureQueriesContext(connection) as captured:
        answer = ask(client, document, variables)
    assert "errors" not in answer, answer
    return len(captured)


def test_a_list_of_members_takes_as_many_queries_for_3_as_for_1(loyalty_staff, members):
    one, three = (queries_of(loyalty_staff, MEMBERS, {"first": n}) for n in (1, 3))

    assert three == one


def test_a_list_of_orders_takes_as_many_queries_for_3_as_for_1(
    loyalty_staff, order_generator, program, permission_group_manage_orders
):
    permission_group_manage_orders.user_set.add(loyalty_staff.user)
    for _ in range(3):
        order_generator()
    sweep_orders_task()
    document = """query($first: Int!) { orders(first: $first) { edges { node {
        loyalty { points program { name } breakdown { earnedPoints } } } } } }"""

    one, three = (queries_of(loyalty_staff, document, {"first": n}) for n in (1, 3))

    assert three == one


def test_the_programmes_list_takes_as_many_queries_for_2_as_for_1(loyalty_staff, program):
    Program.objects.create(name="Second", created_at=timezone.now(), updated_at=timezone.now())
    document = """query($first: Int!) { loyaltyPrograms(first: $first) { edges { node {
        name rates { currency } channels { slug } } } } }"""

    one, two = (queries_of(loyalty_staff, document, {"first": n}) for n in (1, 2))

    assert two == one


def test_staff_see_the_mails_and_what_is_wrong_with_them(loyalty_staff, plugin_on):
    from saleor_loyalty.plugin.tasks import send_due_emails_task

    queue_emails(
        requests=[
            EmailRequest(
                key="thank_you:1",
                kind=EmailKind.THANK_YOU,
                channel_id=None,
                recipient="ada@example.com",
                language_code="en",
                facts={},
            )
        ],
        now=timezone.now() - timedelta(minutes=1),
    )
    send_due_emails_task()
    document = """query($status: LoyaltyEmailStatusEnum) {
        loyaltyEmails(first: 5, status: $status) { edges { node {
          kind status recipient languageCode attempts error sentAt } } } }"""

    queued = ask(loyalty_staff, document, {"status": "QUEUED"})["data"]["loyaltyEmails"]["edges"]
    sent = ask(loyalty_staff, document, {"status": "SENT"})["data"]["loyaltyEmails"]["edges"]

    assert sent == []
    node = queued[0]["node"]
    assert (node["kind"], node["recipient"], node["attempts"]) == (
        "THANK_YOU",
        "ada@example.com",
        1,
    )
    assert "TemplateBroken" in node["error"]


def _errors_of(base: type[LoyaltyError]) -> set[type[LoyaltyError]]:
    return {base} | {found for one in base.__subclasses__() for found in _errors_of(one)}


def test_every_error_of_the_engine_has_its_code_and_words():
    from saleor_loyalty.graphql import schema

    assert schema is not None
    assert set(CODES_AND_TEXTS) == _errors_of(LoyaltyError) - {LoyaltyError}
    assert {code for code, _ in CODES_AND_TEXTS.values()} <= set(LoyaltyErrorCode)


def test_an_errors_words_carry_its_data():
    from saleor_loyalty.points.rules import InsufficientPoints

    error = validation_error(InsufficientPoints(field="points", available=3, asked=5))

    assert error.messages == ["The member has 3 points available, 5 were asked for."]
