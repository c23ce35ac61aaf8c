"""What members see of events, what staff read of them, and what becomes of invitations of merged members."""

import csv
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.numbers import EventNumbers, numbers_of
from saleor_loyalty.events.rules import Audience, Closed, EventClosed
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.flows.check_in import check_in
from saleor_loyalty.flows.event_feedback import give_feedback
from saleor_loyalty.flows.event_views import events_for
from saleor_loyalty.flows.forget_accounts import forget_accounts
from saleor_loyalty.flows.guest_list import find_guests, write_guest_list
from saleor_loyalty.flows.invite_members import run_due_waves
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.flows.manage_events import cancel_event
from saleor_loyalty.flows.merge_members import merge_members, move_late_points
from saleor_loyalty.flows.wind_up_events import end_events, wind_up_events
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.programs.models import Program
from tests.events.parties import (
    DAY,
    answers,
    come,
    in_tier,
    invitation_of,
    leave,
    make_event,
    make_guest,
    make_wave,
    purse,
    seats_taken,
)
from tests.factories import NOW, make_program
from tests.tiers.ladders import make_ladder

AWAY = Audience(is_handpicked=True, member_ids=(0,)).as_json()


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return make_guest(program, "ada", points=1000)


def seen(member, *, now=NOW):
    return [view.event.title for view in events_for(member, now=now)]


def spent(member, order_id, amount, *, at, **values):
    SettledOrder.objects.create(
        order_id=order_id,
        order_placed_at=at,
        program=member.program,
        member=member,
        outcome=values.pop("outcome", "earned"),
        currency=values.pop("currency", "EUR"),
        spent_amount=Decimal(amount),
        settled_at=at,
        **values,
    )


def test_members_see_what_is_open_to_them_and_what_they_are_invited_to(program, ada):
    silver, gold = make_ladder(program)
    in_tier(ada, silver)
    make_event(program, title="Draft", state="draft")
    make_event(program, title="Over", starts_at=NOW - 3 * DAY)
    make_event(program, title="Gold", audience=Audience(tier_ids=(gold.pk,)).as_json())
    make_event(program, title="All", starts_at=NOW + 3 * DAY)
    make_event(program, title="Silver", audience=Audience(tier_ids=(silver.pk,)).as_json())
    picked = make_event(program, title="Picked", audience=AWAY, starts_at=NOW + DAY)
    Invitation.objects.create(
        event=picked, member=ada, source="staff", answer="invited", code="x", invited_at=NOW
    )

    assert seen(ada) == ["Picked", "All", "Silver"]


def test_the_view_tells_what_can_be_done_and_the_place_in_line(program, ada):
    event = make_event(program, capacity=1)
    others = [make_guest(program, f"other{number}") for number in range(2)]
    for number, member in enumerate((*others, ada)):
        come(member, event, now=NOW + timedelta(minutes=number))
    make_event(program, starts_at=NOW + 20 * DAY, registration_opens_at=NOW + 2 * DAY)

    waiting, early = events_for(ada, now=NOW)

    assert (waiting.closed, waiting.waiting_place, waiting.invitation.answer) == (
        None,
        2,
        "waiting",
    )
    assert (early.closed, early.opens_at) == (Closed.NOT_YET, NOW + 2 * DAY)


def test_what_the_view_says_is_what_accepting_does_also_while_the_programme_is_off(program, ada):
    invited = make_event(program, registration_opens_at=NOW + 2 * DAY)
    Invitation.objects.create(
        event=invited, member=ada, source="wave", answer="invited", code="x", invited_at=NOW
    )
    (view,) = events_for(ada, now=NOW)
    assert view.closed is None
    Program.objects.update(is_active=False)

    (view,) = events_for(ada, now=NOW)
    with pytest.raises(EventClosed) as refused:
        come(ada, invited)

    assert view.closed is refused.value.data["why"] is Closed.NOT_PUBLISHED


def test_a_tier_with_early_access_may_answer_sooner(program, ada):
    silver, _ = make_ladder(program)
    silver.benefits = [{"key": "early", "kind": "early_access", "name": "First", "days": 1}]
    silver.save()
    in_tier(ada, silver)
    event = make_event(program, registration_opens_at=NOW + 2 * DAY)

    (view,) = events_for(ada, now=NOW + DAY)

    assert view.closed is None
    assert events_for(ada, now=NOW)[0].opens_at == NOW + DAY
    assert come(ada, event, now=NOW + DAY).answer == "accepted"


def test_who_was_removed_does_not_see_the_event_and_a_cancelled_one_is_shown_to_guests(
    program, ada
):
    event, other = make_event(program, title="A"), make_event(program, title="B")
    invitation = come(ada, event)
    come(ada, other)

    remove_guest(invitation_id=invitation.pk, actor="", note="", now=NOW)
    cancel_event(event_id=other.pk, reason="Rain", now=NOW)
    wind_up_events(now=NOW)

    assert seen(ada) == ["B"]
    assert seen(make_guest(program, "new")) == ["A"]
    assert seen(ada, now=NOW + 100 * DAY) == []


def test_events_are_read_in_a_fixed_number_of_queries(program, ada):
    make_event(program)
    with CaptureQueriesContext(connection) as one:
        events_for(ada, now=NOW)
    for number in range(5):
        make_event(program, audience=Audience(minimum_spent={"EUR": Decimal(number)}).as_json())
    with CaptureQueriesContext(connection) as many:
        events_for(ada, now=NOW)

    assert len(many) <= len(one) + 1


