"""The history of a member's points."""

from decimal import Decimal
from typing import Any

import graphene
from prices import Money as PricesMoney
from saleor.graphql.core.connection import CountableConnection
from saleor.graphql.core.fields import PermissionsField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, Money
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.programs import LoyaltyPriceBasisEnum
from saleor_loyalty.points import models
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyReasonEnum = enum_of(Reason, name="LoyaltyReasonEnum")


class LoyaltyEarningBreakdown(BaseObjectType):
    """How a number of points came about."""

    merchandise = graphene.Field(
        Money,
        required=True,
        description="What the merchandise cost after discounts, without shipping.",
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

    class Meta:
        description = "How a number of points came about."
        doc_category = DOC_CATEGORY


class LoyaltyPointsEntry(ModelObjectType[models.Entry]):
    """Points that moved."""

    id = graphene.GlobalID(required=True, description="ID of the entry.")
    created_at = DateTime(required=True, description="When the entry was written.")
    effective_at = DateTime(
        required=True, description="When it counts from; for an order, when it was placed."
    )
    points = graphene.Int(
        required=True, description="Points: above 0 for the member, below 0 against."
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
    def resolve_points(root: models.Entry, _info: Any) -> int:
        return root.signed_points

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
        )


class LoyaltyPointsEntryCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyPointsEntry
