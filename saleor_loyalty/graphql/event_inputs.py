"""Events as staff give them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import graphene
from django.core.exceptions import ValidationError
from saleor.graphql.account.enums import CountryCodeEnum
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseInputObjectType, NonNullList

from saleor_loyalty.events.checks import EventTexts
from saleor_loyalty.events.rules import Audience, PlaceKind
from saleor_loyalty.flows.manage_events import WaveValues
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode
from saleor_loyalty.graphql.event_enums import LoyaltyEventPlaceKindEnum
from saleor_loyalty.graphql.event_fields import (
    AUDIENCE,
    LANGUAGES,
    NUMBERS,
    OPTIONAL_DATES,
    PLACE_URL,
    REMINDER_HOURS,
    STAFF_NUMBERS,
    TEXTS,
    WAVE,
)
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.members.models import Member
from saleor_loyalty.shop.channels import channels_by_id
from saleor_loyalty.tiers.models import Tier


class LoyaltyEventAmountInput(BaseInputObjectType):
    """Money of an audience."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    amount = PositiveDecimal(required=True, description="How much.")

    class Meta:
        description = "Money that members of an audience spent, in one currency."
        doc_category = DOC_CATEGORY


class LoyaltyEventAudienceInput(BaseInputObjectType):
    """Who may come."""

    tiers = NonNullList(graphene.ID, description=AUDIENCE["tiers"])
    channels = NonNullList(graphene.ID, description=AUDIENCE["channels"])
    countries = NonNullList(CountryCodeEnum, description=AUDIENCE["countries"])
    minimum_spent = NonNullList(LoyaltyEventAmountInput, description=AUDIENCE["minimum_spent"])
    ordered_since = DateTime(description=AUDIENCE["ordered_since"])
    members = NonNullList(graphene.ID, description=f"{AUDIENCE['members']} Up to 20,000.")
    is_handpicked = graphene.Boolean(description=f"{AUDIENCE['is_handpicked']} Default: false.")

    class Meta:
        description = (
            "Who may come: members who are all of what is set, and those who are named; with "
            "nothing set, all members. It replaces what was set before."
        )
        doc_category = DOC_CATEGORY


class LoyaltyEventWaveInput(BaseInputObjectType):
    """A wave."""

    id = graphene.ID(description="ID of a wave that is there and did not go out yet.")
    tiers = NonNullList(graphene.ID, description=WAVE["tiers"])
    opens_at = DateTime(required=True, description=WAVE["opens_at"])
    only_if_free = graphene.Boolean(description=f"{WAVE['only_if_free']} Default: false.")
    most_no_shows = graphene.Int(description=WAVE["most_no_shows"])

    class Meta:
        description = "When which members of an event's audience are invited."
        doc_category = DOC_CATEGORY


class LoyaltyEventTranslationInput(BaseInputObjectType):
    """An event's texts."""

    language_code = LanguageCodeEnum(required=True, description="The language.")
    title = graphene.String(description="Title in it; empty: the plain one.")
    story = graphene.String(description="Story in it; empty: the plain one.")
    place = graphene.String(description="Place in it; empty: the plain one.")
    age_note = graphene.String(description="Note about age in it; empty: the plain one.")

    class Meta:
        description = "An event's texts in a language; they replace those that it had in it."
        doc_category = DOC_CATEGORY


class LoyaltyEventInput(BaseInputObjectType):
    """What to set on an event."""

    title = graphene.String(description=TEXTS["title"])
    story = graphene.String(description=TEXTS["story"])
    image_url = graphene.String(description=TEXTS["image_url"])
    image_alt = graphene.String(description=TEXTS["image_alt"])
    place_kind = LoyaltyEventPlaceKindEnum(description="What kind of place. Default: STORE.")
    place = graphene.String(description=TEXTS["place"])
    place_url = graphene.String(description=PLACE_URL)
    starts_at = DateTime(description="When it starts.")
    ends_at = DateTime(description="When it ends.")
    time_zone = graphene.String(description=f"{TEXTS['time_zone']} Default: UTC.")
    capacity = graphene.Int(description=NUMBERS["capacity"])
    guests_allowed = graphene.Int(description=f"{NUMBERS['guests_allowed']} Default: 0.")
    price_points = graphene.Int(description=f"{NUMBERS['price_points']} Default: 0.")
    award_points = graphene.Int(description=f"{NUMBERS['award_points']} Default: 0.")
    cancel_hours = graphene.Int(description=f"{STAFF_NUMBERS['cancel_hours']} Default: 24.")
    offer_hours = graphene.Int(description=f"{STAFF_NUMBERS['offer_hours']} Default: 24.")
    reminder_hours = NonNullList(graphene.Int, description=f"{REMINDER_HOURS} Default: 168 and 24.")
    registration_opens_at = DateTime(description=OPTIONAL_DATES["registration_opens_at"])
    registration_closes_at = DateTime(description=OPTIONAL_DATES["registration_closes_at"])
    age_note = graphene.String(description=TEXTS["age_note"])
    languages = NonNullList(LanguageCodeEnum, description=LANGUAGES)
    audience = LoyaltyEventAudienceInput(description="Who may come. Default: all members.")
    translations = NonNullList(
        LoyaltyEventTranslationInput, description="Its texts in languages; others stay."
    )
    waves = NonNullList(
        LoyaltyEventWaveInput,
        description="All waves that are yet to come, up to 20; those left out are deleted.",
    )

    class Meta:
        description = (
            "What to set on an event; what is left out stays as it is, null takes a date of "
            "registration away. Instants without a zone are in UTC."
        )
        doc_category = DOC_CATEGORY


