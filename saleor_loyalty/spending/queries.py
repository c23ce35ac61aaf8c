"""Reads of points that were applied to checkouts."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.rules import SpendingState


def held_spendings(*, using: str = "default") -> QuerySet[Spending]:
    """Return the applications whose points are still held."""
    return Spending.objects.using(using).filter(state=SpendingState.HELD.value)


def held_on(*, checkout_ids: Collection[str], using: str = "default") -> dict[str, Spending]:
    """Return what is applied to checkouts now, by their ids. One query."""
    rows = held_spendings(using=using).filter(checkout_id__in=checkout_ids)
    return {row.checkout_id: row for row in rows}


def is_unseen(*, checkout_id: str, changed_at: datetime) -> bool:
    """Tell whether points are on a checkout that was not looked at since it changed. One query."""
    rows = held_spendings().filter(checkout_id=checkout_id, checked_at__lt=changed_at)
    return rows.exists()


def spendings_of_orders(*, orders: Iterable[OrderFacts]) -> dict[str, list[Spending]]:
    """Return the applications that orders used, by order id: by their codes, or by what was settled.

    One query, and none for no orders.
    """
    by_card: dict[str, str] = {}
    by_code: dict[str, str] = {}
    order_ids = set()
    for order in orders:
        order_ids.add(order.order_id)
        by_card |= {card_id: order.order_id for card_id, _ in order.gift_cards_used}
        if order.voucher_code:
            by_code[order.voucher_code] = order.order_id
    if not order_ids:
        return {}
    wanted = Q(order_id__in=order_ids)
    if by_card:
        wanted |= Q(means=Means.GIFT_CARD.value, means_id__in=by_card)
    if by_code:
        wanted |= Q(means=Means.VOUCHER.value, code__in=by_code)
    found: dict[str, list[Spending]] = defaultdict(list)
    for row in Spending.objects.filter(wanted).order_by("id"):
        used_by = by_code.get(row.code) or by_card.get(row.means_id)
        order_id = row.order_id or used_by
        if order_id in order_ids:
            found[order_id].append(row)
    return dict(found)


def spent_on_orders(
    *, order_ids: Collection[str], using: str = "default"
) -> dict[str, list[Spending]]:
    """Return what was spent on orders, by order id. One query."""
    found: dict[str, list[Spending]] = defaultdict(list)
    rows = Spending.objects.using(using).filter(order_id__in=order_ids)
    for row in rows.exclude(order_id="").order_by("id"):
        found[row.order_id].append(row)
    return dict(found)


def to_shut() -> QuerySet[Spending]:
    """Return the applications that orders used whose cards and vouchers could pay still; locked.

    What another worker has at hand is left out.
    """
    rows = Spending.objects.select_for_update(skip_locked=True)
    return rows.filter(state=SpendingState.CAPTURED.value, is_shut=False).order_by("id")
