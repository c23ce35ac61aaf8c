"""Tickets: the code that opens the door, as a page and as a picture."""

from dataclasses import replace
from datetime import timedelta

import pytest
import segno
from icalendar import Calendar

from saleor_loyalty.emails.envelopes import MailSender
from saleor_loyalty.emails.links import LinkPurpose, sign_invitation
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.rules import Answer
from saleor_loyalty.flows.manage_events import cancel_event
from saleor_loyalty.pages.event_calendar import calendar_page
from saleor_loyalty.pages.layout import Visit
from saleor_loyalty.pages.ticket import ticket_picture
from tests.events.parties import come, leave, make_guest
from tests.factories import NOW
from tests.pages.conftest import words_of
from tests.pages.guests import go

ADDRESS = "https://shop.example/plugins/saleor.loyalty/door/ABCD1234EFGH5678"


@pytest.fixture
def ticket(front, invitation):
    """Visit the member's ticket."""

    def ticket(**values):
        return go(front, LinkPurpose.TICKET, invitation, **values)

    return ticket


@pytest.fixture
def accepted(member, event, invitation):
    return come(member, event, "Mia Berg", "")


def drawn():
    """The squares of the code that a camera must see, as they are drawn."""
    code = segno.make_qr(ADDRESS, error="m", boost_error=False)
    return code.svg_inline(border=4, light="#fff", omitsize=True)


@pytest.mark.usefixtures("accepted")
def test_it_shows_the_code_and_who_comes(ticket):
    page = ticket()

    assert drawn() in page.html
    assert 'role="img" aria-label="QR code of your ticket"' in page.html
    assert "ABCD 1234 EFGH 5678 Show this at the entrance" in words_of(page)
    assert "Seats 3 Ada, Mia Berg When Monday, June 29, 2026" in words_of(page)
    assert "To change or cancel, use the link in your message." in words_of(page)


def test_without_seats_there_is_no_code(ticket, program, event, member, invitation):
    assert "You have no seats at this event." in words_of(ticket())
    event.capacity = 1
    event.save()
    come(make_guest(program, "other"), event)
    come(member, event)

    page = ticket()

    assert "You are on the waiting list." in words_of(page)
    for one in (page, ticket(now=event.starts_at)):
        assert "<svg" not in one.html
        assert "ABCD" not in one.html
        assert 'href="https://aurora.example/"' in one.html
    assert "To answer, use the link in your message." in words_of(page)
    assert "link in your message" not in words_of(ticket(now=event.starts_at))
    Invitation.objects.filter(member=member).update(answer="offered", offered_until=NOW)
    assert "Seats are kept for you" in words_of(ticket(now=NOW - timedelta(hours=1)))


@pytest.mark.usefixtures("accepted")
def test_of_an_event_that_was_cancelled_or_is_over_there_is_no_code(ticket, event, member):
    assert "This event is over." in words_of(ticket(now=event.ends_at))
    leave(member, event)
    assert "You have no seats at this event." in words_of(ticket())
    cancel_event(event_id=event.pk, reason="Ill.", now=NOW)

    page = ticket()

    assert "This event was called off. Ill." in words_of(page)
    assert "<svg" not in page.html


@pytest.mark.parametrize("answer", [one.value for one in Answer])
@pytest.mark.parametrize("purpose", [LinkPurpose.TICKET, LinkPurpose.FEEDBACK])
def test_what_is_handed_on_has_no_link_by_which_one_answers(
    shop, event, invitation, purpose, answer
):
    until = event.ends_at if answer == "offered" else None
    Invitation.objects.update(answer=answer, offered_until=until)
    moments = [NOW, event.starts_at, event.ends_at, event.ends_at + timedelta(days=61)]

    pages = [go(shop, purpose, invitation, now=now).html for now in moments]
    Invitation.objects.filter(answer="accepted").update(checked_in_at=event.starts_at)
    pages += [go(shop, purpose, invitation, now=now).html for now in moments]
    pages += [calendar(shop, invitation, now=now).body for now in moments]

    for page in pages:
        text = page if isinstance(page, str) else page.decode().replace("\r\n ", "")
        assert not any(one in text for one in ("/accept/", "/decline/"))