def event_values(mutation: type[LoyaltyMutation], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `EventValues` that an input sets.

    Raises:
        ValidationError: an ID or a currency makes no sense.

    """
    return {
        name: _READERS[name](mutation, value) if name in _READERS else value
        for name, value in dict.items(given)  # type: ignore[arg-type]
        if name not in {"translations", "waves"} and (value is not None or name in OPTIONAL_DATES)
    }


def event_texts(given: Mapping[str, Any]) -> list[EventTexts]:
    """Return the texts in languages that an input sets."""
    return [
        EventTexts(
            language_code=one["language_code"],
            **{name: one.get(name) or "" for name in ("title", "story", "place", "age_note")},
        )
        for one in given.get("translations") or ()
    ]


def event_waves(
    mutation: type[LoyaltyMutation], given: Mapping[str, Any]
) -> list[WaveValues] | None:
    """Return the waves that an input sets; None: they stay.

    Raises:
        ValidationError: an ID makes no sense.

    """
    waves = given.get("waves")
    return None if waves is None else [_wave(mutation, one) for one in waves]


def _wave(mutation: type[LoyaltyMutation], given: Mapping[str, Any]) -> WaveValues:
    return WaveValues(
        opens_at=_utc(given["opens_at"]),
        tier_ids=_ids(mutation, given.get("tiers"), "LoyaltyTier", "waves"),
        only_if_free=bool(given.get("only_if_free")),
        most_no_shows=given.get("most_no_shows"),
        wave_id=mutation.get_pk(given["id"], only_type="LoyaltyEventWave", field="waves")
        if given.get("id")
        else None,
    )


def _audience(mutation: type[LoyaltyMutation], given: Mapping[str, Any]) -> Audience:
    since = given.get("ordered_since")
    return Audience(
        tier_ids=_known(mutation, given.get("tiers"), "LoyaltyTier", Tier.objects.in_bulk),
        channel_ids=_known(mutation, given.get("channels"), "Channel", channels_by_id),
        countries=tuple(given.get("countries") or ()),
        minimum_spent=_money(given.get("minimum_spent") or ()),
        ordered_since=_utc(since) if since else None,
        member_ids=_known(mutation, given.get("members"), "LoyaltyMember", Member.objects.in_bulk),
        is_handpicked=bool(given.get("is_handpicked")),
    )


def _known(
    mutation: type[LoyaltyMutation],
    given: Sequence[str] | None,
    kind: str,
    find: Callable[[list[int]], Mapping[int, Any]],
) -> tuple[int, ...]:
    """Return the ids of what an audience names; all of it must be there."""
    ids = _ids(mutation, given, kind, "audience")
    unknown = set(ids) - set(find(list(ids))) if ids else set()
    if unknown:
        raise _refused(f"There is no {kind} {min(unknown)}.", LoyaltyErrorCode.NOT_FOUND)
    return ids


def _ids(
    mutation: type[LoyaltyMutation], given: Sequence[str] | None, kind: str, field: str
) -> tuple[int, ...]:
    found = (mutation.get_pk(one, only_type=kind, field=field) for one in given or ())
    return tuple(dict.fromkeys(found))


def _money(given: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    amounts = {one["currency"].upper(): Decimal(one["amount"]) for one in given}
    if len(amounts) < len(given):
        raise _refused("A currency is named twice.", LoyaltyErrorCode.INVALID)
    return amounts


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _date(_mutation: Any, moment: datetime | None) -> datetime | None:
    return _utc(moment) if moment else None


def _refused(problem: str, code: LoyaltyErrorCode) -> ValidationError:
    return ValidationError({"audience": ValidationError(problem, code=code.value)})


_READERS: dict[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(("starts_at", "ends_at", *OPTIONAL_DATES), _date),
    **dict.fromkeys(("reminder_hours", "languages"), lambda _, given: tuple(given)),
    "place_kind": lambda _, given: PlaceKind(given),
    "audience": _audience,
}
