"""Saleor's orders: their facts as settling wants them, and which of them changed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any
from uuid import UUID

from django.db.models import (
    CharField,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    UUIDField,
    Value,
)
from django.db.models.functions import Cast, Lower
from saleor.account.models import User
from saleor.order import OrderChargeStatus, OrderOrigin, OrderStatus
from saleor.order.models import Order, OrderLine
from saleor.payment import TransactionEventType, TransactionKind
from saleor.payment.models import Transaction, TransactionEvent, TransactionItem

from saleor_loyalty.orders import facts
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.shop.customers import confirmed_accounts

NOT_A_SALE = (OrderStatus.DRAFT, OrderStatus.UNCONFIRMED, OrderStatus.EXPIRED)
FULLY_CHARGED = (OrderChargeStatus.FULL, OrderChargeStatus.OVERCHARGED)
SWEEP_OVERLAP = timedelta(minutes=15)
CHUNK = 1000

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
    "user__first_name",
    "billing_address__first_name",
    "shipping_address__first_name",
)


def load_order_facts(order_ids: Sequence[str]) -> dict[str, facts.OrderFacts]:
    """Read the current facts of orders by id; ids that are none of Saleor's are left out.

    Six queries, however many orders.
    """
    pks = [pk for order_id in order_ids if (pk := _uuid_or_none(order_id)) is not None]
    rows = list(Order.objects.filter(pk__in=pks).values(*ORDER_FIELDS))
    lines = _lines(pks)
    refunded = _refunded(pks)
    charged_back = _charged_back(pks)
    accounts = confirmed_accounts(
        emails={row["user_email"] for row in rows if row["user_id"] is None}
    )
    return {
        str(row["pk"]): _facts(
            row,
            lines=lines[row["pk"]],
            refunded=refunded[row["pk"]],
            charged_back=charged_back[row["pk"]],
            accounts=accounts,
        )
        for row in rows
    }


def _facts(
    row: dict[str, Any],
    *,
    lines: list[facts.OrderLine],
    refunded: Decimal,
    charged_back: Decimal,
    accounts: dict[str, int],
) -> facts.OrderFacts:
    user_id = row["user_id"]
    if user_id is None:
        user_id = accounts.get(row["user_email"].lower())
    return facts.OrderFacts(
        order_id=str(row["pk"]),
        number=str(row["number"]),
        channel_id=row["channel_id"],
        currency=row["currency"],
        state=_state(row["status"]),
        is_replacement=row["origin"] == OrderOrigin.REISSUE,
        is_import=row["origin"] == OrderOrigin.BULK_CREATE,
        created_at=row["created_at"],
        user_id=user_id,
        is_guest=row["user_id"] is None,
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
        charged=row["total_charged_amount"],
        refunded=refunded,
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


def _refunded(pks: Sequence[UUID]) -> dict[UUID, Decimal]:
    """Return what was refunded per order, by the Transaction API and by legacy payments."""
    found: dict[UUID, Decimal] = defaultdict(Decimal)
    items = TransactionItem.objects.filter(order_id__in=pks).order_by()
    for order_id, amount in items.values_list("order_id").annotate(Sum("refunded_value")):
        found[order_id] += amount
    refunds = Transaction.objects.filter(
        payment__order_id__in=pks, kind=TransactionKind.REFUND, is_success=True
    ).order_by()
    for order_id, amount in refunds.values_list("payment__order_id").annotate(Sum("amount")):
        found[order_id] += amount
    return found


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
    candidates = (
        _not_settled_since("updated_at", Order.objects.filter(updated_at__gte=since), key="pk"),
        _not_settled_since(
            "modified_at",
            TransactionItem.objects.filter(modified_at__gte=since, order__isnull=False),
            key="order_id",
        ),
    )
    for queryset in candidates:
        for chunk in batched(queryset.iterator(chunk_size=CHUNK), CHUNK):
            yield list(chunk)


def _not_settled_since(stamp: str, changed: QuerySet[Any], *, key: str) -> QuerySet[Any]:
    settled = SettledOrder.objects.filter(
        order_id=OuterRef("order_key"), settled_at__gt=OuterRef(stamp) + SWEEP_OVERLAP
    )
    return (
        changed.annotate(order_key=Cast(key, CharField()))
        .filter(~Exists(settled))
        .order_by()
        .values_list("order_key", flat=True)
    )


def claimable_guest_orders(*, now: datetime, email: str | None = None) -> list[str]:
    """Return the guests' orders whose customer has a confirmed account by now.

    Only orders that were settled without an account and are still within their programme's
    limit. `email` narrows it to one address. One query.
    """
    accounts = User.objects.filter(
        email=Lower(OuterRef("user_email")), is_active=True, is_confirmed=True
    )
    orders = Order.objects.filter(pk=OuterRef("order_pk")).filter(
        Q(user__isnull=False) | Exists(accounts)
    )
    if email is not None:
        orders = orders.filter(user_email__in={email, email.lower()})
    ends_at = ExpressionWrapper(
        F("order_created_at") + F("program__guest_order_days") * Value(timedelta(days=1)),
        output_field=DateTimeField(),
    )
    waiting = SettledOrder.objects.filter(outcome=Outcome.NO_ACCOUNT.value)
    return list(
        waiting.annotate(order_pk=Cast("order_id", UUIDField()), ends_at=ends_at)
        .filter(Exists(orders), ends_at__gt=now)
        .values_list("order_id", flat=True)
    )
