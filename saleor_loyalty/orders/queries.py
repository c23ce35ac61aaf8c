"""Reads of due and settled orders."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from saleor_loyalty.orders.models import OrderSweep, SettledOrder


def settled_orders(*, order_ids: Iterable[str], using: str = "default") -> dict[str, SettledOrder]:
    """Return what was settled for orders, by order id. One query."""
    return SettledOrder.objects.using(using).in_bulk(list(order_ids))


def swept_until() -> datetime | None:
    """Return how far the sweep over changed orders has come; None before the first."""
    return OrderSweep.objects.values_list("swept_until", flat=True).first()


def order_ids_numbered(*, beginning: str, using: str = "default") -> QuerySet[SettledOrder, str]:
    """Return the ids of settled orders whose numbers begin with some digits."""
    rows = SettledOrder.objects.using(using).filter(order_number__startswith=beginning)
    return rows.exclude(order_number="").values_list("pk", flat=True)
