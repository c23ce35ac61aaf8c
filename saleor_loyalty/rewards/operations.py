"""Writes of the catalogue. What was redeemed keeps the content that it was redeemed with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.models import EarningRate, Program
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.rewards.checks import (
    RewardInvalid,
    RewardTexts,
    RewardValues,
    check_reward,
    check_translation,
)
from saleor_loyalty.rewards.models import Reward, RewardTranslation
from saleor_loyalty.rewards.rules import RewardContent, RewardKind
from saleor_loyalty.tiers.models import Tier

MAX_REWARDS = 1000
PLAIN = [one.name for one in fields(RewardValues) if one.name not in {"content", "tier_ids"}]


class RewardNotFound(LoyaltyError):
    """There is no reward with that id."""

    code = "reward_not_found"


@transaction.atomic
def create_reward(
    *,
    program_id: int,
    kind: RewardKind,
    values: Mapping[str, Any],
    translations: Sequence[RewardTexts] = (),
    now: datetime,
) -> Reward:
    """Add a reward to a programme's catalogue; at its end where `values` have no `position`.

    `values` are fields of `RewardValues`; what is left out is at its default.

    Raises:
        ProgramNotFound, RewardInvalid.

    """
    if not Program.objects.select_for_update(no_key=True).filter(pk=program_id).exists():
        raise ProgramNotFound(field="program")
    others = Reward.objects.filter(program=program_id, deleted_at=None)
    if others.count() >= MAX_REWARDS:
        raise RewardInvalid(field="name", problem=f"would be of more than {MAX_REWARDS} rewards")
    last = others.aggregate(last=Max("position"))["last"]
    wanted = RewardValues(**{"position": 0 if last is None else last + 1, **values})
    check_reward(kind=kind, values=wanted, currencies=_currencies(program_id))
    _check_tiers(wanted.tier_ids, program_id=program_id)
    reward = Reward(program_id=program_id, kind=kind.value, created_at=now)
    _write(reward, wanted, now=now)
    reward.tiers.set(wanted.tier_ids)
    _set_translations(reward, translations)
    return reward


@transaction.atomic
def update_reward(
    *,
    reward_id: int,
    values: Mapping[str, Any],
    translations: Sequence[RewardTexts] = (),
    now: datetime,
) -> Reward:
    """Set fields of a reward, for what is redeemed from now on; the others stay, and its kind.

    `values` are fields of `RewardValues`. Of its content the given parts are set: `content` may
    be a mapping of `RewardContent`'s fields.

    Raises:
        RewardNotFound, RewardInvalid.

    """
    reward = _locked(reward_id)
    before = values_of(reward)
    changes = dict(values)
    if "content" in changes and not isinstance(changes["content"], RewardContent):
        changes["content"] = replace(before.content, **changes["content"])
    wanted = replace(before, **changes)
    # Money in a currency that the programme gave up since may stay.
    currencies = _currencies(reward.program_id) | _currencies_in(before.content)
    check_reward(kind=RewardKind(reward.kind), values=wanted, currencies=currencies)
    _check_tiers(wanted.tier_ids - before.tier_ids, program_id=reward.program_id)
    _write(reward, wanted, now=now)
    if wanted.tier_ids != before.tier_ids:
        reward.tiers.set(wanted.tier_ids)
    _set_translations(reward, translations)
    return reward


@transaction.atomic
def delete_reward(*, reward_id: int, now: datetime) -> Reward:
    """Take a reward out of the catalogue. What was redeemed stays as good as it was.

    Raises:
        RewardNotFound: also when it was deleted before.

    """
    reward = _locked(reward_id)
    reward.deleted_at = now
    reward.save(update_fields=["deleted_at"])
    return reward


@transaction.atomic
def reorder_rewards(*, program_id: int, reward_ids: Sequence[int], now: datetime) -> list[Reward]:
    """Put a programme's rewards in an order; all of them must be named once.

    Raises:
        ProgramNotFound, RewardInvalid: one is missing, unknown or named twice.

    """
    if not Program.objects.select_for_update(no_key=True).filter(pk=program_id).exists():
        raise ProgramNotFound(field="program")
    rows = Reward.objects.select_for_update(no_key=True).filter(program=program_id, deleted_at=None)
    found = {reward.pk: reward for reward in rows.order_by("pk")}
    if sorted(reward_ids) != sorted(found):
        raise RewardInvalid(field="rewards", problem="must name each reward of the programme once")
    for position, pk in enumerate(reward_ids):
        found[pk].position = position
        found[pk].updated_at = now
    Reward.objects.bulk_update(found.values(), ["position", "updated_at"])
    return [found[pk] for pk in reward_ids]


def values_of(reward: Reward) -> RewardValues:
    """Return what a reward's row says; one query, for its tiers."""
    plain = {name: getattr(reward, name) for name in PLAIN}
    return RewardValues(
        **plain
        | {
            "limit_period": Period(reward.limit_period),
            "gift_period": Period(reward.gift_period),
        },
        content=RewardContent.from_json(reward.content),
        tier_ids=frozenset(reward.tiers.order_by().values_list("pk", flat=True)),
    )


def _locked(reward_id: int) -> Reward:
    rows = Reward.objects.select_for_update(no_key=True).filter(pk=reward_id, deleted_at=None)
    reward = rows.first()
    if reward is None:
        raise RewardNotFound(field="id")
    return reward


def _write(reward: Reward, values: RewardValues, *, now: datetime) -> None:
    for name in PLAIN:
        setattr(reward, name, getattr(values, name))
    reward.name = values.name.strip()
    reward.content = values.content.as_json()
    reward.updated_at = now
    reward.save()


def _currencies(program_id: int) -> set[str]:
    rates = EarningRate.objects.filter(program=program_id, valid_until=None)
    return set(rates.values_list("currency", flat=True))


def _currencies_in(content: RewardContent) -> set[str]:
    return {*content.amounts, *content.minimum_amounts, *content.costs}


def _check_tiers(tier_ids: Collection[int], *, program_id: int) -> None:
    known = Tier.objects.filter(program=program_id, deleted_at=None, pk__in=tier_ids)
    if known.count() < len(tier_ids):
        raise RewardInvalid(field="tiers", problem="must be of the programme")


def _set_translations(reward: Reward, translations: Sequence[RewardTexts]) -> None:
    """Replace the texts of the languages that are named; those without any text are removed."""
    for texts in translations:
        check_translation(texts)
        rows = RewardTranslation.objects.filter(reward=reward, language_code=texts.language_code)
        words = {
            "name": texts.name.strip(),
            "description": texts.description,
            "terms": texts.terms,
        }
        if not any(words.values()):
            rows.delete()
            continue
        RewardTranslation.objects.update_or_create(
            reward=reward, language_code=texts.language_code, defaults=words
        )
