"""Opening balances from another system: all of a file, or nothing of it, and never twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, BinaryIO

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows import import_staging as sql
from saleor_loyalty.flows.opening_rows import DateLimits, LineError, OpeningFile, OpeningRow
from saleor_loyalty.flows.order_lots import expiring
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import LotTerms, Reason
from saleor_loyalty.programs.calendar import end_of_day, local_date, start_of_day
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.programs.policies.rules import Policy
from saleor_loyalty.programs.queries import load_terms
from saleor_loyalty.programs.rules import ProgramTerms

READ_CHUNK = 10_000
WRITE_CHUNK = 50_000
LOCK_CHUNK = 20_000
POSTINGS_A_CALL = 500
NEVER = "never"
BY_INACTIVITY = "by inactivity"

# What is being done, how much of it is done, and how much there is (bytes, rows, or steps).
OnProgress = Callable[[str, int, int], None]
OnError = Callable[[LineError], None]


class ImportRefused(LoyaltyError):
    """Lines of the file are wrong (`errors` of `rows`), and nothing was written."""

    code = "import_refused"


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did, or would do.

    Of the `rows`, `bad_rows` are wrong, `known_rows` were imported before, `new_rows` are the
    rest and bring `points`. Their members: known before, new by an account's address, all new.
    """

    rows: int
    bad_rows: int
    known_rows: int
    new_rows: int
    points: int
    members_known: int
    members_by_account: int
    members_new: int
    points_by_expiry: dict[str, int] = field(default_factory=dict)


@transaction.atomic
def import_balances(
    *,
    program_id: int,
    file: BinaryIO,
    now: datetime,
    on_error: OnError,
    on_progress: OnProgress,
    is_applied: bool = False,
    skips_bad: bool = False,
    allows_twice: bool = False,
) -> ImportReport:
    """Read a file of opening balances and, with `is_applied`, write them as members, lots, entries.

    Without it everything is checked and nothing written. `on_error` hears of each wrong line;
    any refuses the whole file, unless `skips_bad` leaves them out. Of lines that say the same,
    the second is wrong unless `allows_twice`. The same file again writes nothing, one with more
    lines only those. A debt is repaid first. All in one transaction, one import of a programme at
    a time, its members locked while it is written.

    Raises:
        ProgramNotFound
        FileUnreadable: it is no CSV in UTF-8, or the columns are not named.
        ImportRefused: lines are wrong, with `is_applied` and not `skips_bad`.

    """
    terms = load_terms(program_ids=[program_id]).by_program.get(program_id)
    if terms is None:
        raise ProgramNotFound(field="program")
    with connection.cursor() as cursor:
        work = _Import(
            cursor=cursor,
            terms=terms,
            policy=terms.policy_at(now),
            now=now,
            on_error=on_error,
            on_progress=on_progress,
        )
        if is_applied:
            work.wait_for_others()
        work.read(file)
        work.check(allows_twice=allows_twice)
        report = work.report()
        if is_applied:
            if report.bad_rows and not skips_bad:
                raise ImportRefused(errors=report.bad_rows, rows=report.rows)
            members = report.members_by_account + report.members_new
            work.write(rows=report.new_rows, members=members)
    return report


