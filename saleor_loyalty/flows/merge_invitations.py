"""What becomes of the invitations of a member who is merged into another."""

from collections.abc import Mapping
from datetime import datetime

from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import locked_event, move_line, unseat
from saleor_loyalty.events.rules import Answer, EventState
from saleor_loyalty.flows.event_mails import tell_of_steps
from saleor_loyalty.flows.event_prices import capture_price, hold_price, return_price
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.rules import InsufficientPoints

# Of two invitations to one event the better one stays.
BETTER_FIRST = (
    Answer.ACCEPTED,
    Answer.OFFERED,
    Answer.WAITING,
    Answer.INVITED,
    Answer.CANCELLED,
    Answer.DECLINED,
    Answer.REMOVED,
)


def release_prices(member: Member, into: Member, *, now: datetime) -> dict[int, int]:
    """Give back what a member's seats hold, so that all points can move; return it by invitation id.

    It locks all events of both, in the order of their ids. The caller holds the members' locks, and takes over the
    invitations in the same transaction.
    """
    concerned = Invitation.objects.filter(member__in=[member, into])
    events = {pk: locked_event(pk) for pk in sorted(set(concerned.values_list("event", flat=True)))}
    held = Invitation.objects.filter(member=member, price_points__gt=0, is_captured=False)
    prices = {}
    for invitation in held.select_for_update(of=("self",)).order_by("pk"):
        prices[invitation.pk] = return_price(invitation, events[invitation.event_id], now=now)
        invitation.save()
    return prices


def take_over_invitations(
    member: Member, into: Member, *, prices: Mapping[int, int], now: datetime
) -> None:
    """Let the other member have a merged one's invitations; what their seats held is held again.

    Of two to one event the better answer stays, and the other's seats are free. The caller has moved the points.
    """
    events = Invitation.objects.filter(member=member).values_list("event", flat=True)
    for event_id in sorted(set(events)):
        event = locked_event(event_id)
        rows = Invitation.objects.select_for_update(of=("self",)).filter(
            event=event, member__in=[member, into]
        )
        kept, *others = sorted(rows, key=_worth)
        for other in others:
            _drop(event, other, now=now)
        if kept.member_id == member.pk:
            kept.member = into
            _hold_again(event, kept, price_points=prices.get(kept.pk, 0), now=now)
        kept.calendar_sequence = max(one.calendar_sequence for one in (kept, *others))
        kept.save()
        tell_of_steps(move_line(event, now=now), event, now=now)


def _worth(invitation: Invitation) -> tuple[bool, int, int]:
    answer = BETTER_FIRST.index(Answer(invitation.answer))
    return invitation.checked_in_at is None, answer, invitation.pk


def _drop(event: Event, invitation: Invitation, *, now: datetime) -> None:
    """Free the seats of the lesser invitation; what it holds comes back, or is spent if that is over."""
    unseat(event, invitation)
    if event.state == EventState.DONE.value:
        capture_price(invitation, event, now=now)
    elif not invitation.is_captured:
        return_price(invitation, event, now=now)
    invitation.delete()


def _hold_again(event: Event, invitation: Invitation, *, price_points: int, now: datetime) -> None:
    """Hold a price once more; who owes points by now keeps the seat that they had."""
    try:
        hold_price(invitation, event, price_points=price_points or invitation.price_points, now=now)
    except InsufficientPoints:
        invitation.price_points = 0
