"""Reads of due and settled orders."""

from collections.abc import Iterable
from datetime import datetime

from saleor_loyalty.orders.models import OrderSweep, SettledOrder


def settled_orders(*, order_ids: Iterable[str], using: str = "default") -> dict[str, SettledOrder]:
    """Return what was settled for orders, by order id. One query."""
    return SettledOrder.objects.using(using).in_bulk(list(order_ids))


def swept_until() -> datetime | None:
    """Return how far the sweep over changed orders has come; None before the first."""
    return OrderSweep.objects.values_list("swept_until", flat=True).first()
