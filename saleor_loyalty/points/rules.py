"""Rules of the ledger, in pure Python.

A posting is what a caller wants ("+120 for order 17"). It becomes one or two legs, each of
which moves points from one bucket to another, so the books balance by construction.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from saleor_loyalty.errors import LoyaltyError

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


OUTSIDE = frozenset({Bucket.ISSUED, Bucket.SPENT, Bucket.EXPIRED, Bucket.REVOKED})


class Reason(StrEnum):
    """Why points moved."""

    ORDER_EARNED = "order_earned"
    ORDER_REFUNDED = "order_refunded"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_CHANGED = "order_changed"
    ADJUSTMENT = "adjustment"


class Shortfall(StrEnum):
    """What happens when more is taken than is available: refuse it, or note a debt."""

    REFUSE = "refuse"
    DEBT = "debt"


class InsufficientPoints(LoyaltyError):
    """More points would be taken than are available."""

    code = "insufficient_points"


class PointsInvalid(LoyaltyError):
    """A number of points is zero or out of range."""

    code = "points_invalid"


@dataclass(frozen=True, kw_only=True)
class Posting:
    """A wish to move points of one member.

    `points` is signed: above 0 gives, below 0 takes. `key` makes it happen once per programme;
    `effective_at` is the instant it counts from (for an order, the order's own time).
    """

    program_id: int
    member_id: int
    key: str
    points: int
    reason: Reason
    effective_at: datetime
    order_id: str = ""
    note: str = ""
    actor: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    shortfall: Shortfall = Shortfall.REFUSE

    def fingerprint(self) -> str:
        """Return a digest of what was asked for, to tell a repeat from a conflict.

        The time is left out: asking again later is still the same wish.
        """
        asked = [
            self.member_id,
            self.points,
            self.reason.value,
            self.order_id,
            self.note,
            self.actor,
            dict(self.details),
        ]
        text = json.dumps(asked, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Leg:
    """Points that move from one bucket to another; `points` is above 0."""

    source: Bucket
    target: Bucket
    points: int


@dataclass(frozen=True, kw_only=True)
class Purse:
    """What a member has: points that can be used, and points owed to the programme."""

    available: int = 0
    debt: int = 0

    @property
    def total(self) -> int:
        """Return what the member has after debt; below 0 while in debt."""
        return self.available - self.debt

    def after(self, leg: Leg) -> "Purse":
        """Return the purse after a leg. Debt is owed, so points moving into it lower it."""
        change = {
            Bucket.AVAILABLE: 0,
            Bucket.DEBT: 0,
        }
        for bucket, points in ((leg.source, -leg.points), (leg.target, leg.points)):
            if bucket in change:
                change[bucket] += points
        return Purse(
            available=self.available + change[Bucket.AVAILABLE],
            debt=self.debt - change[Bucket.DEBT],
        )


def legs_of(posting: Posting, *, purse: Purse) -> list[Leg]:
    """Return the legs that carry out a posting on a purse.

    Giving repays debt first. Taking uses available points first; what is missing becomes debt
    or is refused, as the posting says.

    Raises:
        PointsInvalid: 0 points, or more than a thousand million.
        InsufficientPoints: too few available, and the posting allows no debt.

    """
    if posting.points == 0 or abs(posting.points) > MAX_POINTS:
        raise PointsInvalid(field="points", points=posting.points)
    if posting.points > 0:
        repaid = min(posting.points, purse.debt)
        legs = [
            Leg(Bucket.ISSUED, Bucket.DEBT, repaid),
            Leg(Bucket.ISSUED, Bucket.AVAILABLE, posting.points - repaid),
        ]
    else:
        asked = -posting.points
        taken = min(asked, purse.available)
        if taken < asked and posting.shortfall is Shortfall.REFUSE:
            raise InsufficientPoints(field="points", available=purse.available, asked=asked)
        legs = [
            Leg(Bucket.AVAILABLE, Bucket.REVOKED, taken),
            Leg(Bucket.DEBT, Bucket.REVOKED, asked - taken),
        ]
    return [leg for leg in legs if leg.points > 0]


def signed_points(*, source: Bucket, target: Bucket, points: int) -> int:
    """Return what a leg means to the member: above 0 gained, below 0 lost, 0 moved within."""
    if source in OUTSIDE and target not in OUTSIDE:
        return points
    if target in OUTSIDE and source not in OUTSIDE:
        return -points
    return 0
