"""manage.py loyalty_verify: prove the ledger, and repair it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from saleor_loyalty.points.verification import Drift, repair, verify
from saleor_loyalty.programs.models import Program

SECONDS_BETWEEN_SIGNS = 10
HEADER = ("member", "what", "is", "should be")


class Command(BaseCommand):
    """Prints what drifts; exits with 1 when something does (and was not repaired)."""

    help = "Prove that balances, lots and holds are what the ledger's entries say."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--program", type=int, help="the id of one programme")
        parser.add_argument(
            "--repair", action="store_true", help="write what drifts anew from the entries"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print, repair."""
        program_id = options["program"]
        if program_id is not None and not Program.objects.filter(pk=program_id).exists():
            raise CommandError(f"There is no programme {program_id}.", returncode=2)
        now = timezone.now()
        with self._signs_of_life("verifying"):
            drifts = verify(now=now, program_id=program_id)
        if not drifts:
            self.stdout.write("Clean: every balance, lot and hold is what the entries say.")
            return
        self._print(drifts)
        if not options["repair"]:
            self.stdout.write(f"{len(drifts)} numbers drift; --repair writes them anew.")
            sys.exit(1)
        with self._signs_of_life("repairing"):
            left = repair(drifts=drifts, now=now)
        if left:
            self.stdout.write("Still drifting:")
            self._print(left)
            sys.exit(1)
        self.stdout.write(f"{len(drifts)} numbers repaired.")

    def _print(self, drifts: list[Drift]) -> None:
        rows = [HEADER] + [
            (str(one.member_id), one.what, str(one.is_value), str(one.should_be)) for one in drifts
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
        for member, what, is_value, should_be in rows:
            self.stdout.write(
                f"{member:>{widths[0]}}  {what:{widths[1]}}"
                f"  {is_value:>{widths[2]}}  {should_be:>{widths[3]}}"
            )

    @contextmanager
    def _signs_of_life(self, doing: str) -> Iterator[None]:
        """Say every ten seconds that it still goes on."""
        started, done = time.monotonic(), Event()

        def tick() -> None:
            while not done.wait(SECONDS_BETWEEN_SIGNS):
                self.stderr.write(f"... {doing}: {time.monotonic() - started:.0f} s")

        Thread(target=tick, daemon=True).start()
        try:
            yield
        finally:
            done.set()
