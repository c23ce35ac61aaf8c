"""Answers to invitations: seats, the waiting list, offers and points."""

from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest

from saleor_loyalty.events.models import Event, Invitation, InvitationStep
from saleor_loyalty.events.operations import EventNotFound, SeatsTaken
from saleor_loyalty.events.rules import (
    AnswerInvalid,
    Audience,
    Closed,
    EventClosed,
    Waiting,
    next_in_line,
)
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.flows.check_in import check_in
from saleor_loyalty.points.rules import InsufficientPoints
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.programs.models import Program
from tests.events.parties import (
    DAY,
    answers,
    come,
    in_tier,
    leave,
    mails,
    make_event,
    make_guest,
    purse,
    seats_taken,
)
from tests.factories import NOW, make_program
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return make_guest(program, "ada", points=1000)


def test_who_comes_takes_a_seat_for_each_of_the_party(program, ada):
    event = make_event(program)

    invitation = come(ada, event, "Mia", "")

    assert (invitation.answer, invitation.seats, invitation.source) == ("accepted", 3, "asked")
    assert invitation.guests == ["Mia", ""]
    assert seats_taken(event) == 3
    assert len(invitation.code) == 16


def test_a_repeat_changes_nothing_and_another_party_the_seats(program, ada):
    event = make_event(program)
    come(ada, event, "Mia")
    come(ada, event, "Mia")
    assert seats_taken(event) == 2

    come(ada, event)

    assert seats_taken(event) == 1
    assert Invitation.objects.count() == 1


def test_who_cancels_frees_the_seats_and_may_come_again(program, ada):
    event = make_event(program)
    come(ada, event, "Mia")

    leave(ada, event)
    leave(ada, event)

    assert (answers(event), seats_taken(event)) == (["cancelled"], 0)
    assert come(ada, event).answer == "accepted"
    steps = InvitationStep.objects.values_list("answer", flat=True)
    assert list(steps) == ["accepted", "cancelled", "accepted"]


def test_a_party_that_does_not_fit_waits_and_one_that_has_its_seats_cannot_grow(program, ada):
    event = make_event(program, capacity=2)
    come(ada, event)
    late = make_guest(program, "late")

    assert come(late, event, "Mia").answer == "waiting"
    with pytest.raises(SeatsTaken) as refused:
        come(ada, event, "A", "B")

    assert refused.value.data == {"free": 1}
    assert (answers(event), seats_taken(event)) == (["accepted", "waiting"], 1)


def test_a_seat_that_comes_free_is_offered_by_tier_then_by_time_with_a_deadline(program, ada):
    silver, gold = make_ladder(program)
    event = make_event(program, capacity=1, offer_hours=48)
    come(ada, event)
    first = in_tier(make_guest(program, "first"), silver)
    second = in_tier(make_guest(program, "second"), gold)
    third = in_tier(make_guest(program, "third"), gold)
    for number, member in enumerate((first, second, third)):
        come(member, event, now=NOW + timedelta(minutes=number))

    leave(ada, event, now=NOW + DAY)

    assert answers(event) == ["cancelled", "waiting", "offered", "waiting"]
    offered = Invitation.objects.get(answer="offered")
    assert (offered.member, offered.offered_until) == (second, NOW + 3 * DAY)
    assert seats_taken(event) == 1
    assert come(second, event, now=NOW + 2 * DAY).answer == "accepted"


def test_an_offer_that_lapsed_goes_to_the_next(program, ada):
    event = make_event(program, capacity=1)
    come(ada, event)
    first, second = make_guest(program, "first"), make_guest(program, "second")
    come(first, event)
    come(second, event, now=NOW + timedelta(minutes=1))
    leave(ada, event)

    assert come(second, event, now=NOW + 2 * DAY).answer == "accepted"
    assert answers(event) == ["cancelled", "declined", "accepted"]
    assert seats_taken(event) == 1


def test_a_party_that_is_too_big_keeps_its_place_and_lets_smaller_ones_pass():
    waiting = [
        Waiting(invitation_id=1, rank=2, since=NOW, seats=3),
        Waiting(invitation_id=2, rank=1, since=NOW + DAY, seats=1),
        Waiting(invitation_id=3, rank=1, since=NOW, seats=1),
    ]

    assert [one.invitation_id for one in next_in_line(waiting, free=2)] == [3, 2]
    assert [one.invitation_id for one in next_in_line(waiting, free=4)] == [1, 3]


