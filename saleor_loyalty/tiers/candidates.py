"""Which members a look may change, found in one pass over what counts, in SQL."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.db import connections

from saleor_loyalty.tiers.measuring import COUNTED, MEMBER, STANDING, instant
from saleor_loyalty.tiers.rules import (
    ROLLING,
    YEARLY,
    Amounts,
    Falling,
    Keeping,
    Ladder,
    Metric,
    MovingUp,
    Window,
)
from saleor_loyalty.tiers.windows import DAY, history_since, near_on

JOINED_ON = "(member.joined_at AT TIME ZONE %(zone)s)::date"
ON = "(at AT TIME ZONE %(zone)s)::date"
TO_LOOK_AT = """
WITH bounds AS MATERIALIZED (
  SELECT member.id AS owner, {bounds}
  FROM {members} AS member LEFT JOIN {standings} AS standing ON standing.member_id = member.id
  WHERE member.program_id = %(program)s
), counted AS ({counted} AND {of_program} AND {upto} < %(tomorrow)s), measured AS (
  SELECT bounds.owner, {sums}
  FROM {rows} AS counted
  {owners}
  GROUP BY 1
)
SELECT member.id
FROM {members} AS member
LEFT JOIN {standings} AS standing ON standing.member_id = member.id
LEFT JOIN measured ON measured.owner = member.id
WHERE member.program_id = %(program)s AND member.merged_into_id IS NULL AND ({reasons})
ORDER BY member.id
"""
OWNERS = f"""
  LEFT JOIN {MEMBER} AS part ON part.id = counted.member_id AND part.merged_into_id IS NOT NULL
  JOIN bounds ON bounds.owner = coalesce(part.merged_into_id, counted.member_id)
"""
# The same rows with what the window held that each is in (or, rolling, that ends with it).
WINDOWED = f"""(
  SELECT counted.*, sum(amount) FILTER (WHERE NOT is_correction) OVER (
    PARTITION BY bounds.owner, key {{window}}
  ) AS within
  FROM counted {OWNERS}
)"""
IN_FORCE = """
CASE WHEN standing.assigned_id IS NOT NULL AND (standing.is_pinned OR {assigned} >= {earned})
  THEN standing.assigned_id ELSE standing.earned_id END
