"""The page that declines an invitation: it asks, and says what becomes of points."""

from datetime import timedelta

import pytest
from django.http import QueryDict

from saleor_loyalty.emails.links import LinkPurpose, read_invitation
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.flows.manage_events import cancel_event
from saleor_loyalty.points.operations import post
from tests.events.parties import come, make_guest, purse, seats_taken
from tests.factories import NOW, make_posting
from tests.pages.conftest import Form, tables, words_of

POST = QueryDict("")


@pytest.fixture
def paid(member, event):
    """The member comes with a guest, for 200 points of 500."""
    post(postings=[make_posting(member, 500)], now=NOW)
    event.price_points = 100
    event.save()
    return come(member, event, "Mia")


@pytest.fixture
def waiting(program, member, event, invitation):
    event.capacity = 1
    event.save()
    come(make_guest(program, "other"), event)
    return come(member, event)


def links_of(page):
    return [attrs["href"] for tag, attrs in Form(page.html).tags if tag == "a"]


def test_it_asks_first(declining, invitation):
    page = declining()

    assert page.status == 200
    assert "You cannot come? Tasting" in words_of(page)
    assert "No, I am not coming Back to the invitation" in words_of(page)


def test_a_post_declines_and_leads_back(declining, invitation):
    page = declining(form=POST)

    assert page.status == 200
    assert "You are not coming Tasting Thank you for telling us" in words_of(page)
    assert 'role="status"' in page.html
    invitation.refresh_from_db()
    assert (invitation.answer, invitation.answered_at) == ("declined", NOW)
    (back,) = [url for url in links_of(page) if "/accept/" in url]
    token = back.rpartition("/")[2]
    assert read_invitation(token, purpose=LinkPurpose.ACCEPT) == invitation.pk


def test_a_repeat_is_harmless(declining):
    declining(form=POST)
    before = tables()

    page = declining(form=POST)

    assert page.status == 200
    assert "You are not coming" in words_of(page)
    assert tables() == before


@pytest.mark.usefixtures("invitation")
def test_cancelling_in_time_gives_points_back(declining, paid, member, event):
    assert "2 seats go to somebody else then. You get back 200 points." in words_of(declining())

    page = declining(form=POST)

    assert "You got back 200 points." in words_of(page)
    assert purse(member).available == 500
    assert seats_taken(event) == 0


@pytest.mark.usefixtures("invitation")
def test_cancelling_late_says_that_points_are_spent(declining, paid, member, event):
    late = event.starts_at - timedelta(hours=23)
    words = words_of(declining(now=late))
    assert "You do not get back 200 points. That was possible until Sunday, June 28" in words

    page = declining(form=POST, now=late)

    assert "Spent: 200 points. You could get all of it back until Sunday, June 28" in words_of(page)
    assert "You got back" not in words_of(page)
    assert (purse(member).available, purse(member).held) == (300, 0)


def test_who_waits_leaves_the_line(declining, waiting):
    assert "Leave the waiting list? Tasting You lose your place in line then." in words_of(
        declining()
    )

    declining(form=POST)

    waiting.refresh_from_db()
    assert (waiting.answer, waiting.waiting_since) == ("cancelled", None)


def test_an_offer_goes_to_the_next(declining, waiting):
    Invitation.objects.filter(pk=waiting.pk).update(
        answer="offered", offered_until=NOW + timedelta(hours=1)
    )

    assert "The seats that are kept for you go to the next in line then." in words_of(declining())
    lapsed = declining(now=NOW + timedelta(hours=2))
    assert "The seats were kept for you until Monday, June 15, 2026 at 3:00 PM" in words_of(lapsed)


@pytest.mark.usefixtures("invitation")
def test_once_it_has_begun_nothing_can_be_cancelled(declining, paid, event):
    before = tables()

    page = declining(form=POST, now=event.starts_at)

    assert page.status == 422
    assert "It is too late for that: nothing was saved." in words_of(page)
    assert "This event has begun." in words_of(page)
    assert any("/accept/" in url for url in links_of(page))
    assert tables() == before


def test_an_event_that_was_called_off_needs_no_answer(declining, event):
    declining()
    cancel_event(event_id=event.pk, reason="Our roaster fell ill.", now=NOW)
    before = tables()

    page = declining(form=POST)

    assert page.status == 422
    assert "This event was called off. Our roaster fell ill." in words_of(page)
    assert tables() == before


def test_it_tells_no_answer_where_registration_is_over(declining, event):
    declining(form=POST)
    event.registration_closes_at = NOW - timedelta(days=1)
    event.save()

    page = declining()

    assert not any("/accept/" in url for url in links_of(page))
    assert 'href="https://aurora.example/"' in page.html
