"""The texts of mails on the API: reading, writing, previews and test mails."""

from smtplib import SMTPDataError, SMTPRecipientsRefused

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from saleor.plugins.models import PluginConfiguration

from saleor_loyalty.emails.defaults import default_texts
from saleor_loyalty.emails.editing import check_texts
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.models import EmailMessage, EmailText
from saleor_loyalty.emails.operations import queue_emails
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.emails.samples import SAMPLES
from tests.saleor.conftest import ask
from tests.saleor.shopping import give
from tests.saleor.test_graphql import global_id, queries_of
from tests.tiers.ladders import make_ladder

PARTS = "subject preheader heading body closing button"
VERSION = f"id version isCurrent {PARTS} buttonUrl blocks actor channel {{ slug }} languageCode"
TEXTS = f"""kind languageCode channel {{ slug }} defaults {{ languageCode {PARTS} }}
  own {{ {VERSION} }} variables {{ name type isAlwaysThere sample }} blocks
  versions(first: 5) {{ totalCount edges {{ node {{ {VERSION} }} }} }}"""
TARGET = "$kind: LoyaltyEmailKindEnum!, $languageCode: LanguageCodeEnum!, $channel: String"
GIVEN = "kind: $kind, languageCode: $languageCode, channel: $channel"
READ = f"query({TARGET}) {{ loyaltyEmailTexts({GIVEN}) {{ {TEXTS} }} }}"
UPDATE = f"""mutation({TARGET}, $input: LoyaltyEmailTextsInput!) {{
  loyaltyEmailTextsUpdate({GIVEN}, input: $input) {{
    texts {{ {TEXTS} }} errors {{ field code message }} }} }}"""
RESET = f"""mutation({TARGET}) {{ loyaltyEmailTextsReset({GIVEN}) {{
  texts {{ {TEXTS} }} errors {{ field code }} }} }}"""
RESTORE = f"""mutation($id: ID!) {{ loyaltyEmailTextsRestore(id: $id) {{
  texts {{ {TEXTS} }} errors {{ field code }} }} }}"""
PREVIEW = f"""mutation({TARGET}, $member: ID, $input: LoyaltyEmailTextsInput) {{
  loyaltyEmailPreview({GIVEN}, member: $member, input: $input) {{
    preview {{ subject text html languageCode untranslated }} errors {{ field code message }} }} }}"""
SEND = f"""mutation({TARGET}, $recipient: String, $input: LoyaltyEmailTextsInput) {{
  loyaltyEmailTestSend({GIVEN}, recipient: $recipient, input: $input) {{
    recipient errors {{ field code message }} }} }}"""
INJECTIONS = [
    "{{ settings.SECRET_KEY }}",
    "{% load x %}",
    "{first_name.__class__}",
    "{0}",
    "{first_name!r}",
    "{}",
    "[no variable]",
    "[[",
    "x" * 1_000_000,
]


def call(client, document, field, **variables):
    given = {"kind": "WELCOME", "languageCode": "EN", **variables}
    answer = ask(client, document, given)
    assert "errors" not in answer, answer
    return answer["data"][field]


def read(client, **variables):
    return call(client, READ, "loyaltyEmailTexts", **variables)


def save(client, *, target=(), **parts):
    return call(client, UPDATE, "loyaltyEmailTextsUpdate", input=parts, **dict(target))


def preview(client, **variables):
    return call(client, PREVIEW, "loyaltyEmailPreview", **variables)


def send(client, **variables):
    return call(client, SEND, "loyaltyEmailTestSend", **variables)


def refusals(payload):
    return [(one["field"], one["code"]) for one in payload["errors"]]


@pytest.mark.usefixtures("program", "site_settings")
def test_staff_read_what_a_mail_says_and_could_say(loyalty_staff):
    texts = read(loyalty_staff)

    assert (texts["kind"], texts["languageCode"], texts["channel"]) == ("WELCOME", "EN", None)
    assert texts["defaults"] == {
        "languageCode": "EN",
        "subject": "Welcome to {program_name}[, {first_name}]!",
        "preheader": "It is good to have you with us.",
        "heading": "Welcome[, {first_name}]!",
        "body": "We are happy that you have joined {program_name}. From now on, every order at "
        "{shop_name} brings you something back. You need no card: just log in when you shop.",
        "closing": "Any questions? Just reply to this message.",
        "button": "See what you can get",
    }
    assert texts["own"] is None
    assert texts["blocks"] == ["POINTS", "TIER"]
    assert texts["versions"] == {"totalCount": 0, "edges": []}
    variables = {one["name"]: one for one in texts["variables"]}
    assert list(variables) == list(KINDS[EmailKind.WELCOME].allowed)
    assert variables["points_balance"] == {
        "name": "points_balance",
        "type": "POINTS",
        "isAlwaysThere": True,
        "sample": "100 points",
    }
    assert variables["tier_name"]["isAlwaysThere"] is False
    assert variables["next_tier_name"]["sample"] == "Silver"


