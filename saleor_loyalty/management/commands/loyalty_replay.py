"""manage.py loyalty_replay: what a programme would have cost over a purchase history."""

import gc
import json
import signal
import sys
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.replay.drafts import Draft, draft_from_file, draft_of_program
from saleor_loyalty.replay.figures import figures_of
from saleor_loyalty.replay.history import History, read_history
from saleor_loyalty.replay.pictures import draw, pictures_can_be_drawn
from saleor_loyalty.replay.player import play
from saleor_loyalty.replay.progress import ProgressBar
from saleor_loyalty.replay.report import Report, check_proofs, report_of
from saleor_loyalty.replay.scratch import scratch
from saleor_loyalty.replay.tables import months_table, proofs_table, summary_table

BAD_LINES_SHOWN = 10


class Command(BaseCommand):
    """Plays a file of orders under a programme, and tells what it would have cost."""

    help = (
        "Plays a purchase history under a programme, in tables of its own that are dropped at the "
        "end, and tells what it would have given and cost. The shop's data is not touched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path, help="orders, a line each: customer,time,amount ...")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--program", type=int, help="id of the shop's programme, as it is now")
        which.add_argument("--draft", type=Path, help="a JSON file that describes a programme")
        parser.add_argument("--against", help="a second programme: its id, or a JSON file")
        parser.add_argument(
            "--columns", default="", help="names of the columns, as customer,_,time"
        )
        parser.add_argument("--currency", default="", help="of lines that have none, as USD")
        parser.add_argument(
            "--redeem", default="0", metavar="SHARE", help="share of usable points spent: 0 to 1"
        )
        parser.add_argument("--json", type=Path, help="write all figures to this file")
        parser.add_argument("--pictures", type=Path, help="draw pictures into this folder")
        parser.add_argument("--bad-lines", type=Path, help="list the lines that made no sense here")

    def handle(self, *args: Any, **options: Any) -> None:
        """Play, and tell."""
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the tables go
        try:
            self._replay(options)
        except LoyaltyError as error:
            raise CommandError(_text_of(error)) from error

    def _replay(self, options: dict[str, Any]) -> None:
        if options["pictures"]:
            pictures_can_be_drawn()
        drafts = [
            draft_from_file(options["draft"])
            if options["draft"]
            else draft_of_program(program_id=options["program"])
        ]
        if options["against"]:
            drafts.append(_draft_named(options["against"]))
        history = read_history(
            options["file"],
            time_zone=drafts[0].time_zone,
            now=timezone.now(),
            columns=[name for name in options["columns"].split(",") if name],
            currency=options["currency"],
        )
        self._tell_bad_lines(history, options["bad_lines"])
        share = _share(options["redeem"])
        gc.freeze()  # the history stays to the end: the collector need not look at it again
        reports = [self._play(history, draft, share=share) for draft in drafts]
        self.stdout.write(summary_table(reports))
        for report in reports:
            self.stdout.write(f"\n{months_table(report)}\n\n{proofs_table(report)}")
        if options["json"]:
            _write_json(options["json"], reports)
        if options["pictures"]:
            for path in draw(reports, folder=options["pictures"]):
                self.stdout.write(f"drew {path}")
        for report in reports:
            check_proofs(report)

    def _play(self, history: History, draft: Draft, *, share: Decimal) -> Report:
        bar = ProgressBar(draft.name, len(history.purchases), self.stderr)
        with scratch() as place:
            played = play(history, draft, scratch=place, redeem_share=share, on_progress=bar.show)
            with place.transaction():
                figures = figures_of(played)
        bar.end()
        return report_of(history, draft, played, figures, redeem_share=share)

    def _tell_bad_lines(self, history: History, path: Path | None) -> None:
        lines = [f"line {bad.number} {bad.problem}: {bad.text}" for bad in history.bad_lines]
        if path:
            path.write_text("".join(f"{line}\n" for line in lines))
        for line in lines[:BAD_LINES_SHOWN]:
            self.stderr.write(line)
        if len(lines) > BAD_LINES_SHOWN:
            self.stderr.write(f"... {len(lines) - BAD_LINES_SHOWN} more (--bad-lines lists them)")


def _draft_named(text: str) -> Draft:
    return (
        draft_of_program(program_id=int(text)) if text.isdecimal() else draft_from_file(Path(text))
    )


def _share(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"--redeem {text!r} is not a number, like 0.7") from None


def _write_json(path: Path, reports: list[Report]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"programs": [report.as_json() for report in reports]}
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _text_of(error: LoyaltyError) -> str:
    named = [str(value) for value in error.data.values()]
    return f"{error.code}: {' '.join(part for part in (error.field, *named) if part)}"
