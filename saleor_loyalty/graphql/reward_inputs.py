"""Rewards as staff give them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import graphene
from django.core.exceptions import ValidationError
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseInputObjectType, NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.policies import LoyaltyPeriodEnum
from saleor_loyalty.graphql.rewards import DATES, MONEY, NUMBERS, PERCENTAGE, PERIODS, PRICE, TEXTS
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.rewards.checks import RewardTexts
from saleor_loyalty.shop.products import existing_products, existing_variants


class LoyaltyRewardAmountInput(BaseInputObjectType):
    """Money of a reward."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    amount = PositiveDecimal(required=True, description="How much.")

    class Meta:
        description = "Money of a reward, in one currency of its programme."
        doc_category = DOC_CATEGORY


class LoyaltyRewardTranslationInput(BaseInputObjectType):
    """A reward's texts."""

    language_code = LanguageCodeEnum(required=True, description="The language.")
    name = graphene.String(description="The reward's name in it.")
    description = graphene.String(description="The reward's description in it.")
    terms = graphene.String(description="The reward's terms in it.")

    class Meta:
        description = "A reward's texts in a language; one without any text is removed."
        doc_category = DOC_CATEGORY


class LoyaltyRewardInput(BaseInputObjectType):
    """What to set on a reward."""

    name = graphene.String(description=TEXTS["name"])
    description = graphene.String(description=TEXTS["description"])
    terms = graphene.String(description=TEXTS["terms"])
    image_url = graphene.String(description=TEXTS["image_url"])
    image_alt = graphene.String(description=TEXTS["image_alt"])
    translations = NonNullList(
        LoyaltyRewardTranslationInput, description="Its texts in languages; others stay."
    )
    amounts = NonNullList(LoyaltyRewardAmountInput, description=MONEY["amounts"])
    minimum_amounts = NonNullList(LoyaltyRewardAmountInput, description=MONEY["minimum_amounts"])
    costs = NonNullList(LoyaltyRewardAmountInput, description=MONEY["costs"])
    percentage = PositiveDecimal(description=PERCENTAGE)
    variant_id = graphene.ID(description="FREE_PRODUCT: ID of the variant.")
    product_ids = NonNullList(
        graphene.ID, description="PRODUCT_ACCESS: IDs of the products, 500 at most."
    )
    exclusive_until = DateTime(description=DATES["exclusive_until"])
    price_points = graphene.Int(description=PRICE)
    tiers = NonNullList(
        graphene.ID, description="IDs of the tiers whose members may redeem it; empty: everybody."
    )
    position = graphene.Int(description="Its place in the catalogue. Default: at the end.")
    is_active = graphene.Boolean(description="Whether it is switched on. Default: true.")
    starts_at = DateTime(description=DATES["starts_at"])
    ends_at = DateTime(description=DATES["ends_at"])
    stock = graphene.Int(description=NUMBERS["stock"])
    limit_count = graphene.Int(description=NUMBERS["limit_count"])
    limit_period = LoyaltyPeriodEnum(description=f"{PERIODS['limit_period']} Default: LIFETIME.")
    gift_count = graphene.Int(description=NUMBERS["gift_count"])
    gift_period = LoyaltyPeriodEnum(description=f"{PERIODS['gift_period']} Default: MONTH.")
    valid_days = graphene.Int(description=NUMBERS["valid_days"])

    class Meta:
        description = (
            "What to set on a reward; what is left out stays as it is, null takes a limit, a date "
            "or an end away."
        )
        doc_category = DOC_CATEGORY


# What null takes away; of everything else null says nothing.
NULLABLE = frozenset({*NUMBERS, *DATES})
PARTS = frozenset({*MONEY, "percentage", "variant_id", "product_ids", "exclusive_until"})


def reward_values(mutation: type[LoyaltyMutation], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a reward that an input sets; parts of its content under "content".

    Raises:
        ValidationError: an ID, a date or a currency makes no sense.

    """
    values: dict[str, Any] = {}
    content: dict[str, Any] = {}
    for name, value in dict.items(given):  # type: ignore[arg-type]
        if name == "translations" or (value is None and name not in NULLABLE):
            continue
        part = _READERS[name](mutation, name, value) if name in _READERS else value
        if name == "tiers":
            values["tier_ids"] = part
        else:
            (content if name in PARTS else values)[name] = part
    return values | ({"content": content} if content else {})


def reward_texts(given: Mapping[str, Any]) -> list[RewardTexts]:
    """Return the texts in languages that an input sets."""
    return [
        RewardTexts(
            language_code=one["language_code"],
            name=one.get("name") or "",
            description=one.get("description") or "",
            terms=one.get("terms") or "",
        )
        for one in given.get("translations") or ()
    ]


def _money(_mutation: Any, name: str, given: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    amounts = {one["currency"].upper(): Decimal(one["amount"]) for one in given}
    if len(amounts) < len(given):
        raise _refused(name, "A currency is named twice.", LoyaltyErrorCode.INVALID)
    return amounts


def _date(_mutation: Any, name: str, given: datetime | None) -> datetime | None:
    """Return a date in UTC, which is what one without a zone is in."""
    if given is None:
        return None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)


def _tiers(mutation: type[LoyaltyMutation], name: str, given: Sequence[str]) -> frozenset[int]:
    return frozenset(mutation.get_pk(one, only_type="LoyaltyTier", field=name) for one in given)


def _variant(mutation: type[LoyaltyMutation], name: str, given: str) -> str:
    if not given:
        return ""
    return _existing(mutation, name, [given], "ProductVariant", existing_variants)[0]


def _products(mutation: type[LoyaltyMutation], name: str, given: Sequence[str]) -> tuple[str, ...]:
    return _existing(mutation, name, given, "Product", existing_products)


def _existing(
    mutation: type[LoyaltyMutation],
    name: str,
    given: Sequence[str],
    kind: str,
    existing: Callable[[Collection[int]], set[int]],
) -> tuple[str, ...]:
    """Return the ids of entities of the shop as text; all of them must be there."""
    ids = [mutation.get_pk(one, only_type=kind, field=name) for one in given]
    unknown = set(ids) - existing(ids)
    if unknown:
        problem = f"There is no {kind} {min(unknown)}."
        raise _refused(name, problem, LoyaltyErrorCode.NOT_FOUND)
    return tuple(map(str, ids))


def _period(_mutation: Any, _name: str, given: str) -> Period:
    return Period(given)


def _refused(name: str, problem: str, code: LoyaltyErrorCode) -> ValidationError:
    return ValidationError({name: ValidationError(problem, code=code.value)})


_READERS: dict[str, Callable[[Any, str, Any], Any]] = {
    **dict.fromkeys(MONEY, _money),
    **dict.fromkeys(DATES, _date),
    **dict.fromkeys(PERIODS, _period),
    "tiers": _tiers,
    "variant_id": _variant,
    "product_ids": _products,
}
