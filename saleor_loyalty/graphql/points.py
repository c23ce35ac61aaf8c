"""The history of a member's points."""

from decimal import Decimal
from typing import Any

import graphene
from prices import Money as PricesMoney
from saleor.graphql.core.connection import CountableConnection
from saleor.graphql.core.fields import PermissionsField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.earning.rules import Limit
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.loaders import LegsByPostingLoader
from saleor_loyalty.graphql.programs import LoyaltyPriceBasisEnum
from saleor_loyalty.points import models
from saleor_loyalty.points.rules import Bucket, Reason
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyReasonEnum = enum_of(Reason, name="LoyaltyReasonEnum")
LoyaltyBucketEnum = enum_of(Bucket, name="LoyaltyBucketEnum")
LoyaltyEarningLimitEnum = enum_of(Limit, name="LoyaltyEarningLimitEnum")


class LoyaltyEarningPart(BaseObjectType):
    """What one rule gave."""

    name = graphene.String(
        required=True, description="Name of the rule or tier; empty for the programme's own rate."
    )
    rule_id = graphene.ID(description="ID of the rule; null for the programme's own rate.")
    tier_id = graphene.ID(
        description="ID of the tier whose multiplier gave them; null for all others."
    )
    rule_version = graphene.Int(description="Number of the rule's version that gave them.")
    wanted_points = graphene.Int(
        required=True, description="Points before caps and budgets; below 0 where a rule takes."
    )
    points = graphene.Int(required=True, description="Points that the rule gave.")
    limit = graphene.Field(
        LoyaltyEarningLimitEnum, description="What cut them; null where nothing did."
    )

    class Meta:
        description = "What one rule gave."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_rule_id(root: dict[str, Any], _info: Any) -> str | None:
        rule = root["rule"]
        return graphene.Node.to_global_id("LoyaltyEarningRule", rule) if rule else None

    @staticmethod
    def resolve_tier_id(root: dict[str, Any], _info: Any) -> str | None:
        tier = root.get("tier")
        return graphene.Node.to_global_id("LoyaltyTier", tier) if tier else None

    @staticmethod
    def resolve_rule_version(root: dict[str, Any], _info: Any) -> int | None:
        return root["number"]

    @staticmethod
    def resolve_wanted_points(root: dict[str, Any], _info: Any) -> int:
        return root["wanted"]

    @staticmethod
    def resolve_points(root: dict[str, Any], _info: Any) -> int:
        return root["granted"]

    @staticmethod
    def resolve_limit(root: dict[str, Any], _info: Any) -> str | None:
        return root["why"] or None


class LoyaltyEarningBreakdown(BaseObjectType):
    """How a number of points came about."""

    merchandise = graphene.Field(
        Money, required=True, description="What earned: as a rule the merchandise after discounts."
    )
    price_basis = graphene.Field(
        LoyaltyPriceBasisEnum,
        required=True,
        description="Whether that is with or without taxes.",
    )
    points_per_unit = PositiveDecimal(
        required=True, description="Points for one unit of the currency."
    )
    earned_points = graphene.Int(
        required=True, description="Points that the order earned: rounded down."
    )
    returned_points = graphene.Int(
        required=True, description="Points that went back since, for refunds and the like."
    )
    parts = NonNullList(
        LoyaltyEarningPart, required=True, description="What each rule gave, and what cut it."
    )

    class Meta:
        description = "How a number of points came about."
        doc_category = DOC_CATEGORY


class LoyaltyPointsMove(BaseObjectType):
    """Points that moved from one bucket to another."""

    source = graphene.Field(LoyaltyBucketEnum, required=True, description="Where they were.")
    target = graphene.Field(LoyaltyBucketEnum, required=True, description="Where they went.")
    points = graphene.Int(required=True, description="How many.")

    class Meta:
        description = "Points that moved from one bucket to another."
        doc_category = DOC_CATEGORY


class LoyaltyPointsEntry(ModelObjectType[models.Entry]):
    """Points that moved."""

    id = graphene.GlobalID(required=True, description="ID of the entry.")
    created_at = DateTime(required=True, description="When the entry was written.")
    effective_at = DateTime(
        required=True, description="When it counts from; for an order, when it was placed."
    )
    points = graphene.Int(
        required=True,
        description=(
            "Points that the member gained, or lost (below 0). 0 where points only moved "
            "within the account, as when pending points become available."
        ),
    )
    moves = NonNullList(
        LoyaltyPointsMove, required=True, description="From where to where the points moved."
    )
    counts_for_tiers = graphene.Boolean(
        required=True, description="Whether the points count towards tiers."
    )
    reason = graphene.Field(LoyaltyReasonEnum, required=True, description="Why they moved.")
    note = graphene.String(
        required=True, description="What staff wrote about it; the member can read it."
    )
    order_id = graphene.ID(description="ID of the order behind it, if there is one.")
    order_number = graphene.String(description="Number of the order behind it.")
    breakdown = graphene.Field(
        LoyaltyEarningBreakdown, description="How the order's points came about."
    )
    actor = PermissionsField(
        graphene.String,
        required=True,
        description='Who did it: "user:<id>", "app:<id>", or empty for the programme itself.',
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )

    class Meta:
        description = "Points that moved. Entries are never changed."
        interfaces = [graphene.relay.Node]
        model = models.Entry
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_points(root: models.Entry, info: Any) -> Any:
        return _legs(root, info).then(lambda legs: sum(leg.signed_points for leg in legs))

    @staticmethod
    def resolve_moves(root: models.Entry, info: Any) -> Any:
        return _legs(root, info).then(_moves)

    @staticmethod
    def resolve_counts_for_tiers(root: models.Entry, _info: Any) -> bool:
        return root.is_qualifying

    @staticmethod
    def resolve_order_id(root: models.Entry, _info: Any) -> str | None:
        return graphene.Node.to_global_id("Order", root.order_id) if root.order_id else None

    @staticmethod
    def resolve_order_number(root: models.Entry, _info: Any) -> str | None:
        return root.details.get("order_number")

    @staticmethod
    def resolve_breakdown(root: models.Entry, _info: Any) -> LoyaltyEarningBreakdown | None:
        details = root.details
        if "points_per_unit" not in details:
            return None
        return LoyaltyEarningBreakdown(
            merchandise=PricesMoney(Decimal(details["merchandise"]), details["currency"]),
            price_basis=details["price_basis"],
            points_per_unit=Decimal(details["points_per_unit"]),
            earned_points=details["earned"],
            returned_points=details["returned"],
            parts=details.get("rules", ()),
        )


def _legs(head: models.Entry, info: Any) -> Any:
    return LegsByPostingLoader(info.context).load((head.program_id, head.idempotency_key))


def _moves(legs: list[models.Entry]) -> list[LoyaltyPointsMove]:
    """Add up the legs that move between the same buckets, lot by lot."""
    found: dict[tuple[str, str], int] = {}
    for leg in legs:
        found[leg.source, leg.target] = found.get((leg.source, leg.target), 0) + leg.points
    return [
        LoyaltyPointsMove(source=source, target=target, points=points)
        for (source, target), points in found.items()
    ]


class LoyaltyPointsEntryCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyPointsEntry
