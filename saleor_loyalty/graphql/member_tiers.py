"""A member's tier: what it is, why, until when, and what is missing."""

from datetime import date
from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.scalars import Date, DateTime
from saleor.graphql.core.types import BaseObjectType, NonNullList

from saleor_loyalty.flows.evaluate_tiers import Look
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.tier_changes import LoyaltyTierChange, tier_or_none
from saleor_loyalty.graphql.tier_loaders import (
    BenefitGrantsByMemberIdLoader,
    LatestTierChangeLoader,
    LookByMemberIdLoader,
    OpenCodeLoader,
    TierByIdLoader,
)
from saleor_loyalty.graphql.tiers import (
    LoyaltyTier,
    LoyaltyTierAmount,
    LoyaltyTierBenefit,
    LoyaltyTierMetricEnum,
    OfTier,
    amount_of,
)
from saleor_loyalty.tiers import models
from saleor_loyalty.tiers.benefits import VOUCHERS, Benefit
from saleor_loyalty.tiers.goals import Goal, keep_goal, next_goal
from saleor_loyalty.tiers.rules import Ladder, Metric
from saleor_loyalty.tiers.windows import near_on, window_ending


class Stand:
    """A member's look at their ladder, with what the API derives from it."""

    def __init__(self, ladder: Ladder, look: Look) -> None:
        self.ladder = ladder
        self.look = look

    def goal(self, *, is_next: bool) -> "Aim | None":
        """Return what is missing to the next tier, or to keep the one in force."""
        find = next_goal if is_next else keep_goal
        look = self.look
        found = find(
            look.before,
            look.history,
            ladder=self.ladder,
            joined_on=look.joined_on,
            today=look.today,
        )
        return Aim(found, self.ladder.terms.metric) if found else None

    @property
    def until_on(self) -> date | None:
        """Return the last day on which the tier in force is certain."""
        return self.look.before.ends_on(self.ladder)


class Aim:
    """A goal, and what it is counted in."""

    def __init__(self, goal: Goal, metric: Metric) -> None:
        self.goal = goal
        self.metric = metric


class LoyaltyNextTier(BaseObjectType):
    """The way to the next tier."""

    tier = graphene.Field(LoyaltyTier, required=True, description="The next tier.")
    missing = graphene.Field(LoyaltyTierAmount, required=True, description="What is missing.")
    progress = graphene.Int(
        required=True, description="How much is there, in percent; 100 only when it is met."
    )
    by = Date(description="The last day that counts, where there is one.")

    class Meta:
        description = "What is missing to the next tier."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_tier(root: Aim, info: Any) -> Any:
        return TierByIdLoader(info.context).load(root.goal.tier.tier_id)

    @staticmethod
    def resolve_missing(root: Aim, _info: Any) -> LoyaltyTierAmount:
        return amount_of(root.metric, root.goal.missing)

    @staticmethod
    def resolve_progress(root: Aim, _info: Any) -> int:
        return root.goal.percent

    @staticmethod
    def resolve_by(root: Aim, _info: Any) -> date | None:
        return root.goal.by


class LoyaltyToKeepTier(BaseObjectType):
    """What keeps a tier."""

    missing = graphene.Field(LoyaltyTierAmount, required=True, description="What is missing.")
    progress = graphene.Int(required=True, description="How much is there, in percent.")
    counts_from = Date(description="The first day that counts for it.")
    by = Date(required=True, description="The last day that counts for it.")

    class Meta:
        description = "What is missing to keep the tier beyond its end."
        doc_category = DOC_CATEGORY

    resolve_missing = LoyaltyNextTier.resolve_missing
    resolve_progress = LoyaltyNextTier.resolve_progress
    resolve_by = LoyaltyNextTier.resolve_by

    @staticmethod
    def resolve_counts_from(root: Aim, _info: Any) -> date | None:
        return _or_none(root.goal.days.first)


def _or_none(on: date) -> date | None:
    return None if on == date.min else on


class LoyaltyTierVoucher(BaseObjectType):
    """A voucher that a tier gives."""

    code = graphene.String(required=True, description="Code for the checkout.")
    benefit = graphene.Field(
        LoyaltyTierBenefit, required=True, description="What it is, as it was when it was given."
    )
    is_open = graphene.Boolean(
        required=True, description="Whether it can still be used; false once it was."
    )
    valid_from = DateTime(required=True, description="From when it can be used.")
    valid_until = DateTime(description="Until when, exclusive; null: for ever.")

    class Meta:
        description = "A voucher of the shop that the member's tier gave, good for one order."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_is_open(root: models.BenefitGrant, info: Any) -> Any:
        return OpenCodeLoader(info.context).load(root.code)

    @staticmethod
    def resolve_benefit(root: models.BenefitGrant, _info: Any) -> OfTier:
        return OfTier(Benefit.from_json(root.benefit), root.tier_id)


