"""Waves of invitations: who is meant, how many they are, and each member invited once."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched

from django.db import transaction
from django.db.models import Count, F, Q

from saleor_loyalty.codes import new_code
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.events.models import Event, EventWave, Invitation, InvitationStep
from saleor_loyalty.events.operations import EventStateInvalid, locked_event
from saleor_loyalty.events.queries import times_of
from saleor_loyalty.events.rules import Answer, Audience, EventState, Source, belongs
from saleor_loyalty.flows.event_guests import (
    OrderPlaces,
    guests_of,
    no_places,
    tiers_in_force,
)
from saleor_loyalty.flows.event_mails import EventMails
from saleor_loyalty.mailings.queries import choices_of
from saleor_loyalty.members.models import Member
from saleor_loyalty.tiers.models import Tier

logger = logging.getLogger(__name__)

BATCH = 500
SHOWN = 20
MOST_BY_HAND = 500
NO_SHOWS_COUNT_FOR = timedelta(days=365)

ALIVE = Q(merged_into=None) & (Q(user__isnull=False) | ~Q(email=""))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Whom of an event's audience a wave is for: see `EventWave`."""

    tier_ids: tuple[int, ...] = ()
    most_no_shows: int | None = None


@dataclass(kw_only=True)
class WavePreview:
    """Who would be invited now: how many, by tier (None: no tier), and the first of them.

    `reachable`: how many of them agreed to get invitations by mail; the others find theirs in the storefront.
    """

    members: int = 0
    reachable: int = 0
    by_tier: Counter[int | None] = field(default_factory=Counter)
    first: list[Member] = field(default_factory=list)


def preview_wave(
    *,
    event: Event,
    selection: Selection,
    now: datetime,
    places: OrderPlaces = no_places,
    using: str = "default",
) -> WavePreview:
    """Tell who would be invited now; nothing is written. Some ten queries for every 500 members."""
    preview = WavePreview()
    for batch in _candidates(event, selection, now=now, places=places, using=using):
        preview.members += len(batch)
        preview.by_tier.update(tier.pk if tier else None for _, tier in batch)
        preview.reachable += _reachable([member for member, _ in batch], using=using)
        preview.first += [member for member, _ in batch[: SHOWN - len(preview.first)]]
    return preview


def run_due_waves(*, now: datetime, places: OrderPlaces = no_places) -> int:
    """Invite whom the waves are for whose time has come; return how many members.

    Each member is invited to an event once; what is wrong with one wave holds up no other, and a run that broke off
    is taken up where it was.
    """
    due = EventWave.objects.filter(
        sent_at=None,
        opens_at__lte=now,
        event__state=EventState.PUBLISHED.value,
        event__starts_at__gt=now,
        event__program__is_active=True,
    )
    invited = 0
    for wave in due.order_by("opens_at", "pk"):
        try:
            invited += _run_wave(wave, now=now, places=places)
        except Exception:
            logger.exception("Wave %s could not be run", wave.pk)
    return invited


def _run_wave(wave: EventWave, *, now: datetime, places: OrderPlaces) -> int:
    event = Event.objects.select_related("program").get(pk=wave.event_id)
    if wave.only_if_free and event.seats_taken >= event.capacity:
        return 0
    selection = Selection(tier_ids=tuple(wave.tier_ids), most_no_shows=wave.most_no_shows)
    invited = 0
    for batch in _candidates(event, selection, now=now, places=places):
        with transaction.atomic():
            locked = locked_event(event.pk)
            if now >= times_of(locked).answer_until or locked.state != EventState.PUBLISHED.value:
                return invited
            members = [member for member, _ in batch]
            found = _invite(locked, members, source=Source.WAVE, wave=wave, now=now)
            EventWave.objects.filter(pk=wave.pk).update(
                invited_count=F("invited_count") + len(found)
            )
        invited += len(found)
    EventWave.objects.filter(pk=wave.pk).update(sent_at=now)
    return invited


