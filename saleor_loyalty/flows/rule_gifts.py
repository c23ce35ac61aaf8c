"""Rewards that earning rules give: each once for a rule and its cause, and back with its order."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from saleor_loyalty.flows.member_mails import tell_of_rewards
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import ProgramChannel
from saleor_loyalty.rewards.models import Redemption, Reward
from saleor_loyalty.rewards.queries import gifts_of
from saleor_loyalty.rewards.redemptions import (
    add_redemptions,
    locked_redemptions,
    locked_rewards,
    move_on,
    new_redemption,
    obstacle_of_gift,
    return_stock,
    take_stock,
)
from saleor_loyalty.rewards.rules import OF_MONEY, RedemptionState, RewardContent, RewardKind

logger = logging.getLogger(__name__)

# What a cancelled order takes back; what staff have begun with stays.
UNUSED = (RedemptionState.OPEN.value, RedemptionState.ORDERED.value)


@dataclass(frozen=True, kw_only=True)
class RuleGift:
    """A reward that a rule wants to give a member, and what for.

    Without a `channel_id` it is the programme's first, and its currency.
    """

    member_id: int
    program_id: int
    reward_id: int
    rule_id: int
    rule_name: str
    cause: str
    channel_id: int | None = None
    currency: str = ""

    @property
    def key(self) -> str:
        """Return what makes it happen once."""
        return gift_key(self.rule_id, self.cause)


def gift_key(rule_id: int, cause: str) -> str:
    """Return the key of what a rule gives for a cause."""
    return f"rule:{rule_id}:{cause}"


def give_rule_gifts(*, gifts: Sequence[RuleGift], now: datetime) -> list[Redemption]:
    """Give what rules want to give, without codes yet; return what is new.

    The caller holds the members' locks. What was given before is not given again, whatever
    became of it; what is off, out of stock or beyond its budget is not given, which is
    logged and never an error. No query for none, else at most nine.
    """
    if not gifts:
        return []
    had = set(
        Redemption.objects.filter(
            member__in={one.member_id for one in gifts}, key__in={one.key for one in gifts}
        ).values_list("key", flat=True)
    )
    wanted = list({one.key: one for one in gifts if one.key not in had}.values())
    if not wanted:
        return []
    rewards = locked_rewards({one.reward_id for one in wanted})
    zones = {one.program_id: one.program.time_zone for one in rewards.values()}
    given = Counter(
        gifts_of(
            rewards=[one for one in rewards.values() if one.gift_count is not None],
            zones=zones,
            now=now,
        )
    )
    members = Member.objects.select_related("merged_into").in_bulk(
        {one.member_id for one in wanted}
    )
    channels = _first_channels({one.program_id for one in wanted if one.channel_id is None})
    new: list[Redemption] = []
    for one in wanted:
        reward = rewards.get(one.reward_id)
        channel_id = one.channel_id or channels.get(one.program_id)
        why = _why_not(reward, one, channel_id=channel_id, given=given, now=now)
        if why or reward is None or channel_id is None:
            logger.warning("Rule %s gives nothing for %s: %s", one.rule_id, one.cause, why)
            continue
        member = members[one.member_id]
        given[reward.pk] += 1
        take_stock(reward)
        gift = new_redemption(
            reward=reward,
            member=member.merged_into or member,  # it may have been merged while we waited
            key=one.key,
            channel_id=channel_id,
            currency=one.currency,
            time_zone=zones[reward.program_id],
            now=now,
        )
        gift.is_gift, gift.price_points = True, 0
        gift.reason, gift.actor = one.rule_name, f"rule:{one.rule_id}"
        new.append(gift)
    written = add_redemptions(new, now=now)
    tell_of_rewards(written, now=now)
    return written


def _why_not(
    reward: Reward | None,
    gift: RuleGift,
    *,
    channel_id: int | None,
    given: Counter[int],
    now: datetime,
) -> str:
    """Return why a rule's gift cannot be given, or nothing."""
    if reward is None or reward.program_id != gift.program_id:
        return "the programme has no such reward"
    if channel_id is None:
        return "the programme serves no channel"
    obstacle = obstacle_of_gift(reward, now=now)
    if obstacle is not None:
        return obstacle.value
    amounts = RewardContent.from_json(reward.content).amounts
    if gift.currency and RewardKind(reward.kind) in OF_MONEY and gift.currency not in amounts:
        return f"the reward has no amount in {gift.currency}"
    if reward.gift_count is not None and given[reward.pk] >= reward.gift_count:
        return "the budget of its gifts is spent"
    return ""


def _first_channels(program_ids: Collection[int]) -> dict[int, int]:
    if not program_ids:
        return {}
    rows = ProgramChannel.objects.filter(program__in=program_ids, valid_until=None)
    return dict(rows.order_by("-pk").values_list("program", "channel_id"))


def take_back_rule_gifts(
    *, member_ids: Iterable[int], keys: Collection[str], spared: Collection[str], now: datetime
) -> None:
    """Cancel what rules gave for orders that count no more, if it was not used; stock comes back.

    `spared`: codes and ids of gift cards that orders have which are being settled.

    The caller holds the members' locks. Codes are shut in the shop afterwards: until then
    nobody can order with them, because they are not open. No query for no keys.
    """
    if not keys:
        return
    found = Redemption.objects.filter(
        member__in=set(member_ids), key__in=keys, state__in=UNUSED
    ).values_list("pk", "reward")
    rewards_by_pk = dict(found)
    rewards = locked_rewards(set(rewards_by_pk.values()))
    rows = [
        one
        for one in locked_redemptions(list(rewards_by_pk))
        if one.state in UNUSED and not {one.code, one.issued_id} & set(spared)
    ]
    for one in rows:
        one.is_issued = not one.code
    move_on(rows, RedemptionState.CANCELLED, now=now)
    for reward_id, count in Counter(one.reward_id for one in rows).items():
        return_stock(rewards[reward_id], count)
