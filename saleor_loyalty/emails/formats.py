"""Numbers, money, dates and variables in the reader's language; also as template filters."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from unicodedata import normalize

from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal
from django import template
from django.utils.translation import get_language, ngettext

from saleor_loyalty.emails.event_formats import people, when
from saleor_loyalty.emails.locales import current_locale
from saleor_loyalty.emails.variables import VARIABLES, VariableType

register = template.Library()

LONGEST_NAME = 60
_ADDRESS = re.compile(r"://|www\.|[@<>]|\w[.\u3002]\w{2,}|\d\D*\d\D*\d\D*\d", re.IGNORECASE)


@register.filter
def money(amount: str, currency: str) -> str:
    """Write an amount (a decimal as text) of a currency: `{{ total|money:currency }}`."""
    return str(format_currency(Decimal(amount), currency, locale=current_locale()))


@register.filter
def points(number: int, points_name: str = "") -> str:
    """Write points with their noun: the programme's name for them, or the plain word."""
    written = str(format_decimal(number, locale=current_locale()))
    if points_name:
        return f"{written} {points_name}"
    return ngettext("%(number)s point", "%(number)s points", number) % {"number": written}


@register.filter
def gain(number: int, points_name: str = "") -> str:
    """Write points that were added, with their sign; 0 has none."""
    return ("+" if number else "") + points(number, points_name)


@register.filter
def loss(number: int, points_name: str = "") -> str:
    """Write points that were taken away, with their sign; 0 has none."""
    return ("\N{MINUS SIGN}" if number else "") + points(number, points_name)


@register.filter
def days(number: int) -> str:
    """Write a number of days."""
    written = str(format_decimal(number, locale=current_locale()))
    return ngettext("%(number)s day", "%(number)s days", number) % {"number": written}


@register.filter
def orders(number: int) -> str:
    """Write a number of orders."""
    written = str(format_decimal(number, locale=current_locale()))
    return ngettext("%(number)s order", "%(number)s orders", number) % {"number": written}


@register.filter
def whole_number(value: int) -> str:
    """Write a plain number."""
    return str(format_decimal(value, locale=current_locale()))


@register.filter
def long_date(day: str) -> str:
    """Write a calendar date (ISO text) in words."""
    return str(format_date(date.fromisoformat(day), format="long", locale=current_locale()))


@register.filter
def ordinal(value: int) -> str:
    """Write a place in a row: 1st, 2nd, 10th; with a full stop where that is the custom."""
    if current_locale().language != "en":
        return f"{value}."
    teens = 10 < value % 100 < 14  # noqa: PLR2004 -- eleventh, twelfth, thirteenth
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"


@register.filter
def period(text: str) -> str:
    """Write a month ("2026-05") or a year ("2026")."""
    year, _, month = text.partition("-")
    if not month:
        return year
    first = date(int(year), int(month), 1)
    return str(format_skeleton("yMMMM", first, locale=current_locale()))


@register.filter
def named(names: str | Mapping[str, str]) -> str:
    """Return a name in the reader's language, where it has translations (by code; "" else)."""
    if isinstance(names, str):
        return names
    language = (get_language() or "").lower()
    by_code = {code.lower(): name for code, name in names.items() if name}
    return by_code.get(language) or by_code.get(language.split("-")[0]) or by_code.get("", "")


@register.filter
def measure(fact: Mapping[str, Any], points_name: str = "") -> str:
    """Write what counts towards tiers: `{"metric": "amount", "amount": "20", "currency": "EUR"}`."""
    amount = Decimal(fact["amount"])
    if fact["metric"] == "amount":
        return money(fact["amount"], fact["currency"])
    count = int(amount.to_integral_value(rounding="ROUND_CEILING"))
    return orders(count) if fact["metric"] == "orders" else points(count, points_name)


@register.filter
def is_missing(fact: Mapping[str, Any] | str) -> bool:
    """Tell whether anything is missing: a measure above 0."""
    return not isinstance(fact, str) and bool(fact) and Decimal(fact["amount"]) > 0


def first_name_of(name: str) -> str:
    """Return a first name that a mail can begin with, or nothing.

    What is no name is left out: shops are registered with by spammers whose "name" is a message
    with an address of a page, or a telephone number, for our mails to carry to strangers.
    """
    plain = " ".join(name[: LONGEST_NAME * 2].split())
    if len(plain) > LONGEST_NAME or not plain.isprintable():
        return ""
    return "" if _ADDRESS.search(normalize("NFKC", plain)) else plain


def values_of(facts: Mapping[str, Any]) -> tuple[dict[str, str], set[str]]:
    """Return the variables that facts have a value of, as written, and which of them are empty.

    Zero points, orders and days are written, and empty; so is a measure of 0.
    """
    values: dict[str, str] = {}
    empty: set[str] = set()
    for name, kind in VARIABLES.items():
        fact = facts.get(name)
        if fact is None or fact in ("", {}, []) or (kind is VariableType.WHEN and not fact["at"]):
            continue
        values[name] = _written(kind, fact, facts)
        is_nothing = isinstance(fact, int) and fact <= 0
        is_met = kind is VariableType.MEASURE and not is_missing(fact)
        if is_nothing or is_met or not values[name].strip():
            empty.add(name)
    return values, empty


def _written(kind: VariableType, fact: Any, facts: Mapping[str, Any]) -> str:  # noqa: C901, PLR0911 -- one line a type
    points_name = facts.get("points_name", "")
    match kind:
        case VariableType.POINTS:
            return points(fact, points_name)
        case VariableType.MONEY:
            return money(fact, facts["currency"])
        case VariableType.MEASURE:
            return measure(fact, points_name)
        case VariableType.NAME:
            return named(fact)
        case VariableType.DATE:
            return long_date(fact)
        case VariableType.NUMBER:
            return whole_number(fact)
        case VariableType.ORDINAL:
            return ordinal(fact)
        case VariableType.DAYS:
            return days(fact)
        case VariableType.PERIOD:
            return period(fact)
        case VariableType.WHEN:
            return when(fact)
        case VariableType.NAMES:
            return people(fact)
        case VariableType.TEXT:
            return str(fact)


@register.filter
def picture_of(pictures: Mapping[str, str], line: Mapping[str, Any]) -> str:
    """Return the address of the picture of an order's line, or nothing."""
    return pictures.get(line.get("product_id", ""), "")
