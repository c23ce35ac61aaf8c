"""Tests, lint and benchmarks."""

import os
import threading
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from dev import postgres as pg
from dev.console import Trouble, attached, say, step
from dev.places import BUILD, REPO, SALEOR_VERSION
from dev.setup import (
    Environment,
    SaleorMissing,
    announce,
    engine_only,
    python_environment,
    with_saleor,
)

ENGINE_TEMPLATE = "loyalty_engine"
PYTEST_NOTHING_COLLECTED = 5
SOAK_EXAMPLES = "3000"
TITLES = {
    "engine": "the engine: plain Django on a real PostgreSQL, no Saleor",
    "journeys": "journeys over HTTP against a running shop",
}


def environment_or_engine() -> Tuple[Environment, Optional[str]]:
    """Return the best environment to be had, and why it has no Saleor if it has none."""
    try:
        return with_saleor(), None
    except SaleorMissing as missing:
        return engine_only(), str(missing)


def test() -> int:
    """Run the suites: the engine's, Saleor's, the journeys; K narrows them (pytest -k)."""
    environment, missing = environment_or_engine()
    announce(environment)
    results: Dict[str, int] = {}
    with pg.server() as postgres:
        if missing is None:
            lane = _beside("engine", lambda log: _engine_suite(environment, postgres, log=log))
            other = _beside("journeys", lambda log: _journeys(environment, log=log))
            with lane as engine, other as journeys:
                results["saleor"] = _saleor_suite(environment, postgres)
            results |= {"journeys": journeys.code, "engine": engine.code}
        else:
            results["engine"] = _engine_suite(environment, postgres)
    say()
    for suite, code in results.items():
        verdict = "passed" if code == 0 else "FAILED"
        if code == PYTEST_NOTHING_COLLECTED:
            verdict = "nothing selected"
        say(f"{suite:10} {verdict}")
    if missing is not None:
        bar = "!" * 88
        say(f"\n{bar}\nTHE SALEOR SUITE AND THE JOURNEYS DID NOT RUN.\n{missing}\n{bar}")
    narrowed = bool(os.environ.get("K"))
    bad = [
        code
        for code in results.values()
        if code != 0 and not (narrowed and code == PYTEST_NOTHING_COLLECTED)
    ]
    return 1 if bad else 0


class _Beside:
    """A suite that runs beside the others."""

    code = 1


@contextmanager
def _beside(name: str, suite: Callable[[Path], int]) -> Iterator[_Beside]:
    """Run a suite at the same time, and show its output afterwards.

    The engine's has the other core; the journeys mostly wait.
    """
    beside, log = _Beside(), BUILD / "logs" / f"{name}-suite.log"

    def work() -> None:
        beside.code = suite(log)

    say(f"-> {name}: runs beside the others; its output comes last, and goes to {log}")
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield beside
    with step(f"{name}: waiting for its end"):
        thread.join()
    say(f"\n== {TITLES[name]} ==")
    if log.exists():
        say(log.read_text(errors="replace"))


def _pytest(
    environment: Environment,
    arguments: List[str],
    *,
    settings: str,
    variables: Dict[str, str],
    log: Optional[Path] = None,
) -> int:
    selected = ["-k", os.environ["K"]] if os.environ.get("K") else []
    return attached(
        [str(environment.python), "-m", "pytest", *arguments, *selected],
        env={
            **python_environment(environment),
            "DJANGO_SETTINGS_MODULE": settings,
            **variables,
        },
        cwd=REPO,
        log=log,
    )


def _engine_suite(
    environment: Environment, postgres: pg.Server, *, log: Optional[Path] = None
) -> int:
    if log is None:
        say(f"\n== {TITLES['engine']} ==")
    coverage = [] if os.environ.get("K") else ["--cov", "--cov-config=setup.cfg", "--cov-report="]
    coverage += [] if os.environ.get("K") else ["--cov-report=term:skip-covered"]
    # Saleor's tools bring xdist; two halves end sooner than one that is left alone at the end.
    halves = ["-n", "2", "--dist", "worksteal"] if environment.saleor is not None else []
    return _pytest(
        environment,
        ["tests", "--ignore=tests/saleor", "--ignore=tests/journeys", *halves, *coverage],
        settings="tests.settings",
        variables={"DATABASE_URL": postgres.database_url("postgres")},
        log=log,
    )


def _saleor_suite(environment: Environment, postgres: pg.Server) -> int:
    say(f"\n== inside Saleor {SALEOR_VERSION}, with its own fixtures ==")
    template = pg.with_our_tables(
        postgres, environment, pg.migrated_template(postgres, environment)
    )
    return _pytest(
        environment,
        ["tests/saleor"],
        settings="tests.saleor.settings",
        variables={
            "DATABASE_URL": postgres.database_url("loyalty"),
            "LOYALTY_TEST_TEMPLATE": template,
            "LOYALTY_NO_SKIPS": "1",
            "EMAIL_URL": "console://",
            "SECRET_KEY": "not-a-secret",
        },
    )


