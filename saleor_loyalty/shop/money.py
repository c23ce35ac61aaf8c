"""The money of Saleor's orders: what is charged, what went back, what gift cards paid."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum
from saleor.discount import DiscountType
from saleor.discount.models import OrderDiscount
from saleor.giftcard import GiftCardEvents
from saleor.giftcard.models import GiftCardEvent
from saleor.payment import TransactionEventType, TransactionKind
from saleor.payment.models import Payment, Transaction, TransactionEvent, TransactionItem


@dataclass
class Money:
    """What is charged, what went back to a customer, and what is on its way but may still fail.

    `gift_cards`: what each paid, by its id as text.
    """

    charged: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    pending: Decimal = Decimal(0)
    charged_back: Decimal = Decimal(0)
    gift_cards: dict[str, Decimal] = field(default_factory=dict)


def money_of(pks: Sequence[UUID]) -> dict[UUID, Money]:
    """Return the money of orders, by the Transaction API and by legacy payments. Five queries.

    Saleor takes a pending refund off what is charged at once; until it succeeds we do not.
    """
    found: dict[UUID, Money] = defaultdict(Money)
    items = TransactionItem.objects.filter(order_id__in=pks).order_by()
    for order_id, charged, refunded, pending in items.values_list("order_id").annotate(
        Sum("charged_value"), Sum("refunded_value"), Sum("refund_pending_value")
    ):
        found[order_id].charged += charged
        found[order_id].refunded += refunded
        found[order_id].pending += pending
    payments = Payment.objects.filter(order_id__in=pks).order_by()
    for order_id, charged in payments.values_list("order_id").annotate(Sum("captured_amount")):
        found[order_id].charged += charged
    refunds = Transaction.objects.filter(
        payment__order_id__in=pks, kind=TransactionKind.REFUND, is_success=True
    ).order_by()
    for order_id, refunded in refunds.values_list("payment__order_id").annotate(Sum("amount")):
        found[order_id].refunded += refunded
    charge_backs = TransactionEvent.objects.filter(
        transaction__order_id__in=pks,
        type=TransactionEventType.CHARGE_BACK,
        include_in_calculations=True,
    ).order_by()
    for order_id, amount in charge_backs.values_list("transaction__order_id").annotate(
        Sum("amount_value")
    ):
        found[order_id].charged_back += amount
    used = GiftCardEvent.objects.filter(order_id__in=pks, type=GiftCardEvents.USED_IN_ORDER)
    for order_id, card_id, parameters in used.order_by().values_list(
        "order_id", "gift_card_id", "parameters"
    ):
        balance = parameters["balance"]
        paid = Decimal(str(balance["old_current_balance"])) - Decimal(
            str(balance["current_balance"])
        )
        cards = found[order_id].gift_cards
        cards[str(card_id)] = cards.get(str(card_id), Decimal(0)) + paid
    return found


def discounts_of(pks: Sequence[UUID]) -> dict[UUID, tuple[Decimal, Decimal]]:
    """Return what vouchers, and what all discounts, took off orders as a whole. One query."""
    found: dict[UUID, tuple[Decimal, Decimal]] = {}
    rows = OrderDiscount.objects.filter(order_id__in=pks).order_by()
    for order_id, kind, amount in rows.values_list("order_id", "type", "amount_value"):
        vouchers, everything = found.get(order_id, (Decimal(0), Decimal(0)))
        vouchers += amount if kind == DiscountType.VOUCHER else 0
        found[order_id] = (vouchers, everything + amount)
    return found
