"""Events by the links of mails, without a login: for a storefront's own pages."""

from datetime import timedelta

import pytest
from django.utils import timezone
from freezegun import freeze_time

from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.rules import Audience
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.flows.manage_events import cancel_event
from saleor_loyalty.flows.wind_up_events import wind_up_events
from tests.saleor.conftest import ask
from tests.saleor.event_desk import (
    FEEDBACK,
    ONE,
    RESPOND,
    came,
    event_id,
    event_in,
    invite,
    listed,
    person,
    seat,
    seen,
    sent,
    token_of,
    written,
)
from tests.saleor.shopping import give

EVERY = (LinkPurpose.ACCEPT, LinkPurpose.DECLINE, LinkPurpose.TICKET, LinkPurpose.FEEDBACK)


@pytest.fixture
def ada(program):
    return person(program, "ada", points=600)


def codes_of(answer) -> list[str]:
    return [one["extensions"]["code"] for one in answer["errors"]]


@pytest.mark.parametrize("purpose", [LinkPurpose.ACCEPT, LinkPurpose.DECLINE])
def test_a_link_to_answer_shows_the_event_with_all_of_the_invitation(
    api_client, program, ada, purpose
):
    event = event_in(program)
    one = seat(ada, event, "Mia", dietary="nuts", access="lift")

    found = seen(api_client, token=token_of(one, purpose))

    assert (found["id"], found["closed"], found["seatsLeft"]) == (event_id(event), None, 8)
    invitation = found["invitation"]
    assert (invitation["answer"], invitation["guests"]) == ("ACCEPTED", ["Mia"])
    assert (invitation["dietary"], invitation["access"]) == ("nuts", "lift")
    assert invitation["code"] == one.code
    for name in ("acceptUrl", "declineUrl", "ticketUrl", "qrCodeUrl", "qrContent"):
        assert invitation[name]
    assert invitation["event"] == {"id": event_id(event), "closed": None}


def test_a_link_to_the_ticket_shows_the_ticket_and_nothing_to_act_by(api_client, program, ada):
    one = came(seat(ada, event_in(program), "Mia", dietary="nuts", access="lift"))

    invitation = seen(api_client, token=token_of(one, LinkPurpose.TICKET))["invitation"]

    assert (invitation["code"], invitation["seats"]) == (one.code, 2)
    assert invitation["qrContent"].endswith(f"door/{one.code}")
    hidden = ("dietary", "access", "acceptUrl", "declineUrl", "feedbackUrl")
    assert [invitation[name] for name in hidden] == [None] * 5


def test_a_link_to_feedback_shows_no_ticket(api_client, program, ada):
    one = came(seat(ada, event_in(program), dietary="nuts"))

    invitation = seen(api_client, token=token_of(one, LinkPurpose.FEEDBACK))["invitation"]

    assert invitation["feedbackUrl"]
    hidden = ("dietary", "code", "ticketUrl", "qrCodeUrl", "qrContent", "acceptUrl", "declineUrl")
    assert [invitation[name] for name in hidden] == [None] * 7


def test_a_link_is_not_stopped_by_who_is_logged_in(user_api_client, program, ada, customer_user):
    one = invite(ada, event_in(program))

    payload = sent(user_api_client, RESPOND, token=token_of(one), accept=True)

    one.refresh_from_db()
    assert payload["invitation"]["acceptUrl"]
    assert (one.answer, one.member) == ("accepted", ada)
    assert one.steps.order_by("pk").last().actor == ""


@pytest.mark.parametrize("token", ["", "x", "1", "1~x~y", "\0"])
def test_a_forged_token_opens_nothing(api_client, program, ada, token):
    invite(ada, event_in(program))
    before = written()

    answer = ask(api_client, ONE, {"token": token or "~"})
    payload = sent(api_client, RESPOND, token=token or "~", accept=True)
    feedback = sent(api_client, FEEDBACK, token=token or "~", score=5)

    assert codes_of(answer) == ["LINK_INVALID"]
    for one in (payload, feedback):
        assert one["errors"][0]["code"] == ("INVALID" if token == "\0" else "LINK_INVALID")
    assert written() == before


