"""Events, as members and staff read them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import graphene
from django.utils import timezone
from promise import Promise
from saleor.graphql.core.connection import CountableConnection
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.fields import ConnectionField, PermissionsField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseObjectType, NonNullList
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.emails.links import sign_door
from saleor_loyalty.events import models
from saleor_loyalty.events.queries import times_of
from saleor_loyalty.events.rules import Answer, Audience, Closed, PlaceKind
from saleor_loyalty.flows.event_views import EventView
from saleor_loyalty.graphql.access import may_manage
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyEventClosedEnum
from saleor_loyalty.graphql.event_enums import LoyaltyEventPlaceKindEnum, LoyaltyEventStateEnum
from saleor_loyalty.graphql.event_fields import (
    LANGUAGES,
    NUMBERS,
    OPTIONAL_DATES,
    PLACE_URL,
    REMINDER_HOURS,
    STAFF_NUMBERS,
    TEXTS,
)
from saleor_loyalty.graphql.event_links import (
    ByLink,
    links_of,
    row_of,
    shown_invitation,
    view_of,
)
from saleor_loyalty.graphql.event_loaders import (
    GuestListByEventIdLoader,
    NumbersByEventIdLoader,
    TranslationsByEventIdLoader,
    WavesByEventIdLoader,
)
from saleor_loyalty.graphql.event_planning import (
    LoyaltyEventAudience,
    LoyaltyEventNumbers,
    LoyaltyEventWave,
)
from saleor_loyalty.graphql.invitations import (
    LoyaltyInvitation,
    LoyaltyInvitationCountableConnection,
    LoyaltyInvitationFilterInput,
    LoyaltyInvitationSortingInput,
    invitations_page,
)
from saleor_loyalty.graphql.loaders import ProgramByIdLoader
from saleor_loyalty.graphql.preferences import KNOWN_LANGUAGES
from saleor_loyalty.graphql.programs import LoyaltyProgram
from saleor_loyalty.graphql.rewards import STAFF

Root = models.Event | ByLink[models.Event]


class LoyaltyEventTranslation(BaseObjectType):
    """An event's texts in a language."""

    title = graphene.String(
        required=True, description="Title in that language, else the plain one."
    )
    story = graphene.String(
        required=True, description="Story in that language, else the plain one."
    )
    place = graphene.String(
        required=True, description="Place in that language, else the plain one."
    )
    age_note = graphene.String(
        required=True, description="Note about age in that language, else the plain one."
    )

    class Meta:
        description = "An event's texts in a language."
        doc_category = DOC_CATEGORY


class LoyaltyEventTexts(BaseObjectType):
    """Texts as staff gave them."""

    language_code = graphene.Field(LanguageCodeEnum, required=True, description="The language.")
    title = graphene.String(required=True, description="Title in it; empty: the plain one.")
    story = graphene.String(required=True, description="Story in it; empty: the plain one.")
    place = graphene.String(required=True, description="Place in it; empty: the plain one.")
    age_note = graphene.String(
        required=True, description="Note about age in it; empty: the plain one."
    )

    class Meta:
        description = "An event's texts in a language, as staff gave them."
        doc_category = DOC_CATEGORY


