"""Programmes, as shoppers and staff read them."""

from typing import Any

import graphene
from django.utils import timezone
from prices import Money as PricesMoney
from saleor.graphql.channel.types import Channel
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import BaseField, ConnectionField, PermissionsField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.liability import LoyaltyLiability, OfProgram
from saleor_loyalty.graphql.loaders import (
    BudgetUseLoader,
    ChannelIdBySlugLoader,
    ChannelsByProgramIdLoader,
    ProgramByChannelIdLoader,
    RatesByProgramIdLoader,
    TermsByProgramIdLoader,
)
from saleor_loyalty.graphql.mailings import LoyaltyMailing, mailing_of
from saleor_loyalty.graphql.policies import LoyaltyPolicy
from saleor_loyalty.graphql.reward_loaders import LiabilityByProgramIdLoader
from saleor_loyalty.graphql.rewards import LoyaltyReward, rewards_on_show
from saleor_loyalty.graphql.spending_terms import LoyaltySpendingTerms, shown_terms
from saleor_loyalty.graphql.tier_loaders import LadderByProgramIdLoader, TiersByProgramIdLoader
from saleor_loyalty.graphql.tiers import LoyaltyTier, LoyaltyTierLadder
from saleor_loyalty.programs import models
from saleor_loyalty.programs.rules import Enrollment, PriceBasis
from saleor_loyalty.programs.spending import SpendingTerms
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyEnrollmentEnum = enum_of(Enrollment, name="LoyaltyEnrollmentEnum")
LoyaltyPriceBasisEnum = enum_of(PriceBasis, name="LoyaltyPriceBasisEnum")


