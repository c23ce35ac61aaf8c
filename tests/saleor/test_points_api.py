"""Balances, adjustments, activities and merges on the API."""

import json
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from saleor.account.models import User

from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.members.models import Member
from saleor_loyalty.plugin.tasks import (
    hourly_task,
    move_due_points_task,
    settle_due_orders_task,
    sweep_orders_task,
)
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award, Take
from saleor_loyalty.points.rules import LotTerms, Reason, Shortfall
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.policies.rules import Policy
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, member_of


@pytest.fixture
def member(program, customer_user):
    return member_of(program, customer_user)


def give(member, points, *, key="give", kind=Award, **values):
    posting = kind(
        program_id=member.program_id,
        member_id=member.pk,
        key=f"{key}:{points}",
        reason=Reason.ADJUSTMENT,
        effective_at=timezone.now(),
        points=points,
        **values,
    )
    post(postings=[posting], now=timezone.now())


def set_policy(program, **policy):
    update_program(
        program_id=program.pk,
        changes=ProgramChanges(policy=policy),
        now=timezone.now() - timedelta(days=100),
    )


BALANCE = """{ me { loyalty { bornOn balance { availablePoints pendingPoints heldPoints debtPoints
  lastActivityAt expiring { points expiresAt extendedByActivity }
  pending { points availableAt } }
  entries(first: 3) { edges { node { points reason countsForTiers
    moves { source target points } } } } } } }"""


def my_loyalty(client):
    answer = ask(client, BALANCE)
    assert "errors" not in answer, answer
    return answer["data"]["me"]["loyalty"]


def test_a_member_sees_when_points_expire_and_when_they_become_available(user_api_client, member):
    soon = timezone.now() + timedelta(days=3)
    give(member, 5)
    give(member, 10, lot=LotTerms(expires_at=soon))
    give(member, 20, lot=LotTerms(is_pending=True, matures_at=soon))
    give(member, 30, lot=LotTerms(is_pending=True))

    balance = my_loyalty(user_api_client)["balance"]

    assert (balance["availablePoints"], balance["pendingPoints"]) == (15, 50)
    assert balance["expiring"] == [
        {"points": 10, "expiresAt": soon.isoformat(), "extendedByActivity": False}
    ]
    assert balance["pending"] == [
        {"points": 20, "availableAt": soon.isoformat()},
        {"points": 30, "availableAt": None},
    ]


def test_expiry_by_inactivity_is_the_end_of_a_day_of_the_programme(user_api_client, member):
    update_program(
        program_id=member.program_id,
        changes=ProgramChanges(time_zone="Europe/Oslo"),
        now=timezone.now(),
    )
    give(member, 10, lot=LotTerms(inactivity_months=12), is_activity=True)

    expiring = my_loyalty(user_api_client)["balance"]["expiring"]

    assert expiring[0]["extendedByActivity"] is True
    assert expiring[0]["expiresAt"][11:16] in ("22:00", "23:00")


def test_nothing_expires_that_was_not_shown_to_expire(user_api_client, program, member):
    give(member, 10, lot=LotTerms(expires_at=timezone.now() + timedelta(seconds=1)))
    shown = my_loyalty(user_api_client)["balance"]["expiring"]
    set_policy(program, expiry="after_earning", expiry_days=1)
    give(member, 20)

    Lot.objects.filter(available=10).update(expires_at=timezone.now())
    move_due_points_task()

    loyalty = my_loyalty(user_api_client)
    assert [one["points"] for one in shown] == [10]
    assert loyalty["balance"]["availablePoints"] == 20
    assert loyalty["entries"]["edges"][0]["node"] == {
        "points": -10,
        "reason": "EXPIRED",
        "countsForTiers": False,
        "moves": [{"source": "AVAILABLE", "target": "EXPIRED", "points": 10}],
    }


def test_an_order_matures_days_after_it_was_fulfilled(user_api_client, program, paid_order):
    from saleor.order import OrderStatus

    set_policy(program, maturing="after_fulfillment", maturing_days=14)
    paid_order.created_at = timezone.now() - timedelta(days=20)
    paid_order.save()
    sweep_orders_task()
    before = my_loyalty(user_api_client)["balance"]
    fulfillment = paid_order.fulfillments.create()
    paid_order.fulfillments.update(created_at=timezone.now() - timedelta(days=15))
    paid_order.lines.update(quantity_fulfilled=F("quantity"))
    paid_order.status = OrderStatus.FULFILLED
    paid_order.save()
    sweep_orders_task()
    known = my_loyalty(user_api_client)["balance"]
    move_due_points_task()
    after = my_loyalty(user_api_client)["balance"]

    assert (before["pendingPoints"], before["availablePoints"]) == (861, 0)
    assert before["pending"] == [{"points": 861, "availableAt": None}]
    fulfillment.refresh_from_db()
    matures_at = fulfillment.created_at + timedelta(days=14)
    assert known["pending"] == [{"points": 861, "availableAt": matures_at.isoformat()}]
    assert (after["pendingPoints"], after["availablePoints"]) == (0, 861)


