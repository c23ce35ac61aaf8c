"""When events are, who comes and what is spoken, in the reader's language; also as template filters."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_time, get_timezone_name
from babel.lists import format_list
from babel.numbers import format_decimal
from django import template
from django.utils.translation import ngettext

from saleor_loyalty.emails.locales import current_locale

register = template.Library()

SCORES = (1, 2, 3, 4, 5)
# How a date and a time of day are joined in a sentence; elsewhere as the locale joins them.
_JOINED = {"en": "{1} at {0}", "nb": "{1} kl. {0}", "hr": "{1} u {0}"}
_SHORT_NAME = re.compile(r"[^\W\d_]{2,5}")


def local(at: str, zone: str) -> datetime:
    """Return an instant (ISO text) on the clocks of a time zone (IANA name)."""
    return datetime.fromisoformat(at).astimezone(ZoneInfo(zone))


@register.filter
def when(fact: Mapping[str, str]) -> str:
    """Write an instant as a place's clocks show it: weekday, date, time and the zone's short name."""
    moment, locale = local(fact["at"], fact["zone"]), current_locale()
    joined = _JOINED.get(locale.language) or str(locale.datetime_formats["full"])
    written = joined.format(_time(moment, locale), _day(moment, locale))
    return f"{written} {zone_name(moment, locale)}"


@register.filter
def day_of(event: Mapping[str, Any]) -> str:
    """Write the day that an event begins on, with its weekday."""
    return _day(local(event["starts_at"], event["time_zone"]), current_locale())


@register.filter
def hours_of(event: Mapping[str, Any]) -> str:
    """Write from when until when an event is; until which day, where it ends on another one."""
    starts_at, ends_at = (
        local(event[name], event["time_zone"]) for name in ("starts_at", "ends_at")
    )
    locale = current_locale()
    from_zone, until_zone = zone_name(starts_at, locale), zone_name(ends_at, locale)
    is_of_one_day = starts_at.date() == ends_at.date()
    if is_of_one_day and from_zone == until_zone and ends_at > starts_at:
        skeleton = "hm" if "a" in str(locale.time_formats["short"].pattern) else "Hm"
        hours = format_interval(
            starts_at.replace(tzinfo=None), ends_at.replace(tzinfo=None), skeleton, locale=locale
        )
        return f"{hours} {from_zone}"
    begins = f"{_time(starts_at, locale)} {from_zone}"
    ends = f"{_time(ends_at, locale)} {until_zone}"
    return f"{begins} \N{EN DASH} {ends if is_of_one_day else f'{_day(ends_at, locale)}, {ends}'}"


def zone_name(moment: datetime, locale: Locale) -> str:
    """Return the short name of an instant's zone: CET, EST; GMT+1 where readers know no such name."""
    name = str(get_timezone_name(moment, width="short", locale=locale))
    if _SHORT_NAME.fullmatch(name):
        return name
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return f"GMT{sign}{hours}{f':{rest:02}' if rest else ''}" if minutes else "GMT"


def _day(moment: datetime, locale: Locale) -> str:
    return str(format_date(moment, "full", locale=locale))


def _time(moment: datetime, locale: Locale) -> str:
    return str(format_time(moment.timetz(), "short", tzinfo=moment.tzinfo, locale=locale))


@register.filter
def seats(number: int) -> str:
    """Write a number of seats."""
    written = str(format_decimal(number, locale=current_locale()))
    return ngettext("%(number)s seat", "%(number)s seats", number) % {"number": written}


@register.filter
def people(names: Collection[str]) -> str:
    """Write a list of people; who has no name is left out."""
    known = [" ".join(name.split()) for name in names]
    return str(format_list([name for name in known if name], locale=current_locale()))


@register.filter
def languages(codes: Collection[str]) -> str:
    """Write a list of languages by their names: `["en", "hr"]`."""
    locale = current_locale()
    return str(format_list([_language(code, locale) for code in codes], locale=locale))


def _language(code: str, locale: Locale) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name(locale) or code
    except (UnknownLocaleError, ValueError):
        return code


@register.filter
def first_words(text: str, number: int) -> str:
    """Return a text's first words, in lines as they were; with dots where there are more."""
    words = list(islice(re.finditer(r"\S+", text), number + 1))
    is_cut = len(words) > number
    return f"{text[: words[number - 1].end()]} \N{HORIZONTAL ELLIPSIS}" if is_cut else text.strip()


@register.filter
def in_fours(code: str) -> str:
    """Write a code in groups of four, as one reads it out."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


@register.filter
def scores(address: str) -> list[tuple[int, str]]:
    """Return what can be answered to how it was, 1 to 5, each with its address: `?score=3`."""
    parsed = urlsplit(address)
    return [
        (score, parsed._replace(query=f"{parsed.query}&score={score}".lstrip("&")).geturl())
        for score in SCORES
    ]
