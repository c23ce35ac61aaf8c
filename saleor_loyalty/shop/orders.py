"""Saleor's orders: their facts as settling wants them, and which of them changed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, OuterRef, Q, Sum, UUIDField
from django.db.models.functions import Cast, Lower
from saleor.account.models import User
from saleor.order import OrderChargeStatus, OrderEvents, OrderOrigin, OrderStatus
from saleor.order.models import Order, OrderEvent, OrderLine
from saleor.payment import TransactionEventType, TransactionKind
from saleor.payment.models import Payment, Transaction, TransactionEvent, TransactionItem

from saleor_loyalty.orders import facts
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.programs.queries import longest_guest_order_days
from saleor_loyalty.shop.customers import Account, confirmed_accounts

NOT_A_SALE = (OrderStatus.DRAFT, OrderStatus.UNCONFIRMED, OrderStatus.EXPIRED)
FULLY_CHARGED = (OrderChargeStatus.FULL, OrderChargeStatus.OVERCHARGED)
SWEEP_OVERLAP = timedelta(minutes=15)
CHUNK = 1000
CONFIRMED_WITHIN_DAYS = 30

ORDER_FIELDS = (
    "pk",
    "number",
    "channel_id",
    "currency",
    "status",
    "charge_status",
    "origin",
    "created_at",
    "user_id",
    "user_email",
    "language_code",
    "shipping_price_gross_amount",
    "total_gross_amount",
    "total_charged_amount",
    "user__email",
    "user__date_joined",
    "user__first_name",
    "billing_address__first_name",
    "shipping_address__first_name",
)


def load_order_facts(order_ids: Sequence[str]) -> dict[str, facts.OrderFacts]:
    """Read the current facts of orders by id; ids that are none of Saleor's are left out.

    At most eight queries, however many orders.
    """
    pks = [pk for order_id in order_ids if (pk := _uuid_or_none(order_id)) is not None]
    rows = list(Order.objects.filter(pk__in=pks).values(*ORDER_FIELDS))
    lines = _lines(pks)
    money = _money(pks)
    placed = _placed_from_draft([row["pk"] for row in rows if row["origin"] == OrderOrigin.DRAFT])
    charged_back = _charged_back(pks)
    accounts = confirmed_accounts(
        emails={row["user_email"] for row in rows if row["user_id"] is None}
    )
    return {
        str(row["pk"]): _facts(
            row,
            lines=lines[row["pk"]],
            money=money[row["pk"]],
            placed_at=placed.get(row["pk"], row["created_at"]),
            charged_back=charged_back[row["pk"]],
            accounts=accounts,
        )
        for row in rows
    }


def _facts(
    row: dict[str, Any],
    *,
    lines: list[facts.OrderLine],
    money: "Money",
    charged_back: Decimal,
    accounts: dict[str, Account],
    placed_at: datetime,
) -> facts.OrderFacts:
    account = (
        Account(row["user_id"], row["user__date_joined"])
        if row["user_id"] is not None
        else accounts.get(row["user_email"].lower())
    )
    return facts.OrderFacts(
        order_id=str(row["pk"]),
        number=str(row["number"]),
        channel_id=row["channel_id"],
        currency=row["currency"],
        state=_state(row["status"]),
        is_replacement=row["origin"] == OrderOrigin.REISSUE,
        is_import=row["origin"] == OrderOrigin.BULK_CREATE,
        placed_at=placed_at,
        user_id=account.user_id if account else None,
        account_since=account.since if account else None,
        email=row["user__email"] or row["user_email"],
        first_name=(
            row["user__first_name"]
            or row["billing_address__first_name"]
            or row["shipping_address__first_name"]
            or ""
        ).strip(),
        language_code=row["language_code"],
        shipping=row["shipping_price_gross_amount"],
        total=row["total_gross_amount"],
        is_fully_charged=row["charge_status"] in FULLY_CHARGED,
        # Saleor writes a transaction first and its order a moment later; the higher of the two
        # is no moment in which a paid order looks unpaid.
        charged=max(row["total_charged_amount"], money.charged) + money.pending,
        refunded=money.refunded,
        charged_back=charged_back,
        lines=tuple(lines),
    )


def _state(status: str) -> facts.OrderState:
    if status == OrderStatus.CANCELED:
        return facts.OrderState.CANCELLED
    if status in NOT_A_SALE:
        return facts.OrderState.OPEN
    return facts.OrderState.PLACED


def _lines(pks: Sequence[UUID]) -> dict[UUID, list[facts.OrderLine]]:
    found: dict[UUID, list[facts.OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order_id__in=pks).order_by("created_at", "pk"):
        found[line.order_id].append(
            facts.OrderLine(
                name=line.translated_product_name or line.product_name,
                variant_name=_variant_name(line),
                quantity=line.quantity,
                net=line.total_price_net_amount,
                gross=line.total_price_gross_amount,
                is_gift_card=line.is_gift_card,
                is_gift=line.is_gift,
            )
        )
    return found


def _variant_name(line: OrderLine) -> str:
    """Return a name that people can read: Saleor names nameless variants by their ID."""
    name = line.translated_variant_name or line.variant_name
    return "" if name == line.product_variant_id else name


@dataclass
class Money:
    """What is charged, what went back to a customer, and what is on its way but may still fail."""

    charged: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    pending: Decimal = Decimal(0)


def _money(pks: Sequence[UUID]) -> dict[UUID, Money]:
    """Return the money of orders, by the Transaction API and by legacy payments.

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
    return found


