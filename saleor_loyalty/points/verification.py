"""Proving balances, lots and holds against the entries, and putting them right.

The entries are the truth. What is found is kept as a `LedgerDrift` and logged as an error.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet, Sum

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.corrections import Books
from saleor_loyalty.points.models import Balance, Entry, Hold, LedgerDrift, Lot
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.points.rules import Bucket, Leg, Reason

logger = logging.getLogger(__name__)

NAMED_IN_A_LOG = 10
MEMBERS_AT_ONCE = 500


@dataclass(frozen=True, order=True, kw_only=True)
class Drift:
    """A number of a member that is not what the entries say. `what`: "lot 12.available"."""

    member_id: int
    what: str
    is_value: int
    should_be: int


def _net(bucket: Bucket) -> str:
    return (
        f"sum(CASE '{bucket}' WHEN target THEN points WHEN source THEN -points ELSE 0 END)::bigint"
    )


# What the entries add up to; `{mine}` narrows them to some members.
BY_MEMBER = f"""
SELECT member_id, {_net(Bucket.PENDING)} AS pending, {_net(Bucket.AVAILABLE)} AS available,
  {_net(Bucket.HELD)} AS held, -{_net(Bucket.DEBT)} AS debt
FROM {Entry._meta.db_table} WHERE {{mine}} GROUP BY member_id
"""
BY_LOT = f"""
SELECT lot_id AS id, {_net(Bucket.PENDING)} AS pending, {_net(Bucket.AVAILABLE)} AS available,
  {_net(Bucket.HELD)} AS held, {_net(Bucket.EXPIRED)} AS expired
FROM {Entry._meta.db_table} WHERE lot_id IS NOT NULL AND {{mine}} GROUP BY lot_id
"""
BY_HOLD = f"""
SELECT hold_id AS id, {_net(Bucket.HELD)} AS held,
  sum(CASE target WHEN 'held' THEN points ELSE 0 END)::bigint AS points,
  sum(CASE target WHEN 'spent' THEN points ELSE 0 END)::bigint AS captured,
  sum(CASE source WHEN 'spent' THEN points ELSE 0 END)::bigint AS returned
FROM {Entry._meta.db_table} WHERE hold_id IS NOT NULL AND {{mine}} GROUP BY hold_id
"""
LOT_COLUMNS = ("pending", "available", "held", "expired")
HOLD_COLUMNS = ("points", "held", "captured", "returned")
BALANCE_COLUMNS = ("pending", "available", "held", "debt")


def _columns(template: str, names: Iterable[str], *, between: str = ", ") -> str:
    return between.join(template.format(name) for name in names)


def _any_differs(is_value: str, should_be: str, names: Iterable[str]) -> str:
    """Return a condition that few rows meet, so that only these are told apart by column."""
    return "(" + _columns(f"{is_value} <> {should_be}", names, between=" OR ") + ")"


# One statement sees one moment of the database: postings meanwhile are no drift.
FIND = f"""
WITH by_member AS MATERIALIZED ({BY_MEMBER}), by_lot AS ({BY_LOT}), by_hold AS ({BY_HOLD}),
lots AS MATERIALIZED (
  SELECT lot.member_id, lot.id, {_columns("lot.{0} AS is_{0}", LOT_COLUMNS)},
    {_columns("coalesce(by_lot.{0}, 0) AS {0}", LOT_COLUMNS)}
  FROM {Lot._meta.db_table} AS lot LEFT JOIN by_lot USING (id) WHERE {{mine}}
), holds AS MATERIALIZED (
  SELECT hold.member_id, hold.id, {_columns("hold.{0} AS is_{0}", HOLD_COLUMNS)},
    {_columns("coalesce(by_hold.{0}, 0) AS {0}", HOLD_COLUMNS)}
  FROM {Hold._meta.db_table} AS hold LEFT JOIN by_hold USING (id) WHERE {{mine}}
), in_lots AS (
  SELECT member_id, {_columns("sum({0})::bigint AS {0}", LOT_COLUMNS)} FROM lots GROUP BY member_id
), in_holds AS (
  SELECT member_id, sum(held)::bigint AS held FROM holds GROUP BY member_id
)
SELECT member_id, what, is_value, should_be
FROM by_member
FULL JOIN (SELECT * FROM {Balance._meta.db_table} WHERE {{mine}}) AS balance USING (member_id)
LEFT JOIN in_lots USING (member_id)
LEFT JOIN in_holds USING (member_id)
CROSS JOIN LATERAL (VALUES
  {_columns("('balance.{0}', coalesce(balance.{0}, 0), coalesce(by_member.{0}, 0))", BALANCE_COLUMNS)},
  {_columns("('{0} outside lots', by_member.{0} - coalesce(in_lots.{0}, 0), 0)", LOT_COLUMNS[:3])},
  ('held outside holds', by_member.held - coalesce(in_holds.held, 0), 0),
  ('available beside debt', least(by_member.available, by_member.debt), 0)
) AS one (what, is_value, should_be)
WHERE (
  {_any_differs("coalesce(balance.{0}, 0)", "coalesce(by_member.{0}, 0)", BALANCE_COLUMNS)}
  OR {_any_differs("by_member.{0}", "coalesce(in_lots.{0}, 0)", LOT_COLUMNS[:3])}
  OR by_member.held <> coalesce(in_holds.held, 0)
  OR (by_member.available > 0 AND by_member.debt > 0)
) AND CASE what WHEN 'available beside debt' THEN is_value > 0 ELSE is_value <> should_be END
UNION ALL
SELECT member_id, 'lot ' || id || '.' || name, is_value, should_be
FROM lots CROSS JOIN LATERAL (VALUES {_columns("('{0}', is_{0}, {0})", LOT_COLUMNS)})
  AS one (name, is_value, should_be)
