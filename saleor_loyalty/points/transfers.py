"""What merging two members asks of the ledger, in pure Python; see postings.py."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.points.postings import AT_ONCE_AND_FOR_EVER, Posting
from saleor_loyalty.points.rules import Bucket
from saleor_loyalty.points.wallets import LotState, Wallet


class LotNotFound(LoyaltyError):
    """The member has no lot with that id."""

    code = "lot_not_found"


@dataclass(frozen=True, kw_only=True)
class MoveOut(Posting):
    """Empties a lot into another member's: the giving side of a merge."""

    lot_id: int

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Take all of the lot's pending, available and expired points out.

        Raises:
            LotNotFound: the member has no such lot.

        """
        lot = wallet.lots.get(self.lot_id)
        if lot is None:
            raise LotNotFound(lot_id=self.lot_id)
        wallet.move(Bucket.PENDING, Bucket.TRANSFERRED, lot.pending, lot=lot)
        wallet.move(Bucket.AVAILABLE, Bucket.TRANSFERRED, lot.available, lot=lot)
        wallet.move(Bucket.EXPIRED, Bucket.TRANSFERRED, lot.expired, lot=lot)


@dataclass(frozen=True, kw_only=True)
class MoveExpired(Posting):
    """Brings points that expired over to another member, so that a refund finds them there."""

    points: int
    expires_at: datetime | None = None

    needs_lots: ClassVar[bool] = False

    def new_rows(self) -> int:
        """Return 1, for the lot."""
        return 1

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Open a lot with nothing but expired points."""
        lot = LotState(
            id=new_id,
            terms=AT_ONCE_AND_FOR_EVER,
            earned_at=self.effective_at,
            order_id=self.order_id,
            expires_at=self.expires_at,
            is_new=True,
        )
        wallet.open_lot(lot)
        wallet.move(Bucket.TRANSFERRED, Bucket.EXPIRED, self.points, lot=lot)


@dataclass(frozen=True, kw_only=True)
class MoveDebt(Posting):
    """Moves a debt to (`points` above 0) or from another member when the two are merged."""

    points: int

    def carry_out(self, wallet: Wallet, *, new_id: int) -> None:
        """Raise or lower what is owed."""
        if self.points > 0:
            wallet.move(Bucket.DEBT, Bucket.TRANSFERRED, self.points)
            wallet.repay_debt()
        else:
            wallet.move(Bucket.TRANSFERRED, Bucket.DEBT, -self.points)