def test_the_price_is_held_with_the_seats_and_given_back_in_time(program, ada):
    event = make_event(program, price_points=100)

    come(ada, event, "Mia")
    assert (purse(ada).available, purse(ada).held) == (800, 200)
    come(ada, event)
    assert (purse(ada).available, purse(ada).held) == (900, 100)
    leave(ada, event)

    assert (purse(ada).available, purse(ada).held) == (1000, 0)
    assert find_drift() == []


def test_who_cancels_too_late_has_paid(program, ada):
    event = make_event(program, price_points=100, cancel_hours=24)
    come(ada, event)

    leave(ada, event, now=event.starts_at - timedelta(hours=23))

    assert (purse(ada).available, purse(ada).held) == (900, 0)
    assert Invitation.objects.get().is_captured


def test_a_party_keeps_the_price_of_when_it_took_its_seats(program, ada):
    event = make_event(program, price_points=100)
    come(ada, event, "Mia")
    Event.objects.update(price_points=300)

    come(ada, event)

    assert (purse(ada).available, purse(ada).held) == (900, 100)
    assert come(make_guest(program, "late", points=300), event).price_points == 300


def test_who_is_in_already_neither_cancels_nor_changes_the_party(program, ada):
    event = make_event(program)
    invitation = come(ada, event, "Mia")
    before = event.starts_at - timedelta(hours=1)
    check_in(code=invitation.code, actor="door", now=before)

    for answer in (come, leave):
        with pytest.raises(EventClosed) as refused:
            answer(ada, event, now=before)
        assert refused.value.data == {"why": Closed.STARTED}

    assert (answers(event), seats_taken(event)) == (["accepted"], 2)


def test_a_programme_that_is_off_takes_no_answers(program, ada):
    event = make_event(program)
    Program.objects.update(is_active=False)

    with pytest.raises(EventClosed):
        come(ada, event)

    assert not Invitation.objects.exists()


def test_without_the_points_nobody_gets_a_seat(program, ada):
    event = make_event(program, price_points=600)

    with pytest.raises(InsufficientPoints):
        come(ada, event, "Mia")

    assert (Invitation.objects.count(), seats_taken(event)) == (0, 0)


@pytest.mark.parametrize(
    ("values", "now", "why"),
    [
        ({"state": "cancelled"}, NOW, Closed.CANCELLED),
        ({"registration_opens_at": NOW + DAY}, NOW, Closed.NOT_YET),
        ({"registration_closes_at": NOW}, NOW, Closed.REGISTRATION_OVER),
        ({}, NOW + 14 * DAY, Closed.STARTED),
    ],
)
def test_an_event_takes_answers_in_its_time_alone(program, ada, values, now, why):
    event = make_event(program, **values)

    with pytest.raises(EventClosed) as refused:
        come(ada, event, now=now)

    assert refused.value.data == {"why": why}
    assert not Invitation.objects.exists()


def test_what_is_a_draft_or_for_others_is_not_there(program, ada):
    draft = make_event(program, state="draft")
    others = make_event(program, audience=Audience(member_ids=(999,), is_handpicked=True).as_json())

    for event in (draft, others):
        with pytest.raises(EventNotFound):
            come(ada, event)


def test_too_many_guests_and_impossible_names_are_refused(program, ada):
    event = make_event(program, guests_allowed=1)

    for guests in (("a", "b"), ("x" * 101,), ("a\x00",)):
        with pytest.raises(AnswerInvalid):
            come(ada, event, *guests)

    assert not Invitation.objects.exists()


def test_each_answer_is_followed_by_its_mail_and_a_repeat_by_none(program, ada):
    event = make_event(program, capacity=1, price_points=100)
    second = make_guest(program, "second", points=100)

    for _ in range(2):
        come(ada, event)
        come(second, event)
    for _ in range(2):
        leave(ada, event)

    told = [
        (mail.kind, mail.member_id, mail.facts.get("waiting_place"))
        for mail in sorted(
            mails("event_confirmed")
            + mails("event_waiting")
            + mails("event_left")
            + mails("event_offered"),
            key=lambda mail: mail.pk,
        )
    ]
    assert told == [
        ("event_confirmed", ada.pk, ""),
        ("event_waiting", second.pk, 1),
        ("event_left", ada.pk, ""),
        ("event_offered", second.pk, ""),
    ]
    (left,) = mails("event_left")
    assert left.facts["points_given_back"] == 100
    assert left.facts["calendar"] == {"method": "CANCEL", "partstat": "DECLINED"}
    (confirmed,) = mails("event_confirmed")
    assert confirmed.facts["event"]["sequence"] < left.facts["event"]["sequence"]