@dataclass(kw_only=True)
class _Import:
    cursor: CursorWrapper
    terms: ProgramTerms
    policy: Policy
    now: datetime
    on_error: OnError
    on_progress: OnProgress
    rows: int = 0
    unread: int = 0

    def _run(self, statement: str, **values: Any) -> None:
        given = {"program": self.terms.program_id, "now": self.now, **values}
        self.cursor.execute(statement, given)

    def wait_for_others(self) -> None:
        self.cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('saleor_loyalty:import:' || %s, 0))",
            [self.terms.program_id],
        )

    def read(self, file: BinaryIO) -> None:
        """Copy the lines into a table, as they are read: no more than one is held in memory."""
        size = _size(file)
        today = local_date(self.now, time_zone=self.terms.time_zone)
        notice = timedelta(days=self.policy.longest_notice_days)
        opening = OpeningFile(file, limits=DateLimits(today=today, earliest_expiry=today + notice))
        self._run(sql.DROP)
        self._run(sql.CREATE)
        with self.cursor.copy(sql.COPY_ROWS) as copy:
            for found in opening.rows():
                self.rows += 1
                if isinstance(found, OpeningRow):
                    copy.write_row(found)
                else:
                    self.unread += 1
                    for error in found:
                        self.on_error(error)
                if self.rows % READ_CHUNK == 0:
                    self.on_progress("reading", opening.bytes_read, size)
        self.on_progress("reading", size, size)
        self._run("ANALYZE loyalty_import_row")

    def check(self, *, allows_twice: bool) -> None:
        """Find what is wrong between lines and with members, and what is new."""
        self._step("comparing the lines", 0)
        self._run(sql.KEYED)
        self._run("ANALYZE loyalty_import_keyed")
        if not allows_twice:
            self._run(sql.BAD_TWICE)
        self._run(sql.BAD_ADDRESSES)
        self._step("looking for lines that were imported before", 1)
        self._run(sql.FRESH)
        self._run("ANALYZE loyalty_import_fresh")
        self._step("looking for the members", 2)
        self._run(sql.match_people())
        self._run(sql.BAD_PEOPLE)
        self._run(sql.DROP_BAD_PEOPLE)
        self._run("ANALYZE loyalty_import_person")
        self._step("checked", 3)
        self._run(sql.BAD_LINES)
        while lines := self.cursor.fetchmany(READ_CHUNK):
            for line in lines:
                self.on_error(LineError(*line))

    def _step(self, what: str, number: int) -> None:
        self.on_progress(what, number, 3)

    def report(self) -> ImportReport:
        self._run(sql.COUNT_ROWS)
        bad, new, points = self.cursor.fetchone()
        self._run(sql.COUNT_PEOPLE)
        known, by_account, unknown = self.cursor.fetchone()
        return ImportReport(
            rows=self.rows,
            bad_rows=self.unread + bad,
            known_rows=self.rows - self.unread - bad - new,
            new_rows=new,
            points=points,
            members_known=known,
            members_by_account=by_account,
            members_new=unknown,
            points_by_expiry=self._points_by_expiry(),
        )

    def _points_by_expiry(self) -> dict[str, int]:
        """Return the points that expire in each year, or in no year that is known yet."""
        self._run(sql.POINTS_BY_DATE)
        found: dict[str, int] = {}
        for is_never, expires_on, earned_on, points in self.cursor.fetchall():
            label = NEVER if is_never else self._year(expires_on, earned_on)
            found[label] = found.get(label, 0) + points
        return dict(sorted(found.items()))

    def _year(self, expires_on: date | None, earned_on: date | None) -> str:
        if expires_on is not None:
            return str(expires_on.year)
        assert earned_on is not None
        until = self._terms_of(earned_on)
        if until.expires_at is None:
            return BY_INACTIVITY if until.inactivity_months else NEVER
        last = until.expires_at - timedelta(microseconds=1)
        return str(local_date(last, time_zone=self.terms.time_zone).year)

    def _terms_of(self, earned_on: date) -> LotTerms:
        return expiring(
            self.policy,
            earned_at=start_of_day(earned_on, time_zone=self.terms.time_zone),
            now=self.now,
            time_zone=self.terms.time_zone,
        )

    def write(self, *, rows: int, members: int) -> None:
        """Write members, lots, entries and balances."""
        if not rows:
            return
        self._write_days()
        self._write_members(wanted=members)
        self._run(sql.READY, inactivity_months=self.policy.inactivity_months)
        self._run("ANALYZE loyalty_import_ready")
        for after in range(0, rows, WRITE_CHUNK):
            self.on_progress("writing", after, rows)
            chunk = {"after": after, "upto": after + WRITE_CHUNK}
            self._run(sql.WRITE, **chunk, notice_days=self.policy.longest_notice_days)
            self._repay_debts(chunk)
            self.cursor.execute(sql.CHECK_KEYS)
        self.on_progress("writing", rows, rows)

    def _write_days(self) -> None:
        """Work out in Python, as everywhere, when each day of the file begins and ends."""
        self._run(sql.DAYS)
        days = [day for (day,) in self.cursor.fetchall()]
        zone = self.terms.time_zone
        with self.cursor.copy("COPY loyalty_import_day FROM STDIN") as copy:
            for day in days:
                bounds = (start_of_day(day, time_zone=zone), end_of_day(day, time_zone=zone))
                copy.write_row((day, *bounds, self._terms_of(day).expires_at))

    def _write_members(self, *, wanted: int) -> None:
        """Make new members; lock those that were there, in order of their ids."""
        self.on_progress("writing members", 0, 1)
        self._lock_known()
        self._run(sql.NEW_MEMBERS)
        made = self.cursor.rowcount
        if made:
            self._run("DROP TABLE loyalty_import_person")
            self._run(sql.match_people())
            self._run("ANALYZE loyalty_import_person")
        if made != wanted:  # somebody joined at this very moment
            self._lock_known()
        self._run(sql.NAME_MEMBERS)
        self.on_progress("writing members", 1, 1)

    def _lock_known(self) -> None:
        after = 0
        while True:
            self._run(sql.KNOWN_MEMBERS, after=after, limit=LOCK_CHUNK)
            known = [pk for (pk,) in self.cursor.fetchall()]
            if not known:
                return
            lock_members(member_ids=set(known))
            after = known[-1]

    def _repay_debts(self, chunk: dict[str, int]) -> None:
        """Post, as any award, what goes to members in debt: few, so it may take longer."""
        self._run(sql.IN_DEBT, **chunk)
        rows = self.cursor.fetchall()
        for start in range(0, len(rows), POSTINGS_A_CALL):
            some = rows[start : start + POSTINGS_A_CALL]
            post(postings=[self._award(*row) for row in some], now=self.now)
            alive = [row[0] for row in some if row[-1] is not None]
            self._run(sql.KEEP_ALIVE, members=alive)

    def _award(
        self,
        member_id: int,
        key: str,
        points: int,
        source: str,
        earned_at: datetime,
        expires_at: datetime | None,
        inactivity_months: int | None,
    ) -> Award:
        return Award(
            program_id=self.terms.program_id,
            member_id=member_id,
            key=key,
            reason=Reason.OPENING_BALANCE,
            effective_at=earned_at,
            details={"source": source} if source else {},
            points=points,
            lot=LotTerms(
                expires_at=expires_at,
                inactivity_months=inactivity_months,
                notice_days=self.policy.longest_notice_days,
            ),
        )


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size
