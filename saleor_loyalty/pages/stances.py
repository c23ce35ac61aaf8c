"""Where a member stands with an event, as pages tell it."""

from datetime import datetime
from enum import StrEnum

from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.rules import Answer, EventState


class Stance(StrEnum):
    """Where a member stands: their answer, or what the event's own course made of it.

    LAPSED: an offer was not taken in time. CALLED_OFF, STARTED, OVER: the event. IN: they were let in.
    """

    INVITED = "invited"
    ACCEPTED = "accepted"
    WAITING = "waiting"
    OFFERED = "offered"
    LAPSED = "lapsed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REMOVED = "removed"
    CALLED_OFF = "called_off"
    IN = "in"
    STARTED = "started"
    OVER = "over"


OPEN = frozenset({Stance.INVITED, Stance.ACCEPTED, Stance.WAITING, Stance.OFFERED})
AGAIN = frozenset({Stance.LAPSED, Stance.DECLINED, Stance.CANCELLED})


def stance_of(invitation: Invitation, *, now: datetime) -> Stance:
    """Return where a member stands with an event now."""
    event, answer = invitation.event, Answer(invitation.answer)
    is_over = event.state != EventState.PUBLISHED.value or now >= event.ends_at
    offered_until = invitation.offered_until or now
    so_it_is = {
        Stance.CALLED_OFF: event.state == EventState.CANCELLED.value,
        Stance.IN: invitation.checked_in_at is not None,
        Stance.REMOVED: answer is Answer.REMOVED,
        Stance.OVER: is_over,
        Stance.STARTED: now >= event.starts_at,
        Stance.LAPSED: answer is Answer.OFFERED and offered_until <= now,
    }
    return next((one for one, is_so in so_it_is.items() if is_so), Stance(answer.value))


def has_seats(invitation: Invitation, stance: Stance) -> bool:
    """Tell whether a ticket is good for something: they are to come, or came, and it is not over."""
    is_on = stance in (Stance.ACCEPTED, Stance.STARTED, Stance.IN)
    return is_on and invitation.answer == Answer.ACCEPTED.value
