"""The pages about events behind Saleor's URL for plugins."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from saleor_loyalty.emails.links import LinkPurpose, sign_door
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.rules import Audience
from saleor_loyalty.shop.post_office import link_maker
from saleor_loyalty.shop.settings import LoyaltySettings
from saleor_loyalty.shop.shopfront import find_member
from tests.saleor.shopping import give
from tests.saleor.test_pages import configure

pytestmark = pytest.mark.usefixtures("site_settings", "plugin_on")

ROOT = "/plugins/saleor.loyalty/"
PURPOSES = [
    LinkPurpose.ACCEPT,
    LinkPurpose.DECLINE,
    LinkPurpose.TICKET,
    LinkPurpose.FEEDBACK,
]


@pytest.fixture
def browser():
    """A browser that would be refused where a token against forgery is asked for."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def member(program, customer_user):
    return give(program, customer_user, 500)


@pytest.fixture
def event(program):
    """An event that begins in an hour."""
    now = timezone.now()
    return Event.objects.create(
        program=program,
        title="Tasting",
        state="published",
        starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=3),
        time_zone="Europe/Zagreb",
        capacity=10,
        guests_allowed=2,
        audience=Audience().as_json(),
        created_at=now,
        updated_at=now,
    )


@pytest.fixture
def invitation(member, event):
    return Invitation.objects.create(
        event=event,
        member=member,
        source="wave",
        answer="invited",
        code="ABCD1234EFGH5678",
        invited_at=timezone.now(),
    )


def path_of(address):
    return f"/{address.partition('//')[2].partition('/')[2]}"


def path(invitation, purpose):
    return path_of(link_maker(LoyaltySettings()).event(invitation.pk, purpose))


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_links_of_mails_lead_to_the_pages(browser, invitation, purpose):
    response = browser.get(path(invitation, purpose))

    assert response.status_code == 200
    assert "Tasting" in response.content.decode()
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert not response.cookies


def test_an_invitation_is_accepted_and_declined(browser, invitation, event):
    form = {"form": "accept", "guests": "1", "guest": ["Mia", ""], "end": "1"}

    response = browser.post(path(invitation, LinkPurpose.ACCEPT), form)

    assert "You are coming: 2 seats are yours." in response.content.decode()
    invitation.refresh_from_db()
    assert (invitation.answer, invitation.guests) == ("accepted", ["Mia"])

    browser.post(path(invitation, LinkPurpose.DECLINE))

    invitation.refresh_from_db()
    assert invitation.answer == "cancelled"


def test_a_tickets_picture_is_a_png(browser, invitation):
    address = link_maker(LoyaltySettings()).ticket_picture(invitation.pk)

    response = browser.get(path_of(address))

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Cache-Control"] == "private, max-age=86400"
    assert response.content.startswith(b"\x89PNG")
    head = browser.head(path_of(address))
    assert (head.status_code, head.content) == (200, b"")
    assert browser.get(path_of(address)[:-1]).status_code == 404


def test_a_ticket_leads_to_a_file_for_the_calendar(browser, invitation):
    Invitation.objects.update(answer="accepted")
    address = path_of(link_maker(LoyaltySettings()).calendar(invitation.pk))

    assert address in browser.get(path(invitation, LinkPurpose.TICKET)).content.decode()
    response = browser.get(address)

    assert response.headers["Content-Type"].startswith("text/calendar; method=REQUEST")
    assert b"SUMMARY:Tasting\r\n" in response.content


def test_feedback_may_be_chosen_by_the_address(browser, invitation):
    now = timezone.now()
    Event.objects.update(starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1))
    Invitation.objects.update(answer="accepted", checked_in_at=now)

    html = browser.get(path(invitation, LinkPurpose.FEEDBACK) + "?score=4").content.decode()

    assert 'value="4" checked' in html
    browser.post(path(invitation, LinkPurpose.FEEDBACK), {"score": "5", "text": "Warm"})
    invitation.refresh_from_db()
    assert (invitation.feedback_score, invitation.feedback_text) == (5, "Warm")


def test_the_door_opens_by_its_link_and_by_staffs_own_camera(browser, invitation, event):
    Invitation.objects.update(answer="accepted", seats=2)
    door = f"{ROOT}door/{sign_door(event.pk, 0)}"
    code = f"{ROOT}door/{invitation.code}"
    stranger = browser.get(code)
    assert "Please show your ticket" in stranger.content.decode()
    assert not stranger.cookies

    response = browser.get(door)

    cookie = response.cookies[f"loyalty_door_{event.pk}"]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == (ROOT, "Lax", True)
    assert cookie["secure"] == ("" if link_maker(LoyaltySettings()).base[:5] == "http:" else True)
    assert response.headers["Permissions-Policy"] == "camera=(self)"
    assert "; script-src 'sha256-" in response.headers["Content-Security-Policy"]

    html = browser.get(code).content.decode()
    assert "Let in" in html
    assert f'action="{door}"' in html
    invitation.refresh_from_db()
    assert invitation.checked_in_at is None

    html = browser.post(door, {"code": invitation.code}).content.decode()
    assert "Welcome" in html
    invitation.refresh_from_db()
    assert invitation.checked_in_seats == 2


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_the_doors_cookie_is_for_https_where_the_shop_is(browser, event, settings, protocol):
    settings.ENABLE_SSL = protocol == "https"
    settings.PUBLIC_URL = None

    response = browser.get(f"{ROOT}door/{sign_door(event.pk, 0)}", secure=True)

    is_https = link_maker(LoyaltySettings()).base.startswith("https:")
    assert bool(response.cookies[f"loyalty_door_{event.pk}"]["secure"]) is is_https
    assert is_https is (protocol == "https")


def test_a_member_without_a_seat_is_found_by_their_account(browser, member, event, customer_user):
    response = browser.post(
        f"{ROOT}door/{sign_door(event.pk, 0)}",
        {"do": "walk_in", "email": customer_user.email.upper(), "seats": "1"},
    )

    assert "Welcome" in response.content.decode()
    assert Invitation.objects.get().member_id == member.pk


def test_members_are_found_in_their_own_programme(program, member, customer_user, staff_user):
    assert find_member(customer_user.email, program.pk) == member.pk
    assert find_member(customer_user.email, program.pk + 1) is None
    assert find_member(staff_user.email, program.pk) is None
    assert find_member("nobody@example.com", program.pk) is None


def test_where_the_storefront_has_pages_ours_still_answer(browser, invitation, plugin_on):
    configure(plugin_on, rsvp_url="https://shop.example/events/")

    html = browser.get(path(invitation, LinkPurpose.ACCEPT)).content.decode()

    assert "Tasting" in html
    assert 'href="https://shop.example/events/decline/' in html
