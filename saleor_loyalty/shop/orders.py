"""Saleor's orders: their facts as settling wants them, and which of them changed."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, F, Max, Min, OuterRef, Q, Sum, UUIDField
from django.db.models.functions import Cast, Lower
from saleor.account.models import User
from saleor.order import (
    FulfillmentStatus,
    OrderChargeStatus,
    OrderEvents,
    OrderOrigin,
    OrderStatus,
)
from saleor.order.models import Fulfillment, FulfillmentLine, Order, OrderEvent, OrderLine

from saleor_loyalty.orders import facts
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.programs.queries import longest_guest_order_days
from saleor_loyalty.shop.customers import (
    Account,
    CustomerFacts,
    confirmed_accounts,
    customer_facts,
)
from saleor_loyalty.shop.money import Money, discounts_of, money_of
from saleor_loyalty.shop.products import plain_metadata, product_facts

NOT_A_SALE = (OrderStatus.DRAFT, OrderStatus.UNCONFIRMED, OrderStatus.EXPIRED)
SENT = (OrderStatus.FULFILLED, OrderStatus.PARTIALLY_RETURNED, OrderStatus.RETURNED)
CAME_BACK = (
    FulfillmentStatus.RETURNED,
    FulfillmentStatus.REFUNDED,
    FulfillmentStatus.REFUNDED_AND_RETURNED,
)
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
    "billing_address__country",
    "shipping_address__country",
    "shipping_price_net_amount",
    "voucher_code",
    "checkout_token",
)


def load_order_facts(order_ids: Sequence[str]) -> dict[str, facts.OrderFacts]:
    """Read the current facts of orders by id; ids that are none of Saleor's are left out.

    At most twenty-one queries, however many orders.
    """
    pks = [pk for order_id in order_ids if (pk := _uuid_or_none(order_id)) is not None]
    rows = list(Order.objects.filter(pk__in=pks).values(*ORDER_FIELDS))
    accounts = confirmed_accounts(
        emails={row["user_email"] for row in rows if row["user_id"] is None}
    )
    accounts_by_order = {row["pk"]: _account(row, accounts) for row in rows}
    customers = customer_facts(
        {account.user_id for account in accounts_by_order.values() if account is not None}
    )
    lines = _lines(pks)
    money = money_of(pks)
    events = _moments(pks)
    fulfilled = _fulfilled(pks)
    discounts = discounts_of(pks)
    return {
        str(row["pk"]): _facts(
            row,
            account=accounts_by_order[row["pk"]],
            customers=customers,
            lines=lines[row["pk"]],
            money=money[row["pk"]],
            moments=events[row["pk"]],
            fulfilled_at=fulfilled.get(row["pk"]),
            discounts=discounts.get(row["pk"], (Decimal(0), Decimal(0))),
        )
        for row in rows
    }


def _account(row: dict[str, Any], accounts: dict[str, Account]) -> Account | None:
    if row["user_id"] is not None:
        return Account(row["user_id"], row["user__date_joined"])
    return accounts.get(row["user_email"].lower())


def _facts(
    row: dict[str, Any],
    *,
    account: Account | None,
    customers: dict[int, CustomerFacts],
    lines: list[facts.OrderLine],
    money: Money,
    moments: dict[str, datetime],
    fulfilled_at: datetime | None,
    discounts: tuple[Decimal, Decimal],
) -> facts.OrderFacts:
    placed_at = row["created_at"]
    if row["origin"] == OrderOrigin.DRAFT:  # `created_at` is the draft's
        placed_at = moments.get(OrderEvents.PLACED_FROM_DRAFT, placed_at)
    customer = customers[account.user_id] if account else CustomerFacts()
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
        shipping_net=row["shipping_price_net_amount"],
        total=row["total_gross_amount"],
        is_fully_charged=row["charge_status"] in FULLY_CHARGED,
        # Saleor writes a transaction first and its order a moment later; the higher of the two
        # is no moment in which a paid order looks unpaid.
        charged=max(row["total_charged_amount"], money.charged) + money.pending,
        refunded=money.refunded,
        charged_back=money.charged_back,
        paid_with_gift_cards=sum(money.gift_cards.values(), Decimal(0)),
        gift_cards_used=tuple(sorted(money.gift_cards.items())),
        paid_at=moments.get(OrderEvents.ORDER_FULLY_PAID),
        fulfilled_at=fulfilled_at if row["status"] in SENT else None,
        country=row["shipping_address__country"] or row["billing_address__country"] or "",
        customer_group_ids=customer.group_ids,
        voucher_code=row["voucher_code"] or "",
        voucher_amount=discounts[0],
        discount_amount=discounts[1],
        is_expired=row["status"] == OrderStatus.EXPIRED,
        refund_pending=money.pending,
        checkout_id=row["checkout_token"] or "",
        is_draft=row["status"] == OrderStatus.DRAFT,
        earlier_orders=customer.earlier_orders(placed_at, order_id=str(row["pk"])),
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
    rows = list(
        OrderLine.objects.filter(order_id__in=pks)
        .select_related("variant")
        .order_by("created_at", "pk")
    )
    products = product_facts({line.variant.product_id for line in rows if line.variant})
    returned = _returned(pks)
    for line in rows:
        product = products.get(line.variant.product_id) if line.variant else None
        found[line.order_id].append(
            facts.OrderLine(
                name=line.translated_product_name or line.product_name,
                variant_name=_variant_name(line),
                quantity=line.quantity,
                net=line.total_price_net_amount,
                gross=line.total_price_gross_amount,
                full_net=max(line.undiscounted_total_price_net_amount, line.total_price_net_amount),
                full_gross=max(
                    line.undiscounted_total_price_gross_amount, line.total_price_gross_amount
                ),
                quantity_returned=returned.get(line.pk, 0),
                is_gift_card=line.is_gift_card,
                is_gift=line.is_gift,
                line_id=str(line.pk),
                product_id=product.product_id if product else "",
                product_type_id=product.product_type_id if product else "",
                category_ids=product.category_ids if product else frozenset(),
                collection_ids=product.collection_ids if product else frozenset(),
                metadata=(product.metadata if product else ())
                + plain_metadata(line.variant.metadata if line.variant else {}),
            )
        )
    return found


def _returned(pks: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many pieces of lines came back or were refunded; exchanged ones did not."""
    lines = FulfillmentLine.objects.filter(
        fulfillment__order_id__in=pks, fulfillment__status__in=CAME_BACK
    )
    return dict(lines.order_by().values_list("order_line").annotate(Sum("quantity")))


