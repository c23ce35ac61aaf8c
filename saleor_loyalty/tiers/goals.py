"""What a member is missing: to the next tier, and to keep the one they have. Pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from saleor_loyalty.tiers.entitlement import entitlement
from saleor_loyalty.tiers.evaluation import Standing
from saleor_loyalty.tiers.history import History
from saleor_loyalty.tiers.rules import (
    YEARLY,
    Amounts,
    Ladder,
    MovingUp,
    TierRules,
    share,
)
from saleor_loyalty.tiers.windows import Days, window_ending, year_of

THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A tier, what it needs, what counts of it in some days, and by when it is to be there.

    `by` is the last day that counts (None: no end in sight). `missing` is what is left to do, by
    currency where money counts: all of it in one of them is enough.
    """

    tier: TierRules
    needed: Amounts
    had: Amounts
    days: Days
    by: date | None

    @property
    def missing(self) -> Mapping[str, Decimal]:
        """Return what is missing, rounded up to a thousandth; 0 when it is met."""
        left = max(1 - share(self.had, self.needed), Fraction(0))
        return {key: _up(Fraction(amount) * left) for key, amount in self.needed.items()}

    @property
    def percent(self) -> int:
        """Return how much of it is there, 0 to 100; 100 only when it is met."""
        return max(min(int(share(self.had, self.needed) * 100), 100), 0)


def next_goal(
    standing: Standing, history: History, *, ladder: Ladder, joined_on: date, today: date
) -> Goal | None:
    """Return what is missing to the next higher tier that can be earned; None on top.

    Where tiers move up at the year's end it may be met already, and comes after `by`.
    """
    rank = ladder.rank(ladder.tier(standing.tier_id(ladder)))
    above = [tier for tier in ladder.earnable if tier.position > rank]
    if not above:
        return None
    days = window_ending(today, terms=ladder.terms, joined_on=joined_on)
    by = None
    if ladder.terms.window in YEARLY:
        by = year_of(today, window=ladder.terms.window, joined_on=joined_on).last
    return Goal(
        tier=above[0],
        needed=ladder.needed_for(above[0]),
        had=history.within(days),
        days=days,
        by=by,
    )


def keep_goal(
    standing: Standing, history: History, *, ladder: Ladder, joined_on: date, today: date
) -> Goal | None:
    """Return what is missing to keep the tier in force beyond its end.

    None where it has no end, or where staff assigned it: then nothing that the member does keeps it.
    """
    earned = ladder.tier(standing.earned_id)
    by = standing.grace_on or standing.kept_on
    if earned is None or by is None or standing.tier_id(ladder) != earned.tier_id:
        return None
    if earned not in ladder.earnable or standing.is_pinned:
        return None
    until = today if standing.grace_on is not None else by
    days = window_ending(until, terms=ladder.terms, joined_on=joined_on)
    return Goal(
        tier=earned,
        needed=ladder.needed_for(earned),
        had=history.within(days),
        days=days,
        by=by,
    )


def tier_reached(
    standing: Standing,
    history: History,
    gain: Amounts,
    *,
    ladder: Ladder,
    joined_on: date,
    today: date,
) -> TierRules | None:
    """Return the tier to which something more today would lift a member at once; None: it would not."""
    if standing.is_pinned or ladder.terms.moving_up is not MovingUp.AT_ONCE:
        return None
    richer = history.plus(gain, on=today)
    found = entitlement(richer, ladder=ladder, joined_on=joined_on, today=today)
    rank = ladder.rank(ladder.tier(standing.tier_id(ladder)))
    return found.tier if found is not None and found.tier.position > rank else None


def _up(exact: Fraction) -> Decimal:
    thousandths = (exact * 1000).__ceil__()
    return (Decimal(thousandths) / 1000).quantize(THOUSANDTH, rounding=ROUND_CEILING)
