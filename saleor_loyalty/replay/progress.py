"""A bar that shows how far a replay is."""

import time

from django.core.management.base import OutputWrapper

WIDTH = 40
STEP = 10  # a line each so many per cent, where nobody looks at a terminal


class ProgressBar:
    """Shows how many of a number of orders are done: in one line, or line by line in a log."""

    def __init__(self, name: str, total: int, out: OutputWrapper) -> None:
        self.name = name
        self.total = total
        self.out = out
        self.started = time.monotonic()
        self.shown = -1

    def show(self, done: int) -> None:
        """Show it, where it has moved."""
        percent = 100 * done // self.total
        step = percent if self.out.isatty() else percent // STEP
        if step == self.shown:
            return
        self.shown = step
        filled = WIDTH * percent // 100
        seconds = time.monotonic() - self.started
        text = (
            f"{self.name[:24]:24} [{'#' * filled:{WIDTH}}] {percent:3} %"
            f" {done:,} orders, {seconds:.0f} s"
        )
        self.out.write(
            f"\r{text}" if self.out.isatty() else text, ending="" if self.out.isatty() else "\n"
        )

    def end(self) -> None:
        """End the line."""
        if self.out.isatty():
            self.out.write("")
