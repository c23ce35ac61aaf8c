"""Commands: demo, serve, test, soak, guards, lint, bench, messages, pictures, migrations."""

import argparse
import signal
import sys
from typing import Callable, Dict

from dev.console import Trouble, say


def demo() -> int:
    """Start a real shop, play a shopper's journey, keep serving (ONCE=1: exit).

    Where Saleor cannot be had, replay a purchase history on the engine alone.
    """
    from dev.shop import demo as run_demo

    return run_demo()


def serve() -> int:
    """Start a real shop with the plugin and sample data, and keep serving."""
    from dev.shop import serve as run_serve

    return run_serve()


def test() -> int:
    """Run every test (K=<expression>: a part)."""
    from dev.checks import test as run_test

    return run_test()


def soak() -> int:
    """Run arbitrary sequences and lives by the thousand (LOYALTY_SOAK_EXAMPLES: how many)."""
    from dev.checks import soak as run_soak

    return run_soak()


def guards() -> int:
    """Remove each guard of the ledger once, in a copy; a test must go red (K=<name>: a part)."""
    from dev.checks import guards as run_guards

    return run_guards()


def lint() -> int:
    """Run ruff, mypy, the import contracts, and the checks of catalogues and migrations."""
    from dev.checks import lint as run_lint

    return run_lint()


def bench() -> int:
    """Measure speed as ratios and write build/bench.json."""
    from dev.checks import bench as run_bench

    return run_bench()


def messages() -> int:
    """Update the catalogues of the mails' texts, and compile them."""
    from dev.checks import messages as run_messages

    return run_messages()


def pictures() -> int:
    """Take pictures of all mails with Chromium (CHROMIUM: where it is), for docs/pictures/mails."""
    from dev.checks import pictures as run_pictures

    return run_pictures()


def migrations() -> int:
    """Write migrations for changed models."""
    from dev.checks import migrations as run_migrations

    return run_migrations()


COMMANDS: Dict[str, Callable[[], int]] = {
    command.__name__: command
    for command in (
        demo,
        serve,
        test,
        soak,
        guards,
        lint,
        bench,
        messages,
        pictures,
        migrations,
    )
}


def main() -> int:
    """Run the command that the user asked for."""
    parser = argparse.ArgumentParser(prog="make", description=__doc__)
    choices = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        choices.add_parser(name, help=command.__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return COMMANDS[parser.parse_args().command]()
    except Trouble as trouble:
        say(f"\n{trouble}")
        return 2
    except KeyboardInterrupt:
        say("\nstopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
