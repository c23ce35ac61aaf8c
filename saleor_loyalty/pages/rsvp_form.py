"""What was typed on the page that accepts an invitation, and what of it cannot be right."""

from dataclasses import dataclass, field

from django.utils.datastructures import MultiValueDict

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.operations import SeatsTaken
from saleor_loyalty.events.rules import (
    MAX_GUEST_NAME_LENGTH,
    MAX_NOTE_LENGTH,
    AnswerInvalid,
    EventClosed,
)
from saleor_loyalty.flows.answer_invitations import Party
from saleor_loyalty.points.rules import InsufficientPoints

MOST_DIGITS = 3


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The fields of the page, as they stand in it. `names` has one for each guest who is allowed."""

    guests: int
    names: tuple[str, ...]
    dietary: str = ""
    access: str = ""


@dataclass(kw_only=True)
class Sent:
    """A form that came back: what was typed, and the party that it names, or its errors.

    `errors` are by field, each a code that `accept.html` has the words for.
    """

    typed: Typed
    party: Party | None = None
    errors: dict[str, str] = field(default_factory=dict)
    free: int = 0


def is_whole(form: MultiValueDict[str, str]) -> bool:
    """Tell whether a form came from the page, all of it: not cut, and not from elsewhere."""
    return form.get("form") == "accept" and form.get("end") == "1"


def read_form(form: MultiValueDict[str, str], *, guests_allowed: int) -> Sent:
    """Read the form of the page. Names of more guests than are chosen are left out."""
    chosen = form.get("guests", "0")
    count = int(chosen) if chosen.isdecimal() and len(chosen) <= MOST_DIGITS else -1
    typed = Typed(
        guests=max(count, 0),
        names=_padded([_line(name) for name in form.getlist("guest")], guests_allowed),
        dietary=_text(form, "dietary"),
        access=_text(form, "access"),
    )
    sent = Sent(typed=typed)
    if not 0 <= count <= guests_allowed:
        sent.errors["guests"] = "unknown"
    else:
        sent.party = Party(guests=typed.names[:count], dietary=typed.dietary, access=typed.access)
    return sent


def typed_of(invitation: Invitation, *, guests_allowed: int) -> Typed:
    """Return the fields as an invitation fills them."""
    return Typed(
        guests=min(invitation.seats - 1, guests_allowed),
        names=_padded(invitation.guests, guests_allowed),
        dietary=invitation.dietary,
        access=invitation.access,
    )


def note_refusal(sent: Sent, error: LoyaltyError) -> None:
    """Note beside its field why an answer was refused."""
    match error:
        case InsufficientPoints():
            sent.errors["guests"] = "points"
        case SeatsTaken():
            sent.errors["guests"], sent.free = "seats", error.data["free"]
        case EventClosed():
            sent.errors["event"] = "closed"
        case AnswerInvalid(field="guests"):
            sent.errors["names"] = "unreadable"
        case AnswerInvalid(field="dietary"):
            sent.errors["dietary"] = "too_long"
        case AnswerInvalid():
            sent.errors["access"] = "too_long"
        case _:
            sent.errors["event"] = "gone"


def _padded(names: list[str], length: int) -> tuple[str, ...]:
    return (*names[:length], *[""] * (length - len(names)))


def _line(text: str) -> str:
    return text.replace("\0", "").strip()[: MAX_GUEST_NAME_LENGTH * 2]


def _text(form: MultiValueDict[str, str], name: str) -> str:
    text = (form.get(name) or "").replace("\0", "").replace("\r\n", "\n").strip()
    return text[: MAX_NOTE_LENGTH * 2]
