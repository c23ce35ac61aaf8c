"""Mails about events at the moment they leave: true, up to date, with links that do one thing."""

from datetime import timedelta

import pytest
from django.utils import timezone
from freezegun import freeze_time

from saleor_loyalty.emails.links import (
    LinkExpired,
    LinkInvalid,
    LinkPurpose,
    read_door,
    read_invitation,
    sign_door,
    sign_invitation,
)
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import Drop, Go, Why
from saleor_loyalty.flows.check_in import check_in
from saleor_loyalty.flows.invite_members import run_due_waves
from saleor_loyalty.flows.mail_approval import LinkMaker, approve
from saleor_loyalty.flows.manage_events import cancel_event, update_event
from saleor_loyalty.flows.tell_of_changes import remind_guests, tell_of_changes
from saleor_loyalty.flows.wind_up_events import end_events, wind_up_events
from saleor_loyalty.mailings.models import MemberPreferences
from tests.events.parties import (
    DAY,
    come,
    invitation_of,
    leave,
    mails,
    make_event,
    make_guest,
    make_wave,
)
from tests.factories import NOW, make_program
from tests.flows.test_mail_approval import LINKS, people


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    member = make_guest(program, "ada", points=1000)
    MemberPreferences.objects.create(member=member, accepts_marketing=True)
    return member


def decide(*kinds, now=NOW + timedelta(minutes=1), links=LINKS):
    """What becomes of the mails of some kinds, in the order that they were written."""
    messages = list(EmailMessage.objects.filter(kind__in=kinds).order_by("pk"))
    verdicts = approve(messages, now, find_people=people, links=links)
    return [verdicts[one.pk] for one in messages]


def leaves(*kinds, **values):
    return [isinstance(one, Go) for one in decide(*kinds, **values)]


def test_an_invitation_goes_to_who_agreed_until_it_is_answered(program, ada):
    event = make_event(program)
    make_wave(event)
    make_guest(program, "silent")
    run_due_waves(now=NOW)

    assert [getattr(one, "why", None) for one in decide("event_invitation")] == [
        None,
        Why.NO_CONSENT,
    ]
    assert leaves("event_invitation", now=event.starts_at) == [False, False]
    come(ada, event)
    assert decide("event_invitation")[0] == Drop(why=Why.OVERTAKEN)


def test_a_mail_links_to_what_its_reader_can_do_each_for_that_alone(program, ada):
    event = make_event(program)
    make_wave(event)
    run_due_waves(now=NOW)
    pk = invitation_of(ada, event).pk

    (asking,) = decide("event_invitation")
    come(ada, event)
    (ticket,) = decide("event_confirmed")

    assert set(asking.links) == {"event", "accept", "decline"}
    assert set(ticket.links) == {"event", "decline", "ticket", "ticket_picture"}
    for name, purpose in (("accept", LinkPurpose.ACCEPT), ("decline", LinkPurpose.DECLINE)):
        token = asking.links[name].rpartition("/")[2]
        assert asking.links[name].startswith(f"{LINKS.base}{purpose.value}/")
        assert read_invitation(token, purpose=purpose) == pk
        for other in set(LinkPurpose) - {purpose}:
            with pytest.raises(LinkInvalid):
                read_invitation(token, purpose=other)


def test_a_storefront_of_its_own_gets_the_links_but_the_picture_of_the_code(program, ada):
    come(ada, make_event(program))
    links = LinkMaker(base=LINKS.base, events_base="https://store.test/events/")

    (verdict,) = decide("event_confirmed", links=links)

    assert verdict.links["ticket"].startswith("https://store.test/events/ticket/")
    assert verdict.links["ticket_picture"].startswith(f"{LINKS.base}ticket-picture/")


