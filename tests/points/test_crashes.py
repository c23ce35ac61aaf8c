"""Workers that are killed at any moment lose nothing and double nothing."""

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from django.db import connection

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import DueOrder, SettledOrder
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.points.queries import posted_for_orders, purses_of
from saleor_loyalty.points.verification import find_drift
from tests.factories import NOW, make_program, make_user

ORDERS = 90
CUSTOMERS = 6
KILLS = 6
WORKERS = 2
LONGEST = 60  # seconds; on a busy machine workers start slowly


def start_worker(log, *, pause="0"):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash_worker", pause],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "CRASH_DATABASE": connection.settings_dict["NAME"],
        },
        cwd=Path(__file__).parents[2],
        stdout=log,
        stderr=log,
    )


def is_one_at_work():
    """Tell whether a worker is in the middle of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'crash_worker' AND state LIKE 'idle in transaction%'
            """
        )
        return cursor.fetchone() is not None


def cut_a_connection():
    """Cut a worker's connection on the server's side, as a failing network would."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'crash_worker'
            ORDER BY random() LIMIT 1
            """
        )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_workers_killed_at_random_lose_and_double_nothing(tmp_path):
    make_program()
    users = [make_user(f"customer{number}@example.com") for number in range(CUSTOMERS)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE crash_facts (order_id text, user_id bigint, back numeric)")
        cursor.executemany(
            "INSERT INTO crash_facts VALUES (%s, %s, %s)",
            [(f"order-{n}", users[n % CUSTOMERS].pk, Decimal(55) * (n % 3)) for n in range(ORDERS)],
        )
    order_ids = [f"order-{n}" for n in range(ORDERS)]
    mark_due(order_ids=order_ids * 2, now=NOW)
    random = Random(7)
    kills = cuts = 0
    ends_at = time.monotonic() + LONGEST

    with (tmp_path / "log").open("w") as log:
        workers = [start_worker(log, pause="0.02") for _ in range(WORKERS)]
        while time.monotonic() < ends_at and kills < KILLS and DueOrder.objects.exists():
            time.sleep(random.random() * 0.2)
            if not is_one_at_work():
                continue
            if random.random() < 0.7:
                cut_a_connection()
                cuts += 1
                continue
            victim = random.randrange(WORKERS)
            workers[victim].send_signal(signal.SIGKILL)
            workers[victim].wait()
            workers[victim] = start_worker(log, pause="0.02")
            kills += 1
        codes = [worker.wait(60) for worker in workers]
        codes.append(start_worker(log).wait(60))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE crash_facts")

    assert codes == [0] * (WORKERS + 1), (tmp_path / "log").read_text()
    assert kills + cuts > 3
    assert DueOrder.objects.count() == 0
    assert SettledOrder.objects.count() == ORDERS
    worth = posted_for_orders(order_ids=order_ids)
    assert [worth[pk].points for pk in order_ids] == [1000, 500, 0] * (ORDERS // 3)
    members = Member.objects.in_bulk(field_name="id")
    purses = purses_of(member_ids=members)
    by_user = {members[pk].user_id: purse.available for pk, purse in purses.items()}
    each = ORDERS // CUSTOMERS
    assert [by_user.get(user.pk, 0) for user in users] == [1000 * each, 500 * each, 0] * 2
    assert find_drift() == []
