"""Which points a member is to be told of before they expire, in pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Points that are about to expire: how many by their last day, soonest first."""

    days: tuple[tuple[date, int], ...]

    @property
    def points(self) -> int:
        """Return how many points it tells of."""
        return sum(points for _, points in self.days)

    @property
    def expires_on(self) -> date:
        """Return the last day on which the first of them can be used."""
        return self.days[0][0]

    @property
    def until(self) -> date:
        """Return the last day that it tells of."""
        return self.days[-1][0]


@dataclass(frozen=True, kw_only=True)
class NoticeTerms:
    """When members are told: `days_before` the last day, and of `more_days` beyond together with it.

    The days beyond keep it from being a mail a day for who bought daily.
    """

    days_before: int
    more_days: int

    @classmethod
    def first(cls, days_before: int) -> Self:
        """Return the first notice: it covers half as many days again."""
        return cls(days_before=days_before, more_days=days_before // 2)

    @classmethod
    def last(cls, days_before: int) -> Self:
        """Return the last notice: it covers three days more."""
        return cls(days_before=days_before, more_days=3)

    def due_until(self, today: date) -> date:
        """Return the day until which points make it due."""
        return today + timedelta(days=self.days_before)

    def covers_until(self, today: date) -> date:
        """Return the last day that it can tell of."""
        return today + timedelta(days=self.days_before + self.more_days)

    def notice(
        self, ends: Mapping[date, int], *, today: date, told_until: date | None
    ) -> Notice | None:
        """Return what a member is to be told today, or None.

        `ends` are their points by last day; those until `told_until` were told of before.
        """
        after = told_until or date.min
        new = {on: points for on, points in ends.items() if on >= today and on > after}
        if not new or min(new) > self.due_until(today):
            return None
        covered = (one for one in sorted(new.items()) if one[0] <= self.covers_until(today))
        return Notice(days=tuple(covered))
