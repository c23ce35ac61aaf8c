import pytest

from saleor_loyalty.flows.adjust_points import AdjustmentInvalid, MemberNotFound, adjust_points
from saleor_loyalty.points.models import Entry
from saleor_loyalty.points.operations import IdempotencyConflict
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import InsufficientPoints, PointsInvalid
from tests.factories import NOW, make_member


@pytest.fixture
def member(db):
    return make_member()


def adjust(member, points, **values):
    defaults = {"note": "sorry for the delay", "actor": "user:5", "now": NOW}
    return adjust_points(member_id=member.pk, points=points, **{**defaults, **values})


def test_staff_give_points_for_a_reason_that_stays_visible(member):
    adjust(member, 50, note="  sorry for the delay ")

    entry = Entry.objects.get()
    assert (entry.signed_points, entry.reason, entry.note, entry.actor) == (
        50,
        "adjustment",
        "sorry for the delay",
        "user:5",
    )


def test_the_same_adjustment_twice_is_made_twice_without_a_key(member):
    adjust(member, 50)
    adjust(member, 50)

    assert purses_of(member_ids=[member.pk])[member.pk].available == 100


def test_with_a_key_it_is_made_once_even_a_day_later(member):
    adjust(member, 50, idempotency_key="ticket-7")
    adjust(member, 50, idempotency_key="ticket-7", now=NOW.replace(day=16))

    assert purses_of(member_ids=[member.pk])[member.pk].available == 50


def test_the_key_of_another_adjustment_is_refused(member):
    adjust(member, 50, idempotency_key="ticket-7")

    with pytest.raises(IdempotencyConflict):
        adjust(member, 60, idempotency_key="ticket-7")

    assert purses_of(member_ids=[member.pk])[member.pk].available == 50


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"note": "  "}, AdjustmentInvalid),
        ({"note": "x" * 1001}, AdjustmentInvalid),
        ({"idempotency_key": ""}, AdjustmentInvalid),
        ({"idempotency_key": "x" * 101}, AdjustmentInvalid),
        ({"points": 0}, PointsInvalid),
        ({"points": -1}, InsufficientPoints),
    ],
)
def test_bad_adjustments_are_refused_and_write_nothing(member, values, error):
    with pytest.raises(error):
        adjust(member, **{"points": 10, **values})

    assert Entry.objects.count() == 0


def test_an_unknown_member_is_refused(db):
    with pytest.raises(MemberNotFound) as refused:
        adjust_points(member_id=404, points=1, note="x", actor="", now=NOW)

    assert refused.value.field == "member_id"
