"""Which mails a programme sends, to whom and when, in pure Python."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo, available_timezones

from saleor_loyalty.emails.rules import (
    MARKETING,
    PLAIN_FORM,
    EmailKind,
    Purpose,
    Transport,
    Why,
    purpose_of,
)
from saleor_loyalty.errors import LoyaltyError

MAX_DELAY_HOURS = 24 * 60
MAX_DAYS_BEFORE = 180
MAX_TARGETS = 200
MAX_MILESTONES = 20
MAX_A_WEEK = 50
WEEK = timedelta(days=7)
MAX_PERSONAL_DAYS = 10
MAX_DAY_NAME_LENGTH = 60


class ConsentSource(StrEnum):
    """Where a member agreed to marketing, or took it back.

    COMPLAINT: they told their mail provider that a mail was spam.
    """

    STOREFRONT = "storefront"
    PREFERENCE_PAGE = "preference_page"
    ONE_CLICK = "one_click"
    STAFF = "staff"
    COMPLAINT = "complaint"
    IMPORT = "import"


class DayKind(StrEnum):
    """What kind of day a member told us of."""

    ANNIVERSARY = "anniversary"
    BIRTHDAY = "birthday"
    NAME_DAY = "name_day"
    OTHER = "other"


class MailingInvalid(LoyaltyError):
    """A setting of a programme's mails makes no sense; `field` names it."""

    code = "mailing_invalid"


class PreferencesInvalid(LoyaltyError):
    """A preference of a member makes no sense; `field` names it."""

    code = "preferences_invalid"


class PersonalDayInvalid(LoyaltyError):
    """A day that a member tells us of makes no sense, or is one too many; `field` names it."""

    code = "personal_day_invalid"


@dataclass(frozen=True, kw_only=True)
class KindTerms:
    """How a programme sends one kind of mail.

    `delay_hours` after what causes it. What the calendar causes comes at `send_hour` o'clock of the
    programme's zone, and `days_before` what it warns of (None: as the programme's policy says). It goes to members of `tier_ids`, of
    `channel_ids` and in `language_codes` alone; empty: to all.
    """

    is_on: bool
    transport: Transport = Transport.EMAIL
    delay_hours: int = 0
    send_hour: int = 9
    days_before: int | None = None
    tier_ids: tuple[int, ...] = ()
    channel_ids: tuple[int, ...] = ()
    language_codes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the terms as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the terms that plain data describes."""
        tuples = ("tier_ids", "channel_ids", "language_codes")
        return cls(
            **{
                **data,
                "transport": Transport(data.get("transport", Transport.EMAIL)),
                **{name: tuple(data.get(name, ())) for name in tuples},
            }
        )


# Marketing that is on from the start: staff send waves of invitations on purpose.
ON_PURPOSE = frozenset({EmailKind.EVENT_INVITATION})
# What members did or signed up for makes them: they are no choice.
NECESSARY = frozenset(
    {
        EmailKind.EVENT_CONFIRMED,
        EmailKind.EVENT_WAITING,
        EmailKind.EVENT_OFFERED,
        EmailKind.EVENT_LEFT,
        EmailKind.EVENT_CHANGED,
        EmailKind.EVENT_CANCELLED,
    }
)


def default_terms(kind: EmailKind) -> KindTerms:
    """Return how a kind of mail is sent until staff say otherwise: service mails and invitations are on."""
    last_chance = 7 if kind is EmailKind.POINTS_EXPIRING_LAST else None
    return KindTerms(is_on=kind not in MARKETING - ON_PURPOSE, days_before=last_chance)


@dataclass(frozen=True, kw_only=True)
class MailingTerms:
    """How a programme sends mails: limits on marketing, milestones, and its kinds.

    Marketing waits from `quiet_from` until `quiet_until` o'clock, in the member's zone (the same hour:
    never), and a member gets at most `weekly_limit` such mails in any seven days. Orders with a
    number in `milestones` are thanked for as such.
    """

    quiet_from: int = 21
    quiet_until: int = 8
    weekly_limit: int = 2
    milestones: tuple[int, ...] = (10, 25, 50, 100)
    kinds: Mapping[EmailKind, KindTerms] = field(default_factory=dict)

    def kind(self, kind: EmailKind) -> KindTerms:
        """Return how a kind is sent."""
        return self.kinds.get(kind) or default_terms(kind)

    def form(self, kind: EmailKind) -> EmailKind | None:
        """Return the kind that goes out where a special form is asked for; None: none."""
        for one in (kind, PLAIN_FORM.get(kind)):
            if one is not None and self.kind(one).is_on:
                return one
        return None

    def as_json(self) -> dict[str, Any]:
        """Return the terms as plain data."""
        kinds = {kind.value: terms.as_json() for kind, terms in self.kinds.items()}
        return {**asdict(self), "milestones": list(self.milestones), "kinds": kinds}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the terms that plain data describes; what is missing is at its default."""
        kinds = {
            EmailKind(kind): KindTerms.from_json(terms)
            for kind, terms in data.get("kinds", {}).items()
        }
        rest = {key: value for key, value in data.items() if key not in ("kinds", "milestones")}
        if "milestones" in data:
            rest["milestones"] = tuple(data["milestones"])
        return cls(**rest, kinds=kinds)


