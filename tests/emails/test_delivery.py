from dataclasses import replace
from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core.mail import get_connection

from saleor_loyalty.emails.delivery import PostOffice, deliver_due
from saleor_loyalty.emails.envelopes import MailSender
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import (
    claim_emails,
    hand_over,
    mark_sent,
    queue_emails,
    recover_emails,
)
from saleor_loyalty.emails.queries import email_log
from saleor_loyalty.emails.rendering import ShopIdentity
from saleor_loyalty.emails.rules import EmailKind, EmailRequest, Go
from saleor_loyalty.emails.samples import SAMPLES
from tests.factories import NOW
from tests.threads import in_threads

FACTS = SAMPLES[EmailKind.THANK_YOU]


def request(key="thank_you:1", **values):
    defaults = {
        "kind": EmailKind.THANK_YOU,
        "channel_id": 7,
        "recipient": "ada@example.com",
        "language_code": "en",
        "facts": FACTS,
    }
    return EmailRequest(key=key, **{**defaults, **values})


def sender(port):
    return MailSender(
        backend=get_connection(
            "django.core.mail.backends.smtp.EmailBackend",
            host="127.0.0.1",
            port=port,
            timeout=5,
        ),
        from_address="hello@aurora.example",
        from_name="Aurora Coffee",
        shop=ShopIdentity(name="Aurora Coffee"),
    )


def office(sender_for, **values):
    """A post office that lets every mail go to where its row says."""

    def approve(messages, now):
        return {
            one.pk: Go(recipient=one.recipient, language_code=one.language_code) for one in messages
        }

    return PostOffice(sender_for=sender_for, **{"approve": approve, **values})


def deliver(port, now=NOW):
    return deliver_due(office=office(lambda _: sender(port)), clock=lambda: now)


@pytest.fixture
def queued(db):
    queue_emails(requests=[request()], now=NOW)
    return EmailMessage.objects.get()


@pytest.mark.usefixtures("queued")
def test_a_mail_arrives_with_both_its_parts_and_its_sender(smtp_port, inbox):
    report = deliver(smtp_port)

    assert (report.claimed, report.sent) == (1, 1)
    mail = inbox.mails[0]
    assert mail["Subject"] == "Thank you, Ada! Your order has earned you 1,200 points"
    assert mail["From"] == "Aurora Coffee <hello@aurora.example>"
    assert mail["To"] == "ada@example.com"
    assert mail["Content-Language"] == "en"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<loyalty.{EmailMessage.objects.get().pk}@aurora.example>"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail.get_body(("plain",)).get_content().startswith("Thank you, Ada!")
    message = EmailMessage.objects.get()
    assert (message.status, message.sent_at, message.attempts) == ("sent", NOW, 1)


def test_a_key_is_queued_once_ever(queued, smtp_port, inbox):
    deliver(smtp_port)

    queue_emails(requests=[request(), request()], now=NOW)
    deliver(smtp_port)

    assert email_log().count() == 1
    assert len(inbox.mails) == 1


def test_a_refusing_mail_server_gets_it_later_and_once(queued, smtp_port, inbox):
    inbox.answers = ["451 busy", "452 full"]

    for minutes in (0, 1, 3, 60):
        deliver(smtp_port, now=NOW + timedelta(minutes=minutes))

    queued.refresh_from_db()
    assert (queued.status, queued.attempts, queued.error) == ("sent", 3, "")
    assert len(inbox.mails) == 1


def test_between_retries_it_waits(queued, smtp_port, inbox):
    inbox.answers = ["451 busy"]
    deliver(smtp_port)

    report = deliver(smtp_port, now=NOW + timedelta(seconds=59))

    queued.refresh_from_db()
    assert report.claimed == 0
    assert (queued.status, queued.due_at) == ("queued", NOW + timedelta(minutes=1))
    assert "busy" in queued.error


def test_a_mail_server_that_is_down_gets_it_later(queued, smtp_port, inbox):
    report = deliver(1)
    assert report.failed == 1

    deliver(smtp_port, now=NOW + timedelta(minutes=1))

    assert len(inbox.mails) == 1


def test_an_address_that_does_not_exist_fails_for_good(queued, smtp_port, inbox):
    inbox.refuse_recipient = "550 no such user"

    deliver(smtp_port)

    queued.refresh_from_db()
    assert queued.status == "failed"
    assert "no such user" in queued.error


@pytest.mark.parametrize("recipient", ["a@example.com\nBcc: b@example.com", "a@\N{SNOWMAN}..x"])
def test_an_address_that_is_none_fails_for_good_and_holds_up_no_other(
    db, smtp_port, inbox, recipient
):
    queue_emails(requests=[request("bad", recipient=recipient), request("good")], now=NOW)

    report = deliver(smtp_port)

    assert (report.sent, report.failed) == (1, 1)
    assert EmailMessage.objects.get(key="bad").status == "failed"
    assert len(inbox.mails) == 1


