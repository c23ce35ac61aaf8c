"""Dates and periods in a programme's time zone, in pure Python."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Period(StrEnum):
    """A stretch of the calendar that caps and budgets count in. Weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    LIFETIME = "lifetime"


def local_date(moment: datetime, *, time_zone: str) -> date:
    """Return the calendar date of an instant in a zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def start_of_day(on: date, *, time_zone: str) -> datetime:
    """Return the instant at which a date begins in a zone, in UTC."""
    local = datetime(on.year, on.month, on.day, tzinfo=ZoneInfo(time_zone))
    return local.astimezone(UTC)


def end_of_day(on: date, *, time_zone: str) -> datetime:
    """Return the instant at which a date is over in a zone (the next one's start), in UTC."""
    return start_of_day(on + timedelta(days=1), time_zone=time_zone)


def days_kept_on(on: date) -> list[int]:
    """Return the days of a date's month that are kept on it: of 29 February the 28th, if it is the last."""
    is_last_of_february = (on.month, on.day) == (2, 28) and monthrange(on.year, 2)[1] == on.day
    return [on.day, 29] if is_last_of_february else [on.day]


def add_months(on: date, months: int) -> date:
    """Return the date so many months later; the day is clipped to the month's last."""
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    last_day = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(on.day, last_day))


def period_start(on: date, period: Period) -> date:
    """Return the first day of the period that a date is in; of all time it is the year 1."""
    if period is Period.DAY:
        return on
    if period is Period.WEEK:
        return on - timedelta(days=on.weekday())
    if period is Period.MONTH:
        return on.replace(day=1)
    if period is Period.QUARTER:
        return date(on.year, on.month - (on.month - 1) % 3, 1)
    return date(on.year if period is Period.YEAR else 1, 1, 1)


def period_end(on: date, period: Period) -> date:
    """Return the last day of the period that a date is in; of all time it is the last there is."""
    start = period_start(on, period)
    if period is Period.LIFETIME:
        return date.max
    if period is Period.DAY:
        return on
    if period is Period.WEEK:
        return start + timedelta(days=6)
    months = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}[period]
    return add_months(start, months) - timedelta(days=1)