def test_who_has_seats_may_come_with_fewer_after_registration_closed_but_not_with_more(
    program, ada
):
    event = make_event(program, registration_closes_at=NOW + DAY)
    come(ada, event, "Mia", "Bo")

    come(ada, event, "Mia", now=NOW + 2 * DAY)
    with pytest.raises(EventClosed):
        come(ada, event, "Mia", "Bo", now=NOW + 2 * DAY)

    assert seats_taken(event) == 2


def test_a_seat_whose_offer_lapsed_goes_to_who_waits_not_to_who_comes_by(program, ada):
    event = make_event(program, capacity=1)
    come(ada, event)
    first, second = make_guest(program, "first"), make_guest(program, "second")
    come(first, event)
    come(second, event, now=NOW + timedelta(minutes=1))
    leave(ada, event)

    passer_by = make_guest(program, "passer")
    assert come(passer_by, event, now=NOW + 2 * DAY).answer == "waiting"

    assert answers(event) == ["cancelled", "declined", "offered", "waiting"]


def test_who_comes_back_after_their_offer_lapsed_is_behind_those_who_waited(program, ada):
    event = make_event(program, capacity=1)
    come(ada, event)
    first, second = make_guest(program, "first"), make_guest(program, "second")
    come(first, event)
    come(second, event, now=NOW + timedelta(minutes=1))
    leave(ada, event)

    assert come(first, event, now=NOW + 2 * DAY).answer == "waiting"

    assert answers(event) == ["cancelled", "waiting", "offered"]


def test_staff_take_a_guest_off_and_points_come_back(program, ada):
    event = make_event(program, capacity=1, price_points=100)
    invitation = come(ada, event)
    second = make_guest(program, "second", points=100)
    come(second, event)

    for _ in range(2):
        remove_guest(invitation_id=invitation.pk, actor="Cleo", note="Asked for it", now=NOW)

    assert answers(event) == ["removed", "offered"]
    assert (purse(ada).available, purse(ada).held) == (1000, 0)
    assert len(mails("event_left")) == 1
    with pytest.raises(EventNotFound):
        come(ada, event)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_64_members_at_once_on_10_seats_are_10_guests_and_54_in_line():
    program = make_program()
    silver, gold = make_ladder(program)
    event = make_event(program, capacity=10, guests_allowed=0, price_points=10)
    members = [
        in_tier(make_guest(program, f"guest{number}", points=100), gold if number % 3 else silver)
        for number in range(64)
    ]

    def one(number):
        return come(members[number], event, now=NOW + timedelta(seconds=number))

    results = in_threads(64, one)

    assert not [one for one in results if isinstance(one, Exception)]
    assert sorted(answers(event)) == ["accepted"] * 10 + ["waiting"] * 54
    assert seats_taken(event) == 10
    assert sum(purse(member).held for member in members) == 100
    in_line = sorted(
        (number for number in range(64) if results[number].answer == "waiting"),
        key=lambda number: (number % 3 == 0, number),
    )
    offered = []
    for number in (number for number in range(64) if results[number].answer == "accepted"):
        leave(members[number], event, now=NOW + timedelta(hours=1))
        (invitation,) = event.invitations.filter(answer="offered").exclude(member__in=offered)
        offered.append(invitation.member)
    assert offered == [members[number] for number in in_line[:10]]
    assert find_drift() == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_storm_of_answers_keeps_seats_and_points_true():
    program = make_program()
    event = make_event(program, capacity=12, price_points=10)
    members = [make_guest(program, f"guest{number}", points=1000) for number in range(24)]

    def one(number):
        chance = Random(number)
        for step in range(8):
            moment = NOW + timedelta(minutes=10 * step)
            with suppress(SeatsTaken, EventNotFound):
                if chance.random() < 0.65:
                    come(members[number], event, *["Mia", "Bo"][: chance.randrange(3)], now=moment)
                else:
                    leave(members[number], event, now=moment)

    assert [one for one in in_threads(24, one) if one is not None] == []

    seated = event.invitations.filter(answer__in=["accepted", "offered"])
    assert seats_taken(event) == sum(one.seats for one in seated) <= 12
    free = 12 - seats_taken(event)
    assert all(one.seats > free for one in event.invitations.filter(answer="waiting"))
    held = sum(one.seats for one in event.invitations.filter(answer="accepted")) * 10
    assert sum(purse(member).held for member in members) == held
    assert sum(purse(member).available for member in members) == 24_000 - held
    assert find_drift() == []
