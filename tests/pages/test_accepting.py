"""The page that accepts an invitation: what it shows, saves and refuses."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.http import QueryDict

from saleor_loyalty.emails.links import LinkPurpose, read_invitation
from saleor_loyalty.events.models import EventTranslation, Invitation, InvitationStep
from saleor_loyalty.events.rules import Audience
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.flows.manage_events import cancel_event
from saleor_loyalty.mailings.operations import PreferenceChanges, change_preferences
from saleor_loyalty.mailings.rules import ConsentSource
from saleor_loyalty.points.operations import post
from tests.events.parties import come, leave, make_guest, purse, seats_taken
from tests.factories import NOW, make_posting
from tests.pages.conftest import Form, tables, words_of
from tests.pages.guests import go, invite

DAY = timedelta(days=1)
OF_WHAT_IS_TO_COME = ("A seat costs", "For coming", "Those who come get the link")


def give(member, points):
    post(postings=[make_posting(member, points)], now=NOW)


def change(event, **values):
    for name, value in values.items():
        setattr(event, name, value)
    event.save()


def sold_out(program, event):
    """Another member takes all seats."""
    change(event, capacity=1)
    other = make_guest(program, "other")
    come(other, event)
    event.refresh_from_db()
    return other


def links_of(page):
    return [attrs["href"] for tag, attrs in Form(page.html).tags if tag == "a"]


def test_it_tells_all_of_the_event(accepting, event, program, member):
    change(program, points_name="Stars")
    give(member, 250)
    change(
        event,
        story="Five coffees.\n\nBring a coat.",
        place="Kaffegata 7, Oslo",
        place_url="https://maps.example/7",
        price_points=100,
        award_points=50,
        age_note="From 18 years.",
        languages=["en", "hr", "x-y-z"],
    )

    page = accepting()

    words = words_of(page)
    assert "Ada, you are invited Tasting" in words
    assert "Monday, June 29, 2026 2:00 PM – 4:00 PM Central European Summer Time" in words
    assert "Kaffegata 7, Oslo Map and directions" in words
    assert "A seat costs 100 Stars You have 250 Stars to spend." in words
    assert "Until Sunday, June 28, 2026 at 2:00 PM you can cancel and get them back." in words
    assert "For coming 50 Stars" in words
    assert "Answer by Monday, June 29, 2026 at 2:00 PM" in words
    assert "Spoken English, Croatian, and x-y-z" in words
    assert "Please note From 18 years." in words
    assert "<p>Five coffees.</p>\n\n<p>Bring a coat.</p>" in page.html
    assert "https://maps.example/7" in links_of(page)
    assert "Just me – 100 Stars 1 guest – 200 Stars 2 guests – 300 Stars" in words


def test_times_are_those_of_the_events_zone_also_over_night(accepting, event):
    change(event, ends_at=event.starts_at + timedelta(hours=12), time_zone="America/New_York")

    words = words_of(accepting())

    assert "Monday, June 29, 2026 8:00 AM – 8:00 PM Eastern Daylight Time" in words
    change(event, ends_at=event.starts_at + timedelta(hours=17))
    assert "8:00 AM – Tuesday, June 30, 2026 at 1:00 AM" in words_of(accepting())


def test_it_is_in_the_members_language_and_the_texts_in_their_own(
    accepting, event, member, user, people
):
    for code, title in (("nb", "Smaking"), ("de", "Verkostung")):
        EventTranslation.objects.create(event=event, language_code=code, title=title)
    people[user.pk] = replace(people[user.pk], language_code="nb")

    page = accepting()

    assert '<html lang="nb">' in page.html
    assert "<h1>Smaking</h1>" in page.html
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(language_code="de-at"),
        source=ConsentSource.STOREFRONT,
        now=NOW,
    )
    assert '<h1 lang="de">Verkostung</h1>' in accepting().html


def test_a_post_takes_the_seats_and_shows_them(rsvp, accepting, invitation, event, member):
    give(member, 500)
    change(event, price_points=100)

    page = rsvp(guests="2", guest=["Mia  Berg", ""], dietary="No nuts\r\nor fish", access="Ramp")

    assert page.status == 200
    assert "You are coming: 3 seats are yours. With you: Mia Berg" in words_of(page)
    words = words_of(page)
    assert "Held for it: 300 points. Cancel by Sunday, June 28, 2026 at 2:00 PM to get" in words
    assert "Answer by" not in words
    assert 'role="status"' in page.html
    invitation.refresh_from_db()
    assert (invitation.answer, invitation.seats, invitation.guests) == (
        "accepted",
        3,
        ["Mia Berg", ""],
    )
    assert (invitation.dietary, invitation.access) == ("No nuts\nor fish", "Ramp")
    assert InvitationStep.objects.get().actor == ""
    assert purse(member).available == 200
    assert Form(accepting().html).sent().dict()["dietary"] == "No nuts\nor fish"


def test_a_repeat_is_harmless(rsvp, accepting, invitation, member, event):
    give(member, 500)
    change(event, price_points=100)
    rsvp(guests="1", guest=["Mia", ""])
    form = Form(accepting().html).sent()
    before = tables()

    page = accepting(form=form)

    assert page.status == 200
    assert "You are coming: 2 seats are yours." in words_of(page)
    assert tables() == before


def test_names_beyond_the_chosen_number_are_left_out(rsvp, invitation):
    page = rsvp(guests="1", guest=["Mia", "Noah"])

    invitation.refresh_from_db()
    assert (invitation.seats, invitation.guests) == (2, ["Mia"])
    assert Form(page.html).sent().getlist("guest") == ["Mia", ""]


def test_a_party_gets_smaller_and_larger(rsvp, event, invitation):
    for guests in ("2", "0", "1"):
        rsvp(guests=guests)

        assert seats_taken(event) == 1 + int(guests)


def test_without_guests_there_is_nothing_to_choose(accepting, rsvp, event, invitation):
    change(event, guests_allowed=0)

    page = rsvp()

    assert "<select" not in page.html
    invitation.refresh_from_db()
    assert invitation.seats == 1


@pytest.mark.parametrize(
    "body", ["", "form=accept", "end=1", "form=decline&end=1", "guests=0", "undo=1"]
)
def test_half_a_form_saves_nothing(accepting, invitation, body):
    accepting()
    before = tables()

    page = accepting(form=QueryDict(body))

    assert page.status == 400
    assert "Nothing was saved: not all of the page arrived." in words_of(page)
    assert tables() == before


@pytest.mark.parametrize("guests", ["3", "-1", "x", "1000000000000", "1.5", "²"])
def test_a_party_that_cannot_be_is_refused(accepting, rsvp, guests):
    accepting()
    before = tables()

    page = rsvp(guests=guests)

    assert page.status == 422
    assert "Please choose one of these." in words_of(page)
    assert tables() == before


def test_too_few_points_are_told_and_what_was_typed_stays(rsvp, accepting, event, member):
    give(member, 250)
    change(event, price_points=100)
    accepting()
    before = tables()

    page = rsvp(guests="2", guest=["Mia", "Noah"], dietary="No nuts", access="Ramp")

    assert page.status == 422
    assert "You do not have enough points for that: you have 250 points to" in words_of(page)
    assert '<a href="#guests">Who comes</a>' in page.html
    sent = Form(page.html).sent()
    assert sent["guests"] == "2"
    assert sent.getlist("guest") == ["Mia", "Noah"]
    assert (sent["dietary"], sent["access"]) == ("No nuts", "Ramp")
    assert tables() == before


@pytest.mark.parametrize(
    ("free", "words"),
    [(1, "Only 1 more seat is free."), (0, "No more seats are free. Your seats are as they were.")],
)
def test_a_party_that_cannot_grow_keeps_its_seats(rsvp, event, invitation, free, words):
    rsvp(guests="0")
    event.refresh_from_db()
    change(event, capacity=1 + free)

    page = rsvp(guests="2")

    assert page.status == 422
    assert words in words_of(page)
    assert seats_taken(event) == 1


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"guest": ["x" * 101, ""], "guests": "1"}, "names", "100 letters at most"),
        ({"guest": ["Mia\x07", ""], "guests": "1"}, "names", "no special signs"),
        ({"dietary": "x" * 1001}, "dietary", "1,000 letters at most"),
        ({"access": "x" * 1001}, "access", "1,000 letters at most"),
    ],
)
def test_texts_that_cannot_be_are_told_beside_their_field(rsvp, accepting, changes, field, words):
    accepting()
    before = tables()

    page = rsvp(**changes)

    assert page.status == 422
    assert words in words_of(page)
    assert f'id="{field}-error"' in page.html
    assert tables() == before


def test_where_no_seats_are_free_one_waits_and_sees_their_place(rsvp, accepting, program, event):
    sold_out(program, event)
    assert "All seats are taken. You can get on the waiting list." in words_of(accepting())
    assert "Put me on the waiting list</button>" in accepting().html

    page = rsvp(guests="1")

    assert "You are on the waiting list: number 1 in line. You wait for 2 seats." in words_of(page)
    assert "<title>On the waiting list: Tasting – Aurora Coffee</title>" in page.html


def test_an_offer_says_until_when_it_is_kept_and_then_that_it_is_over(
    rsvp, accepting, program, event, invitation
):
    other = sold_out(program, event)
    rsvp(guests="0")

    leave(other, event)

    words = words_of(accepting())
    assert "It is your turn: 1 seat is kept for you." in words
    assert "Please answer by Tuesday, June 16, 2026 at 2:00 PM; then the next" in words
    assert "Answer by" not in words
    assert "Yes, I am coming</button>" in accepting().html
    words = words_of(accepting(now=NOW + 2 * DAY))
    assert "Your time to take the free seats is over. The seats were kept for you until" in words
    assert "You can ask for seats again." in words
    assert "You are coming: 1 seat is yours." in words_of(rsvp(now=NOW + 2 * DAY))


def test_seats_that_are_left_are_told_where_they_are_few(accepting, event):
    assert "10 seats are left." in words_of(accepting())

    change(event, seats_taken=9)
    assert "1 seat is left." in words_of(accepting())

    change(event, capacity=30)
    assert "left." not in words_of(accepting())


def test_who_declined_may_come_back(accepting, rsvp, member, event, invitation):
    leave(member, event)

    words = words_of(accepting())

    assert "You said that you are not coming. If you changed your mind, you are welcome." in words
    assert "You are coming: 1 seat is yours." in words_of(rsvp())


def test_before_registration_opens_it_says_when(front, member, event):
    change(event, registration_opens_at=NOW + DAY)
    invitation = invite(member, event, source="asked")

    page = go(front, LinkPurpose.ACCEPT, invitation)

    assert "You can answer from Tuesday, June 16, 2026 at 2:00 PM on." in words_of(page)
    assert 'name="form"' not in page.html


def test_who_was_invited_need_not_wait_for_registration(accepting, event):
    change(event, registration_opens_at=NOW + DAY)

    assert "Yes, I am coming</button>" in accepting().html


def test_when_registration_is_over_it_says_so_and_a_late_answer_is_refused(
    accepting, event, invitation
):
    form = Form(accepting().html).sent()
    change(event, registration_closes_at=NOW - DAY)

    assert "Registration is over." in words_of(accepting())
    assert 'name="form"' not in accepting().html
    before = tables()
    page = accepting(form=form)

    assert page.status == 422
    assert "It is too late for that: nothing was saved." in words_of(page)
    assert tables() == before


def test_who_has_seats_can_take_fewer_when_registration_is_over(accepting, rsvp, event):
    rsvp(guests="1", guest=["Mia", ""])
    event.refresh_from_db()
    change(event, registration_closes_at=NOW - timedelta(hours=1))

    page = accepting()

    assert "You can still come with fewer guests, or cancel." in words_of(page)
    assert '<option value="2"' not in page.html
    assert "You are coming: 1 seat is yours." in words_of(rsvp(guests="0"))
    assert seats_taken(event) == 1


def test_a_party_stays_as_it_is_when_fewer_guests_are_allowed_by_now(accepting, rsvp, event):
    rsvp(guests="2", guest=["Mia", "Bo"])
    event.refresh_from_db()
    change(event, guests_allowed=0)

    assert '<option value="2" selected' in accepting().html
    rsvp(guests="2", guest=["Mia", "Bodil"])

    assert event.invitations.get().guests == ["Mia", "Bodil"]
    assert seats_taken(event) == 3


@pytest.mark.parametrize(
    ("hours", "words", "has_ticket"),
    [(1, "This event has begun.", True), (3, "This event is over.", False)],
)
def test_once_it_has_begun_nobody_answers(accepting, rsvp, event, hours, words, has_ticket):
    rsvp(guests="0")

    page = accepting(now=event.starts_at + timedelta(hours=hours))

    assert words in words_of(page)
    assert 'name="form"' not in page.html
    assert ("Show your ticket" in words_of(page)) is has_ticket


def test_what_is_over_offers_nothing(accepting, event):
    change(event, price_points=100, award_points=50, place_kind="online")
    assert all(words in words_of(accepting()) for words in OF_WHAT_IS_TO_COME)

    words = words_of(accepting(now=event.ends_at))

    assert "This event is over." in words
    assert not any(one in words for one in OF_WHAT_IS_TO_COME)


def test_who_came_is_greeted_and_asked(accepting, event, invitation):
    Invitation.objects.update(answer="accepted", checked_in_at=NOW, awarded_points=50)

    words = words_of(accepting(now=event.ends_at + DAY))

    assert "Good that you came. You got 50 points for it. Tell us how it was" in words
    for now in (event.ends_at - timedelta(minutes=1), event.ends_at + 61 * DAY):
        assert "Tell us" not in words_of(accepting(now=now))


def test_an_event_that_was_called_off_says_why(accepting, event, invitation):
    change(event, price_points=100, award_points=50, place_kind="online")
    form = Form(accepting().html).sent()
    cancel_event(event_id=event.pk, reason="Our roaster\nfell ill.", now=NOW)

    page = accepting()

    assert "This event was called off. Our roaster fell ill." in words_of(page)
    assert "Points that were paid for seats are given back." in words_of(page)
    assert not any(words in words_of(page) for words in OF_WHAT_IS_TO_COME)
    assert accepting(form=form).status == 422
    invitation.refresh_from_db()
    assert invitation.answer == "invited"


def test_who_was_taken_off_the_list_is_told_and_cannot_come_back(accepting, invitation, event):
    change(event, story="Secret garden", audience=Audience().as_json())
    form = Form(accepting().html).sent()
    remove_guest(invitation_id=invitation.pk, actor="", note="", now=NOW)

    page = accepting()

    assert "You are not on the guest list any more." in words_of(page)
    assert "Secret garden" not in page.html
    page = accepting(form=form)
    assert page.status == 422
    invitation.refresh_from_db()
    assert invitation.answer == "removed"


def test_the_link_of_an_online_event_is_for_those_who_come(accepting, rsvp, event):
    change(event, place_kind="online", place_url="https://meet.example/secret")

    page = accepting()

    assert "Online Those who come get the link with their ticket." in words_of(page)
    assert "meet.example" not in page.html
    assert "https://meet.example/secret" in links_of(rsvp())


def test_it_leads_to_declining_and_to_the_ticket_by_links_of_their_own(rsvp, accepting, invitation):
    own = "https://shop.example/plugins/saleor.loyalty/"

    (decline,) = [url for url in links_of(accepting()) if url.startswith(f"{own}decline/")]
    token = decline.rpartition("/")[2]
    assert read_invitation(token, purpose=LinkPurpose.DECLINE) == invitation.pk

    (ticket,) = [url for url in links_of(rsvp()) if url.startswith(f"{own}ticket/")]
    token = ticket.rpartition("/")[2]
    assert read_invitation(token, purpose=LinkPurpose.TICKET) == invitation.pk


def test_where_the_storefront_has_pages_links_lead_there(front, accepting, invitation):
    links = replace(front.links, events_base="https://aurora.example/events/")

    page = go(replace(front, links=links), LinkPurpose.ACCEPT, invitation)

    assert any(url.startswith("https://aurora.example/events/decline/") for url in links_of(page))


def test_who_has_seats_sees_and_keeps_their_price(rsvp, accepting, event, member):
    give(member, 500)
    change(event, price_points=100)
    rsvp(guests="0")
    event.refresh_from_db()
    change(event, price_points=400)

    assert "1 guest – 200 points" in words_of(accepting())
    rsvp(guests="1")
    assert purse(member).available == 300


def test_a_programme_that_is_off_takes_no_answers(accepting, program):
    form = Form(accepting().html).sent()
    change(program, is_active=False)

    assert 'name="form"' not in accepting().html
    assert accepting(form=form).status == 422