def test_links_that_are_forged_cut_or_old_are_no_good():
    token = sign_invitation(7, purpose=LinkPurpose.ACCEPT)
    door = sign_door(7, 2)

    assert read_door(door) == (7, 2)
    for wrong in ("", "7", token[:-1], token.replace("7", "8", 1), f"{token}x"):
        with pytest.raises(LinkInvalid):
            read_invitation(wrong, purpose=LinkPurpose.ACCEPT)
    with pytest.raises(LinkInvalid):
        read_door(token)
    with freeze_time(timezone.now() + timedelta(days=401)):
        with pytest.raises(LinkExpired):
            read_invitation(token, purpose=LinkPurpose.ACCEPT)
        with pytest.raises(LinkExpired):
            read_door(door)


def test_what_is_true_no_more_does_not_leave(program, ada):
    event = make_event(program, capacity=1, reminder_hours=[24 * 20])
    late = make_guest(program, "late")
    come(ada, event, now=NOW - 7 * DAY)
    come(late, event)
    remind_guests(now=NOW)
    assert leaves("event_confirmed", "event_waiting", "event_reminder") == [True, True, True]

    leave(ada, event)

    assert leaves("event_confirmed", "event_waiting", "event_reminder") == [False, False, False]
    assert leaves("event_left", "event_offered") == [True, True]
    assert leaves("event_offered", now=NOW + 2 * DAY) == [False]
    leave(late, event)
    come(ada, event)
    assert leaves("event_left", "event_offered") == [False, False]


def test_a_mail_that_waited_tells_the_time_and_place_of_now(program, ada):
    event = make_event(program, place="Main street 1")
    come(ada, event)
    later = event.starts_at + DAY

    update_event(
        event_id=event.pk,
        values={"place": "Harbour 2", "starts_at": later, "ends_at": later + DAY},
        now=NOW,
    )
    assert leaves("event_confirmed") == [True]

    (mail,) = mails("event_confirmed")
    assert mail.facts["event"]["place"] == {"": "Harbour 2"}
    assert mail.facts["event_start"] == {"at": later.isoformat(), "zone": "Europe/Zagreb"}
    assert mail.facts["event"]["sequence"] == 1


def test_of_two_changes_only_the_last_leaves_and_none_after_calling_off(program, ada):
    event = make_event(program)
    come(ada, event)
    for place in ("Harbour 2", "Harbour 3"):
        update_event(event_id=event.pk, values={"place": place}, now=NOW)
        tell_of_changes(now=NOW)

    assert leaves("event_changed") == [False, True]
    cancel_event(event_id=event.pk, reason="", now=NOW)
    wind_up_events(now=NOW)
    assert leaves("event_changed", "event_cancelled", "event_confirmed") == [
        False,
        False,
        False,
        True,
    ]


def test_a_reminder_of_a_time_that_was_moved_does_not_leave(program, ada):
    event = make_event(program, reminder_hours=[24 * 20])
    come(ada, event, now=NOW - 7 * DAY)
    remind_guests(now=NOW)
    later = event.starts_at + DAY

    update_event(event_id=event.pk, values={"starts_at": later, "ends_at": later + DAY}, now=NOW)

    assert leaves("event_reminder") == [False]


def test_thanks_go_to_who_came_and_may_be_stopped_by_choice(program, ada):
    event = make_event(program)
    invitation = come(ada, event)
    check_in(code=invitation.code, actor="door", now=event.starts_at)
    after = event.ends_at + DAY
    end_events(now=after)
    wind_up_events(now=after)

    (verdict,) = decide("event_thanks", now=after)
    assert set(verdict.links) == {"event", "feedback"}
    MemberPreferences.objects.update(stopped=["event_thanks", "event_confirmed"])
    assert decide("event_thanks", now=after) == [Drop(why=Why.OPTED_OUT)]
    assert leaves("event_confirmed") == [False]  # the event is over


def test_what_answers_a_member_cannot_be_stopped(program, ada):
    MemberPreferences.objects.update(stopped=["event_confirmed"])
    come(ada, make_event(program))

    assert leaves("event_confirmed") == [True]
