"""Writes of events and seats. Whoever takes or frees seats holds the event's lock."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.models import Event, Invitation, InvitationStep
from saleor_loyalty.events.rules import (
    SEATED,
    Answer,
    EventState,
    EventTimes,
    Waiting,
    next_in_line,
)


class EventNotFound(LoyaltyError):
    """There is no such event, or the member may not see it."""

    code = "event_not_found"


class SeatsTaken(LoyaltyError):
    """A party that has its seats cannot grow by so many; `free` tells how many are left."""

    code = "event_seats_taken"


def locked_event(event_id: int) -> Event:
    """Lock an event and return it. Members are locked before events, events before invitations.

    Raises:
        EventNotFound: there is none.

    """
    rows = Event.objects.select_for_update(of=("self",)).select_related("program")
    event = rows.filter(pk=event_id).first()
    if event is None:
        raise EventNotFound(field="event")
    return event


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


def seat(event: Event, invitation: Invitation, *, seats: int) -> bool:
    """Give a party its seats if they are free, in place of those it has; return whether it got them."""
    had = seats_of(invitation)
    if event.seats_taken - had + seats > event.capacity:
        return False
    event.seats_taken += seats - had
    event.save(update_fields=["seats_taken"])
    invitation.seats = seats
    return True


def unseat(event: Event, invitation: Invitation) -> None:
    """Free the seats of a party, if it has any."""
    event.seats_taken -= seats_of(invitation)
    event.save(update_fields=["seats_taken"])


def seats_of(invitation: Invitation) -> int:
    """Return how many seats a party takes now."""
    return invitation.seats if Answer(invitation.answer) in SEATED else 0


def note_answer(
    invitation: Invitation, answer: Answer, *, now: datetime, actor: str = "", note: str = ""
) -> None:
    """Write an invitation with its new answer, and the step."""
    invitation.answer = answer.value
    invitation.save()
    InvitationStep.objects.create(
        invitation=invitation,
        answer=answer.value,
        seats=invitation.seats,
        at=now,
        actor=actor,
        note=note,
    )


def offer_free_seats(event: Event, *, now: datetime) -> list[Invitation]:
    """Offer free seats to those whose turn it is in the waiting list; return their invitations.

    They have until the offer ends, and no longer than until the event starts or registration
    closes. The caller holds the event's lock.
    """
    times = times_of(event)
    if times.closed(now) is not None or event.seats_taken >= event.capacity:
        return []
    rows = {row.pk: row for row in _waiting(event)}
    parties = [
        Waiting(
            invitation_id=row.pk,
            rank=row.rank,
            since=row.waiting_since or row.invited_at,
            seats=row.seats,
        )
        for row in rows.values()
    ]
    ends = [now + timedelta(hours=event.offer_hours), event.starts_at]
    if event.registration_closes_at is not None:
        ends.append(event.registration_closes_at)
    offered = []
    for party in next_in_line(parties, free=event.capacity - event.seats_taken):
        invitation = rows[party.invitation_id]
        event.seats_taken += invitation.seats
        invitation.offered_until = min(ends)
        note_answer(invitation, Answer.OFFERED, now=now)
        offered.append(invitation)
    event.save(update_fields=["seats_taken"])
    return offered


def _waiting(event: Event) -> QuerySet[Invitation]:
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("member")
    return rows.filter(event=event, answer=Answer.WAITING.value).order_by("pk")


def lapse_offers(event: Event, *, now: datetime) -> list[Invitation]:
    """End the offers whose time is over; return their invitations. The caller holds the lock."""
    rows = Invitation.objects.select_for_update(of=("self",)).filter(
        event=event, answer=Answer.OFFERED.value, offered_until__lte=now
    )
    lapsed = list(rows.order_by("pk"))
    for invitation in lapsed:
        unseat(event, invitation)
        invitation.offered_until = None
        note_answer(invitation, Answer.DECLINED, now=now, note="The offer was not taken in time.")
    return lapsed


def waiting_place(invitation: Invitation, *, waiting: Sequence[Waiting]) -> int:
    """Return a party's place in the waiting list, from 1."""
    in_order = sorted(waiting, key=lambda one: (-one.rank, one.since, one.invitation_id))
    return 1 + [one.invitation_id for one in in_order].index(invitation.pk)