def test_the_numbers_of_an_event_tell_who_came_and_what_they_spent_in_the_month_after(program, ada):
    event = make_event(program, capacity=3, price_points=10, award_points=50)
    away, waits, no = (make_guest(program, name, points=100) for name in ("away", "waits", "no"))
    make_wave(event)
    run_due_waves(now=NOW)
    invitation = come(ada, event, "Mia")
    come(away, event)
    come(waits, event)
    leave(no, event)
    Invitation.objects.filter(member=ada).update(opened_at=NOW)
    check_in(code=invitation.code, actor="door", now=event.starts_at)
    give_feedback(invitation_id=invitation.pk, score=4, now=event.ends_at)
    for member, order_id, amount, days in (
        (ada, "in", "100.50", 1),
        (ada, "too late", "7", 30),
        (ada, "before", "7", -1),
        (away, "others", "7", 1),
    ):
        spent(member, order_id, amount, at=event.ends_at + days * DAY)
    spent(ada, "dollars", "20", at=event.ends_at, currency="USD")
    spent(ada, "lost", "7", at=event.ends_at, outcome="not_served")

    assert numbers_of([event.pk])[event.pk] == EventNumbers(
        invited=4,
        opened=1,
        accepted=2,
        accepted_seats=3,
        waiting=1,
        declined=1,
        came=1,
        came_seats=2,
        points_given=50,
        points_paid=30,
        feedbacks=1,
        feedback_average=Decimal("4.00"),
        revenue={"EUR": Decimal("100.500"), "USD": Decimal("20.000")},
    )
    end_events(now=event.ends_at + DAY)
    wind_up_events(now=event.ends_at + DAY)
    assert numbers_of([event.pk])[event.pk].no_shows == 1


def test_an_event_without_guests_has_its_numbers_too(program):
    event = make_event(program)

    assert numbers_of([event.pk]) == {event.pk: EventNumbers()}


def people(user_ids):
    return {
        pk: Person(email=f"{pk}@example.com", first_name="=cmd()", last_name="Lovelace")
        for pk in user_ids
    }


def test_the_guest_list_is_csv_that_no_spreadsheet_runs(program, ada):
    event = make_event(program, capacity=2)
    come(ada, event, "Mia, of Oslo")
    come(make_guest(program, "late"), event)
    lines = []

    count = write_guest_list(event, find_people=people, write=lines.append)

    rows = list(csv.DictReader(StringIO("".join(lines))))
    assert count == len(rows) == 2
    assert [row["answer"] for row in rows] == ["accepted", "waiting"]
    assert (rows[0]["first_name"], rows[0]["guests"]) == ("'=cmd()", "Mia, of Oslo")
    assert rows[0]["answered_at"] == "2026-06-15 14:00"


def test_guests_are_found_by_any_of_their_names(program, ada):
    event = make_event(program)
    come(ada, event, "Mia Svensson")
    come(make_guest(program, "bo"), event)

    def found(text):
        return len(find_guests(event, text=text, find_people=people))

    assert [found(text) for text in ("lovelace", "SVENS mia", "nobody", " ")] == [2, 1, 0, 0]


def test_a_merged_member_takes_seats_and_held_points_along(program, ada):
    event = make_event(program, price_points=100)
    come(ada, event, "Mia")
    into = make_guest(program, "into")

    merge_members(member_id=ada.pk, into_id=into.pk, actor="Cleo", now=NOW)

    assert invitation_of(into, event).seats == 2
    assert (purse(into).available, purse(into).held, seats_taken(event)) == (800, 200, 2)
    leave(into, event)
    assert purse(into).available == 1000
    assert find_drift() == []


def test_of_two_invitations_to_one_event_the_better_stays_and_seats_are_free(program, ada):
    event = make_event(program, capacity=3, price_points=100)
    into, late = (make_guest(program, name, points=500) for name in ("into", "late"))
    come(into, event)
    come(ada, event, "Mia")
    come(late, event, now=NOW + timedelta(minutes=1))

    merge_members(member_id=ada.pk, into_id=into.pk, actor="Cleo", now=NOW)

    assert invitation_of(into, event).answer == "accepted"
    assert answers(event) == ["accepted", "offered"]
    assert seats_taken(event) == 2
    assert (purse(into).available, purse(into).held) == (1400, 100)
    assert find_drift() == []


def test_a_price_that_a_merged_member_paid_comes_back_when_the_event_is_called_off(program, ada):
    event = make_event(program, price_points=100)
    come(ada, event)
    leave(ada, event, now=event.starts_at - timedelta(hours=1))
    into = make_guest(program, "into")
    merge_members(member_id=ada.pk, into_id=into.pk, actor="Cleo", now=NOW)

    cancel_event(event_id=event.pk, reason="", now=NOW)
    wind_up_events(now=NOW)

    move_late_points(now=NOW)
    assert purse(into).available == 1000
    assert find_drift() == []


def test_a_deleted_account_leaves_no_names_behind_and_its_seat(program, ada):
    event = make_event(program, capacity=2)
    come(ada, event, "Mia")
    late = make_guest(program, "late")
    come(late, event)
    Invitation.objects.filter(member=ada).update(dietary="No nuts")
    Member.objects.filter(pk=ada.pk).update(user=None)

    forget_accounts(now=NOW)

    gone = invitation_of(ada, event)
    assert (gone.guests, gone.dietary, gone.answer) == ([], "", "removed")
    assert invitation_of(late, event).answer == "offered"
    assert forget_accounts(now=NOW) == 0
