"""Rules of a programme, in pure Python."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import available_timezones

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.policies.rules import Policy

MAX_NAME_LENGTH = 120
MAX_POINTS_NAME_LENGTH = 60
MAX_GUEST_ORDER_DAYS = 3650
MAX_POINTS_PER_UNIT = Decimal(1_000_000)
MAX_POINT_VALUE = Decimal(1_000_000_000)


class Enrollment(StrEnum):
    """How a customer becomes a member: at the first award, or only by asking."""

    AUTOMATIC = "automatic"
    ON_REQUEST = "on_request"


class PriceBasis(StrEnum):
    """Which price of the merchandise earns: without or with taxes."""

    NET = "net"
    GROSS = "gross"


class ProgramInvalid(LoyaltyError):
    """An input of a programme makes no sense; `field` names it."""

    code = "program_invalid"


@dataclass(frozen=True, kw_only=True)
class RateInput:
    """A rate as staff give it. `point_value` is money of `currency` per point."""

    currency: str
    points_per_unit: Decimal
    point_value: Decimal


@dataclass(frozen=True, kw_only=True)
class Version:
    """Something that held from `valid_from` until `valid_until` (exclusive; None: still)."""

    valid_from: datetime
    valid_until: datetime | None

    def held_at(self, moment: datetime) -> bool:
        """Tell whether it held at an instant."""
        return self.valid_from <= moment and (self.valid_until is None or moment < self.valid_until)


@dataclass(frozen=True, kw_only=True)
class Rate(Version):
    """What money earned and what a point was worth."""

    currency: str
    points_per_unit: Decimal
    point_value: Decimal
    price_basis: PriceBasis


@dataclass(frozen=True, kw_only=True)
class Period(Version):
    """A time in which a programme was on."""

    enrollment: Enrollment


@dataclass(frozen=True, kw_only=True)
class PolicyVersion(Version):
    """A policy, and the time in which it held."""

    policy: Policy


@dataclass(frozen=True, kw_only=True)
class Service(Version):
    """A time in which a programme served a channel."""

    program_id: int
    channel_id: int


@dataclass(frozen=True, kw_only=True)
class ProgramTerms:
    """All that settling needs to know of a programme."""

    program_id: int
    name: str
    points_name: str
    time_zone: str
    guest_order_days: int
    periods: tuple[Period, ...]
    rates: tuple[Rate, ...]
    policies: tuple[PolicyVersion, ...] = ()

    def policy_at(self, moment: datetime) -> Policy:
        """Return the policy of an instant; before the first one the defaults."""
        held = (one.policy for one in self.policies if one.held_at(moment))
        return next(held, Policy())

    def enrollment_at(self, moment: datetime) -> Enrollment | None:
        """Return how customers became members at an instant; None while it was off."""
        return next((one.enrollment for one in self.periods if one.held_at(moment)), None)

    def rate_at(self, *, currency: str, moment: datetime) -> Rate | None:
        """Return the rate of a currency that was valid at an instant, or None."""
        rates = (rate for rate in self.rates if rate.currency == currency)
        return next((rate for rate in rates if rate.held_at(moment)), None)


def check_program(
    *,
    name: str | None = None,
    points_name: str | None = None,
    time_zone: str | None = None,
    guest_order_days: int | None = None,
    rates: Sequence[RateInput] | None = None,
    known_currencies: Iterable[str] = (),
) -> None:
    """Check the given inputs of a programme; what is None is not looked at.

    `known_currencies` are the ISO 4217 codes that are accepted.

    Raises:
        ProgramInvalid: the first input that makes no sense, with `field` and `problem`.

    """
    if name is not None and not 1 <= len(name.strip()) <= MAX_NAME_LENGTH:
        raise ProgramInvalid(field="name", problem=f"must have 1 to {MAX_NAME_LENGTH} characters")
    if points_name is not None and len(points_name) > MAX_POINTS_NAME_LENGTH:
        raise ProgramInvalid(
            field="points_name",
            problem=f"must have at most {MAX_POINTS_NAME_LENGTH} characters",
        )
    if time_zone is not None and time_zone not in available_timezones():
        raise ProgramInvalid(field="time_zone", problem="is not an IANA time zone")
    if guest_order_days is not None and not 0 <= guest_order_days <= MAX_GUEST_ORDER_DAYS:
        raise ProgramInvalid(
            field="guest_order_days", problem=f"must be 0 to {MAX_GUEST_ORDER_DAYS}"
        )
    if rates is not None:
        _check_rates(rates, known_currencies=frozenset(known_currencies))


def _check_rates(rates: Sequence[RateInput], *, known_currencies: frozenset[str]) -> None:
    if not rates:
        raise ProgramInvalid(field="rates", problem="needs at least one currency")
    currencies = [rate.currency for rate in rates]
    for currency in currencies:
        if currency not in known_currencies:
            raise ProgramInvalid(field="rates", problem=f"{currency!r} is not a currency code")
        if currencies.count(currency) > 1:
            raise ProgramInvalid(field="rates", problem=f"{currency} is given twice")
    for rate in rates:
        if not _is_between(rate.points_per_unit, MAX_POINTS_PER_UNIT, decimals=4):
            raise ProgramInvalid(
                field="rates",
                problem=f"points per {rate.currency} must be 0 to {MAX_POINTS_PER_UNIT}"
                " with at most 4 decimals",
            )
        if not _is_between(rate.point_value, MAX_POINT_VALUE, decimals=6):
            raise ProgramInvalid(
                field="rates",
                problem=f"value of a point in {rate.currency} must be 0 to {MAX_POINT_VALUE}"
                " with at most 6 decimals",
            )


def _is_between(number: Decimal, highest: Decimal, *, decimals: int) -> bool:
    return number.is_finite() and 0 <= number <= highest and number == round(number, decimals)
