"""The log of mails on the API, sending again, and addresses that failed."""

import datetime

import pytest
from django.core import mail
from django.utils import timezone

from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage
from saleor_loyalty.emails.operations import note_address_failure, queue_emails
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.emails.samples import SAMPLES
from saleor_loyalty.mailings.operations import PreferenceChanges, change_preferences
from saleor_loyalty.mailings.queries import choices_of
from saleor_loyalty.mailings.rules import ConsentSource
from saleor_loyalty.plugin.tasks import send_due_emails_task, sweep_orders_task
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, member_of, queries_of

MAIL = """kind isMarketing status why transport recipient subject orderId member { id }
  createdAt dueAt expiresAt sentAt error againOf { id subject }"""
LOG = f"""query($status: LoyaltyEmailStatusEnum, $kind: LoyaltyEmailKindEnum, $member: ID,
               $order: ID, $search: String, $first: Int = 10) {{
  loyaltyEmails(first: $first, status: $status, kind: $kind, member: $member, order: $order,
                search: $search) {{ totalCount edges {{ node {{ id {MAIL} }} }} }} }}"""
AGAIN = f"""mutation($id: ID!) {{ loyaltyEmailSendAgain(id: $id) {{
  email {{ id {MAIL} }} errors {{ field code message }} }} }}"""
FAILURES = """query($first: Int, $last: Int, $after: String) {
  loyaltyEmailAddressFailures(first: $first, last: $last, after: $after) {
    totalCount pageInfo { endCursor hasNextPage }
    edges { node { address error failures failedAt } } } }"""
CLEAR = """mutation($address: String!) { loyaltyEmailAddressClear(address: $address) {
  wasFailing errors { code } } }"""
NOW = timezone.now()


@pytest.fixture
def member(program, customer_user):
    """The customer, who takes part."""
    return member_of(program, customer_user)


def queue(member, kind=EmailKind.WELCOME, **values):
    request = EmailRequest(
        key=f"{kind}:{EmailMessage.objects.count()}",
        kind=kind,
        channel_id=None,
        program_id=member.program_id,
        member_id=member.pk,
        facts=SAMPLES[kind],
        **values,
    )
    queue_emails(requests=[request], now=NOW - datetime.timedelta(minutes=1))
    return EmailMessage.objects.get(key=request.key)


def log(client, **criteria):
    answer = ask(client, LOG, criteria)
    assert "errors" not in answer, answer
    return [edge["node"] for edge in answer["data"]["loyaltyEmails"]["edges"]]


def send_again(client, pk):
    answer = ask(client, AGAIN, {"id": global_id("LoyaltyEmail", pk)})
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyEmailSendAgain"]


def failures(client, **page):
    return ask(client, FAILURES, page)["data"]["loyaltyEmailAddressFailures"]


@pytest.mark.usefixtures("site_settings")
def test_the_log_tells_all_of_a_mail(loyalty_staff, member):
    queue(member, expires_at=NOW + datetime.timedelta(days=1))
    queue(member, EmailKind.WIN_BACK)

    send_due_emails_task()
    win_back, welcome = log(loyalty_staff)

    assert welcome["status"] == "SENT"
    assert welcome["recipient"] == member.user.email
    assert welcome["subject"] == mail.outbox[0].subject
    assert welcome["transport"] == "EMAIL"
    assert welcome["member"] == {"id": global_id("LoyaltyMember", member.pk)}
    assert (welcome["orderId"], welcome["why"], welcome["againOf"]) == (None, None, None)
    assert welcome["isMarketing"] is False
    assert welcome["expiresAt"] > welcome["dueAt"] == welcome["createdAt"]
    assert (win_back["status"], win_back["why"]) == ("SUPPRESSED", "SWITCHED_OFF")
    assert (win_back["isMarketing"], win_back["sentAt"]) == (True, None)


@pytest.mark.usefixtures("site_settings")
def test_mails_are_found_by_what_they_are_about(loyalty_staff, member, paid_order, customer_user2):
    other = member_of(member.program, customer_user2)
    queue(other, recipient="zoe@example.com", order_id="x")
    sweep_orders_task()
    order = {"order": global_id("Order", paid_order.pk)}

    def kinds(**criteria):
        return [one["kind"] for one in log(loyalty_staff, **criteria)]

    thanks = log(loyalty_staff, **order)
    assert [one["orderId"] for one in thanks] == [order["order"]]
    assert kinds(**order) == kinds(search=str(paid_order.number)) == ["THANK_YOU_FIRST"]
    assert kinds(search=f"#{paid_order.number}") == ["THANK_YOU_FIRST"]
    assert kinds(search="ZOE@") == kinds(kind="WELCOME") == ["WELCOME"]
    assert kinds(member=global_id("LoyaltyMember", other.pk)) == ["WELCOME"]
    assert kinds(member=global_id("LoyaltyMember", 404)) == []
    assert kinds(search="%") == kinds(search="example.com") == []
    assert kinds(kind="WELCOME", status="SENT") == ["WELCOME"]
    assert len(kinds(search=" ")) == EmailMessage.objects.count()


@pytest.mark.usefixtures("site_settings")
def test_a_mail_that_never_left_is_found_by_the_address_that_it_did_not_go_to(
    loyalty_staff, member
):
    queue(member, EmailKind.WIN_BACK)
    send_due_emails_task()

    (found,) = log(loyalty_staff, search=member.user.email[:6].upper())

    assert (found["status"], found["why"], found["recipient"]) == ("SUPPRESSED", "SWITCHED_OFF", "")
    assert log(loyalty_staff, search="zoe@") == []


