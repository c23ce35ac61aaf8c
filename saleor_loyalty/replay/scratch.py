"""A schema of the database for a replay alone: the same tables, empty, and gone afterwards."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.models import Program

# Locks are named by a programme's id and know no schemas: these ids meet no real programme's.
FIRST_PROGRAM_ID = 9_000_000_000


class ScratchRefused(LoyaltyError):
    """The database's user may not create a schema."""

    code = "scratch_refused"


class Scratch:
    """The schema, and the one way to work in it."""

    def __init__(self, schema: str) -> None:
        self.schema = schema

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Work in a transaction that sees the scratch tables and no others.

        The path is set for the transaction alone, and for each anew: so it holds behind a pooler
        and after a reconnect, and never outlives us on a connection that others use.
        """
        with transaction.atomic(durable=True):
            _execute(f"SET LOCAL search_path TO {self.schema}")
            yield

    def analyze(self) -> None:
        """Let the planner know how the tables have grown."""
        with self.transaction():
            for table in _tables():
                _execute(f"ANALYZE {table}")


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Give a new scratch schema, and drop it at the end, whatever happened.

    The shop's own tables are only looked at for their columns. Nothing in the scratch tables
    refers to others, nor survives a crash of the database: foreign keys and triggers are not
    copied, and the tables are not logged.

    Raises:
        ScratchRefused: the database's user may not create a schema.

    """
    schema = f"loyalty_replay_{os.getpid()}_{secrets.token_hex(4)}"
    try:
        with transaction.atomic(durable=True):
            _execute(f"CREATE SCHEMA {schema}")
            for table in _tables():
                _execute(f"CREATE UNLOGGED TABLE {schema}.{table} (LIKE {table} INCLUDING ALL)")
            table = Program._meta.db_table
            _execute(
                f"ALTER TABLE {schema}.{table} ALTER COLUMN id RESTART WITH {FIRST_PROGRAM_ID}"
            )
    except ProgrammingError as error:
        raise ScratchRefused(problem=str(error).strip()) from error
    try:
        yield Scratch(schema)
    finally:
        if not connection.is_usable():
            connection.close()
        _execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _tables() -> list[str]:
    models = apps.get_app_config("saleor_loyalty").get_models()
    return [model._meta.db_table for model in models]


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
