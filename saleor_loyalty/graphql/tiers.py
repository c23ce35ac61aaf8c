"""Tiers and ladders, as everybody may read them."""

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

import graphene
from babel.numbers import get_currency_precision
from prices import Money as PricesMoney
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.scalars import PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.flows.grant_benefits import benefits_of
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.policies import LoyaltyPeriodEnum
from saleor_loyalty.graphql.tier_loaders import TranslationsByTierIdLoader
from saleor_loyalty.tiers import models
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.rules import (
    Demotion,
    Falling,
    Keeping,
    LadderTerms,
    Metric,
    MovingUp,
    Thresholds,
    Window,
)

LoyaltyTierMetricEnum = enum_of(Metric, name="LoyaltyTierMetricEnum")
LoyaltyTierWindowEnum = enum_of(Window, name="LoyaltyTierWindowEnum")
LoyaltyTierMovingUpEnum = enum_of(MovingUp, name="LoyaltyTierMovingUpEnum")
LoyaltyTierKeepingEnum = enum_of(Keeping, name="LoyaltyTierKeepingEnum")
LoyaltyTierFallingEnum = enum_of(Falling, name="LoyaltyTierFallingEnum")
LoyaltyTierDemotionEnum = enum_of(Demotion, name="LoyaltyTierDemotionEnum")
LoyaltyBenefitKindEnum = enum_of(BenefitKind, name="LoyaltyBenefitKindEnum")

MAX_INT = 2**31 - 1

# What a ladder consists of: type and description, for reading and writing.
LADDER: dict[str, tuple[Any, str]] = {
    "metric": (LoyaltyTierMetricEnum, "What counts: qualifying points, money spent, or orders."),
    "window": (LoyaltyTierWindowEnum, "The stretch of time in which it counts."),
    "window_length": (graphene.Int, "Days or months of a rolling window; 0 for others."),
    "moving_up": (LoyaltyTierMovingUpEnum, "When a member moves up whose threshold is met."),
    "keeping": (LoyaltyTierKeepingEnum, "How long a tier is kept after that."),
    "keep_months": (graphene.Int, "Months that it is kept; 0 where it is not by months."),
    "falling": (LoyaltyTierFallingEnum, "Where a member goes who does not keep a tier."),
    "grace_days": (graphene.Int, "Days more before a member falls, to earn it after all."),
    "notice_days": (graphene.Int, "Days before a tier ends at which its member is warned."),
}


class LoyaltyTierLadder(BaseObjectType):
    """How a programme's tiers work."""

    metric, window, window_length, moving_up, keeping, keep_months = (
        graphene.Field(kind, required=True, description=text)
        for kind, text in list(LADDER.values())[:6]
    )
    falling, grace_days, notice_days = (
        graphene.Field(kind, required=True, description=text)
        for kind, text in list(LADDER.values())[6:]
    )

    class Meta:
        description = "How a programme's tiers work. Dates are in the programme's zone."
        doc_category = DOC_CATEGORY


def _ladder_resolver(name: str) -> Callable[..., Any]:
    def resolve(root: LadderTerms, _info: Any) -> Any:
        return getattr(root, name)

    return resolve


for _name in LADDER:
    setattr(LoyaltyTierLadder, f"resolve_{_name}", staticmethod(_ladder_resolver(_name)))


class LoyaltyTierAmount(BaseObjectType):
    """So much of what counts towards tiers."""

    points = graphene.Int(description="Qualifying points; null where something else counts.")
    orders = graphene.Int(description="Orders; null where something else counts.")
    amounts = NonNullList(
        Money,
        required=True,
        description="Money spent, by currency. Of a threshold each alone is enough.",
    )

    class Meta:
        description = "So much of what counts towards tiers."
        doc_category = DOC_CATEGORY


def amount_of(metric: Metric, amounts: Mapping[str, Decimal]) -> LoyaltyTierAmount:
    """Return what counts, as the API shows it; what is missing is rounded up to whole units."""
    if metric is Metric.AMOUNT:
        shown = [
            PricesMoney(_rounded_up(amount, currency), currency)
            for currency, amount in sorted(amounts.items())
        ]
        return LoyaltyTierAmount(amounts=shown)
    count = min(amounts.get("", Decimal(0)).__ceil__(), MAX_INT)
    name = "points" if metric is Metric.POINTS else "orders"
    return LoyaltyTierAmount(amounts=[], **{name: count})


def _rounded_up(amount: Decimal, currency: str) -> Decimal:
    unit = Decimal(1).scaleb(-get_currency_precision(currency))
    return amount.quantize(unit, rounding=ROUND_CEILING)


class LoyaltyBenefitTranslation(BaseObjectType):
    """A benefit's texts in a language."""

    name = graphene.String(required=True, description="Name in that language, else the plain one.")
    text = graphene.String(required=True, description="Text in that language, else the plain one.")

    class Meta:
        description = "A benefit's texts in a language."
        doc_category = DOC_CATEGORY


class OfTier:
    """A benefit together with its tier, whose translations it shares."""

    def __init__(self, benefit: Benefit, tier_id: int) -> None:
        self.benefit = benefit
        self.tier_id = tier_id


