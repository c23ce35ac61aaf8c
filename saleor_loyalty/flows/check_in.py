"""At the door: who comes in, once, and what coming gives."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import locked_event
from saleor_loyalty.events.rules import Answer, EventState
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.member_mails import tell_of_tiers
from saleor_loyalty.flows.order_lots import expiring
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.queries import load_terms

DOORS_OPEN_BEFORE = timedelta(hours=3)
DOORS_CLOSE_AFTER = timedelta(hours=12)


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


@transaction.atomic
def check_in(
    *, code: str, actor: str, now: datetime, seats: int | None = None, event_id: int | None = None
) -> CheckIn:
    """Let in who shows a code, with their party (or with `seats` of it), and award coming once.

    With `event_id` a code of another event is unknown. It may be tried again and again: who is in
    is in, and points are given once ever.
    """
    wanted = Invitation.objects.filter(code=code.strip().upper().replace("-", "").replace(" ", ""))
    found = wanted.select_related("event").first()
    if found is None or (event_id is not None and found.event_id != event_id):
        return CheckIn(door=Door.UNKNOWN)
    lock_members(member_ids={found.member_id})
    event = locked_event(found.event_id)
    invitation = wanted.select_for_update(of=("self",)).get()
    if invitation.answer != Answer.ACCEPTED.value:
        return CheckIn(door=Door.NO_SEAT, invitation=invitation)
    if invitation.checked_in_at is not None:
        return CheckIn(door=Door.ALREADY_IN, invitation=invitation)
    if not _is_today(event, now):
        return CheckIn(door=Door.NOT_TODAY, invitation=invitation)
    invitation.checked_in_at, invitation.checked_in_by = now, actor
    invitation.checked_in_seats = min(seats or invitation.seats, invitation.seats)
    invitation.is_no_show = False
    invitation.save()
    award_coming(event, invitation, actor=actor, now=now)
    return CheckIn(door=Door.WELCOME, invitation=invitation)


def _is_today(event: Event, now: datetime) -> bool:
    """Whether the door is open: on the event's local days, and some hours before and after."""
    if event.state not in (EventState.PUBLISHED.value, EventState.DONE.value):
        return False
    if event.starts_at - DOORS_OPEN_BEFORE <= now <= event.ends_at + DOORS_CLOSE_AFTER:
        return True
    today = local_date(now, time_zone=event.time_zone)
    return today == local_date(event.starts_at, time_zone=event.time_zone) and now < event.ends_at


def award_coming(event: Event, invitation: Invitation, *, actor: str, now: datetime) -> None:
    """Give the points for coming, once ever. The caller holds the member's lock."""
    if not event.award_points:
        return
    terms = load_terms(program_ids=[event.program_id]).by_program[event.program_id]
    lot = expiring(terms.policy_at(now), earned_at=now, now=now, time_zone=terms.time_zone)
    posting = Award(
        program_id=event.program_id,
        member_id=invitation.member_id,
        key=f"event:{event.pk}:{invitation.member_id}:came",
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
