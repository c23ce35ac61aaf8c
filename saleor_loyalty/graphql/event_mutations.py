"""Staff make events, publish, change and call them off."""

from typing import Any

import graphene
from django.utils import timezone

from saleor_loyalty.events.models import Event
from saleor_loyalty.flows.manage_events import (
    cancel_event,
    change_door,
    create_event,
    delete_event,
    publish_event,
    update_event,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.event_inputs import (
    LoyaltyEventInput,
    event_texts,
    event_values,
    event_waves,
)
from saleor_loyalty.graphql.event_loaders import forget_events
from saleor_loyalty.graphql.events import LoyaltyEvent
from saleor_loyalty.graphql.mutations import LoyaltyMutation, fields_called
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.wake import events_changed


class LoyaltyEventCreate(LoyaltyMutation):
    """Creates an event."""

    event = graphene.Field(LoyaltyEvent, description="The created event.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        input = LoyaltyEventInput(
            required=True,
            description="Fields of the event; title, start, end and capacity are required.",
        )

    class Meta:
        description = "Makes an event, as a draft that no member sees."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, input: dict[str, Any]) -> Any:
        event = create_event(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            values=event_values(cls, input),
            translations=event_texts(input),
            waves=event_waves(cls, input),
            now=timezone.now(),
        )
        forget_events(info)
        return cls(event=event)


class LoyaltyEventUpdate(LoyaltyMutation):
    """Changes an event."""

    event = graphene.Field(LoyaltyEvent, description="The changed event.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the event.")
        input = LoyaltyEventInput(required=True, description="Fields to change.")

    class Meta:
        description = (
            "Changes an event. Guests hear of another time or place within a minute; more seats "
            "go to those who wait. What seats cost stays as it was for those who have them."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, input: dict[str, Any]) -> Any:
        with fields_called(event="id"):
            event = update_event(
                event_id=event_pk(cls, id),
                values=event_values(cls, input),
                translations=event_texts(input),
                waves=event_waves(cls, input),
                now=timezone.now(),
            )
        return _changed(cls, info, event)


class LoyaltyEventPublish(LoyaltyMutation):
    """Publishes an event."""

    event = graphene.Field(LoyaltyEvent, description="The published event.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the event.")

    class Meta:
        description = (
            "Lets members see an event and answer; its waves go out when their time comes. A "
            "repeat changes nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        with fields_called(event="id", starts_at="id"):
            event = publish_event(event_id=event_pk(cls, id), now=timezone.now())
        return _changed(cls, info, event)


class LoyaltyEventCancel(LoyaltyMutation):
    """Calls an event off."""

    event = graphene.Field(LoyaltyEvent, description="The cancelled event.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the event.")
        reason = graphene.String(
            default_value="", description="Why, in words that guests read; up to 1000 characters."
        )

    class Meta:
        description = (
            "Calls an event off. Guests hear of it and get their points back within a minute. A "
            "repeat changes nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, reason: str | None = "") -> Any:
        with fields_called(event="id"):
            event = cancel_event(
                event_id=event_pk(cls, id), reason=reason or "", now=timezone.now()
            )
        return _changed(cls, info, event)


class LoyaltyEventDelete(LoyaltyMutation):
    """Deletes a draft."""

    event = graphene.Field(LoyaltyEvent, description="The deleted event.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the event.")

    class Meta:
        description = "Deletes a draft. What members know of is called off instead."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        pk = event_pk(cls, id)
        event = Event.objects.filter(pk=pk).first()
        with fields_called(event="id"):
            delete_event(event_id=pk)
        forget_events(info)
        return cls(event=event)


class LoyaltyEventDoorChange(LoyaltyMutation):
    """Ends the links to a door."""

    event = graphene.Field(LoyaltyEvent, description="The event, with its new `doorUrl`.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the event.")

    class Meta:
        description = "Ends all links to the page at an event's door; there is a new one."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        with fields_called(event="id"):
            event = change_door(event_id=event_pk(cls, id), now=timezone.now())
        forget_events(info)
        return cls(event=event)


def event_pk(mutation: type[LoyaltyMutation], global_id: str, field: str = "id") -> int:
    """Return the number in an event's global ID.

    Raises:
        ValidationError: it is none, or of another type.

    """
    return mutation.get_pk(global_id, only_type="LoyaltyEvent", field=field)


def _changed(mutation: Any, info: Any, event: Event) -> Any:
    forget_events(info)
    events_changed()
    return mutation(event=event)


class LoyaltyEventMutations(graphene.ObjectType):
    """Mutations of events."""

    loyalty_event_create = LoyaltyEventCreate.Field()
    loyalty_event_update = LoyaltyEventUpdate.Field()
    loyalty_event_publish = LoyaltyEventPublish.Field()
    loyalty_event_cancel = LoyaltyEventCancel.Field()
    loyalty_event_delete = LoyaltyEventDelete.Field()
    loyalty_event_door_change = LoyaltyEventDoorChange.Field()
