"""Staff make events, publish, move, cancel and end them; seats and points follow."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.checks import EventTexts, EventValues, check_event, check_texts
from saleor_loyalty.events.models import Event, EventTranslation, Invitation
from saleor_loyalty.events.operations import (
    locked_event,
    note_answer,
    offer_free_seats,
    seats_of,
)
from saleor_loyalty.events.rules import (
    SEATED,
    Answer,
    Audience,
    EventInvalid,
    EventState,
    PlaceKind,
)
from saleor_loyalty.flows.answer_invitations import capture_price, return_price
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.operations import ProgramNotFound

PLAIN = [
    one.name
    for one in fields(EventValues)
    if one.name not in {"audience", "place_kind", "reminder_hours", "languages"}
]
# What calendars of guests show: a change of it makes a new version of their entry.
IN_CALENDARS = ("title", "place", "place_url", "starts_at", "ends_at", "time_zone")
WAITING = frozenset({Answer.INVITED, Answer.WAITING, Answer.OFFERED, Answer.ACCEPTED})


class EventStateInvalid(LoyaltyError):
    """An event is not in a state in which that can be done; `state` is where it is."""

    code = "event_state_invalid"


@transaction.atomic
def create_event(
    *,
    program_id: int,
    values: Mapping[str, Any],
    translations: Sequence[EventTexts] = (),
    now: datetime,
) -> Event:
    """Make an event, as a draft that nobody sees. `values` are fields of `EventValues`.

    Raises:
        ProgramNotFound, EventInvalid.

    """
    if not Program.objects.filter(pk=program_id).exists():
        raise ProgramNotFound(field="program")
    wanted = EventValues(**values)
    check_event(wanted)
    event = Event(program_id=program_id, created_at=now)
    _write(event, wanted, now=now)
    _set_translations(event, translations)
    return event


@transaction.atomic
def update_event(
    *,
    event_id: int,
    values: Mapping[str, Any],
    translations: Sequence[EventTexts] = (),
    now: datetime,
) -> Event:
    """Set fields of an event; the others stay. More seats go to those who wait.

    What guests have in their calendars gets a higher sequence when it changes. The price of those who
    have their seats stays as it was.

    Raises:
        EventNotFound, EventInvalid: also a capacity below the seats that are taken.
        EventStateInvalid: it was cancelled or is over.

    """
    event = locked_event(event_id)
    if event.state not in (EventState.DRAFT.value, EventState.PUBLISHED.value):
        raise EventStateInvalid(field="event", state=event.state)
    before = values_of(event)
    wanted = replace(before, **values)
    check_event(wanted)
    if wanted.capacity < event.seats_taken:
        problem = f"must be at least {event.seats_taken}, the seats that are taken"
        raise EventInvalid(field="capacity", problem=problem)
    if any(getattr(wanted, name) != getattr(before, name) for name in IN_CALENDARS):
        event.sequence += 1
    _write(event, wanted, now=now)
    _set_translations(event, translations)
    offer_free_seats(event, now=now)
    return event


@transaction.atomic
def publish_event(*, event_id: int, now: datetime) -> Event:
    """Let members see an event and answer. A repeat changes nothing.

    Raises:
        EventNotFound, EventInvalid: it has begun already.
        EventStateInvalid: it was cancelled or is over.

    """
    event = locked_event(event_id)
    if event.state == EventState.PUBLISHED.value:
        return event
    if event.state != EventState.DRAFT.value:
        raise EventStateInvalid(field="event", state=event.state)
    if event.starts_at <= now:
        raise EventInvalid(field="starts_at", problem="must lie in the future")
    event.state, event.updated_at = EventState.PUBLISHED.value, now
    event.save(update_fields=["state", "updated_at"])
    return event


@transaction.atomic
def cancel_event(*, event_id: int, reason: str, actor: str, now: datetime) -> Event:
    """Cancel an event: all seats are free, and all points come back, also those that were spent.

    A repeat changes nothing.

    Raises:
        EventNotFound.
        EventStateInvalid: it is over.

    """
    event, invitations = _locked_with_guests(event_id)
    if event.state == EventState.CANCELLED.value:
        return event
    if event.state == EventState.DONE.value:
        raise EventStateInvalid(field="event", state=event.state)
    for invitation in invitations:
        return_price(invitation, event, now=now)
        invitation.offered_until = invitation.waiting_since = None
        if Answer(invitation.answer) in WAITING:
            note_answer(invitation, Answer.REMOVED, now=now, actor=actor, note=reason)
        else:
            invitation.save()
    event.state, event.cancel_reason, event.updated_at = EventState.CANCELLED.value, reason, now
    event.sequence += 1
    event.seats_taken = 0
    event.save()
    return event


@transaction.atomic
def end_event(*, event_id: int, now: datetime) -> Event:
    """End an event that is over: prices are spent, and who did not come is noted as a no-show.

    A repeat, and an event that is not over, change nothing.

    Raises:
        EventNotFound.

    """
    event, invitations = _locked_with_guests(event_id)
    if event.state != EventState.PUBLISHED.value or now < event.ends_at:
        return event
    for invitation in invitations:
        if invitation.answer == Answer.ACCEPTED.value:
            capture_price(invitation, event, now=now)
            invitation.is_no_show = invitation.checked_in_at is None
            invitation.save()
        elif invitation.answer == Answer.OFFERED.value:
            event.seats_taken -= seats_of(invitation)
            invitation.offered_until = None
            note_answer(invitation, Answer.DECLINED, now=now)
    event.state, event.updated_at = EventState.DONE.value, now
    event.save()
    return event


def _locked_with_guests(event_id: int) -> tuple[Event, list[Invitation]]:
    """Lock an event with the members who have to do with it, members first as everywhere."""
    while True:
        ids = set(Invitation.objects.filter(event=event_id).values_list("member", flat=True))
        lock_members(member_ids=ids)
        event = locked_event(event_id)
        rows = Invitation.objects.select_for_update(of=("self",)).filter(event=event)
        invitations = list(rows.order_by("pk"))
        if {one.member_id for one in invitations} <= ids:
            return event, invitations
        # Somebody came while we waited for the event: their lock would come after it.
        missing = [one for one in invitations if one.member_id not in ids and one.price_points]
        if not missing:
            return event, invitations
        lock_members(member_ids={one.member_id for one in missing})
        return event, invitations


def values_of(event: Event) -> EventValues:
    """Return what staff said of an event."""
    return EventValues(
        **{name: getattr(event, name) for name in PLAIN},
        place_kind=PlaceKind(event.place_kind),
        audience=Audience.from_json(event.audience),
        reminder_hours=tuple(event.reminder_hours),
        languages=tuple(event.languages),
    )


def _write(event: Event, values: EventValues, *, now: datetime) -> None:
    for name in PLAIN:
        setattr(event, name, getattr(values, name))
    event.title = values.title.strip()
    event.place_kind = values.place_kind.value
    event.audience = values.audience.as_json()
    event.reminder_hours = sorted(set(values.reminder_hours), reverse=True)
    event.languages = list(values.languages)
    event.updated_at = now
    event.save()


def _set_translations(event: Event, translations: Sequence[EventTexts]) -> None:
    for texts in translations:
        check_texts(texts)
        EventTranslation.objects.update_or_create(
            event=event,
            language_code=texts.language_code.lower(),
            defaults={
                name: getattr(texts, name) for name in ("title", "story", "place", "age_note")
            },
        )


def seated(event: Event) -> list[Invitation]:
    """Return the invitations that have seats."""
    answers = [answer.value for answer in SEATED]
    return list(Invitation.objects.filter(event=event, answer__in=answers).order_by("pk"))