@transaction.atomic
def invite_by_hand(
    *, event_id: int, member_ids: Collection[int], actor: str, now: datetime
) -> list[Invitation]:
    """Invite members whom staff name, whether they belong to the audience or not.

    Who was invited before is left as they are, but for those who were removed: they are invited again.

    Raises:
        EventNotFound.
        EventStateInvalid: it takes no answers any more, or not yet.

    """
    event = locked_event(event_id)
    if event.state != EventState.PUBLISHED.value or now >= event.starts_at:
        raise EventStateInvalid(field="event", state=event.state)
    wanted = Member.objects.filter(ALIVE, program=event.program_id, pk__in=member_ids)
    members = list(wanted.order_by("pk")[:MOST_BY_HAND])
    removed = Invitation.objects.filter(
        event=event, member__in=members, answer=Answer.REMOVED.value
    )
    again = list(removed.select_for_update(of=("self",)).order_by("pk"))
    for invitation in again:
        invitation.answer, invitation.source = Answer.INVITED.value, Source.STAFF.value
        invitation.invited_at, invitation.told_version = now, event.version
        invitation.save()
    _tell(event, again, actor=actor, now=now, is_again=True)
    return again + _invite(event, members, source=Source.STAFF, now=now, actor=actor)


def _invite(
    event: Event,
    members: Sequence[Member],
    *,
    source: Source,
    now: datetime,
    wave: EventWave | None = None,
    actor: str = "",
) -> list[Invitation]:
    """Invite those who have no invitation yet, and queue their mails; the caller holds the event's lock.

    Who was merged meanwhile is left out.
    """
    ids = [member.pk for member in members]
    alive = set(Member.objects.filter(ALIVE, pk__in=ids).values_list("pk", flat=True))
    had = set(
        Invitation.objects.filter(event=event, member__in=members).values_list("member", flat=True)
    )
    invitations = Invitation.objects.bulk_create(
        [
            Invitation(
                event=event,
                member=member,
                wave=wave,
                source=source.value,
                answer=Answer.INVITED.value,
                code=new_code(),
                invited_at=now,
                told_version=event.version,
            )
            for member in members
            if member.pk in alive - had
        ]
    )
    _tell(event, invitations, actor=actor, now=now)
    return invitations


def _tell(
    event: Event,
    invitations: Sequence[Invitation],
    *,
    actor: str,
    now: datetime,
    is_again: bool = False,
) -> None:
    steps = InvitationStep.objects.bulk_create(
        [
            InvitationStep(
                invitation=one, answer=Answer.INVITED.value, seats=one.seats, at=now, actor=actor
            )
            for one in invitations
        ]
    )
    if steps:
        mails = EventMails(event, invitations, now=now)
        mails.queue(
            [
                mails.write(
                    EmailKind.EVENT_INVITATION,
                    step.invitation,
                    cause=step.pk if is_again else "",
                    facts={"step": step.pk},
                )
                for step in steps
            ]
        )


def _candidates(
    event: Event,
    selection: Selection,
    *,
    now: datetime,
    places: OrderPlaces,
    using: str = "default",
) -> Iterator[list[tuple[Member, Tier | None]]]:
    """Yield the members who would be invited, with their tiers, in batches."""
    audience = Audience.from_json(event.audience)
    rows = Member.objects.using(using).filter(ALIVE, program=event.program_id)
    if audience.is_handpicked:
        rows = rows.filter(pk__in=audience.member_ids)
    invited = Invitation.objects.using(using).filter(event=event.pk).values("member")
    pks = rows.exclude(pk__in=invited).order_by("pk").values_list("pk", flat=True)
    for ids in batched(list(pks), BATCH):
        found = Member.objects.using(using).filter(pk__in=ids)
        members = list(found.select_related("program").order_by("pk"))
        guests = guests_of(members, audience=audience, places=places, using=using)
        tiers = tiers_in_force(members, using=using)
        counts = selection.most_no_shows is not None
        stayed_away = _no_shows(ids, now=now, using=using) if counts else {}
        batch = []
        for member in members:
            tier = tiers.get(member.pk)
            is_meant = not selection.tier_ids or (tier and tier.pk in selection.tier_ids)
            is_known = stayed_away.get(member.pk, 0) <= (selection.most_no_shows or 0)
            if is_meant and is_known and belongs(guests[member.pk], audience):
                batch.append((member, tier))
        if batch:
            yield batch


def _no_shows(member_ids: Collection[int], *, now: datetime, using: str) -> dict[int, int]:
    rows = Invitation.objects.using(using).filter(
        member__in=member_ids, is_no_show=True, event__ends_at__gt=now - NO_SHOWS_COUNT_FOR
    )
    return dict(rows.order_by().values_list("member").annotate(Count("pk")))


def _reachable(members: Sequence[Member], *, using: str) -> int:
    choices = choices_of(member_ids=[member.pk for member in members], using=using)
    return sum(
        one.accepts_marketing and EmailKind.EVENT_INVITATION not in one.stopped
        for one in choices.values()
    )
