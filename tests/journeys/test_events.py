"""VIP events over HTTP and SMTP: invited, answered by link, moved, called off; and the door."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import uuid4

import pytest
from icalendar import Calendar

from dev import journey
from dev.journey import until
from tests.journeys.test_mails import link_in, open_page

PASSWORD = "password-of-a-guest"
UPDATE = """mutation($id: ID!, $input: LoyaltyEventInput!) {
  loyaltyEventUpdate(id: $id, input: $input) { event { id } errors { field code message } } }"""
CANCEL = """mutation($id: ID!, $reason: String!) { loyaltyEventCancel(id: $id, reason: $reason) {
  event { state } errors { field code message } } }"""
MINE = """{ me { loyalty { id balance { availablePoints heldPoints }
  invitations(first: 5) { edges { node { answer waitingPlace seats code event { title } } } } } } }"""


@pytest.fixture
def member(shop, database):
    """Makes members of this test's own, who agreed to marketing: address, token and id."""

    def make(name, *, points=0):
        address = f"{name.lower()}-{uuid4()}@example.com"
        token = journey.register(shop, address=address, password=PASSWORD, first_name=name)
        database.execute("UPDATE account_user SET is_confirmed = true WHERE email = %s", [address])
        shop.ask(
            """mutation($channel: String!) { loyaltyJoin(channel: $channel) {
              errors { field code message } } }""",
            {"channel": "default-channel"},
            token,
        )
        shop.ask(
            """mutation($channel: String!) { loyaltyPreferencesUpdate(channel: $channel, input: {
              acceptsMarketing: true}) { errors { field code message } } }""",
            {"channel": "default-channel"},
            token,
        )
        pk = mine(shop, token)["id"]
        if points:
            shop.ask(
                """mutation($member: ID!, $points: Int!) { loyaltyPointsAdjust(input: {
                  memberId: $member, points: $points, reason: GOODWILL, note: "A start"}) {
                  errors { field code message } } }""",
                {"member": pk, "points": points},
                shop.admin,
            )
        return address, token, pk

    return make


def mine(shop, token):
    return shop.ask(MINE, token=token)["me"]["loyalty"]


def my_invitation(shop, token):
    edges = mine(shop, token)["invitations"]["edges"]
    return edges[0]["node"] if edges else None


@pytest.fixture(autouse=True)
def _no_quiet_hours(shop):
    """Invitations may leave at once, whatever the time of day."""
    shop.ask(
        """mutation($program: ID!) {
          loyaltyMailingUpdate(program: $program, input: {quietFrom: 0, quietUntil: 0}) {
            errors { field code message } } }""",
        {"program": program_of(shop)},
        shop.admin,
    )


def program_of(shop):
    listed = shop.ask("{ loyaltyPrograms(first: 1) { edges { node { id } } } }", token=shop.admin)
    return listed["loyaltyPrograms"]["edges"][0]["node"]["id"]


def make_event(shop, members, **values):
    starts_at = values.pop("starts_at", datetime.now(UTC) + timedelta(days=30))
    data = {
        "title": "Winter tasting",
        "place": "Ilica 1",
        "startsAt": starts_at.isoformat(),
        "endsAt": (starts_at + timedelta(hours=2)).isoformat(),
        "timeZone": "Europe/Zagreb",
        "audience": {"members": members, "isHandpicked": True},
        **values,
    }
    return journey.make_event(shop, program_of(shop), **data)


def entry(mail):
    """The calendar entry of a mail, by a parser of its own, and its method."""
    (part,) = [one for one in mail.walk() if one.get_content_type() == "text/calendar"]
    calendar = Calendar.from_ical(part.get_payload(decode=True))
    (event,) = calendar.walk("VEVENT")
    assert part.get_param("method") == calendar["METHOD"]
    return str(calendar["METHOD"]), event


def mail_linking(shop, address, word):
    """Wait for a mail that links to something, and return the address of that."""

    def found():
        for mail in shop.mails_to(address):
            if f"/{word}/" in mail.get_body(("plain",)).get_content():
                return link_in(mail, word)
        return None

    return until(found, within=150, what=f"a link to {word} for {address}")


def picture_in(shop, address):
    """The picture of a ticket, as a mail client fetches it."""
    for mail in shop.mails_to(address):
        html = mail.get_body(("html",)).get_content()
        found = re.search(r"/plugins/saleor\.loyalty/ticket-picture/[^\s\"&]+", html)
        if found:
            with urlopen(f"{shop.url}{found.group()}", timeout=60) as answer:
                assert answer.headers["Content-Type"] == "image/png"
                return answer.read()
    return b""


def with_calendar(shop, address, *, count):
    """Wait until an address has so many mails with calendars, and return their entries."""

    def found():
        some = [
            entry(one)
            for one in shop.mails_to(address)
            if any(part.get_content_type() == "text/calendar" for part in one.walk())
        ]
        return some if len(some) >= count else None

    return until(found, within=150, what=f"{count} calendars for {address}")


def answer(*guests):
    """What the form of the page that accepts an invitation sends."""
    names = [("guest", name) for name in guests]
    return [("form", "accept"), ("guests", str(len(guests))), *names, ("end", "1")]