@pytest.mark.usefixtures("program", "site_settings")
def test_samples_are_in_the_language(loyalty_staff):
    texts = read(loyalty_staff, languageCode="NB")

    variables = {one["name"]: one["sample"] for one in texts["variables"]}
    assert variables["next_tier_name"] == "Sølv"


@pytest.mark.usefixtures("program")
def test_a_language_without_a_catalogue_shows_english_and_a_channel_that_is_none_nothing(
    loyalty_staff,
):
    unknown = ask(
        loyalty_staff, READ, {"kind": "WELCOME", "languageCode": "EN", "channel": "nowhere"}
    )

    assert read(loyalty_staff, languageCode="DE")["defaults"]["languageCode"] == "EN"
    assert unknown["data"] == {"loyaltyEmailTexts": None}


@pytest.mark.parametrize("language", ["en", "hr", "nb"])
@pytest.mark.parametrize("kind", list(EmailKind))
def test_what_comes_could_have_been_written_by_the_shop(kind, language):
    texts = default_texts(kind, language_code=language)

    check_texts(kind, parts=texts, blocks=None, language_code=language)


@pytest.mark.usefixtures("program")
def test_staff_write_a_channels_own_words(loyalty_staff, channel_USD):
    payload = save(
        loyalty_staff,
        target={"channel": "main", "languageCode": "PT_BR"},
        subject=" Olá[, {first_name}]! ",
        body="Um.\n\nDois.",
        buttonUrl="https://shop.example/club",
        blocks=["TIER"],
    )

    texts = payload["texts"]
    assert payload["errors"] == []
    assert texts["channel"] == {"slug": channel_USD.slug}
    own = texts["own"]
    assert own == {
        "id": own["id"],
        "version": 1,
        "isCurrent": True,
        "subject": "Olá[, {first_name}]!",
        "preheader": "",
        "heading": "",
        "body": "Um.\n\nDois.",
        "closing": "",
        "button": "",
        "buttonUrl": "https://shop.example/club",
        "blocks": ["TIER"],
        "actor": f"user:{loyalty_staff.user.pk}",
        "channel": {"slug": channel_USD.slug},
        "languageCode": "PT_BR",
    }
    assert texts["versions"]["edges"] == [{"node": own}]
    assert read(loyalty_staff, languageCode="PT_BR")["own"] is None


@pytest.mark.usefixtures("program")
def test_texts_have_versions_that_can_be_restored_and_reset(loyalty_staff):
    first = save(loyalty_staff, subject="One")["texts"]["own"]
    again = save(loyalty_staff, subject="One")["texts"]["own"]
    save(loyalty_staff, subject="Two", heading="Two")

    reset = call(loyalty_staff, RESET, "loyaltyEmailTextsReset")["texts"]
    restored = ask(loyalty_staff, RESTORE, {"id": first["id"]})["data"]["loyaltyEmailTextsRestore"]

    assert again == first
    assert reset["own"] is None
    assert reset["versions"]["totalCount"] == 3
    assert restored["errors"] == []
    own = restored["texts"]["own"]
    assert (own["version"], own["subject"], own["heading"]) == (4, "One", "")
    edges = restored["texts"]["versions"]["edges"]
    assert [one["node"]["version"] for one in edges] == [4, 3, 2, 1]
    assert [one["node"]["isCurrent"] for one in edges] == [True, False, False, False]


@pytest.mark.usefixtures("program")
def test_resetting_what_was_never_written_writes_nothing(loyalty_staff):
    payload = call(loyalty_staff, RESET, "loyaltyEmailTextsReset")

    assert payload["errors"] == []
    assert EmailText.objects.count() == 0


@pytest.mark.usefixtures("program")
def test_a_version_that_is_not_there_cannot_be_restored(loyalty_staff):
    for pk, code in ((404, "NOT_FOUND"), ("abc", "GRAPHQL_ERROR")):
        variables = {"id": global_id("LoyaltyEmailTextVersion", pk)}
        payload = ask(loyalty_staff, RESTORE, variables)["data"]["loyaltyEmailTextsRestore"]
        assert refusals(payload) == [("id", code)]
    assert EmailText.objects.count() == 0


