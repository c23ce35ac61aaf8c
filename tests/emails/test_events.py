import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from saleor_loyalty.emails.events import EventRefused, event_of, post_event, sign
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind, Go
from saleor_loyalty.emails.samples import SAMPLES
from tests.emails.mails import mail
from tests.factories import NOW

SECRET = "whsec_žć"
VERDICT = Go(
    recipient="ada@example.com",
    language_code="nb",
    first_name="Ada",
    preferences_url="https://shop.example/p",
    unsubscribe_url="https://shop.example/u",
)


def message(**values):
    defaults = {
        "pk": 41,
        "kind": "win_back",
        "member_id": 7,
        "channel_id": 3,
        "facts": {"last_ordered_on": "2026-06-02", "first_name": "Åse"},
        "created_at": NOW,
    }
    return EmailMessage(**{**defaults, **values})


class Tool:
    """A shop's mailing tool: checks signatures by its own means, as its documentation says."""

    def __init__(self, status=200):
        self.status = status
        self.got = []

    def __call__(self, body, headers):
        self.got.append((body, headers))
        return self.status

    def verified(self, *, secret, now, tolerance=300):
        """The last event, if its signature is right and fresh; None otherwise."""
        body, headers = self.got[-1]
        parts = dict(part.split("=", 1) for part in headers["Loyalty-Signature"].split(","))
        signed = parts["t"].encode("ascii") + b"." + body
        key = secret.encode("utf-8")
        block = key.ljust(64, b"\0")
        inner = hashlib.sha256(bytes(one ^ 0x36 for one in block) + signed).digest()
        expected = hashlib.sha256(bytes(one ^ 0x5C for one in block) + inner).hexdigest()
        is_fresh = abs(now.timestamp() - int(parts["t"])) <= tolerance
        if not hmac.compare_digest(expected, parts["v1"]) or not is_fresh:
            return None
        return json.loads(body)


def post(tool, **values):
    rendered = mail(EmailKind.WIN_BACK, "nb")
    post_event(message(**values), VERDICT, rendered, post=tool, secret=SECRET, now=NOW)
    return rendered


def test_an_event_tells_the_facts_and_how_we_would_have_written_them():
    tool = Tool()

    rendered = post(tool)

    assert tool.verified(secret=SECRET, now=NOW) == {
        "id": "loyalty.41",
        "kind": "win_back",
        "purpose": "marketing",
        "createdAt": NOW.isoformat(),
        "recipient": "ada@example.com",
        "firstName": "Åse",
        "languageCode": "nb",
        "memberId": 7,
        "orderId": "",
        "channelId": 3,
        "facts": {"last_ordered_on": "2026-06-02", "first_name": "Åse"},
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "preferencesUrl": "https://shop.example/p",
        "unsubscribeUrl": "https://shop.example/u",
    }


def test_an_event_says_what_it_is_and_how_to_tell_it_from_its_double():
    tool = Tool()

    post(tool)
    post(tool)

    (body, headers), (again, _) = tool.got
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Idempotency-Key"] == "loyalty.41"
    assert body == again
    assert "Åse".encode() in body


def test_a_wrong_secret_a_changed_body_and_an_old_event_are_told():
    tool = Tool()
    post(tool)
    body, headers = tool.got[-1]

    assert tool.verified(secret="wrong", now=NOW) is None
    assert tool.verified(secret=SECRET, now=NOW + timedelta(minutes=6)) is None
    tool.got.append((body.replace(b"win_back", b"birthday"), headers))
    assert tool.verified(secret=SECRET, now=NOW) is None
    later = headers["Loyalty-Signature"].replace("t=1", "t=2", 1)
    tool.got.append((body, {**headers, "Loyalty-Signature": later}))
    assert tool.verified(secret=SECRET, now=NOW) is None


def test_the_signature_is_that_of_the_standard():
    at = int(NOW.timestamp())

    signature = sign(b'{"a": 1}', secret="s", now=NOW)

    expected = hmac.new(b"s", b'%d.{"a": 1}' % at, "sha256").hexdigest()
    assert signature == f"t={at},v1={expected}"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_what_was_taken_was_taken(status):
    tool = Tool(status)

    post(tool)

    assert len(tool.got) == 1


@pytest.mark.parametrize("status", [100, 199, 300, 302, 400, 401, 410, 429, 500, 503])
def test_what_was_not_taken_is_an_error(status):
    with pytest.raises(EventRefused) as refused:
        post(Tool(status))

    assert refused.value.data == {"status": status}


@pytest.mark.parametrize("kind", EmailKind)
def test_every_kind_can_leave_as_an_event(kind):
    event = event_of(message(kind=kind.value, facts=dict(SAMPLES[kind])), VERDICT, mail(kind))

    assert json.loads(json.dumps(event)) == event


def test_an_account_without_a_name_leaves_that_of_the_order():
    nameless = Go(recipient="ada@example.com", language_code="nb")

    assert event_of(message(), nameless, mail())["firstName"] == "Åse"