def test_a_service_reports_what_came_back_and_complaints(loyalty_staff, member, program):
    report = """mutation($address: String!, $isComplaint: Boolean) { loyaltyEmailBounceReport(
      address: $address, isComplaint: $isComplaint) { members errors { field code } } }"""
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(accepts_marketing=True),
        source=ConsentSource.STOREFRONT,
        now=NOW,
    )

    def told(address, **values):
        answer = ask(loyalty_staff, report, {"address": address, **values})
        return answer["data"]["loyaltyEmailBounceReport"]

    assert told("nobody")["errors"] == [{"field": "address", "code": "INVALID"}]
    assert told(member.user.email) == {"members": 1, "errors": []}
    assert choices_of(member_ids=[member.pk])[member.pk].accepts_marketing
    assert told(member.user.email, isComplaint=True)["members"] == 1
    assert not choices_of(member_ids=[member.pk])[member.pk].accepts_marketing
    assert [
        one["failures"]
        for one in (edge["node"] for edge in failures(loyalty_staff, first=10)["edges"])
    ] == [2]


def test_an_id_of_another_type_is_an_error(loyalty_staff, member):
    answer = ask(loyalty_staff, LOG, {"member": global_id("User", 1)})

    assert "Expected: LoyaltyMember" in answer["errors"][0]["message"]


@pytest.mark.usefixtures("site_settings")
def test_a_mail_goes_out_once_more(loyalty_staff, member):
    first = queue(member)
    send_due_emails_task()

    payload = send_again(loyalty_staff, first.pk)
    send_due_emails_task()

    assert payload["errors"] == []
    assert payload["email"]["status"] == "QUEUED"
    assert payload["email"]["againOf"] == {
        "id": global_id("LoyaltyEmail", first.pk),
        "subject": mail.outbox[0].subject,
    }
    assert [one.subject for one in mail.outbox] == [mail.outbox[0].subject] * 2


def test_a_mail_on_its_way_is_not_sent_twice(loyalty_staff, member):
    waiting = queue(member)

    on_its_way = send_again(loyalty_staff, waiting.pk)
    unknown = send_again(loyalty_staff, 404)

    assert [(one["field"], one["code"]) for one in on_its_way["errors"]] == [
        ("id", "EMAIL_UNFINISHED")
    ]
    assert [(one["field"], one["code"]) for one in unknown["errors"]] == [("id", "NOT_FOUND")]
    assert EmailMessage.objects.count() == 1


@pytest.mark.usefixtures("site_settings")
def test_staff_see_a_members_mails(loyalty_staff, member, customer_user2):
    queue(member)
    queue(member_of(member.program, customer_user2))
    document = """query($id: ID!) { loyaltyMember(id: $id) { emails(first: 5) {
      totalCount edges { node { kind member { id } } } } } }"""
    mine = global_id("LoyaltyMember", member.pk)

    found = ask(loyalty_staff, document, {"id": mine})["data"]["loyaltyMember"]["emails"]

    assert found == {
        "totalCount": 1,
        "edges": [{"node": {"kind": "WELCOME", "member": {"id": mine}}}],
    }


def test_addresses_that_failed_are_listed_in_pages_and_cleared(loyalty_staff, plugin_on):
    for number, day in enumerate((1, 2, 2, 3)):
        at = datetime.datetime(2026, 5, day, tzinfo=datetime.UTC)
        note_address_failure(address=f"A{number}@example.com", error="550 who?", now=at)

    first = failures(loyalty_staff, first=2)
    second = failures(loyalty_staff, first=2, after=first["pageInfo"]["endCursor"])
    last = failures(loyalty_staff, last=1)
    cleared = ask(loyalty_staff, CLEAR, {"address": " A3@Example.com "})["data"]
    again = ask(loyalty_staff, CLEAR, {"address": "a3@example.com"})["data"]

    def addresses(page):
        return [edge["node"]["address"] for edge in page["edges"]]

    assert addresses(first) == ["a3@example.com", "a2@example.com"]
    assert addresses(second) == ["a1@example.com", "a0@example.com"]
    assert addresses(last) == ["a0@example.com"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (4, True)
    assert second["pageInfo"]["hasNextPage"] is False
    assert first["edges"][0]["node"] == {
        "address": "a3@example.com",
        "error": "550 who?",
        "failures": 1,
        "failedAt": "2026-05-03T00:00:00+00:00",
    }
    assert cleared["loyaltyEmailAddressClear"] == {"wasFailing": True, "errors": []}
    assert again["loyaltyEmailAddressClear"] == {"wasFailing": False, "errors": []}
    assert EmailAddressFailure.objects.count() == 3


def test_a_page_of_addresses_has_a_limit(loyalty_staff, plugin_on):
    answer = ask(loyalty_staff, FAILURES, {"first": 101})

    assert "exceeds the limit of 100" in answer["errors"][0]["message"]


@pytest.mark.usefixtures("site_settings")
def test_the_log_takes_as_many_queries_for_3_as_for_1(
    loyalty_staff, program, customer_user, customer_user2, staff_users
):
    for user in (customer_user, customer_user2, staff_users[0]):
        queue(member_of(program, user))
    send_due_emails_task()
    for one in list(EmailMessage.objects.all()):
        send_again(loyalty_staff, one.pk)

    one, three = (queries_of(loyalty_staff, LOG, {"first": n}) for n in (1, 3))

    assert three == one
