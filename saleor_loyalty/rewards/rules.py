"""What a reward is and what can happen to one, in pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from saleor_loyalty.errors import LoyaltyError

MAX_NAME_LENGTH = 120
MAX_TEXT_LENGTH = 5000
MAX_PRICE_POINTS = 100_000_000
MAX_CODE_LENGTH = 32


class RewardKind(StrEnum):
    """What a reward is.

    FIXED_DISCOUNT and PERCENTAGE_DISCOUNT: money off one order. FREE_SHIPPING: of one order.
    FREE_PRODUCT: one piece of a variant for nothing. These four are codes of vouchers of the
    shop's own. GIFT_CARD: a gift card of the shop's own. PRODUCT_ACCESS: products that only who has
    it can order. DONATION: the shop gives to others. EXPERIENCE: whatever staff fulfil by hand.
    """

    FIXED_DISCOUNT = "fixed_discount"
    PERCENTAGE_DISCOUNT = "percentage_discount"
    FREE_SHIPPING = "free_shipping"
    FREE_PRODUCT = "free_product"
    GIFT_CARD = "gift_card"
    PRODUCT_ACCESS = "product_access"
    DONATION = "donation"
    EXPERIENCE = "experience"


BY_VOUCHER = frozenset(
    {
        RewardKind.FIXED_DISCOUNT,
        RewardKind.PERCENTAGE_DISCOUNT,
        RewardKind.FREE_SHIPPING,
        RewardKind.FREE_PRODUCT,
    }
)
OF_MONEY = frozenset({RewardKind.FIXED_DISCOUNT, RewardKind.GIFT_CARD, RewardKind.DONATION})
BY_CODE = BY_VOUCHER | {RewardKind.GIFT_CARD, RewardKind.PRODUCT_ACCESS}


class RedemptionState(StrEnum):
    """Where a redemption is.

    Codes are OPEN, then USED, EXPIRED or CANCELLED. What staff fulfil by hand is ORDERED,
    IN_PROGRESS, then DONE or CANCELLED. A donation is DONE at once.
    """

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    ORDERED = "ordered"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"


FIRST_STATES = {
    RewardKind.EXPERIENCE: RedemptionState.ORDERED,
    RewardKind.DONATION: RedemptionState.DONE,
}
# What is not over: it can still be used, fulfilled or cancelled.
LIVE = frozenset({RedemptionState.OPEN, RedemptionState.ORDERED, RedemptionState.IN_PROGRESS})


@dataclass(frozen=True, kw_only=True)
class RewardContent:
    """What is in a reward; what a kind does not use stays empty.

    `amounts`: money by currency, of FIXED_DISCOUNT, GIFT_CARD and DONATION. `minimum_amounts`: what an
    order must be worth for a discount, by currency. `variant_id`: of FREE_PRODUCT.
    `product_ids`: of PRODUCT_ACCESS; with `exclusive_until` others can order them from then on.
    `costs`: what one costs the shop, by currency, where that is not clear from the amounts.
    The ids are Saleor's, as text.
    """

    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    minimum_amounts: Mapping[str, Decimal] = field(default_factory=dict)
    percentage: Decimal | None = None
    variant_id: str = ""
    product_ids: tuple[str, ...] = ()
    exclusive_until: datetime | None = None
    costs: Mapping[str, Decimal] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the content as plain data, without what is empty."""
        data: dict[str, Any] = {
            name: {currency: str(amount) for currency, amount in amounts.items()}
            for name in ("amounts", "minimum_amounts", "costs")
            if (amounts := getattr(self, name))
        }
        if self.percentage is not None:
            data["percentage"] = str(self.percentage)
        if self.variant_id:
            data["variant_id"] = self.variant_id
        if self.product_ids:
            data["product_ids"] = list(self.product_ids)
        if self.exclusive_until is not None:
            data["exclusive_until"] = self.exclusive_until.isoformat()
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RewardContent":
        """Return the content that plain data describes."""
        values: dict[str, Any] = {
            name: {currency: Decimal(amount) for currency, amount in data.get(name, {}).items()}
            for name in ("amounts", "minimum_amounts", "costs")
        }
        percentage, until = data.get("percentage"), data.get("exclusive_until")
        return cls(
            **values,
            percentage=None if percentage is None else Decimal(percentage),
            variant_id=data.get("variant_id", ""),
            product_ids=tuple(data.get("product_ids", ())),
            exclusive_until=None if until is None else datetime.fromisoformat(until),
        )


class Obstacle(StrEnum):
    """Why a member cannot redeem a reward now.

    NOT_ACTIVE: it is switched off. NOT_STARTED, OVER: its dates. TIER: it is for other tiers.
    OUT_OF_STOCK: none are left. LIMIT: the member had as many as one may have in the period.
    POINTS: the member has too few available. NOT_HERE: it cannot be had in the channel or its
    currency.
    """

    NOT_ACTIVE = "not_active"
    NOT_STARTED = "not_started"
    OVER = "over"
    TIER = "tier"
    OUT_OF_STOCK = "out_of_stock"
    LIMIT = "limit"
    POINTS = "points"
    NOT_HERE = "not_here"


class RewardUnavailable(LoyaltyError):
    """A member cannot have a reward now; `obstacle` says why."""

    code = "reward_unavailable"


@dataclass(frozen=True, kw_only=True)
class RewardState:
    """What decides whether a member may redeem a reward.

    `tier_ids`: who may; empty: everybody. `ends_at` is exclusive. `stock`: how many are left.
    `limit_count`: how many a member may have in its period. None: no limit.
    """

    is_active: bool
    starts_at: datetime | None
    ends_at: datetime | None
    tier_ids: frozenset[int]
    stock: int | None
    limit_count: int | None
    price_points: int


def obstacle_of(
    *, reward: RewardState, tier_id: int | None, redeemed: int, available: int, now: datetime
) -> Obstacle | None:
    """Return the first thing that keeps a member from redeeming a reward now, or None.

    `tier_id` is the member's tier, `redeemed` what they had of it in the limit's period,
    `available` their points. What they can do nothing about comes first, points come last.
    """
    limit = reward.limit_count
    stands_in_the_way = {
        Obstacle.NOT_ACTIVE: not reward.is_active,
        Obstacle.NOT_STARTED: reward.starts_at is not None and now < reward.starts_at,
        Obstacle.OVER: reward.ends_at is not None and now >= reward.ends_at,
        Obstacle.TIER: bool(reward.tier_ids) and tier_id not in reward.tier_ids,
        Obstacle.OUT_OF_STOCK: reward.stock == 0,
        Obstacle.LIMIT: limit is not None and redeemed >= limit,
        Obstacle.POINTS: available < reward.price_points,
    }
    return next((one for one, is_so in stands_in_the_way.items() if is_so), None)
