"""Saleor's customers."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from saleor.account.models import Group, User
from saleor.order import OrderEvents, OrderOrigin, OrderStatus
from saleor.order.models import Order, OrderEvent

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


def accounts_of(emails: Collection[str]) -> list[int]:
    """Return the ids of accounts with one of these addresses, in lower case as Saleor keeps them."""
    return list(User.objects.filter(email__in=emails).values_list("pk", flat=True))


@dataclass(frozen=True)
class CustomerFacts:
    """What earning rules ask of a customer: groups, and which orders they placed when."""

    group_ids: frozenset[str] = frozenset()
    placed_at: tuple[tuple[datetime, str], ...] = ()

    def earlier_orders(self, moment: datetime, *, order_id: str = "") -> int:
        """Return how many other orders were placed before an instant (or with it, by their id)."""
        return sum(1 for one in self.placed_at if one < (moment, order_id) and one[1] != order_id)


def customer_facts(
    user_ids: Collection[int], *, using: str = "default"
) -> dict[int, CustomerFacts]:
    """Return the facts of customers by user id. Four queries.

    Orders that are no sale do not count; those that they placed as a guest do.
    """
    if not user_ids:
        return {}
    groups: dict[int, set[str]] = defaultdict(set)
    links = Group.objects.using(using).filter(user__in=user_ids).order_by()
    for user_id, group_id in links.values_list("user", "pk"):
        groups[user_id].add(str(group_id))
    emails = User.objects.using(using).filter(pk__in=user_ids).values_list("email", "pk")
    by_email = {email.lower(): pk for email, pk in emails if email}
    orders = (
        Order.objects.using(using)
        .filter(Q(user__in=user_ids) | Q(user=None, user_email__in=list(by_email)))
        .exclude(status__in=NEVER_A_SALE)
    )
    columns = ("pk", "user_id", "user_email", "created_at", "origin")
    rows = list(orders.order_by().values_list(*columns))
    drafts = [pk for pk, *_, origin in rows if origin == OrderOrigin.DRAFT]
    completed: dict[UUID, datetime] = {}
    if drafts:
        events = OrderEvent.objects.using(using).filter(
            order__in=drafts, type=OrderEvents.PLACED_FROM_DRAFT
        )
        completed = dict(events.order_by("date").values_list("order_id", "date"))
    placed: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for pk, user_id, email, created_at, _ in rows:
        customer = user_id if user_id is not None else by_email[email.lower()]
        placed[customer].append((completed.get(pk, created_at), str(pk)))
    return {
        user_id: CustomerFacts(frozenset(groups[user_id]), tuple(sorted(placed[user_id])))
        for user_id in user_ids
    }
