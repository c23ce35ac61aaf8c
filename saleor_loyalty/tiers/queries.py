"""Reads of ladders, tiers and standings."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Q, QuerySet

from saleor_loyalty.earning.conditions import MemberTier
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program
from saleor_loyalty.tiers.evaluation import Standing
from saleor_loyalty.tiers.models import (
    BenefitGrant,
    Tier,
    TierChange,
    TierFactor,
    TierLadder,
    TierStanding,
)
from saleor_loyalty.tiers.rules import Amounts, Ladder, LadderTerms, Thresholds, TierRules


def tiers_of(*, program_ids: Iterable[int], using: str = "default") -> dict[int, list[Tier]]:
    """Return the tiers of programmes, lowest first, by programme id. One query."""
    rows = Tier.objects.using(using).filter(program__in=list(program_ids), deleted_at=None)
    found: dict[int, list[Tier]] = defaultdict(list)
    for tier in rows.order_by("position", "pk"):
        found[tier.program_id].append(tier)
    return found


def ladders_of(*, program_ids: Iterable[int], using: str = "default") -> dict[int, Ladder]:
    """Return the ladders of programmes that have one, by programme id. Two queries."""
    ids = set(program_ids)
    rows = TierLadder.objects.using(using).filter(program__in=ids).select_related("program")
    ladders = {row.program_id: row for row in rows}
    if not ladders:
        return {}
    tiers: dict[int, list[Tier]] = defaultdict(list)
    for tier in Tier.objects.using(using).filter(program__in=ladders):
        tiers[tier.program_id].append(tier)
    return {pk: ladder_of(row, tiers=tiers[pk]) for pk, row in ladders.items()}


def ladder_of(row: TierLadder, *, tiers: Collection[Tier]) -> Ladder:
    """Return a ladder from its rows; `tiers` with those that were deleted."""
    program: Program = row.program
    return Ladder(
        program_id=row.program_id,
        time_zone=program.time_zone,
        terms=LadderTerms.from_json(row.terms),
        tiers=tuple(tier_rules(tier) for tier in tiers if tier.deleted_at is None),
        replaced={tier.pk: tier.replaced_by_id for tier in tiers if tier.deleted_at is not None},
        version=row.version,
        terms_since=row.terms_since,
        strict_since=row.strict_since,
    )


def tier_rules(tier: Tier) -> TierRules:
    """Return a tier as evaluation sees it."""
    return TierRules(
        tier_id=tier.pk,
        name=tier.name,
        position=tier.position,
        thresholds=Thresholds.from_json(tier.thresholds),
        is_invitation_only=tier.is_invitation_only,
    )


def standing_of(row: TierStanding) -> Standing:
    """Return what a standing's row says."""
    return Standing(
        earned_id=row.earned_id,
        kept_on=row.kept_on,
        needed=needed_from_json(row.needed),
        qualified_from=row.qualified_from,
        version=row.version,
        grace_on=row.grace_on,
        is_warned=row.is_warned,
        assigned_id=row.assigned_id,
        assigned_on=row.assigned_on,
        is_pinned=row.is_pinned,
    )


def needed_from_json(data: dict[str, str] | None) -> Amounts | None:
    """Return amounts from plain data."""
    return None if data is None else {key: Decimal(value) for key, value in data.items()}


def standings_of(*, member_ids: Iterable[int], using: str = "default") -> dict[int, TierStanding]:
    """Return where members stand, by member id; who was never looked at is left out. One query."""
    return TierStanding.objects.using(using).in_bulk(list(member_ids))


def changes_of(*, member_id: int, using: str = "default") -> QuerySet[TierChange]:
    """Return what happened to a member's tier, and to those merged into them, newest first."""
    return TierChange.objects.using(using).filter(member__in=_with_merged([member_id]))


def _with_merged(member_ids: Collection[int]) -> QuerySet[Member, int]:
    """Return the ids of members and of those who were merged into them."""
    found = Member.objects.filter(Q(pk__in=member_ids) | Q(merged_into__in=member_ids))
    return found.values_list("pk", flat=True)


def grants_of_members(
    *, member_ids: Iterable[int], using: str = "default"
) -> dict[int, list[BenefitGrant]]:
    """Return the benefits that members got, oldest first, by member id. One query."""
    found: dict[int, list[BenefitGrant]] = defaultdict(list)
    for grant in BenefitGrant.objects.using(using).filter(member__in=list(member_ids)):
        found[grant.member_id].append(grant)
    return found


@dataclass(frozen=True)
class Presence:
    """A member at an instant."""

    member_id: int
    moment: datetime


def tiers_at(
    *, presences: Collection[Presence], using: str = "default"
) -> dict[Presence, MemberTier]:
    """Return the tier that was in force for members at instants, with its multiplier then.

    By what is on record: a change counts from its `since` on, however late an order is settled. Of
    members who were still to be merged then, the highest tier. Who had no tier is left out. At
    most three queries.
    """
    member_ids = {one.member_id for one in presences}
    if not member_ids:
        return {}
    # By member and part: what happened to the member, and to each who was merged into them.
    parts: dict[int, dict[int, list[TierChange]]] = defaultdict(lambda: defaultdict(list))
    rows = TierChange.objects.using(using).filter(member__in=_with_merged(member_ids))
    rows = rows.exclude(Q(from_tier=F("to_tier")) & Q(to_tier__isnull=False))
    for change in rows.select_related("member").order_by("since", "id").defer("details", "note"):
        for owner in {change.member_id, change.member.merged_into_id or change.member_id}:
            parts[owner][change.member_id].append(change)
    candidates: dict[Presence, set[int]] = {}
    for one in presences:
        lasts = (_last(changes, one) for changes in parts[one.member_id].values())
        candidates[one] = {tier_id for tier_id in lasts if tier_id is not None}
    if not any(candidates.values()):
        return {}
    tiers = Tier.objects.using(using).in_bulk(set().union(*candidates.values()))
    in_force = {
        one: max(some, key=lambda tier_id: tiers[tier_id].position)
        for one, some in candidates.items()
        if some
    }
    factors: dict[int, list[TierFactor]] = defaultdict(list)
    for factor in TierFactor.objects.using(using).filter(tier__in=tiers):
        factors[factor.tier_id].append(factor)
    return {
        one: MemberTier(
            tier_id=str(tier_id),
            name=tiers[tier_id].name,
            factor=factor_at(factors[tier_id], one.moment),
        )
        for one, tier_id in in_force.items()
    }


def _last(changes: Sequence[TierChange], one: Presence) -> int | None:
    """Return the tier to which the last of a member's changes led at an instant."""
    member = changes[0].member
    is_over = member.pk != one.member_id and (
        member.merged_at is None or member.merged_at <= one.moment
    )
    found = [row.to_tier_id for row in changes if row.since <= one.moment]
    return found[-1] if found and not is_over else None


def factor_at(factors: Iterable[TierFactor], moment: datetime) -> Decimal:
    """Return a tier's multiplier at an instant; 1 when there was none."""
    held = (
        one.factor
        for one in factors
        if one.valid_from <= moment and (one.valid_until is None or moment < one.valid_until)
    )
    return next(held, Decimal(1))


def latest_changes(*, member_ids: Iterable[int], using: str = "default") -> dict[int, TierChange]:
    """Return the change that put each member where they are, by member id. One query."""
    rows = TierChange.objects.using(using).filter(member__in=list(member_ids))
    moved = rows.exclude(Q(from_tier=F("to_tier")) & Q(to_tier__isnull=False))
    latest = moved.order_by("member_id", "-id").distinct("member_id")
    return {change.member_id: change for change in latest}
