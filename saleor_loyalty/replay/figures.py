"""What a replay's ledger says: sums of its entries, and proofs that they agree with the rest."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.rules import OF_A_MEMBER, Bucket, Reason
from saleor_loyalty.replay.player import Played


@dataclass
class Flow:
    """Points that moved. `matured` became usable, at once or later; `revoked` were clawed back.

    `forgiven` are those of `issued` that went into a debt nobody pays. `change` is what members
    had more at the end than before, debts counted below 0.
    """

    issued: int = 0
    forgiven: int = 0
    matured: int = 0
    expired: int = 0
    revoked: int = 0
    spent: int = 0
    change: int = 0

    def add(self, source: Bucket, target: Bucket, points: int) -> None:
        """Count points that moved from one bucket to another."""
        self.issued += points * (source is Bucket.ISSUED)
        self.forgiven += points * (source is Bucket.ISSUED and target is Bucket.DEBT)
        came_from_outside = source in (Bucket.ISSUED, Bucket.PENDING)
        self.matured += points * (target is Bucket.AVAILABLE and came_from_outside)
        self.expired += points * ((target is Bucket.EXPIRED) - (source is Bucket.EXPIRED))
        self.revoked += points * ((target is Bucket.REVOKED) - (source is Bucket.REVOKED))
        self.spent += points * ((target is Bucket.SPENT) - (source is Bucket.SPENT))
        self.change += points * ((target in OF_A_MEMBER) - (source in OF_A_MEMBER))


@dataclass(frozen=True)
class Proof:
    """Two ways to the same figure, and what each gave."""

    what: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether both gave the same."""
        return self.left == self.right


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that a report needs of the ledger.

    `by_currency`: by that of the order that the points came from. `points_of_users`: what each
    customer earned and kept. `earning_orders`: how many orders earned points at first.
    """

    total: Flow
    by_month: Mapping[date, Flow]
    by_currency: Mapping[str, Flow]
    points_of_users: Mapping[int, int]
    orders_by_outcome: Mapping[str, int]
    earning_orders: int
    proofs: tuple[Proof, ...] = field(default=())


MOVED_BY_MONTH = f"""
SELECT date_trunc('month', created_at AT TIME ZONE %(time_zone)s)::date, source, target, sum(points)
FROM {Entry._meta.db_table} WHERE program_id = %(program)s GROUP BY 1, 2, 3 ORDER BY 1
"""
# Entries that are not of an order themselves (points that expire, a debt that is forgiven) are of
# their lot's, or of that of the posting they belong to.
MOVED_BY_CURRENCY = f"""
SELECT coalesce(settled.currency, ''), entry.source, entry.target, sum(entry.points)
FROM {Entry._meta.db_table} AS entry
LEFT JOIN {Lot._meta.db_table} AS lot ON lot.id = entry.lot_id
LEFT JOIN {Entry._meta.db_table} AS head
  ON head.program_id = entry.program_id AND head.idempotency_key = entry.idempotency_key
  AND head.leg = 0
LEFT JOIN {SettledOrder._meta.db_table} AS settled
  ON settled.order_id = coalesce(nullif(entry.order_id, ''), lot.order_id, head.order_id)
WHERE entry.program_id = %(program)s GROUP BY 1, 2, 3
"""
BALANCES = f"""
SELECT coalesce(sum(pending + available + held - debt), 0)::bigint,
  coalesce(sum(pending + available + held), 0)::bigint
FROM {Balance._meta.db_table}
"""
IN_LOTS = f"""
SELECT coalesce(sum(pending + available + held), 0)::bigint FROM {Lot._meta.db_table}
"""
MEMBERS_THAT_DIFFER = f"""
SELECT count(*)
FROM {Balance._meta.db_table} AS balance
LEFT JOIN (
  SELECT member_id, sum(points * ((target = ANY(%(own)s))::int - (source = ANY(%(own)s))::int)) AS has
  FROM {Entry._meta.db_table} GROUP BY member_id
) AS entries USING (member_id)
WHERE coalesce(entries.has, 0) <> pending + available + held - debt
"""
SETTLED = f"""
SELECT coalesce(sum(earned_points - returned_points), 0)::bigint,
  count(*) FILTER (WHERE earned_points > 0)
FROM {SettledOrder._meta.db_table}
"""
# What orders are worth to their members by the entries: forgiving a debt is no order's doing.
WORTH = f"""
SELECT coalesce(sum(CASE WHEN source = 'issued' THEN points WHEN target = 'revoked' THEN -points END), 0)::bigint
FROM {Entry._meta.db_table} WHERE reason <> %(forgiven)s
"""
OUTCOMES = f"SELECT outcome, count(*) FROM {SettledOrder._meta.db_table} GROUP BY 1 ORDER BY 2 DESC"
POINTS_OF_USERS = f"""
SELECT member.user_id, sum(settled.earned_points - settled.returned_points)::bigint
FROM {SettledOrder._meta.db_table} AS settled
JOIN {Member._meta.db_table} AS member ON member.id = settled.member_id
GROUP BY 1
"""


def figures_of(played: Played) -> Figures:
    """Return what the ledger says; call it where the ledger is that of the replay."""
    asked = {
        "program": played.program_id,
        "time_zone": played.time_zone,
        "own": [bucket.value for bucket in OF_A_MEMBER],
        "forgiven": Reason.DEBT_FORGIVEN.value,
    }
    total = Flow()
    by_month: dict[date, Flow] = defaultdict(Flow)
    by_currency: dict[str, Flow] = defaultdict(Flow)
    for month, source, target, points in _rows(MOVED_BY_MONTH, asked):
        for flow in (total, by_month[month]):
            flow.add(Bucket(source), Bucket(target), int(points))
    for currency, source, target, points in _rows(MOVED_BY_CURRENCY, asked):
        by_currency[currency].add(Bucket(source), Bucket(target), int(points))
    outstanding, in_buckets = _rows(BALANCES, asked)[0]
    in_lots = _rows(IN_LOTS, asked)[0][0]
    net_of_orders, earning_orders = _rows(SETTLED, asked)[0]
    gone = total.expired + total.revoked + total.spent
    return Figures(
        total=total,
        by_month=by_month,
        by_currency=by_currency,
        points_of_users=dict(_rows(POINTS_OF_USERS, asked)),
        orders_by_outcome=dict(_rows(OUTCOMES, asked)),
        earning_orders=earning_orders,
        proofs=(
            Proof(
                "issued = outstanding + expired + clawed back + spent",
                total.issued,
                outstanding + gone,
            ),
            Proof("points in lots = points in balances", in_lots, in_buckets),
            Proof(
                "members whose entries are not their balance = 0",
                _rows(MEMBERS_THAT_DIFFER, asked)[0][0],
                0,
            ),
            Proof(
                "what orders are worth = what their entries gave",
                net_of_orders,
                _rows(WORTH, asked)[0][0],
            ),
            Proof(
                "issued in all currencies = issued",
                sum(flow.issued for flow in by_currency.values()),
                total.issued,
            ),
        ),
    )


def _rows(sql: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return list(cursor.fetchall())
