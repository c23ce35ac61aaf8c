"""Mails about events: what they tell, and which answer is followed by which."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.events.models import Event, EventTranslation, Invitation, InvitationStep
from saleor_loyalty.events.operations import LAPSED
from saleor_loyalty.events.queries import places_in_line, refundable_until, times_of
from saleor_loyalty.events.rules import Answer, PlaceKind
from saleor_loyalty.flows.mail_desk import Desk, open_desk

THANKS_USEFUL_FOR = timedelta(days=14)
# What a mail puts into the calendar of who reads it: the method and their own state (RFC 5546).
CALENDARS: Mapping[EmailKind, Mapping[str, str]] = {
    EmailKind.EVENT_INVITATION: {"method": "REQUEST", "partstat": "NEEDS-ACTION"},
    EmailKind.EVENT_CONFIRMED: {"method": "REQUEST", "partstat": "ACCEPTED"},
    EmailKind.EVENT_LEFT: {"method": "CANCEL", "partstat": "DECLINED"},
    EmailKind.EVENT_CANCELLED: {"method": "CANCEL", "partstat": "ACCEPTED"},
}
PARTSTAT = {Answer.ACCEPTED.value: "ACCEPTED", Answer.INVITED.value: "NEEDS-ACTION"}
TENTATIVE = "TENTATIVE"
UNTIL_THE_END = frozenset({EmailKind.EVENT_CANCELLED, EmailKind.EVENT_LEFT})
# What follows an answer; who declines is told where that takes something out of their calendar.
AFTER = {
    Answer.ACCEPTED: EmailKind.EVENT_CONFIRMED,
    Answer.WAITING: EmailKind.EVENT_WAITING,
    Answer.OFFERED: EmailKind.EVENT_OFFERED,
    Answer.CANCELLED: EmailKind.EVENT_LEFT,
    Answer.DECLINED: EmailKind.EVENT_LEFT,
}


def texts_of(events: Collection[Event]) -> dict[int, list[EventTranslation]]:
    """Return the translations of events, by event id. One query."""
    found: dict[int, list[EventTranslation]] = defaultdict(list)
    for row in EventTranslation.objects.filter(event__in=[event.pk for event in events]):
        found[row.event_id].append(row)
    return found


def translated(event: Event, name: str, rows: Iterable[EventTranslation]) -> dict[str, str]:
    """Return a text of an event by language, its own under ""."""
    others = {row.language_code: getattr(row, name) for row in rows}
    return {"": getattr(event, name), **{code: text for code, text in others.items() if text}}


def event_facts(event: Event, rows: Sequence[EventTranslation]) -> dict[str, Any]:
    """Return what mails tell of an event, as plain data: see `emails.event_kinds`."""
    texts = {
        name: translated(event, name, rows) for name in ("title", "story", "place", "age_note")
    }
    times = times_of(event)
    return {
        "event": {
            **texts,
            "id": event.pk,
            "uid": str(event.uid),
            "version": event.version,
            "place_kind": event.place_kind,
            "place_url": event.place_url,
            "starts_at": event.starts_at.isoformat(),
            "ends_at": event.ends_at.isoformat(),
            "time_zone": event.time_zone,
            "image_url": event.image_url,
            "image_alt": event.image_alt,
            "languages": event.languages,
            "price_points": event.price_points,
            "award_points": event.award_points,
            "guests_allowed": event.guests_allowed,
        },
        "event_title": texts["title"],
        "event_place": texts["place"] if event.place else "",
        "event_start": when(event, event.starts_at),
        "event_award": event.award_points,
        "answer_until": when(event, times.answer_until),
    }


def when(event: Event, moment: datetime | None) -> Any:
    """Return an instant as mails tell it, in the event's zone; empty for none."""
    return {"at": moment.isoformat(), "zone": event.time_zone} if moment else ""


def facts_for(
    invitation: Invitation, event: Event, told: Mapping[str, Any], *, sequence: int | None = None
) -> dict[str, Any]:
    """Return what a mail tells of an invitation and its event (`told`: see `event_facts`).

    Where an online event is, those who come are told alone. `sequence` is that of a calendar entry.
    """
    entry = dict(told["event"])
    if event.place_kind == PlaceKind.ONLINE.value and invitation.answer != Answer.ACCEPTED.value:
        entry["place_url"] = ""
    if sequence is not None:
        entry["sequence"] = sequence
    refundable = refundable_until(event, invitation)
    return {
        **told,
        "event": entry,
        "cancel_until": when(event, refundable) if event.price_points else "",
        "answer": invitation.answer,
        "invitation": invitation.pk,
        "seats": invitation.seats,
        "guests": invitation.guests,
        "code": invitation.code,
        "event_price": invitation.price_points or event.price_points * invitation.seats,
        "offered_until": when(event, invitation.offered_until),
    }


