"""What a mail carries beside its words, how many leave in a minute, and mails that leave as events."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused

import pytest
from django.core.mail.backends.base import BaseEmailBackend

from saleor_loyalty.emails.delivery import deliver_due
from saleor_loyalty.emails.envelopes import Letter, build_message
from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage
from saleor_loyalty.emails.operations import (
    EmailNotFound,
    EmailUnfinished,
    claim_emails,
    clear_address,
    hand_over,
    note_address_failure,
    queue_emails,
    recover_emails,
    send_again,
)
from saleor_loyalty.emails.rendering import ShopIdentity, render
from saleor_loyalty.emails.rules import Drop, EmailKind, Go, Transport, Wait, Why
from saleor_loyalty.emails.samples import SAMPLES
from tests.emails.test_delivery import deliver, office, request, sender
from tests.factories import NOW

MINUTE = timedelta(minutes=1)
STOP_URL = "https://shop.example/plugins/saleor.loyalty/unsubscribe/12.win_back~x~y"


def going(**values):
    """An approval that lets every mail go, with the given values of `Go`."""

    def approve(messages, now):
        return {
            one.pk: Go(
                **{
                    "recipient": one.recipient or "ada@example.com",
                    "language_code": one.language_code or "en",
                    **values,
                }
            )
            for one in messages
        }

    return approve


def deliver_with(port, *, now=NOW, sending=None, **values):
    through = sending or sender(port)
    return deliver_due(office=office(lambda _: through, **values), clock=lambda: now)


@pytest.mark.parametrize("kind", list(EmailKind))
@pytest.mark.parametrize("language", ["en", "hr", "nb"])
def test_every_kind_arrives_in_every_language(db, smtp_port, inbox, kind, language):
    queue_emails(requests=[request("one", kind=kind, facts=SAMPLES[kind])], now=NOW)

    links = SAMPLES[kind].get("links", {})
    report = deliver_with(smtp_port, approve=going(language_code=language, links=links))

    assert report.sent == 1
    (mail,) = inbox.mails
    plain = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert mail["Content-Language"] == language
    assert f'lang="{language}"' in html
    assert "Aurora Coffee" in plain
    assert "{" not in str(mail["Subject"]) + plain
    assert EmailMessage.objects.get().subject == str(mail["Subject"]).strip()
    rendered = render(
        kind=kind,
        language_code=language,
        facts=SAMPLES[kind],
        shop=ShopIdentity(name="Aurora Coffee"),
    )
    assert plain.replace("\r\n", "\n") == rendered.text


def test_what_can_be_stopped_says_where_by_rfc_8058(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)

    deliver_with(smtp_port, approve=going(unsubscribe_url=STOP_URL))

    (mail,) = inbox.mails
    assert mail["List-Unsubscribe"].strip() == f"<{STOP_URL}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert STOP_URL in mail.get_body(("plain",)).get_content()


def test_what_cannot_be_stopped_by_one_click_says_nothing_of_it(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)

    deliver(smtp_port)

    assert "List-Unsubscribe" not in inbox.mails[0]


def test_answers_go_where_the_shop_wants_them(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)

    deliver_with(smtp_port, sending=replace(sender(smtp_port), reply_to="care@aurora.example"))

    assert inbox.mails[0]["Reply-To"] == "care@aurora.example"


def test_an_invitation_stands_among_the_forms_and_as_a_file(db, smtp_port, inbox):
    kind = EmailKind.EVENT_CONFIRMED
    facts = {**SAMPLES[kind], "calendar": {"method": "REQUEST", "partstat": "ACCEPTED"}}
    queue_emails(requests=[request(kind=kind, facts=facts)], now=NOW)

    deliver_with(smtp_port, approve=going(language_code="hr", links=SAMPLES[kind]["links"]))

    (mail,) = inbox.mails
    assert mail.get_content_type() == "multipart/mixed"
    alternative, attachment = mail.iter_parts()
    forms = [part.get_content_type() for part in alternative.iter_parts()]
    assert forms == ["text/plain", "text/html", "text/calendar"]
    calendar = list(alternative.iter_parts())[2]
    assert calendar.get_param("method") == "REQUEST"
    content = calendar.get_content().replace("\r\n", "\n")
    assert "\nMETHOD:REQUEST\n" in content
    assert "\nUID:6f0d3a52-8a8e-4c68-9d0e-2f8c1b7f4a11\n" in content
    assert "\nSUMMARY:Zimska degustacija\n" in content
    assert "\nDTSTAMP:20260615T120000Z\n" in content
    assert "\nURL:https://shop.example/events/ticket\n" in content
    assert "\nORGANIZER;CN=Aurora Coffee:mailto:hello@aurora.example\n" in content.replace('"', "")
    assert "CN=Ada;" in content
    assert "PARTSTAT=ACCEPTED" in content
    assert attachment.get_filename() == "invite.ics"
    attached = attachment.get_content()
    assert attached.decode().replace("\r\n", "\n") == content
    assert "content" not in EmailMessage.objects.get().facts["calendar"]


def test_to_an_api_an_invitation_goes_as_a_file_alone():
    kind = EmailKind.EVENT_CANCELLED
    facts = {**SAMPLES[kind], "calendar": {"method": "CANCEL"}}
    message = EmailMessage(pk=1, kind=kind.value, facts=facts, created_at=NOW)
    through = replace(sender(1), backend=Backend(ApiError(401)))
    rendered = render(kind=kind, language_code="en", facts=facts, shop=through.shop)

    envelope = build_message(
        sender=through,
        letter=Letter(message, Go(recipient="ada@example.com", language_code="en")),
        rendered=rendered,
    )

    assert [mimetype for _, mimetype in envelope.alternatives] == ["text/html"]
    assert [one[0] for one in envelope.attachments] == ["invite.ics"]
    assert envelope.attachments[0][2] == "text/calendar; method=CANCEL"
    assert "\r\nSTATUS:CANCELLED\r\n" in envelope.attachments[0][1]


def test_a_mail_links_to_where_its_approval_says(db, smtp_port, inbox):
    kind = EmailKind.EVENT_INVITATION
    facts = {**SAMPLES[kind], "links": {"accept": "https://stale.example/"}}
    queue_emails(requests=[request(kind=kind, facts=facts)], now=NOW)

    deliver_with(smtp_port, approve=going(links={"accept": "https://shop.example/a~1"}))

    html = inbox.mails[0].get_body(("html",)).get_content()
    assert "https://shop.example/a~1" in html
    assert "stale.example" not in html


@pytest.mark.parametrize(
    "name",
    ["Ada\r\nBcc: x@example.com", "Ada\nSubject: y", "Ada\u2028Bcc: x", "Ada\u0085x"],
)
def test_no_name_gets_into_the_headers(db, smtp_port, inbox, name):
    for kind in (EmailKind.THANK_YOU, EmailKind.WELCOME):
        facts = {**SAMPLES[kind], "first_name": name, "program_name": name}
        queue_emails(requests=[request(kind.value, kind=kind, facts=facts)], now=NOW)

    deliver(smtp_port)

    for mail in inbox.mails:
        assert mail["Bcc"] is None
        assert len(mail.get_all("Subject")) == 1
        assert len(str(mail["Subject"]).splitlines()) == 1
    assert len(inbox.mails) == 2


def test_a_mail_keeps_its_message_id_however_often_it_is_tried(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)
    pk = EmailMessage.objects.get().pk
    inbox.answers = ["451 busy", "451 busy"]

    for minutes in (0, 1, 3):
        deliver(smtp_port, now=NOW + minutes * MINUTE)

    assert [mail["Message-ID"] for mail in inbox.mails] == [f"<loyalty.{pk}@aurora.example>"]


def test_what_must_wait_or_stay_is_not_sent_and_says_why(db, smtp_port, inbox):
    queue_emails(requests=[request("stays"), request("waits"), request("goes")], now=NOW)
    until = NOW + timedelta(hours=9)

    def approve(messages, now):
        verdicts = {
            "stays": Drop(why=Why.NO_CONSENT),
            "waits": Wait(until=until, why=Why.QUIET_HOURS),
            "goes": Go(recipient="ada@example.com", language_code="en"),
        }
        return {one.pk: verdicts[one.key] for one in messages}

    report = deliver_with(smtp_port, approve=approve)

    assert (report.claimed, report.sent, report.held) == (3, 1, 2)
    rows = {row.key: (row.status, row.why) for row in EmailMessage.objects.all()}
    assert rows == {
        "stays": ("suppressed", "no_consent"),
        "waits": ("queued", "quiet_hours"),
        "goes": ("sent", ""),
    }
    assert EmailMessage.objects.get(key="waits").due_at == until
    assert deliver(smtp_port, now=until).sent == 1
    assert EmailMessage.objects.get(key="waits").why == ""


def test_an_approval_that_fails_loses_nothing(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)

    def broken(messages, now):
        raise ConnectionError("database gone")

    with pytest.raises(ConnectionError):
        deliver_with(smtp_port, approve=broken)

    assert deliver(smtp_port, now=NOW + 11 * MINUTE).sent == 1


def test_no_more_leave_in_a_minute_than_the_server_takes(db, smtp_port, inbox):
    queue_emails(requests=[request(f"m{number}") for number in range(7)], now=NOW)

    sent = [
        deliver_with(smtp_port, now=NOW + timedelta(seconds=seconds), a_minute=3).sent
        for seconds in (0, 1, 59, 61, 62, 123)
    ]

    assert sent == [3, 0, 0, 3, 0, 1]


def test_an_address_that_is_refused_for_good_is_remembered(db, smtp_port, inbox):
    queue_emails(requests=[request(recipient="Ada@Example.com")], now=NOW)
    inbox.refuse_recipient = "550 no such user"

    deliver(smtp_port)

    failure = EmailAddressFailure.objects.get()
    assert (failure.address, failure.failures) == ("ada@example.com", 1)
    assert "no such user" in failure.error
    note_address_failure(address="ada@example.com", error="550 again", now=NOW + MINUTE)
    failure.refresh_from_db()
    assert (failure.failures, failure.failed_at) == (2, NOW + MINUTE)
    assert (clear_address(address="ADA@example.com"), clear_address(address="x@y.z")) == (
        True,
        False,
    )


@pytest.mark.parametrize("answer", ["554 message refused as spam", "451 busy"])
def test_what_says_nothing_of_the_address_is_not_held_against_it(db, smtp_port, inbox, answer):
    queue_emails(requests=[request()], now=NOW)
    inbox.answers = [answer]

    deliver(smtp_port)

    assert not EmailAddressFailure.objects.exists()


def test_staff_send_a_mail_again_as_a_mail_of_its_own(db, smtp_port, inbox):
    queue_emails(requests=[request(order_id="o1")], now=NOW)
    deliver(smtp_port)
    first = EmailMessage.objects.get()
    note_address_failure(address=first.recipient, error="550", now=NOW)

    again = send_again(email_id=first.pk, now=NOW + MINUTE)
    once_more = send_again(email_id=first.pk, now=NOW + MINUTE)
    deliver(smtp_port, now=NOW + MINUTE)

    assert (again.again_of, again.order_id, again.facts) == (first, "o1", first.facts)
    assert again.key != once_more.key
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 3
    assert not EmailAddressFailure.objects.exists()


def test_a_mail_on_its_way_is_not_sent_again(db):
    queue_emails(requests=[request()], now=NOW)
    pk = EmailMessage.objects.get().pk

    with pytest.raises(EmailUnfinished):
        send_again(email_id=pk, now=NOW)
    with pytest.raises(EmailNotFound):
        send_again(email_id=pk + 1, now=NOW)

    assert EmailMessage.objects.count() == 1


class Desk:
    """The shop's own mailing tool: keeps what it gets, and answers as it is told."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.got = []

    def __call__(self, body, headers):
        self.got.append((body, headers))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer


