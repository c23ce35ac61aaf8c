"""manage.py loyalty_export: what a programme holds, as CSV."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from saleor_loyalty.flows.export_balances import ExportKind, export_balances
from saleor_loyalty.management.progress import Progress
from saleor_loyalty.programs.operations import ProgramNotFound


class Command(BaseCommand):
    """Writes lots, members or entries of a programme as CSV."""

    help = "Write what a programme holds as CSV. `lots` can be imported again. See docs/import.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the arguments."""
        parser.add_argument("file", metavar="FILE", help="'-' is standard output")
        parser.add_argument("--program", type=int, required=True, metavar="ID")
        parser.add_argument(
            "--kind", type=ExportKind, choices=list(ExportKind), default=ExportKind.LOTS
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Export to the file, which is there only when it is whole.

        Raises:
            CommandError: there is no such programme, or the file cannot be written.

        """
        try:
            if options["file"] == "-":
                rows = self._export(
                    options, write=lambda part: self.stdout.write(part.decode(), None, "")
                )
            else:
                rows = self._export_to(Path(options["file"]), options)
        except ProgramNotFound as error:
            raise CommandError(f"There is no programme {options['program']}.") from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        self.stderr.write(f"{rows:,} rows")

    def _export_to(self, path: Path, options: dict[str, Any]) -> int:
        unfinished = path.with_name(f"{path.name}.unfinished")
        try:
            with unfinished.open("wb") as file:
                rows = self._export(options, write=file.write)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return rows

    def _export(self, options: dict[str, Any], *, write: Any) -> int:
        return export_balances(
            program_id=options["program"],
            kind=options["kind"],
            write=write,
            on_progress=Progress(self.stderr),
        )