def check_kind(kind: EmailKind, terms: KindTerms) -> None:
    """Check how a kind is to be sent.

    Raises:
        MailingInvalid: the first part that makes no sense, with `field` and `problem`.

    """
    if not 0 <= terms.delay_hours <= MAX_DELAY_HOURS:
        raise MailingInvalid(field="delay_hours", problem=f"must be 0 to {MAX_DELAY_HOURS}")
    if not 0 <= terms.send_hour <= 23:  # noqa: PLR2004 -- hours of a day
        raise MailingInvalid(field="send_hour", problem="must be 0 to 23")
    if terms.days_before is not None and not 1 <= terms.days_before <= MAX_DAYS_BEFORE:
        raise MailingInvalid(field="days_before", problem=f"must be 1 to {MAX_DAYS_BEFORE}")
    for name in ("tier_ids", "channel_ids", "language_codes"):
        if len(getattr(terms, name)) > MAX_TARGETS:
            raise MailingInvalid(field=name, problem=f"must be at most {MAX_TARGETS}")


def check_mailing(terms: MailingTerms) -> None:
    """Check the limits of a programme's mails.

    Raises:
        MailingInvalid: the first part that makes no sense, with `field` and `problem`.

    """
    for name in ("quiet_from", "quiet_until"):
        if not 0 <= getattr(terms, name) <= 23:  # noqa: PLR2004 -- hours of a day
            raise MailingInvalid(field=name, problem="must be 0 to 23")
    if not 0 <= terms.weekly_limit <= MAX_A_WEEK:
        raise MailingInvalid(field="weekly_limit", problem=f"must be 0 to {MAX_A_WEEK}")
    if len(terms.milestones) > MAX_MILESTONES or any(
        not 2 <= one <= 100_000  # noqa: PLR2004 -- the first order has a mail of its own
        for one in terms.milestones
    ):
        raise MailingInvalid(
            field="milestones", problem=f"must be at most {MAX_MILESTONES} numbers, 2 to 100000"
        )


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a member chose: marketing or not, kinds to stop, language and zone (empty: the shop's)."""

    accepts_marketing: bool = False
    stopped: frozenset[EmailKind] = frozenset()
    language_code: str = ""
    time_zone: str = ""


def choice_of(kind: EmailKind) -> EmailKind:
    """Return the kind under which a member chooses a kind: all forms of a mail go together."""
    if kind is EmailKind.POINTS_EXPIRING_LAST:
        return EmailKind.POINTS_EXPIRING
    return PLAIN_FORM.get(kind, kind)


CHOICES = tuple(dict.fromkeys(choice_of(kind) for kind in EmailKind if kind not in NECESSARY))


def check_time_zone(name: str) -> None:
    """Check a member's zone; empty is the programme's.

    Raises:
        PreferencesInvalid: it is no IANA time zone.

    """
    if name and name not in available_timezones():
        raise PreferencesInvalid(field="time_zone", problem="is not an IANA time zone")


def obstacle(
    kind: EmailKind,
    terms: MailingTerms,
    choices: Choices,
    *,
    tier_id: int | None,
    channel_id: int | None,
    language_code: str,
) -> Why | None:
    """Return why a member must not get a kind of mail at all, or None."""
    sending = terms.kind(kind)
    if not sending.is_on:
        return Why.SWITCHED_OFF
    if kind not in NECESSARY and choice_of(kind) in choices.stopped:
        return Why.OPTED_OUT
    if purpose_of(kind) is Purpose.MARKETING and not choices.accepts_marketing:
        return Why.NO_CONSENT
    base = language_code.lower().split("-")[0]
    languages = {one.lower() for one in sending.language_codes}
    targets: tuple[tuple[Collection[object], bool], ...] = (
        (sending.tier_ids, tier_id in sending.tier_ids),
        (sending.channel_ids, channel_id in sending.channel_ids),
        (languages, bool({language_code.lower(), base} & languages)),
    )
    if any(wanted and not is_in for wanted, is_in in targets):
        return Why.NOT_TARGETED
    return None


def quiet_until(moment: datetime, terms: MailingTerms, *, time_zone: str) -> datetime | None:
    """Return when the quiet hours that an instant is in are over, or None if it is in none."""
    local = moment.astimezone(ZoneInfo(time_zone))
    start, end = terms.quiet_from, terms.quiet_until
    is_over_night = start > end
    hour = local.hour
    is_quiet = (hour >= start or hour < end) if is_over_night else start <= hour < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1) if is_over_night and hour >= start else local.date()
    return datetime.combine(day, time(end), tzinfo=local.tzinfo)


def has_room_at(sent: Collection[datetime], now: datetime, terms: MailingTerms) -> datetime | None:
    """Return when a member may get one more marketing mail; None: at once.

    `sent` are the instants of the last ones. Of a limit of 0 it is a week later, again and again.
    """
    recent = sorted(moment for moment in sent if moment > now - WEEK)
    if len(recent) < terms.weekly_limit:
        return None
    if not recent or terms.weekly_limit == 0:
        return now + WEEK
    return recent[-terms.weekly_limit] + WEEK
