"""Events for staff: planning, inviting, the door, and what they brought."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from freezegun import freeze_time

from saleor_loyalty.emails.links import read_door
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.events.models import Event, EventWave, Invitation
from saleor_loyalty.events.rules import Audience
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance
from saleor_loyalty.shop.wake import EventsBell
from saleor_loyalty.tiers.models import TierStanding
from tests.saleor.conftest import ask
from tests.saleor.event_desk import (
    ERRORS,
    came,
    event_id,
    event_in,
    invitation_id,
    invite,
    listed,
    person,
    seat,
    sent,
    written,
)
from tests.saleor.shopping import give
from tests.saleor.test_events_api import queries_of
from tests.saleor.test_graphql import global_id
from tests.tiers.ladders import make_ladder

ALL = """title story imageUrl imageAlt placeKind place placeUrl startsAt endsAt timeZone capacity
  seatsLeft guestsAllowed pricePoints awardPoints cancelUntil answerUntil registrationOpensAt
  registrationClosesAt ageNote languages state cancelReason cancelHours offerHours reminderHours
  translations { languageCode title story place ageNote }
  audience { tiers { name } channels { slug } countries minimumSpent { amount currency }
    orderedSince isHandpicked members(first: 5) { edges { node { id } } } }
  waves { id tiers { name } opensAt onlyIfFree mostNoShows sentAt invitedCount }"""
CREATE = f"""mutation($program: ID!, $input: LoyaltyEventInput!) {{
  loyaltyEventCreate(program: $program, input: $input) {{ event {{ id {ALL} }} {ERRORS} }} }}"""
UPDATE = f"""mutation($id: ID!, $input: LoyaltyEventInput!) {{
  loyaltyEventUpdate(id: $id, input: $input) {{ event {{ {ALL} }} {ERRORS} }} }}"""
PUBLISH = f"""mutation($id: ID!) {{ loyaltyEventPublish(id: $id) {{
  event {{ state }} {ERRORS} }} }}"""
CANCEL = f"""mutation($id: ID!, $reason: String) {{ loyaltyEventCancel(id: $id, reason: $reason) {{
  event {{ state cancelReason }} {ERRORS} }} }}"""
DELETE = f"""mutation($id: ID!) {{ loyaltyEventDelete(id: $id) {{
  event {{ id title }} {ERRORS} }} }}"""
DOOR = f"""mutation($id: ID!) {{ loyaltyEventDoorChange(id: $id) {{
  event {{ doorUrl }} {ERRORS} }} }}"""
INVITE = f"""mutation($event: ID!, $members: [ID!]!) {{
  loyaltyEventInvite(eventId: $event, memberIds: $members) {{
    invitations {{ answer source member {{ id }} }} {ERRORS} }} }}"""
REMOVE = f"""mutation($id: ID!, $note: String) {{ loyaltyInvitationRemove(id: $id, note: $note) {{
  invitation {{ answer steps {{ answer note actor }} event {{ seatsLeft }} }} {ERRORS} }} }}"""
CHECK_IN = f"""mutation($code: String!, $event: ID, $seats: Int, $later: Boolean) {{
  loyaltyEventCheckIn(code: $code, eventId: $event, seats: $seats, later: $later) {{
    door invitation {{ checkedInSeats checkedInBy awardedPoints member {{
      balance {{ availablePoints }} }} }} {ERRORS} }} }}"""
WALK_IN = f"""mutation($event: ID!, $member: ID!, $seats: Int) {{
  loyaltyEventWalkIn(eventId: $event, memberId: $member, seats: $seats) {{
    door invitation {{ source seats checkedInSeats }} {ERRORS} }} }}"""
LIST = """query($filter: LoyaltyEventFilterInput, $sort: LoyaltyEventSortingInput, $first: Int!) {
  loyaltyStaffEvents(first: $first, filter: $filter, sortBy: $sort) { totalCount edges { node {
    title state waves { tiers { name } } audience { tiers { name } channels { slug } }
    closed invitation { answer } translations { title }
    numbers { invited asked opened accepted acceptedSeats waiting offered declined cancelled came
      cameSeats walkIns noShows pointsGiven pointsPaid feedbacks feedbackAverage
      revenue { amount currency } } } } } }"""
GUESTS = """query($id: ID!, $first: Int!, $filter: LoyaltyInvitationFilterInput) {
  loyaltyEvent(id: $id) { invitations(first: $first, filter: $filter) { totalCount edges { node {
    answer guests dietary waitingPlace isNoShow openedAt acceptUrl event { title closed }
    steps { actor } member { id user { email } } } } } } }"""
PREVIEW = """query($event: ID!, $tiers: [ID!], $most: Int) {
  loyaltyEventWavePreview(eventId: $event, tiers: $tiers, mostNoShows: $most) {
    members reachable byTier { tier { name } members } first { id } } }"""


@pytest.fixture
def rings(monkeypatch):
    """How often a worker was asked to look after events."""
    heard = []
    monkeypatch.setattr(EventsBell, "answer", staticmethod(lambda: heard.append(1)))
    return heard


def plan(**values):
    return {
        "title": "Tasting",
        "startsAt": "2036-05-01T18:00:00+02:00",
        "endsAt": "2036-05-01T20:00:00+02:00",
        "capacity": 40,
        **values,
    }


def create(client, program, **values):
    given = {"program": global_id("LoyaltyProgram", program.pk), "input": plan(**values)}
    return sent(client, CREATE, **given)


def update(client, event, **values):
    return sent(client, UPDATE, id=event_id(event), input=values)


def in_tier(member, tier):
    TierStanding.objects.create(
        member=member, program=member.program, tier=tier, earned=tier, since=timezone.now()
    )


def refusals(payload):
    return [(one["field"], one["code"]) for one in payload["errors"]]


def test_staff_make_an_event_with_all_that_it_has(loyalty_staff, program, channel_USD):
    gold = make_ladder(program)[1]
    ada = person(program, "ada")

    payload = create(
        loyalty_staff,
        program,
        story="Six wines",
        imageUrl="https://cdn.example/wine.png",
        imageAlt="A glass",
        placeKind="ADDRESS",
        place="Main street 1",
        placeUrl="https://maps.example/1",
        timeZone="Europe/Oslo",
        guestsAllowed=2,
        pricePoints=100,
        awardPoints=50,
        cancelHours=48,
        offerHours=12,
        reminderHours=[24, 168, 2],
        registrationOpensAt="2036-04-01T00:00:00",
        registrationClosesAt="2036-04-30T00:00:00+02:00",
        ageNote="From 18",
        languages=["NB", "EN"],
        audience={
            "tiers": [global_id("LoyaltyTier", gold.pk)],
            "channels": [global_id("Channel", channel_USD.pk)],
            "countries": ["NO", "SE"],
            "minimumSpent": [{"currency": "usd", "amount": 100}],
            "orderedSince": "2035-01-01T00:00:00",
            "members": [global_id("LoyaltyMember", ada.pk)],
        },
        translations=[{"languageCode": "NB", "title": "Vinsmaking"}],
        waves=[
            {"opensAt": "2036-04-10T08:00:00+02:00", "onlyIfFree": True, "mostNoShows": 1},
            {"opensAt": "2036-04-01T08:00:00+02:00", "tiers": [global_id("LoyaltyTier", gold.pk)]},
        ],
    )

    assert payload["errors"] == []
    found = payload["event"]
    event = Event.objects.get()
    first, second = EventWave.objects.order_by("opens_at")
    assert found == {
        "id": event_id(event),
        "title": "Tasting",
        "story": "Six wines",
        "imageUrl": "https://cdn.example/wine.png",
        "imageAlt": "A glass",
        "placeKind": "ADDRESS",
        "place": "Main street 1",
        "placeUrl": "https://maps.example/1",
        "startsAt": "2036-05-01T16:00:00+00:00",
        "endsAt": "2036-05-01T18:00:00+00:00",
        "timeZone": "Europe/Oslo",
        "capacity": 40,
        "seatsLeft": 40,
        "guestsAllowed": 2,
        "pricePoints": 100,
        "awardPoints": 50,
        "cancelUntil": "2036-04-29T16:00:00+00:00",
        "answerUntil": "2036-04-29T22:00:00+00:00",
        "registrationOpensAt": "2036-04-01T00:00:00+00:00",
        "registrationClosesAt": "2036-04-29T22:00:00+00:00",
        "ageNote": "From 18",
        "languages": ["NB", "EN"],
        "state": "DRAFT",
        "cancelReason": "",
        "cancelHours": 48,
        "offerHours": 12,
        "reminderHours": [168, 24, 2],
        "translations": [
            {"languageCode": "NB", "title": "Vinsmaking", "story": "", "place": "", "ageNote": ""}
        ],
        "audience": {
            "tiers": [{"name": "Gold"}],
            "channels": [{"slug": "main"}],
            "countries": ["NO", "SE"],
            "minimumSpent": [{"amount": 100.0, "currency": "USD"}],
            "orderedSince": "2035-01-01T00:00:00+00:00",
            "isHandpicked": False,
            "members": {"edges": [{"node": {"id": global_id("LoyaltyMember", ada.pk)}}]},
        },
        "waves": [
            {
                "id": global_id("LoyaltyEventWave", first.pk),
                "tiers": [{"name": "Gold"}],
                "opensAt": "2036-04-01T06:00:00+00:00",
                "onlyIfFree": False,
                "mostNoShows": None,
                "sentAt": None,
                "invitedCount": 0,
            },
            {
                "id": global_id("LoyaltyEventWave", second.pk),
                "tiers": [],
                "opensAt": "2036-04-10T06:00:00+00:00",
                "onlyIfFree": True,
                "mostNoShows": 1,
                "sentAt": None,
                "invitedCount": 0,
            },
        ],
    }
    assert Audience.from_json(event.audience).minimum_spent == {"USD": Decimal(100)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"title": " "}, ("title", "INVALID")),
        ({"title": None}, ("title", "INVALID")),
        ({"startsAt": None}, ("startsAt", "INVALID")),
        ({"endsAt": "2036-05-01T18:00:00+02:00"}, ("endsAt", "INVALID")),
        ({"capacity": 0}, ("capacity", "INVALID")),
        ({"guestsAllowed": 21}, ("guestsAllowed", "INVALID")),
        ({"pricePoints": -1}, ("pricePoints", "INVALID")),
        ({"timeZone": "Mars/Base"}, ("timeZone", "INVALID")),
        ({"imageUrl": "javascript:1"}, ("imageUrl", "INVALID")),
        ({"reminderHours": [0]}, ("reminderHours", "INVALID")),
        ({"registrationClosesAt": "2036-06-01T00:00:00"}, ("registrationClosesAt", "INVALID")),
        ({"audience": {"isHandpicked": True}}, ("audience", "INVALID")),
        ({"audience": {"tiers": [global_id("LoyaltyTier", 99)]}}, ("audience", "NOT_FOUND")),
        ({"audience": {"channels": [global_id("Channel", 99)]}}, ("audience", "NOT_FOUND")),
        ({"audience": {"members": [global_id("LoyaltyMember", 0)]}}, ("audience", "NOT_FOUND")),
        ({"audience": {"members": [global_id("LoyaltyTier", 1)]}}, ("audience", "GRAPHQL_ERROR")),
        (
            {
                "audience": {
                    "minimumSpent": [
                        {"currency": "USD", "amount": 1},
                        {"currency": "usd", "amount": 2},
                    ]
                }
            },
            ("audience", "INVALID"),
        ),
        ({"waves": [{"opensAt": "2036-05-01T18:00:00+02:00"}]}, ("waves", "INVALID")),
        (
            {
                "waves": [
                    {"opensAt": "2036-04-01T00:00:00", "tiers": [global_id("LoyaltyTier", 99)]}
                ]
            },
            ("waves", "INVALID"),
        ),
        ({"waves": [{"opensAt": "2036-04-01T00:00:00", "mostNoShows": 51}]}, ("waves", "INVALID")),
        (
            {
                "waves": [
                    {"opensAt": "2036-04-01T00:00:00", "id": global_id("LoyaltyEventWave", 99)}
                ]
            },
            ("waves", "INVALID"),
        ),
        ({"translations": [{"languageCode": "NB", "title": "x" * 121}]}, ("title", "INVALID")),
        ({"story": "\0"}, (None, "INVALID")),
    ],
)
def test_a_bad_event_is_refused_by_field_and_nothing_is_written(
    loyalty_staff, program, values, expected
):
    payload = create(loyalty_staff, program, **values)

    assert payload["event"] is None
    assert refusals(payload) == [expected]
    assert (Event.objects.count(), EventWave.objects.count()) == (0, 0)


def test_an_event_needs_a_programme(loyalty_staff, program):
    given = {"program": global_id("LoyaltyProgram", 99), "input": plan()}

    assert refusals(sent(loyalty_staff, CREATE, **given)) == [("program", "NOT_FOUND")]


def test_an_update_sets_what_is_given_null_takes_dates_away_and_waves_are_all_to_come(
    loyalty_staff, program, rings
):
    payload = create(
        loyalty_staff,
        program,
        registrationOpensAt="2036-04-01T00:00:00",
        waves=[{"opensAt": "2036-04-01T00:00:00"}, {"opensAt": "2036-04-02T00:00:00"}],
    )
    event = Event.objects.get()
    kept = payload["event"]["waves"][1]["id"]

    changed = update(
        loyalty_staff,
        event,
        title="Big tasting",
        story=None,
        registrationOpensAt=None,
        waves=[{"id": kept, "opensAt": "2036-04-03T00:00:00"}],
    )

    found = changed["event"]
    assert changed["errors"] == []
    assert (found["title"], found["capacity"], found["story"]) == ("Big tasting", 40, "")
    assert found["registrationOpensAt"] is None
    assert [(one["id"], one["opensAt"]) for one in found["waves"]] == [
        (kept, "2036-04-03T00:00:00+00:00")
    ]
    assert len(rings) == 1
    assert len(update(loyalty_staff, event, capacity=50)["event"]["waves"]) == 1


def test_an_update_that_makes_no_sense_is_refused_and_nothing_is_written(
    loyalty_staff, program, rings
):
    event = event_in(program)
    seat(person(program, "ada"), event, "Mia")
    over = event_in(program, state="done")
    before = written()

    cases = [
        (update(loyalty_staff, event, capacity=1), ("capacity", "INVALID")),
        (update(loyalty_staff, event, startsAt="2020-01-01T00:00:00"), ("startsAt", "INVALID")),
        (update(loyalty_staff, over, title="x"), ("id", "EVENT_STATE_INVALID")),
        (
            sent(loyalty_staff, UPDATE, id=global_id("LoyaltyEvent", 0), input={}),
            ("id", "NOT_FOUND"),
        ),
        (
            sent(loyalty_staff, UPDATE, id=global_id("LoyaltyTier", 1), input={}),
            ("id", "GRAPHQL_ERROR"),
        ),
    ]

    for payload, expected in cases:
        assert payload["event"] is None
        assert refusals(payload) == [expected]
    assert written() == before
    assert rings == []


def test_an_event_is_published_and_called_off_and_a_worker_is_woken(loyalty_staff, program, rings):
    create(loyalty_staff, program)
    event = Event.objects.get()

    published = sent(loyalty_staff, PUBLISH, id=event_id(event))
    again = sent(loyalty_staff, PUBLISH, id=event_id(event))
    cancelled = sent(loyalty_staff, CANCEL, id=event_id(event), reason=" Storm ")

    assert published == again == {"event": {"state": "PUBLISHED"}, "errors": []}
    assert cancelled["event"] == {"state": "CANCELLED", "cancelReason": "Storm"}
    assert len(rings) == 3


def test_what_cannot_be_published_or_called_off_or_deleted_says_why(loyalty_staff, program, rings):
    past = event_in(program, days=-1, state="draft")
    cancelled = event_in(program, state="cancelled")
    over = event_in(program, state="done")
    published = event_in(program)
    before = written()

    cases = [
        (sent(loyalty_staff, PUBLISH, id=event_id(past)), ("id", "INVALID")),
        (sent(loyalty_staff, PUBLISH, id=event_id(cancelled)), ("id", "EVENT_STATE_INVALID")),
        (sent(loyalty_staff, CANCEL, id=event_id(over)), ("id", "EVENT_STATE_INVALID")),
        (
            sent(loyalty_staff, CANCEL, id=event_id(published), reason="x" * 1001),
            ("reason", "INVALID"),
        ),
        (sent(loyalty_staff, DELETE, id=event_id(published)), ("id", "EVENT_STATE_INVALID")),
    ]
    cases += [
        (sent(loyalty_staff, document, id=global_id("LoyaltyEvent", 0)), ("id", "NOT_FOUND"))
        for document in (PUBLISH, CANCEL, DELETE, DOOR)
    ]

    for payload, expected in cases:
        assert payload["event"] is None
        assert refusals(payload) == [expected]
    assert written() == before
    assert rings == []


def test_a_draft_is_deleted(loyalty_staff, program):
    draft = event_in(program, state="draft")

    payload = sent(loyalty_staff, DELETE, id=event_id(draft))

    assert payload == {"event": {"id": event_id(draft), "title": "Tasting"}, "errors": []}
    assert Event.objects.count() == 0


def test_a_new_door_ends_the_links_to_the_old_one(loyalty_staff, program):
    event = event_in(program)
    document = "query($id: ID!) { loyaltyEvent(id: $id) { doorUrl } }"
    old = ask(loyalty_staff, document, {"id": event_id(event)})["data"]["loyaltyEvent"]["doorUrl"]

    new = sent(loyalty_staff, DOOR, id=event_id(event))["event"]["doorUrl"]

    base = "https://example.com/plugins/saleor.loyalty/door/"
    assert [one.startswith(base) for one in (old, new)] == [True, True]
    assert [read_door(one.removeprefix(base)) for one in (old, new)] == [
        (event.pk, 0),
        (event.pk, 1),
    ]


def test_staff_invite_by_hand_and_take_off_again(loyalty_staff, program):
    event = event_in(program, audience=Audience(countries=("NO",)).as_json())
    ada, bob = person(program, "ada"), person(program, "bob")
    ids = [global_id("LoyaltyMember", one.pk) for one in (ada, bob)]

    payload = sent(loyalty_staff, INVITE, event=event_id(event), members=ids)
    again = sent(loyalty_staff, INVITE, event=event_id(event), members=ids)

    assert payload["errors"] == []
    assert payload["invitations"] == [
        {"answer": "INVITED", "source": "STAFF", "member": {"id": one}} for one in ids
    ]
    assert again == {"invitations": [], "errors": []}
    one = seat(ada, event, "Mia")
    removed = sent(loyalty_staff, REMOVE, id=invitation_id(one), note="Asked to")
    actor = f"user:{loyalty_staff.user.pk}"
    assert removed["invitation"]["answer"] == "REMOVED"
    assert removed["invitation"]["event"] == {"seatsLeft": 10}
    assert removed["invitation"]["steps"][-1] == {
        "answer": "REMOVED",
        "note": "Asked to",
        "actor": actor,
    }


def test_what_staff_cannot_do_with_guests_says_why(loyalty_staff, program):
    draft, event = event_in(program, state="draft"), event_in(program)
    ada = person(program, "ada")
    inside = came(seat(ada, event))
    ids = [global_id("LoyaltyMember", ada.pk)]
    many = [global_id("LoyaltyMember", pk) for pk in range(1, 502)]
    before = written()

    cases = [
        (
            sent(loyalty_staff, INVITE, event=event_id(draft), members=ids),
            ("eventId", "EVENT_STATE_INVALID"),
        ),
        (
            sent(loyalty_staff, INVITE, event=global_id("LoyaltyEvent", 0), members=ids),
            ("eventId", "NOT_FOUND"),
        ),
        (
            sent(loyalty_staff, INVITE, event=event_id(event), members=many),
            ("memberIds", "INVALID"),
        ),
        (
            sent(loyalty_staff, INVITE, event=event_id(event), members=["x"]),
            ("memberIds", "GRAPHQL_ERROR"),
        ),
        (sent(loyalty_staff, REMOVE, id=invitation_id(inside)), ("id", "EVENT_CLOSED")),
        (
            sent(loyalty_staff, REMOVE, id=invitation_id(inside), note="x" * 1001),
            ("note", "INVALID"),
        ),
        (
            sent(loyalty_staff, REMOVE, id=global_id("LoyaltyInvitation", 0)),
            ("id", "NOT_FOUND"),
        ),
    ]

    assert [refusals(payload) for payload, _ in cases] == [[expected] for _, expected in cases]
    assert written() == before


def test_the_door_lets_in_once_and_gives_the_points(loyalty_staff, program):
    event = event_in(program, days=0.05, award_points=50, price_points=100)
    ada = person(program, "ada", points=500)
    one = seat(ada, event, "Mia", "Eva")

    first = sent(loyalty_staff, CHECK_IN, code=f"https://x.example/door/{one.code}/", seats=2)
    again = sent(loyalty_staff, CHECK_IN, code=one.code.lower(), event=event_id(event))

    assert first == {
        "door": "WELCOME",
        "invitation": {
            "checkedInSeats": 2,
            "checkedInBy": f"user:{loyalty_staff.user.pk}",
            "awardedPoints": 50,
            "member": {"balance": {"availablePoints": 250}},
        },
        "errors": [],
    }
    assert (again["door"], again["invitation"]) == ("ALREADY_IN", first["invitation"])


def test_the_door_says_why_somebody_is_not_let_in(loyalty_staff, program):
    today, later = event_in(program, days=0.05), event_in(program, days=14)
    ada, bob = person(program, "ada"), person(program, "bob")
    seated, waits, far = seat(ada, today), invite(bob, today), seat(bob, later)
    before = written()

    def door(**variables):
        payload = sent(loyalty_staff, CHECK_IN, **variables)
        assert payload["errors"] == []
        return payload["door"], payload["invitation"] is not None

    assert door(code="NO-SUCH") == ("UNKNOWN", False)
    assert door(code=seated.code, event=event_id(later)) == ("UNKNOWN", False)
    assert door(code=waits.code) == ("NO_SEAT", True)
    assert door(code=far.code) == ("NOT_TODAY", True)
    none = sent(loyalty_staff, CHECK_IN, code=seated.code, seats=0)
    assert refusals(none) == [("seats", "INVALID")]
    assert written() == before


def test_staff_note_later_who_came(loyalty_staff, program):
    event = event_in(program)
    one = seat(person(program, "ada"), event)

    with freeze_time(event.ends_at + timedelta(days=10)):
        late = sent(loyalty_staff, CHECK_IN, code=one.code)
        noted = sent(loyalty_staff, CHECK_IN, code=one.code, later=True)

    assert (late["door"], noted["door"]) == ("NOT_TODAY", "WELCOME")


def test_a_member_walks_in_where_seats_are_free(loyalty_staff, program):
    event = event_in(program, days=0.05, capacity=2, price_points=100)
    ada, bob = person(program, "ada", points=300), person(program, "bob", points=99)

    def walk(member, **values):
        ids = {"event": event_id(event), "member": global_id("LoyaltyMember", member.pk)}
        return sent(loyalty_staff, WALK_IN, **{**ids, **values})

    poor, large = walk(bob), walk(ada, seats=4)
    welcome = walk(ada, seats=2)
    before = written()
    full = walk(person(program, "eva", points=100))
    nobody = walk(Member(pk=0))
    nowhere = walk(ada, event=global_id("LoyaltyEvent", 0))

    assert (poor["errors"][0]["code"], refusals(large)) == (
        "INSUFFICIENT_POINTS",
        [("seats", "INVALID")],
    )
    assert welcome == {
        "door": "WELCOME",
        "invitation": {"source": "WALK_IN", "seats": 2, "checkedInSeats": 2},
        "errors": [],
    }
    assert refusals(full) == [("seats", "SEATS_TAKEN")]
    assert refusals(nobody) == [("memberId", "NOT_FOUND")]
    assert refusals(nowhere) == [("eventId", "NOT_FOUND")]
    assert written() == before
    assert Balance.objects.get(member=ada).available == 100


def test_staff_find_events_drafts_too(loyalty_staff, program):
    draft = event_in(program, days=3, state="draft", title="Wine")
    event_in(program, days=1, title="Cheese")
    event_in(program, days=90, state="cancelled", title="Bread", place="Old cellar")

    def found(sort=None, **criteria):
        answer = ask(loyalty_staff, LIST, {"filter": criteria, "sort": sort, "first": 10})
        assert "errors" not in answer, answer
        edges = answer["data"]["loyaltyStaffEvents"]["edges"]
        return [edge["node"]["title"] for edge in edges]

    assert found() == ["Cheese", "Wine", "Bread"]
    assert found(states=["DRAFT", "CANCELLED"]) == ["Wine", "Bread"]
    assert found(search="old cell") == ["Bread"]
    assert found(search="win") == ["Wine"]
    starts_at = (timezone.now() + timedelta(days=60)).isoformat()
    assert found(startsAt={"gte": starts_at}) == ["Bread"]
    assert found(startsAt={"lte": draft.starts_at.isoformat()}) == ["Cheese", "Wine"]
    assert found(program=global_id("LoyaltyProgram", program.pk)) == ["Cheese", "Wine", "Bread"]
    assert found(program=global_id("LoyaltyProgram", 0)) == []
    assert found({"field": "TITLE", "direction": "DESC"}) == ["Wine", "Cheese", "Bread"]
    assert found({"field": "CREATED_AT", "direction": "ASC"}) == ["Wine", "Cheese", "Bread"]
    assert found({"field": "STARTS_AT", "direction": "DESC"}) == ["Bread", "Wine", "Cheese"]


def test_the_numbers_of_an_event(loyalty_staff, program):
    event = event_in(program, price_points=100, capacity=3)
    ada, bob, eva, max_ = (
        person(program, name, points=500) for name in ("ada", "bob", "eva", "max")
    )
    invite(bob, event)
    there = came(seat(ada, event, "Mia"), awarded_points=50, feedback_score=4, is_captured=True)
    seat(eva, event)
    seat(max_, event)

    answer = ask(loyalty_staff, LIST, {"first": 5})

    assert "errors" not in answer, answer
    node = answer["data"]["loyaltyStaffEvents"]["edges"][0]["node"]
    assert there.seats == 2
    assert node["numbers"] == {
        "invited": 1,
        "asked": 3,
        "opened": 0,
        "accepted": 2,
        "acceptedSeats": 3,
        "waiting": 1,
        "offered": 0,
        "declined": 0,
        "cancelled": 0,
        "came": 1,
        "cameSeats": 2,
        "walkIns": 0,
        "noShows": 0,
        "pointsGiven": 50,
        "pointsPaid": 300,
        "feedbacks": 1,
        "feedbackAverage": 4.0,
        "revenue": [],
    }


def test_staff_find_guests_by_answer_presence_and_name(
    loyalty_staff, program, permission_manage_users
):
    loyalty_staff.user.user_permissions.add(permission_manage_users)
    event = event_in(program)
    ada, bob, eva = (person(program, name) for name in ("ada", "bob", "eva"))
    invite(ada, event)
    came(seat(bob, event, "Mia"))
    stayed = seat(eva, event)
    Invitation.objects.filter(pk=stayed.pk).update(is_no_show=True)

    def found(**criteria):
        variables = {"id": event_id(event), "first": 10, "filter": criteria}
        answer = ask(loyalty_staff, GUESTS, variables)
        assert "errors" not in answer, answer
        edges = answer["data"]["loyaltyEvent"]["invitations"]["edges"]
        assert all(edge["node"]["acceptUrl"] is None for edge in edges)
        return [edge["node"]["member"]["user"]["email"].partition("@")[0] for edge in edges]

    assert found() == ["ada", "bob", "eva"]
    assert found(answers=["ACCEPTED"]) == ["bob", "eva"]
    assert found(hasCome=True) == ["bob"]
    assert found(hasCome=False) == ["ada", "eva"]
    assert found(isNoShow=True) == ["eva"]
    assert found(search="byron EV") == ["eva"]
    assert found(search="bob@example") == ["bob"]
    assert found(search=stayed.code) == ["eva"]


def test_the_list_of_guests_as_csv(loyalty_staff, program):
    event = event_in(program, time_zone="Europe/Oslo")
    one = seat(person(program, "ada"), event, "Mia", dietary="=nuts")
    document = "query($id: ID!) { loyaltyEvent(id: $id) { guestListCsv } }"

    answer = ask(loyalty_staff, document, {"id": event_id(event)})

    head, row, end = answer["data"]["loyaltyEvent"]["guestListCsv"].split("\r\n")
    assert head.startswith("answer,first_name,last_name,email,tier,seats,guests,dietary")
    assert row.startswith(f"accepted,ada,Byron,ada@example.com,,2,Mia,'=nuts,,{one.code},asked")
    assert end == ""


def test_a_preview_tells_who_would_be_invited_and_invites_nobody(loyalty_staff, program):
    silver, gold = make_ladder(program)
    event = event_in(program)
    ada, bob, eva = (person(program, name) for name in ("ada", "bob", "eva"))
    in_tier(ada, gold)
    in_tier(bob, silver)
    in_tier(eva, silver)
    past = event_in(program, days=-10)
    Invitation.objects.create(
        event=past,
        member=eva,
        source="wave",
        answer="accepted",
        code="X",
        invited_at=timezone.now(),
        is_no_show=True,
    )
    before = written()

    def preview(**variables):
        answer = ask(loyalty_staff, PREVIEW, {"event": event_id(event), **variables})
        assert "errors" not in answer, answer
        return answer["data"]["loyaltyEventWavePreview"]

    ids = {
        name: global_id("LoyaltyMember", one.pk)
        for name, one in zip("abe", (ada, bob, eva), strict=True)
    }
    assert preview() == {
        "members": 3,
        "reachable": 0,
        "byTier": [
            {"tier": {"name": "Silver"}, "members": 2},
            {"tier": {"name": "Gold"}, "members": 1},
        ],
        "first": [{"id": ids[name]} for name in "abe"],
    }
    tiers = [global_id("LoyaltyTier", silver.pk)]
    assert preview(tiers=tiers, most=0)["first"] == [{"id": ids["b"]}]
    unknown = ask(loyalty_staff, PREVIEW, {"event": global_id("LoyaltyEvent", 0)})
    assert unknown["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert written() == before
    assert EmailMessage.objects.count() == 0


def test_lists_for_staff_take_as_many_queries_for_3_as_for_1(
    loyalty_staff, program, permission_manage_users
):
    loyalty_staff.user.user_permissions.add(permission_manage_users)
    gold = make_ladder(program)[1]
    audience = Audience(tier_ids=(gold.pk,), channel_ids=(1,)).as_json()
    events = [event_in(program, days=days, audience=audience) for days in (1, 2, 3)]
    for event in events:
        opens_at = datetime(2026, 1, 1, tzinfo=UTC)
        EventWave.objects.create(event=event, opens_at=opens_at, tier_ids=[gold.pk])
    for name in ("ada", "bob", "eva"):
        invite(person(program, name), events[0])

    lists = [queries_of(loyalty_staff, LIST, {"first": n}) for n in (1, 3)]
    guests = [
        queries_of(loyalty_staff, GUESTS, {"id": event_id(events[0]), "first": n}) for n in (1, 3)
    ]

    assert lists[0] == lists[1]
    assert guests[0] == guests[1]


def test_publishing_asks_for_a_look_at_events_soon(
    loyalty_staff, program, monkeypatch, django_capture_on_commit_callbacks
):
    from saleor_loyalty.plugin import tasks, wake

    calls = []
    monkeypatch.setattr(wake.EventsAlarm, "next_ask_at", 0.0)
    monkeypatch.setattr(
        tasks.look_after_events_task, "apply_async", lambda **given: calls.append(given)
    )
    draft = event_in(program, state="draft")

    with django_capture_on_commit_callbacks(execute=True):
        sent(loyalty_staff, PUBLISH, id=event_id(draft))

    assert calls[0] == {"countdown": 1.0, "expires": 60.0, "retry": False}


def test_a_call_that_is_refused_leaves_an_event_as_it_was_for_members(
    user_api_client, loyalty_staff, program, customer_user
):
    member = give(program, customer_user, 0)
    event = event_in(program)
    seat(member, event)

    refused = update(loyalty_staff, event, capacity=0)

    assert refusals(refused) == [("capacity", "INVALID")]
    assert listed(user_api_client)[0]["capacity"] == 10
