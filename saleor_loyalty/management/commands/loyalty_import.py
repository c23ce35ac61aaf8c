"""manage.py loyalty_import: opening balances from another system."""

import csv
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from saleor_loyalty.flows.import_balances import ImportRefused, ImportReport, import_balances
from saleor_loyalty.flows.opening_rows import FileUnreadable, LineError
from saleor_loyalty.management.progress import Progress
from saleor_loyalty.programs.operations import ProgramNotFound

SHOWN_ERRORS = 20


class Command(BaseCommand):
    """Checks a CSV of opening balances and, with --apply, writes them."""

    help = (
        "Read opening balances (CSV: email, external_id, points, earned_on, expires_on, source)."
        " Without --apply everything is checked and nothing is written. See docs/import.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the arguments."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--program", type=int, required=True, metavar="ID")
        parser.add_argument("--apply", action="store_true", help="write, if no line is wrong")
        parser.add_argument("--skip-bad", action="store_true", help="leave wrong lines out")
        parser.add_argument(
            "--allow-twice",
            action="store_true",
            help="lines that say the same are several lots, not a mistake",
        )
        parser.add_argument(
            "--errors", type=Path, metavar="FILE", help="write all wrong lines there, as CSV"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the file.

        Raises:
            CommandError: it was refused, with the reason in words.

        """
        if options["errors"] and options["errors"].resolve() == options["file"].resolve():
            raise CommandError("--errors must be another file than the one to import.")
        with ExitStack() as stack:
            try:
                file = stack.enter_context(options["file"].open("rb"))
                errors = _Errors(self, options["errors"], stack)
            except OSError as error:
                raise CommandError(f"{error.filename}: {error.strerror}") from error
            if not file.seekable():
                raise CommandError(f"{options['file']} must be a file, not a pipe.")
            try:
                report = import_balances(
                    program_id=options["program"],
                    file=file,
                    now=timezone.now(),
                    is_applied=options["apply"],
                    skips_bad=options["skip_bad"],
                    allows_twice=options["allow_twice"],
                    on_error=errors.note,
                    on_progress=Progress(self.stderr),
                )
            except ProgramNotFound as error:
                raise CommandError(f"There is no programme {options['program']}.") from error
            except FileUnreadable as error:
                raise CommandError(
                    f"Line {error.data['line']} {error.data['problem']}. Nothing was written."
                ) from error
            except ImportRefused as error:
                raise CommandError(_refusal(**error.data)) from error
        self._tell(report, is_applied=options["apply"])
        if report.bad_rows and not options["skip_bad"]:
            raise CommandError(_refusal(errors=report.bad_rows, rows=report.rows))

    def _tell(self, report: ImportReport, *, is_applied: bool) -> None:
        say = self.stdout.write
        say(f"{report.rows:12,} rows in the file")
        say(f"{report.bad_rows:12,} are wrong")
        say(f"{report.known_rows:12,} were imported before")
        say(f"{report.new_rows:12,} {'were written' if is_applied else 'are new'}")
        say(f"{report.points:12,} points in these, which expire:")
        for expiry, points in report.points_by_expiry.items():
            say(f"{points:18,} {expiry}")
        say(f"{report.members_known:12,} members of these rows were members before")
        say(f"{report.members_by_account:12,} become members by the address of their account")
        say(f"{report.members_new:12,} become members without an account")
        if not is_applied:
            say("Nothing was written. Add --apply to write.")


class _Errors:
    """Shows the first wrong lines, and keeps all in a file if one is wanted."""

    def __init__(self, command: BaseCommand, path: Path | None, stack: ExitStack) -> None:
        self._shown = 0
        self._command = command
        self._rows = None
        if path is not None:
            file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
            self._rows = csv.writer(file)
            self._rows.writerow(LineError._fields)

    def note(self, error: LineError) -> None:
        if self._rows is not None:
            self._rows.writerow(error)
        self._shown += 1
        if self._shown <= SHOWN_ERRORS:
            where = f"line {error.line}: {error.column}".rstrip(": ")
            self._command.stderr.write(f"{where} {error.problem}")
        elif self._shown == SHOWN_ERRORS + 1:
            self._command.stderr.write("... and more; --errors FILE keeps them all")


def _refusal(*, errors: int, rows: int) -> str:
    return (
        f"{errors} of {rows} lines are wrong. Nothing was written."
        " Correct them, or leave them out with --skip-bad."
    )
