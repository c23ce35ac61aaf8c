"""Letting time pass in a shop's database: everything that happened moves into the past."""

from typing import Any

# Whatever is written in these tables of Saleor's has a time that loyalty looks at.
OF_SALEOR = ("order_order", "order_orderevent", "account_user")
TIMES = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND data_type IN ('timestamp with time zone', 'date')
  AND (table_name LIKE 'saleor\\_loyalty\\_%%' OR table_name = ANY(%s))
ORDER BY table_name, column_name
"""


def travel(database: Any, *, days: int) -> None:
    """Move all that loyalty knows so many days into the past, as if they had gone by since.

    `database` is a psycopg connection of a superuser: the ledger's triggers, which refuse to change
    its rows, are left out for the time of it.
    """
    columns: dict = {}
    for table, column, kind in database.execute(TIMES, [list(OF_SALEOR)]).fetchall():
        columns.setdefault(table, []).append((column, kind))
    with database.transaction():
        database.execute("SET LOCAL session_replication_role = replica")
        for table, some in columns.items():
            changes = ", ".join(
                f'"{column}" = "{column}" - {days}'
                if kind == "date"
                else f'"{column}" = "{column}" - interval \'{days} days\''
                for column, kind in some
                if column != "born_on"
            )
            if changes:
                database.execute(f'UPDATE "{table}" SET {changes}')
