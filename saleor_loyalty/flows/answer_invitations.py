"""Members answer: they come, wait, decline or cancel; seats and points move with the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from saleor_loyalty.codes import new_code
from saleor_loyalty.events.models import Event, Invitation, InvitationStep
from saleor_loyalty.events.operations import (
    EventNotFound,
    SeatsTaken,
    locked_event,
    move_line,
    note_answer,
    seat,
    seats_of,
    unseat,
)
from saleor_loyalty.events.queries import closed_to, refundable_until
from saleor_loyalty.events.rules import (
    Answer,
    Closed,
    EventClosed,
    EventState,
    Source,
    check_party,
)
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.evaluate_tiers import lock_owners
from saleor_loyalty.flows.event_guests import (
    OrderPlaces,
    early_of,
    is_welcome,
    no_places,
    tiers_in_force,
)
from saleor_loyalty.flows.event_mails import tell_of_removal, tell_of_steps
from saleor_loyalty.flows.event_prices import capture_price, hold_price, return_price
from saleor_loyalty.members.models import Member

LEFT = frozenset({Answer.DECLINED, Answer.CANCELLED, Answer.REMOVED})
GIVES_UP = frozenset({Answer.ACCEPTED, Answer.WAITING})


@dataclass(frozen=True, kw_only=True)
class Party:
    """Who comes with a member, and what they need. A guest's name may be empty."""

    guests: Sequence[str] = ()
    dietary: str = ""
    access: str = ""


@transaction.atomic
def accept(
    *,
    member_id: int,
    event_id: int,
    party: Party,
    now: datetime,
    actor: str = "",
    places: OrderPlaces = no_places,
) -> Invitation:
    """Take seats for a member and their guests, or a place in the waiting list where none are free.

    Who was not invited can ask in where the audience is theirs. Accepting again changes the party: more seats are
    taken if they are free, and a party can get smaller until the event starts. Points are held with the
    seats, at the price of when they were taken first, and mails follow. A repeat changes nothing.

    Raises:
        MemberNotFound, EventNotFound: also where it is not for the member.
        EventClosed: with `why`.
        AnswerInvalid: the party makes no sense.
        SeatsTaken: the party has its seats and cannot grow.
        InsufficientPoints: for its price.

    """
    member = locked_member(member_id)
    event = locked_event(event_id)
    steps = move_line(event, now=now)
    invitation = _invitation(event, member, places=places, now=now)
    names = check_party(
        guests=party.guests,
        guests_allowed=max(event.guests_allowed, seats_of(invitation) - 1),
        dietary=party.dietary,
        access=party.access,
    )
    tier = tiers_in_force([member]).get(member.pk)
    wanted, had = 1 + len(names), seats_of(invitation)
    why = closed_to(event, invitation, now=now, early=early_of(tier))
    keeps_seats = invitation.answer == Answer.ACCEPTED.value and wanted <= had
    if why is not None and not (keeps_seats and why is Closed.REGISTRATION_OVER):
        raise EventClosed(field="event", why=why)
    was = Answer(invitation.answer), invitation.seats
    price = _price_of_a_seat(event, invitation)
    invitation.guests = list(names)
    invitation.dietary, invitation.access = party.dietary.strip(), party.access.strip()
    if seat(event, invitation, seats=wanted):
        answer = Answer.ACCEPTED
        invitation.offered_until = invitation.waiting_since = None
        hold_price(invitation, event, price_points=price * wanted, now=now)
    elif had:
        raise SeatsTaken(field="guests", free=event.capacity - event.seats_taken)
    else:
        answer = Answer.WAITING
        invitation.seats = wanted
        invitation.rank = tier.position if tier else -1
        invitation.waiting_since = invitation.waiting_since or now
    if (answer, wanted) == was and invitation.pk:
        invitation.save()
    else:
        invitation.answered_at, invitation.told_version = now, event.version
        steps.append(note_answer(invitation, answer, now=now, actor=actor))
    tell_of_steps([*steps, *move_line(event, now=now)], event, now=now)
    return invitation


