"""Saleor's customers."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from saleor.account.models import Group, User
from saleor.order import OrderStatus
from saleor.order.models import Order

NEVER_A_SALE = (
    OrderStatus.DRAFT,
    OrderStatus.UNCONFIRMED,
    OrderStatus.EXPIRED,
    OrderStatus.CANCELED,
)


@dataclass(frozen=True)
class Account:
    """A customer's account, and since when it exists."""

    user_id: int
    since: datetime


def confirmed_accounts(*, emails: Collection[str]) -> dict[str, Account]:
    """Return the active, confirmed accounts of addresses. One query.

    Saleor keeps the addresses of accounts in lower case.
    """
    wanted = {email.lower() for email in emails if email}
    if not wanted:
        return {}
    users = User.objects.filter(email__in=wanted, is_active=True, is_confirmed=True)
    return {
        email: Account(pk, since)
        for email, pk, since in users.values_list("email", "pk", "date_joined")
    }


@dataclass(frozen=True)
class CustomerFacts:
    """What earning rules ask of a customer: groups, and when they ordered (oldest first)."""

    group_ids: frozenset[str] = frozenset()
    ordered_at: tuple[datetime, ...] = ()

    def earlier_orders(self, moment: datetime) -> int:
        """Return how many orders were placed before an instant."""
        return bisect_left(self.ordered_at, moment)


def customer_facts(
    user_ids: Collection[int], *, using: str = "default"
) -> dict[int, CustomerFacts]:
    """Return the facts of customers by user id. Orders that are no sale do not count. Two queries."""
    if not user_ids:
        return {}
    groups: dict[int, set[str]] = defaultdict(set)
    links = Group.objects.using(using).filter(user__in=user_ids).order_by()
    for user_id, group_id in links.values_list("user", "pk"):
        groups[user_id].add(str(group_id))
    ordered: dict[int, list[datetime]] = defaultdict(list)
    orders = Order.objects.using(using).filter(user__in=user_ids).exclude(status__in=NEVER_A_SALE)
    for user_id, created_at in orders.order_by("created_at").values_list("user_id", "created_at"):
        ordered[user_id].append(created_at)
    return {
        user_id: CustomerFacts(frozenset(groups[user_id]), tuple(ordered[user_id]))
        for user_id in user_ids
    }