def _placed_from_draft(pks: Sequence[UUID]) -> dict[UUID, datetime]:
    """Return when orders that began as drafts were placed; `created_at` is the draft's."""
    if not pks:
        return {}
    events = OrderEvent.objects.filter(order_id__in=pks, type=OrderEvents.PLACED_FROM_DRAFT)
    return dict(events.order_by("date").values_list("order_id", "date"))


def _charged_back(pks: Sequence[UUID]) -> dict[UUID, Decimal]:
    found: dict[UUID, Decimal] = defaultdict(Decimal)
    events = TransactionEvent.objects.filter(
        transaction__order_id__in=pks,
        type=TransactionEventType.CHARGE_BACK,
        include_in_calculations=True,
    ).order_by()
    for order_id, amount in events.values_list("transaction__order_id").annotate(
        Sum("amount_value")
    ):
        found[order_id] += amount
    return found


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def changed_orders(*, since: datetime) -> Iterator[list[str]]:
    """Yield the ids of orders that changed since an instant and were not settled after that.

    In chunks. An order counts as settled only when that was well after the change, because a
    change is seen when its transaction commits, later than its own time stamp.
    """
    settled = SettledOrder.objects.filter(
        order_id=OuterRef("order_key"), settled_at__gt=OuterRef("updated_at") + SWEEP_OVERLAP
    )
    changed = (
        Order.objects.filter(updated_at__gte=since)
        .annotate(order_key=Cast("pk", CharField()))
        .filter(~Exists(settled))
        .order_by()
        .values_list("order_key", flat=True)
    )
    for chunk in batched(changed.iterator(chunk_size=CHUNK), CHUNK):
        yield list(chunk)


def claimable_guest_orders(*, now: datetime) -> list[str]:
    """Return the guests' orders whose customer has a confirmed account by now. One query.

    It looks back as far as the longest limit of any programme, and a month more for accounts
    that were made in time and confirmed later.
    """
    longest = longest_guest_order_days()
    accounts = User.objects.filter(
        email=Lower(OuterRef("user_email")),
        is_active=True,
        is_confirmed=True,
        date_joined__lte=OuterRef(OuterRef("order_placed_at")) + timedelta(days=longest),
    )
    orders = Order.objects.filter(pk=OuterRef("order_pk")).filter(
        Q(user__date_joined__lte=OuterRef("order_placed_at") + timedelta(days=longest))
        | Q(user__isnull=True) & Exists(accounts)
    )
    waiting = SettledOrder.objects.filter(
        outcome=Outcome.NO_ACCOUNT.value,
        order_placed_at__gt=now - timedelta(days=longest + CONFIRMED_WITHIN_DAYS),
    )
    return list(
        waiting.annotate(order_pk=Cast("order_id", UUIDField()))
        .filter(Exists(orders))
        .values_list("order_id", flat=True)
    )


def guest_orders_of(email: str) -> list[str]:
    """Return the orders with an address that were settled without an account. Two queries."""
    placed = Order.objects.filter(user_email__in={email, email.lower()})
    order_ids = [str(pk) for pk in placed.order_by().values_list("pk", flat=True)]
    waiting = SettledOrder.objects.filter(pk__in=order_ids, outcome=Outcome.NO_ACCOUNT.value)
    return list(waiting.values_list("pk", flat=True)) if order_ids else []
