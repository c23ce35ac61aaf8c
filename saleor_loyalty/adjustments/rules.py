"""Rules of adjustments by hand, in pure Python."""

from enum import StrEnum

from saleor_loyalty.errors import LoyaltyError

MAX_NOTE_LENGTH = 1000
MAX_KEY_LENGTH = 100


class AdjustmentReason(StrEnum):
    """Why staff give or take points. Members see it."""

    GOODWILL = "goodwill"
    CORRECTION = "correction"
    PROMOTION = "promotion"
    MISSING_ORDER = "missing_order"
    ABUSE = "abuse"
    OTHER = "other"


class AdjustmentStatus(StrEnum):
    """Where an adjustment is: done, waiting for a second person, or turned down."""

    APPLIED = "applied"
    WAITING = "waiting"
    REJECTED = "rejected"


class AdjustmentInvalid(LoyaltyError):
    """The note or the key of an adjustment is missing or too long; `field` names it."""

    code = "adjustment_invalid"


def check_adjustment(*, note: str, idempotency_key: str | None) -> None:
    """Check the words of an adjustment.

    Raises:
        AdjustmentInvalid: the note or the key is empty or too long.

    """
    if not 1 <= len(note.strip()) <= MAX_NOTE_LENGTH:
        raise AdjustmentInvalid(field="note", problem=f"needs 1 to {MAX_NOTE_LENGTH} characters")
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_KEY_LENGTH:
        raise AdjustmentInvalid(
            field="idempotency_key", problem=f"needs 1 to {MAX_KEY_LENGTH} characters"
        )