class LoyaltyEarningRate(BaseObjectType):
    """What money earns and what a point is worth, in one currency."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    points_per_unit = PositiveDecimal(
        required=True, description="Points for one unit of the currency."
    )
    point_value = graphene.Field(Money, required=True, description="What one point is worth.")
    price_basis = graphene.Field(
        LoyaltyPriceBasisEnum,
        required=True,
        description="Whether prices with or without taxes earn.",
    )
    valid_from = DateTime(
        required=True, description="Orders placed from this instant on earn by this rate."
    )

    class Meta:
        description = "What money earns and what a point is worth, in one currency."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_point_value(root: models.EarningRate, _info: Any) -> PricesMoney:
        return PricesMoney(root.point_value, root.currency)


class LoyaltyProgram(ModelObjectType[models.Program]):
    """A loyalty programme."""

    id = graphene.GlobalID(required=True, description="ID of the programme.")
    name = graphene.String(required=True, description="Name of the programme.")
    points_name = graphene.String(
        required=True,
        description='What its points are called, e.g. "Stars". Empty: plainly "points".',
    )
    time_zone = graphene.String(
        required=True, description="IANA name of the zone that its dates are in."
    )
    enrollment = graphene.Field(
        LoyaltyEnrollmentEnum,
        required=True,
        description="Whether the first award makes a member, or only `loyaltyJoin`.",
    )
    guest_order_days = graphene.Int(
        required=True,
        description=(
            "A guest's order is credited to the confirmed account with its address, if that "
            "was made at most that many days after the order. 0: before it."
        ),
    )
    rates = NonNullList(
        LoyaltyEarningRate, required=True, description="The rates that are valid now."
    )
    tiers = NonNullList(
        LoyaltyTier, required=True, description="Its tiers, lowest first; empty without any."
    )
    ladder = graphene.Field(
        LoyaltyTierLadder, description="How its tiers work; null where it never had any."
    )
    rewards = NonNullList(
        LoyaltyReward,
        required=True,
        description="Its rewards that are on at the moment, in the catalogue's order.",
    )
    policy = graphene.Field(
        LoyaltyPolicy, required=True, description="How its points mature, expire and round."
    )
    spending = graphene.Field(
        LoyaltySpendingTerms, required=True, description="How its points pay at checkout."
    )
    budget_used_points = PermissionsField(
        graphene.Int,
        description="What was awarded of its budget in this period; null without a budget.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
    liability = PermissionsField(
        LoyaltyLiability,
        required=True,
        description="What it owes its members.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
    mailing = PermissionsField(
        LoyaltyMailing,
        required=True,
        description="How it sends its mails.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
    is_active = graphene.Boolean(required=True, description="Whether the programme is on.")
    channels = PermissionsField(
        NonNullList(Channel),
        required=True,
        description="Channels that the programme serves.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
    created_at = DateTime(required=True, description="When the programme was created.")

    class Meta:
        description = "A loyalty programme of the shop."
        interfaces = [graphene.relay.Node]
        model = models.Program
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_rates(root: models.Program, info: Any) -> Any:
        return RatesByProgramIdLoader(info.context).load(root.pk)

    @staticmethod
    def resolve_tiers(root: models.Program, info: Any) -> Any:
        return TiersByProgramIdLoader(info.context).load(root.pk)

    @staticmethod
    def resolve_ladder(root: models.Program, info: Any) -> Any:
        ladder = LadderByProgramIdLoader(info.context).load(root.pk)
        return ladder.then(lambda found: found.terms if found else None)

    @staticmethod
    def resolve_rewards(root: models.Program, info: Any) -> Any:
        return rewards_on_show(root.pk, info)

    @staticmethod
    def resolve_liability(root: models.Program, info: Any) -> Any:
        found = LiabilityByProgramIdLoader(info.context).load(root.pk)
        return found.then(lambda liability: OfProgram(liability, root.pk))

    @staticmethod
    def resolve_mailing(root: models.Program, info: Any) -> Any:
        return mailing_of(root.pk, info)

    @staticmethod
    def resolve_policy(root: models.Program, info: Any) -> Any:
        return _policy(root, info)

    @staticmethod
    def resolve_spending(root: models.Program, _info: Any) -> LoyaltySpendingTerms:
        return shown_terms(SpendingTerms.from_json(root.spending))

    @staticmethod
    def resolve_budget_used_points(root: models.Program, info: Any) -> Any:
        return _policy(root, info).then(
            lambda policy: None
            if policy.budget_points is None
            else BudgetUseLoader(info.context).load((root.pk, 0, policy.budget_period))
        )

    @staticmethod
    def resolve_channels(root: models.Program, info: Any) -> Any:
        return ChannelsByProgramIdLoader(info.context).load(root.pk)


def _policy(root: models.Program, info: Any) -> Any:
    terms = TermsByProgramIdLoader(info.context).load(root.pk)
    return terms.then(lambda found: found.policy_at(timezone.now()))


class LoyaltyProgramCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyProgram


def program_of_channel(slug: str, info: Any) -> Any:
    """Return (a promise of) the active programme of a channel; None without one."""
    return (
        ChannelIdBySlugLoader(info.context)
        .load(slug)
        .then(
            lambda channel_id: channel_id
            and ProgramByChannelIdLoader(info.context).load(channel_id)
        )
    )


class LoyaltyProgramQueries(graphene.ObjectType):
    """Queries about programmes."""

    loyalty_program = BaseField(
        LoyaltyProgram,
        channel=graphene.String(required=True, description="Slug of the channel."),
        description="The active loyalty programme of a channel, or null.",
        doc_category=DOC_CATEGORY,
    )
    loyalty_programs = ConnectionField(
        LoyaltyProgramCountableConnection,
        description="All loyalty programmes, also those that are switched off.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_program(_root: Any, info: Any, *, channel: str) -> Any:
        return program_of_channel(channel, info)

    @staticmethod
    @null_when_off
    def resolve_loyalty_programs(_root: Any, info: Any, **kwargs: Any) -> Any:
        using = get_database_connection_name(info.context)
        programs = models.Program.objects.using(using).all()
        return create_connection_slice(programs, info, kwargs, LoyaltyProgramCountableConnection)
