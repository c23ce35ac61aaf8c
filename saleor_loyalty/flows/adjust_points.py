"""Adjusting a member's points by hand."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Sum
from django.db.models.functions import Abs

from saleor_loyalty.adjustments.models import Adjustment
from saleor_loyalty.adjustments.rules import (
    AdjustmentReason,
    AdjustmentStatus,
    check_adjustment,
)
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.member_mails import tell_of_tiers
from saleor_loyalty.flows.order_lots import expiring
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Award, Take, check_points
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.points.writing import IdempotencyConflict
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.queries import load_terms


class MemberNotFound(LoyaltyError):
    """There is no member with that id."""

    code = "member_not_found"


class AdjustmentNotFound(LoyaltyError):
    """There is no adjustment with that id that waits for a decision."""

    code = "adjustment_not_found"


class SamePerson(LoyaltyError):
    """Who asked for an adjustment cannot approve it."""

    code = "same_person"


@transaction.atomic
def adjust_points(
    *,
    member_id: int,
    points: int,
    reason: AdjustmentReason,
    note: str,
    actor: str,
    now: datetime,
    is_qualifying: bool = False,
    idempotency_key: str | None = None,
) -> Adjustment:
    """Give (`points` above 0) or take points by hand, for a reason in words that the member sees.

    `is_qualifying`: it counts for tiers too, not for the balance only. `actor` is "user:<id>" or
    "app:<id>". With an `idempotency_key` a repeated call does nothing. What goes beyond the
    programme's limit for one person and day waits for another person; nothing moves until then.
    Taking more than is available is refused.

    Raises:
        MemberNotFound, AdjustmentInvalid, PointsInvalid, InsufficientPoints,
        IdempotencyConflict: the key was used for another adjustment.

    """
    check_adjustment(note=note, idempotency_key=idempotency_key)
    check_points(abs(points))
    member = Member.objects.filter(pk=member_id).select_related("merged_into").first()
    if member is None:
        raise MemberNotFound(field="member_id")
    member = member.merged_into or member
    if idempotency_key is not None:
        _one_at_a_time(f"{member.program_id}:key:{idempotency_key}")
    _one_at_a_time(f"{member.program_id}:{actor}")
    asked = Adjustment(
        program_id=member.program_id,
        member=member,
        key=idempotency_key or str(uuid4()),
        points=points,
        reason=reason.value,
        note=note.strip(),
        is_qualifying=is_qualifying,
        status=AdjustmentStatus.APPLIED.value,
        requested_by=actor,
        requested_at=now,
    )
    asked.fingerprint = _fingerprint(asked)
    before = Adjustment.objects.filter(program=member.program_id, key=asked.key).first()
    if before is not None:
        if before.fingerprint != asked.fingerprint:
            raise IdempotencyConflict(field="idempotency_key", key=asked.key)
        return before
    if _exceeds_limit(asked, now=now):
        asked.status = AdjustmentStatus.WAITING.value
        asked.save()
        return asked
    asked.save()
    _apply(asked, now=now)
    return asked


@transaction.atomic
def decide_adjustment(
    *, adjustment_id: int, is_approved: bool, actor: str, now: datetime
) -> Adjustment:
    """Approve or reject an adjustment that waits. Only approving moves points.

    Raises:
        AdjustmentNotFound: there is none, or it was decided before.
        SamePerson: it is the actor's own.
        InsufficientPoints: the member does not have what would be taken.

    """
    waiting = Adjustment.objects.filter(pk=adjustment_id, status=AdjustmentStatus.WAITING.value)
    lock_members(member_ids=set(waiting.values_list("member", flat=True)))
    adjustment = waiting.select_for_update().first()
    if adjustment is None:
        raise AdjustmentNotFound(field="id")
    if adjustment.requested_by == actor:
        raise SamePerson(field="id")
    adjustment.status = (
        AdjustmentStatus.APPLIED if is_approved else AdjustmentStatus.REJECTED
    ).value
    adjustment.decided_by = actor
    adjustment.decided_at = now
    adjustment.save()
    if is_approved:
        _apply(adjustment, now=now)
    return adjustment


def _one_at_a_time(actor: str) -> None:
    """Lock an actor or a key, so that two calls cannot pass the same limit or key together."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('saleor_loyalty:adjust:' || %s, 0))",
            [actor],
        )


def _fingerprint(asked: Adjustment) -> str:
    wish = (asked.member_id, asked.points, asked.reason, asked.note, asked.is_qualifying)
    return hashlib.sha256(repr((*wish, asked.requested_by)).encode()).hexdigest()


def _exceeds_limit(asked: Adjustment, *, now: datetime) -> bool:
    """Tell whether somebody gives and takes more than they may alone on that day."""
    terms = load_terms(program_ids=[asked.program_id]).by_program[asked.program_id]
    asked.requested_on = local_date(now, time_zone=terms.time_zone)
    limit = terms.policy_at(now).adjustment_limit_points
    if limit is None:
        return False
    done = Adjustment.objects.filter(
        program=asked.program_id,
        requested_by=asked.requested_by,
        requested_on=asked.requested_on,
        decided_by="",
        status=AdjustmentStatus.APPLIED.value,
    ).aggregate(points=Sum(Abs("points")))["points"]
    return (done or 0) + abs(asked.points) > limit


def _apply(adjustment: Adjustment, *, now: datetime) -> None:
    reason = Reason.ADJUSTMENT
    if adjustment.reason == AdjustmentReason.GOODWILL:
        reason = Reason.GOODWILL
    common: dict[str, Any] = {
        "program_id": adjustment.program_id,
        "member_id": adjustment.member_id,
        "key": f"adjustment:{adjustment.key}",
        "reason": reason,
        "effective_at": now,
        "note": adjustment.note,
        "actor": adjustment.requested_by,
        "details": {"reason": adjustment.reason, "approved_by": adjustment.decided_by},
        "is_qualifying": adjustment.is_qualifying,
    }
    if adjustment.points < 0:
        post(postings=[Take(**common, points=-adjustment.points)], now=now)
        _follow_tiers(adjustment, now=now)
        return
    terms = load_terms(program_ids=[adjustment.program_id]).by_program[adjustment.program_id]
    lot = expiring(terms.policy_at(now), earned_at=now, now=now, time_zone=terms.time_zone)
    post(postings=[Award(**common, points=adjustment.points, lot=lot)], now=now)
    _follow_tiers(adjustment, now=now)


def _follow_tiers(adjustment: Adjustment, *, now: datetime) -> None:
    if adjustment.is_qualifying:
        tell_of_tiers(evaluate_tiers(member_ids=[adjustment.member_id], now=now), now=now)
