"""Template filters that write numbers, money and dates in the reader's language."""

from datetime import date
from decimal import Decimal

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from django import template
from django.utils.translation import get_language, ngettext

register = template.Library()


def current_locale() -> Locale:
    """Return babel's locale for the language that is active; it is one of our catalogues'."""
    return Locale.parse(get_language() or "en", sep="-")


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
def long_date(day: str) -> str:
    """Write a calendar date (ISO text) in words."""
    return str(format_date(date.fromisoformat(day), format="long", locale=current_locale()))
