"""What counted towards tiers, read from the ledger's entries and the settled orders, in SQL.

Days are dates in the programme's zone. What a merged member had counts for the one they were
merged into. Points count when they were earned, whatever became of them: only what took them
back lowers them.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

from django.db import connections

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.models import Entry
from saleor_loyalty.programs.calendar import start_of_day
from saleor_loyalty.tiers.history import History, history_of_days, thousandths
from saleor_loyalty.tiers.models import TierStanding
from saleor_loyalty.tiers.rules import (
    Ladder,
    Metric,
)
from saleor_loyalty.tiers.windows import history_since

MEMBER, ENTRY = Member._meta.db_table, Entry._meta.db_table
SETTLED, STANDING = SettledOrder._meta.db_table, TierStanding._meta.db_table
LONG_AGO = date(1, 1, 2)  # the first date that every zone can tell


# Rows of what counts: member_id, at, key (currency or ""), amount, and whether it takes off by hand
# (a refund takes off on its order's own day). Forgiving a debt earns nothing.
COUNTED = {
    Metric.POINTS: f"""
        SELECT member_id, effective_at AS at, '' AS key,
          CASE WHEN source = 'issued' THEN points ELSE -points END AS amount,
          target = 'revoked' AND order_id = '' AS is_correction
        FROM {ENTRY} AS entry
        WHERE is_qualifying AND (source = 'issued' AND target <> 'debt' OR target = 'revoked')
          AND effective_at >= %(since)s
    """,
    Metric.AMOUNT: f"""
        SELECT member_id, order_placed_at AS at, currency AS key, spent_amount AS amount,
          false AS is_correction
        FROM {SETTLED} AS settled
        WHERE spent_amount > 0 AND order_placed_at >= %(since)s
    """,
    Metric.ORDERS: f"""
        SELECT member_id, order_placed_at AS at, '' AS key, 1 AS amount, false AS is_correction
        FROM {SETTLED} AS settled
        WHERE spent_amount > 0 AND order_placed_at >= %(since)s
    """,
}
HISTORIES = f"""
WITH owned AS (
  SELECT id AS member_id, coalesce(merged_into_id, id) AS owner FROM {MEMBER}
  WHERE id = ANY(%(members)s) OR merged_into_id = ANY(%(members)s)
)
SELECT owner, key, (at AT TIME ZONE %(zone)s)::date, sum(amount)
FROM ({{counted}} AND member_id IN (SELECT member_id FROM owned)) AS counted JOIN owned USING (member_id)
GROUP BY 1, 2, 3
"""


def histories_of(
    *, member_ids: Collection[int], ladder: Ladder, today: date, using: str = "default"
) -> dict[int, History]:
    """Return what counts of members on a day, by member id. One query; none of later days."""
    since = history_since(today, terms=ladder.terms)
    days: dict[int, dict[str, dict[date, int]]] = defaultdict(lambda: defaultdict(dict))
    with connections[using].cursor() as cursor:
        cursor.execute(
            HISTORIES.format(counted=COUNTED[ladder.terms.metric]),
            {
                "members": list(member_ids),
                "zone": ladder.time_zone,
                "since": instant(since, ladder),
            },
        )
        for owner, key, on, amount in cursor.fetchall():
            if since <= on <= today:
                days[owner][key][on] = thousandths(amount)
    return {pk: history_of_days(days[pk]) if pk in days else History() for pk in member_ids}


def instant(on: date, ladder: Ladder) -> datetime:
    """Return the instant at which a date begins in a ladder's zone."""
    return start_of_day(max(on, LONG_AGO), time_zone=ladder.time_zone)
