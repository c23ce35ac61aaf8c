"""The words of the ledger, in pure Python: buckets, reasons, lots' terms, purses, legs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.calendar import add_months, end_of_day, local_date

MAX_POINTS = 1_000_000_000


class Bucket(StrEnum):
    """Where points are. The first four belong to a member; the others are outside."""

    AVAILABLE = "available"
    PENDING = "pending"
    HELD = "held"
    DEBT = "debt"
    ISSUED = "issued"
    SPENT = "spent"
    EXPIRED = "expired"
    REVOKED = "revoked"
    TRANSFERRED = "transferred"


OF_A_MEMBER = frozenset({Bucket.AVAILABLE, Bucket.PENDING, Bucket.HELD, Bucket.DEBT})
IN_A_LOT = (Bucket.PENDING, Bucket.AVAILABLE, Bucket.HELD)


class Reason(StrEnum):
    """Why points moved."""

    ORDER_EARNED = "order_earned"
    ORDER_REFUNDED = "order_refunded"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_CHANGED = "order_changed"
    ACTIVITY_EARNED = "activity_earned"
    ADJUSTMENT = "adjustment"
    GOODWILL = "goodwill"
    OPENING_BALANCE = "opening_balance"
    MATURED = "matured"
    HELD = "held"
    SPENT = "spent"
    RELEASED = "released"
    RETURNED = "returned"
    EXPIRED = "expired"
    TIER_REACHED = "tier_reached"
    DEBT_REPAID = "debt_repaid"
    DEBT_FORGIVEN = "debt_forgiven"
    MERGED = "merged"
    CORRECTION = "correction"


class Shortfall(StrEnum):
    """What happens when more is taken than is available: refuse, note a debt, or forgive it."""

    REFUSE = "refuse"
    DEBT = "debt"
    FORGIVE = "forgive"


class InsufficientPoints(LoyaltyError):
    """More points would be taken than are available."""

    code = "insufficient_points"


class PointsInvalid(LoyaltyError):
    """A number of points is zero or out of range."""

    code = "points_invalid"


class LedgerDrifted(LoyaltyError):
    """A member's lots and balance disagree; nothing moves until `loyalty_verify` put it right."""

    code = "ledger_drifted"


@dataclass(frozen=True, kw_only=True)
class LotTerms:
    """When the points of a lot can be used and until when.

    Pending points mature at `matures_at` (None: when an event or a person says so). They expire
    at `expires_at`, or `inactivity_months` after the member's last activity, or never; once
    usable they last `notice_days` at least, so that nobody is surprised.
    """

    is_pending: bool = False
    matures_at: datetime | None = None
    expires_at: datetime | None = None
    inactivity_months: int | None = None
    notice_days: int = 0


@dataclass(frozen=True, kw_only=True)
class Purse:
    """What a member has in each bucket: every number is 0 or more."""

    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0

    @property
    def total(self) -> int:
        """Return the usable points less the debt; below 0 while in debt."""
        return self.available - self.debt


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Points that move from one bucket to another, of one lot; `points` is above 0."""

    source: Bucket
    target: Bucket
    points: int
    lot_id: int | None = None
    hold_id: int | None = None
    reason: Reason | None = None


def signed_points(*, source: Bucket, target: Bucket, points: int) -> int:
    """Return what a leg means to the member: above 0 gained, below 0 lost, 0 moved within."""
    gained = points if target in OF_A_MEMBER else 0
    lost = points if source in OF_A_MEMBER else 0
    return gained - lost


def order_points(*, source: Bucket, target: Bucket, points: int) -> int:
    """Return what a leg of an order's posting adds to what the order is worth.

    Revoking counts wherever the points were: those of the order that had expired go back
    from there, so that a refund does not take the member's other points for them.
    """
    if source is Bucket.ISSUED:
        return points
    return -points if target is Bucket.REVOKED else 0


def lapses_at(
    *,
    last_activity_at: datetime | None,
    earned_at: datetime,
    usable_at: datetime | None,
    months: int,
    notice_days: int,
    time_zone: str,
) -> datetime:
    """Return the instant at which points expire that wait for activity.

    The end of the local day so many months after the member last did something, earning them
    included; and not before the notice has passed since they could be used. The sweep says the
    same in SQL.
    """
    active_at = max(last_activity_at or earned_at, earned_at)
    on = add_months(local_date(active_at, time_zone=time_zone), months)
    noticed_at = (usable_at or earned_at) + timedelta(days=notice_days)
    return max(end_of_day(on, time_zone=time_zone), noticed_at)
