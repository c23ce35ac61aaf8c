"""What time does to points: they mature, expire, and holds run out. Each may run at any time, often.

Expiry is set-based, since whole years of points expire in one night; the rule behind it is that
of `post`: available points of a lot move to EXPIRED, and the balance with them.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Model, QuerySet

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.points.models import Balance, Entry, Hold, Lot
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Mature, Posting, Void
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.models import Program

logger = logging.getLogger(__name__)

CHUNK = 20_000
POSTINGS_A_CALL = 500
LATE = timedelta(days=1)

Row = TypeVar("Row", bound=Model)


def mature_due(*, now: datetime, then: Callable[[Sequence[Lot]], object] = len) -> int:
    """Make pending points available whose time has come; return the number of lots.

    `then` is told, in the same transaction, of the lots as they were before.
    """
    due = Lot.objects.filter(pending__gt=0, matures_at__lte=now).order_by("matures_at", "id")

    def in_time(lot: Lot) -> Mature:
        """After an outage points mature when it is over, so that the notice begins only then."""
        at = lot.matures_at or now
        return maturing(lot, at=at, usable_at=at if now - at < LATE else now, actor="")

    return _post_all(due, in_time, now=now, then=then)


def maturing(lot: Lot, *, at: datetime, actor: str, usable_at: datetime | None = None) -> Mature:
    """Return the posting that makes a lot's pending points available, in fact at `usable_at`."""
    return Mature(
        program_id=lot.program_id,
        member_id=lot.member_id,
        key=f"mature:{lot.pk}",
        reason=Reason.MATURED,
        effective_at=at,
        lot_id=lot.pk,
        matured_at=usable_at or at,
        actor=actor,
    )


def void_due_holds(*, now: datetime) -> int:
    """Give back the points of holds whose time is over; return the number of holds."""
    due = Hold.objects.filter(held__gt=0, expires_at__lte=now).order_by("expires_at", "id")

    def timeout(hold: Hold) -> Void:
        return Void(
            program_id=hold.program_id,
            member_id=hold.member_id,
            key=f"timeout:{hold.pk}",
            reason=Reason.RELEASED,
            effective_at=now,
            hold_key=hold.key,
        )

    return _post_all(due, timeout, now=now)


def _post_all(
    due: QuerySet[Row],
    posting_of: Callable[[Row], Posting],
    *,
    now: datetime,
    then: Callable[[Sequence[Row]], object] = len,
) -> int:
    """Post for each row that is due until none is left; return how many were posted.

    A row whose posting is refused (its member's ledger drifts) is logged and left for the next
    time, so that it holds up no other.
    """
    done = 0
    refused: set[int] = set()
    while rows := list(due.exclude(pk__in=refused)[:POSTINGS_A_CALL]):
        postings = [posting_of(row) for row in rows]
        with transaction.atomic():
            posted = _post_what_can_be(postings, now=now)
            then([row for row, one in zip(rows, postings, strict=True) if one.key in posted])
        done += len(posted)
        refused |= {
            row.pk for row, one in zip(rows, postings, strict=True) if one.key not in posted
        }
    return done


def _post_what_can_be(postings: Sequence[Posting], *, now: datetime) -> frozenset[str]:
    """Post all together, or, if one is refused, one by one; return the keys that were new."""
    try:
        return post(postings=postings, now=now).new_keys
    except LoyaltyError:
        if len(postings) == 1:
            logger.exception("Member %s: %s", postings[0].member_id, postings[0].key)
            return frozenset()
    in_order = sorted(postings, key=lambda one: one.member_id)  # as everybody locks members
    return frozenset().union(*(_post_what_can_be([posting], now=now) for posting in in_order))


# Which lots are due. Their time is asked for again under the members' locks: who was active
# meanwhile keeps what would have expired by inactivity.
BY_DATE = f"""
FROM {Lot._meta.db_table} AS lot
WHERE lot.available > 0 AND lot.expires_at <= %(now)s
"""
# Points last as long after they were earned as after any other activity, and once they can be
# used at least as long as the notice.
BY_INACTIVITY = f"""
FROM {Lot._meta.db_table} AS lot
JOIN {Balance._meta.db_table} AS balance USING (member_id)
JOIN {Program._meta.db_table} AS program ON program.id = lot.program_id
WHERE lot.available > 0 AND lot.inactivity_months IS NOT NULL
  AND (
    ((greatest(balance.last_activity_at, lot.earned_at) AT TIME ZONE program.time_zone)::date
      + make_interval(months => lot.inactivity_months) + interval '1 day')
    AT TIME ZONE program.time_zone
  ) <= %(now)s
  AND coalesce(lot.matures_at, lot.earned_at) + make_interval(days => lot.notice_days) <= %(now)s
"""
NEXT = """
SELECT lot.id, lot.member_id {due} AND lot.id > %(after)s ORDER BY lot.id LIMIT %(limit)s
"""
DRIFTED = f"""
SELECT member_id FROM {Lot._meta.db_table}
JOIN {Balance._meta.db_table} AS balance USING (member_id)
WHERE member_id = ANY(%(members)s) AND {Lot._meta.db_table}.available > 0
GROUP BY member_id, balance.available
HAVING sum({Lot._meta.db_table}.available) <> balance.available
"""
# The key has the entry's own id: a lot may expire again after an undo.
EXPIRE = f"""
WITH due AS (
  SELECT lot.*, nextval(pg_get_serial_sequence('{Entry._meta.db_table}', 'id')) AS entry_id
  {{due}} AND lot.id = ANY(%(lots)s) AND lot.member_id <> ALL(%(drifted)s::bigint[])
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
  id, program_id, member_id, idempotency_key, leg, fingerprint, source, target, points, lot_id,
  is_qualifying, reason, order_id, note, actor, details, effective_at, created_at
)
SELECT entry_id, program_id, member_id, 'expire:' || id || ':' || entry_id, 0, '',
  'available', 'expired', available, id, false, 'expired', '', '', '', '{{{{}}}}',
  coalesce(expires_at, %(now)s), %(now)s
FROM due ORDER BY entry_id
"""


def expire_due(*, now: datetime) -> int:
    """Expire the available points whose time is over; return the number of lots.

    In chunks, each a transaction of its own that locks its members first: a member who spends
    at the same time either was first, or finds the points gone. Whose lots and balance disagree
    is logged and left alone until `loyalty_verify` put it right.
    """
    return sum(
        _expire(due, lot_ids, member_ids, now=now)
        for due in (BY_DATE, BY_INACTIVITY)
        for lot_ids, member_ids in _due(due, now=now)
    )


def _due(due: str, *, now: datetime) -> Iterator[tuple[list[int], set[int]]]:
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(NEXT.format(due=due), {"now": now, "after": after, "limit": CHUNK})
            rows = cursor.fetchall()
        if not rows:
            return
        yield [lot_id for lot_id, _ in rows], {member_id for _, member_id in rows}
        after = rows[-1][0]


@transaction.atomic
def _expire(due: str, lot_ids: list[int], member_ids: set[int], *, now: datetime) -> int:
    lock_members(member_ids=member_ids)
    with connection.cursor() as cursor:
        cursor.execute(DRIFTED, {"members": list(member_ids)})
        drifted = [member_id for (member_id,) in cursor.fetchall()]
        if drifted:
            logger.error("Nothing expires for members whose ledger drifts: %s", drifted)
        cursor.execute(EXPIRE.format(due=due), {"lots": lot_ids, "drifted": drifted, "now": now})
        return int(cursor.rowcount)
