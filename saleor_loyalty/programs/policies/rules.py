"""A programme's policy, in pure Python. Versions of it are data; this says what they mean."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self, get_type_hints

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.calendar import (
    Period,
    add_months,
    end_of_day,
    local_date,
    period_end,
)

MAX_DAYS = 3650
MAX_MONTHS = 120
MAX_DATES = 12
MAX_BUDGET = 10**15
MONTH_AND_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")


class Maturing(StrEnum):
    """When points that an order earned can be used."""

    AT_ONCE = "at_once"
    AFTER_PAYMENT = "after_payment"
    AFTER_FULFILLMENT = "after_fulfillment"
    BY_HAND = "by_hand"


class Expiry(StrEnum):
    """Until when points can be used."""

    NEVER = "never"
    AFTER_EARNING = "after_earning"
    AFTER_ACTIVITY = "after_activity"
    ON_DATES = "on_dates"


class WhenShort(StrEnum):
    """What happens when more goes back than is left: the rest is owed, or forgiven."""

    OWE = "owe"
    FORGIVE = "forgive"


class Rounding(StrEnum):
    """How a fraction of a point rounds."""

    DOWN = "down"
    HALF_UP = "half_up"


class RoundingScope(StrEnum):
    """What is rounded: the order's sum once, or each line."""

    ORDER = "order"
    LINE = "line"


class PolicyInvalid(LoyaltyError):
    """A part of a policy makes no sense; `field` names it."""

    code = "policy_invalid"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a programme's points live. The defaults are the safe choices.

    Points mature `maturing_days` after the order's payment or fulfilment. They expire
    `expiry_days` or `expiry_months` after they were earned (rounded up to the end of
    `expiry_round_up_to`), `expiry_months` after the member's last activity, or on the first of
    `expiry_dates` ("MM-DD") that is at least `expiry_days` away; always at the end of that day in the
    programme's zone. Members are to be warned `notice_days` before.

    `on_full_price`: discounts do not lower what is earned. `on_shipping`: shipping earns too.
    `on_gift_cards` and `on_points`: what was paid with gift cards or with points earns too.
    `adjustment_limit_points`: what one member of staff may give and take a day; beyond, a
    second person approves. `budget_points`: what the programme awards a `budget_period` at
    most; from `budget_alert_percent` on, staff are warned.
    """

    maturing: Maturing = Maturing.AT_ONCE
    maturing_days: int = 0
    expiry: Expiry = Expiry.NEVER
    expiry_days: int = 0
    expiry_months: int = 0
    expiry_round_up_to: Period = Period.DAY
    expiry_dates: tuple[str, ...] = ()
    notice_days: tuple[int, ...] = (30, 7)
    when_short: WhenShort = WhenShort.OWE
    rounding: Rounding = Rounding.DOWN
    rounding_scope: RoundingScope = RoundingScope.ORDER
    on_full_price: bool = False
    on_shipping: bool = False
    on_gift_cards: bool = True
    on_points: bool = False
    adjustment_limit_points: int | None = None
    budget_points: int | None = None
    budget_period: Period = Period.MONTH
    budget_alert_percent: int = 80

    @property
    def longest_notice_days(self) -> int:
        """Return how long points last at least, once they can be used."""
        return max(self.notice_days, default=0)

    @property
    def inactivity_months(self) -> int | None:
        """Return after how many months without activity points expire, or None."""
        return self.expiry_months if self.expiry is Expiry.AFTER_ACTIVITY else None

    def expires_at(
        self, *, earned_at: datetime, written_at: datetime, time_zone: str
    ) -> datetime | None:
        """Return the instant from which points cannot be used any more, or None.

        It is the end of a day in the programme's zone. Whoever hears late (`written_at`) of
        points still has the longest notice.
        """
        on = self._expires_on(local_date(earned_at, time_zone=time_zone))
        if on is None:
            return None
        noticed_on = local_date(written_at, time_zone=time_zone)
        noticed_on += timedelta(days=self.longest_notice_days)
        return end_of_day(max(on, noticed_on), time_zone=time_zone)

    def _expires_on(self, earned_on: date) -> date | None:
        if self.expiry is Expiry.AFTER_EARNING:
            later = add_months(earned_on, self.expiry_months) + timedelta(days=self.expiry_days)
            return period_end(later, self.expiry_round_up_to)
        if self.expiry is Expiry.ON_DATES:
            earliest = earned_on + timedelta(days=self.expiry_days)
            dates = (
                date(year, *map(int, one.split("-")))
                for year in (earliest.year, earliest.year + 1)
                for one in self.expiry_dates
            )
            return min(on for on in dates if on >= earliest)
        return None

    def matures_at(
        self, *, paid_at: datetime | None, fulfilled_at: datetime | None
    ) -> datetime | None:
        """Return when an order's points can be used; None: not known yet."""
        start = {
            Maturing.AFTER_PAYMENT: paid_at,
            Maturing.AFTER_FULFILLMENT: fulfilled_at,
        }.get(self.maturing)
        return start + timedelta(days=self.maturing_days) if start else None

    def as_json(self) -> dict[str, Any]:
        """Return the policy as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the policy that plain data describes; what is missing is at its default."""
        return cls(**typed_values(cls, data))


