"""What counted of a member, day by day, in pure Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from saleor_loyalty.tiers.rules import Amounts
from saleor_loyalty.tiers.windows import Days


@dataclass(frozen=True)
class History:
    """What counted on which date, by currency ("" for points and orders), in thousandths.

    Amounts are in order of their dates and none is below 0: see `history_of_days`.
    """

    days: Mapping[str, Sequence[tuple[date, int]]] = field(default_factory=dict)

    def plus(self, gain: Amounts, *, on: date) -> "History":
        """Return the history with something more on its last day or later."""
        more = {key: [(on, thousandths(amount))] for key, amount in gain.items()}
        return History(
            {key: [*self.days.get(key, ()), *more.get(key, ())] for key in {**self.days, **more}}
        )

    def within(self, days: Days) -> dict[str, Decimal]:
        """Return what counted on some days."""
        return {
            key: Decimal(sum(amount for on, amount in some if on in days)) / 1000
            for key, some in self.days.items()
        }


def history_of_days(days: Mapping[str, Mapping[date, int]]) -> History:
    """Return what counted from sums by date, in thousandths.

    What was taken off on a day (a correction by hand) undoes what came before it, the latest
    first, so that it counts from the start as if it had never been given.
    """
    found: dict[str, list[tuple[date, int]]] = {}
    for key, sums in days.items():
        kept: list[tuple[date, int]] = []
        for on in sorted(sums):
            amount = sums[on]
            while amount < 0 and kept:
                before, there_was = kept.pop()
                amount += there_was
                if amount > 0:
                    kept.append((before, amount))
                    amount = 0
            if amount > 0:
                kept.append((on, amount))
        found[key] = kept
    return History(found)


def thousandths(amount: Decimal | int) -> int:
    """Return an amount in thousandths; what is finer is cut off."""
    return int(amount * 1000)
