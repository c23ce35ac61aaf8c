"""The door: who comes in, what it says, and points for coming, once."""

from datetime import UTC, datetime, timedelta

import pytest

from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.operations import EventNotFound, SeatsTaken
from saleor_loyalty.events.rules import AnswerInvalid, Closed, EventClosed
from saleor_loyalty.flows.check_in import Door, check_in, read_code, walk_in
from saleor_loyalty.flows.event_feedback import give_feedback, note_opened
from saleor_loyalty.points.rules import InsufficientPoints
from saleor_loyalty.points.verification import find_drift
from tests.events.parties import (
    DAY,
    answers,
    come,
    invitation_of,
    leave,
    make_event,
    make_guest,
    purse,
    seats_taken,
)
from tests.factories import NOW, make_program
from tests.threads import in_threads


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return make_guest(program, "ada", points=1000)


def show(invitation, *, now, **values):
    return check_in(code=invitation.code, actor="door", now=now, **values)


def test_who_has_a_seat_is_welcome_once_and_coming_gives_points_once(program, ada):
    event = make_event(program, award_points=50)
    invitation = come(ada, event, "Mia", "Bo")

    first = show(invitation, now=event.starts_at, seats=2)
    second = show(invitation, now=event.starts_at + timedelta(minutes=5))

    assert (first.door, second.door) == (Door.WELCOME, Door.ALREADY_IN)
    invitation.refresh_from_db()
    assert (invitation.checked_in_seats, invitation.checked_in_at) == (2, event.starts_at)
    assert invitation.awarded_points == 50
    assert purse(ada).total == 1050


def test_the_others_of_a_party_may_come_later_once(program, ada):
    event = make_event(program, award_points=50)
    invitation = come(ada, event, "Mia", "Bo")
    show(invitation, now=event.starts_at, seats=1)

    doors = [show(invitation, now=event.starts_at, is_rest=True).door for _ in range(2)]

    assert doors == [Door.WELCOME, Door.ALREADY_IN]
    assert invitation_of(ada, event).checked_in_seats == 3
    assert purse(ada).total == 1050


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_code_shown_at_eight_doors_at_once_lets_in_once():
    program = make_program()
    event = make_event(program, award_points=50)
    ada = make_guest(program, "ada")
    invitation = come(ada, event)

    results = in_threads(8, lambda _: show(invitation, now=event.starts_at).door)

    assert sorted(results) == [Door.ALREADY_IN] * 7 + [Door.WELCOME]
    assert purse(ada).total == 50
    assert find_drift() == []


@pytest.mark.parametrize(
    ("after_start", "door"),
    [
        (timedelta(hours=-3, minutes=-1), Door.WELCOME),  # the same day
        (timedelta(hours=-15), Door.NOT_TODAY),
        (timedelta(hours=14), Door.WELCOME),
        (timedelta(hours=14, minutes=1), Door.NOT_TODAY),
    ],
)
def test_the_door_is_open_on_the_day_and_some_hours_after(program, ada, after_start, door):
    event = make_event(program)
    invitation = come(ada, event)

    assert show(invitation, now=event.starts_at + after_start).door is door


def test_the_day_is_that_of_the_events_zone(program, ada):
    starts_at = datetime(2026, 12, 1, 22, 0, tzinfo=UTC)  # eleven at night in Zagreb
    event = make_event(program, starts_at=starts_at)
    invitation = come(ada, event)

    before = show(invitation, now=datetime(2026, 11, 30, 22, 59, tzinfo=UTC)).door
    after = show(invitation, now=datetime(2026, 11, 30, 23, 0, tzinfo=UTC)).door

    assert (before, after) == (Door.NOT_TODAY, Door.WELCOME)


def test_staff_may_note_for_two_weeks_who_came(program, ada):
    event = make_event(program)
    invitation = come(ada, event)

    assert show(invitation, now=event.ends_at + 15 * DAY, is_later=True).door is Door.NOT_TODAY
    assert show(invitation, now=event.ends_at + 13 * DAY, is_later=True).door is Door.WELCOME


def test_who_waits_declined_or_is_unknown_does_not_come_in(program, ada):
    event, other = make_event(program, capacity=1), make_event(program)
    come(ada, event)
    waiting = come(make_guest(program, "late"), event)
    elsewhere = come(ada, other)
    gone = come(make_guest(program, "gone"), other)
    leave(gone.member, other)

    def door(code, **values):
        return check_in(code=code, actor="door", now=event.starts_at, **values).door

    assert door(waiting.code) is Door.NO_SEAT
    assert door(gone.code) is Door.NO_SEAT
    assert door(elsewhere.code, event_id=event.pk) is Door.UNKNOWN
    assert [door(code) for code in ("", "x", "🎉", "' OR 1=1")] == [Door.UNKNOWN] * 4
    assert not Invitation.objects.filter(checked_in_at__isnull=False).exists()


