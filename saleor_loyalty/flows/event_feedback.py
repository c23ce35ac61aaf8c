"""What guests do beside answering: they look at their invitation, and say how it was."""

from datetime import datetime

from django.db import transaction

from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.operations import EventNotFound
from saleor_loyalty.events.rules import (
    FEEDBACK_WANTED_FOR,
    MAX_FEEDBACK_SCORE,
    MAX_NOTE_LENGTH,
    AnswerInvalid,
    Closed,
    EventClosed,
)


def note_opened(*, invitation_id: int, now: datetime) -> None:
    """Note when a member looked at their invitation first."""
    Invitation.objects.filter(pk=invitation_id, opened_at=None).update(opened_at=now)


@transaction.atomic
def give_feedback(*, invitation_id: int, score: int, text: str = "", now: datetime) -> Invitation:
    """Note how an event was, from 1 to 5, with some words; a second time replaces the first.

    Raises:
        EventNotFound: there is no such invitation.
        EventClosed: they did not come, it is not over yet, or long ago.
        AnswerInvalid: the score or the words cannot be.

    """
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("event")
    invitation = rows.filter(pk=invitation_id).first()
    if invitation is None:
        raise EventNotFound(field="event")
    if invitation.checked_in_at is None:
        raise EventClosed(field="event", why=Closed.NOT_THERE)
    if now < invitation.event.ends_at:
        raise EventClosed(field="event", why=Closed.NOT_YET)
    if now > invitation.event.ends_at + FEEDBACK_WANTED_FOR:
        raise EventClosed(field="event", why=Closed.OVER)
    if not 1 <= score <= MAX_FEEDBACK_SCORE:
        raise AnswerInvalid(field="score", problem=f"must be 1 to {MAX_FEEDBACK_SCORE}")
    if len(text) > MAX_NOTE_LENGTH:
        problem = f"must have at most {MAX_NOTE_LENGTH} characters"
        raise AnswerInvalid(field="text", problem=problem)
    invitation.feedback_score, invitation.feedback_text = score, text.strip()
    invitation.feedback_at = now
    invitation.save(update_fields=["feedback_score", "feedback_text", "feedback_at"])
    return invitation
