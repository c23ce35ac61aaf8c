"""Rules of the mail queue, in pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class EmailKind(StrEnum):
    """The mails that exist; each has templates of its name."""

    THANK_YOU = "thank_you"


class EmailStatus(StrEnum):
    """Where a mail is on its way.

    `doubtful`: the worker died, or the connection broke, while the mail server had it; it may
    have arrived. It is not sent again, since a double mail is worse than a missing one.
    `expired`: it waited until it would only have puzzled its reader.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DOUBTFUL = "doubtful"
    EXPIRED = "expired"


MAX_ATTEMPTS = 24
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=2)
CLAIM_LASTS = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class EmailRequest:
    """A mail to be sent: `facts` are plain JSON values that the kind's templates show.

    `key` makes it unique for ever. `channel_id` chooses the sender. `language_code` is Saleor's
    ("nb", "pt-br"); texts fall back to English. After `expires_at` it is not sent any more.
    """

    key: str
    kind: EmailKind
    channel_id: int | None
    recipient: str
    language_code: str
    facts: Mapping[str, Any]
    expires_at: datetime | None = None


def retry_delay(attempts: int) -> timedelta:
    """Return how long a mail waits after its nth failed attempt: 1, 2, 4 ... 120 minutes."""
    doublings = min(attempts - 1, 20)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)