def _journeys(environment: Environment, *, log: Optional[Path] = None) -> int:
    from dev.shop import running_shop

    if log is None:
        say(f"\n== {TITLES['journeys']} ==")
    with running_shop(log_name="journeys") as shop:
        return _pytest(
            environment,
            ["tests/journeys"],
            settings="tests.settings",
            variables={**shop.variables(), "LOYALTY_NO_SKIPS": "1"},
            log=log,
        )


def lint() -> int:
    """Run all static checks; the first that fails is shown with its output."""
    environment, missing = environment_or_engine()
    announce(environment)
    env = python_environment(environment)
    engine_env = {**env, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    contracts = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    checks: List[Tuple[str, List[str], Dict[str, str]]] = [
        ("ruff check", [environment.tool("ruff"), "check", "."], env),
        ("ruff format", [environment.tool("ruff"), "format", "--check", "."], env),
        ("import contracts", [str(environment.python), "-c", contracts], engine_env),
        ("types", [str(environment.python), "-m", "mypy"], engine_env),
        ("texts", [str(environment.python), "-m", "dev.catalogues", "--check"], engine_env),
    ]
    failed = [name for name, command, variables in checks if not _passes(name, command, variables)]
    with pg.server() as postgres:
        variables = {**engine_env, "DATABASE_URL": postgres.database_url("postgres")}
        command = [str(environment.python), "-m", "django", "makemigrations", "--check"]
        if not _passes("makemigrations --check", [*command, "--dry-run"], variables):
            failed.append("makemigrations --check")
        if missing is None:
            template = pg.migrated_template(postgres, environment)
            with step("makemigrations --check, inside Saleor"):
                try:
                    pg.manage(
                        environment,
                        *("makemigrations", "saleor_loyalty", "--check", "--dry-run"),
                        url=postgres.database_url(template),
                    )
                except Trouble as trouble:
                    say(str(trouble))
                    failed.append("makemigrations --check, inside Saleor")
    say(f"\nFAILED: {', '.join(failed)}" if failed else "\nall checks passed")
    return 1 if failed else 0


def _passes(name: str, command: List[str], variables: Dict[str, str]) -> bool:
    say(f"-> {name}")
    return attached(command, env=variables, cwd=REPO) == 0


def soak() -> int:
    """Run arbitrary sequences and lives by the thousand (LOYALTY_SOAK_EXAMPLES: how many)."""
    environment, _ = environment_or_engine()
    announce(environment)
    examples = os.environ.get("LOYALTY_SOAK_EXAMPLES") or SOAK_EXAMPLES
    with pg.server() as postgres, step(f"{examples} sequences of operations"):
        return _pytest(
            environment,
            [
                "-s",
                "tests/points/test_machine.py",
                "tests/tiers/test_properties.py",
                "tests/emails/test_storm.py",
            ],
            settings="tests.settings",
            variables={
                "DATABASE_URL": postgres.database_url("postgres"),
                "LOYALTY_SOAK_EXAMPLES": examples,
                "LOYALTY_STORM_MAILS": "10000",
            },
        )


def guards() -> int:
    """Remove each guard of the ledger once; a test must go red."""
    from dev.guards import guards as run_guards

    environment, _ = environment_or_engine()
    announce(environment)
    return run_guards(environment)


def migrations() -> int:
    """Write migrations for changed models, by plain Django: Saleor's user is a setting there."""
    environment, _ = environment_or_engine()
    with pg.server() as postgres:
        return attached(
            [str(environment.python), "-m", "django", "makemigrations", "saleor_loyalty"],
            env={
                **python_environment(environment),
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "DATABASE_URL": postgres.database_url("postgres"),
            },
            cwd=REPO,
        )


def messages() -> int:
    """Collect the mails' texts into the catalogues and compile them."""
    environment, _ = environment_or_engine()
    return attached(
        [str(environment.python), "-m", "dev.catalogues"],
        env={**python_environment(environment), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        cwd=REPO,
    )


def pictures() -> int:
    """Take pictures of all mails."""
    environment, _ = environment_or_engine()
    return attached(
        [str(environment.python), "-m", "dev.mail_pictures"],
        env={**python_environment(environment), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        cwd=REPO,
    )


def bench() -> int:
    """Measure, print the table and write build/bench.json."""
    environment = with_saleor()
    announce(environment)
    with pg.server() as postgres:
        sample = pg.with_our_tables(
            postgres, environment, pg.sample_template(postgres, environment)
        )
        database = f"loyalty_bench_{os.getpid()}"
        postgres.copy(sample, database)
        try:
            durable = postgres.durable() if postgres.bindir else nullcontext()
            with durable:
                return attached(
                    [str(environment.python), "-m", "dev.benchmarks", str(BUILD / "bench.json")],
                    env={
                        **python_environment(environment),
                        "DJANGO_SETTINGS_MODULE": "saleor.settings",
                        "DATABASE_URL": postgres.database_url(database),
                        "SECRET_KEY": "not-a-secret",
                        "EMAIL_URL": "console://",
                        "CELERY_BROKER_URL": "memory://",
                    },
                    cwd=Path(str(environment.saleor)),
                )
        finally:
            postgres.drop(database)
