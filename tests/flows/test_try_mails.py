"""Mails that are tried before they are sent."""

from smtplib import SMTPDataError

import pytest
from django.core.mail.backends.locmem import EmailBackend

from saleor_loyalty.emails.editing import reset_texts, save_texts
from saleor_loyalty.emails.envelopes import MailSender, RecipientImpossible
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.models import EmailMessage, EmailText
from saleor_loyalty.emails.operations import queue_emails
from saleor_loyalty.emails.queries import address_failures, email_log, text_versions
from saleor_loyalty.emails.rendering import ShopIdentity
from saleor_loyalty.emails.rules import EmailKind, EmailRequest, EmailStatus
from saleor_loyalty.emails.samples import SAMPLES
from saleor_loyalty.emails.texts import TextInvalid
from saleor_loyalty.emails.trials import (
    Page,
    Proposal,
    TrialNotSent,
    sample_values,
    send_trial,
    try_email,
)
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.flows.try_mails import trial_facts
from tests.factories import NOW, make_member, make_user

SHOP = ShopIdentity(name="Shop", url="https://shop.example/")
PAGE = Page(shop=SHOP, preferences_url="https://shop.example/preferences/")

pytestmark = pytest.mark.django_db


def find_people(user_ids):
    return {pk: Person(email="grace@example.com", first_name="Grace") for pk in user_ids}


def facts_of(kind, member_id):
    return trial_facts(kind=kind, member_id=member_id, find_people=find_people, now=NOW)


def tried(kind=EmailKind.WELCOME, language_code="en", **values):
    given = {"channel_id": None, "facts": SAMPLES[kind], "page": PAGE, **values}
    return try_email(kind=kind, language_code=language_code, **given)


def save(channel_id=None, **parts):
    save_texts(
        kind=EmailKind.WELCOME,
        language_code="en",
        channel_id=channel_id,
        parts=parts,
        blocks=None,
        actor="user:1",
        now=NOW,
    )


@pytest.mark.parametrize("kind", list(EmailKind))
def test_every_kind_can_be_tried_for_a_member_without_tier_or_points(kind):
    member = make_member(user=make_user())

    rendered = tried(kind, facts=facts_of(kind, member.pk).facts)

    assert rendered.subject
    assert "Grace" in rendered.subject + rendered.text
    assert "Ada" not in rendered.subject + rendered.text


def test_a_member_whose_account_is_gone_has_no_name():
    member = make_member()

    assert facts_of(EmailKind.WELCOME, member.pk).facts["first_name"] == ""
    with pytest.raises(MemberNotFound):
        facts_of(EmailKind.WELCOME, 404)


def test_the_last_mail_of_the_kind_tells_its_facts():
    member = make_member(user=make_user())
    for key in "ab":
        request = EmailRequest(
            key=key, kind=EmailKind.WELCOME, channel_id=1, member_id=member.pk, facts={"key": key}
        )
        queue_emails(requests=[request], now=NOW)

    found = facts_of(EmailKind.WELCOME, member.pk)

    assert found.facts == {"first_name": "Grace", "key": "b"}
    assert found.was_sent is True


def test_a_proposal_stands_in_for_what_is_saved_and_is_not_saved():
    save(heading="Everywhere", subject="Everywhere")
    save(7, subject="Saved")
    proposal = Proposal(parts={"subject": " Proposed ", "body": " "}, blocks=[])

    here = tried(channel_id=7, proposal=proposal)
    saved = tried(channel_id=7)

    assert here.subject == "Proposed"
    assert "Everywhere" in here.text
    assert saved.subject == "Saved"
    assert EmailText.objects.count() == 2
    with pytest.raises(TextInvalid) as refused:
        tried(proposal=Proposal(parts={"subject": "{points_earned}"}))
    assert refused.value.field == "subject"


def test_a_reset_is_an_empty_version_once_there_is_one():
    where = {"kind": EmailKind.WELCOME, "language_code": "en", "channel_id": None}

    reset_texts(**where, actor="", now=NOW)
    nothing = EmailText.objects.count()
    save(subject="Mine")
    for _ in range(2):
        reset_texts(**where, actor="user:2", now=NOW)

    assert nothing == 0
    assert [row.parts for row in text_versions(**where)] == [{}, {"subject": "Mine"}]


def test_samples_are_written_as_mails_write_them():
    values = sample_values(EmailKind.THANK_YOU, language_code="nb", shop_name="Butikken")

    assert set(values) == set(KINDS[EmailKind.THANK_YOU].allowed)
    assert (values["shop_name"], values["tier_name"]) == ("Butikken", "Sølv")
    assert values["reached_tier"] == ""


class Refusing(EmailBackend):
    def send_messages(self, _):
        raise SMTPDataError(554, b"no")


def sender(backend=EmailBackend, **values):
    return MailSender(backend=backend(), shop=SHOP, **{"from_address": "a@shop.example", **values})


def test_a_test_leaves_at_once_and_is_marked(mailoutbox):
    send_trial(rendered=tried(), recipient="me@example.com", sender=sender())

    (sent,) = mailoutbox
    assert sent.subject == "[Test] Welcome to Aurora Club, Ada!"
    assert sent.to == ["me@example.com"]
    assert EmailMessage.objects.count() == 0


@pytest.mark.parametrize(
    ("recipient", "values", "error", "field"),
    [
        ("a@b.example, c@d.example", {}, RecipientImpossible, "recipient"),
        ("me@example.com", {"backend": Refusing}, TrialNotSent, None),
        ("me@example.com", {"from_address": "nowhere"}, TrialNotSent, None),
    ],
)
def test_a_test_that_cannot_leave_says_why(mailoutbox, recipient, values, error, field):
    with pytest.raises(error) as refused:
        send_trial(rendered=tried(), recipient=recipient, sender=sender(**values))

    assert refused.value.field == field
    assert mailoutbox == []


def test_the_log_finds_mails():
    for number, order_id in enumerate(("", "o-1", "o-2")):
        request = EmailRequest(
            key=str(number),
            kind=EmailKind.WELCOME if number else EmailKind.BIRTHDAY,
            channel_id=1,
            member_id=number,
            order_id=order_id,
            recipient=f"m{number}@example.com",
            facts={},
        )
        queue_emails(requests=[request], now=NOW)

    def found(**criteria):
        return [mail.key for mail in email_log(**criteria)]

    assert found() == ["2", "1", "0"]
    assert found(status=EmailStatus.SENT) == []
    assert found(kind=EmailKind.BIRTHDAY) == found(member_id=0) == found(search="M0") == ["0"]
    assert found(order_id="o-1") == ["1"]
    assert found(order_id="") == []
    assert found(search="1", of_orders=["o-2"]) == ["2"]
    assert list(address_failures()) == []
