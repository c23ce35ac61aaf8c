"""The end of events: seats and points are cleared up when one is over, or was called off."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import batched

from django.db import transaction

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import locked_event, move_line, note_answer, unseat
from saleor_loyalty.events.rules import DOORS_CLOSE_AFTER, OPEN, Answer, EventState
from saleor_loyalty.flows.answer_invitations import vacate
from saleor_loyalty.flows.evaluate_tiers import lock_owners
from saleor_loyalty.flows.event_mails import EventMails, tell_of_steps
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
    moved = 0
    for event_id in list(lapsed.order_by("event").values_list("event", flat=True).distinct()):
        with transaction.atomic():
            event = locked_event(event_id)
            steps = move_line(event, now=now)
            tell_of_steps(steps, event, now=now)
            moved += len(steps)
    return moved


def wind_up_events(*, now: datetime) -> int:
    """Do for each invitation what the end of its event asks for; return how many.

    Of an event that was called off all points come back, and guests hear of it. After one that took place prices are
    spent, who came is thanked, and who did not is noted. Each batch commits by itself, and a
    run that broke off is taken up where it was.
    """
    ends: dict[str, Callable[[Event, Sequence[Invitation], datetime], None]] = {
        EventState.CANCELLED.value: _call_off,
        EventState.DONE.value: _close,
    }
    left = Invitation.objects.filter(wound_up_at=None, event__state__in=list(ends))
    pairs = list(left.order_by("event", "pk").values_list("event", "pk", "member"))
    done = 0
    for some in batched(pairs, BATCH):
        for event_id in dict.fromkeys(event_id for event_id, _, _ in some):
            mine = [row for row in some if row[0] == event_id]
            with transaction.atomic():
                lock_owners(member_ids={member_id for _, _, member_id in mine})
                event = locked_event(event_id)
                rows = Invitation.objects.select_for_update(of=("self",)).filter(
                    pk__in=[pk for _, pk, _ in mine],
                    wound_up_at=None,
                    member__in=[member_id for _, _, member_id in mine],
                )
                invitations = list(rows.order_by("pk"))
                ends[event.state](event, invitations, now)
                done += len(invitations)
    return done


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
    came = [one for one in invitations if one.checked_in_at is not None]
    for one in invitations:
        one.wound_up_at = now
        answer = Answer(one.answer)
        if answer is Answer.ACCEPTED:
            capture_price(one, event, now=now)
            one.is_no_show = one.checked_in_at is None
            one.save()
        elif answer in OPEN:
            unseat(event, one)
            one.offered_until = one.waiting_since = None
            note_answer(one, Answer.DECLINED, now=now, note="The event is over.")
        else:
            one.save()
    mails = EventMails(event, came, now=now)
    mails.queue([mails.write(EmailKind.EVENT_THANKS, one, facts=_given(one)) for one in came])


def _given(invitation: Invitation) -> dict[str, int]:
    return {"event_award": invitation.awarded_points}


def forget_notes(*, now: datetime) -> int:
    """Forget what guests said of themselves a month after their event; return how many.

    Names of those they brought, what they eat and what help they need are nobody's business then.
    """
    old = Invitation.objects.filter(event__ends_at__lt=now - NOTES_KEPT_FOR).exclude(
        guests=[], dietary="", access=""
    )
    return old.update(guests=[], dietary="", access="")
