"""Waking a worker soon after something was marked, without a task for every mark."""

import logging
import time

from celery import Task
from django.db import transaction

logger = logging.getLogger(__name__)

WAKE_AFTER_SECONDS = 1.0
WAKE_EXPIRES_SECONDS = 60.0
REST_AFTER_FAILURE_SECONDS = 60.0


class Alarm:
    """When this process may ask for the next settling task (`time.monotonic`)."""

    next_ask_at = 0.0


class TiersAlarm(Alarm):
    """When this process may ask for the next look at tiers."""

    next_ask_at = 0.0


class SpendingsAlarm(Alarm):
    """When this process may ask for the next look at points on checkouts."""

    next_ask_at = 0.0


class EventsAlarm(Alarm):
    """When this process may ask for the next look at events."""

    next_ask_at = 0.0


def wake_settling() -> None:
    """Ask for a settling task in a second, once the caller's transaction has committed.

    A task that is still to start covers all marks made until then, so this process asks for no
    second one. A broker that does not answer is left alone for a minute: the beat settles anyway.
    """
    transaction.on_commit(_ask_for_settling)


def wake_tiers() -> None:
    """Ask for a look at tiers in a second, once the caller's transaction has committed.

    As with settling: one task for all changes until then, and the beat looks every minute anyway.
    """
    transaction.on_commit(_ask_for_tiers)


def wake_spendings() -> None:
    """Ask for a look at points on checkouts in a second, once the caller has committed."""
    transaction.on_commit(_ask_for_spendings)


def wake_events() -> None:
    """Ask for a look at events in a second, once the caller has committed."""
    transaction.on_commit(_ask_for_events)


def _ask_for_settling() -> None:
    from saleor_loyalty.plugin.tasks import settle_due_orders_task

    _ask(settle_due_orders_task, Alarm)


def _ask_for_tiers() -> None:
    from saleor_loyalty.plugin.tasks import review_tiers_task

    _ask(review_tiers_task, TiersAlarm)


def _ask_for_spendings() -> None:
    from saleor_loyalty.plugin.tasks import look_after_spendings_task

    _ask(look_after_spendings_task, SpendingsAlarm)


def _ask_for_events() -> None:
    from saleor_loyalty.plugin.tasks import look_after_events_task

    _ask(look_after_events_task, EventsAlarm)


def _ask(task: Task, alarm: type[Alarm]) -> None:
    if time.monotonic() < alarm.next_ask_at:
        return
    is_eager = task.app.conf.task_always_eager
    alarm.next_ask_at = 0.0 if is_eager else time.monotonic() + WAKE_AFTER_SECONDS
    try:
        task.apply_async(countdown=WAKE_AFTER_SECONDS, expires=WAKE_EXPIRES_SECONDS, retry=False)
    except Exception:  # noqa: BLE001 -- an unreachable broker must not reach the shop's request
        alarm.next_ask_at = time.monotonic() + REST_AFTER_FAILURE_SECONDS
        logger.warning(
            "No task could be queued; the beat will settle, and look at tiers, checkouts and events",
            exc_info=True,
        )
