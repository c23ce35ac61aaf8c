"""When members would buy again, and what points they are told of."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.mailings.notices import Notice, NoticeTerms
from saleor_loyalty.mailings.rhythm import second_purchase_on, typical_gap_days, win_back_on

DAY = timedelta(days=1)
FIRST = date(2026, 1, 1)
TODAY = date(2026, 6, 15)

days = st.dates(date(2015, 1, 1), date(2030, 1, 1))
many_days = st.lists(days, min_size=1, max_size=30)
ends = st.dictionaries(
    st.integers(-5, 80).map(lambda number: TODAY + number * DAY), st.integers(1, 1000), max_size=40
)
terms = st.one_of(
    st.integers(1, 180).map(NoticeTerms.first), st.integers(1, 180).map(NoticeTerms.last)
)


def after(*gaps):
    """Days of orders with these gaps between them, and the silence that follows."""
    ordered_on = [FIRST]
    for gap in gaps:
        ordered_on.append(ordered_on[-1] + gap * DAY)
    return (win_back_on(ordered_on) - ordered_on[-1]).days


@pytest.mark.parametrize(
    ("gaps", "silence"),
    [
        ((20, 40), 60),
        ((15, 15), 30),
        ((5, 5, 5), 30),
        ((10, 25, 90), 50),
        ((20, 21), 41),
        ((100, 300), 365),
        ((18,), 45),
        ((19,), 48),
        ((20,), 50),
        ((146,), 365),
        ((147,), 365),
    ],
)
def test_silence_is_long_by_the_gaps_between_orders(gaps, silence):
    assert after(*gaps) == silence


def test_orders_of_one_day_are_one():
    assert win_back_on([]) is None
    assert win_back_on([FIRST, FIRST, FIRST]) is None
    assert win_back_on([FIRST, FIRST, FIRST + 20 * DAY]) == FIRST + 70 * DAY


@given(many_days)
def test_silence_is_long_after_30_to_365_days_in_whatever_order_orders_come(ordered_on):
    found = win_back_on(ordered_on)

    assert found == win_back_on(sorted(ordered_on, reverse=True))
    if len(set(ordered_on)) < 2:
        assert found is None
    else:
        assert 30 <= (found - max(ordered_on)).days <= 365


@given(many_days, st.integers(1, 1000))
def test_a_later_order_never_makes_it_earlier(ordered_on, later):
    before = win_back_on(ordered_on)
    last = max(ordered_on) + later * DAY

    if before is not None and last >= before:
        assert win_back_on([*ordered_on, last]) > before


@pytest.mark.parametrize(
    ("customers", "median", "typical"),
    [(0, 0, 30), (19, 60.0, 30), (20, 60.0, 60), (20, 40.5, 41), (20, 3.0, 14), (500, 200.0, 90)],
)
def test_the_typical_gap_is_that_of_enough_customers_within_bounds(customers, median, typical):
    assert typical_gap_days(customers=customers, median_days=median) == typical
    assert second_purchase_on(FIRST, typical) == FIRST + typical * DAY


@pytest.mark.parametrize(("typical", "days"), [(0, 14), (13, 14), (14, 14), (90, 90), (91, 90)])
def test_a_second_order_is_late_after_14_to_90_days(typical, days):
    assert second_purchase_on(FIRST, typical) == FIRST + days * DAY


@pytest.mark.parametrize(
    ("number", "is_due"), [(-1, False), (0, True), (30, True), (31, False), (45, False)]
)
def test_a_notice_is_due_from_the_days_before_until_the_last_day(number, is_due):
    found = NoticeTerms.first(30).notice({TODAY + number * DAY: 5}, today=TODAY, told_until=None)

    assert (found is not None) == is_due


def test_a_first_notice_covers_half_as_many_days_more_and_a_last_one_three():
    all_ends = {TODAY + number * DAY: 1 for number in range(-3, 100)}

    first = NoticeTerms.first(30).notice(all_ends, today=TODAY, told_until=None)
    last = NoticeTerms.last(7).notice(all_ends, today=TODAY, told_until=None)

    assert (first.expires_on, first.until, first.points) == (TODAY, TODAY + 45 * DAY, 46)
    assert (last.expires_on, last.until, last.points) == (TODAY, TODAY + 10 * DAY, 11)


def test_what_was_told_is_not_told_again():
    all_ends = {TODAY + 5 * DAY: 10, TODAY + 6 * DAY: 20, TODAY + 44 * DAY: 40}
    found = NoticeTerms.first(30).notice(all_ends, today=TODAY, told_until=TODAY + 5 * DAY)

    assert found == Notice(days=((TODAY + 6 * DAY, 20), (TODAY + 44 * DAY, 40)))
    assert NoticeTerms.first(30).notice(all_ends, today=TODAY, told_until=TODAY + 6 * DAY) is None


@given(ends, terms)
def test_all_points_are_told_of_once_and_in_time(ends, terms):
    told, until = {}, None
    for number in range(100):
        today = TODAY + number * DAY
        notice = terms.notice(ends, today=today, told_until=until)
        if notice is not None:
            assert not set(told) & {on for on, _ in notice.days}
            told |= dict.fromkeys((on for on, _ in notice.days), today)
            until = notice.until

    assert set(told) == {on for on in ends if on >= TODAY}
    for on, told_on in told.items():
        days_left = (on - told_on).days
        assert days_left >= min(terms.days_before, (on - TODAY).days)
        assert days_left <= terms.days_before + terms.more_days
