"""Checks of events as staff give them, in pure Python."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import available_timezones

from saleor_loyalty.events.rules import (
    MAX_CAPACITY,
    MAX_GUESTS,
    MAX_PLACE_LENGTH,
    MAX_REMINDERS,
    MAX_TEXT_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_URL_LENGTH,
    Audience,
    EventInvalid,
    PlaceKind,
)
from saleor_loyalty.tiers.checks import LINK

MAX_POINTS = 100_000_000
MAX_HOURS = 24 * 90
MAX_LANGUAGES = 20
MAX_HAND_PICKED = 20_000
MAX_SHORT_LENGTH = 250
MAX_REASON_LENGTH = 1000
LAST_YEAR = 2200


@dataclass(frozen=True, kw_only=True)
class EventValues:
    """All that staff say of an event, but its waves and translations; see `models.Event`."""

    title: str = ""
    story: str = ""
    image_url: str = ""
    image_alt: str = ""
    place_kind: PlaceKind = PlaceKind.STORE
    place: str = ""
    place_url: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    time_zone: str = "UTC"
    capacity: int = 0
    guests_allowed: int = 0
    audience: Audience = field(default_factory=Audience)
    registration_opens_at: datetime | None = None
    registration_closes_at: datetime | None = None
    price_points: int = 0
    award_points: int = 0
    cancel_hours: int = 24
    offer_hours: int = 24
    reminder_hours: tuple[int, ...] = (168, 24)
    age_note: str = ""
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EventTexts:
    """An event's texts in a language; what is empty is as in the event itself."""

    language_code: str
    title: str = ""
    story: str = ""
    place: str = ""
    age_note: str = ""


def check_event(values: EventValues) -> None:
    """Check that an event makes sense.

    Raises:
        EventInvalid: the first part that makes none, with `field` and `problem`.

    """
    if not 1 <= len(values.title.strip()) <= MAX_TITLE_LENGTH:
        problem = f"must have 1 to {MAX_TITLE_LENGTH} characters"
        raise EventInvalid(field="title", problem=problem)
    for name, longest in (
        ("story", MAX_TEXT_LENGTH),
        ("place", MAX_PLACE_LENGTH),
        ("image_alt", MAX_SHORT_LENGTH),
        ("age_note", MAX_SHORT_LENGTH),
    ):
        if len(getattr(values, name)) > longest:
            raise EventInvalid(field=name, problem=f"must have at most {longest} characters")
    for name in ("image_url", "place_url"):
        _check_link(name, getattr(values, name))
    _check_times(values)
    _check_numbers(values)
    if len(values.audience.member_ids) > MAX_HAND_PICKED:
        raise EventInvalid(field="audience", problem=f"must be at most {MAX_HAND_PICKED} members")
    if values.audience.is_handpicked and not values.audience.member_ids:
        raise EventInvalid(field="audience", problem="needs the members who are picked")


def check_texts(texts: EventTexts) -> None:
    """Check an event's texts in a language.

    Raises:
        EventInvalid: one is too long, or the code is none.

    """
    code = texts.language_code.replace("-", "")
    if not code.isalnum() or len(texts.language_code) > 35:  # noqa: PLR2004 -- the column's length
        raise EventInvalid(field="language_code", problem="is not a language code")
    for name, longest in (
        ("title", MAX_TITLE_LENGTH),
        ("story", MAX_TEXT_LENGTH),
        ("place", MAX_PLACE_LENGTH),
        ("age_note", MAX_SHORT_LENGTH),
    ):
        if len(getattr(texts, name)) > longest:
            raise EventInvalid(field=name, problem=f"must have at most {longest} characters")


def _check_link(name: str, url: str) -> None:
    if url and (len(url) > MAX_URL_LENGTH or not LINK.fullmatch(url)):
        raise EventInvalid(field=name, problem="must be an address of a page, http or https")


def _check_times(values: EventValues) -> None:
    if values.time_zone not in available_timezones():
        raise EventInvalid(field="time_zone", problem="is not an IANA time zone")
    for name in ("starts_at", "ends_at", "registration_opens_at", "registration_closes_at"):
        moment = getattr(values, name)
        if moment is not None and moment.tzinfo is None:
            raise EventInvalid(field=name, problem="needs a time zone")
    if values.starts_at is None:
        raise EventInvalid(field="starts_at", problem="is needed")
    if values.ends_at is None or values.ends_at <= values.starts_at:
        raise EventInvalid(field="ends_at", problem="must come after the start")
    if values.ends_at.year > LAST_YEAR:
        raise EventInvalid(field="ends_at", problem=f"must lie before the end of {LAST_YEAR}")
    opens, closes = values.registration_opens_at, values.registration_closes_at
    if closes is not None and closes > values.ends_at:
        raise EventInvalid(field="registration_closes_at", problem="must not come after the end")
    if opens is not None and opens >= (closes or values.starts_at):
        raise EventInvalid(field="registration_opens_at", problem="must come before it closes")


def _check_numbers(values: EventValues) -> None:
    for name, least, most in (
        ("capacity", 1, MAX_CAPACITY),
        ("guests_allowed", 0, MAX_GUESTS),
        ("price_points", 0, MAX_POINTS),
        ("award_points", 0, MAX_POINTS),
        ("cancel_hours", 0, MAX_HOURS),
        ("offer_hours", 1, MAX_HOURS),
    ):
        if not least <= getattr(values, name) <= most:
            raise EventInvalid(field=name, problem=f"must be {least} to {most}")
    hours = values.reminder_hours
    if len(hours) > MAX_REMINDERS or any(not 1 <= one <= MAX_HOURS for one in hours):
        problem = f"must be at most {MAX_REMINDERS} numbers, 1 to {MAX_HOURS}"
        raise EventInvalid(field="reminder_hours", problem=problem)
    if len(values.languages) > MAX_LANGUAGES:
        raise EventInvalid(field="languages", problem=f"must be at most {MAX_LANGUAGES}")
