"""Answers to invitations: seats, the waiting list, offers and points."""

from datetime import timedelta

import pytest

from saleor_loyalty.events.models import Invitation, InvitationStep
from saleor_loyalty.events.operations import EventNotFound, SeatsTaken
from saleor_loyalty.events.rules import (
    AnswerInvalid,
    Audience,
    Closed,
    EventClosed,
    Waiting,
    next_in_line,
)
from saleor_loyalty.points.rules import InsufficientPoints
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.tiers.models import TierStanding
from tests.events.parties import come, leave, make_event, make_guest, purse, seats_taken
from tests.factories import NOW, make_program
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder

DAY = timedelta(days=1)


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return make_guest(program, "ada", points=1000)


def in_tier(member, tier):
    TierStanding.objects.create(
        member=member, program=member.program, tier=tier, earned=tier, since=NOW
    )
    return member


def answers(event):
    return list(event.invitations.order_by("pk").values_list("answer", flat=True))


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


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_64_members_at_once_on_10_seats_are_10_guests_and_54_in_the_waiting_list():
    program = make_program()
    event = make_event(program, capacity=10, guests_allowed=0, price_points=10)
    members = [make_guest(program, f"guest{number}", points=100) for number in range(64)]

    results = in_threads(64, lambda number: come(members[number], event))

    assert not [one for one in results if isinstance(one, Exception)]
    assert sorted(answers(event)) == ["accepted"] * 10 + ["waiting"] * 54
    assert seats_taken(event) == 10
    assert sum(purse(member).held for member in members) == 100
    assert find_drift() == []
