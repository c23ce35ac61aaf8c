"""What happened to members' tiers, and why."""

from datetime import date
from typing import Any

import graphene
from saleor.graphql.core.connection import CountableConnection
from saleor.graphql.core.fields import PermissionsField
from saleor.graphql.core.scalars import Date, DateTime
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.tier_loaders import TierByIdLoader
from saleor_loyalty.graphql.tiers import (
    LoyaltyTier,
    LoyaltyTierAmount,
    LoyaltyTierMetricEnum,
    amount_of,
)
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.tiers import models
from saleor_loyalty.tiers.queries import needed_from_json
from saleor_loyalty.tiers.rules import ChangeKind, Metric

LoyaltyTierChangeKindEnum = enum_of(ChangeKind, name="LoyaltyTierChangeKindEnum")


class LoyaltyTierChange(ModelObjectType[models.TierChange]):
    """Something that happened to a member's tier."""

    id = graphene.GlobalID(required=True, description="ID of the change.")
    kind = graphene.Field(LoyaltyTierChangeKindEnum, required=True, description="What happened.")
    from_tier = graphene.Field(LoyaltyTier, description="The tier before; null: none.")
    to_tier = graphene.Field(LoyaltyTier, description="The tier since; null: none.")
    since = DateTime(required=True, description="When it took effect.")
    until = Date(description="The last day that was certain then; null: no end in sight.")
    metric = graphene.Field(LoyaltyTierMetricEnum, description="What counted.")
    counted = graphene.Field(LoyaltyTierAmount, description="How much of it there was.")
    needed = graphene.Field(
        LoyaltyTierAmount, description="The threshold of the tier that was reached, kept or lost."
    )
    counts_from = Date(description="The first day that counted; null: all of them.")
    counts_until = Date(description="The last day that counted.")
    note = graphene.String(required=True, description="Staff's reason; empty for the ladder's own.")
    actor = PermissionsField(
        graphene.String,
        required=True,
        description='Staff or app behind it, as "user:1"; empty for the ladder itself.',
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )

    class Meta:
        description = "Something that happened to a member's tier, and why."
        interfaces = [graphene.relay.Node]
        model = models.TierChange
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_from_tier(root: models.TierChange, info: Any) -> Any:
        return tier_or_none(root.from_tier_id, info)

    @staticmethod
    def resolve_to_tier(root: models.TierChange, info: Any) -> Any:
        return tier_or_none(root.to_tier_id, info)

    @staticmethod
    def resolve_until(root: models.TierChange, _info: Any) -> date | None:
        return root.until_on

    @staticmethod
    def resolve_metric(root: models.TierChange, _info: Any) -> str | None:
        return root.details.get("metric")

    @staticmethod
    def resolve_counted(root: models.TierChange, _info: Any) -> LoyaltyTierAmount | None:
        return _amount(root, "had")

    @staticmethod
    def resolve_needed(root: models.TierChange, _info: Any) -> LoyaltyTierAmount | None:
        return _amount(root, "needed")

    @staticmethod
    def resolve_counts_from(root: models.TierChange, _info: Any) -> date | None:
        return _day(root.details.get("first"))

    @staticmethod
    def resolve_counts_until(root: models.TierChange, _info: Any) -> date | None:
        return _day(root.details.get("last"))


def _amount(change: models.TierChange, name: str) -> LoyaltyTierAmount | None:
    amounts = needed_from_json(change.details.get(name)) or {}
    if name == "needed" and not amounts:
        return None
    return amount_of(Metric(change.details["metric"]), amounts)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def tier_or_none(tier_id: int | None, info: Any) -> Any:
    """Return (a promise of) a tier; None without an id."""
    return None if tier_id is None else TierByIdLoader(info.context).load(tier_id)


class LoyaltyTierChangeCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyTierChange
