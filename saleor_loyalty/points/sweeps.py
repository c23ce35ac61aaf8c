"""What time does to points: they mature, expire, and holds run out. Each may run at any time, often.

Expiry is set-based, since whole years of points expire in one night; the rule behind it is that
of `post`: available points of a lot move to EXPIRED, and the balance with them.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection, transaction

from saleor_loyalty.points.models import Balance, Entry, Hold, Lot
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Mature, Void
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.models import Program

CHUNK = 20_000
POSTINGS_A_CALL = 500


def mature_due(*, now: datetime) -> int:
    """Make pending points available whose time has come; return the number of lots."""
    due = Lot.objects.filter(pending__gt=0, matures_at__lte=now)
    matured = 0
    while lots := list(due.order_by("matures_at", "id")[:POSTINGS_A_CALL]):
        matured += len(lots)
        post(postings=[maturing(lot, at=lot.matures_at or now, actor="") for lot in lots], now=now)
    return matured


def maturing(lot: Lot, *, at: datetime, actor: str, note: str = "") -> Mature:
    """Return the posting that makes a lot's pending points available."""
    return Mature(
        program_id=lot.program_id,
        member_id=lot.member_id,
        key=f"mature:{lot.pk}",
        reason=Reason.MATURED,
        effective_at=at,
        lot_id=lot.pk,
        matured_at=at,
        actor=actor,
        note=note,
    )


def void_due_holds(*, now: datetime) -> int:
    """Give back the points of holds whose time is over; return the number of holds."""
    due = Hold.objects.filter(held__gt=0, expires_at__lte=now)
    voided = 0
    while holds := list(due.order_by("expires_at", "id")[:POSTINGS_A_CALL]):
        voided += len(holds)
        post(
            postings=[
                Void(
                    program_id=hold.program_id,
                    member_id=hold.member_id,
                    key=f"timeout:{hold.pk}",
                    reason=Reason.RELEASED,
                    effective_at=now,
                    hold_key=hold.key,
                )
                for hold in holds
            ],
            now=now,
        )
    return voided


# Each SELECTs the next lots to expire after an id, in order of their ids.
DUE_BY_DATE = f"""
SELECT lot.id, lot.member_id FROM {Lot._meta.db_table} AS lot
WHERE lot.available > 0 AND lot.expires_at <= %(now)s AND lot.id > %(after)s
ORDER BY lot.id LIMIT %(limit)s
"""
DUE_BY_INACTIVITY = f"""
SELECT lot.id, lot.member_id
FROM {Lot._meta.db_table} AS lot
JOIN {Balance._meta.db_table} AS balance USING (member_id)
JOIN {Program._meta.db_table} AS program ON program.id = lot.program_id
WHERE lot.available > 0 AND lot.inactivity_months IS NOT NULL AND lot.id > %(after)s
  AND (
    ((coalesce(balance.last_activity_at, lot.earned_at) AT TIME ZONE program.time_zone)::date
      + make_interval(months => lot.inactivity_months) + interval '1 day')
    AT TIME ZONE program.time_zone
  ) <= %(now)s
ORDER BY lot.id LIMIT %(limit)s
"""
EXPIRE = f"""
WITH due AS (
  SELECT lot.* FROM {Lot._meta.db_table} AS lot
  WHERE lot.id = ANY(%(lots)s) AND lot.available > 0
), emptied AS (
  UPDATE {Lot._meta.db_table} AS lot
  SET available = 0, expired = lot.expired + due.available
  FROM due WHERE lot.id = due.id
), balances AS (
  UPDATE {Balance._meta.db_table} AS balance
  SET available = balance.available - gone.points
  FROM (SELECT member_id, sum(available) AS points FROM due GROUP BY member_id) AS gone
  WHERE balance.member_id = gone.member_id
)
INSERT INTO {Entry._meta.db_table} (
  program_id, member_id, idempotency_key, leg, fingerprint, source, target, points, lot_id,
  is_qualifying, reason, order_id, note, actor, details, effective_at, created_at
)
SELECT program_id, member_id, 'expire:' || id || ':' || (expired + available), 0, '',
  'available', 'expired', available, id, false, 'expired', '', '', '', '{{}}',
  coalesce(expires_at, %(now)s), %(now)s
FROM due ORDER BY id
"""


def expire_due(*, now: datetime) -> int:
    """Expire the available points whose time is over; return the number of lots.

    In chunks, each a transaction of its own that locks its members first: a member who spends
    at the same time either was first, or finds the points gone.
    """
    return sum(
        _expire(lot_ids, member_ids, now=now)
        for due in (DUE_BY_DATE, DUE_BY_INACTIVITY)
        for lot_ids, member_ids in _due(due, now=now)
    )


def _due(sql: str, *, now: datetime) -> Iterator[tuple[list[int], set[int]]]:
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, {"now": now, "after": after, "limit": CHUNK})
            rows = cursor.fetchall()
        if not rows:
            return
        yield [lot_id for lot_id, _ in rows], {member_id for _, member_id in rows}
        after = rows[-1][0]


@transaction.atomic
def _expire(lot_ids: list[int], member_ids: set[int], *, now: datetime) -> int:
    lock_members(member_ids=member_ids)
    with connection.cursor() as cursor:
        cursor.execute(EXPIRE, {"lots": lot_ids, "now": now})
        return int(cursor.rowcount)