@pytest.mark.usefixtures("program", "site_settings")
@pytest.mark.parametrize("text", INJECTIONS, ids=lambda text: text[:20])
@pytest.mark.parametrize("part", ["subject", "body"])
def test_what_is_no_plain_text_is_refused_everywhere(loyalty_staff, part, text):
    text = f"x]{text}" if text == "[[" else text

    saved = save(loyalty_staff, **{part: text})
    shown = preview(loyalty_staff, input={part: text})
    sent = send(loyalty_staff, input={part: text})

    for payload in (saved, shown, sent):
        assert refusals(payload) == [(part, "INVALID")]
        assert len(payload["errors"][0]["message"]) < 2000
    assert EmailText.objects.count() == 0
    assert mail.outbox == []


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("parts", "field", "says"),
    [
        ({"subject": "{points_earned}"}, "subject", "may be empty"),
        ({"subject": "{total}"}, "subject", "this mail has no {total}"),
        ({"subject": "a\nb"}, "subject", "must be one line"),
        ({"heading": "a\u202eb"}, "heading", "cannot be printed"),
        ({"buttonUrl": "javascript:alert(1)"}, "buttonUrl", "http or https"),
        ({"buttonUrl": 'https://x.example/"><script>'}, "buttonUrl", "http or https"),
        ({"blocks": ["ORDER"]}, "blocks", "may be points, tier"),
        ({"blocks": ["TIER", "TIER"]}, "blocks", "each once"),
    ],
)
def test_what_could_not_be_sent_is_refused_with_the_reason(loyalty_staff, parts, field, says):
    save(loyalty_staff, subject="Before")

    payload = save(loyalty_staff, **parts)

    assert refusals(payload) == [(field, "INVALID")]
    assert says in payload["errors"][0]["message"]
    assert EmailText.objects.get().parts == {"subject": "Before"}


@pytest.mark.usefixtures("program")
def test_a_channel_that_is_none_is_a_typed_error(loyalty_staff):
    target = {"channel": "nowhere"}

    assert refusals(save(loyalty_staff, target=target, subject="x")) == [("channel", "NOT_FOUND")]
    assert refusals(preview(loyalty_staff, **target)) == [("channel", "NOT_FOUND")]
    assert refusals(send(loyalty_staff, **target)) == [("channel", "NOT_FOUND")]
    assert EmailText.objects.count() == 0
    assert mail.outbox == []


@pytest.mark.usefixtures("program", "site_settings")
@pytest.mark.parametrize("language", ["EN", "HR", "NB"])
@pytest.mark.parametrize("kind", [kind.name for kind in EmailKind])
def test_every_mail_can_be_seen_in_every_language(loyalty_staff, kind, language):
    payload = preview(loyalty_staff, kind=kind, languageCode=language)

    assert payload["errors"] == []
    shown = payload["preview"]
    assert shown["languageCode"] == language
    assert shown["subject"]
    assert "Aurora Club" in shown["text"]
    assert "</html>" in shown["html"]
    assert EmailMessage.objects.count() == 0


@pytest.mark.usefixtures("program", "site_settings")
def test_a_preview_shows_texts_that_are_not_saved(loyalty_staff):
    save(loyalty_staff, subject="For all", heading="Of all")

    payload = preview(
        loyalty_staff, channel="main", input={"subject": "Mine[, {first_name}]", "blocks": []}
    )

    shown = payload["preview"]
    assert shown["subject"] == "Mine, Ada"
    assert "Of all" in shown["text"]
    assert EmailText.objects.count() == 1


@pytest.mark.usefixtures("program", "site_settings")
def test_a_preview_escapes_what_staff_type(loyalty_staff):
    shown = preview(loyalty_staff, input={"heading": "<script>alert(1)</script>"})["preview"]

    assert "<script>alert" not in shown["html"]
    assert "&lt;script&gt;" in shown["html"]


@pytest.mark.usefixtures("site_settings")
def test_a_preview_for_a_member_has_their_name_points_and_tier(
    loyalty_staff, program, customer_user
):
    make_ladder(program)
    customer_user.first_name = "Grace"
    customer_user.save()
    member = give(program, customer_user, 4_321)

    for kind in EmailKind:
        payload = preview(
            loyalty_staff, kind=kind.name, member=global_id("LoyaltyMember", member.pk)
        )
        assert payload["errors"] == [], kind
        text = payload["preview"]["subject"] + payload["preview"]["text"]
        assert "Ada" not in text
    shown = preview(loyalty_staff, member=global_id("LoyaltyMember", member.pk))["preview"]
    assert shown["subject"] == "Welcome to Aurora Club, Grace!"
    assert "4,321 Stars" in shown["text"]


