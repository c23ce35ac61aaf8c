"""What guests hear of an event by itself: that it was moved, and that it comes nearer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import F

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind, EmailStatus
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import locked_event
from saleor_loyalty.events.rules import OPEN, Answer, EventState, remind_at
from saleor_loyalty.flows.calendar_mails import tell_all
from saleor_loyalty.flows.event_mails import PARTSTAT, TENTATIVE, EventMails

LEFT_US = (EmailStatus.SENDING, EmailStatus.SENT, EmailStatus.DOUBTFUL)
LONGEST_AHEAD = timedelta(days=91)


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
        tell = partial(_tell, event_id, now=now)
        queued += tell_all(ids, tell, what=EmailKind.EVENT_CHANGED.value)
    return queued


def _tell(event_id: int, ids: Sequence[int], *, now: datetime) -> int:
    event = locked_event(event_id)
    rows = Invitation.objects.select_for_update(of=("self",)).filter(
        pk__in=ids,
        told_version__lt=event.version,
        answer__in=[answer.value for answer in OPEN],
    )
    invitations = list(rows.order_by("pk"))
    informed = informed_of(invitations)
    unsent = _unsent_changes(informed)
    mails = EventMails(event, informed, now=now)
    queued = mails.queue(
        [
            mails.write(
                EmailKind.EVENT_CHANGED,
                one,
                cause=event.version,
                facts=_before(event, one.told_version, unsent.get(one.pk, {})),
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
    """Return those who know of an event by mail, or may, or by what they did: all but those to whom no invitation left."""
    some = list(invitations)
    members = [one.member_id for one in some if one.answer == Answer.INVITED.value]
    left = EmailMessage.objects.filter(
        kind=EmailKind.EVENT_INVITATION.value,
        member_id__in=members,
        status__in=[status.value for status in LEFT_US],
    )
    known = {facts["invitation"] for facts in left.values_list("facts", flat=True) if facts}
    return [one for one in some if one.answer != Answer.INVITED.value or one.pk in known]


def _unsent_changes(invitations: Iterable[Invitation]) -> dict[int, Mapping[str, Any]]:
    """Return what mails about the change before tell that never left, by invitation id."""
    keys = {
        f"{EmailKind.EVENT_CHANGED.value}:{one.pk}:{one.told_version}": one.pk
        for one in invitations
    }
    unsent = EmailMessage.objects.filter(key__in=keys).exclude(
        status__in=[status.value for status in LEFT_US]
    )
    return {keys[key]: facts for key, facts in unsent.values_list("key", "facts")}


def _before(event: Event, told_version: int, unsent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was told before and is not so any more; `unsent`: what should have been told last."""
    told = event.history.get(str(told_version))
    if told is None:
        return {}
    moved_from = unsent.get("moved_from") or {"at": told["starts_at"], "zone": told["time_zone"]}
    moved_place = unsent.get("moved_place") or told["place"]
    is_moved = datetime.fromisoformat(moved_from["at"]) != event.starts_at
    return {
        "moved_from": moved_from if is_moved else "",
        "moved_place": moved_place if moved_place != event.place else "",
    }


def _calendar(invitation: Invitation) -> dict[str, str] | None:
    """Return what a change does to the calendar: nothing for those who have no entry."""
    partstat = PARTSTAT.get(invitation.answer, TENTATIVE)
    is_known = invitation.calendar_sequence > 0 or invitation.answer == Answer.ACCEPTED.value
    return {"method": "REQUEST", "partstat": partstat} if is_known else None


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
    keys = {f"{EmailKind.EVENT_REMINDER.value}:{pk}:{cause}": pk for pk in pks}
    had = EmailMessage.objects.filter(key__in=keys).values_list("key", flat=True)
    facts = {"reminds_of": event.starts_at.isoformat()}

    def tell(ids: Sequence[int]) -> int:
        invitations = list(guests.filter(pk__in=ids).order_by("pk"))
        mails = EventMails(event, invitations, now=now)
        return mails.queue(
            [
                mails.write(EmailKind.EVENT_REMINDER, one, cause=cause, facts=facts)
                for one in invitations
            ]
        )

    left = sorted(pks - {keys[key] for key in had})
    return tell_all(left, tell, what=EmailKind.EVENT_REMINDER.value)