def typed_values(cls: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a dataclass' fields from plain data: enums and tuples as such."""
    hints = get_type_hints(cls)
    values = {}
    for one in fields(cls):
        if one.name not in data:
            continue
        value = data[one.name]
        kind = hints[one.name]
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            value = kind(value)
        elif isinstance(value, list):
            value = tuple(value)
        values[one.name] = value
    return values


def check_policy(policy: Policy) -> None:
    """Check that a policy makes sense.

    Raises:
        PolicyInvalid: the first part that does not, with `field` and `problem`.

    """
    _check_range(policy, "maturing_days", 0, MAX_DAYS)
    _check_range(policy, "expiry_days", 0, MAX_DAYS)
    _check_range(policy, "expiry_months", 0, MAX_MONTHS)
    _check_range(policy, "budget_alert_percent", 1, 100)
    _check_expiry(policy)
    for days in policy.notice_days:
        if not 1 <= days <= 365:  # noqa: PLR2004 -- a year
            raise PolicyInvalid(field="notice_days", problem="must each be 1 to 365")
    if len(policy.notice_days) > MAX_DATES:
        raise PolicyInvalid(field="notice_days", problem=f"must be {MAX_DATES} at most")
    for name in ("adjustment_limit_points", "budget_points"):
        if getattr(policy, name) is not None:
            _check_range(policy, name, 0, MAX_BUDGET)


def _check_expiry(policy: Policy) -> None:
    if policy.expiry is Expiry.AFTER_EARNING and not (policy.expiry_days or policy.expiry_months):
        raise PolicyInvalid(
            field="expiry_days", problem="or expiry_months must say when points expire"
        )
    if policy.expiry is Expiry.AFTER_ACTIVITY and not policy.expiry_months:
        raise PolicyInvalid(
            field="expiry_months", problem="must say after how long without activity points expire"
        )
    if policy.expiry_round_up_to in (Period.WEEK, Period.LIFETIME):
        raise PolicyInvalid(
            field="expiry_round_up_to", problem="must be a day, month, quarter or year"
        )
    if policy.expiry is Expiry.ON_DATES and not 1 <= len(policy.expiry_dates) <= MAX_DATES:
        raise PolicyInvalid(field="expiry_dates", problem=f"needs 1 to {MAX_DATES} dates")
    for one in policy.expiry_dates:
        if not _is_in_every_year(one):
            raise PolicyInvalid(
                field="expiry_dates", problem=f"{one!r} is not a date of every year (MM-DD)"
            )


def _is_in_every_year(text: str) -> bool:
    if not MONTH_AND_DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(f"2025-{text}")  # no leap year: 02-29 is not in every year
    except ValueError:
        return False
    return True


def _check_range(policy: Policy, name: str, least: int, most: int) -> None:
    if not least <= getattr(policy, name) <= most:
        raise PolicyInvalid(field=name, problem=f"must be {least} to {most}")
