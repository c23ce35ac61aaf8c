"""Which days count and how long a tier is kept: examples, and rules for any dates."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.tiers.entitlement import entitlement
from saleor_loyalty.tiers.evaluation import Standing, decide
from saleor_loyalty.tiers.history import history_of_days
from saleor_loyalty.tiers.measuring import histories_of
from saleor_loyalty.tiers.queries import ladders_of
from saleor_loyalty.tiers.rules import ROLLING, Keeping, LadderTerms, Window
from saleor_loyalty.tiers.windows import (
    Days,
    history_since,
    kept_on,
    landed_until,
    last_met,
    near_on,
    window_ending,
    year_of,
)
from tests.factories import make_posting, make_program
from tests.tiers.ladders import JOINED_ON, ladder, make_ladder
from tests.tiers.test_properties import ladders

DAY = timedelta(days=1)
LEAPLING = date(2024, 2, 29)
FIRST = date(2023, 1, 1)

dates = st.dates(date(2023, 1, 1), date(2029, 1, 1))
amounts = st.lists(st.tuples(st.integers(0, 900), st.sampled_from([50, 100, 250])), max_size=8).map(
    lambda some: sorted((FIRST + number * DAY, points) for number, points in some)
)


def terms(window=Window.CALENDAR_YEAR, length=0, **values) -> LadderTerms:
    return LadderTerms(window=window, window_length=length, **values)


def test_a_membership_year_of_a_leap_day_begins_on_the_last_of_february():
    def year(*on):
        return year_of(date(*on), window=Window.MEMBERSHIP_YEAR, joined_on=LEAPLING)

    assert year(2024, 2, 29) == Days(LEAPLING, date(2025, 2, 27))
    assert year(2025, 2, 27) == Days(LEAPLING, date(2025, 2, 27))
    assert year(2025, 2, 28) == Days(date(2025, 2, 28), date(2026, 2, 27))
    assert year(2028, 2, 28) == Days(date(2027, 2, 28), date(2028, 2, 28))
    assert year(2028, 2, 29) == Days(date(2028, 2, 29), date(2029, 2, 27))
    assert year(2024, 2, 28) == Days(date(2023, 2, 28), date(2024, 2, 28))


@pytest.mark.parametrize(
    ("on", "months", "first"),
    [
        (date(2026, 3, 31), 1, date(2026, 3, 1)),
        (date(2026, 3, 30), 1, date(2026, 3, 1)),
        (date(2024, 3, 31), 1, date(2024, 3, 1)),
        (date(2026, 5, 31), 3, date(2026, 3, 1)),
        (date(2026, 4, 30), 1, date(2026, 3, 31)),
        (date(2025, 2, 28), 12, LEAPLING),
        (date(2028, 2, 29), 12, date(2027, 3, 1)),
    ],
)
def test_rolling_months_end_on_the_day_and_begin_after_the_same_day(on, months, first):
    rolling = terms(Window.ROLLING_MONTHS, months)

    assert window_ending(on, terms=rolling, joined_on=JOINED_ON) == Days(first, on)


def test_a_tier_is_kept_as_long_as_the_ladder_says():
    def kept(on=LEAPLING, **values):
        return kept_on(on, terms=terms(**values), joined_on=LEAPLING)

    assert kept() == date(2025, 12, 31)
    assert kept(window=Window.MEMBERSHIP_YEAR) == date(2026, 2, 27)
    assert kept(window=Window.ROLLING_DAYS, length=30) == date(2024, 3, 30)
    assert kept(window=Window.ROLLING_MONTHS, length=12) == date(2025, 2, 28)
    assert kept(keeping=Keeping.MONTHS, keep_months=6) == date(2024, 8, 29)
    assert kept(keeping=Keeping.FOREVER) == date.max
    assert landed_until(LEAPLING, terms=terms(), joined_on=LEAPLING) == date(2024, 12, 31)


def test_an_end_is_near_from_the_notice_on_or_from_the_half_of_a_short_time():
    until = date(2026, 12, 31)

    def near(**values):
        return near_on(until, terms=terms(**values))

    assert near() == date(2026, 12, 1)
    assert near(notice_days=0) == date(2027, 1, 1)
    assert near(window=Window.ROLLING_DAYS, length=30) == date(2026, 12, 16)
    assert near(window=Window.ROLLING_DAYS, length=1) == date(2027, 1, 1)
    assert near(keeping=Keeping.MONTHS, keep_months=1) == date(2026, 12, 17)
    assert near(keeping=Keeping.MONTHS, keep_months=6) == date(2026, 12, 1)


@given(of=ladders(), one=dates, other=dates)
def test_a_threshold_that_is_met_later_keeps_a_tier_no_shorter(of, one, other):
    first, last = sorted((one, other))

    kept = [kept_on(on, terms=of.terms, joined_on=LEAPLING) for on in (first, last)]

    assert first <= kept[0] <= kept[1]


@given(on=dates, joined_on=dates, window=st.sampled_from([*Window][:2]))
def test_years_follow_each_other_without_a_gap(on, joined_on, window):
    year = year_of(on, window=window, joined_on=joined_on)
    following = year_of(year.last + DAY, window=window, joined_on=joined_on)

    assert on in year
    assert following.first == year.last + DAY
    assert 365 <= (year.last - year.first).days + 1 <= 366


@settings(deadline=None)
@given(of=ladders(), some=amounts, later=st.integers(0, 400), target=st.sampled_from([100, 300]))
def test_a_threshold_was_met_last_on_the_day_that_trying_every_day_finds(of, some, later, target):
    today = FIRST + (500 + later) * DAY
    known = [(on, points) for on, points in some if on <= today]
    common = {"terms": of.terms, "joined_on": JOINED_ON}

    found = last_met(known, target, today=today, **common)

    assert found == by_every_day(known, target, today=today, **common)


def by_every_day(known, target, *, terms, joined_on, today):
    on = today
    while on >= FIRST:
        window = window_ending(on, terms=terms, joined_on=joined_on)
        if sum(points for at, points in known if at in window) >= target:
            is_over = on == year_of(on, window=terms.window, joined_on=joined_on).last
            if terms.moving_up == "at_once" or (is_over and on < today):
                return on
        on -= DAY
    return None


@settings(deadline=None)
@given(of=ladders(), some=amounts, later=st.integers(0, 1500))
def test_what_is_cut_off_as_too_old_changes_nothing(of, some, later):
    today = FIRST + later * DAY
    known = {on: points * 1000 for on, points in some if on <= today}
    since = history_since(today, terms=of.terms)

    whole, cut = (
        decide(
            Standing(version=1),
            history_of_days({"": {on: had for on, had in known.items() if on >= first}}),
            ladder=of,
            joined_on=LEAPLING,
            today=today,
        )
        for first in (date.min, since)
    )

    assert cut == whole


@pytest.mark.parametrize("keep_months", [0, 1, 14])
@pytest.mark.parametrize(
    ("window", "length"),
    [
        (Window.CALENDAR_YEAR, 0),
        (Window.MEMBERSHIP_YEAR, 0),
        (Window.ROLLING_DAYS, 1),
        (Window.ROLLING_DAYS, 365),
        (Window.ROLLING_MONTHS, 1),
        (Window.ROLLING_MONTHS, 12),
    ],
)
def test_whatever_alone_still_keeps_a_tier_is_not_too_old_to_be_read(window, length, keep_months):
    by_months = {"keeping": Keeping.MONTHS, "keep_months": keep_months} if keep_months else {}
    of = ladder(window=window, window_length=length, **by_months)

    for today in (date(2028, 1, 1), date(2028, 2, 28), date(2028, 2, 29), date(2028, 12, 31)):
        since = history_since(today, terms=of.terms)
        for days in range(1300):
            on = today - days * DAY
            one = history_of_days({"": {on: 1_000_000}})
            found = entitlement(one, ladder=of, joined_on=LEAPLING, today=today)
            assert found is None or on >= since, (today, on)


@pytest.mark.parametrize(
    ("zone", "effective_at", "counts_on"),
    [
        ("Europe/Zagreb", datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        ("Europe/Zagreb", datetime(2026, 12, 31, 23, 30, tzinfo=UTC), date(2027, 1, 1)),
        ("America/Los_Angeles", datetime(2027, 1, 1, 7, 59, tzinfo=UTC), date(2026, 12, 31)),
        ("America/Los_Angeles", datetime(2027, 1, 1, 8, 0, tzinfo=UTC), date(2027, 1, 1)),
        # the clock goes forward and back on these days
        ("Europe/Zagreb", datetime(2027, 3, 27, 23, 0, tzinfo=UTC), date(2027, 3, 28)),
        ("Europe/Zagreb", datetime(2027, 3, 28, 21, 59, tzinfo=UTC), date(2027, 3, 28)),
        ("Europe/Zagreb", datetime(2027, 3, 28, 22, 0, tzinfo=UTC), date(2027, 3, 29)),
        ("Europe/Zagreb", datetime(2026, 10, 24, 22, 0, tzinfo=UTC), date(2026, 10, 25)),
        ("Europe/Zagreb", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
        ("Europe/Zagreb", datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
        ("America/Los_Angeles", datetime(2026, 11, 2, 7, 59, tzinfo=UTC), date(2026, 11, 1)),
        ("America/Los_Angeles", datetime(2026, 11, 2, 8, 0, tzinfo=UTC), date(2026, 11, 2)),
    ],
)
def test_points_count_on_the_date_that_it_was_in_the_programmes_zone(
    db, zone, effective_at, counts_on
):
    program = make_program(time_zone=zone)
    make_ladder(program)
    member = Member.objects.create(program=program, joined_at=effective_at, joined_by="customer")
    award = make_posting(member, 70, effective_at=effective_at, is_qualifying=True)
    post(postings=[award], now=effective_at)
    rules = ladders_of(program_ids=[program.pk])[program.pk]

    found, before = (
        histories_of(member_ids=[member.pk], ladder=rules, today=today)[member.pk].days
        for today in (counts_on, counts_on - DAY)
    )

    assert found == {"": [(counts_on, 70_000)]}
    assert before == {}


@pytest.mark.parametrize("length", [1, 2, 11, 12, 13])
def test_rolling_months_lose_a_day_once_and_never_get_it_back(length):
    rolling = terms(Window.ROLLING_MONTHS, length)
    assert rolling.window in ROLLING

    firsts = [
        window_ending(FIRST + number * DAY, terms=rolling, joined_on=JOINED_ON).first
        for number in range(1600)
    ]

    assert firsts == sorted(firsts)


def test_the_shortest_window_is_today():
    assert window_ending(
        LEAPLING, terms=ladder(window=Window.ROLLING_DAYS, window_length=1).terms, joined_on=FIRST
    ) == Days(LEAPLING, LEAPLING)
