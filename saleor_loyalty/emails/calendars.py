"""An event as calendars understand it: iCalendar (RFC 5545), invited to and called off by iTIP (RFC 5546).

Pure Python.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vCalAddress, vText, vUri

PRODUCT = "-//saleor-loyalty//events//EN"
LONGEST_STORY = 2000
_LINE_BREAKS = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Method(StrEnum):
    """What a calendar is to do: take an event up, or as it is now; or strike it out."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class PartStat(StrEnum):
    """How the reader stands to an event."""

    NEEDS_ACTION = "NEEDS-ACTION"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    TENTATIVE = "TENTATIVE"


@dataclass(frozen=True, kw_only=True)
class Party:
    """Somebody who has to do with an event."""

    address: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class CalendarEntry:
    """What a reader's calendar is told of an event.

    `uid` stays, and `sequence` and `stamped_at` rise, as long as there is the event: that is how calendars
    know the newest of it. Instants are aware; `time_zone` (IANA name) is the place's. `url` is the reader's ticket.
    """

    uid: str
    sequence: int
    method: Method
    stamped_at: datetime
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    title: str
    organizer: Party
    attendee: Party
    partstat: PartStat
    story: str = ""
    place: str = ""
    place_url: str = ""
    url: str = ""


def write_calendar(entry: CalendarEntry) -> str:
    """Return an iCalendar object with one event; lines end in CRLF and have at most 75 octets.

    Nobody reads replies, so none is asked for. To each reader it is an event of their own: called off, it is
    CANCELLED also where others still go. Only who comes is busy then.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", entry.method.value)
    starts_at, ends_at = _clocks(entry)
    if starts_at.tzinfo is not UTC:
        calendar.add_component(_zone(entry.time_zone, starts_at.year, ends_at.year))
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.stamped_at.astimezone(UTC).replace(microsecond=0))
    event.add("sequence", entry.sequence)
    event.add("dtstart", starts_at)
    event.add("dtend", ends_at)
    event.add("summary", _line(entry.title))
    url = _address_of_page(entry.url)
    for name, text in (("description", _story(entry, url)), ("location", _place(entry))):
        if text:
            event.add(name, text)
    if url:
        event.add("url", vUri(url))
    is_off = entry.method is Method.CANCEL
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    is_coming = entry.partstat is PartStat.ACCEPTED and not is_off
    event.add("transp", "OPAQUE" if is_coming else "TRANSPARENT")
    event.add("organizer", _address(entry.organizer))
    attendee = _address(entry.attendee)
    attendee.params["CUTYPE"] = vText("INDIVIDUAL")
    attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
    attendee.params["PARTSTAT"] = vText(entry.partstat.value)
    attendee.params["RSVP"] = vText("FALSE")
    event.add("attendee", attendee)
    calendar.add_component(event)
    return str(calendar.to_ical().decode())


def _clocks(entry: CalendarEntry) -> tuple[datetime, datetime]:
    """Return start and end as the place's clocks show them; in UTC where they show an hour twice.

    A local time that comes twice means its first (RFC 5545, 3.3.5), so there is none for the second.
    """
    zone = ZoneInfo(entry.time_zone)
    clocks = [moment.astimezone(zone) for moment in (entry.starts_at, entry.ends_at)]
    if entry.time_zone == "UTC" or any(clock.fold for clock in clocks):
        clocks = [moment.astimezone(UTC) for moment in clocks]
    starts_at, ends_at = (clock.replace(microsecond=0) for clock in clocks)
    return starts_at, ends_at


def _zone(name: str, first_year: int, last_year: int) -> Timezone:
    """Return the rules of a zone for some years, with one more on either side."""
    zone = Timezone.from_tzid(
        name, first_date=date(first_year - 1, 1, 1), last_date=date(last_year + 2, 1, 1)
    )
    zone.pop("COMMENT", None)
    return zone


def _address(party: Party) -> vCalAddress:
    address = vCalAddress(f"mailto:{quote(party.address, safe='@!$&*+-/=^_`{|}~.')}")
    name = _line(party.name).replace('"', "'")
    if name:
        address.params["CN"] = vText(name)
    return address


def _story(entry: CalendarEntry, url: str) -> str:
    """Return a story as plain text, with where more is to be seen."""
    story = _CONTROL.sub("", _LINE_BREAKS.sub("\n", entry.story)).strip()
    if len(story) > LONGEST_STORY:
        story = story[: LONGEST_STORY - 1].rstrip() + "…"
    place_url = _address_of_page(entry.place_url)
    return "\n\n".join(part for part in (story, place_url, url) if part)


def _place(entry: CalendarEntry) -> str:
    return _line(entry.place) or _address_of_page(entry.place_url)


def _line(text: str) -> str:
    """Return a text as one line."""
    return " ".join(_CONTROL.sub("", _LINE_BREAKS.sub(" ", text)).split())


def _address_of_page(text: str) -> str:
    """Return an address of a page, or nothing where it is none."""
    try:
        is_page = urlsplit(text).scheme in ("http", "https")
    except ValueError:
        return ""
    return text if is_page and text.isprintable() and " " not in text else ""