@pytest.mark.usefixtures("accepted")
def test_an_online_event_opens_from_three_hours_before(shop, event, invitation):
    event.place_kind, event.place_url = "online", "https://meet.example/room"
    event.save()
    three_hours = timedelta(hours=3)
    moments = [
        event.starts_at - three_hours - timedelta(minutes=1),
        event.starts_at - three_hours,
        event.ends_at - timedelta(minutes=1),
        event.ends_at,
    ]

    pages = [go(shop, LinkPurpose.TICKET, invitation, now=now) for now in moments]

    button = '<a class="button" href="https://meet.example/room"'
    assert [button in page.html for page in pages] == [False, True, True, False]
    for page in pages[:3]:
        assert "<svg" not in page.html
        assert "Show this at the entrance" not in words_of(page)
        assert "Code ABCD 1234 EFGH 5678" in words_of(page)
    assert pages[1].html.index("Open the event online") < pages[1].html.index("Add to your")
    assert 'class="button second" href="https://shop.example/' in pages[1].html


@pytest.mark.usefixtures("accepted")
def test_without_an_address_there_is_nothing_to_open(ticket, event):
    event.place_kind = "online"
    event.save()

    assert "Open the event online" not in words_of(ticket(now=event.starts_at))


@pytest.mark.usefixtures("accepted")
def test_who_is_in_is_told_since_when(ticket, event):
    Invitation.objects.update(checked_in_at=event.starts_at)

    page = ticket(now=event.starts_at + timedelta(hours=1))

    assert "You are in, since Monday, June 29, 2026 at 2:00 PM." in words_of(page)
    assert "<svg" in page.html
    assert "link in your message" not in words_of(page)
    after = ticket(now=event.ends_at)
    assert "<svg" not in after.html
    assert "Tell us how it was" in words_of(after)


@pytest.mark.usefixtures("accepted")
def test_its_picture_holds_the_same_code(front, invitation):
    token = sign_invitation(invitation.pk, purpose=LinkPurpose.TICKET)

    page = ticket_picture(Visit(token=token, now=NOW), front=front)

    assert page.status == 200
    assert page.headers == {
        "Content-Type": "image/png",
        "Content-Disposition": 'inline; filename="ticket.png"',
        "Cache-Control": "private, max-age=86400",
        "Content-Security-Policy": "default-src 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    assert page.file.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(page.file[at : at + 4]) for at in (16, 20))
    assert width == height >= 300
    assert page.body == ticket_picture(Visit(token=token, now=NOW), front=front).file


@pytest.fixture
def shop(front):
    """A shop that sends mails, and so may invite by calendars."""
    sender = MailSender(backend=None, from_address="hello@aurora.example", shop=front.identity)
    return replace(front, find_sender=lambda: sender)


def calendar(shop, invitation, *, now=NOW, purpose=LinkPurpose.TICKET):
    token = sign_invitation(invitation.pk, purpose=purpose)
    return calendar_page(Visit(token=token, now=now), front=shop)


@pytest.mark.usefixtures("accepted")
def test_it_leads_to_a_file_for_the_calendar_with_the_entry_of_the_mails(
    shop, ticket, invitation, event, user
):
    invitation.refresh_from_db()
    assert "/calendar/" not in ticket().html
    assert "/calendar/" in go(shop, LinkPurpose.TICKET, invitation).html

    page = calendar(shop, invitation)

    assert page.status == 200
    assert page.headers["Content-Type"] == 'text/calendar; method=REQUEST; charset="utf-8"'
    assert page.headers["Cache-Control"] == "no-store"
    (entry,) = Calendar.from_ical(page.body).walk("VEVENT")
    assert entry["UID"] == str(event.uid)
    assert entry["SEQUENCE"] == invitation.calendar_sequence
    assert (entry["SUMMARY"], entry.start) == ("Tasting", event.starts_at)
    assert entry["URL"].startswith("https://shop.example/plugins/saleor.loyalty/ticket/")
    assert entry["ATTENDEE"] == f"mailto:{user.email}"
    assert entry["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"


def test_who_does_not_come_gets_no_file(shop, front, member, event, invitation):
    before = calendar(shop, invitation)
    come(member, event)

    pages = [before, calendar(shop, invitation, now=event.ends_at), calendar(front, invitation)]
    pages += [calendar(shop, invitation, purpose=LinkPurpose.ACCEPT)]

    assert not any(page.file for page in pages)
    assert [page.status for page in pages] == [200, 200, 200, 404]
