"""Rules of the mail queue, in pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class EmailKind(StrEnum):
    """The mails that exist; `emails.kinds` says what each is made of."""

    WELCOME = "welcome"
    THANK_YOU = "thank_you"
    THANK_YOU_FIRST = "thank_you_first"
    THANK_YOU_TIER = "thank_you_tier"
    THANK_YOU_MILESTONE = "thank_you_milestone"
    POINTS_AVAILABLE = "points_available"
    POINTS_EXPIRING = "points_expiring"
    POINTS_EXPIRING_LAST = "points_expiring_last"
    REFUND_EXPLAINED = "refund_explained"
    REWARD_ISSUED = "reward_issued"
    TIER_REACHED = "tier_reached"
    TIER_AT_RISK = "tier_at_risk"
    BIRTHDAY = "birthday"
    PERSONAL_DAY = "personal_day"
    SECOND_PURCHASE = "second_purchase"
    WIN_BACK = "win_back"
    STATEMENT_MONTHLY = "statement_monthly"
    STATEMENT_YEARLY = "statement_yearly"
    EVENT_INVITATION = "event_invitation"
    EVENT_CONFIRMED = "event_confirmed"
    EVENT_WAITING = "event_waiting"
    EVENT_OFFERED = "event_offered"
    EVENT_LEFT = "event_left"
    EVENT_REMINDER = "event_reminder"
    EVENT_CHANGED = "event_changed"
    EVENT_CANCELLED = "event_cancelled"
    EVENT_THANKS = "event_thanks"


class Purpose(StrEnum):
    """What a mail is for.

    SERVICE: it tells of what a member did, has or is about to lose. MARKETING: it asks for the
    next purchase; only those who agreed get it.
    """

    SERVICE = "service"
    MARKETING = "marketing"


# The special forms of a mail; switched off, the plain one goes out in their place.
PLAIN_FORM = {
    EmailKind.THANK_YOU_FIRST: EmailKind.THANK_YOU,
    EmailKind.THANK_YOU_TIER: EmailKind.THANK_YOU,
    EmailKind.THANK_YOU_MILESTONE: EmailKind.THANK_YOU,
}
MARKETING = frozenset(
    {
        EmailKind.BIRTHDAY,
        EmailKind.PERSONAL_DAY,
        EmailKind.SECOND_PURCHASE,
        EmailKind.WIN_BACK,
        EmailKind.STATEMENT_MONTHLY,
        EmailKind.STATEMENT_YEARLY,
        EmailKind.EVENT_INVITATION,
    }
)


def priority_of(kind: EmailKind) -> int:
    """Return a kind's place in the queue: service mails pass marketing."""
    return 1 if kind in MARKETING else 0


def purpose_of(kind: EmailKind) -> Purpose:
    """Return what a kind of mail is for."""
    return Purpose.MARKETING if kind in MARKETING else Purpose.SERVICE


class EmailStatus(StrEnum):
    """Where a mail is on its way.

    `doubtful`: the worker died, or the connection broke, while the mail server had it; it may
    have arrived. It is not sent again, since a double mail is worse than a missing one.
    `expired`: it waited until it would only have puzzled its reader. `suppressed`: it must not
    go out; `why` says for which reason.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DOUBTFUL = "doubtful"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"


class Why(StrEnum):
    """Why a mail waits, or does not go out at all.

    `overtaken`: what it says is true no more.
    """

    SWITCHED_OFF = "switched_off"
    NOT_TARGETED = "not_targeted"
    NO_ADDRESS = "no_address"
    ADDRESS_FAILED = "address_failed"
    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"
    NOT_CONFIRMED = "not_confirmed"
    QUIET_HOURS = "quiet_hours"
    WEEKLY_LIMIT = "weekly_limit"
    OVERTAKEN = "overtaken"


class Transport(StrEnum):
    """How a kind of mail leaves: by us, or as a signed event to the shop's own mailing tool."""

    EMAIL = "email"
    EVENT = "event"


MAX_ATTEMPTS = 24
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=2)
# A worker that holds a mail longer is taken for dead: sooner while it surely did not leave, since
# who takes it then cannot send it twice; later while the mail server may have it.
CLAIM_LASTS = timedelta(minutes=2)
HAND_OVER_LASTS = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class EmailRequest:
    """A mail to be sent: `facts` are plain JSON values that the kind's texts and blocks show.

    `key` makes it unique for ever. `channel_id` chooses the sender. `recipient`, and `language_code`
    (Saleor's: "nb", "pt-br"), are those of the order that it is about; empty: the member's, as
    they are when it is sent. It is due at `due_at` (None: at once); after `expires_at` it is
    not sent any more.
    """

    key: str
    kind: EmailKind
    channel_id: int | None
    facts: Mapping[str, Any]
    recipient: str = ""
    language_code: str = ""
    program_id: int | None = None
    member_id: int | None = None
    order_id: str = ""
    due_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Go:
    """A mail may leave: to whom, in which language, how, and where they can stop it.

    `preferences_url` leads to the page where the member chooses; `unsubscribe_url` takes the
    one-click POST of RFC 8058. `kind`: the plain form that goes in place of a special one. `links`
    are addresses that the mail links to, by name.
    """

    recipient: str
    language_code: str
    first_name: str = ""
    transport: Transport = Transport.EMAIL
    preferences_url: str = ""
    unsubscribe_url: str = ""
    kind: EmailKind | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Wait:
    """A mail must wait until an instant."""

    until: datetime
    why: Why


@dataclass(frozen=True, kw_only=True)
class Drop:
    """A mail must not leave."""

    why: Why


Verdict = Go | Wait | Drop


def retry_delay(attempts: int) -> timedelta:
    """Return how long a mail waits after its nth failed attempt: 1, 2, 4 ... 120 minutes."""
    doublings = min(attempts - 1, 20)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)
