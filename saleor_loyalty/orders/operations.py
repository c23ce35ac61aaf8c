"""Writes of due and settled orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q

from saleor_loyalty.orders.models import DueOrder, OrderSweep, SettledOrder
from saleor_loyalty.orders.rules import retry_delay_seconds


def mark_due(*, order_ids: Sequence[str], now: datetime) -> None:
    """Mark orders as due, in one INSERT that waits for nobody. Repeats are welcome."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {DueOrder._meta.db_table} (order_id, marked_at, attempts, error)
            SELECT order_id, %s, 0, '' FROM unnest(%s::text[]) AS order_id
            """,
            [now, list(order_ids)],
        )


@dataclass(frozen=True, kw_only=True)
class DueBatch:
    """Marks that this transaction has locked; `order_ids` are sorted and distinct."""

    mark_ids: tuple[int, ...]
    order_ids: tuple[str, ...]


def claim_due(*, limit: int, now: datetime, order_id: str | None = None) -> DueBatch:
    """Lock the oldest due marks that no other worker has, and their orders.

    Call it inside a transaction and read the orders' facts only afterwards: the lock on an
    order makes sure that nobody settles it from facts older than yours. `order_id` narrows it
    to one order.
    """
    marks = DueOrder.objects.select_for_update(skip_locked=True).filter(
        Q(retry_at=None) | Q(retry_at__lte=now)
    )
    if order_id is not None:
        marks = marks.filter(order_id=order_id)
    rows = list(marks.order_by("id").values_list("id", "order_id")[:limit])
    order_ids = tuple(sorted({row[1] for row in rows}))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_advisory_xact_lock(hashtextextended('saleor_loyalty:' || order_id, 0))
            FROM unnest(%s::text[]) AS order_id
            """,
            [list(order_ids)],
        )
    return DueBatch(mark_ids=tuple(row[0] for row in rows), order_ids=order_ids)


def clear_due(*, batch: DueBatch) -> None:
    """Forget marks that were settled. Marks made meanwhile stay."""
    DueOrder.objects.filter(pk__in=batch.mark_ids).delete()


@transaction.atomic
def postpone(*, order_id: str, error: str, now: datetime) -> None:
    """Keep an order due after a failed settling, and try again later and later."""
    marks = list(DueOrder.objects.select_for_update().filter(order_id=order_id).order_by("id"))
    if not marks:
        return
    attempts = max(mark.attempts for mark in marks) + 1
    DueOrder.objects.filter(pk__in=[mark.pk for mark in marks]).update(
        attempts=attempts,
        error=error[:2000],
        retry_at=now + timedelta(seconds=retry_delay_seconds(attempts)),
    )


def save_settled(*, settled: Iterable[SettledOrder]) -> None:
    """Write what was settled, replacing what stood there. One statement."""
    fields = [field.name for field in SettledOrder._meta.concrete_fields if not field.primary_key]
    SettledOrder.objects.bulk_create(
        list(settled), update_conflicts=True, unique_fields=["order_id"], update_fields=fields
    )


def advance_sweep(*, swept_until: datetime) -> None:
    """Remember how far the sweep has come; it never goes back."""
    OrderSweep.objects.get_or_create(pk=1, defaults={"swept_until": swept_until})
    OrderSweep.objects.filter(pk=1, swept_until__lt=F("swept_until")).update(
        swept_until=swept_until
    )
