"""Writes of events and seats. Whoever takes or frees seats holds the event's lock."""

from datetime import datetime, timedelta

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.models import Event, Invitation, InvitationStep
from saleor_loyalty.events.queries import times_of, waiting_of
from saleor_loyalty.events.rules import SEATED, Answer, EventState, next_in_line

LAPSED = "The offer was not taken in time."


class EventNotFound(LoyaltyError):
    """There is no such event, or the member may not see it."""

    code = "event_not_found"


class SeatsTaken(LoyaltyError):
    """A party that has its seats cannot grow by so many; `free` tells how many are left."""

    code = "event_seats_taken"


class EventStateInvalid(LoyaltyError):
    """An event is not in a state in which that can be done; `state` is where it is."""

    code = "event_state_invalid"


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


def locked_invitations(event: Event) -> list[Invitation]:
    """Lock and return an event's invitations that have to do with seats now."""
    rows = Invitation.objects.select_for_update(of=("self",)).filter(event=event)
    return list(rows.filter(answer__in=[Answer.WAITING.value, Answer.OFFERED.value]).order_by("pk"))


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
) -> InvitationStep:
    """Write an invitation with its new answer, and the step."""
    invitation.answer = answer.value
    invitation.save()
    return InvitationStep.objects.create(
        invitation=invitation,
        answer=answer.value,
        seats=invitation.seats,
        at=now,
        actor=actor,
        note=note,
    )


def move_line(event: Event, *, now: datetime) -> list[InvitationStep]:
    """End the offers whose time is over, and offer free seats to those whose turn it is.

    Who is offered seats has until the offer ends, and no longer than until the event starts or registration
    closes. The caller holds the event's lock. Returns the steps; a repeat does nothing. While the programme
    is off nothing moves.
    """
    if not event.program.is_active:
        return []
    parties = locked_invitations(event)
    steps = []
    for one in parties:
        if one.offered_until is not None and one.offered_until <= now:
            unseat(event, one)
            one.offered_until = one.waiting_since = None
            one.answered_at = now
            steps.append(note_answer(one, Answer.DECLINED, now=now, note=LAPSED))
    times = times_of(event)
    if times.state is not EventState.PUBLISHED or now >= times.answer_until:
        return steps
    waiting = {one.pk: one for one in parties if one.answer == Answer.WAITING.value}
    free = event.capacity - event.seats_taken
    for party in next_in_line([waiting_of(one) for one in waiting.values()], free=free):
        invitation = waiting[party.invitation_id]
        event.seats_taken += invitation.seats
        invitation.offered_until = min(now + timedelta(hours=event.offer_hours), times.answer_until)
        steps.append(note_answer(invitation, Answer.OFFERED, now=now))
    event.save(update_fields=["seats_taken"])
    return steps
