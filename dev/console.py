"""What the commands say while they work, and how they run other programs."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence


class Trouble(Exception):
    """Something is missing or failed; the message says what, and what to do about it."""


def say(text: str = "") -> None:
    """Print a line at once."""
    print(text, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done, a sign of life every 15 seconds, and how long it took."""
    started = time.monotonic()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(15):
            say(f"   ... {text}: {time.monotonic() - started:.0f} s")

    say(f"-> {text}")
    threading.Thread(target=tick, daemon=True).start()
    try:
        yield
    finally:
        done.set()
    seconds = time.monotonic() - started
    if seconds >= 1:
        say(f"   done in {seconds:.0f} s")


def run(
    command: Sequence[str],
    *,
    env: Optional[Dict[str, str]] = None,
    cwd: Optional[Path] = None,
    log: Optional[Path] = None,
) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        Trouble: it failed; with the end of its output.

    """
    try:
        result = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **(env or {})},
            cwd=str(cwd) if cwd else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise Trouble(f"{command[0]} is needed, and is not installed.") from None
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(result.stdout)
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-25:])
        raise Trouble(f"{' '.join(map(str, command))} failed:\n{tail}")
    return result.stdout


def attached(
    command: List[str],
    *,
    env: Dict[str, str],
    cwd: Optional[Path] = None,
    log: Optional[Path] = None,
) -> int:
    """Run a program whose output is shown (or goes to a log), and return its exit code."""
    sys.stdout.flush()
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") if log else nullcontext() as output:
        return subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **env},
            cwd=str(cwd) if cwd else None,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            check=False,
        ).returncode
