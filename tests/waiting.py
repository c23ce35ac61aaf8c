"""Waiting for what other connections do."""

from time import sleep

from django.db import connection


def wait_until_blocked(count: int = 1) -> None:
    """Wait until so many other connections wait for a lock, 5 seconds at most."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= count:
                return
        sleep(0.01)
    raise TimeoutError("nobody waits")
