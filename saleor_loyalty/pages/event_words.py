"""Events in the words of who reads of them: texts in their language, times of the event's own zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_name
from django.utils.translation import get_language, gettext

from saleor_loyalty.emails.event_formats import languages as spoken_languages
from saleor_loyalty.emails.locales import current_locale
from saleor_loyalty.events.models import Event
from saleor_loyalty.flows.event_mails import texts_of, translated


@dataclass(frozen=True)
class Words:
    """A text of the shop's, and its language where that is not the page's."""

    text: str
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class EventCard:
    """What an event is, to be read. `is_online`: its place is an address of the web."""

    title: Words
    story: Words
    place: Words
    age_note: Words
    day: str
    hours: str
    zone: str
    place_url: str
    is_online: bool
    image_url: str
    image_alt: str
    languages: str


def card_of(event: Event, *, languages: Sequence[str]) -> EventCard:
    """Return an event's card for who reads these languages, the best first; in the language that is active."""
    rows = texts_of([event]).get(event.pk, [])
    words = {
        name: _words(translated(event, name, rows), languages)
        for name in ("title", "story", "place", "age_note")
    }
    starts_at, ends_at = _local(event.starts_at, event), _local(event.ends_at, event)
    until = _time(ends_at) if starts_at.date() == ends_at.date() else _moment(ends_at)
    return EventCard(
        **words,
        day=_day(starts_at),
        hours=f"{_time(starts_at)} \N{EN DASH} {until}",
        zone=str(get_timezone_name(starts_at, width="long", locale=current_locale())),
        place_url=event.place_url,
        is_online=event.place_kind == "online",
        image_url=event.image_url,
        image_alt=event.image_alt,
        languages=spoken_languages(event.languages),
    )


def moment_of(moment: datetime, event: Event) -> str:
    """Write an instant as clocks show it where the event is."""
    return _moment(_local(moment, event))


def time_of(moment: datetime, event: Event) -> str:
    """Write the time of day of an instant as clocks show it where the event is."""
    return _time(_local(moment, event))


def _words(texts: dict[str, str], languages: Sequence[str]) -> Words:
    by_code = {code.lower(): text for code, text in texts.items() if code}
    for language in languages:
        for code in (language.lower(), language.lower().split("-")[0]):
            if code in by_code:
                return Words(by_code[code], "" if code == get_language() else code)
    return Words(texts[""])


def _local(moment: datetime, event: Event) -> datetime:
    return moment.astimezone(ZoneInfo(event.time_zone))


def _moment(local: datetime) -> str:
    return gettext("%(day)s at %(time)s") % {"day": _day(local), "time": _time(local)}


def _day(local: datetime) -> str:
    return str(format_date(local, "full", locale=current_locale()))


def _time(local: datetime) -> str:
    return str(format_time(local.time(), "short", locale=current_locale()))
