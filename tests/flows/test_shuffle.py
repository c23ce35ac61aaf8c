"""Marks may come late, often, out of order or only once: the ledger ends the same.

Identical are each customer's balance, the points of each order's lots by their dates, and what
each order is worth. Not compared, since they tell of what was seen on the way: the number of
entries and lots, members that never had a point left, and mails.
"""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import transaction

from saleor_loyalty.flows.settle_orders import settle_due_orders
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.orders.models import DueOrder, SettledOrder
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.points.models import Entry, Lot
from saleor_loyalty.points.queries import posted_for_orders, purses_of
from saleor_loyalty.points.sweeps import expire_due, mature_due
from saleor_loyalty.points.verification import find_drift
from tests.factories import NOW, line, make_order, make_program, make_user, refunded

CUSTOMERS = 8
ORDERS = 40
MARKS_A_CHANGE = 3
HOUR = timedelta(hours=1)
UNPAID = {"is_fully_charged": False, "charged": Decimal(0)}
POLICIES = {
    "at once, for ever": {},
    "after fulfilment, for a year": {
        "maturing": "after_fulfillment",
        "maturing_days": 2,
        "expiry": "after_earning",
        "expiry_months": 12,
    },
    "after payment, for some weeks": {
        "maturing": "after_payment",
        "maturing_days": 1,
        "expiry": "after_earning",
        "expiry_days": 70,
        "when_short": "forgive",
    },
}


def make_history(random, users):
    """Return what changes, hour by hour: an order's id and what the order is from then on."""
    changes = []
    for number in range(ORDERS):
        order_id = f"order-{number}"
        hour = random.randrange(100)
        values = {
            "user_id": users[number % CUSTOMERS].pk,
            "number": str(number),
            "placed_at": NOW + hour * HOUR,
            **UNPAID,
        }
        changes.append((hour, order_id, dict(values)))
        hour += random.randrange(1, 10)
        paid = {"is_fully_charged": True, "charged": Decimal(110), "paid_at": NOW + hour * HOUR}
        values |= paid
        changes.append((hour, order_id, dict(values)))
        for _ in range(random.randrange(5)):
            hour += random.randrange(1, 30)
            values |= random.choice(
                [
                    {"fulfilled_at": values.get("fulfilled_at") or NOW + hour * HOUR},
                    refunded("36.67"),
                    refunded("73.34"),
                    refunded("110"),
                    {**paid, "paid_at": values["paid_at"], "refunded": Decimal(0)},
                    {"state": OrderState.CANCELLED},
                    {"state": OrderState.PLACED},
                    {"lines": (line("60", "50"), line("40", "30"))},
                    {"lines": (line("90", "70"),)},
                ]
            )
            changes.append((hour, order_id, dict(values)))
    return sorted(changes, key=lambda change: change[:2])


class Shop:
    """Orders as they are at an instant."""

    def __init__(self):
        self.orders = {}
        self.now = NOW

    def change(self, hour, order_id, values):
        self.now = max(self.now, NOW + hour * HOUR)
        self.orders[order_id] = make_order(order_id, **values)

    def settle(self, limit=200):
        return settle_due_orders(
            load_facts=lambda ids: {pk: self.orders[pk] for pk in ids}, now=self.now, limit=limit
        )


def in_any_order(history, random):
    """Deliver each mark three times, whenever after its change, with settling in between."""
    shop = Shop()
    waiting = []
    for change in history:
        shop.change(*change)
        waiting += [change[1]] * MARKS_A_CHANGE
        random.shuffle(waiting)
        deliver(shop, waiting, random.randrange(6), random)
    while waiting:
        deliver(shop, waiting, random.randrange(1, 30), random)
    return shop


def deliver(shop, waiting, count, random):
    now_due = [waiting.pop() for _ in range(min(count, len(waiting)))]
    if now_due:
        mark_due(order_ids=now_due, now=shop.now)
    if random.random() < 0.4:
        shop.settle(limit=random.randrange(1, 20))
    if random.random() < 0.1:
        mature_due(now=shop.now)
        expire_due(now=shop.now)


def by_the_sweep_alone(history, random):
    """Lose every mark; at the end the sweep finds each order once."""
    shop = Shop()
    for change in history:
        shop.change(*change)
    mark_due(order_ids=random.sample(sorted(shop.orders), len(shop.orders)), now=shop.now)
    return shop


def end_of(deliveries, history, random):
    """Play a history, and return the ledger that it ends in; nothing of it stays."""
    with transaction.atomic():
        shop = deliveries(history, random)
        while shop.settle().claimed:
            pass
        mature_due(now=NOW + timedelta(days=30))
        assert not DueOrder.objects.exists()
        assert find_drift() == []
        ledger = read_ledger()
        transaction.set_rollback(True)
    return ledger


def read_ledger():
    users = dict(Member.objects.values_list("pk", "user_id"))
    purses = purses_of(member_ids=users)
    lots = defaultdict(lambda: [0, 0, 0, 0])
    for lot in Lot.objects.all():
        points = (lot.pending, lot.available, lot.held, lot.expired)
        if any(points):
            key = (users[lot.member_id], lot.order_id, lot.earned_at, lot.matures_at)
            total = lots[*key, lot.expires_at]
            for number, part in enumerate(points):
                total[number] += part
    settled = SettledOrder.objects.all()
    posted = posted_for_orders(order_ids=[row.pk for row in settled])
    return {
        "balances": {
            users[pk]: (purse.pending, purse.available, purse.held, purse.debt)
            for pk, purse in purses.items()
            if purse.total or purse.pending
        },
        "lots": dict(lots),
        "worth": {order_id: one.points for order_id, one in posted.items() if one.points},
        "orders": {
            row.pk: (row.outcome, row.earned_points, row.returned_points) for row in settled
        },
    }


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(3))
def test_shuffled_repeated_and_lost_marks_end_in_the_same_ledger(db, seed, policy):
    make_program(policy=POLICIES[policy])
    users = [make_user(f"customer{number}@example.com") for number in range(CUSTOMERS)]
    history = make_history(Random(seed), users)

    expected = end_of(by_the_sweep_alone, history, Random(seed))
    shuffled = end_of(in_any_order, history, Random(seed + 1000))

    assert len(expected["orders"]) == ORDERS
    assert sum(expected["worth"].values()) > 0
    assert shuffled == expected
    assert Entry.objects.count() == 0
