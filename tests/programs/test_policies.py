from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.programs.calendar import (
    Period,
    add_months,
    end_of_day,
    period_end,
    period_start,
)
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.policies.rules import (
    Expiry,
    Maturing,
    Policy,
    PolicyInvalid,
    check_policy,
)
from saleor_loyalty.programs.queries import load_terms
from tests.factories import NOW, START, make_program

OSLO = "Europe/Oslo"


def last_day(policy: Policy, earned: str, *, written: str | None = None, zone: str = OSLO):
    """The last date on which points can be used."""
    earned_at = datetime.fromisoformat(earned).replace(tzinfo=ZoneInfo(zone))
    written_at = datetime.fromisoformat(written or earned).replace(tzinfo=ZoneInfo(zone))
    expires_at = policy.expires_at(earned_at=earned_at, written_at=written_at, time_zone=zone)
    if expires_at is None:
        return None
    local = expires_at.astimezone(ZoneInfo(zone))
    assert (local.hour, local.minute) == (0, 0)
    return (local.date() - timedelta(days=1)).isoformat()


def after(**values) -> Policy:
    return Policy(expiry=Expiry.AFTER_EARNING, notice_days=(), **values)


@pytest.mark.parametrize(
    ("policy", "earned", "last"),
    [
        (Policy(), "2026-01-31", None),
        (Policy(expiry=Expiry.AFTER_ACTIVITY, expiry_months=6), "2026-01-31", None),
        (after(expiry_days=10), "2026-01-31", "2026-02-10"),
        (after(expiry_months=1), "2026-01-31", "2026-02-28"),
        (after(expiry_months=12), "2024-02-29", "2025-02-28"),
        (after(expiry_months=12, expiry_round_up_to=Period.MONTH), "2026-01-31", "2027-01-31"),
        (after(expiry_months=12, expiry_round_up_to=Period.QUARTER), "2026-02-01", "2027-03-31"),
        (after(expiry_months=12, expiry_round_up_to=Period.YEAR), "2026-02-01", "2027-12-31"),
        (after(expiry_days=1, expiry_round_up_to=Period.YEAR), "2026-12-31", "2027-12-31"),
        (after(expiry_days=1), "2026-03-28", "2026-03-29"),  # the day of 23 hours
        (after(expiry_days=1), "2026-10-24", "2026-10-25"),  # the day of 25 hours
        (after(expiry_days=10), "2026-01-31T23:30", "2026-02-10"),
    ],
)
def test_points_expire_at_the_end_of_a_day_of_the_programme(policy, earned, last):
    assert last_day(policy, earned) == last


@pytest.mark.parametrize(
    ("earned", "last"),
    [
        ("2026-01-15", "2026-06-30"),
        ("2026-06-30", "2026-12-31"),
        ("2026-04-01", "2026-06-30"),
        ("2026-04-02", "2026-12-31"),
        ("2026-12-31", "2027-06-30"),
    ],
)
def test_points_expire_on_fixed_dates_and_last_a_least_time(earned, last):
    policy = Policy(
        expiry=Expiry.ON_DATES, expiry_dates=("06-30", "12-31"), expiry_days=90, notice_days=()
    )

    assert last_day(policy, earned) == last


def test_who_hears_late_of_points_still_has_the_longest_notice():
    policy = Policy(expiry=Expiry.AFTER_EARNING, expiry_days=45, notice_days=(7, 30))

    assert last_day(policy, "2026-01-01") == "2026-02-15"
    assert last_day(policy, "2026-01-01", written="2026-06-01") == "2026-07-01"


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.integers(0, 240),
    st.sampled_from([Period.DAY, Period.MONTH, Period.QUARTER, Period.YEAR, Period.WEEK]),
)
def test_a_date_lies_within_its_period_and_months_never_skip(on, months, period):
    later = add_months(on, months)

    assert period_start(on, period) <= on <= period_end(on, period)
    assert (later.year * 12 + later.month) - (on.year * 12 + on.month) == months
    assert later.day == on.day or period_end(later, Period.MONTH) == later


