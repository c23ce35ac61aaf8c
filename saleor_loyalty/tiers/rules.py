"""What a ladder and its tiers say, in pure Python."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any, Self

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.policies.rules import typed_values

MAX_NAME_LENGTH = 60
MAX_SLUG_LENGTH = 60

# What a member has, or a tier needs: by currency where money counts, under "" otherwise.
Amounts = Mapping[str, Decimal]


class Metric(StrEnum):
    """What counts towards tiers."""

    POINTS = "points"
    AMOUNT = "amount"
    ORDERS = "orders"


class Window(StrEnum):
    """The stretch of time in which it counts, in the programme's zone.

    A calendar year; a year from the day of joining; the last N days or months, today included;
    or all time.
    """

    CALENDAR_YEAR = "calendar_year"
    MEMBERSHIP_YEAR = "membership_year"
    ROLLING_DAYS = "rolling_days"
    ROLLING_MONTHS = "rolling_months"
    LIFETIME = "lifetime"


YEARLY = frozenset({Window.CALENDAR_YEAR, Window.MEMBERSHIP_YEAR})
ROLLING = frozenset({Window.ROLLING_DAYS, Window.ROLLING_MONTHS})


# Changing one of these gives thresholds and dates another meaning.
MEANING = ("metric", "window", "window_length", "moving_up", "keeping", "keep_months", "falling")


class MovingUp(StrEnum):
    """When a member moves up: once the threshold is met, or when the year is over."""

    AT_ONCE = "at_once"
    AT_PERIOD_END = "at_period_end"


class Keeping(StrEnum):
    """How long a tier is kept after its threshold was met last.

    Until the end of the next period (for rolling windows: once more the window's length), some
    months, or for ever.
    """

    NEXT_PERIOD = "next_period"
    MONTHS = "months"
    FOREVER = "forever"


class Falling(StrEnum):
    """Where a member goes who does not keep a tier: nowhere, a step down, or where they belong."""

    NEVER = "never"
    ONE_STEP = "one_step"
    TO_METRIC = "to_metric"


class ChangeKind(StrEnum):
    """What happened to a member's tier."""

    ROSE = "rose"
    RENEWED = "renewed"
    WARNED = "warned"
    GRACE = "grace"
    FELL = "fell"
    ASSIGNED = "assigned"
    ASSIGNMENT_ENDED = "assignment_ended"
    LADDER_CHANGED = "ladder_changed"
    MERGED = "merged"


class Demotion(StrEnum):
    """What becomes of members who do not meet a changed ladder.

    They keep their tier until the date that they were told, or are put where they belong at once.
    """

    AT_REVIEW = "at_review"
    AT_ONCE = "at_once"


class TierInvalid(LoyaltyError):
    """An input of a tier makes no sense; `field` names it."""

    code = "tier_invalid"


class LadderInvalid(LoyaltyError):
    """An input of a ladder makes no sense; `field` names it."""

    code = "ladder_invalid"


@dataclass(frozen=True, kw_only=True)
class LadderTerms:
    """How a ladder works. The defaults are the usual and gentle ones.

    `window_length` is in days or months, for rolling windows alone; `keep_months` for keeping by
    months. Who would fall first has `grace_days` more; members are to be warned `notice_days`
    before a tier ends, or half of its time where that is less.
    """

    metric: Metric = Metric.POINTS
    window: Window = Window.CALENDAR_YEAR
    window_length: int = 0
    moving_up: MovingUp = MovingUp.AT_ONCE
    keeping: Keeping = Keeping.NEXT_PERIOD
    keep_months: int = 0
    falling: Falling = Falling.TO_METRIC
    grace_days: int = 14
    notice_days: int = 30

    def as_json(self) -> dict[str, Any]:
        """Return the terms as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the terms that plain data describes; what is missing is at its default."""
        return cls(**typed_values(cls, data))


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a tier needs, by metric; None or no currency: the tier cannot be had by that metric."""

    points: int | None = None
    orders: int | None = None
    amounts: Amounts = field(default_factory=dict)

    def needed(self, metric: Metric) -> Amounts | None:
        """Return what is needed of a metric, or None where the tier does not say."""
        if metric is Metric.AMOUNT:
            return self.amounts or None
        count = self.points if metric is Metric.POINTS else self.orders
        return None if count is None else {"": Decimal(count)}

    def as_json(self) -> dict[str, Any]:
        """Return the thresholds as plain data."""
        return {
            "points": self.points,
            "orders": self.orders,
            "amounts": {currency: str(amount) for currency, amount in self.amounts.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the thresholds that plain data describes."""
        amounts = {key: Decimal(value) for key, value in data.get("amounts", {}).items()}
        return cls(points=data.get("points"), orders=data.get("orders"), amounts=amounts)


@dataclass(frozen=True, kw_only=True)
class TierRules:
    """A tier as evaluation sees it. Higher tiers have higher positions."""

    tier_id: int
    name: str
    position: int
    thresholds: Thresholds = field(default_factory=Thresholds)
    is_invitation_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """A programme's tiers and how they work.

    `replaced`: where members of deleted tiers go (None: where they belong). `version` counts
    every change, `terms_since` is the version since which thresholds mean what they mean now, and
    `strict_since` that from which on nobody keeps what an older version gave.
    """

    program_id: int
    time_zone: str
    terms: LadderTerms
    tiers: tuple[TierRules, ...]
    replaced: Mapping[int, int | None] = field(default_factory=dict)
    version: int = 1
    terms_since: int = 0
    strict_since: int = 0

    @cached_property
    def by_id(self) -> dict[int, TierRules]:
        """The tiers by id."""
        return {tier.tier_id: tier for tier in self.tiers}

    @cached_property
    def earnable(self) -> tuple[TierRules, ...]:
        """The tiers that the metric leads to, lowest first."""
        found = (
            tier
            for tier in self.tiers
            if not tier.is_invitation_only and tier.thresholds.needed(self.terms.metric) is not None
        )
        return tuple(sorted(found, key=lambda tier: tier.position))

    def needed_for(self, tier: TierRules) -> Amounts:
        """Return what an earnable tier needs."""
        needed = tier.thresholds.needed(self.terms.metric)
        assert needed is not None
        return needed

    def tier(self, tier_id: int | None) -> TierRules | None:
        """Return a tier, or the one that took the place of a deleted tier, or None."""
        for _ in range(len(self.replaced) + 1):
            if tier_id is None:
                return None
            if tier_id in self.by_id:
                return self.by_id[tier_id]
            tier_id = self.replaced.get(tier_id)
        return None

    def rank(self, tier: TierRules | None) -> int:
        """Return a tier's place for comparisons; no tier is below all others."""
        return -1 if tier is None else tier.position

    def step_below(self, tier: TierRules) -> TierRules | None:
        """Return the next lower earnable tier, or None."""
        below = [one for one in self.earnable if one.position < tier.position]
        return below[-1] if below else None


def share(amounts: Amounts, needed: Amounts) -> Fraction:
    """Return which part of what is needed is there: 1 and more when it is met.

    Money in several currencies adds up by its share of each currency's threshold, so that half
    of one and half of the other make a whole. What needs nothing is always met.
    """
    if all(amount == 0 for amount in needed.values()):
        return Fraction(1)
    return sum(
        (
            Fraction(amounts.get(key, Decimal(0))) / Fraction(amount)
            for key, amount in needed.items()
            if amount
        ),
        Fraction(0),
    )


def closes(before: Thresholds, tier: TierRules, terms: LadderTerms) -> bool:
    """Tell whether a tier that was everybody's is so no more: its members get an end to it."""
    had, needs = before.needed(terms.metric), tier.thresholds.needed(terms.metric)
    was_open = had is not None and not any(had.values())
    return was_open and needs is not None and any(needs.values())
