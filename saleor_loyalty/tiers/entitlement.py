"""What the history alone entitles a member to: one pure function of what counted and the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import lcm

from saleor_loyalty.tiers.history import History, thousandths
from saleor_loyalty.tiers.rules import Amounts, Ladder, MovingUp, TierRules
from saleor_loyalty.tiers.windows import FOREVER, horizon, kept_on, last_met


@dataclass(frozen=True)
class Entitlement:
    """The tier that the history gives, on which day it was met last, and until when it is kept."""

    tier: TierRules
    met_on: date
    kept_on: date


def met_on(
    history: History, needed: Amounts, *, ladder: Ladder, joined_on: date, today: date
) -> date | None:
    """Return the last date until today on which the window held what is needed, or None."""
    targets = {key: thousandths(amount) for key, amount in needed.items() if amount}
    if not targets:
        return today
    whole = lcm(*targets.values())
    if len(targets) == 1:
        ((key, _),) = targets.items()
        amounts: Sequence[tuple[date, int]] = history.days.get(key, ())
    else:  # each currency by its share of its own threshold
        amounts = sorted(
            (on, amount * (whole // target))
            for key, target in targets.items()
            for on, amount in history.days.get(key, ())
        )
    return last_met(amounts, whole, terms=ladder.terms, joined_on=joined_on, today=today)


def entitlement(
    history: History, *, ladder: Ladder, joined_on: date, today: date
) -> Entitlement | None:
    """Return the highest tier that the history gives on a day, or None."""
    for tier in reversed(ladder.earnable):
        found = entitled(
            history, ladder.needed_for(tier), ladder=ladder, joined_on=joined_on, today=today
        )
        if found is not None:
            return Entitlement(tier, *found)
    return None


def entitled(
    history: History, needed: Amounts, *, ladder: Ladder, joined_on: date, today: date
) -> tuple[date, date] | None:
    """Return when what is needed was met last and until when that keeps a tier, if it still does.

    The end is the one that will be if nothing more happens: a window that is full today may
    stay full for some time. A year that counts only when it is over, after this end, is another
    stay in the tier.
    """
    if not any(needed.values()):
        return today, FOREVER
    on = met_on(history, needed, ladder=ladder, joined_on=joined_on, today=today)
    if on is None:
        return None
    until = kept_on(on, terms=ladder.terms, joined_on=joined_on)
    if today > until:
        return None
    later = horizon(today, terms=ladder.terms, joined_on=joined_on)
    last = met_on(history, needed, ladder=ladder, joined_on=joined_on, today=later)
    is_apart = (
        ladder.terms.moving_up is MovingUp.AT_PERIOD_END and last is not None and last > until
    )
    if last is None or is_apart:
        return on, until
    return on, kept_on(last, terms=ladder.terms, joined_on=joined_on)
