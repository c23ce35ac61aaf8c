"""Members answer: they come, wait, decline or cancel; seats and points move with the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from saleor_loyalty.codes import new_code
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import (
    EventNotFound,
    SeatsTaken,
    lapse_offers,
    locked_event,
    note_answer,
    offer_free_seats,
    seat,
    seats_of,
    times_of,
    unseat,
)
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
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture, GiveBack, Posting, Void
from saleor_loyalty.points.rules import Reason


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
    taken if they are free. Points are held with the seats. A repeat changes nothing.

    Raises:
        MemberNotFound, EventNotFound: also where it is not for the member.
        EventClosed: with `why`.
        AnswerInvalid: the party makes no sense.
        SeatsTaken: the party has its seats and cannot grow.
        InsufficientPoints: for its price.

    """
    member = _locked_member(member_id)
    event = locked_event(event_id)
    lapse_offers(event, now=now)
    names = check_party(
        guests=party.guests,
        guests_allowed=event.guests_allowed,
        dietary=party.dietary,
        access=party.access,
    )
    invitation = _invitation(event, member, places=places, now=now)
    tier = tiers_in_force([member]).get(member.pk)
    _check_open(event, now=now, early=early_of(tier), invitation=invitation)
    had, was = seats_of(invitation), Answer(invitation.answer)
    invitation.guests = list(names)
    invitation.dietary, invitation.access = party.dietary.strip(), party.access.strip()
    wanted = 1 + len(names)
    invitation.answered_at = invitation.answered_at or now
    if seat(event, invitation, seats=wanted):
        invitation.offered_until = invitation.waiting_since = None
        _hold(event, invitation, seats=wanted, now=now)
        note_answer(invitation, Answer.ACCEPTED, now=now, actor=actor)
        offer_free_seats(event, now=now)
        return invitation
    if had:
        raise SeatsTaken(field="guests", free=event.capacity - event.seats_taken)
    invitation.seats = wanted
    invitation.rank = tier.position if tier else -1
    if was is not Answer.WAITING:
        invitation.waiting_since = now
    note_answer(invitation, Answer.WAITING, now=now, actor=actor)
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
    member = _locked_member(member_id)
    event = locked_event(event_id)
    invitation = _existing(event, member)
    if invitation is None:
        raise EventNotFound(field="event")
    if event.state != EventState.PUBLISHED.value:
        raise EventClosed(field="event", why=Closed.NOT_PUBLISHED)
    if now >= event.starts_at:
        raise EventClosed(field="event", why=Closed.STARTED)
    was = Answer(invitation.answer)
    if was in (Answer.DECLINED, Answer.CANCELLED, Answer.REMOVED):
        return invitation
    _leave(event, invitation, now=now, keeps_price=now > times_of(event).cancel_until)
    gave_up = was in (Answer.ACCEPTED, Answer.WAITING)
    answer = Answer.CANCELLED if gave_up else Answer.DECLINED
    note_answer(invitation, answer, now=now, actor=actor, note=note)
    offer_free_seats(event, now=now)
    return invitation


def _leave(event: Event, invitation: Invitation, *, now: datetime, keeps_price: bool) -> None:
    """Free an invitation's seats, and give its points back or spend them."""
    unseat(event, invitation)
    if keeps_price:
        capture_price(invitation, event, now=now)
    else:
        return_price(invitation, event, now=now)
    invitation.offered_until = invitation.waiting_since = None
    invitation.answered_at = now


def _locked_member(member_id: int) -> Member:
    member = next(iter(lock_owners(member_ids=[member_id]).values()), None)
    if member is None:
        raise MemberNotFound(field="member_id")
    return member


def _existing(event: Event, member: Member) -> Invitation | None:
    rows = Invitation.objects.select_for_update(of=("self",))
    return rows.filter(event=event, member=member).first()


def _invitation(event: Event, member: Member, *, places: OrderPlaces, now: datetime) -> Invitation:
    """Return a member's invitation; a new one, not written yet, where they may ask in."""
    found = _existing(event, member)
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


def _check_open(event: Event, *, now: datetime, early: Any, invitation: Invitation) -> None:
    why = times_of(event).closed(now, early=early)
    # Who was invited need not wait for the registration that is open to all.
    if why is Closed.NOT_YET and invitation.source != Source.ASKED.value:
        why = None
    if why is not None:
        raise EventClosed(field="event", why=why)


def hold_key(invitation: Invitation) -> str:
    """Return the key of the hold that pays for an invitation: each price has its own."""
    return f"event:{invitation.event_id}:{invitation.member_id}:{invitation.hold_number}"


def _common(invitation: Invitation, event: Event, *, now: datetime) -> dict[str, Any]:
    return {
        "program_id": event.program_id,
        "member_id": invitation.member_id,
        "effective_at": now,
        "note": event.title,
        "details": {"event": event.pk, "title": event.title},
    }


def _hold(event: Event, invitation: Invitation, *, seats: int, now: datetime) -> None:
    """Hold the price of a party in place of what is held for it."""
    price = event.price_points * seats
    if price == invitation.price_points and (price == 0 or invitation.hold_number):
        return
    postings: list[Posting] = []
    common = _common(invitation, event, now=now)
    if invitation.price_points:
        postings.append(_void(invitation, common))
    invitation.price_points = price
    if price:
        invitation.hold_number += 1
        postings.append(
            Authorize(**common, key=hold_key(invitation), reason=Reason.HELD, points=price)
        )
    post(postings=postings, now=now)


def _void(invitation: Invitation, common: dict[str, Any]) -> Void:
    key = hold_key(invitation)
    return Void(**common, key=f"{key}:released", hold_key=key, reason=Reason.RELEASED)


def return_price(invitation: Invitation, event: Event, *, now: datetime) -> None:
    """Give a party's points back, whether they are held or were spent already."""
    if not invitation.price_points:
        return
    common, key = _common(invitation, event, now=now), hold_key(invitation)
    posting: Posting = _void(invitation, common)
    if invitation.is_captured:
        posting = GiveBack(
            **common,
            key=f"{key}:back",
            hold_key=key,
            reason=Reason.RETURNED,
            points=invitation.price_points,
        )
    post(postings=[posting], now=now)
    invitation.price_points, invitation.is_captured = 0, False


def capture_price(invitation: Invitation, event: Event, *, now: datetime) -> None:
    """Spend a party's held points. A repeat does nothing."""
    if not invitation.price_points or invitation.is_captured:
        return
    key = hold_key(invitation)
    posting = Capture(
        **_common(invitation, event, now=now),
        key=f"{key}:spent",
        hold_key=key,
        reason=Reason.SPENT,
        is_activity=True,
    )
    post(postings=[posting], now=now)
    invitation.is_captured = True