def test_an_address_that_is_busy_is_tried_again(queued, smtp_port, inbox):
    inbox.refuse_recipient = "450 mailbox busy"

    deliver(smtp_port)

    queued.refresh_from_db()
    assert queued.status == "queued"


def test_it_gives_up_after_24_attempts(queued, smtp_port, inbox):
    EmailMessage.objects.update(attempts=23)
    inbox.answers = ["451 busy"]

    deliver(smtp_port)

    queued.refresh_from_db()
    assert (queued.status, queued.attempts) == ("failed", 24)


def test_a_connection_that_breaks_while_the_server_has_the_mail_is_doubtful_and_not_repeated(
    queued, smtp_port, inbox
):
    inbox.hang_up = True
    report = deliver(smtp_port)
    inbox.hang_up = False

    deliver(smtp_port, now=NOW + timedelta(days=1))

    queued.refresh_from_db()
    assert report.doubtful == 1
    assert queued.status == "doubtful"
    assert (inbox.dropped, inbox.mails) == (1, [])


@pytest.mark.parametrize("error", [TimeoutError("slow"), SMTPServerDisconnected("gone")])
def test_a_time_out_while_sending_is_doubtful(queued, smtp_port, error):
    def sending(_):
        raise error

    through = sender(smtp_port)
    through.backend.send_messages = sending
    deliver_due(office=office(lambda _: through), clock=lambda: NOW)

    queued.refresh_from_db()
    assert queued.status == "doubtful"


def test_a_worker_killed_before_the_hand_over_loses_nothing(queued, smtp_port, inbox):
    claim_emails(limit=10, now=NOW)

    assert deliver(smtp_port, now=NOW + timedelta(minutes=1)).claimed == 0
    deliver(smtp_port, now=NOW + timedelta(minutes=3))

    assert len(inbox.mails) == 1


def test_a_worker_killed_after_the_hand_over_sends_nothing_twice(queued, smtp_port, inbox):
    (message,) = claim_emails(limit=10, now=NOW)
    hand_over(message=message, now=NOW)

    deliver(smtp_port, now=NOW + timedelta(minutes=9))
    queued.refresh_from_db()
    assert queued.status == "sending"
    deliver(smtp_port, now=NOW + timedelta(minutes=11))

    queued.refresh_from_db()
    assert queued.status == "doubtful"
    assert inbox.mails == []


def test_a_worker_that_wakes_up_after_its_claim_was_taken_back_sends_nothing(queued):
    (message,) = claim_emails(limit=10, now=NOW)
    EmailMessage.objects.update(status="queued", claimed_at=None)
    claim_emails(limit=10, now=NOW + timedelta(minutes=11))

    assert not hand_over(message=message, now=NOW + timedelta(minutes=12))
    mark_sent(message=message, now=NOW)

    queued.refresh_from_db()
    assert queued.status == "sending"


def test_a_lost_claim_stops_the_sending(queued, smtp_port, inbox, monkeypatch):
    monkeypatch.setattr("saleor_loyalty.emails.delivery.hand_over", lambda **_: False)

    report = deliver(smtp_port)

    assert report.sent == 0
    assert inbox.mails == []


def test_a_broken_template_leaves_the_mail_queued_with_its_error(db, smtp_port, inbox):
    queue_emails(requests=[request(facts={"first_name": "Ada"}), request("fine")], now=NOW)

    report = deliver(smtp_port)

    broken = EmailMessage.objects.get(key="thank_you:1")
    assert (report.sent, report.failed) == (1, 1)
    assert (broken.status, broken.attempts) == ("queued", 1)
    assert "TemplateBroken" in broken.error
    assert "points_balance" in broken.error


def test_a_connection_that_breaks_costs_one_mail_its_certainty_and_the_others_a_minute(
    db, smtp_port, inbox
):
    queue_emails(requests=[request(f"mail-{n}") for n in range(6)], now=NOW)
    inbox.hang_up_at = {2}

    first = deliver(smtp_port)
    at_once = deliver(smtp_port)
    later = deliver(smtp_port, now=NOW + timedelta(minutes=1))

    assert (first.sent, first.doubtful, first.failed) == (2, 1, 0)
    assert (at_once.claimed, later.sent) == (0, 3)
    assert len(inbox.mails) == 5


def test_a_mail_server_that_is_down_is_asked_once_a_round(db, smtp_port, inbox):
    queue_emails(requests=[request(f"mail-{n}") for n in range(6)], now=NOW)

    report = deliver(1)

    assert (report.claimed, report.failed) == (6, 1)
    assert EmailMessage.objects.filter(status="queued", attempts=0).count() == 5
    assert deliver(smtp_port, now=NOW + timedelta(minutes=1)).sent == 6


