"""Putting a member into a tier by hand."""

from dataclasses import replace
from datetime import date, datetime

from django.db import transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.evaluate_tiers import Look, lock_owners, look_at, write_looks
from saleor_loyalty.flows.member_mails import tell_of_tiers
from saleor_loyalty.members.models import Member
from saleor_loyalty.tiers.evaluation import Standing, decide
from saleor_loyalty.tiers.operations import TierNotFound
from saleor_loyalty.tiers.queries import ladders_of
from saleor_loyalty.tiers.rules import ChangeKind, Ladder

MAX_REASON_LENGTH = 1000
MAX_YEARS = 100


class AssignmentInvalid(LoyaltyError):
    """An input of an assignment makes no sense; `field` names it."""

    code = "assignment_invalid"


@transaction.atomic
def assign_tier(
    *,
    member_id: int,
    tier_id: int,
    reason: str,
    actor: str,
    now: datetime,
    until_on: date | None = None,
    is_pinned: bool = False,
) -> Member:
    """Put a member into a tier until the end of a day in the programme's zone (None: for good).

    They have at least that tier, and more if they earn it; pinned, exactly that tier. What they
    earned goes on beneath, and is what they have when it ends. A repeat changes nothing.

    Raises:
        MemberNotFound, TierNotFound: also a tier of another programme.
        AssignmentInvalid: no reason, or a day that is over or too far.

    """
    _check_reason(reason)
    member, ladder, look = _look(member_id, now=now)
    if tier_id not in ladder.by_id:
        raise TierNotFound(field="tier")
    if until_on is not None and until_on < look.today:
        raise AssignmentInvalid(field="until", problem="must not be over")
    if until_on is not None and until_on.year > look.today.year + MAX_YEARS:
        problem = f"must be in the next {MAX_YEARS} years, or empty: then it has no end"
        raise AssignmentInvalid(field="until", problem=problem)
    assigned = replace(look.before, assigned_id=tier_id, assigned_on=until_on, is_pinned=is_pinned)
    _write(look, assigned, ladder, kind=ChangeKind.ASSIGNED, reason=reason, actor=actor, now=now)
    return member


@transaction.atomic
def end_assignment(*, member_id: int, reason: str, actor: str, now: datetime) -> Member:
    """End what staff assigned: the member is where the ladder puts them. A repeat changes nothing.

    Raises:
        MemberNotFound, AssignmentInvalid: no reason.

    """
    _check_reason(reason)
    member, ladder, look = _look(member_id, now=now)
    freed = replace(look.before, assigned_id=None, assigned_on=None, is_pinned=False)
    kind = ChangeKind.ASSIGNMENT_ENDED
    _write(look, freed, ladder, kind=kind, reason=reason, actor=actor, now=now)
    return member


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= MAX_REASON_LENGTH:
        raise AssignmentInvalid(
            field="reason", problem=f"must have 1 to {MAX_REASON_LENGTH} characters"
        )


def _look(member_id: int, *, now: datetime) -> tuple[Member, Ladder, Look]:
    member = next(iter(lock_owners(member_ids=[member_id]).values()), None)
    if member is None:
        raise MemberNotFound(field="member_id")
    ladder = ladders_of(program_ids=[member.program_id]).get(member.program_id)
    if ladder is None:
        raise TierNotFound(field="tier")
    return member, ladder, look_at(members=[member], ladder=ladder, now=now)[0]


def _write(
    look: Look,
    wanted: Standing,
    ladder: Ladder,
    *,
    kind: ChangeKind,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Write a standing that staff asked for, with the look at the day that it is due anyway."""
    if wanted == look.before:
        return
    decision = decide(
        wanted, look.history, ladder=ladder, joined_on=look.joined_on, today=look.today
    )
    look = replace(look, decision=replace(decision, kind=kind))
    changes = write_looks([look], ladder=ladder, now=now, note=reason.strip(), actor=actor)
    tell_of_tiers(changes, now=now)
