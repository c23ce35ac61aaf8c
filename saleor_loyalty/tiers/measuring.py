"""What counted towards tiers, read from the ledger's entries and the settled orders, in SQL.

Days are dates in the programme's zone. What a merged member had counts for the one they were
merged into. Points count when they were earned, whatever became of them: only what took them
back lowers them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Any

from django.db import connections

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.models import Entry
from saleor_loyalty.programs.calendar import start_of_day
from saleor_loyalty.tiers.evaluation import History, history_of_days, thousandths
from saleor_loyalty.tiers.models import TierStanding
from saleor_loyalty.tiers.rules import Amounts, Ladder, Metric, MovingUp, Window
from saleor_loyalty.tiers.windows import DAY, history_since, window_ending, year_of

MEMBER, ENTRY = Member._meta.db_table, Entry._meta.db_table
SETTLED, STANDING = SettledOrder._meta.db_table, TierStanding._meta.db_table
LONG_AGO = date(1, 1, 2)  # the first date that every zone can tell

# Rows of what counts: member_id, at, key (currency or ""), amount. Forgiving a debt earns nothing.
COUNTED = {
    Metric.POINTS: f"""
        SELECT member_id, effective_at AS at, '' AS key,
          CASE WHEN source = 'issued' THEN points ELSE -points END AS amount
        FROM {ENTRY} AS entry
        WHERE is_qualifying AND (source = 'issued' AND target <> 'debt' OR target = 'revoked')
          AND effective_at >= %(since)s
    """,
    Metric.AMOUNT: f"""
        SELECT member_id, order_placed_at AS at, currency AS key, spent_amount AS amount
        FROM {SETTLED} AS settled
        WHERE spent_amount > 0 AND order_placed_at >= %(since)s
    """,
    Metric.ORDERS: f"""
        SELECT member_id, order_placed_at AS at, '' AS key, 1 AS amount
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
                "since": _instant(since, ladder),
            },
        )
        for owner, key, on, amount in cursor.fetchall():
            if since <= on <= today:
                days[owner][key][on] = thousandths(amount)
    return {pk: history_of_days(days[pk]) if pk in days else History() for pk in member_ids}


TO_LOOK_AT = """
WITH counted AS ({counted} AND {of_program}), measured AS (
  SELECT coalesce(member.merged_into_id, member.id) AS owner, {sums}
  FROM counted
  JOIN {members} AS member ON member.id = counted.member_id
  LEFT JOIN {standings} AS standing
    ON standing.member_id = coalesce(member.merged_into_id, member.id)
  GROUP BY 1
)
SELECT member.id
FROM {members} AS member
LEFT JOIN {standings} AS standing ON standing.member_id = member.id
LEFT JOIN measured ON measured.owner = member.id
WHERE member.program_id = %(program)s AND member.merged_into_id IS NULL
  AND ({position} > {earned_position} OR standing.review_at <= %(now)s
    OR standing.version < %(oldest)s OR standing.earned_id = ANY(%(deleted)s)
    OR standing.assigned_id = ANY(%(deleted)s) OR {broken})
ORDER BY member.id
"""


def members_to_look_at(
    *, ladder: Ladder, today: date, now: datetime, is_changed: bool, using: str = "default"
) -> Iterator[int]:
    """Yield the members of a ladder whose tier may be another now, in order of their ids.

    One pass over what counts: who would rise, whose time has come, and whose threshold is not
    met any more. With `is_changed` (the ladder is new) also whoever might have met a threshold in
    a window of the past. It yields some too many, never one too few.
    """
    query = _Query(ladder, today=today, is_changed=is_changed)
    with connections[using].cursor() as cursor:
        cursor.execute(query.text(), {**query.values, "now": now})
        while rows := cursor.fetchmany(20_000):
            yield from (pk for (pk,) in rows)