def test_a_connection_that_cannot_be_closed_changes_nothing(queued, smtp_port, inbox):
    through = sender(smtp_port)
    close = through.backend.close

    def closing():
        close()
        raise ConnectionError("gone already")

    through.backend.close = closing
    deliver_due(office=office(lambda _: through), clock=lambda: NOW)

    queued.refresh_from_db()
    assert queued.status == "sent"


@pytest.mark.parametrize("refusal", ["421 too many mails on one connection", "452 full"])
def test_a_refusal_in_the_middle_of_a_batch_delays_one_mail(db, smtp_port, inbox, refusal):
    queue_emails(requests=[request(f"mail-{n}") for n in range(4)], now=NOW)
    inbox.answers = [refusal]

    report = deliver(smtp_port)
    deliver(smtp_port, now=NOW + timedelta(minutes=1))

    assert (report.sent, report.failed) == (3, 1)
    assert len(inbox.mails) == 4


def test_wrong_settings_of_one_channel_stop_no_other_and_are_told(db, smtp_port, inbox):
    queue_emails(requests=[request("bad", channel_id=1), request("good", channel_id=2)], now=NOW)

    def sender_for(channel_id):
        if channel_id == 1:
            raise ImportError("no such mail backend")
        return sender(smtp_port)

    deliver_due(office=office(sender_for), clock=lambda: NOW)

    bad = EmailMessage.objects.get(key="bad")
    assert (bad.status, bad.attempts) == ("queued", 1)
    assert "no such mail backend" in bad.error
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("name", "address", "shown"),
    [
        ("Bücher", "hej@example.com", "Bücher <hej@example.com>"),
        ("Shop", "hej@bücher.example", "Shop <hej@xn--bcher-kva.example>"),
    ],
)
def test_senders_may_have_names_and_domains_of_any_alphabet(
    queued, smtp_port, inbox, name, address, shown
):
    through = replace(sender(smtp_port), from_name=name, from_address=address)

    deliver_due(office=office(lambda _: through), clock=lambda: NOW)

    assert str(inbox.mails[0]["From"]) == shown


def test_an_impossible_sender_keeps_the_mail_for_when_it_is_mended(queued, smtp_port, inbox):
    through = replace(sender(smtp_port), from_address="Shop <hej@example.com>")
    deliver_due(office=office(lambda _: through), clock=lambda: NOW)

    queued.refresh_from_db()
    assert queued.status == "queued"
    assert queued.error

    deliver(smtp_port, now=NOW + timedelta(minutes=1))
    assert len(inbox.mails) == 1


def test_a_mail_that_waited_too_long_expires_unsent(db, smtp_port, inbox):
    queue_emails(requests=[request(expires_at=NOW + timedelta(days=14))], now=NOW)

    deliver(smtp_port, now=NOW + timedelta(days=15))

    assert EmailMessage.objects.get().status == "expired"
    assert inbox.mails == []


def test_a_mail_that_others_began_to_doubt_is_sent_when_it_was(queued):
    (message,) = claim_emails(limit=10, now=NOW)
    hand_over(message=message, now=NOW)
    recover_emails(now=NOW + timedelta(minutes=11))

    mark_sent(message=message, now=NOW + timedelta(minutes=12))

    queued.refresh_from_db()
    assert queued.status == "sent"


def test_each_channel_sends_through_its_own_server(db, smtp_port, inbox):
    queue_emails(requests=[request("a", channel_id=1), request("b", channel_id=2)], now=NOW)
    asked = []

    def sender_for(channel_id):
        asked.append(channel_id)
        return sender(smtp_port)

    deliver_due(office=office(sender_for), clock=lambda: NOW)

    assert sorted(asked) == [1, 2]
    assert len(inbox.mails) == 2


@pytest.mark.django_db(transaction=True)
def test_no_mail_is_claimed_by_two_workers():
    queue_emails(requests=[request(f"mail-{n}") for n in range(40)], now=NOW)

    results = in_threads(8, lambda _: claim_emails(limit=5, now=NOW))

    claimed = [message.key for result in results for message in result]
    assert len(claimed) == len(set(claimed)) == 40


@pytest.mark.django_db(transaction=True)
def test_8_workers_send_40_mails_once_each(smtp_port, inbox):
    queue_emails(requests=[request(f"mail-{n}") for n in range(40)], now=NOW)

    results = in_threads(
        8,
        lambda _: deliver_due(
            office=office(lambda _: sender(smtp_port)), clock=lambda: NOW, limit=7
        ),
    )
    deliver(smtp_port)

    assert not [result for result in results if isinstance(result, Exception)]
    assert len({mail["Message-ID"] for mail in inbox.mails}) == len(inbox.mails) == 40
