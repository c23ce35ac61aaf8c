"""Staff make events, publish, move and call them off; guests hear of it soon after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from saleor_loyalty.events.checks import (
    MAX_REASON_LENGTH,
    EventTexts,
    EventValues,
    check_event,
    check_texts,
)
from saleor_loyalty.events.models import Event, EventTranslation, EventWave, Invitation
from saleor_loyalty.events.operations import EventStateInvalid, locked_event, move_line
from saleor_loyalty.events.queries import times_of
from saleor_loyalty.events.rules import (
    MAX_NO_SHOWS,
    MAX_WAVES,
    Answer,
    Audience,
    EventInvalid,
    EventState,
    PlaceKind,
)
from saleor_loyalty.flows.event_mails import tell_of_steps
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.tiers.models import Tier

PLAIN = [
    one.name
    for one in fields(EventValues)
    if one.name not in {"audience", "place_kind", "reminder_hours", "languages"}
]
# What guests were told: a change of it makes a new version, which they hear of.
TOLD = ("place_kind", "place", "place_url", "starts_at", "ends_at", "time_zone")
TEXTS = ("title", "story", "place", "age_note")
LIVE = frozenset({EventState.DRAFT.value, EventState.PUBLISHED.value})


@dataclass(frozen=True, kw_only=True)
class WaveValues:
    """What staff say of a wave; `wave_id` of one that is there already. See `EventWave`."""

    opens_at: datetime
    tier_ids: tuple[int, ...] = ()
    only_if_free: bool = False
    most_no_shows: int | None = None
    wave_id: int | None = None


@transaction.atomic
def create_event(
    *,
    program_id: int,
    values: Mapping[str, Any],
    translations: Sequence[EventTexts] = (),
    waves: Sequence[WaveValues] | None = None,
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
    _set_waves(event, waves)
    return event


@transaction.atomic
def update_event(
    *,
    event_id: int,
    values: Mapping[str, Any],
    translations: Sequence[EventTexts] = (),
    waves: Sequence[WaveValues] | None = None,
    now: datetime,
) -> Event:
    """Set fields of an event, and translations; what is not named stays. `waves` are all that are yet to come.

    Who was told another time or place hears of the change soon after. More seats go to those who wait; the price of
    those who have their seats stays as it was.

    Raises:
        EventNotFound, EventInvalid: also a capacity below the seats that are taken.
        EventStateInvalid: it was cancelled or is over.

    """
    event = locked_event(event_id)
    if event.state not in LIVE:
        raise EventStateInvalid(field="event", state=event.state)
    before = values_of(event)
    wanted = replace(before, **values)
    check_event(wanted)
    if wanted.capacity < event.seats_taken:
        problem = f"must be at least {event.seats_taken}, the seats that are taken"
        raise EventInvalid(field="capacity", problem=problem)
    is_published = event.state == EventState.PUBLISHED.value
    is_moved = any(getattr(wanted, name) != getattr(before, name) for name in TOLD)
    if is_published and is_moved:
        if wanted.starts_at != before.starts_at and (wanted.starts_at or now) <= now:
            raise EventInvalid(field="starts_at", problem="must lie in the future")
        event.history[str(event.version)] = {
            "starts_at": event.starts_at.isoformat(),
            "time_zone": event.time_zone,
            "place": event.place,
        }
        event.version, event.moved_at = event.version + 1, now
    _write(event, wanted, now=now)
    _set_translations(event, translations)
    _set_waves(event, waves)
    if is_published:
        _shorten_offers(event)
        tell_of_steps(move_line(event, now=now), event, now=now)
    return event


@transaction.atomic
def publish_event(*, event_id: int, now: datetime) -> Event:
    """Let members see an event and answer, and its waves run. A repeat changes nothing.

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
def cancel_event(*, event_id: int, reason: str, now: datetime) -> Event:
    """Call an event off: nobody can answer any more; points come back and guests hear of it soon after.

    `reason` is what they read. A repeat changes nothing. A draft is never heard of.

    Raises:
        EventNotFound, EventInvalid: the reason is too long.
        EventStateInvalid: it is over.

    """
    if len(reason) > MAX_REASON_LENGTH:
        problem = f"must have at most {MAX_REASON_LENGTH} characters"
        raise EventInvalid(field="reason", problem=problem)
    event = locked_event(event_id)
    if event.state == EventState.CANCELLED.value:
        return event
    if event.state == EventState.DONE.value:
        raise EventStateInvalid(field="event", state=event.state)
    event.state, event.cancel_reason, event.updated_at = (
        EventState.CANCELLED.value,
        reason.strip(),
        now,
    )
    event.save(update_fields=["state", "cancel_reason", "updated_at"])
    return event


@transaction.atomic
def delete_event(*, event_id: int) -> None:
    """Delete a draft.

    Raises:
        EventNotFound.
        EventStateInvalid: members know it.

    """
    event = locked_event(event_id)
    if event.state != EventState.DRAFT.value:
        raise EventStateInvalid(field="event", state=event.state)
    event.delete()


@transaction.atomic
def change_door(*, event_id: int, now: datetime) -> Event:
    """End all links to an event's door; there is a new one.

    Raises:
        EventNotFound.

    """
    event = locked_event(event_id)
    event.door_number += 1
    event.updated_at = now
    event.save(update_fields=["door_number", "updated_at"])
    return event


def _shorten_offers(event: Event) -> None:
    """Let no offer last longer than answers are taken."""
    until = times_of(event).answer_until
    offers = Invitation.objects.filter(event=event, answer=Answer.OFFERED.value)
    offers.filter(offered_until__gt=until).update(offered_until=until)


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
            defaults={name: getattr(texts, name).strip() for name in TEXTS},
        )


def _set_waves(event: Event, waves: Sequence[WaveValues] | None) -> None:
    """Write the waves that are yet to come; those that went out stay as they are."""
    if waves is None:
        return
    if len(waves) > MAX_WAVES:
        raise EventInvalid(field="waves", problem=f"must be at most {MAX_WAVES}")
    to_come = {one.pk: one for one in event.waves.filter(sent_at=None)}
    known = set(Tier.objects.filter(program=event.program_id).values_list("pk", flat=True))
    kept = set()
    for wave in waves:
        _check_wave(wave, event, known_tiers=known)
        if wave.wave_id is not None and wave.wave_id not in to_come:
            raise EventInvalid(field="waves", problem="this one went out already, or is none")
        row = to_come.get(wave.wave_id or 0) or EventWave(event=event)
        row.opens_at, row.only_if_free = wave.opens_at, wave.only_if_free
        row.tier_ids, row.most_no_shows = list(wave.tier_ids), wave.most_no_shows
        row.save()
        kept.add(row.pk)
    EventWave.objects.filter(pk__in=set(to_come) - kept).delete()


def _check_wave(wave: WaveValues, event: Event, *, known_tiers: set[int]) -> None:
    problem = ""
    if wave.opens_at.tzinfo is None:
        problem = "need a time with a zone"
    elif wave.opens_at >= event.starts_at:
        problem = "must come before the event starts"
    elif set(wave.tier_ids) - known_tiers:
        problem = "must be for tiers of the programme"
    elif wave.most_no_shows is not None and not 0 <= wave.most_no_shows <= MAX_NO_SHOWS:
        problem = f"can allow 0 to {MAX_NO_SHOWS} events that a member stayed away from"
    if problem:
        raise EventInvalid(field="waves", problem=problem)