def test_a_day_may_have_23_or_25_hours():
    def hours(on):
        return (
            end_of_day(on, time_zone=OSLO) - end_of_day(on - timedelta(days=1), time_zone=OSLO)
        ) / timedelta(hours=1)

    assert [hours(date(2026, 3, 29)), hours(date(2026, 10, 25)), hours(date(2026, 6, 1))] == [
        23,
        25,
        24,
    ]


@pytest.mark.parametrize(
    ("maturing", "expected"),
    [
        (Maturing.AT_ONCE, None),
        (Maturing.BY_HAND, None),
        (Maturing.AFTER_PAYMENT, datetime(2026, 1, 15, tzinfo=UTC)),
        (Maturing.AFTER_FULFILLMENT, datetime(2026, 1, 24, tzinfo=UTC)),
    ],
)
def test_points_mature_days_after_payment_or_fulfilment(maturing, expected):
    policy = Policy(maturing=maturing, maturing_days=14)

    assert (
        policy.matures_at(
            paid_at=datetime(2026, 1, 1, tzinfo=UTC), fulfilled_at=datetime(2026, 1, 10, tzinfo=UTC)
        )
        == expected
    )


def test_without_fulfilment_it_is_not_known_when_points_mature():
    policy = Policy(maturing=Maturing.AFTER_FULFILLMENT)

    assert policy.matures_at(paid_at=NOW, fulfilled_at=None) is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"maturing_days": 3651}, "maturing_days"),
        ({"expiry": Expiry.AFTER_EARNING}, "expiry_days"),
        ({"expiry": Expiry.AFTER_ACTIVITY, "expiry_days": 5}, "expiry_months"),
        ({"expiry": Expiry.ON_DATES}, "expiry_dates"),
        ({"expiry": Expiry.ON_DATES, "expiry_dates": ("02-29",)}, "expiry_dates"),
        ({"expiry": Expiry.ON_DATES, "expiry_dates": ("31-12",)}, "expiry_dates"),
        ({"expiry": Expiry.ON_DATES, "expiry_dates": ("W01-1",)}, "expiry_dates"),
        ({"expiry": Expiry.ON_DATES, "expiry_dates": ("1-1",)}, "expiry_dates"),
        ({"expiry_round_up_to": Period.LIFETIME}, "expiry_round_up_to"),
        ({"notice_days": (0,)}, "notice_days"),
        ({"notice_days": tuple(range(1, 14))}, "notice_days"),
        ({"budget_points": -1}, "budget_points"),
        ({"budget_alert_percent": 0}, "budget_alert_percent"),
        ({"adjustment_limit_points": -1}, "adjustment_limit_points"),
    ],
)
def test_policies_that_make_no_sense_are_refused(values, field):
    with pytest.raises(PolicyInvalid) as refused:
        check_policy(Policy(**values))

    assert refused.value.field == field


def test_a_policy_survives_as_plain_data():
    policy = Policy(
        expiry=Expiry.ON_DATES,
        expiry_dates=("06-30",),
        expiry_round_up_to=Period.MONTH,
        notice_days=(5,),
        budget_points=7,
    )

    assert Policy.from_json(policy.as_json()) == policy


def test_a_changed_policy_holds_from_then_on(db):
    program = make_program(policy={"expiry": "after_earning", "expiry_days": 365})

    update_program(
        program_id=program.pk, changes=ProgramChanges(policy={"expiry_days": 30}), now=NOW
    )
    again = ProgramChanges(policy={"expiry_days": 30})
    update_program(program_id=program.pk, changes=again, now=NOW + timedelta(days=1))

    terms = load_terms(program_ids=[program.pk]).by_program[program.pk]
    assert terms.policy_at(START).expiry_days == 365
    assert terms.policy_at(NOW).expiry_days == 30
    assert terms.policy_at(START - timedelta(days=1)) == Policy()
    assert program.policies.count() == 2
