from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from saleor_loyalty.points.models import Balance, Entry, Hold, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import (
    Authorize,
    Capture,
    GiveBack,
    HoldExceeded,
    HoldNotFound,
    Void,
)
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import InsufficientPoints, LotTerms, Purse, Reason, Shortfall
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.points.writing import IdempotencyConflict
from tests.factories import NOW, make_member, make_posting, make_program
from tests.threads import in_threads

DAY = timedelta(days=1)


@pytest.fixture
def member(db):
    """10 points until tomorrow, 20 until in 90 days, 30 for ever."""
    member = make_member()
    post(
        postings=[
            make_posting(member, 30, key="never"),
            make_posting(member, 20, key="later", lot=LotTerms(expires_at=NOW + 90 * DAY)),
            make_posting(member, 10, key="soon", lot=LotTerms(expires_at=NOW + DAY)),
        ],
        now=NOW,
    )
    return member


def do(kind, member, *, key, **values):
    posting = kind(
        program_id=member.program_id,
        member_id=member.pk,
        key=key,
        reason=Reason.ADJUSTMENT,
        effective_at=NOW,
        **values,
    )
    return post(postings=[posting], now=NOW)


def authorize(member, points, **values):
    return do(Authorize, member, **{"key": "checkout", "points": points, **values})


def purse(member):
    return purses_of(member_ids=[member.pk])[member.pk]


def by_lot():
    """What is available and held, by when it expires in days (None: never)."""
    return {
        (lot.expires_at - NOW).days if lot.expires_at else None: (lot.available, lot.held)
        for lot in Lot.objects.all()
    }


def hold():
    return Hold.objects.values_list("points", "held", "captured", "returned").get()


def test_a_hold_takes_what_expires_soonest(member):
    authorize(member, 15, expires_at=NOW + DAY)

    assert by_lot() == {1: (0, 10), 90: (15, 5), None: (30, 0)}
    assert hold() == (15, 15, 0, 0)
    assert Hold.objects.get().expires_at == NOW + DAY
    assert purse(member) == Purse(available=45, held=15)


def test_a_spend_is_undone_into_the_lots_it_came_from_with_their_dates(member):
    authorize(member, 35)
    do(Capture, member, key="capture", hold_key="checkout")

    do(GiveBack, member, key="undo-1", hold_key="checkout", points=7)
    part = by_lot()
    do(GiveBack, member, key="undo-2", hold_key="checkout")

    assert part == {1: (0, 0), 90: (2, 0), None: (30, 0)}
    assert by_lot() == {1: (10, 0), 90: (20, 0), None: (30, 0)}
    assert hold() == (35, 0, 35, 35)


def test_a_hold_is_captured_in_parts_the_rest_released_and_some_of_it_given_back(member):
    authorize(member, 35)

    do(Capture, member, key="first", hold_key="checkout", points=12)
    do(Capture, member, key="second", hold_key="checkout", points=10)
    do(Void, member, key="rest", hold_key="checkout")
    do(GiveBack, member, key="undo", hold_key="checkout", points=4)

    assert hold() == (35, 0, 22, 4)
    assert by_lot() == {1: (0, 0), 90: (12, 0), None: (30, 0)}
    assert purse(member) == Purse(available=42)
    assert find_drift() == []


def test_all_of_nothing_writes_nothing(member):
    authorize(member, 5)
    do(Void, member, key="void", hold_key="checkout")
    entries = Entry.objects.count()

    do(Capture, member, key="capture", hold_key="checkout")
    do(GiveBack, member, key="undo", hold_key="checkout")

    assert Entry.objects.count() == entries
    assert purse(member) == Purse(available=60)


@pytest.mark.parametrize(
    ("kind", "values", "error"),
    [
        (Authorize, {"key": "more", "points": 56}, InsufficientPoints),
        (Capture, {"key": "more", "hold_key": "checkout", "points": 6}, HoldExceeded),
        (Void, {"key": "more", "hold_key": "checkout", "points": 6}, HoldExceeded),
        (GiveBack, {"key": "more", "hold_key": "checkout", "points": 1}, HoldExceeded),
        (Capture, {"key": "more", "hold_key": "unknown"}, HoldNotFound),
    ],
)
def test_more_than_there_is_is_refused_and_nothing_is_written(member, kind, values, error):
    authorize(member, 5)
    entries = Entry.objects.count()

    with pytest.raises(error):
        do(kind, member, **values)

    assert Entry.objects.count() == entries
    assert hold() == (5, 5, 0, 0)
    assert purse(member) == Purse(available=55, held=5)


