"""Checks of rewards as staff give them, in pure Python."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NoReturn

from babel.numbers import get_currency_precision

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.rewards.rules import (
    BY_CODE,
    BY_VOUCHER,
    MAX_NAME_LENGTH,
    MAX_PRICE_POINTS,
    MAX_TEXT_LENGTH,
    RewardContent,
    RewardKind,
)
from saleor_loyalty.tiers.checks import LINK, MAX_URL_LENGTH

MAX_ALT_LENGTH = 255
MAX_LANGUAGE_LENGTH = 35
MAX_AMOUNT = Decimal(100_000_000)
LEAST_PERCENTAGE, MOST_PERCENTAGE = Decimal("0.01"), Decimal(100)
MAX_PRODUCTS = 500
MAX_STOCK = 100_000_000
MAX_COUNT = 1_000_000
MAX_VALID_DAYS = 3650
MAX_POSITION = 100_000


class RewardInvalid(LoyaltyError):
    """An input of a reward makes no sense; `field` names it."""

    code = "reward_invalid"


@dataclass(frozen=True, kw_only=True)
class RewardValues:
    """All that staff say of a reward, but its kind and translations; see `models.Reward`."""

    name: str = ""
    description: str = ""
    terms: str = ""
    image_url: str = ""
    image_alt: str = ""
    content: RewardContent = field(default_factory=RewardContent)
    price_points: int = 0
    tier_ids: frozenset[int] = frozenset()
    position: int = 0
    is_active: bool = True
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    stock: int | None = None
    limit_count: int | None = None
    limit_period: Period = Period.LIFETIME
    gift_count: int | None = None
    gift_period: Period = Period.MONTH
    valid_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class RewardTexts:
    """A reward's texts in a language; what is empty is as in the reward itself."""

    language_code: str
    name: str = ""
    description: str = ""
    terms: str = ""


# Which parts of the content each kind needs, and which it may have beside them.
NEEDED: dict[RewardKind, frozenset[str]] = {
    RewardKind.FIXED_DISCOUNT: frozenset({"amounts"}),
    RewardKind.PERCENTAGE_DISCOUNT: frozenset({"percentage"}),
    RewardKind.FREE_SHIPPING: frozenset(),
    RewardKind.FREE_PRODUCT: frozenset({"variant_id"}),
    RewardKind.GIFT_CARD: frozenset({"amounts"}),
    RewardKind.PRODUCT_ACCESS: frozenset({"product_ids"}),
    RewardKind.DONATION: frozenset({"amounts"}),
    RewardKind.EXPERIENCE: frozenset(),
}
# Money off, gift cards and donations cost what their amounts say.
PLAIN_COSTS = frozenset({RewardKind.FIXED_DISCOUNT, RewardKind.GIFT_CARD, RewardKind.DONATION})
PARTS = (
    "amounts",
    "minimum_amounts",
    "percentage",
    "variant_id",
    "product_ids",
    "exclusive_until",
    "costs",
)
NUMBERS = {
    "price_points": (1, MAX_PRICE_POINTS),
    "position": (0, MAX_POSITION),
    "stock": (0, MAX_STOCK),
    "limit_count": (1, MAX_COUNT),
    "gift_count": (1, MAX_COUNT),
    "valid_days": (1, MAX_VALID_DAYS),
}


def check_reward(*, kind: RewardKind, values: RewardValues, currencies: Collection[str]) -> None:
    """Check that a reward makes sense; `currencies` are those its money may be in.

    Raises:
        RewardInvalid: the first part that does not, with `field` and `problem`.

    """
    _check_texts(values)
    for name, (least, most) in NUMBERS.items():
        number = getattr(values, name)
        if number is not None and not least <= number <= most:
            _refuse(name, f"must be {least} to {most}")
    if values.starts_at and values.ends_at and values.ends_at <= values.starts_at:
        _refuse("ends_at", "must be after the start")
    if values.valid_days is not None and kind not in BY_CODE:
        _refuse("valid_days", f"is for codes alone, and {kind} has none")
    check_content(kind=kind, content=values.content, currencies=currencies)