WHERE {_any_differs("is_{0}", "{0}", LOT_COLUMNS)} AND is_value <> should_be
UNION ALL
SELECT member_id, 'hold ' || id || '.' || name, is_value, should_be
FROM holds CROSS JOIN LATERAL (VALUES {_columns("('{0}', is_{0}, {0})", HOLD_COLUMNS)})
  AS one (name, is_value, should_be)
WHERE {_any_differs("is_{0}", "{0}", HOLD_COLUMNS)} AND is_value <> should_be
ORDER BY 1, 2
"""
# Sums over all entries want to be made in memory; compiling takes longer than it saves.
ROOMY = "SET LOCAL work_mem = '256MB'; SET LOCAL jit = off"
ALL = "true"
OF_A_PROGRAM = (
    f"member_id IN (SELECT id FROM {Member._meta.db_table} WHERE program_id = %(program)s)"
)
OF_MEMBERS = "member_id = ANY(%(members)s)"


def find_drift(
    *, program_id: int | None = None, member_ids: list[int] | None = None
) -> list[Drift]:
    """Return where balances, lots and holds are not what the entries say. One statement.

    It locks nothing. `program_id` or `member_ids` narrow it.
    """
    mine = ALL if program_id is None else OF_A_PROGRAM
    if member_ids is not None:
        mine = OF_MEMBERS
    with transaction.atomic(), connection.cursor() as cursor:
        if member_ids is None:
            cursor.execute(ROOMY)
        cursor.execute(FIND.format(mine=mine), {"program": program_id, "members": member_ids})
        names = ("member_id", "what", "is_value", "should_be")
        return [Drift(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def verify(*, now: datetime, program_id: int | None = None) -> list[Drift]:
    """Prove the ledger: return what drifts, note it as `LedgerDrift` and log it as an error.

    A drift that is known and open is noted once; an open one that is gone counts as repaired.
    """
    drifts = find_drift(program_id=program_id)
    _record(drifts, now=now)
    still_open = LedgerDrift.objects.filter(repaired_at=None)
    if program_id is not None:
        still_open = still_open.filter(member__program=program_id)
    _close(still_open, drifts, now=now)
    if drifts:
        logger.error(
            "Loyalty ledger: %s numbers of %s members are not what the entries say: %s",
            len(drifts),
            len({drift.member_id for drift in drifts}),
            "; ".join(
                f"member {one.member_id}: {one.what} is {one.is_value}, should be {one.should_be}"
                for one in drifts[:NAMED_IN_A_LOG]
            ),
        )
    return drifts


def repair(*, drifts: Iterable[Drift], now: datetime) -> list[Drift]:
    """Put members with drifts right, and return what still drifts (nothing, that is).

    Some members at a time, in a transaction and under their locks: what the entries themselves make
    impossible (a bucket below zero, points outside of any lot) is corrected by new entries;
    then balance, lots and holds are written anew from the entries. A repeat changes nothing.
    """
    found = sorted(drifts)
    _record(found, now=now)
    member_ids = sorted({drift.member_id for drift in found})
    for start in range(0, len(member_ids), MEMBERS_AT_ONCE):
        _repair_members(member_ids[start : start + MEMBERS_AT_ONCE], now=now)
    left = find_drift(member_ids=member_ids) if member_ids else []
    still_open = LedgerDrift.objects.filter(repaired_at=None, member__in=member_ids)
    _close(still_open, left, now=now)
    return left


@transaction.atomic
def _repair_members(member_ids: list[int], *, now: datetime) -> None:
    lock_members(member_ids=set(member_ids))
    for member_id in member_ids:
        _correct(member_id, now=now)
    updates = (
        f"""
        INSERT INTO {Balance._meta.db_table} AS balance
          (member_id, {", ".join(BALANCE_COLUMNS)})
        SELECT member.id, {_columns("coalesce(truth.{0}, 0)", BALANCE_COLUMNS)}
        FROM {Member._meta.db_table} AS member
        LEFT JOIN ({BY_MEMBER}) AS truth ON truth.member_id = member.id
        WHERE member.id = ANY(%(members)s)
        ON CONFLICT (member_id) DO UPDATE SET {_columns("{0} = EXCLUDED.{0}", BALANCE_COLUMNS)}
        """,
        _rewrite(Lot._meta.db_table, BY_LOT, LOT_COLUMNS),
        _rewrite(Hold._meta.db_table, BY_HOLD, HOLD_COLUMNS),
    )
    with connection.cursor() as cursor:
        for update in updates:
            cursor.execute(update.format(mine=OF_MEMBERS), {"members": member_ids})


def _rewrite(table: str, truth: str, names: Sequence[str]) -> str:
    return f"""
    UPDATE {table} AS row SET {_columns("{0} = truth.{0}", names)}
    FROM (
      SELECT one.id, {_columns("coalesce(sums.{0}, 0) AS {0}", names)}
      FROM {table} AS one LEFT JOIN ({truth}) AS sums USING (id)
      WHERE one.member_id = ANY(%(members)s)
    ) AS truth
    WHERE row.id = truth.id
    """


def _correct(member_id: int, *, now: datetime) -> None:
    """Write entries where those that are there cannot be all, so that nothing is below zero."""
    entries = Entry.objects.filter(member=member_id).order_by()
    columns = entries.values_list("lot", "hold", "source", "target")
    moves = list(columns.annotate(Sum("points")))
    lots = Lot.objects.filter(pk__in={move[0] for move in moves}).order_by("expires_at", "id")
    books = Books(lot_ids=lots.values_list("pk", flat=True))
    for lot_id, hold_id, source, target, points in moves:
        books.note(
            Leg(
                source=Bucket(source),
                target=Bucket(target),
                points=points,
                lot_id=lot_id,
                hold_id=hold_id,
            )
        )
    program_id = Member.objects.values_list("program_id", flat=True).get(pk=member_id)
    legs = books.corrections(
        open_lot=lambda: (
            Lot.objects.create(program_id=program_id, member_id=member_id, earned_at=now).pk
        )
    )
    if not legs:
        return
    last = entries.order_by("-id").values_list("id", flat=True)[0]
    Entry.objects.bulk_create(
        Entry(
            program_id=program_id,
            member_id=member_id,
            idempotency_key=f"correction:{member_id}:{last}",
            leg=number,
            fingerprint="",
            source=leg.source.value,
            target=leg.target.value,
            points=leg.points,
            lot_id=leg.lot_id,
            hold_id=leg.hold_id,
            reason=Reason.CORRECTION.value,
            details={"after_entry": last},
            effective_at=now,
            created_at=now,
        )
        for number, leg in enumerate(legs)
    )


def _record(drifts: Sequence[Drift], *, now: datetime) -> None:
    known = set(
        LedgerDrift.objects.filter(repaired_at=None).values_list(
            "member", "what", "is_value", "should_be"
        )
    )
    LedgerDrift.objects.bulk_create(
        (
            LedgerDrift(
                member_id=one.member_id,
                what=one.what,
                is_value=one.is_value,
                should_be=one.should_be,
                found_at=now,
            )
            for one in drifts
            if (one.member_id, one.what, one.is_value, one.should_be) not in known
        ),
        batch_size=5000,
    )


def _close(still_open: QuerySet[LedgerDrift], left: Sequence[Drift], *, now: datetime) -> None:
    there = {(one.member_id, one.what, one.is_value, one.should_be) for one in left}
    gone = [
        row.pk
        for row in still_open
        if (row.member_id, row.what, row.is_value, row.should_be) not in there
    ]
    LedgerDrift.objects.filter(pk__in=gone).update(repaired_at=now)
