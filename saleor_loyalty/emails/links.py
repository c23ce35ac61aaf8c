"""Signed links in mails: they work without a login, for one member and one purpose."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.core import signing

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.errors import LoyaltyError

PREFERENCES_LAST = timedelta(days=365)
EVENT_LINKS_LAST = timedelta(days=400)


class LinkPurpose(StrEnum):
    """What a link is good for; one of another purpose is no good."""

    PREFERENCES = "preferences"
    UNSUBSCRIBE = "unsubscribe"
    ACCEPT = "accept"
    DECLINE = "decline"
    TICKET = "ticket"
    FEEDBACK = "feedback"
    DOOR = "door"


class LinkInvalid(LoyaltyError):
    """A link was changed, cut off or made for something else."""

    code = "link_invalid"


class LinkExpired(LoyaltyError):
    """A link is too old."""

    code = "link_expired"


@dataclass(frozen=True)
class MemberLink:
    """Whom a link is for, and the kind of mail it came in."""

    member_id: int
    kind: EmailKind | None = None


def sign(link: MemberLink, *, purpose: LinkPurpose) -> str:
    """Return the token of a link; the shop's SECRET_KEY signs it."""
    kind = link.kind.value if link.kind else ""
    return _signer(purpose).sign(f"{link.member_id}.{kind}")


def read(token: str, *, purpose: LinkPurpose) -> MemberLink:
    """Return what a token says. Unsubscribing works for ever, the page of preferences for a year.

    Raises:
        LinkInvalid, LinkExpired.

    """
    longest = PREFERENCES_LAST if purpose is LinkPurpose.PREFERENCES else None
    text = _unsigned(token, purpose=purpose, longest=longest)
    member_id, _, kind = text.partition(".")
    known = {one.value for one in EmailKind}
    return MemberLink(int(member_id), EmailKind(kind) if kind in known else None)


def sign_invitation(invitation_id: int, *, purpose: LinkPurpose) -> str:
    """Return the token of a link for one thing that a member does about an event."""
    return _signer(purpose).sign(str(invitation_id))


def read_invitation(token: str, *, purpose: LinkPurpose) -> int:
    """Return the id of the invitation that a token is for; the event itself ends what can be done.

    Raises:
        LinkInvalid, LinkExpired.

    """
    return int(_unsigned(token, purpose=purpose, longest=EVENT_LINKS_LAST))


def sign_door(event_id: int, number: int) -> str:
    """Return the token of the link that opens an event's door to staff; `number` may be raised to end it."""
    return _signer(LinkPurpose.DOOR).sign(f"{event_id}.{number}")


def read_door(token: str) -> tuple[int, int]:
    """Return the event's id and the number of a link to its door.

    Raises:
        LinkInvalid, LinkExpired.

    """
    event_id, _, number = _unsigned(
        token, purpose=LinkPurpose.DOOR, longest=EVENT_LINKS_LAST
    ).partition(".")
    return int(event_id), int(number)


def preferences_token(token: str) -> str:
    """Return the token of the page of preferences that came in the same mail as one to unsubscribe.

    It has the same age, and so is good for no longer than the mail's own. Empty: that is over.

    Raises:
        LinkInvalid.

    """
    try:
        text = signing.Signer.unsign(_signer(LinkPurpose.UNSUBSCRIBE), token)
    except signing.BadSignature as error:
        raise LinkInvalid(field="token") from error
    theirs = signing.Signer.sign(_signer(LinkPurpose.PREFERENCES), text)
    try:
        read(theirs, purpose=LinkPurpose.PREFERENCES)
    except LinkExpired:
        return ""
    return theirs


def _unsigned(token: str, *, purpose: LinkPurpose, longest: timedelta | None) -> str:
    try:
        return _signer(purpose).unsign(token, max_age=longest)
    except signing.SignatureExpired as error:
        raise LinkExpired(field="token") from error
    except signing.BadSignature as error:
        raise LinkInvalid(field="token") from error


def _signer(purpose: LinkPurpose) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"saleor_loyalty.links.{purpose.value}", sep="~")
