"""What members redeemed or were given, as they and staff read it."""

from typing import Any

import graphene
from prices import Money as PricesMoney
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField, PermissionsField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import (
    BaseEnum,
    BaseInputObjectType,
    BaseObjectType,
    Money,
    NonNullList,
    SortInputObjectType,
)
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.core.utils import from_global_id_or_error

from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.loaders import MemberByIdLoader, SettledOrderByOrderIdLoader
from saleor_loyalty.graphql.reward_loaders import RewardByIdLoader, StepsByRedemptionIdLoader
from saleor_loyalty.graphql.rewards import (
    STAFF,
    LoyaltyReward,
    LoyaltyRewardKindEnum,
    product_ids_of,
    variant_id_of,
)
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.rewards import models
from saleor_loyalty.rewards.queries import all_redemptions
from saleor_loyalty.rewards.rules import RedemptionState, RewardContent, RewardKind
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyRedemptionStateEnum = enum_of(RedemptionState, name="LoyaltyRedemptionStateEnum")


class LoyaltyRedemptionStep(BaseObjectType):
    """A step."""

    state = graphene.Field(
        LoyaltyRedemptionStateEnum, required=True, description="The state it went into."
    )
    at = DateTime(required=True, description="When.")
    note = graphene.String(
        required=True, description="What was said about it; the member can read it."
    )
    actor = PermissionsField(
        graphene.String,
        required=True,
        description='Who did it: "user:<id>", "app:<id>", or empty for the programme itself.',
        permissions=STAFF,
    )

    class Meta:
        description = "Something that happened to what a member redeemed."
        doc_category = DOC_CATEGORY


class LoyaltyRedemption(ModelObjectType[models.Redemption]):
    """A redemption."""

    id = graphene.GlobalID(required=True, description="ID of the redemption.")
    reward = graphene.Field(
        LoyaltyReward, required=True, description="The reward as it is today, or was at last."
    )
    member = graphene.Field(
        "saleor_loyalty.graphql.members.LoyaltyMember",
        required=True,
        description="The member who has it.",
    )
    name = graphene.String(required=True, description="The reward's name when it was redeemed.")
    kind = graphene.Field(LoyaltyRewardKindEnum, required=True, description="What it is.")
    state = graphene.Field(
        LoyaltyRedemptionStateEnum, required=True, description="What became of it."
    )
    code = graphene.String(
        required=True,
        description=(
            "The code for the checkout; empty where there is none, and for a gift of a rule "
            "until it is made, within a minute."
        ),
    )
    amount = graphene.Field(Money, description="How much it is; null where its kind has no amount.")
    minimum_amount = graphene.Field(
        Money, description="What an order must be worth for it; null: nothing."
    )
    percentage = PositiveDecimal(description="How much it takes off; null for other kinds.")
    variant_id = graphene.ID(description="ID of the variant that comes for nothing.")
    product_ids = NonNullList(
        graphene.ID, required=True, description="IDs of the products that it gives access to."
    )
    valid_until = DateTime(description="Until when it is good, exclusive; null: for ever.")
    price_points = graphene.Int(required=True, description="Points that were paid; 0 for a gift.")
    is_gift = graphene.Boolean(required=True, description="Whether it was given without points.")
    reason = graphene.String(
        required=True, description="Why it was given; the member can read it. Empty if it was not."
    )
    created_at = DateTime(required=True, description="When it was redeemed or given.")
    order_id = graphene.ID(description="ID of the order that used it.")
    order_number = graphene.String(description="Number of the order that used it.")
    steps = NonNullList(
        LoyaltyRedemptionStep, required=True, description="What happened to it, oldest first."
    )
    actor = PermissionsField(
        graphene.String,
        required=True,
        description='Who gave it: "user:<id>", "app:<id>" or "rule:<id>"; empty if nobody did.',
        permissions=STAFF,
    )

    class Meta:
        description = "A reward that a member redeemed, or was given."
        interfaces = [graphene.relay.Node]
        model = models.Redemption
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_reward(root: models.Redemption, info: Any) -> Any:
        return RewardByIdLoader(info.context).load(root.reward_id)

    @staticmethod
    def resolve_member(root: models.Redemption, info: Any) -> Any:
        return MemberByIdLoader(info.context).load(root.member_id)

    @staticmethod
    def resolve_amount(root: models.Redemption, _info: Any) -> PricesMoney | None:
        return _money(_content(root).amounts, root.currency)

    @staticmethod
    def resolve_minimum_amount(root: models.Redemption, _info: Any) -> PricesMoney | None:
        return _money(_content(root).minimum_amounts, root.currency)

    @staticmethod
    def resolve_percentage(root: models.Redemption, _info: Any) -> Any:
        return _content(root).percentage

    @staticmethod
    def resolve_variant_id(root: models.Redemption, _info: Any) -> str | None:
        return variant_id_of(_content(root))

    @staticmethod
    def resolve_product_ids(root: models.Redemption, _info: Any) -> list[str]:
        return product_ids_of(_content(root))

    @staticmethod
    def resolve_price_points(root: models.Redemption, _info: Any) -> int:
        return 0 if root.is_gift else root.price_points

    @staticmethod
    def resolve_order_id(root: models.Redemption, _info: Any) -> str | None:
        return graphene.Node.to_global_id("Order", root.order_id) if root.order_id else None

    @staticmethod
    def resolve_order_number(root: models.Redemption, info: Any) -> Any:
        def number(order: SettledOrder | None) -> str | None:
            return order.order_number if order else None

        if not root.order_id:
            return None
        return SettledOrderByOrderIdLoader(info.context).load(root.order_id).then(number)

    @staticmethod
    def resolve_steps(root: models.Redemption, info: Any) -> Any:
        return StepsByRedemptionIdLoader(info.context).load(root.pk)