class LoyaltyEvent(ModelObjectType[models.Event]):
    """An event."""

    id = graphene.GlobalID(required=True, description="ID of the event.")
    program = graphene.Field(LoyaltyProgram, required=True, description="The programme.")
    state = graphene.Field(
        LoyaltyEventStateEnum, required=True, description="Where it is in its life."
    )
    title = graphene.String(required=True, description=TEXTS["title"])
    story = graphene.String(required=True, description=TEXTS["story"])
    translation = graphene.Field(
        LoyaltyEventTranslation,
        language_code=LanguageCodeEnum(required=True, description="A language."),
        description="Its texts in a language; null where there are none.",
    )
    image_url = graphene.String(required=True, description=TEXTS["image_url"])
    image_alt = graphene.String(required=True, description=TEXTS["image_alt"])
    place_kind = graphene.Field(
        LoyaltyEventPlaceKindEnum, required=True, description="What kind of place it is at."
    )
    place = graphene.String(required=True, description=TEXTS["place"])
    place_url = graphene.String(
        required=True, description=f"{PLACE_URL} Of what is ONLINE, empty for who has no seat."
    )
    starts_at = DateTime(required=True, description="When it starts.")
    ends_at = DateTime(required=True, description="When it ends.")
    time_zone = graphene.String(required=True, description=TEXTS["time_zone"])
    capacity = graphene.Int(required=True, description=NUMBERS["capacity"])
    seats_left = graphene.Int(
        required=True, description="Seats that are neither taken nor kept for somebody."
    )
    guests_allowed = graphene.Int(required=True, description=NUMBERS["guests_allowed"])
    price_points = graphene.Int(required=True, description=NUMBERS["price_points"])
    award_points = graphene.Int(required=True, description=NUMBERS["award_points"])
    cancel_until = DateTime(required=True, description="Until when cancelling gives points back.")
    answer_until = DateTime(
        required=True, description="Until when members can accept, before it comes."
    )
    registration_opens_at = DateTime(description=OPTIONAL_DATES["registration_opens_at"])
    registration_closes_at = DateTime(description=OPTIONAL_DATES["registration_closes_at"])
    age_note = graphene.String(required=True, description=TEXTS["age_note"])
    languages = NonNullList(LanguageCodeEnum, required=True, description=LANGUAGES)
    cancel_reason = graphene.String(required=True, description="CANCELLED: why.")
    closed = graphene.Field(
        LoyaltyEventClosedEnum, description="Why the caller cannot accept now; null: they can."
    )
    opens_at = DateTime(description="NOT_YET: from when on the caller can accept.")
    invitation = graphene.Field(
        LoyaltyInvitation, description="The caller's own; null: they have none."
    )
    translations = PermissionsField(
        NonNullList(LoyaltyEventTexts),
        required=True,
        description="All its texts in languages, as staff gave them.",
        permissions=STAFF,
    )
    cancel_hours, offer_hours = (
        PermissionsField(graphene.Int, required=True, description=text, permissions=STAFF)
        for text in STAFF_NUMBERS.values()
    )
    reminder_hours = PermissionsField(
        NonNullList(graphene.Int), required=True, description=REMINDER_HOURS, permissions=STAFF
    )
    audience = PermissionsField(
        LoyaltyEventAudience, required=True, description="Who may come.", permissions=STAFF
    )
    waves = PermissionsField(
        NonNullList(LoyaltyEventWave),
        required=True,
        description="When who is invited, the first wave first.",
        permissions=STAFF,
    )
    numbers = PermissionsField(
        LoyaltyEventNumbers, required=True, description="What it brought.", permissions=STAFF
    )
    invitations = ConnectionField(
        LoyaltyInvitationCountableConnection,
        required=True,
        filter=LoyaltyInvitationFilterInput(description="Which invitations to list."),
        sort_by=LoyaltyInvitationSortingInput(description="Sort invitations."),
        description="Invitations to it, the oldest first.",
        permissions=STAFF,
    )
    door_url = PermissionsField(
        graphene.String,
        required=True,
        description=(
            "The page at which staff let guests in, without a login. Whoever has it can; see "
            "`loyaltyEventDoorChange`."
        ),
        permissions=STAFF,
    )
    guest_list_csv = PermissionsField(
        graphene.String,
        required=True,
        description="The list of guests as CSV, times in the event's zone.",
        permissions=STAFF,
    )
    created_at = PermissionsField(
        DateTime, required=True, description="When it was made.", permissions=STAFF
    )

    class Meta:
        description = (
            "An event of a loyalty programme. Members see what is for them, once published."
        )
        interfaces = [graphene.relay.Node]
        model = models.Event
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_program(root: Root, info: Any) -> Any:
        return ProgramByIdLoader(info.context).load(row_of(root).program_id)

    @staticmethod
    def resolve_translation(root: Root, info: Any, *, language_code: str) -> Any:
        event = row_of(root)

        def texts(found: dict[str, models.EventTranslation]) -> LoyaltyEventTranslation | None:
            row = found.get(language_code.lower())
            if row is None:
                return None
            return LoyaltyEventTranslation(
                **{
                    name: getattr(row, name) or getattr(event, name)
                    for name in ("title", "story", "place", "age_note")
                }
            )

        return TranslationsByEventIdLoader(info.context).load(event.pk).then(texts)

    @staticmethod
    def resolve_translations(root: Root, info: Any) -> Any:
        found = TranslationsByEventIdLoader(info.context).load(row_of(root).pk)
        return found.then(lambda by_code: [row for _, row in sorted(by_code.items())])

    @staticmethod
    def resolve_languages(root: Root, _info: Any) -> list[str]:
        return [code for code in row_of(root).languages if code in KNOWN_LANGUAGES]

    @staticmethod
    def resolve_place_url(root: Root, info: Any) -> Any:
        event = row_of(root)
        if event.place_kind != PlaceKind.ONLINE.value or may_manage(info.context):
            return event.place_url
        return view_of(root, info).then(
            lambda view: event.place_url if view and _has_seat(view) else ""
        )

    @staticmethod
    def resolve_seats_left(root: Root, _info: Any) -> int:
        return row_of(root).capacity - row_of(root).seats_taken

    @staticmethod
    def resolve_cancel_until(root: Root, _info: Any) -> datetime:
        return times_of(row_of(root)).cancel_until

    @staticmethod
    def resolve_answer_until(root: Root, _info: Any) -> datetime:
        return times_of(row_of(root)).answer_until

    @staticmethod
    def resolve_closed(root: Root, info: Any) -> Any:
        return _seen(root, info).then(lambda seen: seen[0])

    @staticmethod
    def resolve_opens_at(root: Root, info: Any) -> Any:
        return _seen(root, info).then(lambda seen: seen[1])

    @staticmethod
    def resolve_invitation(root: Root, info: Any) -> Any:
        return view_of(root, info).then(lambda view: shown_invitation(root, view))

    @staticmethod
    def resolve_audience(root: Root, _info: Any) -> Audience:
        return Audience.from_json(row_of(root).audience)

    @staticmethod
    def resolve_waves(root: Root, info: Any) -> Any:
        return WavesByEventIdLoader(info.context).load(row_of(root).pk)

    @staticmethod
    def resolve_numbers(root: Root, info: Any) -> Any:
        return NumbersByEventIdLoader(info.context).load(row_of(root).pk)

    @staticmethod
    def resolve_invitations(root: Root, info: Any, **kwargs: Any) -> Any:
        return invitations_page(row_of(root), info, kwargs)

    @staticmethod
    def resolve_door_url(root: Root, info: Any) -> Any:
        event = row_of(root)
        token = sign_door(event.pk, event.door_number)
        return links_of(info).then(lambda links: f"{links.base}door/{token}")

    @staticmethod
    def resolve_guest_list_csv(root: Root, info: Any) -> Any:
        return GuestListByEventIdLoader(info.context).load(row_of(root).pk)


def _plain_resolver(name: str) -> Callable[..., Any]:
    def resolve(root: Root, _info: Any) -> Any:
        return getattr(row_of(root), name)

    return resolve


for _name in LoyaltyEvent._meta.fields:
    if not hasattr(LoyaltyEvent, f"resolve_{_name}"):
        setattr(LoyaltyEvent, f"resolve_{_name}", staticmethod(_plain_resolver(_name)))


def _has_seat(view: EventView) -> bool:
    return view.invitation is not None and view.invitation.answer == Answer.ACCEPTED.value


def _seen(root: Root, info: Any) -> Promise[tuple[Closed | None, datetime | None]]:
    """Return (a promise of) why nobody who looks can accept, and from when on they can."""

    def seen(view: EventView | None) -> tuple[Closed | None, datetime | None]:
        if view is not None:
            return view.closed, view.opens_at
        event = row_of(root)
        closed = times_of(event).closed(timezone.now())
        return closed, event.registration_opens_at if closed is Closed.NOT_YET else None

    return view_of(root, info).then(seen)  # type: ignore[no-any-return]


class LoyaltyEventCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyEvent
