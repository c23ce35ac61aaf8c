"""Data loaders of rewards: one query for all rows of a response."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from saleor.graphql.core.dataloaders import DataLoader

from saleor_loyalty.graphql.loaders import MembersByUserIdLoader
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program
from saleor_loyalty.rewards.models import RedemptionStep, Reward, RewardTranslation
from saleor_loyalty.rewards.queries import (
    Liability,
    gifts_of,
    liability_of,
    redeemed_of,
    rewards_of,
    steps_of,
    tier_ids_of,
    tiers_of_members,
    translations_of,
)
from saleor_loyalty.shop.availability import available_variants


class RewardsByProgramIdLoader(DataLoader[int, list[Reward]]):
    """The catalogues of programmes, by programme id."""

    context_key = "loyalty_rewards_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[Reward]]:
        found = rewards_of(program_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class RewardByIdLoader(DataLoader[int, Reward | None]):
    """Rewards by id, deleted ones too."""

    context_key = "loyalty_reward_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[Reward | None]:
        found = Reward.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [found.get(key) for key in keys]


class TranslationsByRewardIdLoader(DataLoader[int, dict[str, RewardTranslation]]):
    """The translations of rewards by language, by reward id."""

    context_key = "loyalty_translations_by_reward_id"

    def batch_load(self, keys: Sequence[int]) -> list[dict[str, RewardTranslation]]:
        found = translations_of(reward_ids=keys, using=self.database_connection_name)
        return [found.get(key, {}) for key in keys]


class TierIdsByRewardIdLoader(DataLoader[int, frozenset[int]]):
    """The tiers that rewards are for, by reward id; none: for everybody."""

    context_key = "loyalty_tier_ids_by_reward_id"

    def batch_load(self, keys: Sequence[int]) -> list[frozenset[int]]:
        found = tier_ids_of(reward_ids=keys, using=self.database_connection_name)
        return [found.get(key, frozenset()) for key in keys]


class TierIdByMemberIdLoader(DataLoader[int, int | None]):
    """The tier that members are in now, by member id."""

    context_key = "loyalty_tier_id_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[int | None]:
        found = tiers_of_members(member_ids=keys, using=self.database_connection_name)
        return [found.get(key) for key in keys]


class RedeemedByMemberIdLoader(DataLoader[int, dict[int, int]]):
    """How many members redeemed of each reward in its limit's period, by member id."""

    context_key = "loyalty_redeemed_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[dict[int, int]]:
        using = self.database_connection_name
        members = Member.objects.using(using).filter(pk__in=keys).select_related("program")
        found: dict[int, dict[int, int]] = defaultdict(dict)
        counts = redeemed_of(members=list(members), now=timezone.now(), using=using)
        for (member_id, reward_id), count in counts.items():
            found[member_id][reward_id] = count
        return [found[key] for key in keys]


class GiftsByRewardIdLoader(DataLoader[int, int]):
    """How often rewards were given in the period of their gifts, by reward id."""

    context_key = "loyalty_gifts_by_reward_id"

    def batch_load(self, keys: Sequence[int]) -> list[int]:
        using = self.database_connection_name
        rewards = list(Reward.objects.using(using).filter(pk__in=keys))
        programs = Program.objects.using(using).filter(rewards__in=keys)
        zones = dict(programs.values_list("pk", "time_zone"))
        found = gifts_of(rewards=rewards, zones=zones, now=timezone.now(), using=using)
        return [found.get(key, 0) for key in keys]


class IsVariantInStockLoader(DataLoader[tuple[str, str], bool]):
    """Whether variants can be had, by (variant id, channel slug)."""

    context_key = "loyalty_is_variant_in_stock"

    def batch_load(self, keys: Sequence[tuple[str, str]]) -> list[bool]:
        wanted: dict[str, set[str]] = defaultdict(set)
        for variant_id, slug in keys:
            wanted[slug].add(variant_id)
        found = {
            (variant_id, slug)
            for slug, ids in wanted.items()
            for variant_id in available_variants(ids, slug, using=self.database_connection_name)
        }
        return [key in found for key in keys]


class StepsByRedemptionIdLoader(DataLoader[int, list[RedemptionStep]]):
    """What happened to redemptions, oldest first, by redemption id."""

    context_key = "loyalty_steps_by_redemption_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[RedemptionStep]]:
        found = steps_of(redemption_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class LiabilityByProgramIdLoader(DataLoader[int, Liability]):
    """What programmes owe their members, by programme id."""

    context_key = "loyalty_liability_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[Liability]:
        found = liability_of(program_ids=keys, using=self.database_connection_name)
        return [found[key] for key in keys]


def caller_in(program_id: int, info: Any) -> Any:
    """Return (a promise of) the caller's membership of a programme; None for all but members."""
    user = info.context.user
    user_id = user.pk if user and not info.context.app else 0  # nobody's
    return (
        MembersByUserIdLoader(info.context)
        .load(user_id)
        .then(lambda members: next((one for one in members if one.program_id == program_id), None))
    )
