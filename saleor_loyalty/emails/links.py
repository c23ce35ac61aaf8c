"""Signed links in mails: they work without a login, for one member and one purpose."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.core import signing

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.errors import LoyaltyError

PREFERENCES_LAST = timedelta(days=365)


class LinkPurpose(StrEnum):
    """What a link is good for; one of another purpose is no good."""

    PREFERENCES = "preferences"
    UNSUBSCRIBE = "unsubscribe"


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
    try:
        text = _signer(purpose).unsign(token, max_age=longest)
    except signing.SignatureExpired as error:
        raise LinkExpired(field="token") from error
    except signing.BadSignature as error:
        raise LinkInvalid(field="token") from error
    member_id, _, kind = text.partition(".")
    known = {one.value for one in EmailKind}
    return MemberLink(int(member_id), EmailKind(kind) if kind in known else None)


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


def _signer(purpose: LinkPurpose) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"saleor_loyalty.links.{purpose.value}", sep="~")
