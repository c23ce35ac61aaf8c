"""The catalogue of rewards, as shoppers and staff read it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import graphene
from django.utils import timezone
from prices import Money as PricesMoney
from promise import Promise
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.fields import PermissionsField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.core.utils import from_global_id_or_error

from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.errors import LoyaltyRewardObstacleEnum
from saleor_loyalty.graphql.loaders import BalanceByMemberIdLoader
from saleor_loyalty.graphql.policies import LoyaltyPeriodEnum
from saleor_loyalty.graphql.reward_loaders import (
    GiftsByRewardIdLoader,
    IsVariantInStockLoader,
    RedeemedByMemberIdLoader,
    RewardsByProgramIdLoader,
    TierIdByMemberIdLoader,
    TierIdsByRewardIdLoader,
    TranslationsByRewardIdLoader,
    caller_in,
)
from saleor_loyalty.graphql.tier_loaders import TierByIdLoader
from saleor_loyalty.graphql.tiers import LoyaltyTier
from saleor_loyalty.members.models import Member
from saleor_loyalty.rewards import models
from saleor_loyalty.rewards.queries import is_on_show, state_of
from saleor_loyalty.rewards.rules import Obstacle, RewardContent, RewardKind, obstacle_of
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyRewardKindEnum = enum_of(RewardKind, name="LoyaltyRewardKindEnum")

# What a reward says, and what staff set on it: type and description.
TEXTS: dict[str, str] = {
    "name": "Name, 1 to 120 characters.",
    "description": "What it is; up to 5000 characters.",
    "terms": "The small print; up to 5000 characters.",
    "image_url": "Link to an image.",
    "image_alt": "What the image shows, for those who do not see it.",
}
MONEY: dict[str, str] = {
    "amounts": "FIXED_DISCOUNT, GIFT_CARD, DONATION: how much, by currency.",
    "minimum_amounts": "Discounts and free things: what an order must be worth, by currency.",
    "costs": "What one costs the shop, by currency, where its amounts do not say so.",
}
NUMBERS: dict[str, str] = {
    "stock": "How many are left; null: as many as are asked for.",
    "limit_count": "How many a member may have in a period; null: no limit.",
    "gift_count": "How many staff and rules may give without points in a period; null: no limit.",
    "valid_days": "Codes: days that one is good for, to the end of the day; null: for ever.",
}
PERIODS: dict[str, str] = {
    "limit_period": "The period that its limit counts in.",
    "gift_period": "The period that gifts are counted in.",
}
DATES: dict[str, str] = {
    "starts_at": "From when it can be redeemed; null: at once.",
    "ends_at": "Until when, exclusive; null: for ever.",
    "exclusive_until": "PRODUCT_ACCESS: others can order the products from then on.",
}
PERCENTAGE = "PERCENTAGE_DISCOUNT: how much it takes off, 0.01 to 100."
PRICE = "What it costs, in points."
STAFF = [LoyaltyPermissions.MANAGE_LOYALTY]


class LoyaltyRewardTranslation(BaseObjectType):
    """A reward's texts in a language."""

    name = graphene.String(required=True, description="Name in that language, else the plain one.")
    description = graphene.String(
        required=True, description="Description in that language, else the plain one."
    )
    terms = graphene.String(
        required=True, description="Terms in that language, else the plain ones."
    )

    class Meta:
        description = "A reward's texts in a language."
        doc_category = DOC_CATEGORY


