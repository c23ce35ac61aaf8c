"""The page at an event's door, and where guests' codes lead."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from freezegun import freeze_time

from saleor_loyalty.emails.links import LinkPurpose, sign_door, sign_invitation
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.flows.manage_events import cancel_event, change_door
from saleor_loyalty.members.models import Member
from saleor_loyalty.tiers.models import TierStanding
from tests.events.parties import come, make_event, make_guest, purse
from tests.factories import NOW, make_program
from tests.pages.conftest import Form, tables, words_of
from tests.pages.guests import at_the_door, invite
from tests.tiers.ladders import make_ladder

DAY = timedelta(days=1)
SCRIPT = "script-src 'sha256-"


@pytest.fixture
def door(front, event):
    """Visit the door half an hour before the event; with fields, by POST."""

    def door(*, now=None, shop=front, **fields):
        form = None
        if fields:
            form = QueryDict(mutable=True)
            form.update(fields)
        return at_the_door(shop, event, form=form, now=now)

    return door


@pytest.fixture
def ada(member, event, people, user, invitation):
    """Ada comes with two guests."""
    people[user.pk] = Person(email=user.email, first_name="Ada", last_name="Lovelace")
    come(member, event, "Mia Berg", "")
    Invitation.objects.update(access="Ramp", dietary="No nuts")
    invitation.refresh_from_db()
    return invitation


def guest(program, people, name, **values):
    member = make_guest(program, name.lower(), **values)
    people[member.user_id] = Person(email=f"{name.lower()}@example.com", first_name=name)
    return member


def knows(front, *members):
    """The shop with members by the address of their accounts."""
    found = {one.user.email: one.pk for one in members}
    return type(front)(
        identity=front.identity,
        find_people=front.find_people,
        links=front.links,
        find_member=lambda email, program_id: found.get(email),
    )


def is_in(invitation):
    invitation.refresh_from_db()
    return invitation.checked_in_at is not None


def test_it_counts_who_came_and_lets_nobody_in_by_looking(door, ada, program, event, people):
    before = tables()

    page = door()

    assert page.status == 200
    assert "Tasting 0 of 3 are in Monday, June 29, 2026 at 2:00 PM 7 seats free" in words_of(page)
    assert tables() == before


def test_it_runs_one_script_with_the_camera(door):
    page = door()

    assert page.headers["Permissions-Policy"] == "camera=(self)"
    assert SCRIPT in page.headers["Content-Security-Policy"]
    assert page.html.count("<script>") == 1
    assert "BarcodeDetector" in page.html
    assert ("div", {"id": "camera", "hidden": None}) in Form(page.html).tags


@pytest.mark.parametrize(
    "code",
    [
        "ABCD1234EFGH5678",
        " abcd-1234-efgh-5678 ",
        "https://shop.example/plugins/saleor.loyalty/door/ABCD1234EFGH5678",
    ],
)
def test_a_code_lets_a_party_in_and_tells_what_to_know(door, ada, event, code):
    page = door(code=code)

    assert page.status == 200
    words = words_of(page)
    assert "Welcome Ada Lovelace 3 seats With Mia Berg Needs Ramp Does not eat No nuts" in words
    assert "3 of 3 are in" in words
    assert '<div class="verdict welcome" role="alert">' in page.html
    ada.refresh_from_db()
    assert (ada.checked_in_at, ada.checked_in_seats, ada.checked_in_by) == (
        event.starts_at,
        3,
        "door",
    )


def test_the_tier_is_told(door, ada, member, program):
    tier = make_ladder(program)[0]
    TierStanding.objects.create(member=member, program=program, tier=tier, earned=tier, since=NOW)

    assert f"Tier {tier.name}" in words_of(door(code=ada.code))


def test_a_party_may_come_in_part(door, ada):
    page = door(code=ada.code, seats="2")

    assert "Welcome Ada Lovelace 2 seats of 3" in words_of(page)
    assert "2 of 3 are in" in words_of(page)


def test_the_others_of_a_party_are_let_in_by_one_button(door, ada):
    door(code=ada.code, seats="2")

    again = door(code=ada.code)
    assert ("input", {"type": "hidden", "name": "do", "value": "rest"}) in Form(again.html).tags
    assert "2 of 3 are in" in words_of(again)
    others = door(code=ada.code, do="rest")

    assert "Welcome Ada Lovelace 3 seats" in words_of(others)
    assert "3 of 3 are in" in words_of(others)
    assert "Let in the others too" not in words_of(door(code=ada.code))


@pytest.mark.parametrize("seats", ["0", "-1", "x", "", "99999", "²"])
def test_a_number_that_is_none_means_all(door, ada, seats):
    door(code=ada.code, seats=seats)

    ada.refresh_from_db()
    assert ada.checked_in_seats == 3


def test_the_second_time_they_are_in_already(door, ada, event):
    door(code=ada.code, seats="2")
    before = tables()

    page = door(code=ada.code, now=event.starts_at + timedelta(minutes=5))

    assert "Already in Ada Lovelace Since 2:00 PM – 2 seats of 3" in words_of(page)
    assert '<div class="verdict already_in" role="alert">' in page.html
    assert tables() == before


def test_long_before_it_says_when_it_is(door, ada):
    page = door(code=ada.code, now=NOW)

    assert "Not today Ada Lovelace It is on Monday, June 29, 2026 at 2:00 PM." in words_of(page)
    assert not is_in(ada)


def test_an_event_that_was_called_off_lets_nobody_in(door, ada, event):
    cancel_event(event_id=event.pk, reason="", now=NOW)
    event.refresh_from_db()

    assert "This event was called off." in words_of(door())
    page = door(code=ada.code)

    assert "Not today Ada Lovelace This event was called off." in words_of(page)
    assert not is_in(ada)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("waiting", "On the waiting list"),
        ("offered", "Has not taken the seats that are kept"),
        ("invited", "Invited, has not answered"),
        ("declined", "Has cancelled"),
        ("cancelled", "Has cancelled"),
        ("removed", "Taken off the list"),
    ],
)
def test_who_has_no_seat_stays_out_and_staff_see_why(door, invitation, answer, words):
    until = NOW + DAY if answer == "offered" else None
    Invitation.objects.update(answer=answer, offered_until=until)

    page = door(code=invitation.code)

    assert f"No seat Ada {words}" in words_of(page)
    assert not is_in(invitation)


def test_a_code_that_is_none_or_anothers_is_unknown(door, front, program, ada, event):
    other = make_event(program)

    pages = [door(code="ABCD1234ABCD1234")]
    pages += [at_the_door(front, other, form=QueryDict(f"code={ada.code}"))]

    for page in pages:
        assert "Unknown No ticket of this event has this code." in words_of(page)
        assert "Ada" not in page.html
    assert not is_in(ada)


def test_a_name_finds_guests_with_a_button_each(door, ada, program, people, event):
    alan = come(guest(program, people, "Alan"), event)
    come(guest(program, people, "Bob"), event)
    before = tables()

    page = door(code="la")

    assert "2 found Ada Lovelace 3 seats 3 2 1 Let in Alan 1 seat Let in" in words_of(page)
    assert ('<input type="hidden" name="code" value="' + alan.code) in page.html
    assert "Bob" not in page.html
    assert tables() == before
    door(code=alan.code)
    assert "Alan 1 seat, already in" in words_of(door(code="alan"))


def test_a_party_that_was_found_may_come_in_part(door, ada):
    choice = '<select name="seats" aria-label="How many come in"><option value="">3</option>'
    assert f'value="{ada.code}">{choice}' in door(code="ada").html

    page = door(code=ada.code, seats="2")

    assert "Welcome Ada Lovelace 2 seats of 3" in words_of(page)
    assert choice not in door(code="ada").html


@pytest.mark.parametrize("name", ["berg", "Lovelace", "ada@example.com", "love ada"])
def test_a_guest_is_found_by_any_of_their_names(door, ada, name):
    assert "1 found Ada Lovelace" in words_of(door(code=name))


def test_a_name_of_sixteen_letters_is_a_name(door, member, event, people, user):
    people[user.pk] = Person(email=user.email, first_name="Maximiliane", last_name="Huber")
    come(member, event)

    assert "1 found Maximiliane Huber" in words_of(door(code="Maximiliane"))
    page = door(code="Maximilian Tuber")

    assert "Nobody with a seat is called “Maximilian Tuber”." in words_of(page)


def test_nobody_and_nothing_are_told_apart(door):
    assert "Nobody with a seat is called “Zoe <b>”." in words_of(door(code="Zoe <b>"))
    assert "Please type a code, a name or an e-mail address." in words_of(door(code=" "))
    assert "Please type a code, a name or an e-mail address." in words_of(
        door(do="walk_in", email="")
    )


def test_a_member_without_a_seat_gets_one_and_pays(door, front, program, people, event):
    event.price_points, event.guests_allowed = 100, 1
    event.save()
    alan = guest(program, people, "Alan", points=250)

    page = door(shop=knows(front, alan), do="walk_in", email="alan@example.com", seats="2")

    assert "Welcome Alan 2 seats" in words_of(page)
    assert purse(alan).available == 50
    assert Invitation.objects.get(member=alan).source == "walk_in"


@pytest.mark.parametrize(
    ("email", "seats", "words"),
    [
        ("zoe@example.com", "1", "No member has this address."),
        ("alan@example.com", "3", "They do not have enough points for the seats."),
        ("alan@example.com", "4", "So many cannot come with one member."),
        ("full@example.com", "2", "Only 1 seat is free."),
    ],
)
def test_why_a_member_cannot_come_in_is_told(
    door, front, program, people, event, email, seats, words
):
    event.price_points = 100
    event.capacity = 1 if email.startswith("full") else 10
    event.save()
    alan, full = (guest(program, people, name, points=200) for name in ("Alan", "Full"))
    before = tables()

    page = door(shop=knows(front, alan, full), do="walk_in", email=email, seats=seats)

    assert words in words_of(page)
    assert f'value="{email}"' in page.html
    assert "<details" in page.html
    assert tables() == before


def test_a_member_of_another_programme_is_none_here(door, front, people, event):
    other = guest(make_program(channel_ids=[8], name="Other"), people, "Eve")

    page = door(shop=knows(front, other), do="walk_in", email="eve@example.com")

    assert "No member has this address." in words_of(page)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_link_to_the_door_that_is_no_good_opens_nothing(front, event, ada, method):
    good = sign_door(event.pk, 0)
    forged = [good[:-1], "9" + good, "~", sign_invitation(event.pk, purpose=LinkPurpose.TICKET)]
    forged += [sign_door(event.pk + 1, 0), ""]
    before = tables()

    for token in forged:
        page = at_the_door(front, event, token=token, method=method)

        assert page.status == 404
        assert "Tasting" not in page.html
        assert page.cookie is None
    assert tables() == before


def test_a_link_to_the_door_ends_with_its_number_with_time_and_two_weeks_after(front, event, ada):
    token = sign_door(event.pk, 0)
    form = QueryDict(f"code={ada.code}")
    with freeze_time(NOW - 401 * DAY):
        old = sign_door(event.pk, 0)

    assert at_the_door(front, event, token=token, now=event.ends_at + 14 * DAY).status == 200
    pages = [at_the_door(front, event, token=token, now=event.ends_at + 15 * DAY, form=form)]
    with freeze_time(NOW):
        pages += [at_the_door(front, event, token=old, form=form)]
    change_door(event_id=event.pk, now=NOW)
    pages += [at_the_door(front, event, token=token, form=form)]

    for page in pages:
        assert page.status == 410
        assert "Please ask for the link that is used now." in words_of(page)
        assert page.cookie is None
    assert not is_in(ada)


def test_staffs_browser_keeps_the_link_until_the_door_closes(door, event):
    cookie = door().cookie

    assert cookie.name == f"loyalty_door_{event.pk}"
    assert cookie.value == sign_door(event.pk, 0) or cookie.value.startswith(f"{event.pk}.0~")
    assert cookie.expires_at == event.ends_at + 14 * DAY


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("code", ["ABCD1234EFGH5678", "ABCD1234ABCD1234", "x"])
def test_a_guest_who_opens_a_code_is_told_where_to_show_it(front, event, ada, method, code):
    before = tables()

    page = at_the_door(front, event, token=code, method=method)

    assert page.status == 200
    assert "Please show your ticket with this code at the entrance" in words_of(page)
    assert "Ada" not in page.html
    assert "Tasting" not in page.html
    assert page.cookie is None
    assert tables() == before


def test_staff_who_open_a_code_see_whose_it_is_and_one_button(front, door, event, ada):
    cookies = {door().cookie.name: sign_door(event.pk, 0), "other": "x"}
    before = tables()

    for method in ("GET", "HEAD", "POST"):
        page = at_the_door(front, event, token=ada.code, cookies=cookies, method=method)

        assert "Tasting Ada Lovelace 3 seats With Mia Berg" in words_of(page)
        assert page.html.count("<button") == 1
        assert tables() == before
    form = Form(page.html)
    (action,) = [attrs["action"] for tag, attrs in form.tags if tag == "form"]
    assert action.startswith("/plugins/saleor.loyalty/door/")
    token = action.rpartition("/")[2]

    page = at_the_door(front, event, token=token, form=form.sent(seats="1"))

    assert "Welcome Ada Lovelace 1 seat of 3" in words_of(page)


@pytest.mark.parametrize(
    ("values", "hours", "words"),
    [
        ({"checked_in_at": NOW, "checked_in_seats": 2}, 0, "Already in Ada Lovelace Since Monday"),
        ({}, -4 * 24, "Not today Ada Lovelace It is on Monday, June 29, 2026 at 2:00 PM."),
        ({}, 15, "Not today Ada Lovelace"),
        ({"answer": "waiting"}, 0, "No seat Ada Lovelace On the waiting list"),
        ({"answer": "cancelled"}, 0, "No seat Ada Lovelace Has cancelled"),
    ],
)
def test_staff_who_open_a_code_that_lets_nobody_in_see_why_at_once(
    front, event, ada, values, hours, words
):
    Invitation.objects.update(**values)
    cookies = {f"loyalty_door_{event.pk}": sign_door(event.pk, 0)}
    now = event.starts_at + timedelta(hours=hours)
    before = tables()

    page = at_the_door(front, event, token=ada.code, cookies=cookies, now=now)

    assert words in words_of(page)
    assert 'role="alert"' in page.html
    assert "Let in</button>" not in page.html
    assert "Tasting" in words_of(page)
    assert tables() == before


@pytest.mark.parametrize("spoil", [lambda token: token[:-1], lambda token: "", lambda token: "~"])
def test_a_forged_cookie_opens_nothing(front, event, ada, spoil):
    cookies = {f"loyalty_door_{event.pk}": spoil(sign_door(event.pk, 0))}

    page = at_the_door(front, event, token=ada.code, cookies=cookies)

    assert "Ada" not in page.html


def test_a_cookie_of_another_event_says_that_the_code_is_unknown(front, program, event, ada):
    other = make_event(program, title="Concert")
    ended = make_event(program, title="Ended", door_number=1)
    cookies = {
        f"loyalty_door_{event.pk}": sign_door(other.pk, 0),
        f"loyalty_door_{ended.pk}": sign_door(ended.pk, 0),
    }

    page = at_the_door(front, event, token=ada.code, cookies=cookies)

    assert "Unknown No ticket of this event has this code. Concert" in words_of(page)
    assert "Ada" not in page.html


def test_of_two_doors_the_codes_own_opens(front, program, event, ada):
    other = make_event(program, title="Concert")
    cookies = {f"loyalty_door_{one.pk}": sign_door(one.pk, 0) for one in (event, other)}

    page = at_the_door(front, event, token=ada.code, cookies=cookies)

    assert "Ada Lovelace 3 seats" in words_of(page)
    assert page.cookie.name == f"loyalty_door_{event.pk}"


def test_it_is_in_the_browsers_language(front, event):
    page = at_the_door(front, event, accept_language="nb")

    assert '<html lang="nb">' in page.html


@pytest.mark.parametrize("method", ["PUT", "DELETE", ""])
def test_other_methods_are_refused(front, event, ada, method):
    assert at_the_door(front, event, method=method).status == 405
    assert at_the_door(front, event, token=ada.code, method=method).status == 405


def test_what_guests_and_staff_typed_is_text(front, door, event, ada, people, user):
    evil = "<script>alert(1)</script>"
    people[user.pk] = Person(email=user.email, first_name=evil)
    Invitation.objects.update(guests=[evil], access=evil, dietary=evil)
    event.title = evil
    event.save()

    pages = [door(code=evil), door(code=evil + "x"), door(do="walk_in", email=evil)]
    pages += [door(code="ada@"), door(code=ada.code)]

    for page in pages:
        assert page.html.count("<script") == 1
        assert "&lt;script&gt;alert(1)" in page.html


def test_an_imported_guest_without_an_account_is_called_by_their_address(front, program, event):
    member = Member.objects.create(
        program=program, email="ada@old.example", joined_at=NOW, joined_by="import"
    )
    invitation = invite(member, event, answer="accepted")

    page = at_the_door(front, event, form=QueryDict(f"code={invitation.code}"))

    assert "Welcome ada@old.example 1 seat" in words_of(page)
