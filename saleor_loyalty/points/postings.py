"""What can be asked of the ledger, in pure Python: one class a wish, each says how it moves points.

All share a key, which makes them happen once per programme, and a fingerprint of what was asked.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.points.rules import (
    MAX_POINTS,
    Bucket,
    InsufficientPoints,
    LotTerms,
    PointsInvalid,
    Reason,
    Shortfall,
)
from saleor_loyalty.points.wallets import HoldState, LotState, Wallet


class HoldNotFound(LoyaltyError):
    """There is no hold with that key."""

    code = "hold_not_found"


class HoldExceeded(LoyaltyError):
    """More would be captured than a hold still holds, or given back than it captured."""

    code = "hold_exceeded"


AT_ONCE_AND_FOR_EVER = LotTerms()
NOT_ASKED = frozenset({"effective_at", "lot", "expires_at", "matured_at"})


@dataclass(frozen=True, kw_only=True)
class Posting(ABC):
    """A wish to move points of one member.

    `effective_at` is the instant it counts from (for an order, the order's own time).
    `is_qualifying`: whether what it gives or takes counts towards tiers. `is_activity`:
    whether it is something the member did, which keeps points alive that expire by inactivity.
    """

    program_id: int
    member_id: int
    key: str
    reason: Reason
    effective_at: datetime
    order_id: str = ""
    note: str = ""
    actor: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    is_qualifying: bool = False
    is_activity: bool = False

    needs_lots: ClassVar[bool] = True

    def fingerprint(self) -> str:
        """Return a digest of what was asked for, to tell a repeat from a conflict.

        Times are left out: asking again later is still the same wish. So is what is at its
        default: a field that a later version adds changes no digest.
        """
        asked = {
            one.name: value
            for one in fields(self)
            if one.name not in NOT_ASKED and (value := getattr(self, one.name)) != _default(one)
        }
        text = json.dumps([type(self).__name__, asked], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def new_rows(self) -> int:
        """Return how many ids the posting needs for a lot or hold of its own."""
        return 0

    @abstractmethod
    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Move the points on a wallet."""

    @property
    def hold_keys(self) -> tuple[str, ...]:
        """The holds that the posting works on."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Award(Posting):
    """Gives points, as a lot of their own; what the member owes is repaid from them at once.

    `from_bucket` is where they come from: issued, or another member when two are merged.
    """

    points: int
    lot: LotTerms = AT_ONCE_AND_FOR_EVER
    from_bucket: Bucket = Bucket.ISSUED

    needs_lots: ClassVar[bool] = False

    def new_rows(self) -> int:
        """Return 1, for the lot."""
        return 1

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Open a lot with the points.

        Raises:
            PointsInvalid: below 1, or more than a thousand million.

        """
        check_points(self.points)
        lot = LotState(
            id=new_id,
            terms=self.lot,
            earned_at=self.effective_at,
            order_id=self.order_id,
            matures_at=self.lot.matures_at if self.lot.is_pending else None,
            expires_at=self.lot.expires_at,
            is_new=True,
        )
        wallet.open_lot(lot)
        into = Bucket.PENDING if self.lot.is_pending else Bucket.AVAILABLE
        wallet.move(self.from_bucket, into, self.points, lot=lot)
        wallet.repay_debt()


@dataclass(frozen=True, kw_only=True)
class Take(Posting):
    """Takes points back: an order's own first, then others, soonest-expiring first.

    Of the order's own, first what is pending, then what is available, then what expired
    already (which costs the member nothing). What is missing is refused, owed or forgiven.
    """

    points: int
    shortfall: Shortfall = Shortfall.REFUSE
    into_bucket: Bucket = Bucket.REVOKED

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Take the points.

        Raises:
            PointsInvalid: below 1, or more than a thousand million.
            InsufficientPoints: too few are there, and nothing may be owed.

        """
        check_points(self.points)
        missing = self.points
        own = [
            lot for lot in wallet.lots.values() if self.order_id and lot.order_id == self.order_id
        ]
        for bucket in (Bucket.PENDING, Bucket.AVAILABLE, Bucket.EXPIRED):
            for lot in sorted(own, key=wallet.expiry_order):
                part = min(missing, getattr(lot, bucket.value))
                missing -= wallet.move(bucket, self.into_bucket, part, lot=lot)
        missing -= wallet.take_available(missing, into=self.into_bucket) if missing else 0
        if missing == 0:
            return
        if self.shortfall is Shortfall.REFUSE:
            raise InsufficientPoints(
                field="points", available=self.points - missing, asked=self.points
            )
        wallet.move(Bucket.DEBT, self.into_bucket, missing)
        if self.shortfall is Shortfall.FORGIVE:
            wallet.move(Bucket.ISSUED, Bucket.DEBT, missing, reason=Reason.DEBT_FORGIVEN)


@dataclass(frozen=True, kw_only=True)
class Forgive(Posting):
    """Forgives a debt, or a part of it."""

    points: int

    needs_lots: ClassVar[bool] = False

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Lower the debt.

        Raises:
            PointsInvalid: below 1, or more than is owed.

        """
        check_points(self.points, most=wallet.purse.debt)
        wallet.move(Bucket.ISSUED, Bucket.DEBT, self.points)


@dataclass(frozen=True, kw_only=True)
class Mature(Posting):
    """Makes the pending points of a lot available, at `matured_at`. None pending: does nothing."""

    lot_id: int
    matured_at: datetime

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Move the lot's pending points; they last at least the notice that was promised."""
        lot = wallet.lots.get(self.lot_id)
        if lot is None or lot.pending == 0:
            return
        wallet.move(Bucket.PENDING, Bucket.AVAILABLE, lot.pending, lot=lot)
        lot.matures_at = min(lot.matures_at or self.matured_at, self.matured_at)
        if lot.expires_at is not None:
            promised = self.matured_at + timedelta(days=lot.terms.notice_days)
            lot.expires_at = max(lot.expires_at, promised)
        wallet.repay_debt()


@dataclass(frozen=True, kw_only=True)
class Authorize(Posting):
    """Sets available points aside, soonest-expiring first, under the posting's own key.

    The hold ends by itself at `expires_at` (None: never).
    """

    points: int
    expires_at: datetime | None = None

    def new_rows(self) -> int:
        """Return 1, for the hold."""
        return 1

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Hold the points.

        Raises:
            PointsInvalid: below 1, or more than a thousand million.
            InsufficientPoints: too few are available.

        """
        check_points(self.points)
        if self.points > wallet.purse.available:
            raise InsufficientPoints(
                field="points", available=wallet.purse.available, asked=self.points
            )
        hold = HoldState(id=new_id, key=self.key, expires_at=self.expires_at, is_new=True)
        wallet.open_hold(hold)
        wallet.take_available(self.points, into=Bucket.HELD, hold=hold)


@dataclass(frozen=True, kw_only=True)
class OnHold(Posting):
    """What is done with a hold; `points` None means all that there is."""

    hold_key: str
    points: int | None = None

    @property
    def hold_keys(self) -> tuple[str, ...]:
        """The hold."""
        return (self.hold_key,)

    def _hold(self, wallet: Wallet) -> HoldState:
        hold = wallet.holds.get(self.hold_key)
        if hold is None:
            raise HoldNotFound(field="hold", key=self.hold_key)
        return hold

    def _points(self, there_is: int) -> int:
        if self.points is None:
            return there_is
        check_points(self.points)
        if self.points > there_is:
            raise HoldExceeded(field="points", there_is=there_is, asked=self.points)
        return self.points


@dataclass(frozen=True, kw_only=True)
class Capture(OnHold):
    """Spends points of a hold, soonest-expiring first. What is left stays held."""

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Spend held points.

        Raises:
            HoldNotFound, PointsInvalid, HoldExceeded: more than is held.

        """
        hold = self._hold(wallet)
        wanted = self._points(hold.held)
        for lot in sorted((wallet.lots[pk] for pk in hold.uses), key=wallet.expiry_order):
            part = min(wanted, hold.uses[lot.id].held)
            wanted -= wallet.move(Bucket.HELD, Bucket.SPENT, part, lot=lot, hold=hold)


@dataclass(frozen=True, kw_only=True)
class Void(OnHold):
    """Returns held points to the lots they came from, longest-living first, with their old dates."""

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Release held points.

        Raises:
            HoldNotFound, PointsInvalid, HoldExceeded: more than is held.

        """
        hold = self._hold(wallet)
        wanted = self._points(hold.held)
        for lot in _longest_living(wallet, hold):
            part = min(wanted, hold.uses[lot.id].held)
            wanted -= wallet.move(Bucket.HELD, Bucket.AVAILABLE, part, lot=lot, hold=hold)
        wallet.repay_debt()


@dataclass(frozen=True, kw_only=True)
class GiveBack(OnHold):
    """Undoes spending: captured points return to the lots they came from, with their old dates.

    Longest-living first. A lot that expired meanwhile expires again at the next sweep.
    """

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Return spent points.

        Raises:
            HoldNotFound, PointsInvalid, HoldExceeded: more than was captured and not given back.

        """
        hold = self._hold(wallet)
        wanted = self._points(hold.captured - hold.returned)
        for lot in _longest_living(wallet, hold):
            part = min(wanted, hold.uses[lot.id].captured)
            wanted -= wallet.move(Bucket.SPENT, Bucket.AVAILABLE, part, lot=lot, hold=hold)
        wallet.repay_debt()


def _default(one: Field[Any]) -> Any:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def check_points(points: int, *, most: int = MAX_POINTS) -> None:
    """Check a number of points to move.

    Raises:
        PointsInvalid: below 1, or more than `most`.

    """
    if not 1 <= points <= most:
        raise PointsInvalid(field="points", points=points)


def _longest_living(wallet: Wallet, hold: HoldState) -> list[LotState]:
    lots = [wallet.lots[pk] for pk in hold.uses]
    return sorted(lots, key=wallet.expiry_order, reverse=True)
