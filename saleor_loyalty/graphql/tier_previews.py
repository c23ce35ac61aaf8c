"""Trying a ladder: who would move, before anybody does."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from saleor.graphql.core.types import BaseInputObjectType, BaseObjectType, NonNullList

from saleor_loyalty.flows.review_tiers import TierMove, preview_ladder
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import MemberByIdLoader
from saleor_loyalty.graphql.members import LoyaltyMember
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.tier_inputs import (
    DEMOTION,
    LoyaltyTierLadderInput,
    LoyaltyTierThresholdInput,
    ladder_changes,
    threshold,
)
from saleor_loyalty.graphql.tier_loaders import TierByIdLoader
from saleor_loyalty.graphql.tiers import LoyaltyTier, LoyaltyTierDemotionEnum
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.tiers.proposals import proposed_ladder
from saleor_loyalty.tiers.rules import Demotion, Ladder, Thresholds, TierRules


class LoyaltyTierPreviewTierInput(BaseInputObjectType):
    """A tier as it would be."""

    tier = graphene.ID(description="ID of the tier; null: a new one.")
    name = graphene.String(description="Its name; required for a new one.")
    threshold = LoyaltyTierThresholdInput(description="What it would take. Default: as now.")
    is_invitation_only = graphene.Boolean(
        description="Whether staff alone would put members into it. Default: as now."
    )

    class Meta:
        description = "A tier as it would be; what is left out stays as it is."
        doc_category = DOC_CATEGORY


class LoyaltyTierRemovalInput(BaseInputObjectType):
    """Where members of a tier would go."""

    tier = graphene.ID(required=True, description="ID of a tier that would be deleted.")
    move_to = graphene.ID(
        description="ID of the tier that its members would go to. Default: where they belong."
    )

    class Meta:
        description = "A tier that would be deleted, and where its members would go."
        doc_category = DOC_CATEGORY


class LoyaltyTierPreviewInput(BaseInputObjectType):
    """A ladder as it would be."""

    ladder = LoyaltyTierLadderInput(description="What would change of how tiers work.")
    tiers = NonNullList(
        LoyaltyTierPreviewTierInput,
        description=(
            "All tiers as they would be, lowest first; those left out would be deleted. "
            "Default: as they are."
        ),
    )
    removals = NonNullList(
        LoyaltyTierRemovalInput,
        description="Where members of deleted tiers would go, if not where they belong.",
    )
    demotion = LoyaltyTierDemotionEnum(description=DEMOTION)

    class Meta:
        description = "A ladder as it would be."
        doc_category = DOC_CATEGORY


class LoyaltyTierPreviewTier(BaseObjectType):
    """A tier's members before and after."""

    tier = graphene.Field(LoyaltyTier, description="The tier; null: a new one, or no tier.")
    name = graphene.String(required=True, description="Its name; empty: no tier.")
    members_before = graphene.Int(required=True, description="Members that it has now.")
    members_after = graphene.Int(required=True, description="Members that it would have.")

    class Meta:
        description = "How many members a tier has, and would have."
        doc_category = DOC_CATEGORY


class LoyaltyTierPreviewMove(BaseObjectType):
    """Members who would move."""

    from_tier = graphene.Field(LoyaltyTier, description="Where they are; null: in no tier.")
    to_tier = graphene.Field(
        LoyaltyTier, description="Where they would be; null: in a new tier, or in none."
    )
    to_name = graphene.String(required=True, description="Its name; empty: no tier.")
    members = graphene.Int(required=True, description="How many.")
    examples = NonNullList(LoyaltyMember, required=True, description="Up to five of them.")

    class Meta:
        description = "Members who would go from one tier to another."
        doc_category = DOC_CATEGORY


class LoyaltyTierPreviewResult(BaseObjectType):
    """Who would move."""

    tiers = NonNullList(
        LoyaltyTierPreviewTier, required=True, description="All tiers, lowest first, then none."
    )
    moves = NonNullList(
        LoyaltyTierPreviewMove, required=True, description="Who would move, the most first."
    )
    warned = graphene.Int(
        required=True, description="Members who would be warned, or have their grace period begin."
    )

    class Meta:
        description = "Who would move if a ladder were as it is proposed."
        doc_category = DOC_CATEGORY


class LoyaltyTierPreview(LoyaltyMutation):
    """Tries a ladder."""

    preview = graphene.Field(LoyaltyTierPreviewResult, description="Who would move.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        input = LoyaltyTierPreviewInput(required=True, description="The ladder to try.")

    class Meta:
        description = (
            "Tries a ladder: who would move if it held from now on. Nothing is written; the "
            "same function decides as when it is applied."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, input: dict[str, Any]) -> Any:
        removals = {
            cls.get_pk(one["tier"], only_type="LoyaltyTier", field="removals"): (
                cls.get_pk(one["move_to"], only_type="LoyaltyTier", field="removals")
                if one.get("move_to")
                else None
            )
            for one in input.get("removals") or ()
        }
        tiers = input.get("tiers")
        now = timezone.now()
        ladder = proposed_ladder(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            terms=ladder_changes(input.get("ladder")),
            tiers=None
            if tiers is None
            else [_proposal(cls, one, number) for number, one in enumerate(tiers)],
            removals=removals,
            demotion=Demotion(input.get("demotion") or Demotion.AT_REVIEW),
        )
        return cls(preview=_result(ladder, preview_ladder(ladder=ladder, now=now), info))


def _proposal(
    mutation: type[LoyaltyMutation], given: dict[str, Any], number: int
) -> tuple[TierRules, frozenset[str]]:
    """Return a tier as it would be, and which of its values were given."""
    pk = -1 - number
    if given.get("tier"):
        pk = mutation.get_pk(given["tier"], only_type="LoyaltyTier", field="tiers")
    elif not given.get("name"):
        raise ValidationError(
            {
                "tiers": ValidationError(
                    "A new tier needs a name.", code=LoyaltyErrorCode.REQUIRED.value
                )
            }
        )
    wanted = TierRules(
        tier_id=pk,
        name=given.get("name") or "",
        position=number,
        thresholds=threshold(given.get("threshold")) or Thresholds(),
        is_invitation_only=bool(given.get("is_invitation_only")),
    )
    names = {"threshold": "thresholds"}
    return wanted, frozenset(
        names.get(name, name) for name in dict.keys(given) if given[name] is not None
    )


def _result(ladder: Ladder, found: Any, info: Any) -> LoyaltyTierPreviewResult:
    order: list[int | None] = [
        tier.tier_id for tier in sorted(ladder.tiers, key=lambda one: one.position)
    ]
    order += [pk for pk in (*found.before, *found.after) if pk is not None and pk not in order]
    order = list(dict.fromkeys([*order, None]))

    def row(tier_id: int | None) -> LoyaltyTierPreviewTier:
        return LoyaltyTierPreviewTier(
            tier=_tier(tier_id, info),
            name=_name(ladder, tier_id, info),
            members_before=found.before.get(tier_id, 0),
            members_after=found.after.get(tier_id, 0),
        )

    def move(one: TierMove) -> LoyaltyTierPreviewMove:
        return LoyaltyTierPreviewMove(
            from_tier=_tier(one.from_id, info),
            to_tier=_tier(one.to_id, info),
            to_name=_name(ladder, one.to_id, info),
            members=one.count,
            examples=MemberByIdLoader(info.context).load_many(list(one.member_ids)),
        )

    return LoyaltyTierPreviewResult(
        tiers=[row(tier_id) for tier_id in order],
        moves=[move(one) for one in found.moves],
        warned=found.warned,
    )


def _tier(tier_id: int | None, info: Any) -> Any:
    is_there = tier_id is not None and tier_id > 0
    return TierByIdLoader(info.context).load(tier_id) if is_there else None


def _name(ladder: Ladder, tier_id: int | None, info: Any) -> Any:
    if tier_id is None:
        return ""
    if tier_id in ladder.by_id:
        return ladder.by_id[tier_id].name
    return TierByIdLoader(info.context).load(tier_id).then(lambda tier: tier.name if tier else "")
