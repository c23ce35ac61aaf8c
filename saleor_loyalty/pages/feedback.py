"""The page where a guest says how an event was."""

from dataclasses import dataclass

from django.utils import translation
from django.utils.translation import gettext

from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.rules import FEEDBACK_WANTED_FOR, MAX_NOTE_LENGTH, AnswerInvalid
from saleor_loyalty.flows.event_feedback import give_feedback
from saleor_loyalty.pages.layout import Page, Shopfront, Visit, render_page
from saleor_loyalty.pages.rsvp import Option, common
from saleor_loyalty.pages.visitors import Guest, find_guest, nobody, receive_guest


@dataclass(frozen=True, kw_only=True)
class Said:
    """What stands in the form; `score` 0: nothing is chosen."""

    score: int
    text: str


def feedback_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer a visit of the link that asks how it was; a POST says so, a second time in place of the first.

    `?score=4` in the address chooses, and says nothing yet.
    """
    return receive_guest(
        visit,
        purpose=LinkPurpose.FEEDBACK,
        front=front,
        answer=lambda guest: _answer(visit, guest, front=front),
    )


def _answer(visit: Visit, guest: Guest, *, front: Shopfront) -> Page:
    invitation = guest.invitation
    if visit.method != "POST":
        chosen = _score(visit.query.get("score")) or invitation.feedback_score or 0
        said = Said(score=chosen, text=invitation.feedback_text)
        return _show(visit, guest, front=front, said=said)
    text = (visit.form.get("text") or "").replace("\0", "").replace("\r\n", "\n").strip()
    said = Said(score=_score(visit.form.get("score")), text=text[: MAX_NOTE_LENGTH * 2])
    error = "" if said.score else "score"
    if visit.now < invitation.event.ends_at:
        error = "closed"
    if not error:
        try:
            give_feedback(
                invitation_id=invitation.pk, score=said.score, text=said.text, now=visit.now
            )
        except AnswerInvalid:
            error = "text"
        except LoyaltyError:
            error = "closed"
    now_is = find_guest(invitation.pk, front=front)
    if now_is is None:
        return nobody(visit, front=front)
    return _show(visit, now_is, front=front, said=said, error=error, is_news=not error)


def _show(
    visit: Visit,
    guest: Guest,
    *,
    front: Shopfront,
    said: Said,
    error: str = "",
    is_news: bool = False,
) -> Page:
    invitation = guest.invitation
    is_late = visit.now > invitation.event.ends_at + FEEDBACK_WANTED_FOR
    with translation.override(guest.visitor.language):
        return render_page(
            "feedback.html",
            front=front,
            language=guest.visitor.language,
            status=422 if error else 200,
            **common(guest, front=front, now=visit.now),
            came=invitation.checked_in_at is not None,
            is_early=visit.now < invitation.event.ends_at,
            is_late=is_late,
            options=[Option(value, name, value == said.score) for value, name in _scores()],
            text=said.text,
            error=error,
            has_said=invitation.feedback_score is not None,
            is_news=is_news,
        )


def _scores() -> list[tuple[int, str]]:
    return [
        (5, gettext("Wonderful")),
        (4, gettext("Good")),
        (3, gettext("All right")),
        (2, gettext("Not so good")),
        (1, gettext("Disappointing")),
    ]


def _score(text: str | None) -> int:
    """Return a score, 0 for none."""
    return int(text) if text in {"1", "2", "3", "4", "5"} else 0
