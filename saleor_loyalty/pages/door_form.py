"""What staff do at the door, and what the door answers."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.utils.datastructures import MultiValueDict

from saleor_loyalty.codes import LETTERS, SECRET_LENGTH
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import SeatsTaken
from saleor_loyalty.events.rules import AnswerInvalid
from saleor_loyalty.flows.check_in import CheckIn, Door, check_in, read_code, walk_in
from saleor_loyalty.flows.guest_list import GuestRow, find_guests
from saleor_loyalty.pages.layout import Shopfront
from saleor_loyalty.points.rules import InsufficientPoints

ACTOR = "door"
LONGEST_TYPED = 300
MOST_DIGITS = 3


class Trouble(StrEnum):
    """Why nothing was done: what was typed leads nowhere, or the member cannot come in."""

    NOTHING_TYPED = "nothing_typed"
    NOBODY = "nobody"
    NO_MEMBER = "no_member"
    NO_SEATS = "no_seats"
    NO_POINTS = "no_points"
    PARTY = "party"


@dataclass(kw_only=True)
class Answer:
    """What the door says: of one guest, or whom it found; and what was typed, where it is asked again."""

    door: Door | None = None
    invitation: Invitation | None = None
    found: list[GuestRow] = field(default_factory=list)
    trouble: Trouble | None = None
    free: int = 0
    typed: str = ""
    email: str = ""

    @property
    def is_refusal(self) -> bool:
        """Whether nobody came in by it."""
        return self.door not in (None, Door.WELCOME) or self.trouble is not None


def act(form: MultiValueDict[str, str], *, event: Event, front: Shopfront, now: datetime) -> Answer:
    """Do what a form of the door asks for: let in by a code, look for a name, or let in who comes without a seat."""
    seats = _number(form.get("seats"))
    if form.get("do") == "walk_in":
        return _walk_in(_text(form, "email"), seats or 1, event=event, front=front, now=now)
    typed = _text(form, "code")
    if not typed:
        return Answer(trouble=Trouble.NOTHING_TYPED)
    is_rest = form.get("do") == "rest"
    said = check_in(
        code=typed, actor=ACTOR, now=now, seats=seats, event_id=event.pk, is_rest=is_rest
    )
    if said.door is not Door.UNKNOWN:
        return _said(said)
    found = find_guests(event, text=typed, find_people=front.find_people)
    if not found and is_code(typed):
        return _said(said)
    return Answer(found=found, trouble=None if found else Trouble.NOBODY, typed=typed)


def is_code(text: str) -> bool:
    """Tell whether a text is a ticket's code, or an address with one, rather than a name."""
    code = read_code(text)
    has_digit = any(map(str.isdigit, text.rpartition("/")[2]))
    return len(code) == SECRET_LENGTH and set(code) <= set(LETTERS) and has_digit


def _walk_in(email: str, seats: int, *, event: Event, front: Shopfront, now: datetime) -> Answer:
    if not email:
        return Answer(trouble=Trouble.NOTHING_TYPED)
    member_id = front.find_member(email, event.program_id)
    answer = Answer(email=email)
    if member_id is None:
        answer.trouble = Trouble.NO_MEMBER
        return answer
    try:
        return _said(
            walk_in(event_id=event.pk, member_id=member_id, seats=seats, actor=ACTOR, now=now)
        )
    except SeatsTaken as error:
        answer.trouble, answer.free = Trouble.NO_SEATS, error.data["free"]
    except InsufficientPoints:
        answer.trouble = Trouble.NO_POINTS
    except AnswerInvalid:
        answer.trouble = Trouble.PARTY
    except LoyaltyError:
        answer.trouble = Trouble.NO_MEMBER
    return answer


def _said(said: CheckIn) -> Answer:
    return Answer(door=said.door, invitation=said.invitation)


def _text(form: MultiValueDict[str, str], name: str) -> str:
    return (form.get(name) or "").replace("\0", "").strip()[:LONGEST_TYPED]


def _number(text: str | None) -> int | None:
    """Return a number above 0, or None: all of the party."""
    return (int(text) or None) if text and text.isdecimal() and len(text) <= MOST_DIGITS else None
