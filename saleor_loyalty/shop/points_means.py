"""What carries points on Saleor's checkouts: a gift card or a voucher of our own, one a checkout.

Both live as long as the points are held: released, they are deleted; used, they are shut.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
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
from saleor.giftcard import GiftCardEvents
from saleor.giftcard.models import GiftCard, GiftCardEvent
from saleor.order import OrderStatus
from saleor.order.models import Order
from saleor.payment.models import TransactionItem

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.shop.gift_cards import CAN_PAY, owner, take_back_payments
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.queries import to_shut

# Before, an order that a gift card paid a part of could not be paid with transactions.
GIFT_CARDS_SINCE = (3, 22)
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
        if spending.means_id and own.update(**money, is_active=True):
            _recalculate_others(spending, but=self.checkout)
        else:
            card = GiftCard.objects.create(
                code=spending.code, currency=spending.currency, **money, **owner(self.info.user)
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
            spending.means_id = str(voucher.pk)
        VoucherChannelListing.objects.update_or_create(
            voucher=voucher,
            channel=self.info.channel,
            defaults={"currency": spending.currency, "discount_value": spending.amount},
        )
        code, _ = VoucherCode.objects.update_or_create(
            code=spending.code, defaults={"voucher": voucher, "is_active": True}
        )
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
        _recalculate_others(spending, but=checkout)
        _delete_card(spending)
    else:
        if checkout is not None and checkout.voucher_code == spending.code:
            remove_voucher_from_checkout(checkout)
        Voucher.objects.filter(pk=int(spending.means_id or 0)).delete()
    if checkout is not None:
        checkout.price_expiration = checkout.discount_expiration = now
        checkout.save(update_fields=["price_expiration", "discount_expiration", "last_change"])


def _delete_card(spending: Spending) -> None:
    """Delete a gift card; one that was begun to be paid with is kept, shut, so that it stays known."""
    cards = GiftCard.objects.filter(code=spending.code, last_used_on=None)
    if CAN_PAY and TransactionItem.objects.filter(gift_card__in=cards).exists():
        Checkout.gift_cards.through.objects.filter(giftcard__in=cards).delete()
        cards.update(is_active=False, current_balance_amount=Decimal(0))
    else:
        cards.delete()


def _recalculate_others(spending: Spending, *, but: Checkout | None) -> None:
    """Have other checkouts that hold a gift card work out anew what it covers of them.

    After the commit: their locks come before those that are held now.
    """
    holding = Checkout.gift_cards.through.objects.filter(giftcard__code=spending.code)
    others = set(holding.values_list("checkout", flat=True)) - {but.pk if but else None}
    if others:
        transaction.on_commit(
            lambda: Checkout.objects.filter(pk__in=others).update(price_expiration=timezone.now())
        )


def cancel_card_payments(spending: Spending) -> None:
    """Take back what the gift card of points was authorized for as a payment.

    Call it without any lock, before the card changes.
    """
    if spending.means == Means.GIFT_CARD.value and spending.means_id:
        take_back_payments([int(spending.means_id)])


def order_that_used(spending: Spending) -> str | None:
    """Return the id of an order that used what carries an application's points, or None.

    An order of its checkout counts as well: what it used of them is told when it is settled.
    """
    orders = Order.objects.exclude(status=OrderStatus.DRAFT).order_by("created_at")
    of_checkout = orders.filter(
        checkout_token=spending.checkout_id, created_at__gte=spending.created_at
    )
    pk = int(spending.means_id or 0)
    if spending.means == Means.GIFT_CARD.value:
        used = GiftCardEvent.objects.filter(
            gift_card=pk, type=GiftCardEvents.USED_IN_ORDER, order__isnull=False
        ).order_by("date")
        for order_id, parameters in used.values_list("order", "parameters"):
            balance = parameters["balance"]
            if balance["old_current_balance"] != balance["current_balance"]:
                return str(order_id)
        found = of_checkout
    else:
        found = orders.filter(voucher=pk, voucher_code=spending.code) | of_checkout
    order_id = found.values_list("pk", flat=True).first()
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
    for row in rows:
        _recalculate_others(row, but=None)
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