def check_content(*, kind: RewardKind, content: RewardContent, currencies: Collection[str]) -> None:
    """Check that a reward's content is what its kind needs, and nothing else.

    Raises:
        RewardInvalid: the first part that is not, with `field` and `problem`.

    """
    needed, allowed = NEEDED[kind], _allowed(kind)
    for name in PARTS:
        is_there = getattr(content, name) not in (None, "", (), {})
        if name in needed and not is_there:
            _refuse(name, f"is required for {kind}")
        if is_there and name not in allowed:
            _refuse(name, f"is not for {kind}")
    for name in ("amounts", "minimum_amounts", "costs"):
        _check_money(getattr(content, name), name=name, currencies=currencies)
    percentage = content.percentage
    if percentage is not None and not (
        percentage.is_finite()
        and LEAST_PERCENTAGE <= percentage <= MOST_PERCENTAGE
        and percentage == round(percentage, 2)
    ):
        _refuse("percentage", f"must be {LEAST_PERCENTAGE} to {MOST_PERCENTAGE}, with 2 decimals")
    if len(content.product_ids) > MAX_PRODUCTS:
        _refuse("product_ids", f"must be {MAX_PRODUCTS} at most")
    if len(set(content.product_ids)) < len(content.product_ids):
        _refuse("product_ids", "name a product twice")


def check_translation(texts: RewardTexts) -> None:
    """Check a reward's texts in another language.

    Raises:
        RewardInvalid: there is no language, or a text is too long.

    """
    if not 1 <= len(texts.language_code) <= MAX_LANGUAGE_LENGTH:
        _refuse("translations", "need a language code")
    longest = {"name": MAX_NAME_LENGTH, "description": MAX_TEXT_LENGTH, "terms": MAX_TEXT_LENGTH}
    for name, most in longest.items():
        if len(getattr(texts, name)) > most:
            _refuse("translations", f"have a {name} of more than {most} characters")


def _allowed(kind: RewardKind) -> frozenset[str]:
    extra: set[str] = set()
    if kind in BY_VOUCHER:
        extra.add("minimum_amounts")
    if kind is RewardKind.PRODUCT_ACCESS:
        extra.add("exclusive_until")
    if kind not in PLAIN_COSTS:
        extra.add("costs")
    return NEEDED[kind] | extra


def _check_texts(values: RewardValues) -> None:
    if not 1 <= len(values.name.strip()) <= MAX_NAME_LENGTH:
        _refuse("name", f"must have 1 to {MAX_NAME_LENGTH} characters")
    longest = {
        "description": MAX_TEXT_LENGTH,
        "terms": MAX_TEXT_LENGTH,
        "image_alt": MAX_ALT_LENGTH,
    }
    for name, most in longest.items():
        if len(getattr(values, name)) > most:
            _refuse(name, f"must have at most {most} characters")
    url = values.image_url
    if url and not (len(url) <= MAX_URL_LENGTH and LINK.fullmatch(url)):
        _refuse("image_url", "must be a link with http or https")


def _check_money(amounts: Mapping[str, Decimal], *, name: str, currencies: Collection[str]) -> None:
    for currency, amount in amounts.items():
        if currency not in currencies:
            _refuse(name, f"in {currency} cannot be: the programme has no rate for it")
        decimals = get_currency_precision(currency)
        if not (
            amount.is_finite() and 0 < amount <= MAX_AMOUNT and amount == round(amount, decimals)
        ):
            _refuse(
                name,
                f"in {currency} must be above 0, {MAX_AMOUNT} at most, with {decimals} decimals"
                " at most",
            )


def _refuse(name: str, problem: str) -> NoReturn:
    raise RewardInvalid(field=name, problem=problem)
