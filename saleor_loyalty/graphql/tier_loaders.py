"""Data loaders of tiers: one query for all rows of a response."""

from collections import defaultdict
from collections.abc import Sequence

from django.utils import timezone
from saleor.graphql.core.dataloaders import DataLoader

from saleor_loyalty.earning.conditions import MemberTier
from saleor_loyalty.flows.evaluate_tiers import Look, look_at
from saleor_loyalty.members.models import Member
from saleor_loyalty.shop.vouchers import open_codes
from saleor_loyalty.tiers.models import BenefitGrant, Tier, TierChange, TierTranslation
from saleor_loyalty.tiers.queries import (
    Presence,
    grants_of_members,
    ladders_of,
    latest_changes,
    tiers_at,
    tiers_of,
)
from saleor_loyalty.tiers.rules import Ladder


class LadderByProgramIdLoader(DataLoader[int, Ladder | None]):
    """The ladders of programmes, by programme id; None where there is none."""

    context_key = "loyalty_ladder_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[Ladder | None]:
        found = ladders_of(program_ids=keys, using=self.database_connection_name)
        return [found.get(key) for key in keys]


class TiersByProgramIdLoader(DataLoader[int, list[Tier]]):
    """The tiers of programmes, lowest first, by programme id."""

    context_key = "loyalty_tiers_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[Tier]]:
        found = tiers_of(program_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class TierByIdLoader(DataLoader[int, Tier | None]):
    """Tiers by id, deleted ones too."""

    context_key = "loyalty_tier_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[Tier | None]:
        found = Tier.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [found.get(key) for key in keys]


class TranslationsByTierIdLoader(DataLoader[int, dict[str, TierTranslation]]):
    """The translations of tiers by language, by tier id."""

    context_key = "loyalty_translations_by_tier_id"

    def batch_load(self, keys: Sequence[int]) -> list[dict[str, TierTranslation]]:
        rows = TierTranslation.objects.using(self.database_connection_name).filter(tier__in=keys)
        found: dict[int, dict[str, TierTranslation]] = defaultdict(dict)
        for row in rows:
            found[row.tier_id][row.language_code] = row
        return [found[key] for key in keys]


class LookByMemberIdLoader(DataLoader[int, tuple[Ladder, Look] | None]):
    """Where members stand and what counts of them, by member id; None without a ladder."""

    context_key = "loyalty_look_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[tuple[Ladder, Look] | None]:
        using = self.database_connection_name
        by_program: dict[int, list[Member]] = defaultdict(list)
        for member in Member.objects.using(using).filter(pk__in=keys):
            by_program[member.program_id].append(member)
        found: dict[int, tuple[Ladder, Look]] = {}
        for program_id, ladder in ladders_of(program_ids=by_program, using=using).items():
            members, now = by_program[program_id], timezone.now()
            for look in look_at(members=members, ladder=ladder, now=now, using=using):
                found[look.member.pk] = (ladder, look)
        return [found.get(key) for key in keys]


class MemberTierLoader(DataLoader[int, MemberTier | None]):
    """The tier in force for members now, with its multiplier, by member id."""

    context_key = "loyalty_member_tier"

    def batch_load(self, keys: Sequence[int]) -> list[MemberTier | None]:
        now = timezone.now()
        presences = [Presence(key, now) for key in keys]
        found = tiers_at(presences=presences, using=self.database_connection_name)
        return [found.get(presence) for presence in presences]


class LatestTierChangeLoader(DataLoader[int, TierChange | None]):
    """What put members where they are, by member id."""

    context_key = "loyalty_latest_tier_change"

    def batch_load(self, keys: Sequence[int]) -> list[TierChange | None]:
        found = latest_changes(member_ids=keys, using=self.database_connection_name)
        return [found.get(key) for key in keys]


class BenefitGrantsByMemberIdLoader(DataLoader[int, list[BenefitGrant]]):
    """The benefits that members got, oldest first, by member id."""

    context_key = "loyalty_benefit_grants_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[BenefitGrant]]:
        found = grants_of_members(member_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class OpenCodeLoader(DataLoader[str, bool]):
    """Whether codes of vouchers can still be used, by code."""

    context_key = "loyalty_open_code"

    def batch_load(self, keys: Sequence[str]) -> list[bool]:
        found = open_codes(keys, using=self.database_connection_name)
        return [key in found for key in keys]