def test_invited_answered_by_link_moved_twice_and_called_off(shop, member):
    ada, ada_token, ada_id = member("Ada", points=500)
    ben, ben_token, ben_id = member("Ben", points=500)
    now = datetime.now(UTC)
    event = make_event(
        shop,
        [ada_id, ben_id],
        capacity=2,
        guestsAllowed=1,
        pricePoints=50,
        waves=[{"opensAt": now.isoformat()}],
    )["id"]

    # Invited by name, with a calendar entry that waits for an answer; looking answers nothing.
    ((method, invited),) = with_calendar(shop, ada, count=1)
    assert method == "REQUEST"
    assert invited["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
    accept, decline = (mail_linking(shop, ada, word) for word in ("accept", "decline"))
    for url in (accept, decline):
        status, html, _ = open_page(shop, url)
        assert (status, "Winter tasting" in html) == (200, True)
    assert my_invitation(shop, ada_token)["answer"] == "INVITED"

    # A link that was changed, or made for something else, opens nothing.
    token = urlsplit(accept).path.rpartition("/")[2]
    for wrong in (accept[:-2], decline.rpartition("/")[0] + "/" + token):
        assert open_page(shop, wrong, body=answer())[0] == 404
    assert my_invitation(shop, ada_token)["answer"] == "INVITED"

    # Ada brings a guest, all seats are taken; Ben waits. A second click changes nothing.
    for _ in range(2):
        assert open_page(shop, accept, body=answer("Mia"))[0] == 200
    taken = mine(shop, ada_token)
    assert (taken["balance"]["availablePoints"], taken["balance"]["heldPoints"]) == (400, 100)
    open_page(shop, mail_linking(shop, ben, "accept"), body=answer())
    waiting = my_invitation(shop, ben_token)
    assert (waiting["answer"], waiting["waitingPlace"]) == ("WAITING", 1)

    # The ticket: its picture is a picture, and the entry is accepted.
    entries = with_calendar(shop, ada, count=2)
    assert entries[1][1]["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    status, html, _ = open_page(shop, mail_linking(shop, ada, "ticket"))
    assert (status, my_invitation(shop, ada_token)["code"][:4] in html) == (200, True)

    picture = picture_in(shop, ada)
    assert picture.startswith(b"\x89PNG")

    # Moved twice: the same entry moves twice.
    for days in (31, 32):
        moved_to = now + timedelta(days=days)
        change = {
            "startsAt": moved_to.isoformat(),
            "endsAt": (moved_to + timedelta(hours=2)).isoformat(),
        }
        shop.ask(UPDATE, {"id": event, "input": change}, shop.admin)
        entries = with_calendar(shop, ada, count=3 + days - 31)
    assert abs(entries[-1][1].decoded("DTSTART") - moved_to) < timedelta(seconds=1)

    # Ada cannot come; her points are back, and the seat is offered to Ben, who takes it.
    gone = open_page(shop, decline, body=answer())
    assert gone[0] == 200
    assert mine(shop, ada_token)["balance"]["availablePoints"] == 500
    assert my_invitation(shop, ben_token)["answer"] == "OFFERED"
    method, entry_of_ada = with_calendar(shop, ada, count=5)[-1]
    assert (method, int(entry_of_ada["SEQUENCE"])) == ("CANCEL", 5)
    journey.join_event(shop, event, token=ben_token)
    assert my_invitation(shop, ben_token)["answer"] == "ACCEPTED"

    # Called off: Ben's points are back, and his entry goes.
    shop.ask(CANCEL, {"id": event, "reason": "The cellar is flooded."}, shop.admin)
    until(lambda: mine(shop, ben_token)["balance"]["availablePoints"] == 500, within=90)
    entries = until(
        lambda: [one for one in with_calendar(shop, ben, count=2) if one[0] == "CANCEL"],
        within=150,
    )
    everything = with_calendar(shop, ben, count=2)
    assert {str(one["UID"]) for _, one in everything} == {str(entries[-1][1]["UID"])}
    sequences = [int(one["SEQUENCE"]) for _, one in everything]
    assert sequences == sorted(set(sequences))
    assert everything[-1][0] == "CANCEL"
    assert open_page(shop, accept)[0] in (200, 410)


def test_a_code_opens_the_door_once_and_coming_gives_points(shop, member):
    _, token, pk = member("Ada")
    event = make_event(
        shop,
        [pk],
        starts_at=datetime.now(UTC) + timedelta(minutes=30),
        capacity=5,
        awardPoints=250,
    )
    code = journey.join_event(shop, event["id"], token=token)["code"]
    door = event["doorUrl"]

    status, html, _ = open_page(shop, door)
    assert (status, "Winter tasting" in html) == (200, True)
    pages = [
        open_page(shop, door, body=[("code", text)])[1]
        for text in (code.lower(), code, "ABCD1234ABCD1234")
    ]

    assert [
        next(word for word in ("Welcome", "Already in", "Unknown") if word in page)
        for page in pages
    ] == ["Welcome", "Already in", "Unknown"]
    assert mine(shop, token)["balance"]["availablePoints"] == 250
    numbers = shop.ask(
        "query($id: ID!) { loyaltyEvent(id: $id) { numbers { came pointsGiven } } }",
        {"id": event["id"]},
        shop.admin,
    )["loyaltyEvent"]["numbers"]
    assert numbers == {"came": 1, "pointsGiven": 250}
