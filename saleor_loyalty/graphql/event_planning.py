"""What staff plan of an event, and what it brought: audience, waves, numbers."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import graphene
from prices import Money as PricesMoney
from saleor.graphql.channel.types import Channel
from saleor.graphql.core.connection import create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.events import models
from saleor_loyalty.events.numbers import EventNumbers
from saleor_loyalty.events.rules import Audience
from saleor_loyalty.flows.invite_members import WavePreview
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.event_fields import AUDIENCE, WAVE
from saleor_loyalty.graphql.mail_loaders import ChannelByIdLoader
from saleor_loyalty.graphql.members import LoyaltyMember, LoyaltyMemberCountableConnection
from saleor_loyalty.graphql.tier_loaders import TierByIdLoader
from saleor_loyalty.graphql.tiers import LoyaltyTier
from saleor_loyalty.members.models import Member


class LoyaltyEventAudience(BaseObjectType):
    """Who may come."""

    tiers = NonNullList(LoyaltyTier, required=True, description=AUDIENCE["tiers"])
    channels = NonNullList(Channel, required=True, description=AUDIENCE["channels"])
    countries = NonNullList(graphene.String, required=True, description=AUDIENCE["countries"])
    minimum_spent = NonNullList(Money, required=True, description=AUDIENCE["minimum_spent"])
    ordered_since = DateTime(description=AUDIENCE["ordered_since"])
    members = ConnectionField(
        LoyaltyMemberCountableConnection, required=True, description=AUDIENCE["members"]
    )
    is_handpicked = graphene.Boolean(required=True, description=AUDIENCE["is_handpicked"])

    class Meta:
        description = (
            "Who may come: members who are all of what is set, and those who are named; with "
            "nothing set, all members."
        )
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_tiers(root: Audience, info: Any) -> Any:
        return tiers_of_ids(root.tier_ids, info)

    @staticmethod
    def resolve_channels(root: Audience, info: Any) -> Any:
        found = ChannelByIdLoader(info.context).load_many(list(root.channel_ids))
        return found.then(lambda channels: [one for one in channels if one])

    @staticmethod
    def resolve_minimum_spent(root: Audience, _info: Any) -> list[PricesMoney]:
        return [PricesMoney(amount, currency) for currency, amount in root.minimum_spent.items()]

    @staticmethod
    def resolve_members(root: Audience, info: Any, **kwargs: Any) -> Any:
        using = get_database_connection_name(info.context)
        rows = Member.objects.using(using).filter(pk__in=root.member_ids)
        return create_connection_slice(rows, info, kwargs, LoyaltyMemberCountableConnection)


class LoyaltyEventWave(ModelObjectType[models.EventWave]):
    """A wave."""

    id = graphene.GlobalID(required=True, description="ID of the wave.")
    tiers = NonNullList(LoyaltyTier, required=True, description=WAVE["tiers"])
    opens_at = DateTime(required=True, description=WAVE["opens_at"])
    only_if_free = graphene.Boolean(required=True, description=WAVE["only_if_free"])
    most_no_shows = graphene.Int(description=WAVE["most_no_shows"])
    sent_at = DateTime(description="When it had gone out; null: it is yet to come.")
    invited_count = graphene.Int(required=True, description="How many members it invited.")

    class Meta:
        description = "When which members of an event's audience are invited."
        interfaces = [graphene.relay.Node]
        model = models.EventWave
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_tiers(root: models.EventWave, info: Any) -> Any:
        return tiers_of_ids(root.tier_ids, info)


def tiers_of_ids(tier_ids: Any, info: Any) -> Any:
    """Return (a promise of) tiers, lowest first; deleted ones are left out."""

    def there(tiers: list[Any]) -> list[Any]:
        found = [tier for tier in tiers if tier and tier.deleted_at is None]
        return sorted(found, key=lambda tier: tier.position)

    return TierByIdLoader(info.context).load_many(list(tier_ids)).then(there)


def _count(description: str) -> Any:
    return graphene.Int(required=True, description=description)


class LoyaltyEventNumbers(BaseObjectType):
    """What an event brought."""

    invited = _count("Members whom waves and staff invited.")
    asked = _count("Members who came to it of their own accord.")
    opened = _count("Members who looked at their page.")
    accepted = _count("Members who have seats now.")
    accepted_seats = _count("Their seats, with guests.")
    waiting = _count("Members in the waiting list now.")
    offered = _count("Members for whom seats are kept now.")
    declined = _count("Members who declined, or let an offer lapse.")
    cancelled = _count("Members who had accepted, or waited, and do so no more.")
    came = _count("Members who came.")
    came_seats = _count("They, with their guests.")
    walk_ins = _count("Members who came without an invitation.")
    no_shows = _count("Members who had seats and did not come.")
    points_given = PositiveDecimal(required=True, description="Points that coming gave.")
    points_paid = PositiveDecimal(
        required=True, description="Points that are held or spent for seats."
    )
    feedbacks = _count("Members who said how it was.")
    feedback_average = PositiveDecimal(
        description="How it was, on average, from 1 to 5; null: nobody said."
    )
    revenue = NonNullList(
        Money,
        required=True,
        description="What those who came ordered in the 30 days after the end, by currency.",
    )

    class Meta:
        description = (
            "What an event brought: members, but where seats are named. Points are whole numbers, "
            "beyond what an Int holds."
        )
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_revenue(root: EventNumbers, _info: Any) -> list[PricesMoney]:
        return [PricesMoney(amount, currency) for currency, amount in sorted(root.revenue.items())]


class LoyaltyEventWavePreviewTier(BaseObjectType):
    """Members of a tier who would be invited."""

    tier = graphene.Field(LoyaltyTier, description="The tier; null: none.")
    members = _count("How many.")

    class Meta:
        description = "How many members of a tier would be invited."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_tier(root: tuple[int | None, int], info: Any) -> Any:
        return root[0] and TierByIdLoader(info.context).load(root[0])

    @staticmethod
    def resolve_members(root: tuple[int | None, int], _info: Any) -> int:
        return root[1]


class LoyaltyEventWavePreview(BaseObjectType):
    """Who would be invited."""

    members = _count("How many members.")
    reachable = _count(
        "How many of them agreed to invitations by mail; the others find theirs in the storefront."
    )
    by_tier = NonNullList(
        LoyaltyEventWavePreviewTier, required=True, description="How many of each tier, most first."
    )
    first = NonNullList(LoyaltyMember, required=True, description="The first twenty of them.")

    class Meta:
        description = "Who would be invited if a wave went out now."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_by_tier(root: WavePreview, _info: Any) -> list[tuple[int | None, int]]:
        counts: Counter[int | None] = root.by_tier
        return counts.most_common()


def _plain_resolver(name: str) -> Callable[..., Any]:
    def resolve(root: Any, _info: Any) -> Any:
        value = getattr(root, name)
        return Decimal(value) if name.startswith("points_") else value

    return resolve


for _type in (LoyaltyEventNumbers, LoyaltyEventWavePreview, LoyaltyEventAudience):
    for _name in _type._meta.fields:
        if not hasattr(_type, f"resolve_{_name}"):
            setattr(_type, f"resolve_{_name}", staticmethod(_plain_resolver(_name)))