def deliver_events(port, tool, *, now=NOW, **values):
    return deliver_with(
        port,
        now=now,
        approve=going(transport=Transport.EVENT, first_name="Ada", **values),
        post=tool,
        event_secret="s3cret",
    )


def test_a_kind_may_leave_as_a_signed_event(db, smtp_port, inbox):
    queue_emails(requests=[request(order_id="o1", member_id=5)], now=NOW)
    tool = Desk()

    report = deliver_events(smtp_port, tool)

    assert (report.sent, inbox.mails) == (1, [])
    ((body, headers),) = tool.got
    at, signature = (part.split("=")[1] for part in headers["Loyalty-Signature"].split(","))
    expected = hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert (int(at), signature) == (int(NOW.timestamp()), expected)
    row, event = EmailMessage.objects.get(), json.loads(body)
    assert headers["Idempotency-Key"] == event["id"] == f"loyalty.{row.pk}"
    assert (event["kind"], event["recipient"]) == ("thank_you", "ada@example.com")
    assert (event["orderId"], event["memberId"]) == ("o1", 5)
    assert event["facts"]["points_earned"] == 1200
    assert event["subject"].startswith("Thank you, Ada!")
    assert (row.status, row.transport) == ("sent", "event")


def test_an_event_carries_the_addresses_that_the_mail_links_to(db, smtp_port):
    kind = EmailKind.EVENT_CONFIRMED
    queue_emails(requests=[request(kind=kind, facts=SAMPLES[kind])], now=NOW)
    tool = Desk()

    deliver_events(smtp_port, tool, links={"ticket": "https://shop.example/t~1"})

    ((body, _),) = tool.got
    event = json.loads(body)
    assert event["facts"]["links"] == {"ticket": "https://shop.example/t~1"}
    assert event["facts"]["event"] == SAMPLES[kind]["event"]
    assert "https://shop.example/t~1" in event["html"]