class LoyaltyTierExplanation(BaseObjectType):
    """Why a member is where they are."""

    change = graphene.Field(
        LoyaltyTierChange, description="What put the member there; null: nothing ever did."
    )
    metric = graphene.Field(LoyaltyTierMetricEnum, required=True, description="What counts.")
    counted = graphene.Field(
        LoyaltyTierAmount, required=True, description="How much of it counts today."
    )
    counts_from = Date(description="The first day that counts today; null: all of them.")
    earned_tier = graphene.Field(
        LoyaltyTier, description="The tier that this led to, beneath what staff assigned."
    )
    assigned_tier = graphene.Field(LoyaltyTier, description="The tier that staff assigned.")
    assigned_until = Date(description="The last day of that; null: for good.")
    is_pinned = graphene.Boolean(
        required=True, description="Whether the assigned tier neither rises nor falls."
    )
    due_tier = graphene.Field(
        LoyaltyTier, description="The tier that a look at the member this moment would give."
    )
    next_look_on = Date(description="When time alone may change something next.")

    class Meta:
        description = "Why a member is in a tier, or in none: what counts, and who decided what."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_change(root: Stand, info: Any) -> Any:
        return LatestTierChangeLoader(info.context).load(root.look.member.pk)

    @staticmethod
    def resolve_metric(root: Stand, _info: Any) -> str:
        return root.ladder.terms.metric

    @staticmethod
    def resolve_counted(root: Stand, _info: Any) -> LoyaltyTierAmount:
        window = _window(root)
        return amount_of(root.ladder.terms.metric, root.look.history.within(window))

    @staticmethod
    def resolve_counts_from(root: Stand, _info: Any) -> date | None:
        return _or_none(_window(root).first)

    @staticmethod
    def resolve_earned_tier(root: Stand, info: Any) -> Any:
        return tier_or_none(root.look.before.earned_id, info)

    @staticmethod
    def resolve_assigned_tier(root: Stand, info: Any) -> Any:
        return tier_or_none(root.look.before.assigned_id, info)

    @staticmethod
    def resolve_assigned_until(root: Stand, _info: Any) -> date | None:
        return root.look.before.assigned_on

    @staticmethod
    def resolve_is_pinned(root: Stand, _info: Any) -> bool:
        return root.look.before.is_pinned

    @staticmethod
    def resolve_due_tier(root: Stand, info: Any) -> Any:
        return tier_or_none(root.look.decision.tier_id, info)

    @staticmethod
    def resolve_next_look_on(root: Stand, _info: Any) -> date | None:
        return root.look.decision.next_on


def _window(root: Stand) -> Any:
    look = root.look
    return window_ending(look.today, terms=root.ladder.terms, joined_on=look.joined_on)


class LoyaltyMemberTier(BaseObjectType):
    """The tier of a member."""

    tier = graphene.Field(LoyaltyTier, required=True, description="The tier.")
    name = graphene.String(required=True, description="Its name.")
    since = DateTime(required=True, description="Since when the member is in it.")
    until = Date(
        description="The last day on which it is certain, in the programme's zone; null: no end in sight."
    )
    is_grace = graphene.Boolean(
        required=True,
        description="Whether the member is in the grace period, which ends with `until`.",
    )
    warned_from = Date(
        description=(
            "From which day on the member is warned that it ends: the ladder's notice before, or half "
            "of the time that a tier is kept. Null: it is not to end, or there is no notice."
        )
    )
    is_assigned = graphene.Boolean(required=True, description="Whether staff assigned it.")
    benefits = NonNullList(LoyaltyTierBenefit, required=True, description="What it gives.")

    class Meta:
        description = "The tier that a member is in."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_tier(root: Stand, info: Any) -> Any:
        return tier_or_none(root.look.before_id, info)

    @staticmethod
    def resolve_name(root: Stand, info: Any) -> Any:
        return tier_or_none(root.look.before_id, info).then(lambda tier: tier.name)

    @staticmethod
    def resolve_since(root: Stand, _info: Any) -> Any:
        return root.look.row and root.look.row.since

    @staticmethod
    def resolve_until(root: Stand, _info: Any) -> date | None:
        return root.until_on

    @staticmethod
    def resolve_is_grace(root: Stand, _info: Any) -> bool:
        grace_on = root.look.before.grace_on
        return grace_on is not None and grace_on == root.until_on

    @staticmethod
    def resolve_warned_from(root: Stand, _info: Any) -> date | None:
        aim = root.goal(is_next=False)
        terms = root.ladder.terms
        if aim is None or aim.goal.by is None or aim.goal.percent == FULL or not terms.notice_days:
            return None
        return near_on(aim.goal.by, terms=terms)

    @staticmethod
    def resolve_is_assigned(root: Stand, _info: Any) -> bool:
        assigned = root.ladder.tier(root.look.before.assigned_id)
        return assigned is not None and assigned.tier_id == root.look.before_id

    @staticmethod
    def resolve_benefits(root: Stand, info: Any) -> Any:
        return tier_or_none(root.look.before_id, info).then(
            lambda tier: LoyaltyTier.resolve_benefits(tier, info)
        )


FULL = 100


def stand_of(member_id: int, info: Any) -> Any:
    """Return (a promise of) where a member stands; None where there is no ladder."""
    return (
        LookByMemberIdLoader(info.context)
        .load(member_id)
        .then(lambda found: Stand(*found) if found else None)
    )


def tier_of(member_id: int, info: Any) -> Any:
    """Return (a promise of) where a member stands who is in a tier; None for the others."""
    return stand_of(member_id, info).then(
        lambda stand: stand if stand and stand.look.before_id is not None else None
    )


def aim_of(member_id: int, info: Any, *, is_next: bool) -> Any:
    """Return (a promise of) what a member is missing."""
    return stand_of(member_id, info).then(lambda stand: stand and stand.goal(is_next=is_next))


def vouchers_of(member_id: int, info: Any) -> Any:
    """Return (a promise of) the vouchers that tiers gave a member and that are not over."""

    def usable(grants: list[models.BenefitGrant]) -> list[models.BenefitGrant]:
        now = timezone.now()
        return [
            grant
            for grant in grants
            if grant.code
            and Benefit.from_json(grant.benefit).kind in VOUCHERS
            and (grant.valid_until is None or now < grant.valid_until)
        ]

    return BenefitGrantsByMemberIdLoader(info.context).load(member_id).then(usable)
