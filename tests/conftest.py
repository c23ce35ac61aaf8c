"""What all suites share."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def _fixture_modules_of_saleor() -> list[str]:
    """Read the list of fixture modules from Saleor's own root conftest, whatever its version."""
    import saleor

    conftest = Path(saleor.__file__).parent.parent / "conftest.py"
    for node in ast.parse(conftest.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytest_plugins":
            return ast.literal_eval(node.value)
    raise LookupError(f"no pytest_plugins in {conftest}")


if os.environ.get("DJANGO_SETTINGS_MODULE") == "tests.saleor.settings":
    pytest_plugins = _fixture_modules_of_saleor()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where everything is at hand, a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("LOYALTY_NO_SKIPS") and skipped:
        reporter.write_line(f"{len(skipped)} skipped: a failure here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True, scope="session")
def _truncate_past_the_ledgers_guard() -> Iterator[None]:
    """Let Django's clean-up after transactional tests empty the ledger, which refuses it."""
    from django.core.management.commands import flush

    sql_flush = flush.sql_flush

    def unguarded(*args: object, **kwargs: object) -> list[str]:
        statements = sql_flush(*args, **kwargs)
        return ["SET LOCAL session_replication_role = replica", *statements]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", unguarded)
        yield
