"""What settling needs to know of an order, as plain data, and what follows from it alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from saleor_loyalty.programs.rules import PriceBasis


class OrderState(StrEnum):
    """An order's life, as far as settling cares."""

    OPEN = "open"  # draft, unconfirmed or expired: not a sale (yet)
    PLACED = "placed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """A line of an order; `net` and `gross` are its totals after all discounts."""

    name: str
    variant_name: str
    quantity: int
    net: Decimal
    gross: Decimal
    is_gift_card: bool = False
    is_gift: bool = False

    @property
    def is_merchandise(self) -> bool:
        """Whether the line earns: gift cards are money, and gifts cost nothing."""
        return not self.is_gift_card and not self.is_gift


@dataclass(frozen=True, kw_only=True)
class OrderFacts:
    """The current facts of an order. All money is in `currency`.

    `shipping` is with taxes; `total` is what had to be paid (with taxes
    and shipping, after gift cards); `charged` is what
    is charged now, that is after refunds; `refunded` and `charged_back` are what went back to the
    customer in all. `is_fully_charged` is the shop's own word, which also counts refunds that
    were granted before the payment. `user_id` is the customer's account:
    the one that placed the order, or for a guest the confirmed one with the order's address;
    `account_since` is when it was made.
    """

    order_id: str
    number: str
    channel_id: int
    currency: str
    state: OrderState
    is_replacement: bool
    is_import: bool
    placed_at: datetime
    user_id: int | None
    account_since: datetime | None
    email: str
    first_name: str
    language_code: str
    shipping: Decimal
    total: Decimal
    is_fully_charged: bool
    charged: Decimal
    refunded: Decimal
    charged_back: Decimal
    lines: tuple[OrderLine, ...]

    @property
    def is_paid(self) -> bool:
        """Whether the order was paid in full once, whatever went back since."""
        paid = self.charged + self.refunded + self.charged_back
        return self.is_fully_charged or paid >= self.total

    def merchandise(self, basis: PriceBasis) -> Decimal:
        """Return what the merchandise cost after discounts, without shipping."""
        return sum(
            (
                line.net if basis is PriceBasis.NET else line.gross
                for line in self.lines
                if line.is_merchandise
            ),
            Decimal(0),
        )

    def points_to_return(self, award: int) -> int:
        """Return how many points of an award go back, in all: floor(award x returned / total).

        What was paid beyond the total and given back again takes nothing; a cancelled order
        takes all.
        """
        if self.state is OrderState.CANCELLED:
            return award
        if self.total <= 0:
            return 0
        returned = self.total - min(max(self.charged, Decimal(0)), self.total)
        return int((award * returned / self.total).to_integral_value(rounding=ROUND_FLOOR))

    def came_in_time(self, guest_order_days: int) -> bool:
        """Tell whether the customer's account existed soon enough after the order.

        It did before every order but a guest's. Imported orders may be older than the accounts
        that were imported with them.
        """
        if self.account_since is None:
            return False
        limit = self.placed_at + timedelta(days=guest_order_days)
        return self.is_import or self.account_since <= limit
