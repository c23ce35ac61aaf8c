"""Ladders and tiers as staff give them."""

from collections.abc import Mapping, Sequence
from typing import Any

import graphene
from django.core.exceptions import ValidationError
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.scalars import PositiveDecimal
from saleor.graphql.core.types import BaseInputObjectType, NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode
from saleor_loyalty.graphql.tiers import BENEFIT, LADDER, LoyaltyBenefitKindEnum
from saleor_loyalty.tiers.benefits import Benefit
from saleor_loyalty.tiers.checks import thresholds_of
from saleor_loyalty.tiers.operations import TierChanges, TierTexts
from saleor_loyalty.tiers.rules import Thresholds

DEMOTION = "What becomes of members who do not meet the change. Default: AT_REVIEW."


class LoyaltyTierAmountInput(BaseInputObjectType):
    """Money that a tier needs."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    amount = PositiveDecimal(required=True, description="How much, with 3 decimals at most.")

    class Meta:
        description = "Money that a tier needs, in one currency."
        doc_category = DOC_CATEGORY


class LoyaltyTierThresholdInput(BaseInputObjectType):
    """What a tier needs."""

    points = graphene.Int(description="Qualifying points, for ladders that count them.")
    orders = graphene.Int(description="Orders, for ladders that count them.")
    amounts = NonNullList(
        LoyaltyTierAmountInput,
        description="Money spent, for each currency of the programme, for ladders that count it.",
    )

    class Meta:
        description = (
            "What a tier needs; one for each metric may be given, that of the ladder counts."
        )
        doc_category = DOC_CATEGORY


class LoyaltyTierBenefitInput(BaseInputObjectType):
    """A benefit."""

    key = graphene.String(
        required=True, description="Its name within the tier: small letters, digits, hyphens."
    )
    kind = LoyaltyBenefitKindEnum(required=True, description="What it is.")
    name = graphene.String(description=BENEFIT["name"][1])
    text = graphene.String(description=BENEFIT["text"][1])
    url = graphene.String(description=BENEFIT["url"][1])
    factor = PositiveDecimal(description=BENEFIT["factor"][1])
    points = graphene.Int(description=BENEFIT["points"][1])
    percentage = PositiveDecimal(description=BENEFIT["percentage"][1])
    uses = graphene.Int(description=BENEFIT["uses"][1])
    period = BENEFIT["period"][0](description=BENEFIT["period"][1])
    days = graphene.Int(description=BENEFIT["days"][1])

    class Meta:
        description = "What a tier gives."
        doc_category = DOC_CATEGORY


class LoyaltyBenefitTextsInput(BaseInputObjectType):
    """A benefit's texts."""

    key = graphene.String(required=True, description="Key of the benefit.")
    name = graphene.String(description="Its name in that language.")
    text = graphene.String(description="Its text in that language.")

    class Meta:
        description = "A benefit's texts in a language."
        doc_category = DOC_CATEGORY


class LoyaltyTierTranslationInput(BaseInputObjectType):
    """A tier's texts."""

    language_code = LanguageCodeEnum(required=True, description="The language.")
    name = graphene.String(description="The tier's name in it.")
    description = graphene.String(description="The tier's description in it.")
    benefits = NonNullList(LoyaltyBenefitTextsInput, description="Its benefits' texts in it.")

    class Meta:
        description = "A tier's texts in a language; one without any text is removed."
        doc_category = DOC_CATEGORY


class LoyaltyTierInput(BaseInputObjectType):
    """What to set on a tier."""

    name = graphene.String(description="Name of the tier, 1 to 60 characters.")
    slug = graphene.String(description="Its name for machines. Default: made of the name.")
    description = graphene.String(description="What it is about.")
    color = graphene.String(description='Like "#C0A060".')
    icon_url = graphene.String(description="Link to an image.")
    threshold = LoyaltyTierThresholdInput(description="What it takes.")
    is_invitation_only = graphene.Boolean(
        description="Whether staff alone put members into it. Default: false."
    )
    benefits = NonNullList(LoyaltyTierBenefitInput, description="All that it gives.")
    translations = NonNullList(
        LoyaltyTierTranslationInput, description="Its texts in languages; others stay."
    )

    class Meta:
        description = "What to set on a tier; what is left out stays as it is."
        doc_category = DOC_CATEGORY


_KINDS = {name: kind for name, (kind, _) in LADDER.items()}


class LoyaltyTierLadderInput(BaseInputObjectType):
    """What to set on a ladder."""

    metric = _KINDS["metric"](description=LADDER["metric"][1])
    window = _KINDS["window"](description=LADDER["window"][1])
    window_length = graphene.Int(description=LADDER["window_length"][1])
    moving_up = _KINDS["moving_up"](description=LADDER["moving_up"][1])
    keeping = _KINDS["keeping"](description=LADDER["keeping"][1])
    keep_months = graphene.Int(description=LADDER["keep_months"][1])
    falling = _KINDS["falling"](description=LADDER["falling"][1])
    grace_days = graphene.Int(description=LADDER["grace_days"][1])
    notice_days = graphene.Int(description=LADDER["notice_days"][1])

    class Meta:
        description = "How a programme's tiers are to work; what is left out stays as it is."
        doc_category = DOC_CATEGORY


def ladder_changes(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parts of a ladder to change; null changes nothing."""
    return {name: value for name, value in dict.items(given or {}) if value is not None}  # type: ignore[arg-type]


def tier_changes(given: Mapping[str, Any]) -> TierChanges:
    """Return what an input sets on a tier."""
    benefits = given.get("benefits")
    translations = given.get("translations")
    return TierChanges(
        name=given.get("name"),
        slug=given.get("slug"),
        description=given.get("description"),
        color=given.get("color"),
        icon_url=given.get("icon_url"),
        thresholds=threshold(given.get("threshold")),
        is_invitation_only=given.get("is_invitation_only"),
        benefits=None if benefits is None else [_benefit(one) for one in benefits],
        translations=None if translations is None else [_texts(one) for one in translations],
    )


def threshold(given: Mapping[str, Any] | None) -> Thresholds | None:
    """Return a threshold; None where none is given.

    Raises:
        TierInvalid: it makes no sense.
        ValidationError: a currency is named twice.

    """
    if given is None:
        return None
    amounts: Sequence[Mapping[str, Any]] = given.get("amounts") or ()
    by_currency = {one["currency"].upper(): one["amount"] for one in amounts}
    if len(by_currency) < len(amounts):
        raise ValidationError(
            {
                "threshold": ValidationError(
                    "A currency is named twice.", code=LoyaltyErrorCode.INVALID.value
                )
            }
        )
    return thresholds_of(
        points=given.get("points"), orders=given.get("orders"), amounts=by_currency
    )


def _benefit(given: Mapping[str, Any]) -> Benefit:
    return Benefit.from_json(
        {name: value for name, value in dict.items(given) if value is not None}  # type: ignore[arg-type]
    )


def _texts(given: Mapping[str, Any]) -> TierTexts:
    return TierTexts(
        language_code=given["language_code"],
        name=given.get("name") or "",
        description=given.get("description") or "",
        benefits={
            one["key"]: {"name": one.get("name") or "", "text": one.get("text") or ""}
            for one in given.get("benefits") or ()
        },
    )
