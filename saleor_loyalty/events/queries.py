"""Reads of events and invitations."""

from collections.abc import Collection

from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.rules import Answer, EventState, EventTimes, Waiting, in_line


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
