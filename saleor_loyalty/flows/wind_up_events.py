"""The end of events: seats and points are cleared up when one is over, or was called off."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import batched

from django.db import transaction

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import (
    LAPSED,
    locked_event,
    move_line,
    note_answer,
    unseat,
)
from saleor_loyalty.events.rules import (
    DOORS_CLOSE_AFTER,
    OPEN,
    Answer,
    EventState,
    PlaceKind,
)
from saleor_loyalty.flows.answer_invitations import vacate
from saleor_loyalty.flows.calendar_mails import tell_all
from saleor_loyalty.flows.evaluate_tiers import lock_owners
from saleor_loyalty.flows.event_mails import EventMails, tell_of_steps, tell_who_came
from saleor_loyalty.flows.event_prices import capture_price, return_price
from saleor_loyalty.flows.tell_of_changes import informed_of

BATCH = 100
NOTES_KEPT_FOR = timedelta(days=30)


def end_events(*, now: datetime) -> int:
    """End the events whose doors have closed; return how many. What follows is `wind_up_events`."""
    over = Event.objects.filter(
        state=EventState.PUBLISHED.value, ends_at__lte=now - DOORS_CLOSE_AFTER
    )
    return over.update(state=EventState.DONE.value, updated_at=now)


def move_lines(*, now: datetime) -> int:
    """End offers whose time is over, and offer the seats to the next; return how many steps."""
    lapsed = Invitation.objects.filter(answer=Answer.OFFERED.value, offered_until__lte=now)
    ids = sorted(set(lapsed.values_list("event", flat=True)))
    return sum(tell_all([pk], partial(_move_line, now=now), what="offer") for pk in ids)


def _move_line(ids: Sequence[int], *, now: datetime) -> int:
    event = locked_event(*ids)
    steps = move_line(event, now=now)
    tell_of_steps(steps, event, now=now)
    return len(steps)


def wind_up_events(*, now: datetime) -> int:
    """Do for each invitation what the end of its event asks for; return how many.

    Of an event that was called off all points come back, and guests hear of it. After one that took place prices are
    spent, who came is thanked, and who did not is noted. Each batch commits by itself; what is wrong with one
    holds up no other, and a run that broke off is taken up where it was.
    """
    left = Invitation.objects.filter(wound_up_at=None, event__state__in=list(ENDS))
    done = 0
    for event_id in sorted(set(left.values_list("event", flat=True))):
        ids = list(left.filter(event=event_id).order_by("pk").values_list("pk", flat=True))
        for some in batched(ids, BATCH):
            done += tell_all(some, partial(_wind_up, event_id, now=now), what="end of an event")
    return done


def _wind_up(event_id: int, ids: Sequence[int], *, now: datetime) -> int:
    members = Invitation.objects.filter(pk__in=ids).values_list("member", flat=True)
    locked = lock_owners(member_ids=set(members))
    event = locked_event(event_id)
    rows = Invitation.objects.select_for_update(of=("self",)).filter(
        pk__in=ids, wound_up_at=None, member__in=[one.pk for one in locked.values()]
    )
    invitations = list(rows.order_by("pk"))
    ENDS[event.state](event, invitations, now)
    return len(invitations)


def _call_off(event: Event, invitations: Sequence[Invitation], now: datetime) -> None:
    informed = {one.pk for one in informed_of(invitations) if Answer(one.answer) in OPEN}
    mails = EventMails(event, [one for one in invitations if one.pk in informed], now=now)
    requests = []
    for one in invitations:
        one.wound_up_at = now
        if Answer(one.answer) in OPEN and one.checked_in_at is None:
            _, points = vacate(
                event, one, Answer.REMOVED, keeps_price=False, now=now, note=event.cancel_reason
            )
        else:
            points = return_price(one, event, now=now)
            one.save()
        if one.pk in informed:
            facts = {"points_given_back": points, "cancel_reason": event.cancel_reason}
            requests.append(mails.write(EmailKind.EVENT_CANCELLED, one, facts=facts))
    mails.queue(requests)


def _close(event: Event, invitations: Sequence[Invitation], now: datetime) -> None:
    """Spend prices, and note who did not come; of an event online nobody knows that."""
    came = [one for one in invitations if one.checked_in_at is not None]
    for one in invitations:
        one.wound_up_at = now
        if one.answer == Answer.ACCEPTED.value:
            capture_price(one, event, now=now)
            is_known = event.place_kind != PlaceKind.ONLINE.value
            one.is_no_show = is_known and one.checked_in_at is None
        if one.answer == Answer.OFFERED.value:
            unseat(event, one)
            one.offered_until = one.waiting_since = None
            note_answer(one, Answer.DECLINED, now=now, note=LAPSED)
        else:
            one.save()
    tell_who_came(event, came, now=now)


ENDS: Mapping[str, Callable[[Event, Sequence[Invitation], datetime], None]] = {
    EventState.CANCELLED.value: _call_off,
    EventState.DONE.value: _close,
}


def forget_notes(*, now: datetime) -> int:
    """Forget what guests said of themselves a month after their event; return how many.

    Names of those they brought, what they eat and what help they need are nobody's business then, in mails
    neither.
    """
    old = Invitation.objects.filter(event__ends_at__lt=now - NOTES_KEPT_FOR).exclude(
        guests=[], dietary="", access=""
    )
    forgotten = 0
    for some in batched(list(old.order_by("pk").values_list("pk", "member")), BATCH):
        ids = [pk for pk, _ in some]
        with transaction.atomic():
            mails = EmailMessage.objects.filter(member_id__in=[member for _, member in some])
            named = [one for one in mails if one.facts.get("invitation") in ids]
            for one in named:
                one.facts = {**one.facts, "guests": []}
            EmailMessage.objects.bulk_update(named, ["facts"])
            Invitation.objects.filter(pk__in=ids).update(guests=[], dietary="", access="")
        forgotten += len(ids)
    return forgotten