@pytest.mark.parametrize("answer", [500, 404, 302, TimeoutError("slow")])
def test_an_event_that_is_not_taken_is_posted_again(db, smtp_port, inbox, answer):
    queue_emails(requests=[request()], now=NOW)
    tool = Desk(answer)

    deliver_events(smtp_port, tool)
    row = EmailMessage.objects.get()
    assert (row.status, row.attempts) == ("queued", 1)
    deliver_events(smtp_port, tool, now=NOW + MINUTE)

    assert len({headers["Idempotency-Key"] for _, headers in tool.got}) == 1
    assert EmailMessage.objects.get().status == "sent"


def test_an_event_with_nowhere_to_go_waits(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)

    deliver_events(smtp_port, None)

    row = EmailMessage.objects.get()
    assert (row.status, inbox.mails) == ("queued", [])
    assert "email_events_not_set" in row.error


def test_an_event_whose_worker_died_is_posted_again(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)
    (message,) = claim_emails(limit=1, now=NOW)
    EmailMessage.objects.update(transport="event")
    hand_over(message=message, now=NOW)

    recover_emails(now=NOW + 11 * MINUTE)

    assert EmailMessage.objects.get().status == "queued"


def test_products_are_shown_with_their_pictures(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)
    asked = []

    def pictures(product_ids):
        asked.append(product_ids)
        return {"1": "https://shop.example/mug.png"}

    deliver_with(smtp_port, pictures=pictures)

    assert asked == [{"1", "2"}]
    html = inbox.mails[0].get_body(("html",)).get_content()
    assert html.count("https://shop.example/mug.png") == 1