def _variant_name(line: OrderLine) -> str:
    """Return a name that people can read: Saleor names nameless variants by their ID."""
    name = line.translated_variant_name or line.variant_name
    return "" if name == line.product_variant_id else name


def _moments(pks: Sequence[UUID]) -> dict[UUID, dict[str, datetime]]:
    """Return when orders were placed from a draft and when they were first paid in full."""
    found: dict[UUID, dict[str, datetime]] = defaultdict(dict)
    events = OrderEvent.objects.filter(
        order_id__in=pks, type__in=(OrderEvents.PLACED_FROM_DRAFT, OrderEvents.ORDER_FULLY_PAID)
    )
    for order_id, kind, date in events.order_by("date").values_list("order_id", "type", "date"):
        found[order_id].setdefault(kind, date)
    return found


def _fulfilled(pks: Sequence[UUID]) -> dict[UUID, datetime]:
    """Return when the last goods of orders were sent, where all of them were.

    What was returned since makes no difference, but is all that Saleor keeps of a parcel that was
    returned whole.
    """
    unsent = OrderLine.objects.filter(
        order_id=OuterRef("order_id"), quantity__gt=F("quantity_fulfilled")
    )
    sent = Fulfillment.objects.filter(~Exists(unsent), order_id__in=pks).exclude(
        status__in=(FulfillmentStatus.CANCELED, FulfillmentStatus.WAITING_FOR_APPROVAL)
    )
    return dict(sent.order_by().values_list("order_id").annotate(Min("created_at"))) | dict(
        sent.filter(status=FulfillmentStatus.FULFILLED)
        .order_by()
        .values_list("order_id")
        .annotate(Max("created_at"))
    )


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


def places_of_orders(
    order_ids: Collection[str], *, using: str = "default"
) -> dict[str, tuple[int, str]]:
    """Return the channel (by id) and the country (ISO 3166-1) of orders, by order id. One query."""
    rows = Order.objects.using(using).filter(pk__in=filter(None, map(_uuid_or_none, order_ids)))
    columns = ("pk", "channel_id", "billing_address__country", "shipping_address__country")
    return {
        str(pk): (channel_id, str(shipping or billing or ""))
        for pk, channel_id, billing, shipping in rows.values_list(*columns)
    }


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