def test_a_token_with_another_number_opens_nothing(api_client, program, ada):
    event = event_in(program)
    one, other = invite(ada, event), invite(person(program, "else"), event)
    forged = token_of(one).replace(str(one.pk), str(other.pk), 1)
    before = written()

    assert codes_of(ask(api_client, ONE, {"token": forged})) == ["LINK_INVALID"]
    assert sent(api_client, RESPOND, token=forged, accept=True)["errors"][0]["code"] == (
        "LINK_INVALID"
    )
    assert written() == before


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("purpose", [*EVERY, LinkPurpose.DOOR])
def test_an_answer_takes_the_link_for_it_alone(api_client, program, ada, purpose, accept):
    one = invite(ada, event_in(program))
    fits = purpose is (LinkPurpose.ACCEPT if accept else LinkPurpose.DECLINE)
    before = written()

    payload = sent(api_client, RESPOND, token=token_of(one, purpose), accept=accept)

    if fits:
        assert payload["invitation"]["answer"] == ("ACCEPTED" if accept else "DECLINED")
    else:
        assert [(e["field"], e["code"]) for e in payload["errors"]] == [("token", "LINK_INVALID")]
        assert written() == before


@pytest.mark.parametrize("purpose", [*EVERY, LinkPurpose.DOOR])
def test_feedback_takes_the_link_for_it_alone(api_client, program, ada, purpose):
    event = event_in(program)
    one = came(seat(ada, event))
    before = written()

    with freeze_time(event.ends_at):
        token = token_of(one, purpose)
        payload = sent(api_client, FEEDBACK, token=token, score=4, text="Lovely")

    if purpose is LinkPurpose.FEEDBACK:
        told = {"code": None, "feedbackScore": 4, "feedbackText": "Lovely"}
        assert payload == {"invitation": told, "errors": []}
    else:
        assert payload["errors"][0]["code"] == "LINK_INVALID"
        assert written() == before


def test_a_link_to_the_door_or_to_preferences_opens_no_event(api_client, program, ada):
    from saleor_loyalty.emails.links import MemberLink, sign, sign_door

    event = event_in(program)
    invite(ada, event)
    preferences = sign(MemberLink(ada.pk), purpose=LinkPurpose.PREFERENCES)

    for token in (sign_door(event.pk, 0), preferences):
        assert codes_of(ask(api_client, ONE, {"token": token})) == ["LINK_INVALID"]


def test_a_link_is_too_old_after_four_hundred_days(api_client, program, ada):
    event = event_in(program, days=500)
    one = invite(ada, event)
    token = token_of(one)
    before = written()

    with freeze_time(timezone.now() + timedelta(days=401)):
        answer = ask(api_client, ONE, {"token": token})
        payload = sent(api_client, RESPOND, token=token, accept=True)

    assert codes_of(answer) == ["LINK_EXPIRED"]
    assert [(e["field"], e["code"]) for e in payload["errors"]] == [("token", "LINK_EXPIRED")]
    assert written() == before


def test_who_was_taken_off_has_links_to_nothing(api_client, program, ada):
    one = invite(ada, event_in(program))
    remove_guest(invitation_id=one.pk, actor="user:1", note="", now=timezone.now())
    before = written()

    assert codes_of(ask(api_client, ONE, {"token": token_of(one)})) == ["NOT_FOUND"]
    payload = sent(api_client, RESPOND, token=token_of(one), accept=True)
    assert [(e["field"], e["code"]) for e in payload["errors"]] == [("token", "NOT_FOUND")]
    assert written() == before