def member_variables(member, **values):
    return {"member": global_id("LoyaltyMember", member.pk), **values}


def test_staff_release_pending_points(loyalty_staff, member):
    give(member, 30, lot=LotTerms(is_pending=True))
    document = """mutation($member: ID!) { loyaltyPointsRelease(memberId: $member) {
      member { balance { availablePoints pendingPoints } } errors { code } } }"""

    payloads = [ask(loyalty_staff, document, member_variables(member)) for _ in range(2)]

    for payload in payloads:
        assert payload["data"]["loyaltyPointsRelease"] == {
            "member": {"balance": {"availablePoints": 30, "pendingPoints": 0}},
            "errors": [],
        }


def test_staff_forgive_a_debt_and_the_member_reads_why(loyalty_staff, user_api_client, member):
    give(member, 30, kind=Take, shortfall=Shortfall.DEBT)
    document = """mutation($member: ID!) { loyaltyDebtForgive(memberId: $member, note: "Never mind") {
      member { balance { debtPoints } } errors { code } } }"""

    for _ in range(2):
        payload = ask(loyalty_staff, document, member_variables(member))
        assert payload["data"]["loyaltyDebtForgive"]["member"]["balance"]["debtPoints"] == 0

    node = my_loyalty(user_api_client)["entries"]["edges"][0]["node"]
    assert (node["points"], node["reason"]) == (30, "DEBT_FORGIVEN")


ADJUST = """mutation($input: LoyaltyPointsAdjustInput!) { loyaltyPointsAdjust(input: $input) {
  member { balance { availablePoints } }
  adjustment { id status points reason note countsForTiers requestedBy decidedBy }
  errors { field code } } }"""


def test_beyond_the_limit_a_second_person_approves(
    loyalty_staff, superuser_api_client, program, member
):
    set_policy(program, adjustment_limit_points=10)
    given = {"points": 11, "reason": "GOODWILL", "note": "Sorry", "countsForTiers": True}
    variables = {"input": {"memberId": global_id("LoyaltyMember", member.pk), **given}}

    asked = ask(loyalty_staff, ADJUST, variables)["data"]["loyaltyPointsAdjust"]
    approve = """mutation($id: ID!) { loyaltyAdjustmentApprove(id: $id) {
      adjustment { status decidedBy member { balance { availablePoints } } }
      errors { code message } } }"""
    own = ask(loyalty_staff, approve, {"id": asked["adjustment"]["id"]})["data"]
    waiting = ask(
        loyalty_staff,
        "{ loyaltyAdjustments(first: 5, status: WAITING) { edges { node { points } } } }",
    )
    other = ask(superuser_api_client, approve, {"id": asked["adjustment"]["id"]})["data"]

    assert asked["member"]["balance"]["availablePoints"] == 0
    assert asked["adjustment"]["status"] == "WAITING"
    assert [error["code"] for error in own["loyaltyAdjustmentApprove"]["errors"]] == ["SAME_PERSON"]
    assert len(waiting["data"]["loyaltyAdjustments"]["edges"]) == 1
    assert other["loyaltyAdjustmentApprove"]["adjustment"] == {
        "status": "APPLIED",
        "decidedBy": f"user:{superuser_api_client.user.pk}",
        "member": {"balance": {"availablePoints": 11}},
    }
    assert Entry.objects.get().is_qualifying is True


def test_a_rejected_adjustment_moves_nothing(loyalty_staff, superuser_api_client, program, member):
    set_policy(program, adjustment_limit_points=0)
    given = {"points": 11, "reason": "OTHER", "note": "Please"}
    variables = {"input": {"memberId": global_id("LoyaltyMember", member.pk), **given}}
    asked = ask(loyalty_staff, ADJUST, variables)["data"]["loyaltyPointsAdjust"]

    rejected = ask(
        superuser_api_client,
        "mutation($id: ID!) { loyaltyAdjustmentReject(id: $id) { adjustment { status } } }",
        {"id": asked["adjustment"]["id"]},
    )

    assert rejected["data"]["loyaltyAdjustmentReject"]["adjustment"] == {"status": "REJECTED"}
    assert Entry.objects.count() == 0


