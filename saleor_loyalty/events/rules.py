"""What an event is, who may come and what an answer does, in pure Python."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, Self
from zoneinfo import ZoneInfo

from saleor_loyalty.errors import LoyaltyError

MAX_TITLE_LENGTH = 120
MAX_TEXT_LENGTH = 10_000
MAX_PLACE_LENGTH = 250
MAX_URL_LENGTH = 500
MAX_NOTE_LENGTH = 1000
MAX_GUEST_NAME_LENGTH = 100
MAX_GUESTS = 20
MAX_CAPACITY = 100_000
MAX_REMINDERS = 5
MAX_WAVES = 20
MAX_NO_SHOWS = 50
MAX_FEEDBACK_SCORE = 5
DOORS_OPEN_BEFORE = timedelta(hours=3)
DOORS_CLOSE_AFTER = timedelta(hours=12)
FEEDBACK_WANTED_FOR = timedelta(days=60)


class EventState(StrEnum):
    """Where an event is in its life. Members see what is published, and its end."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"
    DONE = "done"


class PlaceKind(StrEnum):
    """Where an event is: in a store of the shop, at another address, or online."""

    STORE = "store"
    ADDRESS = "address"
    ONLINE = "online"


class Answer(StrEnum):
    """Where a member stands with an event.

    INVITED: they have not answered. ACCEPTED: they have their seats. WAITING: they have a place in
    the waiting list. OFFERED: seats came free and are kept for them until `offered_until`. DECLINED: they said
    no, or let an offer lapse. CANCELLED: they had accepted, or waited, and do so no more. REMOVED: staff took them off.
    """

    INVITED = "invited"
    ACCEPTED = "accepted"
    WAITING = "waiting"
    OFFERED = "offered"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REMOVED = "removed"


# Whose seats are taken, and who has to do with the event still.
SEATED = frozenset({Answer.ACCEPTED, Answer.OFFERED})
OPEN = frozenset({Answer.INVITED, Answer.WAITING, *SEATED})


class Source(StrEnum):
    """How a member came to an event: a wave, their own wish, staff, or through the door."""

    WAVE = "wave"
    ASKED = "asked"
    STAFF = "staff"
    WALK_IN = "walk_in"


class EventInvalid(LoyaltyError):
    """A part of an event makes no sense; `field` names it."""

    code = "event_invalid"


class AnswerInvalid(LoyaltyError):
    """A part of an answer makes no sense; `field` names it."""

    code = "event_answer_invalid"


class EventClosed(LoyaltyError):
    """An event takes no answers now; `why` says for which reason."""

    code = "event_closed"


