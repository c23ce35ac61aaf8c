"""At the door: who comes in, once, and what coming gives."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from saleor_loyalty.codes import new_code
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import (
    EventNotFound,
    SeatsTaken,
    locked_event,
    note_answer,
    seat,
)
from saleor_loyalty.events.rules import (
    DOORS_CLOSE_AFTER,
    DOORS_OPEN_BEFORE,
    Answer,
    AnswerInvalid,
    EventState,
    Source,
)
from saleor_loyalty.flows.answer_invitations import existing_invitation, locked_member
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.event_mails import tell_who_came
from saleor_loyalty.flows.event_prices import capture_price, hold_price
from saleor_loyalty.flows.member_mails import tell_of_tiers
from saleor_loyalty.flows.order_lots import expiring
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.queries import load_terms

NOTED_LATER_FOR = timedelta(days=14)
CODE_LETTERS = str.maketrans({"-": "", " ": "", "I": "1", "L": "1", "O": "0"})


class Door(StrEnum):
    """What the door says: welcome, already in, not today, no seat, unknown."""

    WELCOME = "welcome"
    ALREADY_IN = "already_in"
    NOT_TODAY = "not_today"
    NO_SEAT = "no_seat"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class CheckIn:
    """What the door says, and of which invitation."""

    door: Door
    invitation: Invitation | None = None


def read_code(text: str) -> str:
    """Return the code that was typed or scanned: the last part of an address, in capitals, misread letters mended."""
    return text.strip().rstrip("/").rpartition("/")[2].upper().translate(CODE_LETTERS)


@transaction.atomic
def check_in(
    *,
    code: str,
    actor: str,
    now: datetime,
    seats: int | None = None,
    event_id: int | None = None,
    is_later: bool = False,
    is_rest: bool = False,
) -> CheckIn:
    """Let in who shows a code, with their party (or with `seats` of it), and award coming once.

    With `event_id` a code of another event is unknown. `is_rest`: of a party that came in part the others come too. `is_later`: staff note after the event who came, up to two
    weeks. It may be tried again and again: who is in is in, and points are given once ever.

    Raises:
        AnswerInvalid: `seats` is below 1.

    """
    if seats is not None and seats < 1:
        raise AnswerInvalid(field="seats", problem="must be at least 1")
    wanted = Invitation.objects.filter(code=read_code(code))
    found = wanted.first()
    if found is None or (event_id is not None and found.event_id != event_id):
        return CheckIn(door=Door.UNKNOWN)
    member = locked_member(found.member_id)
    event = locked_event(found.event_id)
    invitation = existing_invitation(event, member)
    if invitation is None or invitation.pk != found.pk:
        return CheckIn(door=Door.UNKNOWN)
    door = door_of(invitation, event, now=now, is_later=is_later)
    if door is Door.WELCOME:
        _let_in(event, invitation, seats=seats, actor=actor, now=now)
    elif door is Door.ALREADY_IN and is_rest and _let_in_the_rest(invitation):
        door = Door.WELCOME
    return CheckIn(door=door, invitation=invitation)


def door_of(invitation: Invitation, event: Event, *, now: datetime, is_later: bool = False) -> Door:
    """Return what the door says of who has an invitation."""
    if invitation.checked_in_at is not None:
        return Door.ALREADY_IN
    if invitation.answer != Answer.ACCEPTED.value:
        return Door.NO_SEAT
    return Door.WELCOME if _is_open(event, now, is_later=is_later) else Door.NOT_TODAY


@transaction.atomic
def walk_in(*, event_id: int, member_id: int, seats: int, actor: str, now: datetime) -> CheckIn:
    """Let in a member who comes without a seat, if seats are free; they pay its price in points.

    Who has a seat is let in with it; whether the event is open to their tier is the staff's to say.

    Raises:
        MemberNotFound, EventNotFound: the event is of another programme, or is none.
        SeatsTaken: with `free`.
        InsufficientPoints: for the price.
        AnswerInvalid: a party of none, or larger than a member may bring.

    """
    member = locked_member(member_id)
    event = locked_event(event_id)
    if member.program_id != event.program_id:
        raise EventNotFound(field="event")
    if not 1 <= seats <= 1 + event.guests_allowed:
        raise AnswerInvalid(field="seats", problem=f"must be 1 to {1 + event.guests_allowed}")
    invitation = existing_invitation(event, member) or _new(event, member, now=now)
    if invitation.checked_in_at is not None:
        return CheckIn(door=Door.ALREADY_IN, invitation=invitation)
    if not _is_open(event, now, is_later=False):
        return CheckIn(door=Door.NOT_TODAY, invitation=invitation if invitation.pk else None)
    if invitation.answer != Answer.ACCEPTED.value:
        if not seat(event, invitation, seats=seats):
            raise SeatsTaken(field="seats", free=event.capacity - event.seats_taken)
        invitation.offered_until = invitation.waiting_since = None
        invitation.answered_at = now
        hold_price(invitation, event, price_points=event.price_points * seats, now=now)
        note_answer(invitation, Answer.ACCEPTED, now=now, actor=actor)
    _let_in(event, invitation, seats=seats, actor=actor, now=now)
    return CheckIn(door=Door.WELCOME, invitation=invitation)


def _new(event: Event, member: Member, *, now: datetime) -> Invitation:
    return Invitation(
        event=event,
        member=member,
        source=Source.WALK_IN.value,
        answer=Answer.INVITED.value,
        code=new_code(),
        invited_at=now,
        told_version=event.version,
    )


def _is_open(event: Event, now: datetime, *, is_later: bool) -> bool:
    """Tell whether the door is open: some hours before and after, and on the day of the start."""
    if event.state not in (EventState.PUBLISHED.value, EventState.DONE.value):
        return False
    closes_at = event.ends_at + (NOTED_LATER_FOR if is_later else DOORS_CLOSE_AFTER)
    if now > closes_at:
        return False
    today = local_date(now, time_zone=event.time_zone)
    starts_on = local_date(event.starts_at, time_zone=event.time_zone)
    return now >= event.starts_at - DOORS_OPEN_BEFORE or today == starts_on


def _let_in(
    event: Event, invitation: Invitation, *, seats: int | None, actor: str, now: datetime
) -> None:
    """Note that a party came, and give what coming gives. The caller holds the locks."""
    invitation.checked_in_at, invitation.checked_in_by = now, actor
    invitation.checked_in_seats = min(seats or invitation.seats, invitation.seats)
    invitation.is_no_show = False
    capture_price(invitation, event, now=now)
    if event.award_points:
        invitation.awarded_points = event.award_points
    invitation.save()
    if event.award_points:
        _award(event, invitation, actor=actor, now=now)
    if invitation.wound_up_at is not None:  # the others were thanked before
        tell_who_came(event, [invitation], now=now)


def _let_in_the_rest(invitation: Invitation) -> bool:
    """Note that the others of a party came too; return whether there were any."""
    if invitation.checked_in_seats >= invitation.seats:
        return False
    invitation.checked_in_seats = invitation.seats
    invitation.save(update_fields=["checked_in_seats"])
    return True


def _award(event: Event, invitation: Invitation, *, actor: str, now: datetime) -> None:
    terms = load_terms(program_ids=[event.program_id]).by_program[event.program_id]
    lot = expiring(terms.policy_at(now), earned_at=now, now=now, time_zone=terms.time_zone)
    posting = Award(
        program_id=event.program_id,
        member_id=invitation.member_id,
        key=f"event:{invitation.code}:came",
        reason=Reason.ACTIVITY_EARNED,
        effective_at=now,
        points=event.award_points,
        lot=lot,
        note=event.title,
        actor=actor,
        details={"event": event.pk, "title": event.title},
        is_qualifying=True,
        is_activity=True,
    )
    post(postings=[posting], now=now)
    tell_of_tiers(evaluate_tiers(member_ids=[invitation.member_id], now=now), now=now)