@pytest.mark.usefixtures("site_settings")
def test_a_preview_for_a_member_tells_what_their_last_mail_told(
    loyalty_staff, program, customer_user
):
    member = give(program, customer_user, 0)
    for number, balance in enumerate((17, 18)):
        queue_emails(
            requests=[
                EmailRequest(
                    key=f"welcome:{number}",
                    kind=EmailKind.WELCOME,
                    channel_id=None,
                    member_id=member.pk,
                    facts={**SAMPLES[EmailKind.WELCOME], "points_balance": balance},
                )
            ],
            now=timezone.now(),
        )

    shown = preview(loyalty_staff, member=global_id("LoyaltyMember", member.pk))["preview"]

    assert "18 points" in shown["text"]


@pytest.mark.usefixtures("program", "site_settings")
def test_a_preview_for_nobody_is_a_typed_error(loyalty_staff):
    payload = preview(loyalty_staff, member=global_id("LoyaltyMember", 404))

    assert refusals(payload) == [("member", "NOT_FOUND")]


@pytest.mark.usefixtures("program", "site_settings")
def test_staff_send_themselves_a_test(loyalty_staff):
    payload = send(loyalty_staff, channel="main", input={"subject": "Hello"})

    assert payload == {"recipient": loyalty_staff.user.email, "errors": []}
    (sent,) = mail.outbox
    assert sent.subject == "[Test] Hello"
    assert sent.to == [loyalty_staff.user.email]
    assert "Ada" in sent.body
    assert "List-Unsubscribe" not in sent.extra_headers
    assert EmailMessage.objects.count() == 0


@pytest.mark.usefixtures("program", "site_settings")
def test_two_tests_are_two_mails_to_a_mail_reader(loyalty_staff):
    send(loyalty_staff)
    send(loyalty_staff, recipient=loyalty_staff.user.email.upper())

    ids = [one.extra_headers["Message-ID"] for one in mail.outbox]
    assert len(set(ids)) == 2
    assert all("loyalty.test" in one for one in ids)


@pytest.mark.usefixtures("program", "site_settings")
def test_staff_send_tests_to_nobody_else(loyalty_staff):
    payload = send(loyalty_staff, recipient="stranger@example.com")

    assert refusals(payload) == [("recipient", "INVALID")]
    assert mail.outbox == []


@pytest.mark.usefixtures("program", "site_settings")
def test_an_app_names_one_address(app_api_client, permission_manage_loyalty):
    app_api_client.app.permissions.add(permission_manage_loyalty)

    payload = send(app_api_client, recipient="qa@example.com")

    assert payload == {"recipient": "qa@example.com", "errors": []}
    assert mail.outbox[0].to == ["qa@example.com"]


@pytest.mark.usefixtures("program", "site_settings")
@pytest.mark.parametrize(
    "recipient", [None, "", "a@example.com, b@example.com", "nobody", "a@x.example\nBcc: b@y.z"]
)
def test_an_app_cannot_send_to_what_is_not_one_address(
    app_api_client, permission_manage_loyalty, recipient
):
    app_api_client.app.permissions.add(permission_manage_loyalty)

    payload = send(app_api_client, recipient=recipient)

    assert refusals(payload) == [("recipient", "INVALID")]
    assert mail.outbox == []


@pytest.mark.usefixtures("program", "site_settings")
@pytest.mark.parametrize(
    ("method", "error", "says"),
    [
        ("open", ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        ("send_messages", SMTPDataError(554, b"no thanks"), "no thanks"),
        ("send_messages", SMTPRecipientsRefused({"a@b": (550, b"who?")}), "who?"),
    ],
)
def test_what_the_mail_server_says_is_answered_typed(
    loyalty_staff, monkeypatch, method, error, says
):
    def fail(*_):
        raise error

    monkeypatch.setattr(EmailBackend, method, fail)

    payload = send(loyalty_staff)

    assert refusals(payload) == [(None, "EMAIL_NOT_SENT")]
    assert says in payload["errors"][0]["message"]


@pytest.mark.usefixtures("site_settings")
def test_a_sender_that_cannot_stand_in_a_header_is_answered_typed(loyalty_staff, program):
    PluginConfiguration.objects.filter(channel=None).update(
        configuration=[{"name": "sender_address", "value": "club"}]
    )

    payload = send(loyalty_staff)

    assert refusals(payload) == [(None, "EMAIL_NOT_SENT")]
    assert mail.outbox == []


@pytest.mark.usefixtures("program")
def test_versions_take_as_many_queries_for_3_as_for_1(loyalty_staff):
    for number in range(3):
        save(loyalty_staff, target={"channel": "main"}, subject=f"Number {number}")
    document = f"""query($first: Int!) {{
      loyaltyEmailTexts(kind: WELCOME, languageCode: EN, channel: "main") {{
        versions(first: $first) {{ edges {{ node {{ {VERSION} }} }} }} }} }}"""

    one, three = (queries_of(loyalty_staff, document, {"first": n}) for n in (1, 3))

    assert three == one