class Closed(StrEnum):
    """Why an event takes no answers."""

    NOT_PUBLISHED = "not_published"
    NOT_YET = "not_yet"
    REGISTRATION_OVER = "registration_over"
    STARTED = "started"
    CANCELLED = "cancelled"
    NOT_THERE = "not_there"
    OVER = "over"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who may come: members who are all of what is set; hand-picked ones in any case.

    `tier_ids`, `channel_ids` (of the last order) and `countries` (of the last order's address): one of them. `minimum_spent`: money in all, by
    currency, one of them. `ordered_since`: the last order is no older. With nothing set, everybody.
    """

    tier_ids: tuple[int, ...] = ()
    channel_ids: tuple[int, ...] = ()
    countries: tuple[str, ...] = ()
    minimum_spent: Mapping[str, Decimal] = field(default_factory=dict)
    ordered_since: datetime | None = None
    member_ids: tuple[int, ...] = ()
    is_handpicked: bool = False

    @cached_property
    def picked(self) -> frozenset[int]:
        """Return the members who were picked by hand, to look them up."""
        return frozenset(self.member_ids)

    def as_json(self) -> dict[str, Any]:
        """Return the audience as plain data."""
        return {
            **asdict(self),
            "minimum_spent": {key: str(amount) for key, amount in self.minimum_spent.items()},
            "ordered_since": self.ordered_since.isoformat() if self.ordered_since else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the audience that plain data describes."""
        since = data.get("ordered_since")
        tuples = ("tier_ids", "channel_ids", "countries", "member_ids")
        return cls(
            **{name: tuple(data.get(name, ())) for name in tuples},
            minimum_spent={
                key: Decimal(amount) for key, amount in data.get("minimum_spent", {}).items()
            },
            ordered_since=datetime.fromisoformat(since) if since else None,
            is_handpicked=data.get("is_handpicked", False),
        )


@dataclass(frozen=True, kw_only=True)
class Guest:
    """What an audience asks of a member. `country` is ISO 3166-1 alpha-2."""

    member_id: int
    tier_id: int | None = None
    channel_id: int | None = None
    country: str = ""
    spent: Mapping[str, Decimal] = field(default_factory=dict)
    last_ordered_at: datetime | None = None


def belongs(guest: Guest, audience: Audience) -> bool:
    """Tell whether a member belongs to an audience."""
    if guest.member_id in audience.picked:
        return True
    if audience.is_handpicked:
        return False
    ordered_at, since = guest.last_ordered_at, audience.ordered_since
    asked: tuple[tuple[bool, bool], ...] = (
        (bool(audience.tier_ids), guest.tier_id in audience.tier_ids),
        (bool(audience.channel_ids), guest.channel_id in audience.channel_ids),
        (bool(audience.countries), guest.country in audience.countries),
        (
            bool(audience.minimum_spent),
            any(
                guest.spent.get(currency, Decimal(0)) >= amount
                for currency, amount in audience.minimum_spent.items()
            ),
        ),
        (since is not None, ordered_at is not None and since is not None and ordered_at >= since),
    )
    return all(is_so for is_asked, is_so in asked if is_asked)


@dataclass(frozen=True, kw_only=True)
class EventTimes:
    """The instants that decide what members can do about an event."""

    state: EventState
    starts_at: datetime
    ends_at: datetime
    registration_opens_at: datetime | None = None
    registration_closes_at: datetime | None = None
    cancel_hours: int = 24

    def closed(self, now: datetime, *, early: timedelta = timedelta(0)) -> Closed | None:
        """Return why nobody can accept now, or None. `early`: how much sooner a member may."""
        if self.state is EventState.CANCELLED:
            return Closed.CANCELLED
        if self.state is not EventState.PUBLISHED:
            return Closed.NOT_PUBLISHED
        if now >= self.starts_at:
            return Closed.STARTED
        if self.registration_opens_at is not None and now < self.registration_opens_at - early:
            return Closed.NOT_YET
        if self.registration_closes_at is not None and now >= self.registration_closes_at:
            return Closed.REGISTRATION_OVER
        return None

    @property
    def answer_until(self) -> datetime:
        """Return the instant until which members can accept, before it comes."""
        return min(self.registration_closes_at or self.starts_at, self.starts_at)

    @property
    def cancel_until(self) -> datetime:
        """Return the instant until which cancelling gives the points back."""
        return self.starts_at - timedelta(hours=self.cancel_hours)


def remind_at(starts_at: datetime, hours: int, *, time_zone: str) -> datetime:
    """Return when members are reminded `hours` before an event: days before at the same local time."""
    days, rest = divmod(hours, 24)
    local = starts_at.astimezone(ZoneInfo(time_zone)) - timedelta(days=days)
    return local.astimezone(UTC) - timedelta(hours=rest)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A party in the waiting list. Higher tiers have higher ranks."""

    invitation_id: int
    rank: int
    since: datetime
    seats: int


def in_line(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return a waiting list in its order: by tier, then by time."""
    return sorted(waiting, key=lambda one: (-one.rank, one.since, one.invitation_id))


def next_in_line(waiting: Iterable[Waiting], *, free: int) -> list[Waiting]:
    """Return the parties whose turn it is, as long as there are seats.

    A party that is too big for what is free keeps its place, and lets smaller ones pass.
    """
    chosen = []
    for one in in_line(waiting):
        if one.seats <= free:
            chosen.append(one)
            free -= one.seats
    return chosen


def check_party(
    *, guests: Sequence[str], guests_allowed: int, dietary: str, access: str
) -> tuple[str, ...]:
    """Return the names of guests as they are kept; an empty name is a guest without one.

    Raises:
        AnswerInvalid: too many guests, or something too long or not printable.

    """
    if len(guests) > guests_allowed:
        raise AnswerInvalid(field="guests", problem=f"must be at most {guests_allowed}")
    names = tuple(" ".join(name.split()) for name in guests)
    if any(len(name) > MAX_GUEST_NAME_LENGTH or not name.isprintable() for name in names):
        problem = f"must have at most {MAX_GUEST_NAME_LENGTH} printable characters"
        raise AnswerInvalid(field="guests", problem=problem)
    for field_name, text in (("dietary", dietary), ("access", access)):
        if len(text) > MAX_NOTE_LENGTH:
            raise AnswerInvalid(
                field=field_name, problem=f"must have at most {MAX_NOTE_LENGTH} characters"
            )
    return names
