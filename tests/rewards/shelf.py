"""Makers of rewards and redemptions for tests."""

from decimal import Decimal

from saleor_loyalty.rewards.models import Redemption, Reward
from saleor_loyalty.rewards.operations import create_reward
from saleor_loyalty.rewards.rules import RedemptionState, RewardContent, RewardKind
from tests.factories import CHANNEL, NOW, START

TEN = {"USD": Decimal(10), "EUR": Decimal(9)}


def make_reward(
    program, kind: RewardKind = RewardKind.FIXED_DISCOUNT, *, now=START, **values
) -> Reward:
    """Ten dollars, or nine euros, off for 1000 points."""
    content = {
        RewardKind.FIXED_DISCOUNT: {"amounts": TEN},
        RewardKind.PERCENTAGE_DISCOUNT: {"percentage": Decimal(15)},
        RewardKind.FREE_PRODUCT: {"variant_id": "7"},
        RewardKind.GIFT_CARD: {"amounts": TEN},
        RewardKind.PRODUCT_ACCESS: {"product_ids": ("3", "4")},
        RewardKind.DONATION: {"amounts": TEN},
    }.get(kind, {})
    defaults = {"name": "Ten off", "price_points": 1000, "content": RewardContent(**content)}
    return create_reward(program_id=program.pk, kind=kind, values={**defaults, **values}, now=now)


def make_redemption(member, reward, *, key: str = "1", now=NOW, **values) -> Redemption:
    """A row of something that a member redeemed, as it is; no points move."""
    defaults = {
        "program_id": member.program_id,
        "kind": reward.kind,
        "name": reward.name,
        "content": reward.content,
        "price_points": reward.price_points,
        "channel_id": CHANNEL,
        "currency": "USD",
        "state": RedemptionState.OPEN.value,
        "created_at": now,
        "changed_at": now,
    }
    return Redemption.objects.create(member=member, reward=reward, key=key, **defaults | values)