BENEFIT: dict[str, tuple[Any, str]] = {
    "name": (graphene.String, "Name for the storefront, up to 120 characters."),
    "text": (graphene.String, "Text for the storefront."),
    "url": (graphene.String, "Link for the storefront; `tel:` and `mailto:` go too."),
    "factor": (PositiveDecimal, "EARN_MULTIPLIER: how often the programme's rate counts."),
    "points": (graphene.Int, "WELCOME_POINTS: points on reaching the tier first."),
    "percentage": (PositiveDecimal, "PERCENTAGE_VOUCHER: how much it takes off."),
    "uses": (graphene.Int, "Vouchers: codes in a period, each good for one order; 1 to 50."),
    "period": (LoyaltyPeriodEnum, "Vouchers: how often there is a new one; LIFETIME: once."),
    "days": (graphene.Int, "EARLY_ACCESS: days that events open earlier."),
}


class LoyaltyTierBenefit(BaseObjectType):
    """What a tier gives."""

    key = graphene.String(required=True, description="Its name within the tier, for machines.")
    kind = graphene.Field(LoyaltyBenefitKindEnum, required=True, description="What it is.")
    name = graphene.String(required=True, description="Name for the storefront; may be empty.")
    text = graphene.String(required=True, description="Text for the storefront; may be empty.")
    url = graphene.String(required=True, description="Link for the storefront; may be empty.")
    factor = PositiveDecimal(description=BENEFIT["factor"][1])
    points = graphene.Int(description=BENEFIT["points"][1])
    percentage = PositiveDecimal(description=BENEFIT["percentage"][1])
    uses = graphene.Int(description=BENEFIT["uses"][1])
    period = LoyaltyPeriodEnum(description=BENEFIT["period"][1])
    days = graphene.Int(description=BENEFIT["days"][1])
    translation = graphene.Field(
        LoyaltyBenefitTranslation,
        language_code=LanguageCodeEnum(required=True, description="A language."),
        description="Its texts in a language; null where there are none.",
    )

    class Meta:
        description = "What a tier gives; what its kind does not use is null."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_translation(root: OfTier, info: Any, *, language_code: str) -> Any:
        def texts(found: dict[str, models.TierTranslation]) -> LoyaltyBenefitTranslation | None:
            row = found.get(language_code)
            words = row.benefits.get(root.benefit.key) if row else None
            if not words:
                return None
            return LoyaltyBenefitTranslation(
                name=words.get("name") or root.benefit.name,
                text=words.get("text") or root.benefit.text,
            )

        return TranslationsByTierIdLoader(info.context).load(root.tier_id).then(texts)


def _benefit_resolver(name: str) -> Callable[..., Any]:
    def resolve(root: OfTier, _info: Any) -> Any:
        return getattr(root.benefit, name)

    return resolve


for _name in ("key", "kind", *BENEFIT):
    setattr(LoyaltyTierBenefit, f"resolve_{_name}", staticmethod(_benefit_resolver(_name)))


class LoyaltyTierTranslation(BaseObjectType):
    """A tier's texts in a language."""

    name = graphene.String(required=True, description="Name in that language, else the plain one.")
    description = graphene.String(
        required=True, description="Description in that language, else the plain one."
    )

    class Meta:
        description = "A tier's texts in a language."
        doc_category = DOC_CATEGORY


class LoyaltyTier(ModelObjectType[models.Tier]):
    """A tier."""

    id = graphene.GlobalID(required=True, description="ID of the tier.")
    name = graphene.String(required=True, description="Name of the tier.")
    slug = graphene.String(
        required=True,
        description="Its name for machines, as in the customer's metadata `loyalty.tier`.",
    )
    description = graphene.String(required=True, description="What it is about; may be empty.")
    translation = graphene.Field(
        LoyaltyTierTranslation,
        language_code=LanguageCodeEnum(required=True, description="A language."),
        description="Its texts in a language; null where there are none.",
    )
    color = graphene.String(required=True, description='Like "#C0A060"; may be empty.')
    icon_url = graphene.String(required=True, description="Link to an image; may be empty.")
    position = graphene.Int(required=True, description="Its place on the ladder, from 0.")
    threshold = graphene.Field(
        LoyaltyTierAmount,
        required=True,
        description="What it takes; nothing for a tier by invitation.",
    )
    is_invitation_only = graphene.Boolean(
        required=True, description="Whether staff alone put members into it."
    )
    benefits = NonNullList(LoyaltyTierBenefit, required=True, description="What it gives.")

    class Meta:
        description = "A tier of a loyalty programme."
        interfaces = [graphene.relay.Node]
        model = models.Tier
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_threshold(root: models.Tier, _info: Any) -> LoyaltyTierAmount:
        found = Thresholds.from_json(root.thresholds)
        return LoyaltyTierAmount(
            points=found.points,
            orders=found.orders,
            amounts=[
                PricesMoney(_rounded_up(amount, currency), currency)
                for currency, amount in sorted(found.amounts.items())
            ],
        )

    @staticmethod
    def resolve_benefits(root: models.Tier, _info: Any) -> list[OfTier]:
        return [OfTier(benefit, root.pk) for benefit in benefits_of(root)]

    @staticmethod
    def resolve_translation(root: models.Tier, info: Any, *, language_code: str) -> Any:
        def texts(found: dict[str, models.TierTranslation]) -> LoyaltyTierTranslation | None:
            row = found.get(language_code)
            if row is None:
                return None
            return LoyaltyTierTranslation(
                name=row.name or root.name, description=row.description or root.description
            )

        return TranslationsByTierIdLoader(info.context).load(root.pk).then(texts)
