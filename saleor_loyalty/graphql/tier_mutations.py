"""Setting up tiers, and putting members into them by hand."""

from datetime import date
from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.scalars import Date
from saleor.graphql.core.types import NonNullList

from saleor_loyalty.flows.assign_tier import assign_tier, end_assignment
from saleor_loyalty.graphql.access import actor_of
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.members import LoyaltyMember
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.tier_inputs import (
    DEMOTION,
    LoyaltyTierInput,
    LoyaltyTierLadderInput,
    ladder_changes,
    tier_changes,
)
from saleor_loyalty.graphql.tier_previews import LoyaltyTierPreview
from saleor_loyalty.graphql.tiers import (
    LoyaltyTier,
    LoyaltyTierDemotionEnum,
    LoyaltyTierLadder,
)
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.wake import tiers_changed
from saleor_loyalty.tiers.operations import (
    create_tier,
    delete_tier,
    reorder_tiers,
    update_ladder,
    update_tier,
)
from saleor_loyalty.tiers.rules import Demotion, LadderTerms

APPLIED = "Members are looked at soon, within a minute at most."


class LoyaltyTierLadderUpdate(LoyaltyMutation):
    """Sets how tiers work."""

    ladder = graphene.Field(LoyaltyTierLadder, description="How the tiers work now.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        input = LoyaltyTierLadderInput(required=True, description="What to set.")
        demotion = LoyaltyTierDemotionEnum(description=DEMOTION)

    class Meta:
        description = f"Sets how a programme's tiers work. {APPLIED}"
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls, info: Any, *, program: str, input: dict[str, Any], demotion: str | None = None
    ) -> Any:
        ladder = update_ladder(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            terms=ladder_changes(input),
            demotion=Demotion(demotion or Demotion.AT_REVIEW),
            now=timezone.now(),
        )
        tiers_changed()
        return cls(ladder=LadderTerms.from_json(ladder.terms))


class LoyaltyTierCreate(LoyaltyMutation):
    """Creates a tier."""

    tier = graphene.Field(LoyaltyTier, description="The created tier.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        input = LoyaltyTierInput(
            required=True, description="Fields of the tier; name and threshold are required."
        )
        position = graphene.Int(
            description="Its place, from 0; those at it and above move up. Default: on top."
        )

    class Meta:
        description = f"Adds a tier to a programme's ladder. {APPLIED}"
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls, info: Any, *, program: str, input: dict[str, Any], position: int | None = None
    ) -> Any:
        tier = create_tier(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            changes=tier_changes(input),
            position=position,
            now=timezone.now(),
        )
        tiers_changed()
        return cls(tier=tier)


class LoyaltyTierUpdate(LoyaltyMutation):
    """Changes a tier."""

    tier = graphene.Field(LoyaltyTier, description="The changed tier.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the tier.")
        input = LoyaltyTierInput(required=True, description="Fields to change.")
        demotion = LoyaltyTierDemotionEnum(description=DEMOTION)

    class Meta:
        description = (
            "Changes a tier. A new multiplier holds for orders placed from now on, new "
            f"vouchers for those that are given from now on. {APPLIED}"
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, input: dict[str, Any], demotion: str | None = None) -> Any:
        tier = update_tier(
            tier_id=cls.get_pk(id, only_type="LoyaltyTier", field="id"),
            changes=tier_changes(input),
            demotion=Demotion(demotion or Demotion.AT_REVIEW),
            now=timezone.now(),
        )
        tiers_changed()
        return cls(tier=tier)


class LoyaltyTierReorder(LoyaltyMutation):
    """Puts tiers in another order."""

    tiers = NonNullList(LoyaltyTier, description="The tiers, lowest first.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        tiers = NonNullList(
            graphene.ID, required=True, description="IDs of all its tiers, lowest first."
        )

    class Meta:
        description = (
            "Puts a programme's tiers in another order; none may need less than one below it. "
            f"{APPLIED}"
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, tiers: list[str]) -> Any:
        ordered = reorder_tiers(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            tier_ids=[cls.get_pk(one, only_type="LoyaltyTier", field="tiers") for one in tiers],
            now=timezone.now(),
        )
        tiers_changed()
        return cls(tiers=ordered)


class LoyaltyTierDelete(LoyaltyMutation):
    """Deletes a tier."""

    tier = graphene.Field(LoyaltyTier, description="The deleted tier.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the tier.")
        move_to = graphene.ID(
            description="ID of the tier that its members go to. Default: to where they belong."
        )

    class Meta:
        description = (
            "Deletes a tier. Its members go to another, with the dates that they had, or to "
            f"where the ladder puts them. What it gave stays given. {APPLIED}"
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, move_to: str | None = None) -> Any:
        target = cls.get_pk(move_to, only_type="LoyaltyTier", field="move_to") if move_to else None
        tier = delete_tier(
            tier_id=cls.get_pk(id, only_type="LoyaltyTier", field="id"),
            move_to_id=target,
            now=timezone.now(),
        )
        tiers_changed()
        return cls(tier=tier)


class LoyaltyTierAssign(LoyaltyMutation):
    """Assigns a tier."""

    member = graphene.Field(LoyaltyMember, description="The member.")

    class Arguments:
        member_id = graphene.ID(required=True, description="ID of the member.")
        tier = graphene.ID(required=True, description="ID of the tier.")
        reason = graphene.String(
            required=True, description="Why, in words that the member may read."
        )
        until = Date(description="The last day of it; null: for good.")
        is_pinned = graphene.Boolean(
            default_value=False,
            description="Exactly this tier, not at least: the member neither rises nor falls.",
        )

    class Meta:
        description = (
            "Puts a member into a tier by hand, also into one by invitation. What the member "
            "earns goes on beneath, and is what they have when it ends."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls,
        info: Any,
        *,
        member_id: str,
        tier: str,
        reason: str,
        until: date | None = None,
        is_pinned: bool = False,
    ) -> Any:
        member = assign_tier(
            member_id=cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id"),
            tier_id=cls.get_pk(tier, only_type="LoyaltyTier", field="tier"),
            reason=reason,
            until_on=until,
            is_pinned=bool(is_pinned),
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        tiers_changed()
        return cls(member=member)


class LoyaltyTierAssignmentEnd(LoyaltyMutation):
    """Ends an assignment."""

    member = graphene.Field(LoyaltyMember, description="The member.")

    class Arguments:
        member_id = graphene.ID(required=True, description="ID of the member.")
        reason = graphene.String(
            required=True, description="Why, in words that the member may read."
        )

    class Meta:
        description = "Ends what staff assigned: the member is where the ladder puts them."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, member_id: str, reason: str) -> Any:
        member = end_assignment(
            member_id=cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id"),
            reason=reason,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        tiers_changed()
        return cls(member=member)


class LoyaltyTierMutations(graphene.ObjectType):
    """Mutations of tiers."""

    loyalty_tier_ladder_update = LoyaltyTierLadderUpdate.Field()
    loyalty_tier_create = LoyaltyTierCreate.Field()
    loyalty_tier_update = LoyaltyTierUpdate.Field()
    loyalty_tier_reorder = LoyaltyTierReorder.Field()
    loyalty_tier_delete = LoyaltyTierDelete.Field()
    loyalty_tier_preview = LoyaltyTierPreview.Field()
    loyalty_tier_assign = LoyaltyTierAssign.Field()
    loyalty_tier_assignment_end = LoyaltyTierAssignmentEnd.Field()
