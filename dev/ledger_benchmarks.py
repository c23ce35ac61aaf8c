"""The ledger's speed, as ratios to plain INSERTs by the same client library; see benchmarks.py.

Needs Django set up, and a database that may be filled.
"""

import os
import time
import uuid
from datetime import timedelta

import psycopg
from django.db import connection
from django.utils import timezone

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Award, Capture
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.points.sweeps import expire_due
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.programs.models import Program

BATCH = 100
SINGLE = 300
MILLION = 1_000_000
MANY_ENTRIES = 5_000_000


def timed(work) -> float:
    """Return how many seconds work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def sql(statement: str, *values: object) -> None:
    """Run a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def new_members(count: int) -> list:
    """Return members without points."""
    now = timezone.now()
    program = Program.objects.first() or Program.objects.create(
        name="Bench", created_at=now, updated_at=now
    )
    return Member.objects.bulk_create(
        (Member(program=program, joined_at=now, joined_by="customer") for _ in range(count)),
        batch_size=5000,
    )


def common(member: Member, reason: Reason) -> dict:
    """Return what all postings of the benchmarks have."""
    return {
        "program_id": member.program_id,
        "member_id": member.pk,
        "key": f"bench:{uuid.uuid4()}",
        "reason": reason,
        "effective_at": timezone.now(),
    }


def award(*members: Member) -> None:
    """Give each member ten points, in one call."""
    postings = [Award(**common(member, Reason.ADJUSTMENT), points=10) for member in members]
    post(postings=postings, now=timezone.now())


def plain_insert() -> float:
    """Return seconds a row for plain INSERTs, each its own durable transaction; the best of 5."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as plain:
        plain.execute("CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, n int)")

        def work() -> None:
            for number in range(SINGLE):
                plain.execute("INSERT INTO bench_rows (n) VALUES (%s)", [number])

        return min(timed(work) for _ in range(5)) / SINGLE


def one_by_one(members: list) -> float:
    """Return seconds an award, each a call and a durable transaction of its own; the best of 5."""

    def work() -> None:
        for member in members[:SINGLE]:
            award(member)

    return min(timed(work) for _ in range(5)) / SINGLE


def single_award() -> float:
    """Return the rate of single awards, relative to plain INSERTs."""
    members = new_members(SINGLE)
    award(*members)
    return plain_insert() / one_by_one(members)


def batch_of_awards() -> float:
    """Return the rate of awards in batches of 100, relative to plain INSERTs."""
    members = new_members(BATCH)
    award(*members)
    return plain_insert() / (min(timed(lambda: award(*members)) for _ in range(10)) / BATCH)


def hold_and_capture() -> float:
    """Return the rate of a hold and its capture, two calls, relative to two plain INSERTs."""
    members = new_members(SINGLE)
    for _ in range(5):
        award(*members)

    def work() -> None:
        for member in members:
            hold = Authorize(**common(member, Reason.HELD), points=10)
            post(postings=[hold], now=timezone.now())
            capture = Capture(**common(member, Reason.SPENT), hold_key=hold.key)
            post(postings=[capture], now=timezone.now())

    return 2 * plain_insert() / (min(timed(work) for _ in range(3)) / SINGLE)


def start_anew() -> None:
    """Empty the ledger, past its guard, so that each benchmark finds the same."""
    sql("SET session_replication_role = replica")
    sql("TRUNCATE saleor_loyalty_member CASCADE")
    sql("SET session_replication_role = DEFAULT")
    new_members(1)


def _fill(members: int, entries_each: int, *, expires_in: timedelta | None) -> None:
    """Write members with lots of one entry each, set-based, as awards would have."""
    now = timezone.now()
    program = Program.objects.first().pk
    sql(
        """
        WITH members AS (
          INSERT INTO saleor_loyalty_member
            (program_id, joined_at, joined_by, email, external_id, merged_by)
          SELECT %s, %s, 'customer', '', '', '' FROM generate_series(1, %s) RETURNING id
        ), balances AS (
          INSERT INTO saleor_loyalty_balance (member_id, pending, available, held, debt)
          SELECT id, 0, 10 * %s, 0, 0 FROM members
        ), lots AS (
          INSERT INTO saleor_loyalty_lot (program_id, member_id, order_id, pending, available,
            held, expired, earned_at, expires_at, notice_days)
          SELECT %s, id, '', 0, 10, 0, 0, %s, %s, 0
          FROM members, generate_series(1, %s) RETURNING id, member_id
        )
        INSERT INTO saleor_loyalty_entry (program_id, member_id, idempotency_key, leg,
          fingerprint, source, target, points, lot_id, is_qualifying, reason, order_id, note,
          actor, details, effective_at, created_at)
        SELECT %s, member_id, 'fill:' || id, 0, '', 'issued', 'available', 10, id, true,
          'order_earned', '', '', '', '{}', %s, %s FROM lots
        """,
        *(program, now, members, entries_each),
        *(program, now, now + expires_in if expires_in else None, entries_each),
        *(program, now, now),
    )
    sql("ANALYZE saleor_loyalty_entry")
    sql("ANALYZE saleor_loyalty_lot")
    sql("ANALYZE saleor_loyalty_balance")


def _insert_select(rows: int) -> float:
    """Return seconds for INSERT .. SELECT of so many rows like entries, in one statement."""
    sql("CREATE TABLE IF NOT EXISTS bench_entries (LIKE saleor_loyalty_entry INCLUDING ALL)")
    seconds = timed(
        lambda: sql(
            """
            INSERT INTO bench_entries (id, program_id, member_id, idempotency_key, leg, fingerprint,
              source, target, points, lot_id, is_qualifying, reason, order_id, note, actor,
              details, effective_at, created_at)
            SELECT id, program_id, member_id, idempotency_key, leg, fingerprint,
              source, target, points, lot_id, is_qualifying, reason, order_id, note, actor,
              details, effective_at, created_at
            FROM saleor_loyalty_entry ORDER BY id DESC LIMIT %s
            """,
            rows,
        )
    )
    sql("DROP TABLE bench_entries")
    return seconds


def expire_a_million_lots() -> float:
    """Return the rate of expiring lots, relative to INSERT .. SELECT of as many entries."""
    start_anew()
    _fill(MILLION // 4, 4, expires_in=timedelta(days=1))
    plain = _insert_select(MILLION)
    later = timezone.now() + timedelta(days=2)
    expired = []
    seconds = timed(lambda: expired.append(expire_due(now=later)))
    assert expired[0] >= MILLION
    print(f"   ... {MILLION:,} lots expired in {seconds:.1f} s", flush=True)
    return plain / seconds


def verify_a_million_members() -> float:
    """Return the rate of verifying members, relative to INSERT .. SELECT of as many entries."""
    start_anew()
    _fill(MILLION, 1, expires_in=None)
    plain = _insert_select(MILLION)
    drifts = []
    seconds = timed(lambda: drifts.extend(find_drift()))
    assert drifts == []
    print(f"   ... {Member.objects.count():,} members verified in {seconds:.1f} s", flush=True)
    return plain / seconds


def award_in_a_long_history() -> float:
    """Return the cost of an award at 5 million entries, relative to 10 thousand."""
    start_anew()
    _fill(2500, 4, expires_in=None)
    few = one_by_one(new_members(SINGLE))
    _fill(MANY_ENTRIES // 4, 4, expires_in=None)
    many = one_by_one(new_members(SINGLE))
    return many / few
