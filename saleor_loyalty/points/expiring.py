"""By which days members' available points can be used, in SQL."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

from django.db import connection

from saleor_loyalty.points.models import Balance, Lot
from saleor_loyalty.programs.models import Program

# The last days, in their programmes' zones, of lots that expire: by date, or where they wait for
# activity as in `rules.lapses_at`.
ENDS = f"""
SELECT member_id, available, usable_at, ((ends_at - interval '1 microsecond') AT TIME ZONE time_zone)::date AS last_on
FROM (
  SELECT lot.member_id, lot.available, program.time_zone,
    coalesce(lot.matures_at, lot.earned_at) AS usable_at, CASE
    WHEN lot.inactivity_months IS NULL THEN lot.expires_at
    ELSE greatest(
      ((greatest(balance.last_activity_at, lot.earned_at) AT TIME ZONE program.time_zone)::date
        + make_interval(months => lot.inactivity_months) + interval '1 day')
        AT TIME ZONE program.time_zone,
      coalesce(lot.matures_at, lot.earned_at) + make_interval(days => lot.notice_days)
    )
  END AS ends_at
  FROM {Lot._meta.db_table} AS lot
  JOIN {Program._meta.db_table} AS program ON program.id = lot.program_id
  LEFT JOIN {Balance._meta.db_table} AS balance ON balance.member_id = lot.member_id
  WHERE lot.available > 0
    AND (lot.inactivity_months IS NOT NULL OR lot.expires_at < %(until)s::date + 2)
    AND {{which}}
) AS ending WHERE ends_at > %(now)s
"""
OF_MEMBERS = ENDS.format(which="lot.member_id = ANY(%(members)s)")
OF_PROGRAM = ENDS.format(which="lot.program_id = %(program)s")


def ends_of(
    *, member_ids: Collection[int], until: date, now: datetime
) -> dict[int, dict[date, int]]:
    """Return how many available points can be used for the last time on which days.

    By member id; points that last longer than `until` are left out. One query.
    """
    found: dict[int, dict[date, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT member_id, last_on, sum(available) FROM ({OF_MEMBERS}) AS ends
            WHERE last_on <= %(until)s GROUP BY 1, 2
            """,
            {"members": list(member_ids), "until": until, "now": now},
        )
        for member_id, last_on, points in cursor.fetchall():
            found[member_id][last_on] = int(points)
    return found
