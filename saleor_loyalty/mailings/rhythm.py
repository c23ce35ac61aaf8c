"""When members would buy again, by their own rhythm, in pure Python."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil
from statistics import median

LONGEST_SILENCE_DAYS = 365
FEW_ORDERS = 2
PATIENCE = Fraction(2)
MORE_PATIENCE = Fraction(5, 2)  # one gap says less than many
LEAST_SILENCE_DAYS = 30
LEAST_SILENCE_AFTER_FEW_DAYS = 45
USUAL_GAP_DAYS = 30
SHORTEST_GAP_DAYS = 14
LONGEST_GAP_DAYS = 90
ENOUGH_CUSTOMERS = 20


def win_back_on(ordered_on: Sequence[date]) -> date | None:
    """Return the day on which a member has been silent for long, by the days of their orders.

    That is twice the median gap between their orders after the last one, at least 30 days; of two
    orders alone 2.5 times their gap, at least 45 days; rounded up, and 365 days at most. None for
    orders on less than two days.
    """
    days = sorted(set(ordered_on))
    if len(days) < FEW_ORDERS:
        return None
    gap = median(Fraction((later - earlier).days) for earlier, later in pairwise(days))
    if len(days) == FEW_ORDERS:
        silence = max(MORE_PATIENCE * gap, Fraction(LEAST_SILENCE_AFTER_FEW_DAYS))
    else:
        silence = max(PATIENCE * gap, Fraction(LEAST_SILENCE_DAYS))
    return days[-1] + timedelta(days=min(ceil(silence), LONGEST_SILENCE_DAYS))


def typical_gap_days(*, customers: int, median_days: float) -> int:
    """Return how many days usually lie between a first and a second order.

    `median_days` is what it was of so many customers; of less than 20 it says nothing, and 30 it
    is. Rounded up, 14 to 90.
    """
    if customers < ENOUGH_CUSTOMERS:
        return USUAL_GAP_DAYS
    return min(max(ceil(median_days), SHORTEST_GAP_DAYS), LONGEST_GAP_DAYS)


def second_purchase_on(first_on: date, typical_days: int) -> date:
    """Return the day by which a member usually buys again, 14 to 90 days after the first order."""
    return first_on + timedelta(days=min(max(typical_days, SHORTEST_GAP_DAYS), LONGEST_GAP_DAYS))