def add_rule(program, **values):
    definition = RuleDefinition.from_json({"action": "fixed_points", "points": 25, **values})
    create_rule(
        program_id=program.pk,
        name="Bonus",
        definition=definition,
        now=timezone.now() - timedelta(days=60),
    )


REPORT = """mutation($member: ID!, $key: String!, $at: DateTime) {
  loyaltyActivityReport(memberId: $member, name: "review", key: $key, happenedAt: $at) {
    points member { balance { availablePoints } } errors { field code } } }"""


def test_a_reported_activity_is_rewarded_once_a_key(loyalty_staff, program, member):
    add_rule(program, trigger="activity", activity="review", cap_times=2)

    def report(key):
        answer = ask(loyalty_staff, REPORT, member_variables(member, key=key))
        return answer["data"]["loyaltyActivityReport"]["points"]

    assert [report(key) for key in ("1", "1", "2", "3")] == [25, 0, 25, 0]
    assert Balance.objects.get().available == 50


def test_an_activity_of_the_future_or_without_key_is_refused(loyalty_staff, program, member):
    add_rule(program, trigger="activity", activity="review")
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()

    empty = ask(loyalty_staff, REPORT, member_variables(member, key=""))
    future = ask(loyalty_staff, REPORT, member_variables(member, key="1", at=tomorrow))

    for answer, field in ((empty, "key"), (future, "happenedAt")):
        errors = answer["data"]["loyaltyActivityReport"]["errors"]
        assert errors == [{"field": field, "code": "INVALID"}]
    assert Entry.objects.count() == 0


BIRTHDAY = """mutation($on: Date) { loyaltyBirthdayUpdate(channel: "main", bornOn: $on) {
  member { bornOn } errors { field code } } }"""


def test_a_birthday_is_rewarded_once_a_year_however_often_it_changes(
    user_api_client, program, member
):
    add_rule(program, trigger="birthday")
    today = timezone.now().date()
    for back in (0, 1, 2):
        born_on = (today - timedelta(days=back)).replace(year=1996)
        answer = ask(user_api_client, BIRTHDAY, {"on": born_on.isoformat()})
        assert answer["data"]["loyaltyBirthdayUpdate"]["member"] == {"bornOn": born_on.isoformat()}
        hourly_task()
        hourly_task()

    assert Entry.objects.filter(reason="activity_earned").count() == 1


@pytest.mark.parametrize("days", [1, -131 * 366])
def test_an_impossible_birthday_is_refused(user_api_client, member, days):
    on = (timezone.now() + timedelta(days=days)).date().isoformat()

    payload = ask(user_api_client, BIRTHDAY, {"on": on})["data"]["loyaltyBirthdayUpdate"]

    assert payload["errors"] == [{"field": "bornOn", "code": "INVALID"}]
    assert Member.objects.get().born_on is None


def test_only_members_have_a_birthday(user_api_client, program):
    payload = ask(user_api_client, BIRTHDAY, {"on": None})["data"]["loyaltyBirthdayUpdate"]

    assert payload["errors"] == [{"field": "channel", "code": "NOT_A_MEMBER"}]


JOIN = """mutation { loyaltyJoin(channel: "main") {
  member { balance { availablePoints } } errors { code } } }"""


def test_signing_up_is_rewarded_at_once_and_once(user_api_client, program):
    add_rule(program, trigger="sign_up")

    for _ in range(2):
        payload = ask(user_api_client, JOIN)["data"]["loyaltyJoin"]
        assert payload["member"]["balance"]["availablePoints"] == 25
    sweep_orders_task()

    assert Entry.objects.count() == 1


def test_who_joins_by_a_first_order_is_rewarded_for_signing_up_too(program, paid_order):
    add_rule(program, trigger="sign_up")
    sweep_orders_task()
    settle_due_orders_task()
    sweep_orders_task()

    assert Balance.objects.get().available == 861 + 25


MERGE = """mutation($member: ID!, $into: ID!) {
  loyaltyMembersMerge(memberId: $member, intoId: $into) {
    member { id balance { availablePoints } } errors { field code message } } }"""


