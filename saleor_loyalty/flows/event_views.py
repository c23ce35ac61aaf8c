"""What members see of events: those that are for them, and where they stand with each."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.queries import closed_to, places_in_line
from saleor_loyalty.events.rules import Answer, Audience, Closed, EventState, belongs
from saleor_loyalty.flows.event_guests import (
    OrderPlaces,
    early_of,
    guests_of,
    no_places,
    tiers_in_force,
)
from saleor_loyalty.members.models import Member

SHOWN_AFTER = timedelta(days=60)
SHOWN = (EventState.PUBLISHED.value, EventState.CANCELLED.value, EventState.DONE.value)


@dataclass(frozen=True, kw_only=True)
class EventView:
    """An event as a member sees it, with their invitation if they have one.

    `closed`: why they cannot accept now (None: they can). `opens_at`: from when on they can, if that is to come.
    `waiting_place`: their place in the waiting list, from 1.
    """

    event: Event
    invitation: Invitation | None
    closed: Closed | None
    opens_at: datetime | None
    waiting_place: int | None


def events_for(
    member: Member,
    *,
    now: datetime,
    places: OrderPlaces = no_places,
    using: str = "default",
    event_ids: Collection[int] | None = None,
) -> list[EventView]:
    """Return the events that a member may know of, the next one first. Some fifteen queries.

    Those that they are invited to, and those that are open to them; drafts are nobody's, what is over or was called off
    is shown for sixty days to who was invited.
    """
    invitations = {
        one.event_id: one
        for one in Invitation.objects.using(using)
        .filter(member=member)
        .exclude(answer=Answer.REMOVED.value, event__state=EventState.PUBLISHED.value)
    }
    rows = Event.objects.using(using).filter(
        Q(pk__in=invitations) | Q(state=EventState.PUBLISHED.value),
        program=member.program_id,
        state__in=SHOWN,
        ends_at__gt=now - SHOWN_AFTER,
    )
    if event_ids is not None:
        rows = rows.filter(pk__in=event_ids)
    removed = Invitation.objects.using(using).filter(member=member, answer=Answer.REMOVED.value)
    barred = set(removed.values_list("event", flat=True)) - set(invitations)
    rows = rows.select_related("program").order_by("starts_at", "pk")
    events = [one for one in rows if one.pk not in barred]
    welcome = _welcome(
        [one for one in events if one.pk not in invitations and one.ends_at > now],
        member,
        places=places,
        using=using,
    )
    seen = [one for one in events if one.pk in invitations or one.pk in welcome]
    line = places_in_line([one.pk for one in seen], using=using) if seen else {}
    early = early_of(tiers_in_force([member], using=using).get(member.pk)) if seen else timedelta(0)
    return [_view(one, invitations.get(one.pk), now=now, early=early, places=line) for one in seen]


def view_of(invitation: Invitation, *, now: datetime) -> EventView:
    """Return an event as the member of an invitation sees it, whatever became of it. Some six queries."""
    event, member = invitation.event, invitation.member
    early = early_of(tiers_in_force([member]).get(member.pk))
    return _view(event, invitation, now=now, early=early, places=places_in_line([event.pk]))


def _welcome(events: list[Event], member: Member, *, places: OrderPlaces, using: str) -> set[int]:
    """Return the ids of the events whose audience a member belongs to, read once for all of them."""
    audiences = {one.pk: Audience.from_json(one.audience) for one in events}
    if not audiences:
        return set()
    asks_all = Audience(
        tier_ids=tuple({pk for one in audiences.values() for pk in one.tier_ids}),
        channel_ids=tuple({pk for one in audiences.values() for pk in one.channel_ids}),
        countries=tuple({code for one in audiences.values() for code in one.countries}),
        minimum_spent={key: Decimal(0) for one in audiences.values() for key in one.minimum_spent},
    )
    guest = guests_of([member], audience=asks_all, places=places, using=using)[member.pk]
    return {pk for pk, audience in audiences.items() if belongs(guest, audience)}


def _view(
    event: Event,
    invitation: Invitation | None,
    *,
    now: datetime,
    early: timedelta,
    places: dict[int, int],
) -> EventView:
    closed = closed_to(event, invitation, now=now, early=early)
    opens_at = event.registration_opens_at
    return EventView(
        event=event,
        invitation=invitation,
        closed=closed,
        opens_at=opens_at - early if opens_at and closed is Closed.NOT_YET else None,
        waiting_place=places.get(invitation.pk) if invitation else None,
    )
