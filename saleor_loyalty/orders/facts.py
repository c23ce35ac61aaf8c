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
    """A line of an order; `net` and `gross` are its totals after all discounts.

    `full_net` and `full_gross` are its totals before discounts (None: the same). `quantity_returned`: how many
    came back, or were refunded. The ids are
    Saleor's, as text; `category_ids` are the product's category and all above it.
    """

    name: str
    variant_name: str
    quantity: int
    net: Decimal
    gross: Decimal
    full_net: Decimal | None = None
    full_gross: Decimal | None = None
    quantity_returned: int = 0
    is_gift_card: bool = False
    is_gift: bool = False
    line_id: str = ""
    product_id: str = ""
    product_type_id: str = ""
    category_ids: frozenset[str] = frozenset()
    collection_ids: frozenset[str] = frozenset()
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def is_merchandise(self) -> bool:
        """Whether the line earns: gift cards are money, and gifts cost nothing."""
        return not self.is_gift_card and not self.is_gift

    @property
    def is_discounted(self) -> bool:
        """Whether the line costs less than its full price."""
        return self.full_gross is not None and self.gross < self.full_gross

    def price(self, basis: PriceBasis, *, on_full_price: bool = False) -> Decimal:
        """Return the line's total without or with taxes, after or before discounts."""
        after, before = (
            (self.net, self.full_net) if basis is PriceBasis.NET else (self.gross, self.full_gross)
        )
        return before if on_full_price and before is not None else after


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

    `paid_with_gift_cards` and `paid_with_points` are what these paid, in money, beside `total`.
    `gift_cards_used`: the shop's gift cards (ids as text) with what each paid, those of points too.
    `voucher_amount` and `discount_amount`: what a voucher,
    and what all discounts took off the whole order. `is_expired`: it was never paid, and the shop
    gave it up. `refund_pending`: what of `charged` is about to go back.
    `checkout_id`: the checkout that it came of. `is_draft`: staff are still writing it. `earlier_orders` counts the customer's orders placed before it. `paid_at` and `fulfilled_at`:
    when it was paid in full and when all of it was sent, None while it is not.
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
    shipping_net: Decimal = Decimal(0)
    paid_with_gift_cards: Decimal = Decimal(0)
    paid_with_points: Decimal = Decimal(0)
    gift_cards_used: tuple[tuple[str, Decimal], ...] = ()
    paid_at: datetime | None = None
    fulfilled_at: datetime | None = None
    country: str = ""
    customer_group_ids: frozenset[str] = frozenset()
    voucher_code: str = ""
    voucher_amount: Decimal = Decimal(0)
    discount_amount: Decimal = Decimal(0)
    is_expired: bool = False
    refund_pending: Decimal = Decimal(0)
    checkout_id: str = ""
    is_draft: bool = False
    earlier_orders: int = 0

    @property
    def is_placed(self) -> bool:
        """Whether a customer placed it and it stands, though it may not be a sale yet."""
        is_gone = self.state is OrderState.CANCELLED or self.is_expired
        return not is_gone and not self.is_draft

    @property
    def is_paid(self) -> bool:
        """Whether the order was paid in full once, whatever went back since."""
        paid = self.charged + self.refunded + self.charged_back
        return self.is_fully_charged or paid >= self.total

    @property
    def cash_returned(self) -> Decimal:
        """Return what the shop gave back of the total of an order that was paid.

        What is on its way counts; what a bank took back does not.
        """
        if not self.is_paid or self.total <= 0:
            return Decimal(0)
        kept = self.charged - self.refund_pending + self.charged_back
        return self.total - min(max(kept, Decimal(0)), self.total)

    @property
    def unexplained(self) -> Decimal:
        """Return what lines and shipping cost beyond the total and what gift cards paid.

        Discounts on the whole order count as well, though mostly they are in the lines' prices.
        """
        costs = sum((line.gross for line in self.lines), self.shipping)
        return costs - self.total - self.paid_with_gift_cards - self.discount_amount

    def still_spent(self, amount: Decimal) -> Decimal:
        """Return what is left of an amount of the order after what went back, to a thousandth.

        The same share is taken off as of its points.
        """
        if self.state is OrderState.CANCELLED:
            return Decimal(0)
        if self.total <= 0:
            return amount
        kept = min(max(self.charged, Decimal(0)), self.total)
        return round(amount * kept / self.total, 3)

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
