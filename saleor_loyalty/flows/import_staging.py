"""An import in temporary tables: what its steps share, and writing what they found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from saleor_loyalty.flows import import_sql as sql
from saleor_loyalty.flows.order_lots import expiring
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import LotTerms, Reason
from saleor_loyalty.programs.calendar import end_of_day, start_of_day
from saleor_loyalty.programs.policies.rules import Policy
from saleor_loyalty.programs.rules import ProgramTerms

WRITE_CHUNK = 50_000
LOCK_CHUNK = 20_000
POSTINGS_A_CALL = 500

# What is being done, how much of it is done, and how much there is (bytes, rows, or steps).
OnProgress = Callable[[str, int, int], None]


@dataclass(kw_only=True)
class Staging:
    """An import at work: its cursor, which sees the tables, and the programme's terms by now."""

    cursor: CursorWrapper
    terms: ProgramTerms
    policy: Policy
    now: datetime
    on_progress: OnProgress

    def run(self, statement: str, **values: Any) -> None:
        """Run a statement of import_sql."""
        given = {"program": self.terms.program_id, "now": self.now, **values}
        self.cursor.execute(statement, given)

    def terms_of(self, earned_on: date) -> LotTerms:
        """Return what the policy says of points that were earned on a day."""
        return expiring(
            self.policy,
            earned_at=start_of_day(earned_on, time_zone=self.terms.time_zone),
            now=self.now,
            time_zone=self.terms.time_zone,
        )


def write(staging: Staging, *, rows: int, members: int) -> None:
    """Write members, lots, entries and balances."""
    if not rows:
        return
    _write_days(staging)
    _write_members(staging, wanted=members)
    staging.run(sql.READY, inactivity_months=staging.policy.inactivity_months)
    staging.run("ANALYZE loyalty_import_ready")
    for after in range(0, rows, WRITE_CHUNK):
        staging.on_progress("writing", after, rows)
        chunk = {"after": after, "upto": after + WRITE_CHUNK}
        staging.run(sql.WRITE, **chunk, notice_days=staging.policy.longest_notice_days)
        _repay_debts(staging, chunk)
        staging.cursor.execute(sql.CHECK_KEYS)
    staging.on_progress("writing", rows, rows)


def _write_days(staging: Staging) -> None:
    """Work out in Python, as everywhere, when each day of the file begins and ends."""
    staging.run(sql.DAYS)
    days = [day for (day,) in staging.cursor.fetchall()]
    zone = staging.terms.time_zone
    with staging.cursor.copy("COPY loyalty_import_day FROM STDIN") as copy:
        for day in days:
            bounds = (start_of_day(day, time_zone=zone), end_of_day(day, time_zone=zone))
            copy.write_row((day, *bounds, staging.terms_of(day).expires_at))


def _write_members(staging: Staging, *, wanted: int) -> None:
    """Make new members; lock those that were there, in order of their ids."""
    staging.on_progress("writing members", 0, 1)
    _lock_known(staging)
    staging.run(sql.NEW_MEMBERS)
    made = staging.cursor.rowcount
    if made:
        staging.run(sql.LEARN_MEMBERS)
        staging.run("DROP TABLE loyalty_import_person")
        staging.run(sql.match_people())
        staging.run("ANALYZE loyalty_import_person")
    if made != wanted:  # somebody joined at this very moment
        _lock_known(staging)
    staging.run(sql.NAME_MEMBERS)
    staging.on_progress("writing members", 1, 1)


def _lock_known(staging: Staging) -> None:
    after = 0
    while True:
        staging.run(sql.KNOWN_MEMBERS, after=after, limit=LOCK_CHUNK)
        known = [pk for (pk,) in staging.cursor.fetchall()]
        if not known:
            return
        lock_members(member_ids=set(known))
        after = known[-1]


def _repay_debts(staging: Staging, chunk: dict[str, int]) -> None:
    """Post, as any award, what goes to members in debt: few, so it may take longer."""
    staging.run(sql.IN_DEBT, **chunk)
    rows = staging.cursor.fetchall()
    for start in range(0, len(rows), POSTINGS_A_CALL):
        some = rows[start : start + POSTINGS_A_CALL]
        post(postings=[_award(staging, *row) for row in some], now=staging.now)
        alive = [row[0] for row in some if row[-1] is not None]
        staging.run(sql.KEEP_ALIVE, members=alive)


def _award(
    staging: Staging,
    member_id: int,
    key: str,
    points: int,
    source: str,
    earned_at: datetime,
    expires_at: datetime | None,
    inactivity_months: int | None,
) -> Award:
    return Award(
        program_id=staging.terms.program_id,
        member_id=member_id,
        key=key,
        reason=Reason.OPENING_BALANCE,
        effective_at=earned_at,
        details={"source": source} if source else {},
        points=points,
        lot=LotTerms(
            expires_at=expires_at,
            inactivity_months=inactivity_months,
            notice_days=staging.policy.longest_notice_days,
        ),
    )