"""
# Rounding of thirds must not hide what is met exactly.
WHOLE = "0.99999999999999"


def members_to_look_at(
    *, ladder: Ladder, today: date, now: datetime, using: str = "default"
) -> Iterator[int]:
    """Yield the members of a ladder whose standing may be another now, in order of their ids.

    One pass over what counts, for the night and for a ladder that changed: who would rise or
    keep a tier longer, whose time has come, and whose threshold is not met any more. It yields
    some too many, never one too few.
    """
    query = _Query(ladder, today=today)
    with connections[using].cursor() as cursor:
        cursor.execute(query.text(), {**query.values, "now": now})
        while rows := cursor.fetchmany(20_000):
            yield from (pk for (pk,) in rows)


class _Query:
    """Writes the SQL that finds the members to look at, and gathers its values."""

    def __init__(self, ladder: Ladder, *, today: date) -> None:
        self.ladder = ladder
        self.terms = ladder.terms
        self.today = today
        self.is_yearly = self.terms.window in YEARLY
        self.is_next_period = self.terms.keeping is Keeping.NEXT_PERIOD
        # Two windows say all of years that are kept until the next one's end, one of a lifetime.
        # Otherwise a threshold may have been met in any window of the past.
        self.is_windowed = self.terms.window in ROLLING or (
            self.is_yearly and not self.is_next_period
        )
        tiers = (ladder.needed_for(tier) for tier in ladder.earnable)
        self.keys = sorted({key for needed in tiers for key in needed}) or [""]
        self.values: dict[str, Any] = {
            "program": ladder.program_id,
            "zone": ladder.time_zone,
            "since": instant(history_since(today, terms=self.terms), ladder),
            "tomorrow": instant(today + DAY, ladder),
            "deleted": list(ladder.replaced),
            "open": [
                one.tier_id for one in ladder.earnable if not any(ladder.needed_for(one).values())
            ],
            "oldest": max(ladder.terms_since, ladder.strict_since),
            "today": today,
            "near": self._near_days(),
        }

    def text(self) -> str:
        """Return the whole query."""
        is_points = self.terms.metric is Metric.POINTS
        return TO_LOOK_AT.format(
            counted=COUNTED[self.terms.metric],
            of_program=("entry" if is_points else "settled") + ".program_id = %(program)s",
            upto="effective_at" if is_points else "order_placed_at",
            rows=WINDOWED.format(window=self._window()) if self.is_windowed else "counted",
            owners=OWNERS,
            bounds=", ".join(self._bounds()),
            members=MEMBER,
            standings=STANDING,
            sums=", ".join(self._sums()),
            reasons=" OR ".join(f"({reason})" for reason in self._reasons()),
        )

    def _near_days(self) -> int:
        """Return how many days before its last a tier's end is near."""
        return (self.today - near_on(self.today, terms=self.terms)).days

    def _reasons(self) -> Iterator[str]:
        earned = self._position_of("standing.earned_id")
        assigned = self._position_of("standing.assigned_id")
        columns = self._columns()
        best = self._best(list(columns))
        yield f"{best} > {earned}"
        yield "standing.review_at <= %(now)s"
        yield "standing.version < %(oldest)s"
        yield "standing.earned_id = ANY(%(deleted)s) OR standing.assigned_id = ANY(%(deleted)s)"
        yield f"standing.tier_id IS DISTINCT FROM {IN_FORCE.format(earned=earned, assigned=assigned)}"
        yield self._broken()
        if self.terms.falling is Falling.NEVER:
            return
        # Who has grace may have earned it again, or got back what was taken.
        yield f"standing.grace_on IS NOT NULL AND ({best} >= {earned} OR standing.kept_on >= %(today)s)"
        yield "standing.kept_on IS NOT NULL AND standing.earned_id = ANY(%(open)s)"
        near = (
            "standing.grace_on IS NULL AND NOT standing.is_warned"
            " AND standing.kept_on - %(near)s <= %(today)s"
        )
        if self.terms.moving_up is MovingUp.AT_PERIOD_END and not self.is_windowed:
            near += f" AND {self._best(['current'])} < {earned}"
        yield near
        if self.is_yearly and self.is_next_period:
            for column, until in columns.items():
                yield f"standing.kept_on < {until} AND {self._best([column])} >= {earned}"

    def _columns(self) -> dict[str, str]:
        """Return the sums that a tier may come of, and until when it would be kept."""
        if self.is_windowed:
            return {"best": "NULL"}
        columns = {"previous": self._last_of_year(0)} if self.is_yearly else {}
        if self.terms.moving_up is MovingUp.AT_ONCE:
            columns["current"] = self._last_of_year(1)
        return columns

    def _bounds(self) -> Iterator[str]:
        """Return each member's instants, worked out once and not for each row that counts.

        Between `mine_from` and `mine_until` is the window in which their tier was earned.
        """
        is_lifetime = self.terms.window is Window.LIFETIME
        end = "'infinity'::date" if is_lifetime else self._end_of_qualifying(JOINED_ON)
        yield f"{self._midnight('standing.qualified_from')} AS mine_from"
        yield f"{self._midnight(end)} AS mine_until"
        yield f"{JOINED_ON} AS joined_on"
        for name, later in (("this_year", 0), ("last_year", -1)):
            start = self._year_start("%(today)s::date", later, joined=JOINED_ON)
            yield f"{self._midnight(start) if self.is_yearly else '%(since)s'} AS {name}"

    def _sums(self) -> Iterator[str]:
        # What staff took off since counts against it; what was earned since does not help.
        mine = "at >= mine_from AND (at < mine_until OR is_correction)"
        sums = {"mine": ("sum", "amount", mine)}
        if self.is_windowed:
            sums["best"] = ("max", "within", self._still_kept())
        else:
            current = "at >= this_year AND NOT is_correction"
            previous = "at >= last_year AND at < this_year AND NOT is_correction"
            sums["current"] = ("sum", "amount", current)
            if self.is_yearly:
                sums["previous"] = ("sum", "amount", previous)
        for number, key in enumerate(self.keys):
            name = f"key_{number}"
            self.values[name] = key
            for column, (function, value, wanted) in sums.items():
                yield (
                    f"coalesce({function}({value}) FILTER (WHERE key = %({name})s AND {wanted}), 0)"
                    f" AS {column}_{number}"
                )

    def _window(self) -> str:
        """Return what parts rows into windows."""
        if self.is_yearly:
            return ", " + self._year_start(ON, 0, joined="bounds.joined_on")
        self.values["length"] = self._length()
        return f"ORDER BY {ON} RANGE BETWEEN %(length)s::interval PRECEDING AND CURRENT ROW"

    def _length(self) -> str:
        if self.terms.window is Window.ROLLING_DAYS:
            return f"{self.terms.window_length - 1} days"
        return f"{self.terms.window_length} months"

    def _still_kept(self) -> str:
        """Return what says that a row's window may still keep a tier."""
        if not self.is_yearly:
            return "true"
        over = self._year_start(ON, 1, joined="bounds.joined_on")
        wanted = ["true"]
        if self.terms.moving_up is MovingUp.AT_PERIOD_END:
            wanted.append(f"{over} <= %(today)s")
        if self.terms.keeping is Keeping.MONTHS:
            self.values["kept"] = f"{self.terms.keep_months} months"
            wanted.append(f"({over} - 1) + %(kept)s::interval >= %(today)s")
        return " AND ".join(wanted)

    def _end_of_qualifying(self, joined: str) -> str:
        """Return the day after the window that began at `qualified_from`, the latest it can be."""
        start = "standing.qualified_from"
        if self.is_yearly:
            return self._year_start(start, 1, joined=joined)
        if self.terms.window is Window.ROLLING_DAYS:
            return f"{start} + {self.terms.window_length}"
        months = f"interval '{self.terms.window_length} months'"
        return f"greatest({start} + {months}, ({start} - 1) + {months} + interval '1 day')"

    def _year_start(self, on: str, later: int, *, joined: str) -> str:
        """Return the first day of the year that a date is in, or of one some years later."""
        if self.terms.window is not Window.MEMBERSHIP_YEAR:
            return f"(date_trunc('year', {on}::timestamp) + interval '{later} years')::date"
        years = f"(extract(year FROM {on}) - extract(year FROM {joined}))::int"
        is_before = f"({joined} + make_interval(years => {years}) > {on})::int"
        return f"({joined} + make_interval(years => {years} - {is_before} + {later}))::date"

    def _last_of_year(self, later: int) -> str:
        return f"{self._year_start('%(today)s::date', later + 1, joined=JOINED_ON)} - 1"

    def _midnight(self, on: str) -> str:
        return f"(({on})::timestamp AT TIME ZONE %(zone)s)"

    def _best(self, columns: list[str]) -> str:
        """Return the position of the highest tier whose threshold is met, -1 without one."""
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
        return f"coalesce({' + '.join(parts)}, 0) >= {WHOLE}"

    def _position_of(self, tier: str) -> str:
        cases = " ".join(f"WHEN {one.tier_id} THEN {one.position}" for one in self.ladder.tiers)
        return f"CASE {tier} {cases} ELSE -1 END" if cases else "-1"

    def _broken(self) -> str:
        """Return what says that less is left of the window in which a threshold was met."""
        parts = []
        for number, _key in enumerate(self.keys):
            needed = f"nullif((standing.needed ->> %(key_{number})s)::numeric, 0)"
            parts.append(f"coalesce(measured.mine_{number} / {needed}, 0)")
        return (
            "standing.needed IS NOT NULL AND standing.grace_on IS NULL"
            " AND standing.qualified_from IS NOT NULL"
            f" AND standing.needed <> '{{}}'::jsonb AND {' + '.join(parts)} < {WHOLE}"
            " AND EXISTS (SELECT FROM jsonb_each_text(standing.needed) WHERE value::numeric > 0)"
        )
