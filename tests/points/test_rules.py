import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.points.rules import (
    MAX_POINTS,
    Bucket,
    InsufficientPoints,
    Leg,
    PointsInvalid,
    Posting,
    Purse,
    Reason,
    Shortfall,
    legs_of,
    signed_points,
)
from tests.factories import NOW


def posting(points: int, shortfall: Shortfall = Shortfall.DEBT, **values) -> Posting:
    defaults = {"program_id": 1, "member_id": 1, "key": "k", "effective_at": NOW}
    return Posting(
        points=points, shortfall=shortfall, reason=Reason.ADJUSTMENT, **{**defaults, **values}
    )


def test_giving_makes_points_available():
    legs = legs_of(posting(120), purse=Purse(available=5))

    assert legs == [Leg(Bucket.ISSUED, Bucket.AVAILABLE, 120)]


def test_giving_repays_debt_first():
    legs = legs_of(posting(120), purse=Purse(debt=50))

    assert legs == [
        Leg(Bucket.ISSUED, Bucket.DEBT, 50),
        Leg(Bucket.ISSUED, Bucket.AVAILABLE, 70),
    ]


def test_giving_less_than_the_debt_makes_nothing_available():
    legs = legs_of(posting(30), purse=Purse(debt=50))

    assert legs == [Leg(Bucket.ISSUED, Bucket.DEBT, 30)]


def test_taking_more_than_is_there_becomes_debt():
    legs = legs_of(posting(-100), purse=Purse(available=40))

    assert legs == [
        Leg(Bucket.AVAILABLE, Bucket.REVOKED, 40),
        Leg(Bucket.DEBT, Bucket.REVOKED, 60),
    ]


def test_taking_more_than_is_there_can_be_refused():
    with pytest.raises(InsufficientPoints) as refused:
        legs_of(posting(-100, Shortfall.REFUSE), purse=Purse(available=40))

    assert refused.value.data == {"available": 40, "asked": 100}


@pytest.mark.parametrize("points", [0, MAX_POINTS + 1, -MAX_POINTS - 1])
def test_zero_and_absurd_numbers_of_points_are_refused(points):
    with pytest.raises(PointsInvalid):
        legs_of(posting(points), purse=Purse())


@given(st.lists(st.integers(-10_000, 10_000).filter(bool), max_size=30))
def test_no_sequence_of_postings_loses_or_makes_points(wishes):
    purse = Purse()
    signed = 0

    for wish in wishes:
        for leg in legs_of(posting(wish), purse=purse):
            purse = purse.after(leg)
            signed += signed_points(source=leg.source, target=leg.target, points=leg.points)
            assert purse.available >= 0
            assert purse.debt >= 0

    assert purse.total == sum(wishes) == signed
    assert purse.available == 0 or purse.debt == 0


def test_points_that_move_within_a_member_are_neither_gained_nor_lost():
    assert signed_points(source=Bucket.PENDING, target=Bucket.AVAILABLE, points=9) == 0


def test_the_fingerprint_tells_other_data_but_not_a_later_time():
    asked = posting(10)

    later = posting(10, effective_at=NOW.replace(year=2027))
    other = posting(11)

    assert asked.fingerprint() == later.fingerprint()
    assert asked.fingerprint() != other.fingerprint()
