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
    if event.state == EventState.CANCELLED.value:
        return Stance.CALLED_OFF
    if invitation.checked_in_at is not None:
        return Stance.IN
    if answer is Answer.REMOVED:
        return Stance.REMOVED
    if event.state != EventState.PUBLISHED.value or now >= event.ends_at:
        return Stance.OVER
    if now >= event.starts_at:
        return Stance.STARTED
    if invitation.offered_until is not None and invitation.offered_until <= now:
        return Stance.LAPSED
    return Stance(answer.value)


def has_seats(invitation: Invitation, stance: Stance) -> bool:
    """Tell whether a ticket is good for something: they are to come, or came, and it is not over."""
    is_on = stance in (Stance.ACCEPTED, Stance.STARTED, Stance.IN)
    return is_on and invitation.answer == Answer.ACCEPTED.value
