"""A member's points in memory: the purse, its lots and holds, and the moves between them.

Pure Python. Postings (postings.py) move points on a wallet; operations load and store it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from saleor_loyalty.points.rules import (
    IN_A_LOT,
    Bucket,
    LedgerDrifted,
    Leg,
    LotTerms,
    Purse,
    Reason,
    lapses_at,
)

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(kw_only=True)
class LotState:
    """A lot: where its points are now. `expired` counts those that expired out of it."""

    id: int
    terms: LotTerms
    earned_at: datetime
    order_id: str = ""
    pending: int = 0
    available: int = 0
    held: int = 0
    expired: int = 0
    matures_at: datetime | None = None
    expires_at: datetime | None = None
    is_new: bool = False

    def add(self, bucket: Bucket, points: int) -> None:
        """Put points into a bucket (or take them out, below 0)."""
        setattr(self, bucket.value, getattr(self, bucket.value) + points)


@dataclass
class HoldUse:
    """What a hold took of one lot: still held, and captured and not given back."""

    held: int = 0
    captured: int = 0


@dataclass(kw_only=True)
class HoldState:
    """Points set aside: still `held`, `captured` in all, and `returned` of those."""

    id: int
    key: str
    expires_at: datetime | None
    points: int = 0
    held: int = 0
    captured: int = 0
    returned: int = 0
    uses: dict[int, HoldUse] = field(default_factory=dict)
    is_new: bool = False

    def note(self, source: Bucket, target: Bucket, points: int, *, lot_id: int) -> None:
        """Remember a move of the hold's points, so that an undo finds the same lots."""
        use = self.uses.setdefault(lot_id, HoldUse())
        if target is Bucket.HELD:
            self.points += points
            self.held += points
            use.held += points
        elif source is Bucket.HELD:
            self.held -= points
            use.held -= points
            if target is Bucket.SPENT:
                self.captured += points
                use.captured += points
        else:
            self.returned += points
            use.captured -= points


class Wallet:
    """What a member has. `legs` are the moves since the last `take_legs`.

    `lots` are None where a posting needs none (an award): then only new ones are known.
    """

    def __init__(
        self,
        *,
        purse: Purse,
        last_activity_at: datetime | None = None,
        lots: Iterable[LotState] | None = None,
        holds: Iterable[HoldState] = (),
    ) -> None:
        self.purse = purse
        self.last_activity_at = last_activity_at
        self.lots = {lot.id: lot for lot in lots or ()}
        self.holds = {hold.key: hold for hold in holds}
        self.touched_lots: set[int] = set()
        self.touched_holds: set[str] = set()
        self._legs: list[Leg] = []
        if lots is not None:
            self._check_lots()

    def _check_lots(self) -> None:
        for bucket in IN_A_LOT:
            in_lots = sum(getattr(lot, bucket.value) for lot in self.lots.values())
            if in_lots != getattr(self.purse, bucket.value):
                raise LedgerDrifted(
                    bucket=bucket.value, lots=in_lots, balance=getattr(self.purse, bucket.value)
                )

    def note_activity(self, moment: datetime) -> None:
        """Remember that the member did something that counts; only the latest matters."""
        self.last_activity_at = max(self.last_activity_at or moment, moment)

    def take_legs(self) -> list[Leg]:
        """Return the moves made so far and start anew."""
        legs, self._legs = self._legs, []
        return legs

    def open_lot(self, lot: LotState) -> None:
        """Add a new lot."""
        self.lots[lot.id] = lot

    def open_hold(self, hold: HoldState) -> None:
        """Add a new hold."""
        self.holds[hold.key] = hold

    def spendable(self) -> Iterator[LotState]:
        """Yield the lots with available points, soonest-expiring first."""
        ready = [lot for lot in self.lots.values() if lot.available > 0]
        yield from sorted(ready, key=self.expiry_order)

    def expiry_order(self, lot: LotState) -> tuple[datetime, int]:
        """Return a sort key: soonest-expiring first, never last, the older lot before a newer."""
        moment = lot.expires_at
        if lot.terms.inactivity_months is not None:
            moment = lapses_at(
                last_activity_at=self.last_activity_at,
                earned_at=lot.earned_at,
                usable_at=lot.matures_at,
                months=lot.terms.inactivity_months,
                notice_days=lot.terms.notice_days,
                time_zone="UTC",  # for the order, the zone does not matter
            )
        return (moment or NEVER, lot.id)

    def move(
        self,
        source: Bucket,
        target: Bucket,
        points: int,
        *,
        lot: LotState | None = None,
        hold: HoldState | None = None,
        reason: Reason | None = None,
    ) -> int:
        """Move points between buckets, noting a leg, and return how many. 0 does nothing."""
        if points == 0:
            return 0
        change = dict.fromkeys(("pending", "available", "held", "debt"), 0)
        for bucket, sign in ((source, -1), (target, 1)):
            if bucket is Bucket.DEBT:
                change["debt"] -= sign * points  # debt is owed: points moving into it lower it
            elif bucket in IN_A_LOT:
                change[bucket.value] += sign * points
            if lot is not None and (bucket in IN_A_LOT or bucket is Bucket.EXPIRED):
                lot.add(bucket, sign * points)
        before = self.purse
        self.purse = Purse(**{name: getattr(before, name) + by for name, by in change.items()})
        if lot is not None:
            self.touched_lots.add(lot.id)
        if hold is not None and lot is not None:
            hold.note(source, target, points, lot_id=lot.id)
            self.touched_holds.add(hold.key)
        self._legs.append(
            Leg(
                source=source,
                target=target,
                points=points,
                lot_id=lot.id if lot else None,
                hold_id=hold.id if hold else None,
                reason=reason,
            )
        )
        return points

    def take_available(
        self,
        points: int,
        *,
        into: Bucket,
        hold: HoldState | None = None,
        reason: Reason | None = None,
    ) -> int:
        """Move up to so many available points, soonest-expiring first; return how many."""
        taken = 0
        for lot in self.spendable():
            part = min(points - taken, lot.available)
            taken += self.move(Bucket.AVAILABLE, into, part, lot=lot, hold=hold, reason=reason)
            if taken == points:
                break
        return taken

    def repay_debt(self) -> None:
        """Use available points for what is owed, so that nobody has both."""
        owed = min(self.purse.debt, self.purse.available)
        if owed > 0:
            self.take_available(owed, into=Bucket.DEBT, reason=Reason.DEBT_REPAID)
