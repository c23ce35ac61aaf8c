"""Finding events: members those that are for them, who has a link its event, staff all."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.connection import create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import BaseField, ConnectionField, PermissionsField
from saleor.graphql.core.types import (
    BaseEnum,
    BaseInputObjectType,
    DateTimeRangeInput,
    NonNullList,
    SortInputObjectType,
)
from saleor.graphql.core.utils import from_global_id_or_error
from saleor.graphql.core.validators import validate_one_of_args_is_in_query

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.models import Event
from saleor_loyalty.events.operations import EventNotFound
from saleor_loyalty.events.queries import all_events
from saleor_loyalty.events.rules import EventState
from saleor_loyalty.flows.event_views import EventView, events_for
from saleor_loyalty.flows.invite_members import Selection, preview_wave
from saleor_loyalty.graphql.access import may_manage, null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import query_error
from saleor_loyalty.graphql.event_enums import LoyaltyEventStateEnum
from saleor_loyalty.graphql.event_links import (
    PURPOSES,
    ByLink,
    invitation_of_link,
    view_of,
)
from saleor_loyalty.graphql.event_loaders import EventByIdLoader, EventViewLoader
from saleor_loyalty.graphql.event_planning import LoyaltyEventWavePreview
from saleor_loyalty.graphql.events import LoyaltyEvent, LoyaltyEventCountableConnection
from saleor_loyalty.graphql.programs import program_of_channel
from saleor_loyalty.graphql.reward_loaders import caller_in
from saleor_loyalty.graphql.rewards import STAFF
from saleor_loyalty.members.models import Member
from saleor_loyalty.shop.orders import places_of_orders


class LoyaltyEventFilterInput(BaseInputObjectType):
    """Which events to list."""

    program = graphene.ID(description="Of this programme.")
    states = NonNullList(LoyaltyEventStateEnum, description="In one of these states.")
    starts_at = DateTimeRangeInput(description="That start within these instants.")
    search = graphene.String(description="Parts of the title or the place.")

    class Meta:
        description = "Which events to list."
        doc_category = DOC_CATEGORY


class LoyaltyEventSortField(BaseEnum):
    STARTS_AT = ["starts_at", "pk"]
    TITLE = ["title", "pk"]
    CREATED_AT = ["pk"]

    class Meta:
        doc_category = DOC_CATEGORY

    @property
    def description(self) -> str:
        return f"Sort events by {self.name.lower().replace('_at', '').replace('_', ' ')}."


class LoyaltyEventSortingInput(SortInputObjectType):
    class Meta:
        doc_category = DOC_CATEGORY
        sort_enum = LoyaltyEventSortField
        type_name = "events"


class LoyaltyEventQueries(graphene.ObjectType):
    """Queries about events."""

    loyalty_events = ConnectionField(
        LoyaltyEventCountableConnection,
        channel=graphene.String(required=True, description="Slug of a channel of the programme."),
        description=(
            "The events that the member who calls may know of, the next one first; nothing for "
            "all but members. What is over or was called off is shown for 60 days to who was invited."
        ),
        doc_category=DOC_CATEGORY,
    )
    loyalty_event = BaseField(
        LoyaltyEvent,
        id=graphene.ID(description="ID of the event."),
        token=graphene.String(description="The token of a link in a mail, without a login."),
        description=(
            "An event by ID, for members whom it is for and managers, or by the token of a link "
            "to accept, decline, a ticket or feedback. Of a token the error's `extensions.code` "
            "is LINK_INVALID, LINK_EXPIRED, NOT_FOUND where the event is not for them any more, "
            "or NOT_A_MEMBER where the account was deleted."
        ),
        doc_category=DOC_CATEGORY,
    )
    loyalty_staff_events = ConnectionField(
        LoyaltyEventCountableConnection,
        filter=LoyaltyEventFilterInput(description="Which events to list."),
        sort_by=LoyaltyEventSortingInput(description="Sort events."),
        description="All events, drafts too, the earliest first.",
        permissions=STAFF,
        doc_category=DOC_CATEGORY,
    )
    loyalty_event_wave_preview = PermissionsField(
        LoyaltyEventWavePreview,
        event_id=graphene.ID(required=True, description="ID of the event."),
        tiers=NonNullList(
            graphene.ID, description="IDs of the tiers that the wave is for; empty: all."
        ),
        most_no_shows=graphene.Int(
            description="From how many events of the last year a member may have stayed away."
        ),
        description="Who would be invited to an event if a wave went out now; nobody is.",
        permissions=STAFF,
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_events(_root: Any, info: Any, *, channel: str, **kwargs: Any) -> Any:
        bool(info.context.user)  # Saleor looks the caller up lazily, which would part our batches

        def page(member: Member | None) -> Any:
            events = _events_of(member, info) if member else []
            return create_connection_slice(events, info, kwargs, LoyaltyEventCountableConnection)

        return program_of_channel(channel.replace("\0", ""), info).then(
            lambda program: caller_in(program.pk, info).then(page) if program else page(None)
        )

    @staticmethod
    @null_when_off
    def resolve_loyalty_event(
        _root: Any, info: Any, *, id: str | None = None, token: str | None = None
    ) -> Any:
        validate_one_of_args_is_in_query("id", id, "token", token)
        if token:
            return _event_of_link(token, info)
        _, pk = from_global_id_or_error(str(id), LoyaltyEvent, raise_error=True)
        return (
            EventByIdLoader(info.context)
            .load(_number(pk))
            .then(lambda event: event and _visible(event, info))
        )

    @staticmethod
    @null_when_off
    def resolve_loyalty_staff_events(
        _root: Any, info: Any, *, filter: dict[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        criteria = filter or {}
        program_id = None
        if criteria.get("program"):
            _, pk = from_global_id_or_error(criteria["program"], "LoyaltyProgram", raise_error=True)
            program_id = _number(pk)
        starts_at = criteria.get("starts_at") or {}
        rows = all_events(
            program_id=program_id,
            states=[EventState(one) for one in criteria.get("states") or ()],
            starts_from=_aware(starts_at.get("gte")),
            starts_until=_aware(starts_at.get("lte")),
            search=(criteria.get("search") or "").replace("\0", ""),
            using=get_database_connection_name(info.context),
        )
        return create_connection_slice(rows, info, kwargs, LoyaltyEventCountableConnection)

    @staticmethod
    @null_when_off
    def resolve_loyalty_event_wave_preview(
        _root: Any,
        info: Any,
        *,
        event_id: str,
        tiers: list[str] | None = None,
        most_no_shows: int | None = None,
    ) -> Any:
        using = get_database_connection_name(info.context)
        _, pk = from_global_id_or_error(event_id, LoyaltyEvent, raise_error=True)
        event = Event.objects.using(using).filter(pk=_number(pk)).first()
        if event is None:
            raise query_error(EventNotFound(field="event_id"))
        tier_ids = [
            _number(from_global_id_or_error(one, "LoyaltyTier", raise_error=True)[1])
            for one in tiers or ()
        ]
        return preview_wave(
            event=event,
            selection=Selection(tier_ids=tuple(tier_ids), most_no_shows=most_no_shows),
            now=timezone.now(),
            places=partial(places_of_orders, using=using),
            using=using,
        )


def _events_of(member: Member, info: Any) -> list[Event]:
    """Return the events that a member sees; how they see them is kept for the fields."""
    using = get_database_connection_name(info.context)
    places = partial(places_of_orders, using=using)
    views = events_for(member, now=timezone.now(), places=places, using=using)
    for view in views:
        EventViewLoader(info.context).prime((member.pk, view.event.pk), view)
    return [view.event for view in views]


def _event_of_link(token: str, info: Any) -> Any:
    """Return (a promise of) the event that a link's token is for.

    Raises:
        GraphQLError: with the `extensions.code` of what is wrong with the token.

    """

    def shown(view: EventView | None) -> ByLink[Event]:
        if view is None or view.invitation is None:
            raise query_error(EventNotFound(field="token"))
        return ByLink(view.event, link.member_id, link.purpose)

    using = get_database_connection_name(info.context)
    try:
        link = invitation_of_link(token, *PURPOSES, using=using)
    except LoyaltyError as error:
        raise query_error(error) from error
    views = EventViewLoader(info.context)
    return views.load((link.member_id, link.row.event_id)).then(shown)


def _visible(event: Event, info: Any) -> Any:
    """Return (a promise of) an event if the caller may see it, else of None."""
    if may_manage(info.context):
        return event
    return view_of(event, info).then(lambda view: event if view else None)


def _number(pk: str) -> int:
    return int(pk) if pk.isdecimal() else 0


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