class LoyaltyReward(ModelObjectType[models.Reward]):
    """A reward."""

    id = graphene.GlobalID(required=True, description="ID of the reward.")
    kind = graphene.Field(LoyaltyRewardKindEnum, required=True, description="What it is.")
    name = graphene.String(required=True, description=TEXTS["name"])
    description = graphene.String(required=True, description=TEXTS["description"])
    terms = graphene.String(required=True, description=TEXTS["terms"])
    image_url = graphene.String(required=True, description=TEXTS["image_url"])
    image_alt = graphene.String(required=True, description=TEXTS["image_alt"])
    translation = graphene.Field(
        LoyaltyRewardTranslation,
        language_code=LanguageCodeEnum(required=True, description="A language."),
        description="Its texts in a language; null where there are none.",
    )
    amounts = NonNullList(Money, required=True, description=MONEY["amounts"])
    minimum_amounts = NonNullList(Money, required=True, description=MONEY["minimum_amounts"])
    percentage = PositiveDecimal(description=PERCENTAGE)
    variant_id = graphene.ID(description="FREE_PRODUCT: ID of the variant.")
    product_ids = NonNullList(
        graphene.ID, required=True, description="PRODUCT_ACCESS: IDs of the products."
    )
    exclusive_until = DateTime(description=DATES["exclusive_until"])
    price_points = graphene.Int(required=True, description=PRICE)
    tiers = NonNullList(
        LoyaltyTier,
        required=True,
        description="Whose members may redeem it; empty: everybody. See `isForTiers`.",
    )
    is_for_tiers = graphene.Boolean(
        required=True,
        description="Whether it is for some tiers alone, also where none of those is left.",
    )
    starts_at = DateTime(description=DATES["starts_at"])
    ends_at = DateTime(description=DATES["ends_at"])
    is_in_stock = graphene.Boolean(
        required=True,
        channel=graphene.String(description="Slug of a channel."),
        description=(
            "Whether there are any left of it; with a channel also whether the shop has a piece of "
            "a free product there."
        ),
    )
    limit_count = graphene.Int(description=NUMBERS["limit_count"])
    limit_period = graphene.Field(
        LoyaltyPeriodEnum, required=True, description=PERIODS["limit_period"]
    )
    valid_days = graphene.Int(description=NUMBERS["valid_days"])
    affordable = graphene.Boolean(
        description="Whether the caller has the points for it; null for all but members."
    )
    missing_points = graphene.Int(
        description="Points that the caller lacks, or 0; null for all but members."
    )
    obstacle = graphene.Field(
        LoyaltyRewardObstacleEnum,
        description="Why the caller cannot redeem it now; null: they can, or are no member.",
    )
    position = graphene.Int(required=True, description="Its place in the catalogue.")
    is_active = graphene.Boolean(required=True, description="Whether it is switched on.")
    stock = PermissionsField(graphene.Int, description=NUMBERS["stock"], permissions=STAFF)
    costs = PermissionsField(
        NonNullList(Money), required=True, description=MONEY["costs"], permissions=STAFF
    )
    gift_count = PermissionsField(
        graphene.Int, description=NUMBERS["gift_count"], permissions=STAFF
    )
    gift_period = PermissionsField(
        LoyaltyPeriodEnum, required=True, description=PERIODS["gift_period"], permissions=STAFF
    )
    gifts_given = PermissionsField(
        graphene.Int,
        required=True,
        description="How many were given without points in this period.",
        permissions=STAFF,
    )

    class Meta:
        description = (
            "A reward of a loyalty programme; what its kind does not use is null or empty."
        )
        interfaces = [graphene.relay.Node]
        model = models.Reward
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_percentage(root: models.Reward, _info: Any) -> Any:
        return _content(root).percentage

    @staticmethod
    def resolve_variant_id(root: models.Reward, _info: Any) -> str | None:
        return variant_id_of(_content(root))

    @staticmethod
    def resolve_product_ids(root: models.Reward, _info: Any) -> list[str]:
        return product_ids_of(_content(root))

    @staticmethod
    def resolve_exclusive_until(root: models.Reward, _info: Any) -> datetime | None:
        return _content(root).exclusive_until

    @staticmethod
    def resolve_translation(root: models.Reward, info: Any, *, language_code: str) -> Any:
        def texts(found: dict[str, models.RewardTranslation]) -> LoyaltyRewardTranslation | None:
            row = found.get(language_code)
            if row is None:
                return None
            return LoyaltyRewardTranslation(
                name=row.name or root.name,
                description=row.description or root.description,
                terms=row.terms or root.terms,
            )

        return TranslationsByRewardIdLoader(info.context).load(root.pk).then(texts)

    @staticmethod
    def resolve_tiers(root: models.Reward, info: Any) -> Any:
        def shown(tiers: list[Any]) -> list[Any]:
            there = [tier for tier in tiers if tier and tier.deleted_at is None]
            return sorted(there, key=lambda tier: tier.position)

        tier_ids = TierIdsByRewardIdLoader(info.context).load(root.pk)
        return tier_ids.then(
            lambda ids: TierByIdLoader(info.context).load_many(sorted(ids)).then(shown)
        )

    @staticmethod
    def resolve_is_for_tiers(root: models.Reward, info: Any) -> Any:
        return TierIdsByRewardIdLoader(info.context).load(root.pk).then(bool)

    @staticmethod
    def resolve_is_in_stock(root: models.Reward, info: Any, *, channel: str | None = None) -> Any:
        variant_id = _content(root).variant_id
        if root.stock == 0 or channel is None or not variant_id:
            return root.stock != 0
        return IsVariantInStockLoader(info.context).load((variant_id, channel.replace("\0", "")))

    @staticmethod
    def resolve_affordable(root: models.Reward, info: Any) -> Any:
        return _missing(root, info).then(lambda points: None if points is None else points == 0)

    @staticmethod
    def resolve_missing_points(root: models.Reward, info: Any) -> Any:
        return _missing(root, info)

    @staticmethod
    def resolve_obstacle(root: models.Reward, info: Any) -> Any:
        return caller_in(root.program_id, info).then(
            lambda member: member and _obstacle(root, member, info)
        )

    @staticmethod
    def resolve_gifts_given(root: models.Reward, info: Any) -> Any:
        return GiftsByRewardIdLoader(info.context).load(root.pk)


def _money_resolver(name: str) -> Callable[..., Any]:
    def resolve(root: models.Reward, _info: Any) -> list[PricesMoney]:
        amounts = getattr(_content(root), name)
        return [PricesMoney(amount, currency) for currency, amount in sorted(amounts.items())]

    return resolve


for _name in MONEY:
    setattr(LoyaltyReward, f"resolve_{_name}", staticmethod(_money_resolver(_name)))


def _content(reward: models.Reward) -> RewardContent:
    return RewardContent.from_json(reward.content)


def variant_id_of(content: RewardContent) -> str | None:
    """Return the global ID of the variant in a reward, or None."""
    if not content.variant_id:
        return None
    return graphene.Node.to_global_id("ProductVariant", content.variant_id)


def product_ids_of(content: RewardContent) -> list[str]:
    """Return the global IDs of the products in a reward."""
    return [graphene.Node.to_global_id("Product", pk) for pk in content.product_ids]


def _missing(reward: models.Reward, info: Any) -> Any:
    """Return (a promise of) the points that the caller lacks; None for all but members."""
    return caller_in(reward.program_id, info).then(
        lambda member: member
        and BalanceByMemberIdLoader(info.context)
        .load(member.pk)
        .then(lambda balance: max(0, reward.price_points - balance.available))
    )


def _obstacle(reward: models.Reward, member: Member, info: Any) -> Any:
    def first(found: list[Any]) -> Obstacle | None:
        tier_ids, tier_id, redeemed, balance = found
        return obstacle_of(
            reward=state_of(reward, tier_ids=tier_ids),
            tier_id=tier_id,
            redeemed=redeemed.get(reward.pk, 0),
            available=balance.available,
            now=timezone.now(),
        )

    return Promise.all(
        [
            TierIdsByRewardIdLoader(info.context).load(reward.pk),
            TierIdByMemberIdLoader(info.context).load(member.pk),
            RedeemedByMemberIdLoader(info.context).load(member.pk),
            BalanceByMemberIdLoader(info.context).load(member.pk),
        ]
    ).then(first)


def rewards_on_show(program_id: int, info: Any) -> Any:
    """Return (a promise of) the rewards of a programme that shoppers see now."""
    bool(info.context.user)  # Saleor looks the caller up lazily, which would part our batches
    now = timezone.now()
    return (
        RewardsByProgramIdLoader(info.context)
        .load(program_id)
        .then(lambda rewards: [one for one in rewards if is_on_show(one, now=now)])
    )


class LoyaltyRewardQueries(graphene.ObjectType):
    """Queries about the catalogue."""

    loyalty_rewards = PermissionsField(
        NonNullList(LoyaltyReward),
        program=graphene.ID(required=True, description="ID of the programme."),
        description="All rewards of a programme, also those that shoppers do not see now.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_rewards(_root: Any, info: Any, *, program: str) -> Any:
        _, pk = from_global_id_or_error(program, "LoyaltyProgram", raise_error=True)
        return RewardsByProgramIdLoader(info.context).load(int(pk) if pk.isdecimal() else 0)
