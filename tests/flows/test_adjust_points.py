from datetime import timedelta

import pytest

from saleor_loyalty.adjustments.models import Adjustment
from saleor_loyalty.adjustments.rules import AdjustmentInvalid, AdjustmentReason
from saleor_loyalty.flows.adjust_points import (
    AdjustmentNotFound,
    MemberNotFound,
    SamePerson,
    adjust_points,
    decide_adjustment,
)
from saleor_loyalty.points.models import Entry
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import InsufficientPoints, PointsInvalid
from saleor_loyalty.points.writing import IdempotencyConflict
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from tests.factories import NOW, make_member
from tests.threads import in_threads


@pytest.fixture
def member(db):
    return make_member()


def adjust(member, points, **values):
    defaults = {
        "note": "sorry for the delay",
        "reason": AdjustmentReason.CORRECTION,
        "actor": "user:5",
        "now": NOW,
    }
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

    assert Entry.objects.count() == Adjustment.objects.count() == 0


def test_an_unknown_member_is_refused(db):
    with pytest.raises(MemberNotFound) as refused:
        adjust_points(
            member_id=404, points=1, reason=AdjustmentReason.OTHER, note="x", actor="", now=NOW
        )

    assert refused.value.field == "member_id"


def available(member):
    return purses_of(member_ids=[member.pk])[member.pk].available


def limit(member, points):
    update_program(
        program_id=member.program_id,
        changes=ProgramChanges(policy={"adjustment_limit_points": points}),
        now=NOW - timedelta(days=2),
    )


def test_goodwill_is_named_so_and_counts_for_tiers_only_on_wish(member):
    adjust(member, 5, reason=AdjustmentReason.GOODWILL)
    adjust(member, 7, is_qualifying=True)

    entries = Entry.objects.order_by("id").values_list("reason", "is_qualifying", "points")
    assert list(entries) == [("goodwill", False, 5), ("adjustment", True, 7)]


def test_beyond_the_limit_of_a_day_a_second_person_approves(member):
    limit(member, 100)
    adjust(member, 60)

    waiting = adjust(member, 50)

    assert (waiting.status, available(member)) == ("waiting", 60)
    approved = decide_adjustment(
        adjustment_id=waiting.pk, is_approved=True, actor="user:6", now=NOW
    )
    assert (approved.status, approved.decided_by, available(member)) == ("applied", "user:6", 110)


def test_nobody_approves_their_own_and_nothing_moves(member):
    limit(member, 10)
    waiting = adjust(member, 50)

    with pytest.raises(SamePerson):
        decide_adjustment(adjustment_id=waiting.pk, is_approved=True, actor="user:5", now=NOW)

    assert available(member) == 0
    assert Adjustment.objects.get().status == "waiting"


def test_a_rejected_adjustment_moves_nothing_and_is_decided_once(member):
    limit(member, 10)
    waiting = adjust(member, 50)
    decide_adjustment(adjustment_id=waiting.pk, is_approved=False, actor="user:6", now=NOW)

    with pytest.raises(AdjustmentNotFound):
        decide_adjustment(adjustment_id=waiting.pk, is_approved=True, actor="user:6", now=NOW)

    assert available(member) == 0


def test_giving_and_taking_count_together_and_anew_each_day(member):
    limit(member, 100)
    adjust(member, 60)
    adjust(member, -40)

    assert adjust(member, 1).status == "waiting"
    assert adjust(member, 100, now=NOW + timedelta(days=1)).status == "applied"
    assert adjust(member, 100, actor="user:9").status == "applied"


@pytest.mark.django_db(transaction=True)
def test_one_key_from_two_people_at_once_is_a_conflict_for_one_of_them():
    member = make_member()

    results = in_threads(2, lambda n: adjust(member, 10, idempotency_key="k", actor=f"user:{n}"))

    assert sum(isinstance(one, IdempotencyConflict) for one in results) == 1
    assert available(member) == 10


@pytest.mark.django_db(transaction=True)
def test_sixteen_calls_at_once_do_not_pass_the_limit_together():
    member = make_member()
    limit(member, 50)

    results = in_threads(16, lambda _: adjust(member, 10).status)

    assert sorted(results) == ["applied"] * 5 + ["waiting"] * 11
    assert available(member) == 50
