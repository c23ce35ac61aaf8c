"""Waking a worker soon after orders were marked, without a task for every hook."""

import logging
import time

from django.db import transaction

logger = logging.getLogger(__name__)

WAKE_AFTER_SECONDS = 1.0
REST_AFTER_FAILURE_SECONDS = 60.0

_asleep_until = 0.0


def wake_settling() -> None:
    """Ask for a settling task in a second, once the caller's transaction has committed.

    A task that is still to start covers all marks made until then, so this process asks for no
    second one. A broker that does not answer is left alone for a minute: the beat settles anyway.
    """
    transaction.on_commit(_ask)


def _ask() -> None:
    global _asleep_until
    if time.monotonic() < _asleep_until:
        return
    from saleor_loyalty.plugin.tasks import settle_due_orders_task

    _asleep_until = time.monotonic() + WAKE_AFTER_SECONDS
    try:
        if settle_due_orders_task.app.conf.task_always_eager:
            _asleep_until = 0.0
        settle_due_orders_task.apply_async(countdown=WAKE_AFTER_SECONDS, retry=False)
    except Exception:  # an unreachable broker must never reach the shop's request
        _asleep_until = time.monotonic() + REST_AFTER_FAILURE_SECONDS
        logger.warning("No settling task could be queued; the beat will settle", exc_info=True)