class EventMails:
    """Writes the mails of one event to some of its members, who are read in one go."""

    def __init__(self, event: Event, invitations: Collection[Invitation], *, now: datetime) -> None:
        """Read what the mails need: the desk's queries, and one."""
        self.event, self.now = event, now
        self.facts = event_facts(event, texts_of([event]).get(event.pk, ()))
        self.desk: Desk = open_desk(member_ids={one.member_id for one in invitations}, now=now)
        self._in_calendars: list[Invitation] = []

    def queue(self, requests: Iterable[EmailRequest | None]) -> int:
        """Queue mails that were written, with what calendars know by them; return how many."""
        queued = self.desk.queue(requests)
        Invitation.objects.bulk_update(self._in_calendars, ["calendar_sequence"])
        self._in_calendars.clear()
        return queued

    def write(
        self,
        kind: EmailKind,
        invitation: Invitation,
        *,
        cause: object = "",
        facts: Mapping[str, Any] | None = None,
        calendar: Mapping[str, str] | None = None,
    ) -> EmailRequest | None:
        """Return a mail about an invitation, one for each `cause`; None where its kind is off.

        With a calendar entry the invitation's `calendar_sequence` rises.
        """
        member = self.desk.members.get(invitation.member_id)
        if member is None or not self.desk.is_on(kind, member):
            return None
        calendar = calendar or CALENDARS.get(kind)
        if calendar:
            invitation.calendar_sequence += 1
            self._in_calendars.append(invitation)
        told = {
            **facts_for(invitation, self.event, self.facts, sequence=invitation.calendar_sequence),
            **({"calendar": dict(calendar)} if calendar else {}),
            **(facts or {}),
        }
        return self.desk.request(
            kind,
            member,
            key=f"{kind.value}:{invitation.pk}:{cause}",
            facts=told,
            useful_for=self._useful_for(kind),
        )

    def _useful_for(self, kind: EmailKind) -> timedelta:
        if kind is EmailKind.EVENT_THANKS:
            return THANKS_USEFUL_FOR
        end = self.event.ends_at if kind in UNTIL_THE_END else self.event.starts_at
        return max(end - self.now, timedelta(hours=1))


def tell_of_steps(
    steps: Sequence[InvitationStep], event: Event, *, now: datetime, **facts: Any
) -> int:
    """Queue what members get after steps of their invitations; return how many mails."""
    told = [(step.invitation, step.pk) for step in steps if _is_told(step)]
    if not told:
        return 0
    mails = EventMails(event, [one for one, _ in told], now=now)
    places = places_in_line([event.pk])
    return mails.queue(
        [
            mails.write(
                AFTER[Answer(one.answer)],
                one,
                cause=step,
                facts={**facts, "step": step, "waiting_place": places.get(one.pk, "")},
            )
            for one, step in told
        ]
    )


def _is_told(step: InvitationStep) -> bool:
    """Tell whether a step is followed by a mail."""
    answer = Answer(step.answer)
    is_unknown = step.invitation.calendar_sequence == 0 and step.note != LAPSED
    return answer in AFTER and not (answer is Answer.DECLINED and is_unknown)


def tell_of_removal(step: InvitationStep, event: Event, *, now: datetime, points: int) -> int:
    """Queue the mail to who was taken off an event by staff; return how many mails."""
    mails = EventMails(event, [step.invitation], now=now)
    facts = {"points_given_back": points, "step": step.pk}
    return mails.queue(
        [mails.write(EmailKind.EVENT_LEFT, step.invitation, cause=step.pk, facts=facts)]
    )


def tell_who_came(event: Event, invitations: Sequence[Invitation], *, now: datetime) -> int:
    """Queue the thanks to who came, once each; return how many mails."""
    if not invitations:
        return 0
    mails = EventMails(event, invitations, now=now)
    return mails.queue(
        [
            mails.write(EmailKind.EVENT_THANKS, one, facts={"event_award": one.awarded_points})
            for one in invitations
        ]
    )
