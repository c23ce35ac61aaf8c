"""What mails put into calendars: read back by a parser, and line by line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from saleor_loyalty.emails.calendars import (
    CalendarEntry,
    Method,
    PartStat,
    Party,
    write_calendar,
)

UID = "6f0d3a52-8a8e-4c68-9d0e-2f8c1b7f4a11@aurora.example"
PAGE = "https://shop.example/events/winter-tasting?a=1;b,c"
ENTRY = CalendarEntry(
    uid=UID,
    sequence=0,
    method=Method.REQUEST,
    stamped_at=datetime(2026, 11, 22, 10, 30, 15, 250_000, tzinfo=UTC),
    starts_at=datetime(2026, 12, 3, 17, tzinfo=UTC),
    ends_at=datetime(2026, 12, 3, 19, 30, tzinfo=UTC),
    time_zone="Europe/Zagreb",
    title="Winter tasting",
    story="Five coffees.\n\nBring a friend.",
    place="Aurora Coffee, Ilica 5, Zagreb",
    place_url="https://maps.example/aurora",
    url=PAGE,
    organizer=Party(address="hello@aurora.example", name="Aurora Coffee"),
    attendee=Party(address="ada+vip@example.com", name="Ada"),
    partstat=PartStat.ACCEPTED,
)


def lines(entry):
    """The lines as they stand, unfolded."""
    return write_calendar(entry).replace("\r\n ", "").split("\r\n")[:-1]


def parsed(entry):
    """The event of a calendar, as a parser understands it."""
    calendar = Calendar.from_ical(write_calendar(entry))
    (event,) = calendar.walk("VEVENT")
    return event


def utc(value):
    return value.dt.astimezone(UTC)


def properties(entry, name):
    return [line for line in lines(entry) if line.split(":")[0].split(";")[0] == name]


def test_an_event_is_written_as_rfc_5545_and_5546_have_it():
    written = lines(ENTRY)

    assert written[0] == "BEGIN:VCALENDAR"
    assert written[-1] == "END:VCALENDAR"
    assert {
        "VERSION:2.0",
        "PRODID:-//saleor-loyalty//events//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
        f"UID:{UID}",
        "SEQUENCE:0",
        "DTSTAMP:20261122T103015Z",
        "DTSTART;TZID=Europe/Zagreb:20261203T180000",
        "DTEND;TZID=Europe/Zagreb:20261203T203000",
        "SUMMARY:Winter tasting",
        "LOCATION:Aurora Coffee\\, Ilica 5\\, Zagreb",
        f"URL:{PAGE}",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
    } <= set(written)
    assert properties(ENTRY, "DESCRIPTION") == [
        "DESCRIPTION:Five coffees.\\n\\nBring a friend.\\n\\nhttps://maps.example/aurora\\n\\n"
        "https://shop.example/events/winter-tasting?a=1\\;b\\,c"
    ]
    assert written.count("BEGIN:VTIMEZONE") == 1
    assert "TZID:Europe/Zagreb" in written
    assert not properties(ENTRY, "COMMENT")


def test_it_names_the_shop_and_the_reader_and_asks_for_no_reply():
    event = parsed(ENTRY)

    assert event["ORGANIZER"] == "mailto:hello@aurora.example"
    assert event["ORGANIZER"].params["CN"] == "Aurora Coffee"
    assert event["ATTENDEE"] == "mailto:ada+vip@example.com"
    assert dict(event["ATTENDEE"].params) == {
        "CN": "Ada",
        "CUTYPE": "INDIVIDUAL",
        "ROLE": "REQ-PARTICIPANT",
        "PARTSTAT": "ACCEPTED",
        "RSVP": "FALSE",
    }


@pytest.mark.parametrize(
    ("method", "partstat", "status", "transp"),
    [
        (Method.REQUEST, PartStat.NEEDS_ACTION, "CONFIRMED", "TRANSPARENT"),
        (Method.REQUEST, PartStat.TENTATIVE, "CONFIRMED", "TRANSPARENT"),
        (Method.REQUEST, PartStat.ACCEPTED, "CONFIRMED", "OPAQUE"),
        (Method.CANCEL, PartStat.ACCEPTED, "CANCELLED", "TRANSPARENT"),
    ],
)
def test_only_who_comes_is_busy(method, partstat, status, transp):
    event = parsed(replace(ENTRY, method=method, partstat=partstat))

    assert (event["STATUS"], event["TRANSP"]) == (status, transp)
    assert event["ATTENDEE"].params["PARTSTAT"] == partstat.value


def test_a_moved_and_then_cancelled_event_is_one_event_with_ever_newer_versions():
    later = timedelta(days=1)
    moved = replace(
        ENTRY,
        sequence=1,
        stamped_at=ENTRY.stamped_at + later,
        starts_at=ENTRY.starts_at + later,
        ends_at=ENTRY.ends_at + later,
    )
    off = replace(moved, sequence=2, stamped_at=moved.stamped_at + later, method=Method.CANCEL)

    found = [parsed(one) for one in (ENTRY, moved, off)]

    assert {event["UID"] for event in found} == {UID}
    assert [event["SEQUENCE"] for event in found] == [0, 1, 2]
    assert [event["STATUS"] for event in found] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert [utc(event["DTSTART"]).day for event in found] == [3, 4, 4]
    stamps = [event["DTSTAMP"].dt for event in found]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "start", "end"),
    [
        # Clocks go back on 2026-10-25 at 3:00, 01:00 UTC.
        ("2026-10-24T18:00", "2026-10-24T20:00", "20261024T200000", "20261024T220000"),
        ("2026-10-24T23:30", "2026-10-25T04:00", "20261025T013000", "20261025T050000"),
        ("2026-10-25T00:30", "2026-10-25T04:00", "20261025T023000", "20261025T050000"),
        ("2026-10-25T17:00", "2026-10-25T18:00", "20261025T180000", "20261025T190000"),
        # Clocks go forward on 2027-03-28 at 2:00, 01:00 UTC.
        ("2027-03-28T00:30", "2027-03-28T01:30", "20270328T013000", "20270328T033000"),
        ("2027-03-27T22:00", "2027-03-28T06:00", "20270327T230000", "20270328T080000"),
        ("2027-03-28T16:00", "2027-03-28T18:00", "20270328T180000", "20270328T200000"),
    ],
)
def test_times_are_true_when_clocks_change(starts_at, ends_at, start, end):
    instants = [datetime.fromisoformat(f"{one}+00:00") for one in (starts_at, ends_at)]
    entry = replace(ENTRY, starts_at=instants[0], ends_at=instants[1])

    event = parsed(entry)

    assert [utc(event["DTSTART"]), utc(event["DTEND"])] == instants
    assert properties(entry, "DTSTART")[-1] == f"DTSTART;TZID=Europe/Zagreb:{start}"
    assert properties(entry, "DTEND") == [f"DTEND;TZID=Europe/Zagreb:{end}"]


@pytest.mark.parametrize("starts", ["2026-10-24T22:00", "2026-10-25T01:30"])
def test_an_hour_that_clocks_show_twice_is_told_in_utc(starts):
    starts_at = datetime.fromisoformat(f"{starts}+00:00")
    entry = replace(ENTRY, starts_at=starts_at, ends_at=datetime(2026, 10, 25, 1, 45, tzinfo=UTC))

    written = lines(entry)

    assert f"DTSTART:{starts_at:%Y%m%dT%H%M%SZ}" in written
    assert "DTEND:20261025T014500Z" in written
    assert "BEGIN:VTIMEZONE" not in written


@pytest.mark.parametrize(
    "zone",
    ["Europe/Zagreb", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "UTC", "Etc/UTC"],
)
@pytest.mark.parametrize("month", range(1, 13))
def test_the_zones_own_rules_tell_the_instant(zone, month):
    starts_at = datetime(2026, month, 27, 17, tzinfo=UTC)
    entry = replace(
        ENTRY, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2), time_zone=zone
    )
    unknown = f"{zone.replace('/', ' ')} {month}"  # so that a parser has nothing but our rules
    calendar = Calendar.from_ical(write_calendar(entry).replace(zone, unknown))

    (event,) = calendar.walk("VEVENT")

    assert utc(event["DTSTART"]) == starts_at
    assert utc(event["DTEND"]) == starts_at + timedelta(hours=2)


def test_an_online_event_is_where_its_address_leads():
    online = replace(ENTRY, place="", place_url="https://video.example/room")

    assert parsed(online)["LOCATION"] == "https://video.example/room"
    assert "https://video.example/room" in parsed(online)["DESCRIPTION"]
    nowhere = parsed(replace(online, place_url="", url="", story=""))
    assert not {"LOCATION", "URL", "DESCRIPTION"} & set(nowhere)


def test_who_has_no_name_is_their_address():
    event = parsed(replace(ENTRY, attendee=Party(address="ada@example.com")))

    assert "CN" not in event["ATTENDEE"].params
    assert event["ATTENDEE"] == "mailto:ada@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "Tea\r\nEND:VEVENT\r\nBEGIN:VALARM",
        "Tea\nATTENDEE:mailto:eve@example.com",
        "Tea\rMETHOD:CANCEL",
        "Tea\u2028STATUS:CANCELLED\x85X:1\x0bY:2\x0cZ:3",
        'Tea";PARTSTAT=DECLINED:mailto:eve@example.com',
        "Tea; with, commas\\ and \\n more:",
        "\x00\x07 Tea \x7f",
    ],
)
def test_no_text_gets_out_of_its_place(text):
    entry = replace(
        ENTRY,
        title=text,
        story=text,
        place=text,
        place_url=f"https://x.example/{text}",
        url=f"https://x.example/{text}",
        organizer=Party(address="hello@aurora.example", name=text),
        attendee=Party(address="ada@example.com", name=text),
    )

    event = parsed(entry)

    written = write_calendar(entry)
    assert written.splitlines() == written.split("\r\n")[:-1]
    assert all(sign.isprintable() or sign in "\r\n" for sign in written)
    names = [line.split(":")[0].split(";")[0] for line in lines(entry)]
    assert names.count("BEGIN") == names.count("END") == 6
    assert {"X", "Y", "Z"} & set(names) == set()
    for name in ("ATTENDEE", "ORGANIZER", "METHOD", "STATUS", "SUMMARY", "LOCATION"):
        assert names.count(name) == 1
    assert event["ATTENDEE"] == "mailto:ada@example.com"
    assert event["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    assert event["STATUS"] == "CONFIRMED"
    assert str(event["SUMMARY"]).startswith("Tea")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x.example/\r\nX:1", "http://[", "x"]
)
def test_what_is_no_address_of_a_page_is_left_out(url):
    event = parsed(replace(ENTRY, url=url, place_url=url, place=""))

    assert "URL" not in event
    assert "LOCATION" not in event
    assert event["DESCRIPTION"] == "Five coffees.\n\nBring a friend."


def test_a_long_story_is_cut():
    event = parsed(replace(ENTRY, story="x" * 9000, place_url="", url=""))

    assert event["DESCRIPTION"] == "x" * 1999 + "…"


@given(st.text(max_size=400), st.text(max_size=200))
def test_lines_end_in_crlf_and_have_at_most_75_octets(story, title):
    entry = replace(ENTRY, story=story, title=title, place=title)

    written = write_calendar(entry)

    assert written.endswith("\r\n")
    for line in written.split("\r\n"):
        assert "\n" not in line
        assert "\r" not in line
        assert len(line.encode()) <= 75
    assert len(Calendar.from_ical(written).walk("VEVENT")) == 1
