"""A mail's facts as a signed event, for shops that send with a tool of their own."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from saleor_loyalty.emails.formats import first_name_of
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rendering import RenderedEmail
from saleor_loyalty.emails.rules import EmailKind, Go, purpose_of
from saleor_loyalty.errors import LoyaltyError

SIGNATURE_HEADER = "Loyalty-Signature"

# Posts a body with headers to the shop's address of events, and returns the HTTP status.
Post = Callable[[bytes, Mapping[str, str]], int]


class EventsNotSet(LoyaltyError):
    """A kind leaves as an event, and the shop has not said where to."""

    code = "email_events_not_set"


class EventRefused(LoyaltyError):
    """The shop's tool did not take an event; the data have its HTTP status."""

    code = "email_event_refused"


def event_of(message: EmailMessage, verdict: Go, rendered: RenderedEmail) -> dict[str, Any]:
    """Return a mail as an event: its facts, to whom it goes, and how we would have written it."""
    first_name = first_name_of(message.facts.get("first_name") or verdict.first_name)
    return {
        "id": f"loyalty.{message.pk}",
        "kind": message.kind,
        "purpose": purpose_of(EmailKind(message.kind)).value,
        "createdAt": message.created_at.isoformat(),
        "recipient": verdict.recipient,
        "firstName": first_name,
        "languageCode": verdict.language_code,
        "memberId": message.member_id,
        "orderId": message.order_id,
        "channelId": message.channel_id,
        "facts": {
            **message.facts,
            "first_name": first_name,
            **({"links": dict(verdict.links)} if verdict.links else {}),
        },
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "preferencesUrl": verdict.preferences_url,
        "unsubscribeUrl": verdict.unsubscribe_url,
    }


def sign(body: bytes, *, secret: str, now: datetime) -> str:
    """Return the signature of an event's body: HMAC-SHA256 of "<unix time>.<body>", in hex.

    As Stripe signs its webhooks: https://docs.stripe.com/webhooks#verify-manually
    """
    at = int(now.timestamp())
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post_event(
    message: EmailMessage,
    verdict: Go,
    rendered: RenderedEmail,
    *,
    post: Post,
    secret: str,
    now: datetime,
) -> None:
    """Post a mail as an event. Who gets it twice tells by its id, also in `Idempotency-Key`.

    Raises:
        EventRefused: the answer was no 2xx.

    """
    body = json.dumps(event_of(message, verdict, rendered), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": f"loyalty.{message.pk}",
        SIGNATURE_HEADER: sign(body, secret=secret, now=now),
    }
    status = post(body, headers)
    if not 200 <= status < 300:  # noqa: PLR2004 -- HTTP's classes
        raise EventRefused(status=status)
