"""What a tier gives, in pure Python: benefits as data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.tiers.checks import MAX_URL_LENGTH, check_url
from saleor_loyalty.tiers.rules import TierInvalid

MAX_BENEFITS = 30
MAX_NAME_LENGTH = 120
MAX_TEXT_LENGTH = 2000
MAX_FACTOR = Decimal(100)
MAX_WELCOME_POINTS = 100_000_000
MAX_USES = 50
MAX_DAYS = 365
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SHORT_LINK = re.compile(rf"(tel|mailto):[^\r\n]{{1,{MAX_URL_LENGTH}}}")
PERIODS = (Period.MONTH, Period.QUARTER, Period.YEAR, Period.LIFETIME)


class BenefitKind(StrEnum):
    """What a benefit is.

    EARN_MULTIPLIER: what the programme's rate gives counts `factor` times. WELCOME_POINTS:
    `points`, once, when the tier is reached first. FREE_SHIPPING and PERCENTAGE_VOUCHER: a voucher
    of the shop's own, good for `uses` orders a `period` (LIFETIME: once). EARLY_ACCESS: events open `days`
    earlier. SUPPORT_LINE and PERK: words, and a link, for the storefront.
    """

    EARN_MULTIPLIER = "earn_multiplier"
    WELCOME_POINTS = "welcome_points"
    FREE_SHIPPING = "free_shipping"
    PERCENTAGE_VOUCHER = "percentage_voucher"
    EARLY_ACCESS = "early_access"
    SUPPORT_LINE = "support_line"
    PERK = "perk"


VOUCHERS = frozenset({BenefitKind.FREE_SHIPPING, BenefitKind.PERCENTAGE_VOUCHER})
ONCE = frozenset(
    {BenefitKind.EARN_MULTIPLIER, BenefitKind.WELCOME_POINTS, BenefitKind.EARLY_ACCESS}
)


@dataclass(frozen=True, kw_only=True)
class Benefit:
    """A benefit of a tier. `key` names it within the tier; what a kind does not use stays empty.

    `name`, `text` and `url` are for the storefront, whatever the kind.
    """

    key: str
    kind: BenefitKind
    name: str = ""
    text: str = ""
    url: str = ""
    factor: Decimal | None = None
    points: int | None = None
    percentage: Decimal | None = None
    uses: int | None = None
    period: Period | None = None
    days: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the benefit as plain data, without what is empty."""
        data = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        for name in ("factor", "percentage"):
            if name in data:
                data[name] = str(data[name])
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Benefit":
        """Return the benefit that plain data describes."""
        values = dict(data)
        values["kind"] = BenefitKind(values["kind"])
        if values.get("period") is not None:
            values["period"] = Period(values["period"])
        for name in ("factor", "percentage"):
            if values.get(name) is not None:
                values[name] = Decimal(values[name])
        return cls(**values)


# What each kind needs beside its name, and between which limits.
LIMITS: dict[BenefitKind, dict[str, tuple[Decimal, Decimal]]] = {
    BenefitKind.EARN_MULTIPLIER: {"factor": (Decimal(1), MAX_FACTOR)},
    BenefitKind.WELCOME_POINTS: {"points": (Decimal(1), Decimal(MAX_WELCOME_POINTS))},
    BenefitKind.FREE_SHIPPING: {"uses": (Decimal(1), Decimal(MAX_USES))},
    BenefitKind.PERCENTAGE_VOUCHER: {
        "percentage": (Decimal("0.01"), Decimal(100)),
        "uses": (Decimal(1), Decimal(MAX_USES)),
    },
    BenefitKind.EARLY_ACCESS: {"days": (Decimal(1), Decimal(MAX_DAYS))},
    BenefitKind.SUPPORT_LINE: {},
    BenefitKind.PERK: {},
}
DECIMALS = {"factor": 2, "percentage": 2, "points": 0, "uses": 0, "days": 0}


def check_benefits(benefits: Sequence[Benefit]) -> None:
    """Check that benefits make sense together.

    Raises:
        TierInvalid: the first that does not.

    """
    if len(benefits) > MAX_BENEFITS:
        _refuse(f"must be {MAX_BENEFITS} at most")
    keys = [benefit.key for benefit in benefits]
    for benefit in benefits:
        if not (len(benefit.key) <= MAX_NAME_LENGTH and KEY.fullmatch(benefit.key)):
            _refuse(f"need keys of small letters, digits and hyphens, not {benefit.key!r}")
        if keys.count(benefit.key) > 1:
            _refuse(f"have the key {benefit.key!r} twice")
        _check_texts(benefit)
        _check_numbers(benefit)
    for kind in ONCE:
        if sum(1 for benefit in benefits if benefit.kind is kind) > 1:
            _refuse(f"have {kind} twice")


def _check_texts(benefit: Benefit) -> None:
    if benefit.kind in {BenefitKind.SUPPORT_LINE, BenefitKind.PERK} and not benefit.name.strip():
        _refuse(f"{benefit.key} needs a name")
    if len(benefit.name) > MAX_NAME_LENGTH:
        _refuse(f"{benefit.key} has a name of more than {MAX_NAME_LENGTH} characters")
    if len(benefit.text) > MAX_TEXT_LENGTH:
        _refuse(f"{benefit.key} has a text of more than {MAX_TEXT_LENGTH} characters")
    if benefit.url and not SHORT_LINK.fullmatch(benefit.url):
        check_url(benefit.url, field="benefits")


def check_words(words: Mapping[str, str], *, key: str) -> None:
    """Check a benefit's texts in another language.

    Raises:
        TierInvalid: one is too long.

    """
    for name, most in (("name", MAX_NAME_LENGTH), ("text", MAX_TEXT_LENGTH)):
        if len(words.get(name, "")) > most:
            problem = f"have a {name} of {key} of more than {most} characters"
            raise TierInvalid(field="translations", problem=problem)


def _check_numbers(benefit: Benefit) -> None:
    wanted = LIMITS[benefit.kind]
    for name, decimals in DECIMALS.items():
        value = getattr(benefit, name)
        if name not in wanted:
            if value is not None:
                _refuse(f"{benefit.key} takes no {name}")
            continue
        least, most = wanted[name]
        number = Decimal(-1) if value is None else Decimal(value)
        if not (
            number.is_finite() and least <= number <= most and number == round(number, decimals)
        ):
            _refuse(
                f"{benefit.key} needs {name} of {least} to {most}, with {decimals} decimals at most"
            )
    is_voucher = benefit.kind in VOUCHERS
    if is_voucher and benefit.period not in PERIODS:
        _refuse(f"{benefit.key} needs a period: MONTH, QUARTER, YEAR or LIFETIME")
    if not is_voucher and benefit.period is not None:
        _refuse(f"{benefit.key} takes no period")
    if benefit.kind is BenefitKind.EARN_MULTIPLIER and benefit.factor == 1:
        _refuse(f"{benefit.key} multiplies by 1, which changes nothing")


def _refuse(problem: str) -> None:
    raise TierInvalid(field="benefits", problem=problem)


def factor_of(benefits: Sequence[Benefit]) -> Decimal:
    """Return how often the programme's rate counts with some benefits; 1 without a multiplier."""
    found = (one.factor for one in benefits if one.kind is BenefitKind.EARN_MULTIPLIER)
    return next((factor for factor in found if factor is not None), Decimal(1))
