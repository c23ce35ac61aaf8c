"""What a command says while it works."""

import time
from typing import Protocol

BAR_WIDTH = 30
SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_BARS = 0.1


class Stream(Protocol):
    """Where it is said, as Django's `self.stderr`."""

    def write(self, msg: str, style_func: None = None, ending: str | None = None) -> None:
        """Write a text."""

    def isatty(self) -> bool:
        """Tell whether a person is looking."""


class Progress:
    """Shows how far each stage is: a bar on a terminal, else a line every few seconds."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._stage = ""
        self._shown_at = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` (bytes, rows or steps) are done of a stage."""
        now = time.monotonic()
        wait = SECONDS_BETWEEN_BARS if self._is_terminal else SECONDS_BETWEEN_LINES
        is_over = done >= total
        if stage == self._stage and not is_over and now - self._shown_at < wait:
            return
        self._stage, self._shown_at = stage, now
        percent = 100 * done // total if total else 100
        if not self._is_terminal:
            self._stream.write(f"{stage}: {percent} %", None, "\n")
            return
        filled = BAR_WIDTH * percent // 100
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        self._stream.write(f"\r\x1b[K[{bar}] {percent:3} % {stage}", None, "\n" if is_over else "")