def test_staff_merge_two_members_once(loyalty_staff, user_api_client, program, member):
    other = member_of(program, User.objects.create(email="old@example.com"))
    give(member, 10)
    give(other, 20)
    variables = member_variables(other, into=global_id("LoyaltyMember", member.pk))

    for _ in range(2):
        payload = ask(loyalty_staff, MERGE, variables)["data"]["loyaltyMembersMerge"]
        assert payload["errors"] == []
        assert payload["member"]["balance"]["availablePoints"] == 30
    itself = member_variables(member, into=global_id("LoyaltyMember", member.pk))
    refused = ask(loyalty_staff, MERGE, itself)["data"]["loyaltyMembersMerge"]

    assert [error["code"] for error in refused["errors"]] == ["MERGE_IMPOSSIBLE"]
    listed = ask(loyalty_staff, "{ loyaltyMembers(first: 5) { totalCount } }")
    assert listed["data"]["loyaltyMembers"]["totalCount"] == 1
    assert my_loyalty(user_api_client)["entries"]["edges"][0]["node"]["reason"] == "MERGED"


POLICY = """mutation($id: ID!, $input: LoyaltyProgramInput!) {
  loyaltyProgramUpdate(id: $id, input: $input) {
    loyaltyProgram { budgetUsedPoints policy { expiry expiryMonths expiryRoundUpTo noticeDays
      maturing maturingDays rounding roundingScope onShipping whenShort
      adjustmentLimitPoints budgetPoints budgetPeriod budgetAlertPercent } }
    errors { field code message } } }"""


def update(client, program, **policy):
    variables = {"id": global_id("LoyaltyProgram", program.pk), "input": {"policy": policy}}
    return ask(client, POLICY, variables)["data"]["loyaltyProgramUpdate"]


def test_staff_set_a_policy_part_by_part(loyalty_staff, program):
    update(
        loyalty_staff,
        program,
        expiry="AFTER_EARNING",
        expiryMonths=12,
        expiryRoundUpTo="QUARTER",
        noticeDays=[60, 14],
        budgetPoints=1000,
    )
    payload = update(loyalty_staff, program, maturing="AFTER_PAYMENT", maturingDays=14)

    assert payload["errors"] == []
    policy = payload["loyaltyProgram"]["policy"]
    assert (policy["expiry"], policy["expiryMonths"]) == ("AFTER_EARNING", 12)
    assert (policy["expiryRoundUpTo"], policy["noticeDays"]) == ("QUARTER", [60, 14])
    assert (policy["maturing"], policy["maturingDays"]) == ("AFTER_PAYMENT", 14)
    assert (policy["budgetPoints"], policy["adjustmentLimitPoints"]) == (1000, None)
    assert payload["loyaltyProgram"]["budgetUsedPoints"] == 0


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"expiry": "AFTER_EARNING"}, "expiryDays"),
        ({"expiry": "ON_DATES", "expiryDates": ["02-30"]}, "expiryDates"),
        ({"expiry": "ON_DATES", "expiryDates": []}, "expiryDates"),
        ({"expiry": "AFTER_ACTIVITY"}, "expiryMonths"),
        ({"maturingDays": -1}, "maturingDays"),
        ({"noticeDays": [0]}, "noticeDays"),
        ({"expiryRoundUpTo": "WEEK"}, "expiryRoundUpTo"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(loyalty_staff, program, policy, field):
    payload = update(loyalty_staff, program, **policy)

    assert [(error["field"], error["code"]) for error in payload["errors"]] == [(field, "INVALID")]
    assert program.policies.get().terms == json.loads(json.dumps(Policy().as_json()))


def test_shoppers_read_when_points_expire_but_not_the_budget(api_client, program):
    public = '{ loyaltyProgram(channel: "main") { policy { expiry noticeDays } } }'
    private = '{ loyaltyProgram(channel: "main") { policy { budgetPoints } } }'

    seen = ask(api_client, public)["data"]["loyaltyProgram"]["policy"]

    assert seen == {"expiry": "NEVER", "noticeDays": [30, 7]}
    assert ask(api_client, private)["errors"]


def test_a_text_with_a_nul_character_is_a_typed_error(loyalty_staff, member):
    given = {"points": 5, "reason": "OTHER", "note": "a\0b"}
    variables = {"input": {"memberId": global_id("LoyaltyMember", member.pk), **given}}

    payload = ask(loyalty_staff, ADJUST, variables)["data"]["loyaltyPointsAdjust"]

    assert [error["code"] for error in payload["errors"]] == ["INVALID"]
    found = ask(
        loyalty_staff,
        "query($s: String) { loyaltyMembers(first: 1, filter: {search: $s}) { totalCount } }",
        {"s": "a\0b"},
    )
    assert found["data"]["loyaltyMembers"]["totalCount"] == 0
    assert Entry.objects.count() == 0
