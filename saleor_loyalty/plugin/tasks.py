"""Celery tasks: thin shells that read the clock and the shop, and call the flows."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone
from saleor.celeryconf import app
from saleor.core.db.connection import allow_writer

from saleor_loyalty.emails.delivery import deliver_due
from saleor_loyalty.emails.operations import forget_old
from saleor_loyalty.flows.claim_members import claim_members
from saleor_loyalty.flows.forget_accounts import forget_accounts
from saleor_loyalty.flows.grant_benefits import grant_due_benefits, issue_benefits
from saleor_loyalty.flows.greet_members import greet_members
from saleor_loyalty.flows.invite_members import run_due_waves
from saleor_loyalty.flows.keep_rewards import (
    close_cancelled,
    expire_redemptions,
    issue_redemptions,
)
from saleor_loyalty.flows.member_mails import tell_of_matured_points
from saleor_loyalty.flows.merge_members import move_late_points
from saleor_loyalty.flows.nudge_members import nudge_members
from saleor_loyalty.flows.review_tiers import (
    apply_changed_ladders,
    review_all_tiers,
    review_due_tiers,
)
from saleor_loyalty.flows.reward_activities import reward_late_sign_ups
from saleor_loyalty.flows.reward_days import reward_birthdays, reward_personal_days
from saleor_loyalty.flows.send_statements import send_statements
from saleor_loyalty.flows.settle_orders import SettleReport, settle_due_orders
from saleor_loyalty.flows.tell_of_changes import remind_guests, tell_of_changes
from saleor_loyalty.flows.warn_of_expiry import warn_of_expiry
from saleor_loyalty.flows.wind_up_events import (
    end_events,
    forget_notes,
    move_lines,
    wind_up_events,
)
from saleor_loyalty.orders.operations import advance_sweep, mark_due
from saleor_loyalty.orders.queries import swept_until
from saleor_loyalty.points.sweeps import expire_due, mature_due, void_due_holds
from saleor_loyalty.points.verification import verify
from saleor_loyalty.programs.queries import earliest_rate_at
from saleor_loyalty.shop.orders import (
    SWEEP_OVERLAP,
    changed_orders,
    claimable_guest_orders,
    load_order_facts,
    places_of_orders,
)
from saleor_loyalty.shop.points_means import shut_used
from saleor_loyalty.shop.post_office import post_office
from saleor_loyalty.shop.rewards import close, issue
from saleor_loyalty.shop.settings import load_settings
from saleor_loyalty.shop.spending_looks import look_after_spendings
from saleor_loyalty.shop.tiers import publish_tiers, republish_drifted
from saleor_loyalty.shop.vouchers import issue_codes

logger = logging.getLogger(__name__)

SETTLE_BATCH = 200
EMAIL_BATCH = 50
MAILS_KEPT_FOR = timedelta(days=400)  # what they said; that they were sent stays
ROUNDS_PER_TASK = 20


@app.task
@allow_writer()
def settle_due_orders_task() -> None:
    """Settle due orders until none is left; after some thousands in another task."""
    if load_settings() is None:
        return
    total = SettleReport()
    for _ in range(ROUNDS_PER_TASK):
        report = settle_due_orders(
            load_facts=load_order_facts, now=timezone.now(), limit=SETTLE_BATCH
        )
        total.add(report)
        if report.claimed == 0:
            break
    else:
        settle_due_orders_task.delay()
    if total.queued_emails:
        send_due_emails_task.delay()
    if total.claimed:
        publish_tiers_task.delay()
        keep_rewards_task.delay()
        _shut_used()
        logger.info("Settled loyalty for %s orders, %s failed", total.settled, total.failed)


@app.task
@allow_writer()
def send_due_emails_task() -> None:
    """Send the mails that are due."""
    settings = load_settings()
    if settings is None or not settings.send_emails:
        return
    office = post_office(settings)
    for _ in range(ROUNDS_PER_TASK):
        report = deliver_due(office=office, clock=timezone.now, limit=EMAIL_BATCH)
        if report.claimed == 0 or report.is_down:
            break
    else:
        send_due_emails_task.delay()


@app.task
@allow_writer()
def sweep_orders_task() -> None:
    """Mark the orders whose hooks were lost: what changed since the last sweep is due."""
    if load_settings() is None:
        return
    started_at = timezone.now()
    since = swept_until() or earliest_rate_at()
    if since is None:
        return
    for order_ids in changed_orders(since=since - SWEEP_OVERLAP):
        mark_due(order_ids=order_ids, now=started_at)
    mark_due(order_ids=claimable_guest_orders(now=started_at), now=started_at)
    reward_late_sign_ups(now=started_at)
    with transaction.atomic():
        advance_sweep(swept_until=started_at)
    settle_due_orders_task.delay()


@app.task
@allow_writer()
def move_due_points_task() -> None:
    """Do what time asks for: points mature and expire, holds run out, rewards are over."""
    if load_settings() is None:
        return
    now = timezone.now()
    voided = void_due_holds(now=now)
    matured = mature_due(now=now, then=partial(tell_of_matured_points, now=now))
    expired = expire_due(now=now)
    if voided or matured or expired:
        logger.info(
            "Loyalty points: %s holds voided, %s lots matured, %s expired",
            voided,
            matured,
            expired,
        )
    keep_rewards_task()


@app.task
@allow_writer()
def keep_rewards_task() -> None:
    """Bring the shop in step with rewards: codes for gifts of rules, and an end to what is over."""
    if load_settings() is None:
        return
    now = timezone.now()
    over, shut = expire_redemptions(close=close, now=now), close_cancelled(close=close, now=now)
    issued = issue_redemptions(issue=issue, now=now)
    if issued or over or shut:
        logger.info("Loyalty rewards: %s issued, %s over, %s shut", issued, over, shut)


@app.task
@allow_writer()
def look_after_events_task() -> None:
    """Do what time and staff ask of events: waves, offers, changes, reminders, and their end."""
    if load_settings() is None:
        return
    _in_turn(
        end_events,
        wind_up_events,
        tell_of_changes,
        move_lines,
        partial(run_due_waves, places=places_of_orders),
        remind_guests,
    )
    send_due_emails_task.delay()


@app.task
@allow_writer()
def look_after_spendings_task() -> None:
    """Give back points on checkouts that are gone, changed or took too long."""
    if load_settings() is None:
        return
    report = look_after_spendings(now=timezone.now())
    _shut_used()
    if report.ordered:
        settle_due_orders_task.delay()
    if report.released or report.fitted or report.failed:
        logger.info("Points on checkouts: %s", report)


def _shut_used() -> None:
    for _ in range(ROUNDS_PER_TASK):
        with transaction.atomic():
            if shut_used() == 0:
                return


@app.task
@allow_writer()
def hourly_task() -> None:
    """Do what can wait an hour.

    Imported members find their accounts, birthdays and a new period's vouchers come in their
    programme's zone, what merged members still got moves on, and deleted accounts are forgotten.
    Then come the mails of the day: greetings, and points that will expire.
    """
    if load_settings() is None:
        return
    _in_turn(
        claim_members,
        reward_birthdays,
        reward_personal_days,
        move_late_points,
        forget_accounts,
        forget_notes,
        grant_due_benefits,
        greet_members,
        warn_of_expiry,
    )
    publish_tiers_task.delay()


def _forget_old_mails(now: datetime) -> None:
    forget_old(before=now - MAILS_KEPT_FOR)


def _in_turn(*works: Callable[..., object]) -> None:
    """Do one after the other, each with its own `now`; one that fails stops no other."""
    for work in works:
        try:
            work(now=timezone.now())
        except Exception:
            logger.exception("Loyalty: %s failed", work)


@app.task
@allow_writer()
def review_tiers_task() -> None:
    """Do what the calendar and staff ask of tiers: dates that came, and ladders that changed."""
    if load_settings() is None:
        return
    apply_changed_ladders(now=timezone.now())
    review_due_tiers(now=timezone.now())
    publish_tiers_task()


@app.task
@allow_writer()
def publish_tiers_task(after_id: int = 0) -> None:
    """Bring the shop in step with tiers: members' codes of vouchers, and the tier of customers.

    After some thousands it goes on in another task, after the last grant that it looked at: one
    that cannot be issued holds up none behind it, and is looked at again the next time.
    """
    if load_settings() is None:
        return
    issuing, published, waiting = True, 1, 0
    for _ in range(ROUNDS_PER_TASK):
        if issuing:
            report = issue_benefits(issue=issue_codes, now=timezone.now(), after_id=after_id)
            issuing = report.last_id is not None
            after_id = report.last_id or after_id
            waiting += report.waiting
        if published:
            published = publish_tiers(now=timezone.now())
        if not issuing and not published:
            break
    else:
        publish_tiers_task.delay(after_id)
    if waiting:
        logger.warning("%s vouchers of tiers could not be issued; they wait", waiting)


@app.task
@allow_writer()
def nightly_task() -> None:
    """Look at every member's tier, and at every customer's; what it finds was missed by day.

    Then come the mails of the season: to who has been silent for long, and statements. What mails of
    more than a year ago said is forgotten.
    """
    if load_settings() is None:
        return
    _in_turn(review_all_tiers, grant_due_benefits)
    publish_tiers_task()
    _in_turn(republish_drifted, nudge_members, send_statements, _forget_old_mails)


@app.task
@allow_writer()
def verify_ledger_task() -> None:
    """Prove the ledger; what drifts is logged as an error and kept for staff."""
    if load_settings() is not None:
        verify(now=timezone.now())
