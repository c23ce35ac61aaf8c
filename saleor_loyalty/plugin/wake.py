"""Waking a worker soon after orders were marked, without a task for every hook."""

import logging
import time

from django.db import transaction

logger = logging.getLogger(__name__)

WAKE_AFTER_SECONDS = 1.0
WAKE_EXPIRES_SECONDS = 60.0
REST_AFTER_FAILURE_SECONDS = 60.0


class Alarm:
    """When this process may ask for the next task (`time.monotonic`)."""

    next_ask_at = 0.0


def wake_settling() -> None:
    """Ask for a settling task in a second, once the caller's transaction has committed.

    A task that is still to start covers all marks made until then, so this process asks for no
    second one. A broker that does not answer is left alone for a minute: the beat settles anyway.
    """
    transaction.on_commit(_ask)


def _ask() -> None:
    if time.monotonic() < Alarm.next_ask_at:
        return
    from saleor_loyalty.plugin.tasks import settle_due_orders_task

    is_eager = settle_due_orders_task.app.conf.task_always_eager
    Alarm.next_ask_at = 0.0 if is_eager else time.monotonic() + WAKE_AFTER_SECONDS
    try:
        settle_due_orders_task.apply_async(
            countdown=WAKE_AFTER_SECONDS, expires=WAKE_EXPIRES_SECONDS, retry=False
        )
    except Exception:  # noqa: BLE001 -- an unreachable broker must not reach the shop's request
        Alarm.next_ask_at = time.monotonic() + REST_AFTER_FAILURE_SECONDS
        logger.warning("No settling task could be queued; the beat will settle", exc_info=True)
