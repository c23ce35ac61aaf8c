"""Members redeem rewards for points; staff give them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.join_program import NoProgram
from saleor_loyalty.flows.member_mails import tell_of_rewards
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Authorize, Capture
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.points.writing import IdempotencyConflict
from saleor_loyalty.programs.models import ProgramChannel
from saleor_loyalty.rewards.models import Redemption, Reward
from saleor_loyalty.rewards.operations import RewardNotFound
from saleor_loyalty.rewards.queries import (
    gifts_of,
    redeemed_of,
    state_of,
    tier_ids_of,
    tiers_of_members,
)
from saleor_loyalty.rewards.redemptions import (
    Issue,
    add_redemptions,
    locked_rewards,
    new_redemption,
    note_issued,
    obstacle_of_gift,
    take_stock,
)
from saleor_loyalty.rewards.rules import (
    MAX_TEXT_LENGTH,
    OF_MONEY,
    Obstacle,
    RewardContent,
    RewardKind,
    RewardUnavailable,
    obstacle_of,
)

MAX_KEY_LENGTH = 100

# Tells whether a variant (its id in the shop, as text) can be had in a channel (by id).
InStock = Callable[[str, int], bool]


class RedemptionInvalid(LoyaltyError):
    """A part of what is asked about a redemption makes no sense; `field` names it."""

    code = "redemption_invalid"


class GiftBudgetSpent(LoyaltyError):
    """A reward was given as often as it may be in the period of its gifts."""

    code = "gift_budget_spent"


@transaction.atomic
def redeem_reward(
    *,
    member_id: int,
    reward_id: int,
    channel_id: int,
    currency: str,
    key: str,
    issue: Issue,
    now: datetime,
    in_stock: InStock | None = None,
) -> Redemption:
    """Redeem a reward for a member's points: the points, the row and the code, or nothing of it.

    `currency` is the channel's. With a `key` that the member used before for the same reward the
    same redemption comes back and nothing happens. `in_stock` is asked about a free product.

    Raises:
        MemberNotFound, RewardNotFound, NoProgram.
        RewardUnavailable: with the `obstacle`.
        RedemptionInvalid: a key of none or more than 100 characters.
        IdempotencyConflict: the key was used for another reward.

    """
    _check_key(key)
    member = _locked_member(member_id)
    before = _repeated(member, f"member:{key}", reward_id=reward_id)
    if before is not None:
        return before
    reward = _locked_reward(reward_id, member=member, channel_id=channel_id)
    obstacle = obstacle_of(
        reward=state_of(reward, tier_ids=tier_ids_of(reward_ids=[reward.pk]).get(reward.pk, ())),
        tier_id=tiers_of_members(member_ids=[member.pk]).get(member.pk),
        redeemed=redeemed_of(members=[member], now=now).get((member.pk, reward.pk), 0),
        available=purses_of(member_ids=[member.pk])[member.pk].available,
        now=now,
    )
    _refuse(obstacle or _missing(reward, channel_id, currency=currency, in_stock=in_stock))
    redemption = new_redemption(
        reward=reward,
        member=member,
        key=f"member:{key}",
        channel_id=channel_id,
        currency=currency,
        time_zone=reward.program.time_zone,
        now=now,
    )
    add_redemptions([redemption], now=now)
    take_stock(reward)
    _spend(redemption, now=now)
    if not redemption.is_issued and not note_issued([redemption], issue([redemption])):
        _refuse(Obstacle.NOT_HERE)
    tell_of_rewards([redemption], now=now)
    return redemption


@transaction.atomic
def give_reward(
    *,
    member_id: int,
    reward_id: int,
    channel_id: int,
    currency: str,
    reason: str,
    actor: str,
    key: str,
    issue: Issue,
    now: datetime,
    in_stock: InStock | None = None,
) -> Redemption:
    """Give a member a reward without points, for a reason in words that the member sees.

    A gift takes from the stock and the budget of gifts. Tiers, points, the member's limit and the
    date it starts on do not matter: a reward that is never on sale can still be given. What the
    shop cannot issue yet, as a gift card to somebody without an account, waits. With a `key`
    that was used before for the same member and reward the same gift comes back.

    Raises:
        MemberNotFound, RewardNotFound, NoProgram.
        RewardUnavailable: it is off, over or out of stock.
        GiftBudgetSpent: no more may be given in this period.
        RedemptionInvalid: no reason, or a key of none or more than 100 characters.
        IdempotencyConflict: the key was used for another reward.

    """
    _check_key(key)
    if not 1 <= len(reason.strip()) <= MAX_TEXT_LENGTH:
        raise RedemptionInvalid(
            field="reason", problem=f"must have 1 to {MAX_TEXT_LENGTH} characters"
        )
    member = _locked_member(member_id)
    before = _repeated(member, f"gift:{key}", reward_id=reward_id)
    if before is not None:
        return before
    reward = _locked_reward(reward_id, member=member, channel_id=channel_id)
    missing = _missing(reward, channel_id, currency=currency, in_stock=in_stock)
    _refuse(obstacle_of_gift(reward, now=now) or missing)
    given = gifts_of(
        rewards=[reward], zones={reward.program_id: reward.program.time_zone}, now=now
    ).get(reward.pk, 0)
    if reward.gift_count is not None and given >= reward.gift_count:
        raise GiftBudgetSpent(field="reward", gift_count=reward.gift_count)
    gift = new_redemption(
        reward=reward,
        member=member,
        key=f"gift:{key}",
        channel_id=channel_id,
        currency=currency,
        time_zone=reward.program.time_zone,
        now=now,
    )
    gift.is_gift, gift.price_points = True, 0
    gift.reason, gift.actor = reason.strip(), actor
    add_redemptions([gift], now=now)
    take_stock(reward)
    if not gift.is_issued:
        note_issued([gift], issue([gift]))
    tell_of_rewards([gift], now=now)
    return gift


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise RedemptionInvalid(field="key", problem=f"must have 1 to {MAX_KEY_LENGTH} characters")


def _locked_member(member_id: int) -> Member:
    """Lock a member and return it; of one that was merged, the member that it lives on in."""
    found = Member.objects.filter(pk=member_id).first()
    if found is None:
        raise MemberNotFound(field="member_id")
    lock_members(member_ids={found.merged_into_id or found.pk})
    member = Member.objects.select_related("program").get(pk=found.merged_into_id or found.pk)
    # It may have been merged while we waited for the lock.
    return member if member.merged_into_id is None else _locked_member(member.pk)


def _repeated(member: Member, key: str, *, reward_id: int) -> Redemption | None:
    before = Redemption.objects.filter(member=member, key=key).first()
    if before is not None and before.reward_id != reward_id:
        raise IdempotencyConflict(field="key", key=key)
    return before


def _locked_reward(reward_id: int, *, member: Member, channel_id: int) -> Reward:
    """Lock a reward of the member's programme, which must be on and serve the channel."""
    reward = locked_rewards([reward_id]).get(reward_id)
    is_theirs = reward is not None and reward.program_id == member.program_id
    if reward is None or reward.deleted_at is not None or not is_theirs:
        raise RewardNotFound(field="reward")
    served = ProgramChannel.objects.filter(
        program=reward.program_id, channel_id=channel_id, valid_until=None
    )
    if not reward.program.is_active or not served.exists():
        raise NoProgram(field="channel")
    return reward