@transaction.atomic
def decline(
    *, member_id: int, event_id: int, now: datetime, actor: str = "", note: str = ""
) -> Invitation:
    """Decline, or cancel what was accepted; the seats go to the next in the waiting list.

    Points come back until `Event.cancel_hours` before the start; later they are spent. It is possible until the event starts.
    A repeat changes nothing.

    Raises:
        MemberNotFound, EventNotFound: also where the member has no invitation.
        EventClosed: it has begun, is over or cancelled.

    """
    member = locked_member(member_id)
    event = locked_event(event_id)
    invitation = existing_invitation(event, member)
    if invitation is None:
        raise EventNotFound(field="event")
    if event.state != EventState.PUBLISHED.value:
        is_off = event.state == EventState.CANCELLED.value
        raise EventClosed(field="event", why=Closed.CANCELLED if is_off else Closed.NOT_PUBLISHED)
    if now >= event.starts_at:
        raise EventClosed(field="event", why=Closed.STARTED)
    if invitation.checked_in_at is not None:
        raise EventClosed(field="event", why=Closed.STARTED)
    was = Answer(invitation.answer)
    if was in LEFT:
        return invitation
    answer = Answer.CANCELLED if was in GIVES_UP else Answer.DECLINED
    keeps_price = now > refundable_until(event, invitation)
    step, points = vacate(
        event, invitation, answer, keeps_price=keeps_price, now=now, actor=actor, note=note
    )
    tell_of_steps([step], event, now=now, points_given_back=points)
    tell_of_steps(move_line(event, now=now), event, now=now)
    return invitation


@transaction.atomic
def remove_guest(*, invitation_id: int, actor: str, note: str, now: datetime) -> Invitation:
    """Take a member off an event, for staff: seats are free, and points come back. A repeat changes nothing.

    Raises:
        EventNotFound: there is no such invitation.
        EventClosed: they are in already.

    """
    found = Invitation.objects.filter(pk=invitation_id).first()
    if found is None:
        raise EventNotFound(field="id")
    member = locked_member(found.member_id)
    event = locked_event(found.event_id)
    invitation = existing_invitation(event, member)
    if invitation is None or invitation.answer == Answer.REMOVED.value:
        return invitation or found
    if invitation.checked_in_at is not None:
        raise EventClosed(field="id", why=Closed.STARTED)
    was = Answer(invitation.answer)
    step, points = vacate(
        event, invitation, Answer.REMOVED, keeps_price=False, now=now, actor=actor, note=note
    )
    if was in GIVES_UP or was is Answer.OFFERED:
        tell_of_removal(step, event, now=now, points=points)
    tell_of_steps(move_line(event, now=now), event, now=now)
    return invitation


def vacate(
    event: Event,
    invitation: Invitation,
    answer: Answer,
    *,
    keeps_price: bool,
    now: datetime,
    actor: str = "",
    note: str = "",
) -> tuple[InvitationStep, int]:
    """Free a party's seats, and spend its points or give them back; return the step, and how many came back.

    The caller holds the locks of the member and of the event.
    """
    unseat(event, invitation)
    points = 0
    if keeps_price:
        capture_price(invitation, event, now=now)
    else:
        points = return_price(invitation, event, now=now)
    invitation.offered_until = invitation.waiting_since = None
    invitation.answered_at = now
    return note_answer(invitation, answer, now=now, actor=actor, note=note), points


def locked_member(member_id: int) -> Member:
    """Lock a member and return who they are by now.

    Raises:
        MemberNotFound.

    """
    member = next(iter(lock_owners(member_ids=[member_id]).values()), None)
    if member is None:
        raise MemberNotFound(field="member_id")
    return member


def existing_invitation(event: Event, member: Member) -> Invitation | None:
    """Lock and return a member's invitation to an event, if there is one."""
    rows = Invitation.objects.select_for_update(of=("self",))
    return rows.filter(event=event, member=member).first()


def _invitation(event: Event, member: Member, *, places: OrderPlaces, now: datetime) -> Invitation:
    """Return a member's invitation; a new one, not written yet, where they may ask in."""
    found = existing_invitation(event, member)
    if found is not None and found.answer != Answer.REMOVED.value:
        return found
    is_visible = event.state in (EventState.PUBLISHED.value, EventState.CANCELLED.value)
    if found is not None or not is_visible or not is_welcome(event, member, places=places):
        raise EventNotFound(field="event")
    return Invitation(
        event=event,
        member=member,
        source=Source.ASKED.value,
        answer=Answer.INVITED.value,
        code=new_code(),
        invited_at=now,
    )


def _price_of_a_seat(event: Event, invitation: Invitation) -> int:
    """Return what a seat costs: to who has seats already as much as those did."""
    if invitation.answer == Answer.ACCEPTED.value:
        return invitation.price_points // invitation.seats
    return event.price_points
