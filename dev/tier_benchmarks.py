"""The speed of the nightly look at all members' tiers, as ratios to reading what counts; see benchmarks.py.

Needs Django set up, and a database that may be filled.
"""

from datetime import UTC, date, datetime

from dev.ledger_benchmarks import sql, start_anew, timed
from saleor_loyalty.flows.review_tiers import review_all_tiers
from saleor_loyalty.programs.models import Program
from saleor_loyalty.tiers.models import Tier, TierLadder
from saleor_loyalty.tiers.operations import (
    TierChanges,
    create_tier,
    mark_applied,
    update_ladder,
)
from saleor_loyalty.tiers.rules import Thresholds

MEMBERS = 1_000_000
ENTRIES_EACH = 5
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
NIGHT = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)
NEW_YEARS_NIGHT = datetime(2027, 1, 1, 2, 0, tzinfo=UTC)
NUMBERED = "(SELECT id, row_number() OVER (ORDER BY id) AS number FROM saleor_loyalty_member)"
# By a member's number: a tenth has Gold, three tenths have Silver, a twentieth earned its Silver
# in the year before, which is over at New Year; one in a thousand rose and nobody noticed.
POINTS = "CASE WHEN number %% 10 = 1 THEN 1200 WHEN number %% 10 < 5 THEN 300 ELSE 100 END"
IS_OF_LAST_YEAR = "number %% 20 = 2"
IS_MISSED = "number %% 1000 = 7"


def _fill() -> None:
    """Write members, what they earned, and where they stand, set-based."""
    start_anew()
    program = Program.objects.get()
    Program.objects.update(is_active=True)
    update_ladder(program_id=program.pk, terms={}, now=LONG_AGO)
    if not Tier.objects.exists():
        for name, points in (("Silver", 1000), ("Gold", 5000)):
            changes = TierChanges(name=name, thresholds=Thresholds(points=points))
            create_tier(program_id=program.pk, changes=changes, now=LONG_AGO)
    ladder = TierLadder.objects.get()
    mark_applied(program_id=program.pk, version=ladder.version)
    silver, gold = Tier.objects.order_by("position")
    sql(
        """
        INSERT INTO saleor_loyalty_member
          (program_id, joined_at, joined_by, email, external_id, merged_by)
        SELECT %s, %s, 'customer', '', '', '' FROM generate_series(1, %s)
        """,
        *(program.pk, LONG_AGO, MEMBERS),
    )
    sql(
        f"""
        INSERT INTO saleor_loyalty_entry (program_id, member_id, idempotency_key, leg,
          fingerprint, source, target, points, is_qualifying, reason, order_id, note, actor,
          details, effective_at, created_at)
        SELECT %s, id, 'fill:' || id || ':' || part, 0, '', 'issued', 'available',
          CASE WHEN {IS_MISSED} THEN 300 ELSE {POINTS} END, true, 'order_earned', '', '', '', '{{}}',
          CASE WHEN {IS_OF_LAST_YEAR} THEN %s ELSE %s END + part * interval '20 days', %s
        FROM {NUMBERED} AS members, generate_series(1, %s) AS part
        """,
        *(program.pk, datetime(2025, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        *(NIGHT, ENTRIES_EACH),
    )
    sql(
        f"""
        INSERT INTO saleor_loyalty_tierstanding (member_id, program_id, tier_id, since, earned_id,
          kept_on, needed, qualified_from, version, is_warned, is_pinned, review_at, is_published)
        SELECT id, %s, tier, %s, tier, CASE WHEN tier IS NOT NULL THEN ends END,
          CASE tier WHEN %s THEN '{{"": "1000"}}'::jsonb WHEN %s THEN '{{"": "5000"}}'::jsonb END,
          CASE WHEN tier IS NOT NULL THEN ends - interval '2 years' + interval '1 day' END,
          %s, ends = %s, false,
          CASE WHEN tier IS NULL THEN NULL WHEN ends = %s THEN %s
            ELSE ends - interval '30 days' END, true
        FROM (
          SELECT id, CASE {POINTS} WHEN 1200 THEN %s WHEN 300 THEN %s END AS tier,
            CASE WHEN {IS_OF_LAST_YEAR} THEN %s ELSE %s END AS ends
          FROM {NUMBERED} AS members
        ) AS standing
        """,
        *(program.pk, LONG_AGO, silver.pk, gold.pk, ladder.version),
        *(date(2026, 12, 31), date(2026, 12, 31), datetime(2027, 1, 1, tzinfo=UTC)),
        *(gold.pk, silver.pk, date(2026, 12, 31), date(2027, 12, 31)),
    )
    for table in ("member", "entry", "tierstanding"):
        sql(f"VACUUM ANALYZE saleor_loyalty_{table}")


def _reading() -> float:
    """Return seconds for summing up what counts of each member."""
    return min(
        timed(
            lambda: sql(
                """
                SELECT count(*), sum(points) FROM (
                  SELECT member_id, sum(points) AS points FROM saleor_loyalty_entry
                  WHERE is_qualifying AND source = 'issued' GROUP BY member_id
                ) AS summed
                """
            )
        )
        for _ in range(3)
    )


def _look(now: datetime, *, expected: int) -> float:
    changes = []
    seconds = timed(lambda: changes.append(review_all_tiers(now=now)))
    assert changes == [expected], changes
    reading = _reading()
    print(f"   ... {expected:,} changes in {seconds:.1f} s; reading {reading:.1f} s", flush=True)
    return seconds / reading


def ordinary_night() -> float:
    """Return looking at a million members of whom one in a thousand moves, relative to reading."""
    _fill()
    _look(NIGHT, expected=MEMBERS // 1000)
    return _look(NIGHT, expected=0)


def new_years_night() -> float:
    """Return looking at a million members of whom one in twenty is due, relative to reading."""
    _fill()
    review_all_tiers(now=NIGHT)
    return _look(NEW_YEARS_NIGHT, expected=MEMBERS // 20)
