"""Reads of the ledger."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import QuerySet

from saleor_loyalty.points.models import Balance, Entry
from saleor_loyalty.points.rules import Purse


def purses_of(*, member_ids: Iterable[int], using: str = "default") -> dict[int, Purse]:
    """Return what members have, by member id; who has no row yet has nothing. One query."""
    ids = list(member_ids)
    purses = {member_id: Purse() for member_id in ids}
    for balance in Balance.objects.using(using).filter(member__in=ids):
        purses[balance.member_id] = Purse(available=balance.available, debt=balance.debt)
    return purses


def history_of(*, member_id: int, using: str = "default") -> QuerySet[Entry]:
    """Return a member's entries, newest first."""
    return Entry.objects.using(using).filter(member_id=member_id)


def posted_for_orders(*, order_ids: Iterable[str]) -> dict[str, "OrderPostings"]:
    """Return what the ledger holds for orders, by order id. One query."""
    found: dict[str, OrderPostings] = defaultdict(OrderPostings)
    entries = Entry.objects.filter(order_id__in=list(order_ids)).exclude(order_id="")
    for entry in entries.only("order_id", "idempotency_key", "source", "target", "points"):
        found[entry.order_id].add(entry)
    return found


class OrderPostings:
    """The sum of an order's entries, and how many postings made it."""

    def __init__(self) -> None:
        self.points = 0
        self.keys: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Count an entry in."""
        self.points += entry.signed_points
        self.keys.add(entry.idempotency_key)
