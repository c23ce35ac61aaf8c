"""Reads of points that were applied to checkouts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
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
    """Return the applications that orders may have used, by order id.

    By their codes, by the checkout that an order came of, or by what was settled. Of several orders with one code
    the first counts. One query, and none for no orders.
    """
    found: dict[str, list[Spending]] = defaultdict(list)
    in_order = sorted(orders, key=lambda one: (one.placed_at, one.order_id))
    if not in_order:
        return found
    marks = _Marks(in_order)
    for row in Spending.objects.filter(marks.query).order_by("id"):
        order_id = row.order_id or marks.order_of(row)
        if order_id in marks.order_ids:
            found[order_id].append(row)
    return found


class _Marks:
    """What orders have of applications: their gift cards, voucher codes and checkouts."""

    def __init__(self, orders: Sequence[OrderFacts]) -> None:
        self.order_ids = {order.order_id for order in orders}
        self.by_card: dict[str, str] = {}
        self.by_code: dict[str, str] = {}
        self.by_checkout: dict[str, OrderFacts] = {}
        for order in orders:
            for card_id, paid in order.gift_cards_used:
                if paid > 0:
                    self.by_card.setdefault(card_id, order.order_id)
            self.by_code.setdefault(order.voucher_code, order.order_id)
            self.by_checkout.setdefault(order.checkout_id, order)

    @property
    def query(self) -> Q:
        """What finds the applications."""
        return (
            Q(order_id__in=self.order_ids)
            | Q(means=Means.GIFT_CARD.value, means_id__in=set(self.by_card) - {""})
            | Q(means=Means.VOUCHER.value, code__in=set(self.by_code) - {""})
            | Q(checkout_id__in=set(self.by_checkout) - {""}, state=SpendingState.HELD.value)
        )

    def order_of(self, row: Spending) -> str | None:
        """Return the order that has an application's mark; a checkout's only if it is younger."""
        order_id = self.by_code.get(row.code) or self.by_card.get(row.means_id)
        came_of = self.by_checkout.get(row.checkout_id)
        if order_id is None and came_of is not None and row.created_at <= came_of.placed_at:
            return came_of.order_id
        return order_id


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
    """Return the applications that are over whose cards and vouchers could pay still; locked.

    What another worker has at hand is left out.
    """
    rows = Spending.objects.select_for_update(skip_locked=True)
    return rows.filter(is_shut=False).exclude(state=SpendingState.HELD.value).order_by("id")
