"""What the replay's tests share."""

import pytest
from django.db import connection

from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.replay.scratch import _tables
from tests.factories import NOW, make_order, make_program, make_user


def state_of_the_live_tables():
    """A digest of every live table's rows, and where each sequence stands."""
    with connection.cursor() as cursor:
        digests = {}
        for table in _tables():
            cursor.execute(
                f"SELECT count(*), md5(coalesce(string_agg(row::text, '|' ORDER BY row::text), ''))"
                f" FROM public.{table} AS row"
            )
            digests[table] = cursor.fetchone()
        cursor.execute(
            "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
        )
        return digests, dict(cursor.fetchall())


def scratch_schemas():
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'loyalty_replay_%'")
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def live(transactional_db):
    """A shop with a programme and an order that earned; nothing of it may change."""
    program = make_program()
    settle(facts=[make_order(user_id=make_user().pk)], now=NOW)
    before = state_of_the_live_tables()
    assert before[0]["saleor_loyalty_entry"][0] == 1
    yield program
    assert state_of_the_live_tables() == before
    assert scratch_schemas() == []
