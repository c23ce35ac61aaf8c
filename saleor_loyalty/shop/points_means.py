"""What carries points on Saleor's checkouts: a gift card or a voucher of our own, one a checkout.

Both live as long as the points are held: released, they are deleted; used, they are shut.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from saleor import __version__ as saleor_version
from saleor.checkout.models import Checkout
from saleor.checkout.payment_utils import update_checkout_payment_statuses
from saleor.checkout.utils import (
    add_voucher_to_checkout,
    invalidate_checkout,
    remove_voucher_from_checkout,
)
from saleor.discount import DiscountValueType, VoucherType
from saleor.discount.models import Voucher, VoucherChannelListing, VoucherCode
from saleor.giftcard.models import GiftCard
from saleor.order.models import Order

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.queries import to_shut

# Before, an order that a gift card paid a part of could not be paid with transactions.
GIFT_CARDS_SINCE = (3, 22)
IS_GIFT_CARD_BOUND = any(field.name == "assigned_to" for field in GiftCard._meta.get_fields())
SHUT_BATCH = 500


class MeansUnavailable(LoyaltyError):
    """The programme lets points pay by gift cards, and this channel takes none."""

    code = "means_unavailable"


class VoucherInUse(LoyaltyError):
    """Points would take the checkout's only place for a voucher, and it has one."""

    code = "voucher_in_use"


class AlreadyUsed(Exception):
    """An order used what carries the points: they are spent, and cannot be released."""

    def __init__(self, order_id: str) -> None:
        super().__init__(order_id)
        self.order_id = order_id


def means_for(wanted: Means, channel: Any) -> Means:
    """Return what carries points in a channel.

    Raises:
        MeansUnavailable: gift cards were asked for, and it takes none.

    """
    takes_gift_cards = _version() >= GIFT_CARDS_SINCE and getattr(
        channel, "allow_legacy_gift_card_use", True
    )
    if wanted is Means.VOUCHER or (wanted is Means.AUTOMATIC and not takes_gift_cards):
        return Means.VOUCHER
    if not takes_gift_cards:
        raise MeansUnavailable(field="id")
    return Means.GIFT_CARD


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in saleor_version.split(".")[:2])


class OnCheckout:
    """A locked checkout with current prices, as `bind` and `unbind` of the flows need it."""

    def __init__(self, checkout_info: Any, lines: Sequence[Any], manager: Any) -> None:
        self.info = checkout_info
        self.checkout: Checkout = checkout_info.checkout
        self.lines = lines
        self.manager = manager

    def bind(self, spending: Spending) -> None:
        """Put an application's money on the checkout, in place of what was there of it.

        Raises:
            VoucherInUse: another voucher is on the checkout.

        """
        if spending.means == Means.GIFT_CARD.value:
            self._bind_gift_card(spending)
        else:
            self._bind_voucher(spending)
        spending.checked_at = self.checkout.last_change

    def _bind_gift_card(self, spending: Spending) -> None:
        money = {
            "initial_balance_amount": spending.amount,
            "current_balance_amount": spending.amount,
        }
        own = GiftCard.objects.filter(code=spending.code, last_used_on=None)
        if not spending.means_id or not own.update(**money):
            card = GiftCard.objects.create(
                code=spending.code, currency=spending.currency, **money, **self._owner()
            )
            spending.means_id = str(card.pk)
        self.checkout.gift_cards.add(int(spending.means_id))
        self.checkout.save(update_fields=["last_change"])
        total = self.checkout.total.gross - self.checkout.get_total_gift_cards_balance()
        update_checkout_payment_statuses(
            checkout=self.checkout,
            checkout_total_gross=max(total, total * 0),
            checkout_has_lines=bool(self.lines),
        )

    def _owner(self) -> dict[str, Any]:
        if not IS_GIFT_CARD_BOUND or self.info.user is None:
            return {}
        return {"assigned_to": self.info.user, "assigned_to_email": self.info.user.email}

    def _bind_voucher(self, spending: Spending) -> None:
        if self.checkout.voucher_code not in (None, "", spending.code):
            raise VoucherInUse(field="id")
        voucher = Voucher.objects.filter(pk=int(spending.means_id or 0)).first()
        if voucher is None:
            voucher = Voucher.objects.create(
                name=f"{spending.program.name} · {spending.program.points_name or 'points'}",
                type=VoucherType.ENTIRE_ORDER,
                discount_value_type=DiscountValueType.FIXED,
                single_use=True,
            )
            VoucherCode.objects.create(voucher=voucher, code=spending.code)
            spending.means_id = str(voucher.pk)
        VoucherChannelListing.objects.update_or_create(
            voucher=voucher,
            channel=self.info.channel,
            defaults={"currency": spending.currency, "discount_value": spending.amount},
        )
        code = VoucherCode.objects.get(voucher=voucher)
        add_voucher_to_checkout(self.manager, self.info, self.lines, voucher, code)
        invalidate_checkout(
            self.info, self.lines, self.manager, recalculate_discount=False, save=True
        )


def unbind(spending: Spending, *, checkout: Checkout | None, now: datetime) -> None:
    """Delete what carries an application's points, and take it off its locked checkout.

    Raises:
        AlreadyUsed: an order used it.

    """
    order_id = order_that_used(spending)
    if order_id is not None:
        raise AlreadyUsed(order_id)
    if spending.means == Means.GIFT_CARD.value:
        GiftCard.objects.filter(code=spending.code, last_used_on=None).delete()
    else:
        if checkout is not None and checkout.voucher_code == spending.code:
            remove_voucher_from_checkout(checkout)
        Voucher.objects.filter(pk=int(spending.means_id or 0)).delete()
    if checkout is not None:
        checkout.price_expiration = checkout.discount_expiration = now
        checkout.save(update_fields=["price_expiration", "discount_expiration", "last_change"])


def order_that_used(spending: Spending) -> str | None:
    """Return the id of the order that used what carries an application's points, or None."""
    orders = Order.objects.order_by("created_at")
    pk = int(spending.means_id or 0)
    used_by = (
        orders.filter(gift_cards=pk)
        if spending.means == Means.GIFT_CARD.value
        else orders.filter(voucher=pk, voucher_code=spending.code)
    )
    order_id = used_by.values_list("pk", flat=True).first()
    return str(order_id) if order_id is not None else None


def is_on(spending: Spending, *, voucher_code: str | None, gift_card_ids: frozenset[str]) -> bool:
    """Tell whether what carries an application's points is on a checkout with these codes."""
    if spending.means == Means.GIFT_CARD.value:
        return spending.means_id in gift_card_ids
    return spending.code == voucher_code


def shut_used() -> int:
    """Shut what carried points that are spent, so that what the shop may put back on it pays nothing.

    A batch of it; return how many.
    """
    rows = list(to_shut()[:SHUT_BATCH])
    cards = [row.code for row in rows if row.means == Means.GIFT_CARD.value]
    if cards:
        Checkout.gift_cards.through.objects.filter(giftcard__code__in=cards).delete()
        GiftCard.objects.filter(code__in=cards).update(
            is_active=False, current_balance_amount=Decimal(0)
        )
    codes = [row.code for row in rows if row.means == Means.VOUCHER.value]
    if codes:
        VoucherCode.objects.filter(code__in=codes).update(is_active=False)
    Spending.objects.filter(pk__in=[row.pk for row in rows]).update(is_shut=True)
    return len(rows)
