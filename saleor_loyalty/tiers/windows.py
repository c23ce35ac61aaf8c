"""Which days count for a tier and how long it is kept, in pure Python.

All of it is dates in the programme's zone: changes of the clock, and the hour at which a worker
runs, make no difference.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from saleor_loyalty.programs.calendar import add_months
from saleor_loyalty.tiers.rules import ROLLING, YEARLY, Keeping, LadderTerms, MovingUp, Window

ALWAYS = date.min
FOREVER = date.max
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Days:
    """A stretch of dates, both ends included."""

    first: date
    last: date

    def __contains__(self, on: date) -> bool:
        return self.first <= on <= self.last


def year_of(on: date, *, window: Window, joined_on: date) -> Days:
    """Return the calendar or membership year that a date is in.

    A membership year begins on the day of joining; who joined on 29 February begins it on the
    28th in other years. A date before joining is in the year before the first.
    """
    if window is Window.CALENDAR_YEAR:
        return Days(date(on.year, 1, 1), date(on.year, 12, 31))
    years = on.year - joined_on.year
    if add_months(joined_on, 12 * years) > on:
        years -= 1
    first = add_months(joined_on, 12 * years)
    return Days(first, add_months(joined_on, 12 * (years + 1)) - DAY)


def window_ending(on: date, *, terms: LadderTerms, joined_on: date) -> Days:
    """Return the days that count on a date: up to it, as far back as the window goes."""
    if terms.window in YEARLY:
        return Days(year_of(on, window=terms.window, joined_on=joined_on).first, on)
    if terms.window is Window.ROLLING_DAYS:
        return Days(on - timedelta(days=terms.window_length - 1), on)
    if terms.window is Window.ROLLING_MONTHS:
        return Days(add_months(on, -terms.window_length) + DAY, on)
    return Days(ALWAYS, on)


def kept_on(met_on: date, *, terms: LadderTerms, joined_on: date) -> date:
    """Return the last day on which a tier is kept whose threshold was met on a date."""
    if terms.keeping is Keeping.FOREVER:
        return FOREVER
    if terms.keeping is Keeping.MONTHS:
        return add_months(met_on, terms.keep_months)
    if terms.window is Window.ROLLING_DAYS:
        return met_on + timedelta(days=terms.window_length)
    if terms.window is Window.ROLLING_MONTHS:
        return add_months(met_on, terms.window_length)
    this_year = year_of(met_on, window=terms.window, joined_on=joined_on)
    return year_of(this_year.last + DAY, window=terms.window, joined_on=joined_on).last


def horizon(today: date, *, terms: LadderTerms, joined_on: date) -> date:
    """Return a date by which all that counts today has left its window, or its year is over."""
    if terms.window is Window.ROLLING_DAYS:
        return today + timedelta(days=terms.window_length)
    if terms.window is Window.ROLLING_MONTHS:
        return add_months(today, terms.window_length) + timedelta(days=3)
    if terms.window in YEARLY:
        return year_of(today, window=terms.window, joined_on=joined_on).last + DAY
    return today


def landed_until(on: date, *, terms: LadderTerms, joined_on: date) -> date:
    """Return how long a tier is kept into which a member fell by a step on a date.

    Where years count, until this one is over; else as if its threshold had been met then.
    """
    if terms.keeping is Keeping.NEXT_PERIOD and terms.window in YEARLY:
        return year_of(on, window=terms.window, joined_on=joined_on).last
    return kept_on(on, terms=terms, joined_on=joined_on)


def near_on(until: date, *, terms: LadderTerms) -> date:
    """Return the date from which the end of a tier is near: for warning, and for moving it.

    `notice_days` before the last day, or half of the time for which a tier is kept where that is
    less; without notice, the day after the last.
    """
    days = terms.notice_days
    if terms.keeping is Keeping.MONTHS:
        days = min(days, 28 * terms.keep_months // 2)
    elif terms.window in ROLLING:
        a_unit = 1 if terms.window is Window.ROLLING_DAYS else 28
        days = min(days, a_unit * terms.window_length // 2)
    return until - timedelta(days=days) if days else until + DAY


def history_since(today: date, *, terms: LadderTerms) -> date:
    """Return a date before which nothing counts any more, for any member."""
    if terms.keeping is Keeping.FOREVER or terms.window is Window.LIFETIME:
        return ALWAYS
    months = {Window.ROLLING_DAYS: 0, Window.ROLLING_MONTHS: terms.window_length}.get(
        terms.window, 12
    )
    kept = terms.keep_months if terms.keeping is Keeping.MONTHS else months
    days = terms.window_length if terms.window is Window.ROLLING_DAYS else 0
    kept_days = days if terms.keeping is Keeping.NEXT_PERIOD else 0
    # A month more, for months that are clipped.
    return add_months(today, -(months + kept)) - timedelta(days=days + kept_days + 31)


def last_met(
    amounts: Sequence[tuple[date, int]],
    target: int,
    *,
    terms: LadderTerms,
    joined_on: date,
    today: date,
) -> date | None:
    """Return the last date until today on which the window held the target, or None.

    `amounts` are in order of their dates, none below 0 and none after today. With moving up at
    a period's end only years that are over count, each as of its last day.
    """
    if target <= 0:
        return today
    if terms.window is Window.LIFETIME:
        return today if sum(amount for _, amount in amounts) >= target else None
    if terms.window in ROLLING:
        return _last_met_rolling(amounts, target, terms=terms, today=today)
    totals: dict[Days, int] = {}
    for on, amount in amounts:
        year = year_of(on, window=terms.window, joined_on=joined_on)
        totals[year] = totals.get(year, 0) + amount
    met = [year for year, total in totals.items() if total >= target]
    if terms.moving_up is MovingUp.AT_PERIOD_END:
        met = [year for year in met if year.last < today]
    return max((min(year.last, today) for year in met), default=None)


def _last_met_rolling(
    amounts: Sequence[tuple[date, int]], target: int, *, terms: LadderTerms, today: date
) -> date | None:
    """Try today, and the last days on which each amount was still in the window, latest first.

    Between these days going back in time only takes amounts away.
    """
    dates = [on for on, _ in amounts]
    upto = [0, *accumulate(amount for _, amount in amounts)]
    tries = (min(_last_day_with(on, terms), today) for on in reversed(dates))
    for on in (today, *tries):
        first = window_ending(on, terms=terms, joined_on=today).first
        if upto[bisect_right(dates, on)] - upto[bisect_left(dates, first)] >= target:
            return on
    return None


def _last_day_with(on: date, terms: LadderTerms) -> date:
    """Return the last date whose rolling window still has a date in it."""
    if terms.window is Window.ROLLING_DAYS:
        return on + timedelta(days=terms.window_length - 1)
    last = add_months(on, terms.window_length) + timedelta(days=3)  # months differ by three days
    while add_months(last, -terms.window_length) >= on:
        last -= DAY
    return last
