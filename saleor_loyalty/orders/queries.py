"""Reads of due and settled orders."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, Max, Q, QuerySet

from saleor_loyalty.orders.models import OrderSweep, SettledOrder
from saleor_loyalty.orders.rules import Outcome

NEVER_MADE = (Outcome.CANCELLED.value, Outcome.REPLACEMENT.value)


def settled_orders(*, order_ids: Iterable[str], using: str = "default") -> dict[str, SettledOrder]:
    """Return what was settled for orders, by order id. One query."""
    return SettledOrder.objects.using(using).in_bulk(list(order_ids))


def kept_orders() -> QuerySet[SettledOrder]:
    """Return the orders that earn and did not go back in full."""
    is_kept = Q(earned_points=0) | Q(returned_points__lt=F("earned_points"))
    return SettledOrder.objects.filter(is_kept, outcome=Outcome.EARNED.value)


def placed_orders() -> QuerySet[SettledOrder]:
    """Return the orders that customers placed, paid or not, kept or not, but for cancelled ones."""
    return SettledOrder.objects.exclude(outcome__in=NEVER_MADE)


def last_ordered_at(*, member_ids: Iterable[int]) -> dict[int, datetime]:
    """Return when members placed their last order, by member id. One query."""
    rows = placed_orders().filter(member__in=list(member_ids)).order_by().values_list("member")
    return dict(rows.annotate(Max("order_placed_at")))


def swept_until() -> datetime | None:
    """Return how far the sweep over changed orders has come; None before the first."""
    return OrderSweep.objects.values_list("swept_until", flat=True).first()


def order_ids_numbered(*, beginning: str, using: str = "default") -> QuerySet[SettledOrder, str]:
    """Return the ids of settled orders whose numbers begin with some digits."""
    rows = SettledOrder.objects.using(using).filter(order_number__startswith=beginning)
    return rows.exclude(order_number="").values_list("pk", flat=True)