def _content(redemption: models.Redemption) -> RewardContent:
    return RewardContent.from_json(redemption.content)


def _money(amounts: Any, currency: str) -> PricesMoney | None:
    return PricesMoney(amounts[currency], currency) if currency in amounts else None


class LoyaltyRedemptionCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyRedemption


class LoyaltyRedemptionFilterInput(BaseInputObjectType):
    """Which redemptions to list."""

    program = graphene.ID(description="Of this programme.")
    member = graphene.ID(description="Of this member.")
    states = NonNullList(LoyaltyRedemptionStateEnum, description="In one of these states.")
    kinds = NonNullList(LoyaltyRewardKindEnum, description="Of one of these kinds.")
    search = graphene.String(
        description="Parts of the reward's name or of the customer's address or name, or a code."
    )

    class Meta:
        description = "Which redemptions to list."
        doc_category = DOC_CATEGORY


class LoyaltyRedemptionSortField(BaseEnum):
    CREATED_AT = ["pk"]

    class Meta:
        doc_category = DOC_CATEGORY

    @property
    def description(self) -> str:
        return "Sort redemptions by when they were made."


class LoyaltyRedemptionSortingInput(SortInputObjectType):
    class Meta:
        doc_category = DOC_CATEGORY
        sort_enum = LoyaltyRedemptionSortField
        type_name = "redemptions"


class LoyaltyRedemptionQueries(graphene.ObjectType):
    """Queries about redemptions."""

    loyalty_redemptions = ConnectionField(
        LoyaltyRedemptionCountableConnection,
        filter=LoyaltyRedemptionFilterInput(description="Which redemptions to list."),
        sort_by=LoyaltyRedemptionSortingInput(description="Sort redemptions."),
        description=(
            "What members redeemed and were given, newest first. Sorted the other way, with the "
            "states ORDERED and IN_PROGRESS, it is the queue of what is to be fulfilled."
        ),
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_redemptions(
        _root: Any, info: Any, *, filter: dict[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        criteria = filter or {}
        ids: dict[str, int | None] = {}
        for name, kind in (("program", "LoyaltyProgram"), ("member", "LoyaltyMember")):
            ids[name] = None
            if criteria.get(name):
                _, pk = from_global_id_or_error(criteria[name], kind, raise_error=True)
                ids[name] = int(pk) if pk.isdecimal() else 0
        rows = all_redemptions(
            program_id=ids["program"],
            member_id=ids["member"],
            states=[RedemptionState(one) for one in criteria.get("states") or ()],
            kinds=[RewardKind(one) for one in criteria.get("kinds") or ()],
            search=(criteria.get("search") or "").replace("\0", ""),
            using=get_database_connection_name(info.context),
        )
        return create_connection_slice(rows, info, kwargs, LoyaltyRedemptionCountableConnection)
