"""Makers of events and guests for tests."""

from datetime import timedelta

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.events.models import Event, EventWave, Invitation
from saleor_loyalty.events.rules import Audience, EventState
from saleor_loyalty.flows.answer_invitations import Party, accept, decline
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.tiers.models import TierStanding
from tests.factories import NOW, make_member, make_posting, make_user

DAY = timedelta(days=1)


def make_event(program, **values) -> Event:
    """A tasting for ten in two weeks, two hours long, free, with up to two guests a member."""
    starts_at = values.pop("starts_at", NOW + timedelta(days=14))
    defaults = {
        "title": "Tasting",
        "state": EventState.PUBLISHED.value,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2),
        "time_zone": "Europe/Zagreb",
        "capacity": 10,
        "guests_allowed": 2,
        "audience": Audience().as_json(),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Event.objects.create(program=program, **{**defaults, **values})


def make_guest(program, name: str, *, points: int = 0):
    member = make_member(program, user=make_user(f"{name}@example.com"))
    if points:
        post(postings=[make_posting(member, points, key=f"start:{member.pk}")], now=NOW)
    return member


def come(member, event, *guests, now=NOW, **values):
    party = Party(guests=guests)
    return accept(member_id=member.pk, event_id=event.pk, party=party, now=now, **values)


def leave(member, event, *, now=NOW):
    return decline(member_id=member.pk, event_id=event.pk, now=now)


def purse(member):
    return purses_of(member_ids=[member.pk])[member.pk]


def seats_taken(event) -> int:
    event.refresh_from_db()
    return event.seats_taken


def answers(event) -> list[str]:
    return list(event.invitations.order_by("pk").values_list("answer", flat=True))


def invitation_of(member, event) -> Invitation:
    return Invitation.objects.get(member=member, event=event)


def in_tier(member, tier):
    TierStanding.objects.create(
        member=member, program=member.program, tier=tier, earned=tier, since=NOW
    )
    return member


def make_wave(event, *, opens_at=NOW, **values) -> EventWave:
    return EventWave.objects.create(event=event, opens_at=opens_at, **values)


def mails(kind: str, **where) -> list[EmailMessage]:
    return list(EmailMessage.objects.filter(kind=kind, **where).order_by("pk"))
