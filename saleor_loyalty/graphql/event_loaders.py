"""Data loaders of events and invitations: one query for all rows of a response."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.utils import timezone
from saleor.graphql.core.dataloaders import DataLoader

from saleor_loyalty.events.models import (
    Event,
    EventTranslation,
    EventWave,
    Invitation,
    InvitationStep,
)
from saleor_loyalty.events.numbers import EventNumbers, numbers_of
from saleor_loyalty.events.queries import places_in_line, steps_of, translations_of, waves_of
from saleor_loyalty.flows.event_views import EventView, events_for
from saleor_loyalty.flows.guest_list import write_guest_list
from saleor_loyalty.members.models import Member
from saleor_loyalty.shop.orders import places_of_orders
from saleor_loyalty.shop.post_office import find_people


class EventByIdLoader(DataLoader[int, Event | None]):
    """Events by id, drafts too."""

    context_key = "loyalty_event_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[Event | None]:
        found = Event.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [found.get(key) for key in keys]


class EventViewLoader(DataLoader[tuple[int, int], EventView | None]):
    """Events as members see them, by (member id, event id); None where they do not.

    Some fifteen queries for each member, however many events.
    """

    context_key = "loyalty_event_view"

    def batch_load(self, keys: Sequence[tuple[int, int]]) -> list[EventView | None]:
        using = self.database_connection_name
        wanted: dict[int, set[int]] = defaultdict(set)
        for member_id, event_id in keys:
            wanted[member_id].add(event_id)
        found = {
            (member.pk, view.event.pk): view
            for member in Member.objects.using(using).filter(pk__in=wanted)
            for view in events_for(
                member,
                now=timezone.now(),
                places=partial(places_of_orders, using=using),
                using=using,
                event_ids=wanted[member.pk],
            )
        }
        return [found.get(key) for key in keys]


class TranslationsByEventIdLoader(DataLoader[int, dict[str, EventTranslation]]):
    """The translations of events by language, by event id."""

    context_key = "loyalty_translations_by_event_id"

    def batch_load(self, keys: Sequence[int]) -> list[dict[str, EventTranslation]]:
        found = translations_of(event_ids=keys, using=self.database_connection_name)
        return [found.get(key, {}) for key in keys]


class WavesByEventIdLoader(DataLoader[int, list[EventWave]]):
    """The waves of events, the first one first, by event id."""

    context_key = "loyalty_waves_by_event_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[EventWave]]:
        found = waves_of(event_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class NumbersByEventIdLoader(DataLoader[int, EventNumbers]):
    """What events brought, by event id."""

    context_key = "loyalty_numbers_by_event_id"

    def batch_load(self, keys: Sequence[int]) -> list[EventNumbers]:
        found = numbers_of(keys, using=self.database_connection_name)
        return [found[key] for key in keys]


class GuestListByEventIdLoader(DataLoader[int, str]):
    """The lists of events' guests as CSV, by event id. Some queries for each event."""

    context_key = "loyalty_guest_list_by_event_id"

    def batch_load(self, keys: Sequence[int]) -> list[str]:
        using = self.database_connection_name
        events = Event.objects.using(using).in_bulk(list(keys))
        return [self._written(events[key]) for key in keys]

    def _written(self, event: Event) -> str:
        using, lines = self.database_connection_name, list[str]()
        people = partial(find_people, using=using)
        write_guest_list(event, find_people=people, write=lines.append, using=using)
        return "".join(lines)


class StepsByInvitationIdLoader(DataLoader[int, list[InvitationStep]]):
    """What happened to invitations, oldest first, by invitation id."""

    context_key = "loyalty_steps_by_invitation_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[InvitationStep]]:
        found = steps_of(invitation_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class PlacesByEventIdLoader(DataLoader[int, dict[int, int]]):
    """The places in the waiting lists of events by invitation id, by event id."""

    context_key = "loyalty_places_by_event_id"

    def batch_load(self, keys: Sequence[int]) -> list[dict[int, int]]:
        found = places_in_line(keys, using=self.database_connection_name)
        return [found for _ in keys]


class InvitationByIdLoader(DataLoader[int, Invitation | None]):
    """Invitations by id."""

    context_key = "loyalty_invitation_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[Invitation | None]:
        found = Invitation.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [found.get(key) for key in keys]


LOADERS: tuple[type[DataLoader[Any, Any]], ...] = (
    EventByIdLoader,
    EventViewLoader,
    TranslationsByEventIdLoader,
    WavesByEventIdLoader,
    NumbersByEventIdLoader,
    GuestListByEventIdLoader,
    StepsByInvitationIdLoader,
    PlacesByEventIdLoader,
    InvitationByIdLoader,
)


def forget_events(info: Any) -> None:
    """Forget all that was read of events: an answer moves those who wait as well."""
    for loader in LOADERS:
        loader(info.context).clear_all()
