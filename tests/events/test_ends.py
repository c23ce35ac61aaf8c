"""Reminders before an event, and what is cleared up after it."""

from datetime import UTC, datetime, timedelta

import pytest

from saleor_loyalty.events.rules import remind_at
from saleor_loyalty.flows.check_in import check_in
from saleor_loyalty.flows.manage_events import update_event
from saleor_loyalty.flows.tell_of_changes import remind_guests
from saleor_loyalty.flows.wind_up_events import (
    end_events,
    forget_notes,
    move_lines,
    wind_up_events,
)
from saleor_loyalty.points.verification import find_drift
from tests.events.parties import (
    DAY,
    answers,
    come,
    invitation_of,
    leave,
    mails,
    make_event,
    make_guest,
    purse,
    seats_taken,
)
from tests.factories import NOW, make_program


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return make_guest(program, "ada", points=1000)


def test_guests_are_reminded_a_week_and_a_day_before_once_each(program, ada):
    event = make_event(program, reminder_hours=[168, 24])
    come(ada, event)
    starts_at = event.starts_at

    counts = [
        remind_guests(now=moment)
        for moment in (
            starts_at - 7 * DAY - timedelta(minutes=1),
            starts_at - 7 * DAY,
            starts_at - 6 * DAY,
            starts_at - DAY,
            starts_at - timedelta(hours=1),
            starts_at,
        )
    ]

    assert counts == [0, 1, 0, 1, 0, 0]


def test_after_a_pause_only_the_last_reminder_counts(program, ada):
    event = make_event(program, reminder_hours=[168, 24])
    come(ada, event)

    assert remind_guests(now=event.starts_at - timedelta(hours=2)) == 1


def test_who_accepts_after_the_time_of_a_reminder_and_who_waits_gets_none(program, ada):
    event = make_event(program, capacity=1, reminder_hours=[168])
    come(ada, event, now=event.starts_at - 6 * DAY)
    come(make_guest(program, "late"), event, now=NOW)

    assert remind_guests(now=event.starts_at - 5 * DAY) == 0


def test_an_event_that_was_moved_is_reminded_of_anew(program, ada):
    event = make_event(program, reminder_hours=[24])
    come(ada, event)
    assert remind_guests(now=event.starts_at - DAY) == 1
    later = event.starts_at + 7 * DAY

    update_event(
        event_id=event.pk,
        values={"starts_at": later, "ends_at": later + timedelta(hours=1)},
        now=NOW,
    )

    assert remind_guests(now=event.starts_at) == 0
    assert remind_guests(now=later - DAY) == 1


@pytest.mark.parametrize(
    ("starts_at", "hours", "due_at"),
    [
        # Clocks in Zagreb go back on 25 October 2026 at three, and forward on 28 March 2027 at two.
        (datetime(2026, 10, 25, 17, tzinfo=UTC), 24, datetime(2026, 10, 24, 16, tzinfo=UTC)),
        (datetime(2027, 3, 28, 16, tzinfo=UTC), 24, datetime(2027, 3, 27, 17, tzinfo=UTC)),
        (datetime(2027, 3, 28, 16, tzinfo=UTC), 2, datetime(2027, 3, 28, 14, tzinfo=UTC)),
        (datetime(2027, 3, 29, 0, 30, tzinfo=UTC), 24, datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), 168, datetime(2026, 10, 18, 11, tzinfo=UTC)),
    ],
)
def test_days_before_are_at_the_same_local_time_whatever_the_clocks_do(starts_at, hours, due_at):
    assert remind_at(starts_at, hours, time_zone="Europe/Zagreb") == due_at


def test_after_the_event_prices_are_spent_who_came_is_thanked_and_who_did_not_is_noted(
    program, ada
):
    event = make_event(program, price_points=100, award_points=20, capacity=2, guests_allowed=0)
    away, late = (make_guest(program, name, points=200) for name in ("away", "late"))
    invitation = come(ada, event)
    come(away, event)
    come(late, event)
    check_in(code=invitation.code, actor="door", now=event.starts_at)

    assert end_events(now=event.ends_at + timedelta(hours=11)) == 0
    after = event.ends_at + timedelta(hours=12)
    assert end_events(now=after) == 1
    assert wind_up_events(now=after) == 3
    assert wind_up_events(now=after) == 0

    event.refresh_from_db()
    assert event.state == "done"
    assert answers(event) == ["accepted", "accepted", "waiting"]
    assert [invitation_of(one, event).is_no_show for one in (ada, away, late)] == [
        False,
        True,
        False,
    ]
    assert [purse(one).total for one in (ada, away, late)] == [920, 100, 200]
    assert sum(purse(one).held for one in (ada, away, late)) == 0
    (thanks,) = mails("event_thanks")
    assert (thanks.member_id, thanks.facts["event_award"]) == (ada.pk, 20)
    assert find_drift() == []


def test_who_is_noted_later_as_having_come_is_no_no_show(program, ada):
    event = make_event(program)
    invitation = come(ada, event)
    after = event.ends_at + DAY
    end_events(now=after)
    wind_up_events(now=after)

    check_in(code=invitation.code, actor="Cleo", now=after, is_later=True)

    assert not invitation_of(ada, event).is_no_show


def test_offers_that_lapse_move_the_line_by_themselves(program, ada):
    event = make_event(program, capacity=1)
    first, second = make_guest(program, "first"), make_guest(program, "second")
    come(ada, event)
    come(first, event)
    come(second, event, now=NOW + timedelta(minutes=1))
    leave(ada, event)

    assert move_lines(now=NOW + timedelta(hours=23)) == 0
    assert move_lines(now=NOW + timedelta(hours=24)) == 2

    assert answers(event) == ["cancelled", "declined", "offered"]
    assert [mail.member_id for mail in mails("event_offered")] == [first.pk, second.pk]
    assert seats_taken(event) == 1


def test_an_offer_ends_when_the_event_begins(program, ada):
    event = make_event(program, capacity=1)
    second = make_guest(program, "second")
    come(ada, event)
    come(second, event)
    leave(ada, event, now=event.starts_at - timedelta(hours=2))

    assert invitation_of(second, event).offered_until == event.starts_at
    move_lines(now=event.starts_at)
    assert (answers(event), seats_taken(event)) == (["cancelled", "declined"], 0)


def test_what_guests_said_of_themselves_is_forgotten_a_month_later(program, ada):
    event = make_event(program)
    invitation = come(ada, event, "Mia")
    invitation.dietary, invitation.access = "No nuts", "A ramp"
    invitation.save()

    assert forget_notes(now=event.ends_at + 29 * DAY) == 0
    assert forget_notes(now=event.ends_at + 31 * DAY) == 1

    found = invitation_of(ada, event)
    assert (found.guests, found.dietary, found.access, found.seats) == ([], "", "", 2)