def test_a_hold_of_another_member_is_not_found(member):
    other = make_member(member.program)
    authorize(member, 5)

    with pytest.raises(HoldNotFound):
        do(Capture, other, key="capture", hold_key="checkout")

    assert hold() == (5, 5, 0, 0)


def test_the_same_hold_again_is_a_no_op_and_with_other_points_a_conflict(member):
    authorize(member, 5)

    again = authorize(member, 5)
    with pytest.raises(IdempotencyConflict):
        authorize(member, 6)

    assert again.new_keys == frozenset()
    assert hold() == (5, 5, 0, 0)


def test_two_programmes_may_use_the_same_key(member):
    other = make_member(make_program(channel_ids=[8]))
    post(postings=[make_posting(other, 9)], now=NOW)

    authorize(member, 5)
    authorize(other, 6)
    do(Capture, other, key="capture", hold_key="checkout")

    holds = Hold.objects.order_by("points").values_list("points", "held", "captured")
    assert list(holds) == [(5, 5, 0), (6, 0, 6)]


def test_held_points_are_safe_from_a_refund_which_is_owed_instead(member):
    authorize(member, 60)

    post(postings=[make_posting(member, -8, key="take", shortfall=Shortfall.DEBT)], now=NOW)
    owing = purse(member)
    do(Void, member, key="void", hold_key="checkout")

    assert owing == Purse(held=60, debt=8)
    assert purse(member) == Purse(available=52)
    assert find_drift() == []


def test_all_of_it_may_happen_in_one_call(member):
    common = {
        "program_id": member.program_id,
        "member_id": member.pk,
        "reason": Reason.ADJUSTMENT,
        "effective_at": NOW,
    }

    post(
        postings=[
            Authorize(**common, key="checkout", points=35),
            Capture(**common, key="capture", hold_key="checkout", points=20),
            Void(**common, key="void", hold_key="checkout", points=10),
            GiveBack(**common, key="undo", hold_key="checkout", points=5),
        ],
        now=NOW,
    )

    assert hold() == (35, 5, 20, 5)
    assert purse(member) == Purse(available=40, held=5)
    assert find_drift() == []


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"held": -1}, "loyalty_hold_not_negative"),
        ({"returned": -1}, "loyalty_hold_not_negative"),
        ({"captured": 36}, "loyalty_hold_within_its_points"),
        ({"returned": 1}, "loyalty_hold_within_its_points"),
        ({"held": 36}, "loyalty_hold_within_its_points"),
    ],
)
def test_the_database_refuses_a_hold_that_cannot_be(member, values, constraint):
    authorize(member, 35)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Hold.objects.update(**values)


@pytest.mark.parametrize("bucket", ["pending", "available", "held", "expired"])
def test_the_database_refuses_a_lot_below_zero(member, bucket):
    with pytest.raises(IntegrityError, match="loyalty_lot_not_negative"), transaction.atomic():
        Lot.objects.update(**{bucket: -1})


def test_the_database_refuses_debt_beside_points(member):
    with pytest.raises(IntegrityError, match="debt_is_repaid_first"), transaction.atomic():
        Balance.objects.update(debt=1)


@pytest.mark.django_db(transaction=True)
def test_one_key_for_holds_of_two_members_at_once_is_a_conflict_for_one_of_them():
    program = make_program()
    members = [make_member(program), make_member(program)]
    for one in members:
        post(postings=[make_posting(one, 5, key=f"give-{one.pk}")], now=NOW)

    results = in_threads(2, lambda n: authorize(members[n], 5))

    assert sum(isinstance(result, IdempotencyConflict) for result in results) == 1
    assert Hold.objects.count() == 1
