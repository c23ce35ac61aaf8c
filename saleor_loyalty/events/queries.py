"""Reads of events and invitations."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from saleor_loyalty.events.models import (
    Event,
    EventTranslation,
    EventWave,
    Invitation,
    InvitationStep,
)
from saleor_loyalty.events.rules import (
    Answer,
    Closed,
    EventState,
    EventTimes,
    Source,
    Waiting,
    in_line,
)


def times_of(event: Event) -> EventTimes:
    """Return an event's times as rules want them."""
    return EventTimes(
        state=EventState(event.state),
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        registration_opens_at=event.registration_opens_at,
        registration_closes_at=event.registration_closes_at,
        cancel_hours=event.cancel_hours,
    )


def closed_to(
    event: Event, invitation: Invitation | None, *, now: datetime, early: timedelta
) -> Closed | None:
    """Return why a member cannot accept now, or None. `early`: how much sooner than others they may.

    Who was invited need not wait for what is open to all; who is in has nothing more to answer.
    """
    if invitation is not None and invitation.checked_in_at is not None:
        return Closed.STARTED
    why = times_of(event).closed(now, early=early)
    if why is Closed.NOT_YET and invitation and invitation.source != Source.ASKED.value:
        why = None
    return why if why or event.program.is_active else Closed.NOT_PUBLISHED


def refundable_until(event: Event, invitation: Invitation) -> datetime:
    """Return the instant until which cancelling gives a member's points back.

    Who answered before staff moved the event may give their seats back until it starts.
    """
    answered_at = invitation.answered_at
    if event.moved_at is not None and answered_at is not None and answered_at <= event.moved_at:
        return event.starts_at
    return times_of(event).cancel_until


def waiting_of(row: Invitation) -> Waiting:
    """Return a party as the waiting list orders it."""
    return Waiting(
        invitation_id=row.pk,
        rank=row.rank,
        since=row.waiting_since or row.invited_at,
        seats=row.seats,
    )


def places_in_line(event_ids: Collection[int], *, using: str = "default") -> dict[int, int]:
    """Return the places in the waiting lists of events, from 1, by invitation id. One query."""
    rows = Invitation.objects.using(using).filter(event__in=event_ids, answer=Answer.WAITING.value)
    by_event: dict[int, list[Waiting]] = {}
    for row in rows:
        by_event.setdefault(row.event_id, []).append(waiting_of(row))
    return {
        one.invitation_id: place
        for line in by_event.values()
        for place, one in enumerate(in_line(line), start=1)
    }


def all_events(
    *,
    program_id: int | None = None,
    states: Sequence[EventState] = (),
    starts_from: datetime | None = None,
    starts_until: datetime | None = None,
    search: str = "",
    using: str = "default",
) -> QuerySet[Event]:
    """Return events by programme, states, start (both ends inclusive) and words of the title or place, the next first."""
    rows = Event.objects.using(using).all()
    if program_id is not None:
        rows = rows.filter(program=program_id)
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    if starts_from is not None:
        rows = rows.filter(starts_at__gte=starts_from)
    if starts_until is not None:
        rows = rows.filter(starts_at__lte=starts_until)
    for word in search.split():
        rows = rows.filter(Q(title__icontains=word) | Q(place__icontains=word))
    return rows


def invitations_to(
    *,
    event_id: int,
    answers: Sequence[Answer] = (),
    has_come: bool | None = None,
    is_no_show: bool | None = None,
    search: str = "",
    using: str = "default",
) -> QuerySet[Invitation]:
    """Return the invitations to an event by answers, who came, who stayed away, and words.

    Each word is a part of the customer's address or name, or the code.
    """
    rows = Invitation.objects.using(using).filter(event=event_id)
    if answers:
        rows = rows.filter(answer__in=[answer.value for answer in answers])
    if has_come is not None:
        rows = rows.filter(checked_in_at__isnull=not has_come)
    if is_no_show is not None:
        rows = rows.filter(is_no_show=is_no_show)
    for word in search.split():
        rows = rows.filter(
            Q(code__iexact=word)
            | Q(member__user__email__icontains=word)
            | Q(member__user__first_name__icontains=word)
            | Q(member__user__last_name__icontains=word)
            | Q(member__email__icontains=word)
        )
    return rows


def invitations_of(*, member_id: int, using: str = "default") -> QuerySet[Invitation]:
    """Return a member's invitations, the newest first.

    Not those that staff took back; what was called off removes all guests, and they see that.
    """
    rows = Invitation.objects.using(using).filter(member=member_id)
    taken_off = {"answer": Answer.REMOVED.value, "event__state": EventState.PUBLISHED.value}
    return rows.exclude(**taken_off).order_by("-pk")


def translations_of(
    *, event_ids: Iterable[int], using: str = "default"
) -> dict[int, dict[str, EventTranslation]]:
    """Return the translations of events by language, by event id. One query."""
    found: dict[int, dict[str, EventTranslation]] = defaultdict(dict)
    for row in EventTranslation.objects.using(using).filter(event__in=list(event_ids)):
        found[row.event_id][row.language_code] = row
    return found


def waves_of(*, event_ids: Iterable[int], using: str = "default") -> dict[int, list[EventWave]]:
    """Return the waves of events, the first one first, by event id. One query."""
    found: dict[int, list[EventWave]] = defaultdict(list)
    rows = EventWave.objects.using(using).filter(event__in=list(event_ids))
    for wave in rows.order_by("opens_at", "pk"):
        found[wave.event_id].append(wave)
    return found


def steps_of(
    *, invitation_ids: Iterable[int], using: str = "default"
) -> dict[int, list[InvitationStep]]:
    """Return what happened to invitations, oldest first, by invitation id. One query."""
    found: dict[int, list[InvitationStep]] = defaultdict(list)
    rows = InvitationStep.objects.using(using).filter(invitation__in=list(invitation_ids))
    for step in rows.order_by("pk"):
        found[step.invitation_id].append(step)
    return found
