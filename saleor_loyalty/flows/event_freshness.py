"""Mails about events that say what is true no more, and those that can be brought up to date."""

import math
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Max

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.events.models import Event, Invitation, InvitationStep
from saleor_loyalty.events.queries import times_of
from saleor_loyalty.events.rules import OPEN, Answer, EventState
from saleor_loyalty.flows.event_mails import event_facts, facts_for, texts_of

# The answer that a mail is true for.
TRUE_FOR = {
    EmailKind.EVENT_INVITATION: frozenset({Answer.INVITED}),
    EmailKind.EVENT_CONFIRMED: frozenset({Answer.ACCEPTED}),
    EmailKind.EVENT_REMINDER: frozenset({Answer.ACCEPTED}),
    EmailKind.EVENT_WAITING: frozenset({Answer.WAITING}),
    EmailKind.EVENT_OFFERED: frozenset({Answer.OFFERED}),
    EmailKind.EVENT_CHANGED: OPEN,
    EmailKind.EVENT_LEFT: frozenset({Answer.CANCELLED, Answer.REMOVED, Answer.DECLINED}),
}
# What these tell is the event as it is when they leave.
REFRESHED = frozenset(TRUE_FOR) - {EmailKind.EVENT_LEFT, EmailKind.EVENT_CHANGED}


def invitations_of(messages: Sequence[EmailMessage]) -> dict[int, Invitation]:
    """Return the invitations that mails are about, with their events, by mail id. At most one query."""
    ids = {one.pk: one.facts["invitation"] for one in messages if "invitation" in one.facts}
    if not ids:
        return {}
    found = Invitation.objects.select_related("event__program").in_bulk(set(ids.values()))
    return {pk: found[invitation] for pk, invitation in ids.items() if invitation in found}


def overtaken_by_events(messages: Sequence[EmailMessage], *, now: datetime) -> set[int]:
    """Return the ids of mails about events that must not leave: answers changed, or the event did.

    At most two queries.
    """
    invitations = invitations_of(messages)
    about = [one for one in messages if "invitation" in one.facts]
    steps = InvitationStep.objects.filter(invitation__in=[one.pk for one in invitations.values()])
    newest = dict(steps.order_by().values_list("invitation").annotate(Max("pk"))) if about else {}
    return {
        one.pk
        for one in about
        if one.pk not in invitations
        or one.facts.get("step", math.inf) < newest.get(invitations[one.pk].pk, 0)
        or _is_over(one, invitations[one.pk], now=now)
    }


def _is_over(message: EmailMessage, invitation: Invitation, *, now: datetime) -> bool:
    kind, event = EmailKind(message.kind), invitation.event
    match kind:
        case EmailKind.EVENT_CANCELLED:
            return event.state != EventState.CANCELLED.value
        case EmailKind.EVENT_THANKS:
            return invitation.checked_in_at is None
        case EmailKind.EVENT_LEFT:
            return Answer(invitation.answer) not in TRUE_FOR[kind]
    is_on = event.state == EventState.PUBLISHED.value and now < event.starts_at
    if not is_on or Answer(invitation.answer) not in TRUE_FOR[kind]:
        return True
    offered_until = invitation.offered_until or now
    is_past: dict[EmailKind, bool] = {
        EmailKind.EVENT_INVITATION: now >= times_of(event).answer_until,
        EmailKind.EVENT_OFFERED: now >= offered_until,
        EmailKind.EVENT_REMINDER: message.facts.get("reminds_of") != event.starts_at.isoformat(),
        EmailKind.EVENT_CHANGED: message.facts["event"]["version"] != event.version,
    }
    return is_past.get(kind, False)


def refresh_event_mails(messages: Sequence[EmailMessage]) -> list[EmailMessage]:
    """Bring mails about events up to date; return those that say something else now.

    At most two queries; nothing is written.
    """
    wanted = [one for one in messages if one.kind in {kind.value for kind in REFRESHED}]
    invitations = invitations_of(wanted)
    events: dict[int, Event] = {one.event_id: one.event for one in invitations.values()}
    texts = texts_of(list(events.values())) if events else {}
    changed = []
    for one in wanted:
        invitation = invitations.get(one.pk)
        if invitation is None:
            continue
        event = events[invitation.event_id]
        told = event_facts(event, texts.get(event.pk, ()))
        sequence = one.facts["event"].get("sequence")
        facts = {**one.facts, **facts_for(invitation, event, told, sequence=sequence)}
        if facts != one.facts:
            one.facts = facts
            changed.append(one)
    return changed