class _Query:
    """Writes the SQL that finds the members to look at, and gathers its values."""

    def __init__(self, ladder: Ladder, *, today: date, is_changed: bool) -> None:
        self.ladder = ladder
        self.today = today
        self.is_changed = is_changed
        self.is_by_member = ladder.terms.window is Window.MEMBERSHIP_YEAR
        tiers = (ladder.needed_for(tier) for tier in ladder.earnable)
        self.keys = sorted({key for needed in tiers for key in needed}) or [""]
        self.values: dict[str, Any] = {
            "program": ladder.program_id,
            "zone": ladder.time_zone,
            "since": _instant(history_since(today, terms=ladder.terms), ladder),
            "deleted": list(ladder.replaced),
            "oldest": max(ladder.terms_since, ladder.strict_since),
            "today": today,
        }

    def text(self) -> str:
        """Return the whole query."""
        metric = self.ladder.terms.metric
        return TO_LOOK_AT.format(
            counted=COUNTED[metric],
            of_program=("entry" if metric is Metric.POINTS else "settled")
            + ".program_id = %(program)s",
            members=MEMBER,
            standings=STANDING,
            sums=", ".join(self._sums()),
            position=self._position(),
            earned_position=self._earned_position(),
            broken=self._broken(),
        )

    def _sums(self) -> Iterator[str]:
        current, previous = self._windows()
        for number, key in enumerate(self.keys):
            name = f"key_{number}"
            self.values[name] = key
            for column, days in (
                ("current", current),
                ("previous", previous),
                ("since", f"at >= {self._midnight('standing.qualified_from')}"),
                ("all", "true"),
            ):
                yield (
                    f"coalesce(sum(amount) FILTER (WHERE key = %({name})s AND {days}), 0)"
                    f" AS {column}_{number}"
                )

    def _windows(self) -> tuple[str, str]:
        """Return what says that an instant is in the current window, and in the one before."""
        if self.is_by_member:
            joined = "(member.joined_at AT TIME ZONE %(zone)s)::date"
            years = f"(extract(year FROM %(today)s::date) - extract(year FROM {joined}))::int"
            years = f"({years} - ({joined} + make_interval(years => {years}) > %(today)s)::int)"
            first = self._midnight(f"({joined} + make_interval(years => {years}))")
            before = self._midnight(f"({joined} + make_interval(years => {years} - 1))")
            return f"at >= {first}", f"at >= {before} AND at < {first}"
        terms = self.ladder.terms
        current = window_ending(self.today, terms=terms, joined_on=self.today).first
        self.values["first"] = _instant(current, self.ladder)
        if terms.window is not Window.CALENDAR_YEAR:
            return "at >= %(first)s", "false"
        last_year = year_of(current - DAY, window=terms.window, joined_on=self.today)
        self.values["before"] = _instant(last_year.first, self.ladder)
        return "at >= %(first)s", "at >= %(before)s AND at < %(first)s"

    def _midnight(self, on: str) -> str:
        return f"(({on})::timestamp AT TIME ZONE %(zone)s)"

    def _position(self) -> str:
        """Return the position of the highest tier whose threshold is met, -1 without one."""
        columns = ["previous"]
        if self.ladder.terms.moving_up is MovingUp.AT_ONCE:
            columns.append("current")
        if self.is_changed:
            columns.append("all")
        cases = []
        for tier in reversed(self.ladder.earnable):
            needed = self.ladder.needed_for(tier)
            met = " OR ".join(self._met(column, needed, tier.tier_id) for column in columns)
            cases.append(f"WHEN {met} THEN {tier.position}")
        return f"CASE {' '.join(cases)} ELSE -1 END" if cases else "-1"

    def _met(self, column: str, needed: Amounts, tier_id: int) -> str:
        if not any(needed.values()):
            return "true"
        parts = []
        for number, key in enumerate(self.keys):
            if needed.get(key):
                name = f"needed_{tier_id}_{number}"
                self.values[name] = needed[key]
                parts.append(f"measured.{column}_{number} / %({name})s")
        # Rounding of thirds must not hide what is met exactly.
        return f"coalesce({' + '.join(parts)}, 0) >= 0.999999999"

    def _earned_position(self) -> str:
        cases = " ".join(f"WHEN {tier.tier_id} THEN {tier.position}" for tier in self.ladder.tiers)
        return f"CASE standing.earned_id {cases} ELSE -1 END" if cases else "-1"

    def _broken(self) -> str:
        """Return what says that less is left since the window in which a threshold was met."""
        parts = []
        for number, _key in enumerate(self.keys):
            needed = f"nullif((standing.needed ->> %(key_{number})s)::numeric, 0)"
            parts.append(f"coalesce(measured.since_{number} / {needed}, 0)")
        share = " + ".join(parts)
        return (
            "(standing.needed IS NOT NULL AND standing.grace_on IS NULL"
            " AND standing.qualified_from IS NOT NULL"
            f" AND standing.needed <> '{{}}'::jsonb AND {share} < 0.999999999"
            " AND EXISTS (SELECT FROM jsonb_each_text(standing.needed) WHERE value::numeric > 0))"
        )


def _instant(on: date, ladder: Ladder) -> datetime:
    return start_of_day(max(on, LONG_AGO), time_zone=ladder.time_zone)