class Backend(BaseEmailBackend):
    """A mail backend that fails as it is told, and counts."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.tried = 0

    def open(self):
        return True

    def send_messages(self, messages):
        self.tried += 1
        raise self.error


class ApiError(Exception):
    """What a mail service's API raises, as django-anymail does."""

    def __init__(self, status_code):
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


def statuses():
    return set(EmailMessage.objects.values_list("status", flat=True))


def refused(text, code=550):
    return SMTPRecipientsRefused({"ada@example.com": (code, text)})


@pytest.mark.parametrize(
    ("error", "status", "is_noted"),
    [
        (refused(b"5.1.1 no such user"), "failed", True),
        (refused(b"no such user"), "failed", True),
        (refused(b"5.2.1 mailbox disabled"), "failed", True),
        (refused(b"5.7.1 Relay access denied", 554), "queued", False),
        (refused(b"5.7.1 Blocked", 550), "queued", False),
        (refused(b"5.2.2 mailbox full", 552), "queued", False),
        (SMTPDataError(554, b"5.7.1 you are on a list"), "queued", False),
        (SMTPDataError(554, b"5.6.0 no such charset"), "failed", False),
    ],
)
def test_only_what_is_the_addresss_fault_is_held_against_it(db, error, status, is_noted):
    queue_emails(requests=[request()], now=NOW)

    deliver_with(1, sending=replace(sender(1), backend=Backend(error)))

    assert statuses() == {status}
    assert EmailAddressFailure.objects.exists() == is_noted