def test_a_cancelled_event_has_no_door(program, ada):
    event = make_event(program)
    invitation = come(ada, event)
    event.refresh_from_db()
    event.state = "cancelled"
    event.save()

    assert show(invitation, now=event.starts_at).door is Door.NOT_TODAY


@pytest.mark.parametrize(
    "text",
    [
        "ABCD1234EFGH0001",
        "abcd-1234-efgh-0001",
        " ABCD 1234 EFGH OOOI ",
        "https://shop.test/plugins/saleor.loyalty/door/ABCD1234EFGH0001/",
    ],
)
def test_codes_are_read_however_they_are_typed_or_scanned(text):
    assert read_code(text) == "ABCD1234EFGH0001"


def test_no_seats_at_all_is_no_party(program, ada):
    event = make_event(program)
    invitation = come(ada, event)

    with pytest.raises(AnswerInvalid):
        show(invitation, now=event.starts_at, seats=0)


def test_a_walk_in_takes_a_free_seat_pays_and_is_in(program, ada):
    event = make_event(program, capacity=2, price_points=100, award_points=50)

    result = walk_in(event_id=event.pk, member_id=ada.pk, seats=2, actor="x", now=event.starts_at)

    assert result.door is Door.WELCOME
    assert (result.invitation.source, seats_taken(event)) == ("walk_in", 2)
    assert (purse(ada).available, purse(ada).held) == (850, 0)
    again = walk_in(event_id=event.pk, member_id=ada.pk, seats=1, actor="x", now=event.starts_at)
    assert again.door is Door.ALREADY_IN


def test_a_walk_in_is_refused_without_seats_points_or_at_another_time(program, ada):
    event = make_event(program, capacity=1, price_points=100)
    poor, other = make_guest(program, "poor"), make_guest(make_program(channel_ids=(8,)), "other")

    def walk(member, *, now=event.starts_at, seats=1):
        return walk_in(event_id=event.pk, member_id=member.pk, seats=seats, actor="x", now=now)

    with pytest.raises(InsufficientPoints):
        walk(poor)
    with pytest.raises(EventNotFound):
        walk(other)
    with pytest.raises(SeatsTaken):
        walk(ada, seats=2)
    with pytest.raises(AnswerInvalid):
        walk(ada, seats=4)
    assert walk(ada, now=NOW).door is Door.NOT_TODAY
    assert not Invitation.objects.exists()
    assert seats_taken(event) == 0


def test_a_walk_in_who_has_a_seat_comes_in_with_it(program, ada):
    event = make_event(program)
    come(ada, event, "Mia")

    result = walk_in(event_id=event.pk, member_id=ada.pk, seats=2, actor="x", now=event.starts_at)

    assert (result.door, result.invitation.source) == (Door.WELCOME, "asked")
    assert answers(event) == ["accepted"]


def test_who_came_says_how_it_was_and_may_change_their_mind(program, ada):
    event = make_event(program)
    invitation = come(ada, event)
    show(invitation, now=event.starts_at)

    give_feedback(invitation_id=invitation.pk, score=3, now=event.ends_at)
    give_feedback(invitation_id=invitation.pk, score=5, text=" Lovely ", now=event.ends_at)

    found = invitation_of(ada, event)
    assert (found.feedback_score, found.feedback_text) == (5, "Lovely")


def test_feedback_of_who_did_not_come_or_that_makes_no_sense_is_not_written(program, ada):
    event = make_event(program)
    invitation = come(ada, event)

    with pytest.raises(EventClosed) as refused:
        give_feedback(invitation_id=invitation.pk, score=3, now=NOW)
    assert refused.value.data == {"why": Closed.NOT_THERE}
    show(invitation, now=event.starts_at)
    for values in ({"score": 0}, {"score": 6}, {"score": 5, "text": "x" * 1001}):
        with pytest.raises(AnswerInvalid):
            give_feedback(invitation_id=invitation.pk, now=event.ends_at, **values)
    for moment in (event.ends_at - DAY, event.ends_at + 61 * DAY):
        with pytest.raises(EventClosed):
            give_feedback(invitation_id=invitation.pk, score=5, now=moment)
    with pytest.raises(EventNotFound):
        give_feedback(invitation_id=0, score=5, now=NOW)

    assert invitation_of(ada, event).feedback_score is None


def test_the_first_look_at_an_invitation_is_noted(program, ada):
    event = make_event(program)
    invitation = come(ada, event)

    note_opened(invitation_id=invitation.pk, now=NOW)
    note_opened(invitation_id=invitation.pk, now=NOW + DAY)

    assert invitation_of(ada, event).opened_at == NOW
