"""Putting members into tiers by hand."""

from datetime import date, timedelta

import pytest

from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.assign_tier import AssignmentInvalid, assign_tier, end_assignment
from saleor_loyalty.flows.review_tiers import review_due_tiers
from saleor_loyalty.tiers.models import TierChange, TierStanding
from saleor_loyalty.tiers.operations import TierNotFound
from tests.factories import NOW, make_member, make_program
from tests.tiers.ladders import make_ladder, make_tier


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return make_member(program)


@pytest.fixture
def circle(program):
    make_ladder(program)
    return make_tier(program, "Circle", None)


def assign(member, tier, **values):
    given = {"reason": "A friend of the house", "actor": "user:7", "now": NOW, **values}
    return assign_tier(member_id=member.pk, tier_id=tier.pk, **given)


def kinds():
    return list(TierChange.objects.order_by("id").values_list("kind", flat=True))


def test_an_assigned_tier_has_a_reason_an_end_and_whoever_did_it(ada, circle):
    assign(ada, circle, until_on=date(2026, 12, 31))

    change = TierChange.objects.get()
    assert (change.kind, change.to_tier, change.until_on) == (
        "assigned",
        circle,
        date(2026, 12, 31),
    )
    assert (change.note, change.actor) == ("A friend of the house", "user:7")
    assert ada.standing.tier == circle


def test_assigning_the_same_again_changes_nothing(ada, circle):
    for _ in range(2):
        assign(ada, circle, until_on=date(2026, 12, 31))

    assert kinds() == ["assigned"]


def test_an_assignment_ends_by_itself_on_its_last_day(ada, circle):
    assign(ada, circle, until_on=date(2026, 6, 20))

    review_due_tiers(now=NOW + timedelta(days=5))
    assert kinds() == ["assigned"]
    review_due_tiers(now=NOW + timedelta(days=6))

    assert kinds() == ["assigned", "assignment_ended"]
    assert TierStanding.objects.get().tier is None


def test_staff_end_an_assignment_with_a_reason_once(ada, circle):
    assign(ada, circle)

    for _ in range(2):
        end_assignment(member_id=ada.pk, reason="Moved away", actor="user:8", now=NOW)

    assert kinds() == ["assigned", "assignment_ended"]
    assert TierChange.objects.first().note == "Moved away"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"reason": " "}, AssignmentInvalid),
        ({"reason": "x" * 1001}, AssignmentInvalid),
        ({"until_on": date(2026, 6, 14)}, AssignmentInvalid),
        ({"until_on": date(9999, 12, 31)}, AssignmentInvalid),
        ({"tier_id": 987654}, TierNotFound),
        ({"member_id": 987654}, MemberNotFound),
    ],
)
def test_an_assignment_that_makes_no_sense_is_refused_and_nothing_is_written(
    ada, circle, values, error
):
    given = {"member_id": ada.pk, "tier_id": circle.pk, "reason": "x", "actor": "", "now": NOW}

    with pytest.raises(error):
        assign_tier(**{**given, **values})

    assert (kinds(), TierStanding.objects.count()) == ([], 0)


def test_without_a_ladder_there_is_no_tier_to_assign(ada, program):
    elsewhere = make_tier(make_program(name="Other", channel_ids=[]), "Other", 5)

    with pytest.raises(TierNotFound):
        assign(ada, elsewhere)

    assert kinds() == []
