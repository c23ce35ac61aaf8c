"""What seats cost: points are held with the seats, spent when cancelling is too late, and given back."""

from datetime import datetime
from typing import Any

from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture, GiveBack, Posting, Void
from saleor_loyalty.points.rules import Reason


def hold_key(invitation: Invitation) -> str:
    """Return the key of the hold that pays for an invitation: each price has its own."""
    return f"event:{invitation.code}:{invitation.hold_number}"


def hold_price(invitation: Invitation, event: Event, *, price_points: int, now: datetime) -> None:
    """Hold the price of a party in place of what is held, or was spent, for it.

    The caller holds the member's lock, and writes the invitation.

    Raises:
        InsufficientPoints.

    """
    if price_points == invitation.price_points:
        return
    postings = _back(invitation, event, now=now)
    invitation.price_points, invitation.is_captured = price_points, False
    if price_points:
        invitation.hold_number += 1
        invitation.payer_id = invitation.member_id
        postings.append(
            Authorize(
                **_common(invitation, event, now=now),
                key=hold_key(invitation),
                reason=Reason.HELD,
                points=price_points,
            )
        )
    post(postings=postings, now=now)


def return_price(invitation: Invitation, event: Event, *, now: datetime) -> int:
    """Give a party's points back, whether they are held or were spent already; return how many."""
    points = invitation.price_points
    hold_price(invitation, event, price_points=0, now=now)
    return points


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


def _back(invitation: Invitation, event: Event, *, now: datetime) -> list[Posting]:
    if not invitation.price_points:
        return []
    common, key = _common(invitation, event, now=now), hold_key(invitation)
    if not invitation.is_captured:
        return [Void(**common, key=f"{key}:released", hold_key=key, reason=Reason.RELEASED)]
    return [
        GiveBack(
            **common,
            key=f"{key}:back",
            hold_key=key,
            reason=Reason.RETURNED,
            points=invitation.price_points,
        )
    ]


def _common(invitation: Invitation, event: Event, *, now: datetime) -> dict[str, Any]:
    return {
        "program_id": event.program_id,
        "member_id": invitation.payer_id,
        "effective_at": now,
        "note": event.title,
        "details": {"event": event.pk, "title": event.title},
    }
