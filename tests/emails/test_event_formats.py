import pytest
from django.utils import translation

from saleor_loyalty.emails import event_formats
from saleor_loyalty.emails.formats import values_of
from tests.emails.test_formats import plain

WINTER = "2026-12-03T17:00:00+00:00"
SUMMER = "2026-07-02T16:00:00+00:00"


def written(language, at, zone="Europe/Zagreb"):
    with translation.override(language):
        return plain(event_formats.when({"at": at, "zone": zone}))


def event(starts_at, ends_at, zone="Europe/Zagreb"):
    return {"starts_at": starts_at, "ends_at": ends_at, "time_zone": zone}


@pytest.mark.parametrize(
    ("language", "winter", "summer"),
    [
        (
            "en",
            "Thursday, December 3, 2026 at 6:00 PM GMT+1",
            "Thursday, July 2, 2026 at 6:00 PM GMT+2",
        ),
        (
            "nb",
            "torsdag 3. desember 2026 kl. 18:00 CET",
            "torsdag 2. juli 2026 kl. 18:00 CEST",
        ),
        (
            "hr",
            "četvrtak, 3. prosinca 2026. u 18:00 CET",
            "četvrtak, 2. srpnja 2026. u 18:00 CEST",
        ),
        (
            "de",
            "Donnerstag, 3. Dezember 2026, 18:00 MEZ",
            "Donnerstag, 2. Juli 2026, 18:00 MESZ",
        ),
    ],
)
def test_an_instant_is_as_the_places_clocks_and_the_readers_language_have_it(
    language, winter, summer
):
    assert written(language, WINTER) == winter
    assert written(language, SUMMER) == summer


@pytest.mark.parametrize(
    ("zone", "ending"),
    [
        ("America/New_York", "12:00 PM EST"),
        ("Asia/Kolkata", "10:30 PM GMT+5:30"),
        ("America/St_Johns", "1:30 PM GMT-3:30"),
        ("Europe/London", "5:00 PM GMT"),
        ("UTC", "5:00 PM UTC"),
    ],
)
def test_a_zone_has_the_short_name_that_readers_know(zone, ending):
    assert written("en", WINTER, zone).endswith(ending)


@pytest.mark.parametrize(
    ("at", "time"),
    [
        ("2026-10-25T00:30:00+00:00", "02:30 CEST"),
        ("2026-10-25T01:30:00+00:00", "02:30 CET"),
        ("2027-03-28T00:59:00+00:00", "01:59 CET"),
        ("2027-03-28T01:00:00+00:00", "03:00 CEST"),
    ],
)
def test_an_instant_is_true_when_clocks_change(at, time):
    assert written("nb", at).endswith(time)


@pytest.mark.parametrize(
    ("language", "ends_at", "expected"),
    [
        ("en", "2026-12-03T19:30:00+00:00", "6:00 – 8:30 PM GMT+1"),
        ("nb", "2026-12-03T19:30:00+00:00", "18:00–20:30 CET"),
        ("hr", "2026-12-03T19:30:00+00:00", "18:00 – 20:30 CET"),
        (
            "en",
            "2026-12-04T01:00:00+00:00",
            "6:00 PM GMT+1 – Friday, December 4, 2026, 2:00 AM GMT+1",
        ),
    ],
)
def test_an_event_is_from_when_until_when(language, ends_at, expected):
    with translation.override(language):
        hours = event_formats.hours_of(event(WINTER, ends_at))

    assert plain(hours).replace("\N{THIN SPACE}", " ") == expected


def test_an_event_that_crosses_a_change_of_clocks_says_both_zones():
    night = event("2026-10-24T23:30:00+00:00", "2026-10-25T04:00:00+00:00")

    with translation.override("nb"):
        assert event_formats.hours_of(night) == "01:30 CEST – 05:00 CET"
        assert event_formats.day_of(night) == "søndag 25. oktober 2026"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["1 seat", "2 seats", "5 seats", "21 seats"]),
        ("nb", ["1 plass", "2 plasser", "5 plasser", "21 plasser"]),
        ("hr", ["1 mjesto", "2 mjesta", "5 mjesta", "21 mjesto"]),
    ],
)
def test_seats_have_all_their_plural_forms(language, expected):
    with translation.override(language):
        assert [event_formats.seats(number) for number in (1, 2, 5, 21)] == expected


@pytest.mark.parametrize(
    ("language", "named", "spoken"),
    [
        ("en", "Grace, Joan, and Mary", "English and Croatian"),
        ("nb", "Grace, Joan og Mary", "engelsk og kroatisk"),
        ("hr", "Grace, Joan i Mary", "engleski i hrvatski"),
    ],
)
def test_people_and_languages_are_listed_as_one_says_them(language, named, spoken):
    with translation.override(language):
        assert event_formats.people(["Grace", "", " Joan\n", "Mary"]) == named
        assert event_formats.languages(["en", "hr"]) == spoken
        assert event_formats.languages(["x-klingon?"]) == "x-klingon?"
        assert event_formats.people([]) == event_formats.people(["", " "]) == ""


def test_a_code_stands_in_groups_of_four():
    assert event_formats.in_fours("ABCD1234EFGH5678") == "ABCD 1234 EFGH 5678"
    assert event_formats.in_fours("ABCD12") == "ABCD 12"
    assert event_formats.in_fours("") == ""


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("one two\n\nthree", "one two\n\nthree"),
        (" one\ntwo  three\nfour", "one\ntwo  three\nfour"),
        ("one\ntwo\n\nthree four\nfive", "one\ntwo\n\nthree four …"),
        ("", ""),
    ],
)
def test_first_words_stay_in_their_lines(text, written):
    assert event_formats.first_words(text, 4) == written


@pytest.mark.parametrize(
    ("address", "third"),
    [
        ("https://shop.example/f/t~1", "https://shop.example/f/t~1?score=3"),
        ("https://shop.example/f?t=a%26b#x", "https://shop.example/f?t=a%26b&score=3#x"),
    ],
)
def test_each_score_has_an_address(address, third):
    found = dict(event_formats.scores(address))

    assert sorted(found) == [1, 2, 3, 4, 5]
    assert found[3] == third


def test_what_is_not_known_of_an_event_has_no_value():
    facts = {"event_start": {"at": "", "zone": ""}, "guests": [], "moved_from": None}

    with translation.override("en"):
        assert values_of(facts) == ({}, set())
        assert values_of({"guests": ["", " "]}) == ({"guests": ""}, {"guests"})
