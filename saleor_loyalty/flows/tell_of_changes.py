"""What guests hear of an event by itself: that it was moved, and that it comes nearer."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import F

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind, EmailStatus
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import locked_event
from saleor_loyalty.events.rules import OPEN, Answer, EventState, remind_at
from saleor_loyalty.flows.event_mails import EventMails

BATCH = 200
LONGEST_AHEAD = timedelta(days=91)
PARTSTAT = {Answer.ACCEPTED.value: "ACCEPTED", Answer.INVITED.value: "NEEDS-ACTION"}


def tell_of_changes(*, now: datetime) -> int:
    """Queue mails to those who were told another time or place of an event; return how many.

    Who was told nothing by mail hears of no change. Of several changes one mail tells. A run that broke off
    is taken up where it was.
    """
    stale = Invitation.objects.filter(
        event__state=EventState.PUBLISHED.value,
        event__starts_at__gt=now,
        answer__in=[answer.value for answer in OPEN],
        told_version__lt=F("event__version"),
    )
    queued = 0
    for event_id in list(stale.order_by("event").values_list("event", flat=True).distinct()):
        ids = list(stale.filter(event=event_id).order_by("pk").values_list("pk", flat=True))
        for some in batched(ids, BATCH):
            with transaction.atomic():
                event = locked_event(event_id)
                rows = Invitation.objects.select_for_update(of=("self",)).filter(
                    pk__in=some,
                    told_version__lt=event.version,
                    answer__in=[answer.value for answer in OPEN],
                )
                queued += _tell(event, list(rows.order_by("pk")), now=now)
    return queued


def _tell(event: Event, invitations: Sequence[Invitation], *, now: datetime) -> int:
    informed = informed_of(invitations)
    mails = EventMails(event, informed, now=now)
    queued = mails.queue(
        [
            mails.write(
                EmailKind.EVENT_CHANGED,
                one,
                cause=event.version,
                facts=_before(event, one.told_version),
                calendar=_calendar(one),
            )
            for one in informed
        ]
    )
    Invitation.objects.filter(pk__in=[one.pk for one in invitations]).update(
        told_version=event.version
    )
    return queued


def informed_of(invitations: Iterable[Invitation]) -> list[Invitation]:
    """Return those who know of an event by mail or by what they did: all but those whose invitation was never sent."""
    some = list(invitations)
    keys = {
        f"{EmailKind.EVENT_INVITATION.value}:{one.pk}:": one.pk
        for one in some
        if one.answer == Answer.INVITED.value
    }
    sent = EmailMessage.objects.filter(key__in=keys, status=EmailStatus.SENT.value)
    known = {keys[key] for key in sent.values_list("key", flat=True)} if keys else set()
    return [one for one in some if one.answer != Answer.INVITED.value or one.pk in known]


def _before(event: Event, told_version: int) -> dict[str, Any]:
    """Return what was told before and is not so any more."""
    told = event.history.get(str(told_version))
    if told is None:
        return {}
    is_moved = datetime.fromisoformat(told["starts_at"]) != event.starts_at
    is_elsewhere = told["place"] != event.place
    return {
        "moved_from": {"at": told["starts_at"], "zone": told["time_zone"]} if is_moved else "",
        "moved_place": told["place"] if is_elsewhere else "",
    }


def _calendar(invitation: Invitation) -> dict[str, str] | None:
    """Return what a change does to the calendar: nothing for those who wait, who have no entry."""
    partstat = PARTSTAT.get(invitation.answer)
    return {"method": "REQUEST", "partstat": partstat} if partstat else None


def remind_guests(*, now: datetime) -> int:
    """Queue reminders of events that come near, once for each time before them; return how many.

    Of several times that are past only the last counts, and none that was past when they accepted.
    """
    queued = 0
    near = Event.objects.filter(
        state=EventState.PUBLISHED.value,
        starts_at__gt=now,
        starts_at__lte=now + LONGEST_AHEAD,
    )
    for event in near.order_by("pk"):
        due = {
            hours: remind_at(event.starts_at, hours, time_zone=event.time_zone)
            for hours in event.reminder_hours
        }
        past = [(at, hours) for hours, at in due.items() if at <= now]
        if past:
            queued += _remind(event, *max(past), now=now)
    return queued


def _remind(event: Event, due_at: datetime, hours: int, *, now: datetime) -> int:
    cause = f"{event.starts_at.isoformat()}:{hours}"
    guests = Invitation.objects.filter(
        event=event, answer=Answer.ACCEPTED.value, answered_at__lt=due_at
    )
    pks = set(guests.values_list("pk", flat=True))
    prefix = f"{EmailKind.EVENT_REMINDER.value}:"
    keys = {f"{prefix}{pk}:{cause}": pk for pk in pks}
    had = EmailMessage.objects.filter(key__in=keys).values_list("key", flat=True)
    queued = 0
    for some in batched(sorted(pks - {keys[key] for key in had}), BATCH):
        with transaction.atomic():
            invitations = list(guests.filter(pk__in=some).order_by("pk"))
            mails = EventMails(event, invitations, now=now)
            facts = {"reminds_of": event.starts_at.isoformat()}
            queued += mails.queue(
                [
                    mails.write(EmailKind.EVENT_REMINDER, one, cause=cause, facts=facts)
                    for one in invitations
                ]
            )
    return queued
