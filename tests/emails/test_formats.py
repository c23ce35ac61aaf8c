import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.emails import formats
from saleor_loyalty.emails.formats import first_name_of, values_of

NBSP = "\N{NO-BREAK SPACE}"


def plain(text):
    """A text with ordinary blanks."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace(NBSP, " ")


@pytest.mark.parametrize(
    ("language", "one", "three", "many", "named"),
    [
        ("en", "1 point", "3 points", "1,200 points", "1,200 Stars"),
        ("nb", "1 poeng", "3 poeng", "1 200 poeng", "1 200 Stars"),
        ("hr", "1 bod", "3 boda", "1.200 bodova", "1.200 Stars"),
        ("de", "1 point", "3 points", "1.200 points", "1.200 Stars"),
    ],
)
def test_points_have_their_noun(language, one, three, many, named):
    with translation.override(language):
        assert plain(formats.points(1)) == one
        assert plain(formats.points(3)) == three
        assert plain(formats.points(1200)) == many
        assert plain(formats.points(1200, "Stars")) == named


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["1 day", "2 days", "5 days", "21 days", "11 days"]),
        ("nb", ["1 dag", "2 dager", "5 dager", "21 dager", "11 dager"]),
        ("hr", ["1 dan", "2 dana", "5 dana", "21 dan", "11 dana"]),
    ],
)
def test_days_have_all_their_plural_forms(language, expected):
    with translation.override(language):
        assert [formats.days(number) for number in (1, 2, 5, 21, 11)] == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["1 order", "2 orders", "5 orders", "22 orders"]),
        ("nb", ["1 bestilling", "2 bestillinger", "5 bestillinger", "22 bestillinger"]),
        ("hr", ["1 narudžba", "2 narudžbe", "5 narudžbi", "22 narudžbe"]),
    ],
)
def test_orders_have_all_their_plural_forms(language, expected):
    with translation.override(language):
        assert [formats.orders(number) for number in (1, 2, 5, 22)] == expected


@pytest.mark.parametrize(
    ("language", "money", "date", "month"),
    [
        ("en", "€1,040.00", "November 21, 2026", "November 2026"),
        ("nb", "1 040,00 €", "21. november 2026", "november 2026"),
        ("hr", "1.040,00 €", "21. studenoga 2026.", "studeni 2026."),
        ("pt-br", "€ 1.040,00", "21 de novembro de 2026", "novembro de 2026"),
        ("zz", "€1,040.00", "November 21, 2026", "November 2026"),
    ],
)
def test_money_dates_and_months_are_written_as_readers_write_them(language, money, date, month):
    with translation.override(language):
        assert plain(formats.money("1040.00", "EUR")) == money
        assert formats.long_date("2026-11-21") == date
        assert formats.period("2026-11") == month
        assert formats.period("2026") == "2026"


def test_ordinals_are_the_languages_own():
    numbers = (1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 101, 111, 112)

    with translation.override("en"):
        english = [formats.ordinal(number) for number in numbers]
    with translation.override("hr"):
        croatian = [formats.ordinal(number) for number in (1, 10, 21)]

    assert english == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "10th",
        "11th",
        "12th",
        "13th",
        "21st",
        "22nd",
        "101st",
        "111th",
        "112th",
    ]
    assert croatian == ["1.", "10.", "21."]


@pytest.mark.parametrize(
    ("language", "name"),
    [("hr", "Zlatna"), ("pt-br", "Ouro"), ("pt", "Gold"), ("de", "Gold"), ("en", "Gold")],
)
def test_a_name_is_the_readers_or_the_plain_one(language, name):
    names = {"": "Gold", "hr": "Zlatna", "pt-BR": "Ouro", "de": ""}

    with translation.override(language):
        assert formats.named(names) == name


def test_a_name_without_translations_is_as_it_is():
    assert formats.named("Gold") == "Gold"
    assert formats.named({}) == ""


@pytest.mark.parametrize(
    ("fact", "written"),
    [
        ({"metric": "points", "amount": "1900", "currency": ""}, "1,900 points"),
        ({"metric": "points", "amount": "0.001", "currency": ""}, "1 point"),
        ({"metric": "orders", "amount": "2", "currency": ""}, "2 orders"),
        ({"metric": "amount", "amount": "20.50", "currency": "EUR"}, "€20.50"),
    ],
)
def test_what_is_missing_is_written_as_what_it_is(fact, written):
    with translation.override("en"):
        assert formats.measure(fact) == written


def test_what_came_and_went_has_its_sign_but_nothing_has_none():
    with translation.override("en"):
        assert formats.gain(5) == "+5 points"
        assert formats.loss(5) == "−5 points"
        assert formats.gain(0) == formats.loss(0) == "0 points"


@pytest.mark.parametrize(
    "name",
    [
        "Ada",
        "Ana Marija",
        "O'Brien",
        "Jean-Luc",
        "Żółć",
        "J. R.",
        "李小龍",
        "محمد",
        "Ada 2",
        "😀 Ada",
    ],
)
def test_names_of_people_are_names(name):
    assert first_name_of(name) == name


def test_blanks_in_a_name_are_made_one():
    assert first_name_of("  Ada \n Marie\t") == "Ada Marie"
    assert first_name_of("Ada\r\nBcc: x") == "Ada Bcc: x"


@pytest.mark.parametrize(
    "name",
    [
        "Visit www.evil.example",
        "WWW.EVIL",
        "evil.example",
        "you won: https://e",
        "ftp://x",
        "evil．example",
        "evil。example",
        "a@b",
        "ａ＠ｂ",
        "<b>Ada",
        "call 555 12 34",
        "Ada\x00",
        "Ada\x1b[0m",
        "Ada\N{RIGHT-TO-LEFT OVERRIDE}",
        "A\N{ZERO WIDTH SPACE}da",
        "Ada\N{RIGHT-TO-LEFT MARK}",
        "x" * 61,
        "x" * 5000,
        "x " * 2500,
        "",
        "   ",
    ],
)
def test_what_is_no_name_is_left_out(name):
    assert first_name_of(name) == ""


@given(st.text(max_size=100))
def test_a_name_is_one_short_printable_line(name):
    found = first_name_of(name)

    assert len(found) <= 60
    assert found.isprintable()
    assert found == " ".join(found.split())


def test_variables_are_written_and_those_of_nothing_are_empty():
    facts = {
        "first_name": "",
        "points_balance": 0,
        "points_expiring": 5,
        "days_left": 0,
        "points_taken": -5,
        "total": "5.00",
        "currency": "EUR",
        "tier_name": {"": ""},
        "missing": {"metric": "points", "amount": "0", "currency": ""},
        "reward_name": {},
        "lines": [],
        "unknown": "x",
    }

    with translation.override("en"):
        values, empty = values_of(facts)

    assert values == {
        "points_balance": "0 points",
        "points_expiring": "5 points",
        "days_left": "0 days",
        "points_taken": "-5 points",
        "total": "€5.00",
        "tier_name": "",
        "missing": "0 points",
    }
    assert empty == {"points_balance", "days_left", "points_taken", "tier_name", "missing"}