def test_guests_of_what_was_called_off_still_see_it(
    api_client, user_api_client, program, customer_user
):
    event = event_in(program)
    one = seat(give(program, customer_user, 0), event)
    cancel_event(event_id=event.pk, reason="Storm", now=timezone.now())
    wind_up_events(now=timezone.now())

    by_link = seen(api_client, token=token_of(one))

    one.refresh_from_db()
    assert one.answer == "removed"
    assert (by_link["state"], by_link["closed"]) == ("CANCELLED", "CANCELLED")
    assert by_link["invitation"]["answer"] == "REMOVED"
    assert [node["state"] for node in listed(user_api_client)] == ["CANCELLED"]
    document = "{ me { loyalty { invitations(first: 5) { edges { node { answer } } } } } }"
    mine = ask(user_api_client, document)["data"]["me"]["loyalty"]["invitations"]["edges"]
    assert mine == [{"node": {"answer": "REMOVED"}}]


def test_an_invitation_that_is_gone_has_links_to_nothing(api_client, program, ada):
    one = invite(ada, event_in(program))
    token = token_of(one)
    Invitation.objects.filter(pk=one.pk).delete()

    assert codes_of(ask(api_client, ONE, {"token": token})) == ["NOT_FOUND"]
    assert sent(api_client, RESPOND, token=token, accept=True)["errors"][0]["code"] == "NOT_FOUND"


def test_links_of_a_deleted_account_open_nothing(api_client, program, ada):
    one = invite(ada, event_in(program))
    ada.user.delete()
    before = written()

    assert codes_of(ask(api_client, ONE, {"token": token_of(one)})) == ["NOT_A_MEMBER"]
    payload = sent(api_client, RESPOND, token=token_of(one), accept=True)
    assert payload["errors"][0]["code"] == "NOT_A_MEMBER"
    assert written() == before


def test_an_invited_member_may_come_though_the_audience_is_not_theirs(api_client, program, ada):
    event = event_in(program, audience=Audience(countries=("NO",)).as_json())
    one = invite(ada, event)

    payload = sent(api_client, RESPOND, token=token_of(one), accept=True, guests=["Mia"])

    assert payload["errors"] == []
    assert (payload["invitation"]["seats"], payload["invitation"]["event"]["seatsLeft"]) == (2, 8)
    one.refresh_from_db()
    assert one.opened_at is not None


@pytest.mark.parametrize(
    ("values", "hours", "expected"),
    [
        ({"state": "cancelled"}, 0, "CANCELLED"),
        ({}, 24 * 15, "STARTED"),
        ({"state": "done"}, 0, "NOT_PUBLISHED"),
    ],
)
def test_an_answer_that_comes_too_late_is_told_why(
    api_client, program, ada, values, hours, expected
):
    event = event_in(program)
    one = invite(ada, event)
    Event.objects.filter(pk=event.pk).update(**values)
    before = written()

    with freeze_time(timezone.now() + timedelta(hours=hours)):
        for purpose, accept in ((LinkPurpose.ACCEPT, True), (LinkPurpose.DECLINE, False)):
            payload = sent(api_client, RESPOND, token=token_of(one, purpose), accept=accept)
            assert [(e["field"], e["code"], e["closed"]) for e in payload["errors"]] == [
                ("token", "EVENT_CLOSED", expected)
            ]

    assert written() == before


def test_a_storefronts_own_page_gets_the_links(api_client, program, ada, plugin_on):
    one = seat(ada, event_in(program))
    plugin_on.configuration = [{"name": "rsvp_url", "value": "https://shop.example/rsvp/"}]
    plugin_on.save()

    invitation = seen(api_client, token=token_of(one))["invitation"]

    base = "https://shop.example/rsvp/"
    assert invitation["acceptUrl"].startswith(f"{base}accept/")
    assert invitation["ticketUrl"].startswith(f"{base}ticket/")
    assert invitation["qrCodeUrl"].startswith("https://example.com/plugins/saleor.loyalty/")


def test_staff_fields_stay_shut_for_who_has_a_link(api_client, program, ada):
    one = invite(ada, event_in(program))

    for field in ("numbers { invited }", "doorUrl", "invitation { member { id } }"):
        document = f"query($token: String) {{ loyaltyEvent(token: $token) {{ {field} }} }}"
        answer = ask(api_client, document, {"token": token_of(one)})
        assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
