"""Adjusting a member's points by hand."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.rules import Posting, Reason

MAX_NOTE_LENGTH = 1000
MAX_KEY_LENGTH = 100


class MemberNotFound(LoyaltyError):
    """There is no member with that id."""

    code = "member_not_found"


class AdjustmentInvalid(LoyaltyError):
    """The reason or the key of an adjustment is missing or too long; `field` names it."""

    code = "adjustment_invalid"


@transaction.atomic
def adjust_points(
    *,
    member_id: int,
    points: int,
    note: str,
    actor: str,
    now: datetime,
    idempotency_key: str | None = None,
) -> Member:
    """Give (`points` above 0) or take points by hand, for a reason in words that stays visible.

    With an `idempotency_key` a repeated call does nothing. Taking more than is available is
    refused. `actor` is "user:<id>" or "app:<id>".

    Raises:
        MemberNotFound, AdjustmentInvalid, PointsInvalid, InsufficientPoints,
        IdempotencyConflict: the key was used for another adjustment.

    """
    if not 1 <= len(note.strip()) <= MAX_NOTE_LENGTH:
        raise AdjustmentInvalid(field="reason", problem=f"needs 1 to {MAX_NOTE_LENGTH} characters")
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_KEY_LENGTH:
        raise AdjustmentInvalid(
            field="idempotency_key", problem=f"needs 1 to {MAX_KEY_LENGTH} characters"
        )
    member = Member.objects.filter(pk=member_id).first()
    if member is None:
        raise MemberNotFound(field="member_id")
    post(
        postings=[
            Posting(
                program_id=member.program_id,
                member_id=member.pk,
                key=f"adjustment:{idempotency_key or uuid4()}",
                points=points,
                reason=Reason.ADJUSTMENT,
                effective_at=now,
                note=note.strip(),
                actor=actor,
            )
        ],
        now=now,
    )
    return member
