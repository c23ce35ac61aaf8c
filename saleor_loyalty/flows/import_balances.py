"""Opening balances from another system: all of a file, or nothing of it, and never twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import BinaryIO

from django.db import connection, transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows import import_sql as sql
from saleor_loyalty.flows.import_staging import OnProgress, Staging, write
from saleor_loyalty.flows.opening_rows import DateLimits, LineError, OpeningFile, OpeningRow
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.programs.queries import load_terms

READ_CHUNK = 10_000
NEVER = "never"
BY_INACTIVITY = "by inactivity"

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
            write(work, rows=report.new_rows, members=members)
    return report


@dataclass(kw_only=True)
class _Import(Staging):
    on_error: OnError
    rows: int = 0
    unread: int = 0

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
        self.run(sql.SET_UP)
        self.run(sql.DROP)
        self.run(sql.CREATE)
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
        self.run("ANALYZE loyalty_import_row")

    def check(self, *, allows_twice: bool) -> None:
        """Find what is wrong between lines and with members, and what is new."""
        self._step("comparing the lines", 0)
        self.run(sql.KEYED)
        self.run("ANALYZE loyalty_import_keyed")
        if not allows_twice:
            self.run(sql.BAD_TWICE)
        self.run(sql.BAD_ADDRESSES)
        self._step("looking for lines that were imported before", 1)
        self.run(sql.FRESH)
        self.run("ANALYZE loyalty_import_fresh")
        self._step("looking for the members", 2)
        self.run(sql.match_people())
        self.run(sql.BAD_PEOPLE)
        self.run(sql.DROP_BAD_PEOPLE)
        self.run("ANALYZE loyalty_import_person")
        self._step("checked", 3)
        self.run(sql.BAD_LINES)
        while lines := self.cursor.fetchmany(READ_CHUNK):
            for line in lines:
                self.on_error(LineError(*line))

    def _step(self, what: str, number: int) -> None:
        self.on_progress(what, number, 3)

    def report(self) -> ImportReport:
        self.run(sql.COUNT_ROWS)
        bad, new, points = self.cursor.fetchone()
        self.run(sql.COUNT_PEOPLE)
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
        self.run(sql.POINTS_BY_DATE)
        found: dict[str, int] = {}
        for is_never, expires_on, earned_on, points in self.cursor.fetchall():
            label = NEVER if is_never else self._year(expires_on, earned_on)
            found[label] = found.get(label, 0) + points
        return dict(sorted(found.items()))

    def _year(self, expires_on: date | None, earned_on: date | None) -> str:
        if expires_on is not None:
            return str(expires_on.year)
        assert earned_on is not None
        until = self.terms_of(earned_on)
        if until.expires_at is None:
            return BY_INACTIVITY if until.inactivity_months else NEVER
        last = until.expires_at - timedelta(microseconds=1)
        return str(local_date(last, time_zone=self.terms.time_zone).year)


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size