@pytest.mark.parametrize(
    "error",
    [SMTPSenderRefused(530, b"5.7.0 log in first", "x"), ApiError(401), ApiError(429)],
)
def test_what_the_shop_has_to_mend_ends_the_round_and_loses_no_mail(db, error):
    queue_emails(requests=[request(f"m{number}") for number in range(3)], now=NOW)
    backend = Backend(error)

    report = deliver_with(1, sending=replace(sender(1), backend=backend))

    assert (backend.tried, report.is_down, statuses()) == (1, True, {"queued"})


def test_an_api_that_broke_leaves_a_doubt(db):
    queue_emails(requests=[request()], now=NOW)

    deliver_with(1, sending=replace(sender(1), backend=Backend(ApiError(503))))

    assert statuses() == {"doubtful"}


def test_mails_that_were_refused_count_towards_the_minute(db):
    queue_emails(requests=[request(f"m{number}") for number in range(30)], now=NOW)
    backend = Backend(SMTPDataError(451, b"4.7.1 too many"))

    for _ in range(5):
        deliver_with(1, sending=replace(sender(1), backend=backend), a_minute=5)

    assert backend.tried == 5


def test_service_mails_leave_before_marketing(db):
    kind = EmailKind.STATEMENT_MONTHLY
    wanted = [request(f"m{number}", kind=kind, facts=SAMPLES[kind]) for number in range(5)]
    queue_emails(requests=wanted, now=NOW)
    queue_emails(requests=[request("receipt")], now=NOW + MINUTE)

    first = claim_emails(limit=2, now=NOW + 2 * MINUTE)

    assert [one.key for one in first] == ["receipt", "m0"]


def test_pictures_that_cannot_be_had_stop_no_mail(db, smtp_port, inbox):
    queue_emails(requests=[request()], now=NOW)

    def broken(_):
        raise OSError("storage is down")

    deliver_with(smtp_port, pictures=broken)

    assert len(inbox.mails) == 1


def test_an_event_carries_no_name_that_is_spam(db, smtp_port):
    facts = {**SAMPLES[EmailKind.THANK_YOU], "first_name": "Win www.evil.example"}
    queue_emails(requests=[request(facts=facts)], now=NOW)
    tool = Desk()

    deliver_events(smtp_port, tool)

    ((body, _),) = tool.got
    assert json.loads(body)["firstName"] == ""