def _missing(
    reward: Reward, channel_id: int, *, currency: str, in_stock: InStock | None
) -> Obstacle | None:
    """Return what a reward lacks in a channel: an amount in its currency, or goods."""
    content, kind = RewardContent.from_json(reward.content), RewardKind(reward.kind)
    if kind in OF_MONEY and currency not in content.amounts:
        return Obstacle.NOT_HERE
    if kind is RewardKind.FREE_PRODUCT and in_stock is not None:
        return None if in_stock(content.variant_id, channel_id) else Obstacle.OUT_OF_STOCK
    return None


def _refuse(obstacle: Obstacle | None) -> None:
    if obstacle is not None:
        raise RewardUnavailable(field="reward", obstacle=obstacle)


def _spend(redemption: Redemption, *, now: datetime) -> None:
    """Take the points of a redemption, by a hold that remembers their lots."""
    common: dict[str, Any] = {
        "program_id": redemption.program_id,
        "member_id": redemption.member_id,
        "effective_at": now,
        "note": redemption.name,
        "details": details_of(redemption),
    }
    hold_key = hold_key_of(redemption)
    post(
        postings=[
            Authorize(**common, key=hold_key, reason=Reason.HELD, points=redemption.price_points),
            Capture(
                **common,
                key=f"{hold_key}:spent",
                hold_key=hold_key,
                reason=Reason.SPENT,
                is_activity=True,
            ),
        ],
        now=now,
    )


def details_of(redemption: Redemption) -> dict[str, object]:
    """Return what the entries of a redemption tell of it."""
    return {
        "redemption": redemption.pk,
        "reward": redemption.reward_id,
        "name": redemption.name,
    }


def hold_key_of(redemption: Redemption) -> str:
    """Return the key of the hold that paid for a redemption."""
    return f"reward:{redemption.pk}"
