"""Events for members: what they see, and what they answer after a login."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time
from saleor.account.models import User

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.events.models import EventTranslation, Invitation
from saleor_loyalty.events.rules import Audience
from saleor_loyalty.points.models import Balance
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.tiers.models import TierStanding
from tests.factories import make_program
from tests.saleor.conftest import ask
from tests.saleor.event_desk import (
    EVENTS,
    FEEDBACK,
    JOIN,
    LEAVE,
    RESPOND,
    came,
    event_id,
    event_in,
    invitation_id,
    invite,
    listed,
    person,
    seat,
    seen,
    sent,
    written,
)
from tests.saleor.shopping import give
from tests.saleor.test_graphql import global_id
from tests.tiers.ladders import make_ladder

MINE = """query($first: Int!) { me { loyalty { invitations(first: $first) { edges { node {
  answer waitingPlace acceptUrl steps { answer } event { title closed invitation { answer } }
  } } } } } }"""


@pytest.fixture
def member(program, customer_user):
    """The customer, with 600 points."""
    return give(program, customer_user, 600)


def test_a_member_sees_the_events_that_are_for_them_the_next_first(
    user_api_client, program, member
):
    silver, gold = make_ladder(program)
    later = event_in(program, days=20, title="Later")
    soon = event_in(program, days=3, title="Soon", capacity=12)
    event_in(program, state="draft", title="Draft")
    event_in(program, audience=Audience(tier_ids=(gold.pk,)).as_json(), title="Gold")
    EventTranslation.objects.create(event=soon, language_code="nb", title="Snart")
    seat(member, soon, "Mia")

    found = listed(user_api_client)

    assert found == [
        {
            "id": event_id(soon),
            "title": "Soon",
            "state": "PUBLISHED",
            "seatsLeft": 10,
            "capacity": 12,
            "guestsAllowed": 2,
            "closed": None,
            "opensAt": None,
            "translation": {"title": "Snart", "story": ""},
            "program": {"name": "Aurora Club"},
            "invitation": {
                "answer": "ACCEPTED",
                "waitingPlace": None,
                "steps": [{"answer": "ACCEPTED"}],
            },
        },
        {
            "id": event_id(later),
            "title": "Later",
            "state": "PUBLISHED",
            "seatsLeft": 10,
            "capacity": 10,
            "guestsAllowed": 2,
            "closed": None,
            "opensAt": None,
            "translation": None,
            "program": {"name": "Aurora Club"},
            "invitation": None,
        },
    ]
    TierStanding.objects.create(
        member=member, program=program, tier=gold, earned=gold, since=timezone.now()
    )
    assert [one["title"] for one in listed(user_api_client)] == ["Soon", "Gold", "Later"]


@pytest.mark.parametrize(
    "who", ["api_client", "staff_api_client", "app_api_client", "user_api_client"]
)
def test_who_is_no_member_sees_no_events(who, request, program):
    event = event_in(program)
    client = request.getfixturevalue(who)

    assert listed(client) == []
    assert seen(client, id=event_id(event)) is None


def test_events_of_another_programme_or_channel_are_not_listed(
    user_api_client, program, member, channel_PLN
):
    other = make_program(channel_ids=[channel_PLN.pk], name="Other", now=timezone.now())
    event_in(other, title="Theirs")
    event_in(program, title="Ours")

    assert [one["title"] for one in listed(user_api_client)] == ["Ours"]
    assert listed(user_api_client, channel=channel_PLN.slug) == []
    assert listed(user_api_client, channel="no-such") == []


def test_events_are_paged(user_api_client, program, member):
    for days in (1, 2, 3):
        event_in(program, days=days, title=f"Day {days}")

    document = """query($after: String) { loyaltyEvents(channel: "main", first: 2, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } edges { node { title } } } }"""

    first = ask(user_api_client, document)["data"]["loyaltyEvents"]
    after = {"after": first["pageInfo"]["endCursor"]}
    rest = ask(user_api_client, document, after)["data"]["loyaltyEvents"]

    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    assert [one["node"]["title"] for one in rest["edges"]] == ["Day 3"]


def test_an_event_by_id_is_for_members_whom_it_is_for_and_managers(
    user_api_client, loyalty_staff, api_client, program, member
):
    gold = make_ladder(program)[1]
    ours = event_in(program)
    draft = event_in(program, state="draft")
    theirs = event_in(program, audience=Audience(tier_ids=(gold.pk,)).as_json())

    assert seen(user_api_client, id=event_id(ours))["title"] == "Tasting"
    assert [seen(user_api_client, id=event_id(one)) for one in (draft, theirs)] == [None, None]
    assert seen(api_client, id=event_id(ours)) is None
    assert all(seen(loyalty_staff, id=event_id(one)) for one in (ours, draft, theirs))
    assert seen(loyalty_staff, id=global_id("LoyaltyEvent", 999_999)) is None


def test_an_event_is_asked_for_by_id_or_token_and_not_by_both(user_api_client, program, member):
    event = event_in(program)

    for variables in ({}, {"id": event_id(event), "token": "x"}):
        assert "errors" in ask(
            user_api_client,
            "query($id: ID, $token: String) { loyaltyEvent(id: $id, token: $token) { id } }",
            variables,
        )


def test_why_an_event_takes_no_answer_is_told_and_from_when_on_it_does(
    user_api_client, program, member
):
    opens_at = timezone.now().replace(microsecond=0) + timedelta(days=2)
    event = event_in(program, registration_opens_at=opens_at)

    found = listed(user_api_client)[0]
    asked_in = sent(user_api_client, JOIN, event=event_id(event))

    assert found["closed"] == "NOT_YET"
    assert found["opensAt"] == opens_at.isoformat()
    assert asked_in["errors"] == [
        {
            "field": "eventId",
            "code": "EVENT_CLOSED",
            "message": "This event takes no answers now: not yet.",
            "closed": "NOT_YET",
        }
    ]
    invite(member, event)
    assert listed(user_api_client)[0]["closed"] is None


def test_what_was_called_off_is_shown_to_who_was_invited(user_api_client, program, member):
    event = event_in(program)
    invite(member, event)
    event_in(program, state="cancelled", title="Not theirs")
    type(event).objects.filter(pk=event.pk).update(state="cancelled", cancel_reason="Storm")

    found = ask(
        user_api_client,
        """{ loyaltyEvents(channel: "main", first: 5) { edges { node {
      title state closed cancelReason } } } }""",
    )["data"]["loyaltyEvents"]["edges"]

    assert [one["node"] for one in found] == [
        {"title": "Tasting", "state": "CANCELLED", "closed": "CANCELLED", "cancelReason": "Storm"}
    ]


def test_the_link_of_what_is_online_is_for_those_with_a_seat(
    user_api_client, loyalty_staff, program, member
):
    meet = "https://meet.example/1"
    online = event_in(program, place_kind="online", place_url=meet)
    store = event_in(program, place_url="https://maps.example/1")

    def url(client, event):
        return seen(client, id=event_id(event))["placeUrl"]

    assert url(user_api_client, online) == ""
    assert url(user_api_client, store) == "https://maps.example/1"
    assert url(loyalty_staff, online) == meet
    seat(member, online)
    assert url(user_api_client, online) == meet


def test_a_member_joins_with_guests_and_gets_a_ticket(user_api_client, program, member):
    event = event_in(program, price_points=100)

    payload = sent(
        user_api_client, JOIN, event=event_id(event), guests=["Mia ", ""], dietary="nuts"
    )

    invitation = Invitation.objects.get()
    assert payload["errors"] == []
    found = payload["invitation"]
    base = "https://example.com/plugins/saleor.loyalty/"
    links = {
        name: found.pop(name)
        for name in ("ticketUrl", "qrCodeUrl", "qrContent", "acceptUrl", "declineUrl")
    }
    assert found == {
        "id": invitation_id(invitation),
        "answer": "ACCEPTED",
        "source": "ASKED",
        "seats": 3,
        "guests": ["Mia", ""],
        "dietary": "nuts",
        "access": "",
        "code": invitation.code,
        "pricePoints": 300,
        "isSpent": False,
        "waitingPlace": None,
        "checkedInAt": None,
        "checkedInSeats": 0,
        "feedbackUrl": None,
        "feedbackScore": None,
        "feedbackText": "",
        "offeredUntil": None,
        "steps": [{"answer": "ACCEPTED", "seats": 3, "note": ""}],
        "event": {"seatsLeft": 7},
    }
    assert links["qrContent"] == f"{base}door/{invitation.code}"
    assert links["ticketUrl"].startswith(f"{base}ticket/")
    assert links["qrCodeUrl"].startswith(f"{base}ticket-picture/")
    assert links["acceptUrl"].startswith(f"{base}accept/")
    assert links["declineUrl"].startswith(f"{base}decline/")
    assert invitation.steps.get().actor == f"user:{member.user_id}"
    assert Balance.objects.get(member=member).held == 300
    assert EmailMessage.objects.filter(kind="event_confirmed").count() == 1


def test_accepting_again_changes_what_is_said_and_leaves_the_rest(user_api_client, program, member):
    event = event_in(program)
    one = invite(member, event)
    sent(
        user_api_client, RESPOND, id=invitation_id(one), accept=True, guests=["Mia"], access="lift"
    )

    payload = sent(user_api_client, RESPOND, id=invitation_id(one), accept=True, dietary="nuts")

    found = payload["invitation"]
    assert (found["guests"], found["dietary"], found["access"]) == (["Mia"], "nuts", "lift")
    assert found["event"]["seatsLeft"] == 8


def test_who_had_left_comes_again_with_nobody_from_before(user_api_client, program, member):
    event = event_in(program)
    seat(member, event, "Mia", dietary="nuts")
    sent(user_api_client, LEAVE, event=event_id(event))

    found = sent(user_api_client, JOIN, event=event_id(event))["invitation"]

    assert (found["answer"], found["seats"], found["dietary"]) == ("ACCEPTED", 1, "")


def test_a_full_event_gives_a_place_in_the_waiting_list(user_api_client, program, member):
    event = event_in(program, capacity=1)
    seat(person(program, "first"), event)
    seat(person(program, "second"), event)

    payload = sent(user_api_client, JOIN, event=event_id(event))

    found = payload["invitation"]
    assert (found["answer"], found["waitingPlace"]) == ("WAITING", 2)
    assert (found["ticketUrl"], found["qrCodeUrl"], found["qrContent"]) == (None, None, None)
    assert listed(user_api_client)[0]["invitation"]["waitingPlace"] == 2


def test_who_leaves_frees_the_seats_and_a_repeat_changes_nothing(user_api_client, program, member):
    event = event_in(program, price_points=100)
    seat(member, event, "Mia")

    payload = sent(user_api_client, LEAVE, event=event_id(event))
    before = written()
    again = sent(user_api_client, LEAVE, event=event_id(event))

    left = {"answer": "CANCELLED", "event": {"seatsLeft": 10}}
    assert payload == {"invitation": left, "errors": []}
    assert again == payload
    assert written() == before
    assert Balance.objects.get(member=member).held == 0


def test_several_answers_in_one_request_each_show_what_is_then(user_api_client, program, member):
    event = event_in(program, price_points=100)
    document = """mutation($event: ID!) {
      one: loyaltyEventJoin(eventId: $event) { invitation { answer event { seatsLeft
        invitation { answer } } } }
      two: loyaltyEventLeave(eventId: $event) { invitation { answer event { seatsLeft
        invitation { answer } } } } }"""

    data = ask(user_api_client, document, {"event": event_id(event)})["data"]

    found = {name: one["invitation"] for name, one in data.items()}
    assert found == {
        "one": {
            "answer": "ACCEPTED",
            "event": {"seatsLeft": 9, "invitation": {"answer": "ACCEPTED"}},
        },
        "two": {
            "answer": "CANCELLED",
            "event": {"seatsLeft": 10, "invitation": {"answer": "CANCELLED"}},
        },
    }


def test_what_cannot_be_joined_says_why_and_nothing_is_written(user_api_client, program, member):
    gold = make_ladder(program)[1]
    cases = [
        (event_in(program, state="draft"), {}, ("eventId", "NOT_FOUND", None)),
        (
            event_in(program, audience=Audience(tier_ids=(gold.pk,)).as_json()),
            {},
            ("eventId", "NOT_FOUND", None),
        ),
        (event_in(program, state="cancelled"), {}, ("eventId", "EVENT_CLOSED", "CANCELLED")),
        (event_in(program, days=-1), {}, ("eventId", "EVENT_CLOSED", "STARTED")),
        (
            event_in(program, registration_closes_at=timezone.now() - timedelta(hours=1)),
            {},
            ("eventId", "EVENT_CLOSED", "REGISTRATION_OVER"),
        ),
        (event_in(program, price_points=601), {}, (None, "INSUFFICIENT_POINTS", None)),
        (event_in(program), {"guests": ["A", "B", "C"]}, ("guests", "INVALID", None)),
        (event_in(program), {"guests": ["A" * 101]}, ("guests", "INVALID", None)),
        (event_in(program), {"dietary": "x" * 1001}, ("dietary", "INVALID", None)),
    ]
    before = written()

    for event, party, (field, code, closed) in cases:
        payload = sent(user_api_client, JOIN, event=event_id(event), **party)
        error = payload["errors"][0]
        assert payload["invitation"] is None
        assert (error["code"], error["closed"]) == (code, closed)
        assert field is None or error["field"] == field

    assert written() == before


def test_a_party_cannot_grow_beyond_the_seats_that_are_free(user_api_client, program, member):
    event = event_in(program, capacity=2)
    seat(member, event)
    before = written()

    payload = sent(user_api_client, JOIN, event=event_id(event), guests=["A", "B"])

    assert payload["errors"] == [
        {
            "field": "guests",
            "code": "SEATS_TAKEN",
            "message": "No more than 1 seats are free.",
            "closed": None,
        }
    ]
    assert written() == before


def test_who_is_no_member_or_has_no_invitation_is_told_so(user_api_client, program, customer_user):
    event = event_in(program)

    def codes(document, **variables):
        errors = sent(user_api_client, document, event=event_id(event), **variables)["errors"]
        return [(one["field"], one["code"]) for one in errors]

    assert codes(JOIN) == codes(LEAVE) == [("eventId", "NOT_A_MEMBER")]
    give(program, customer_user, 0)
    assert codes(LEAVE) == [("eventId", "NOT_FOUND")]
    assert Invitation.objects.count() == 0


def test_an_event_that_has_begun_cannot_be_left(user_api_client, program, member):
    event = event_in(program)
    seat(member, event)
    before = written()

    with freeze_time(event.starts_at):
        payload = sent(user_api_client, LEAVE, event=event_id(event))

    assert [(one["code"], one["closed"]) for one in payload["errors"]] == [
        ("EVENT_CLOSED", "STARTED")
    ]
    assert written() == before


def test_nobody_answers_an_invitation_of_somebody_else(
    user_api_client, staff_api_client, superuser_api_client, program, member
):
    event = event_in(program)
    theirs = invite(person(program, "else"), event)
    before = written()

    for client in (user_api_client, staff_api_client, superuser_api_client):
        for accept in (True, False):
            payload = sent(client, RESPOND, id=invitation_id(theirs), accept=accept)
            assert [(one["field"], one["code"]) for one in payload["errors"]] == [
                ("id", "NOT_FOUND")
            ]
        payload = sent(client, FEEDBACK, id=invitation_id(theirs), score=1)
        assert payload["errors"][0]["code"] == "NOT_FOUND"

    assert written() == before


def test_an_answer_is_by_id_or_token_and_not_by_both(user_api_client, program, member):
    one = invite(member, event_in(program))
    before = written()

    for variables in ({}, {"id": invitation_id(one), "token": "x"}):
        payload = sent(user_api_client, RESPOND, accept=True, **variables)
        assert payload["errors"][0]["code"] == "GRAPHQL_ERROR"

    assert written() == before


def test_who_came_says_how_it_was(user_api_client, program, member):
    event = event_in(program)
    one = came(seat(member, event))

    with freeze_time(event.ends_at):
        payload = sent(user_api_client, FEEDBACK, id=invitation_id(one), score=4, text=" Lovely ")

    assert payload["errors"] == []
    assert payload["invitation"]["feedbackScore"] == 4
    assert payload["invitation"]["feedbackText"] == "Lovely"


@pytest.mark.parametrize(
    ("was_there", "score", "text", "expected"),
    [
        (False, 5, "", ("id", "EVENT_CLOSED", "NOT_THERE")),
        (True, 0, "", ("score", "INVALID", None)),
        (True, 6, "", ("score", "INVALID", None)),
        (True, 5, "x" * 1001, ("text", "INVALID", None)),
    ],
)
def test_feedback_that_cannot_be_is_refused_and_nothing_is_written(
    user_api_client, program, member, was_there, score, text, expected
):
    event = event_in(program)
    one = seat(member, event)
    if was_there:
        came(one)
    before = written()

    with freeze_time(event.ends_at):
        payload = sent(user_api_client, FEEDBACK, id=invitation_id(one), score=score, text=text)

    error = payload["errors"][0]
    assert (error["field"], error["code"], error["closed"]) == expected
    assert written() == before


def test_feedback_is_wanted_from_the_end_on(user_api_client, program, member):
    one = came(seat(member, event_in(program)))

    early = sent(user_api_client, FEEDBACK, id=invitation_id(one), score=5)

    assert [error["closed"] for error in early["errors"]] == ["NOT_YET"]


def test_feedback_is_wanted_for_sixty_days(user_api_client, program, member):
    event = event_in(program)
    one = came(seat(member, event))

    with freeze_time(event.ends_at + timedelta(days=60)):
        in_time = sent(user_api_client, FEEDBACK, id=invitation_id(one), score=5)
    with freeze_time(event.ends_at + timedelta(days=60, seconds=1)):
        late = sent(user_api_client, FEEDBACK, id=invitation_id(one), score=5)

    assert [one["closed"] for one in late["errors"]] == ["OVER"]
    assert in_time["errors"] == []


def test_members_read_their_own_invitations_the_newest_first(
    user_api_client, loyalty_staff, program, member
):
    removed, first, second = (event_in(program, title=name) for name in ("Gone", "One", "Two"))
    gone = invite(member, removed)
    Invitation.objects.filter(pk=gone.pk).update(answer="removed")
    invite(member, first)
    seat(member, second)
    seat(person(program, "else"), second)

    found = ask(user_api_client, MINE, {"first": 5})["data"]["me"]["loyalty"]["invitations"]

    titles = [one["node"]["event"]["title"] for one in found["edges"]]
    assert titles == ["Two", "One"]
    assert found["edges"][1]["node"]["acceptUrl"]
    staff = """query($id: ID!) { loyaltyMember(id: $id) { invitations(first: 5) { edges { node {
      code acceptUrl declineUrl ticketUrl member { id } } } } } }"""
    answer = ask(loyalty_staff, staff, {"id": global_id("LoyaltyMember", member.pk)})
    node = answer["data"]["loyaltyMember"]["invitations"]["edges"][0]["node"]
    assert (node["acceptUrl"], node["declineUrl"]) == (None, None)
    assert (bool(node["code"]), bool(node["ticketUrl"])) == (True, True)


@pytest.mark.parametrize(
    "field",
    [
        "audience { isHandpicked }",
        "waves { id }",
        "numbers { invited }",
        "translations { title }",
        "invitations(first: 1) { totalCount }",
        "doorUrl",
        "guestListCsv",
        "reminderHours",
        "cancelHours",
        "offerHours",
        "createdAt",
        "invitation { member { id } }",
        "invitation { openedAt }",
        "invitation { checkedInBy }",
        "invitation { isNoShow }",
        "invitation { awardedPoints }",
        "invitation { steps { actor } }",
    ],
)
def test_what_only_staff_know_is_kept_from_members(user_api_client, program, member, field):
    event = event_in(program)
    seat(member, event)
    document = f"query($id: ID!) {{ loyaltyEvent(id: $id) {{ {field} }} }}"

    answer = ask(user_api_client, document, {"id": event_id(event)})

    assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


def queries_of(client, document, variables) -> int:
    ask(client, document, variables)
    with CaptureQueriesContext(connection) as captured:
        answer = ask(client, document, variables)
    assert "errors" not in answer, answer
    return len(captured)


def test_a_list_of_events_takes_as_many_queries_for_3_as_for_1(user_api_client, program, member):
    for days in (1, 2, 3):
        seat(member, event_in(program, days=days))

    one, three = (
        queries_of(user_api_client, EVENTS, {"channel": "main", "first": n}) for n in (1, 3)
    )

    assert three == one


def test_a_members_invitations_take_as_many_queries_for_3_as_for_1(
    user_api_client, program, member
):
    for days in (1, 2, 3):
        event = event_in(program, days=days, capacity=1)
        seat(person(program, f"first{days}"), event)
        seat(member, event)

    one, three = (queries_of(user_api_client, MINE, {"first": n}) for n in (1, 3))

    assert three == one


def test_switched_off_a_member_has_no_events(user_api_client, program, member, plugin_on):
    event_in(program)
    plugin_on.active = False
    plugin_on.save()

    assert ask(user_api_client, EVENTS, {"channel": "main", "first": 1})["data"] == {
        "loyaltyEvents": None
    }


def test_a_programme_that_left_its_channel_shows_no_events_there(user_api_client, program, member):
    event_in(program)
    update_program(
        program_id=program.pk, changes=ProgramChanges(is_active=False), now=timezone.now()
    )

    assert listed(user_api_client) == []
    assert User.objects.filter(pk=member.user_id).exists()
