from datetime import date, timedelta

import pytest

from saleor_loyalty.adjustments.models import Adjustment
from saleor_loyalty.adjustments.rules import AdjustmentReason
from saleor_loyalty.flows.adjust_points import MemberNotFound, adjust_points
from saleor_loyalty.flows.merge_members import MergeImpossible, merge_members, move_late_points
from saleor_loyalty.flows.settle_orders import settle as settle_facts
from saleor_loyalty.flows.settle_orders import settle_due_orders
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.queries import all_members, members_of
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture, GiveBack, Void
from saleor_loyalty.points.queries import posted_for_orders, purses_of
from saleor_loyalty.points.rules import LotTerms, Purse, Reason, Shortfall
from saleor_loyalty.points.sweeps import expire_due
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from tests.factories import (
    NOW,
    START,
    make_member,
    make_order,
    make_posting,
    make_program,
    make_user,
    refunded,
)
from tests.threads import in_threads

DAY = timedelta(days=1)
SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def member(program):
    return make_member(program, user=make_user("ada@old.example"))


@pytest.fixture
def into(program):
    return make_member(program, user=make_user("ada@new.example"))


def merge(member, into, *, now=NOW):
    return merge_members(member_id=member.pk, into_id=into.pk, actor="user:5", now=now)


def give(member, points, *, key, **values):
    post(postings=[make_posting(member, points, key=key, **values)], now=NOW)


def do(kind, member, *, key, **values):
    posting = kind(
        program_id=member.program_id,
        member_id=member.pk,
        key=key,
        reason=Reason.ADJUSTMENT,
        effective_at=NOW,
        **values,
    )
    post(postings=[posting], now=NOW)


def settle(*orders, now=NOW):
    mark_due(order_ids=[order.order_id for order in orders], now=now)
    facts = {order.order_id: order for order in orders}
    return settle_due_orders(load_facts=lambda ids: {pk: facts[pk] for pk in ids}, now=now)


def purse(member):
    return purses_of(member_ids=[member.pk])[member.pk]


def test_lots_move_with_their_orders_and_dates(member, into):
    dated = LotTerms(expires_at=NOW + 30 * DAY)
    waiting = LotTerms(
        is_pending=True, matures_at=NOW + DAY, expires_at=NOW + 9 * DAY, notice_days=7
    )
    idle = LotTerms(inactivity_months=6)
    give(member, 10, key="dated", lot=dated, order_id="17", effective_at=START)
    give(member, 20, key="waiting", lot=waiting)
    give(member, 30, key="idle", lot=idle)

    merge(member, into)

    assert (purse(member), purse(into)) == (Purse(), Purse(pending=20, available=40))
    columns = ("order_id", "earned_at", "matures_at", "expires_at", "inactivity_months")
    moved = Lot.objects.filter(member=into).order_by("id")
    assert list(moved.values_list(*columns, "notice_days", "pending", "available")) == [
        ("17", START, None, NOW + 30 * DAY, None, 0, 0, 10),
        ("", NOW, NOW + DAY, NOW + 9 * DAY, None, 7, 20, 0),
        ("", NOW, None, None, 6, 0, 0, 30),
    ]
    assert find_drift() == []


def test_both_histories_show_the_merge(member, into):
    give(member, 10, key="give")

    merge(member, into)

    entries = Entry.objects.filter(reason="merged").order_by("id")
    assert [(one.member_id, one.source, one.target, one.actor) for one in entries] == [
        (member.pk, "available", "transferred", "user:5"),
        (into.pk, "transferred", "available", "user:5"),
    ]
    assert entries[0].details == {"from_member": member.pk, "into_member": into.pk}


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (-50, 80, Purse(available=30)),
        (-50, 20, Purse(debt=30)),
        (80, -50, Purse(available=30)),
        (-50, -20, Purse(debt=70)),
    ],
)
def test_what_one_owes_the_others_points_repay(member, into, mine, theirs, expected):
    for one, points in ((member, mine), (into, theirs)):
        values = {"shortfall": Shortfall.DEBT} if points < 0 else {}
        give(one, points, key=f"start-{one.pk}", **values)

    merge(member, into)

    assert (purse(member), purse(into)) == (Purse(), expected)
    assert find_drift() == []


def test_merging_again_changes_nothing(member, into):
    give(member, 10, key="give")
    merge(member, into)
    entries = Entry.objects.count()

    assert merge(member, into, now=SOON) == into

    assert Entry.objects.count() == entries
    assert Member.objects.get(pk=member.pk).merged_at == NOW


def test_the_merged_account_counts_for_the_other_member(member, into):
    assert merge(member, into) == into

    merged = Member.objects.get(pk=member.pk)
    assert (merged.merged_into, merged.merged_at, merged.merged_by) == (into, NOW, "user:5")
    key = (member.program_id, member.user_id)
    assert members_of(user_ids=[member.user_id])[key] == into
    assert list(all_members()) == [into]


def test_members_merged_one_after_another_end_with_the_last(program, member, into):
    last = make_member(program)
    give(member, 10, key="give")

    merge(member, into)
    merge(into, last)

    assert Member.objects.get(pk=member.pk).merged_into == last
    assert purse(last) == Purse(available=10)


def test_the_other_member_gets_the_older_start_and_a_missing_birthday(member, into):
    Member.objects.filter(pk=member.pk).update(joined_at=START, born_on=date(1990, 5, 17))

    merge(member, into)

    found = Member.objects.get(pk=into.pk)
    assert (found.joined_at, found.born_on) == (START, date(1990, 5, 17))


def test_the_latest_activity_of_both_counts(member, into):
    give(member, 10, key="new", effective_at=NOW, is_activity=True)
    give(into, 10, key="old", effective_at=START, is_activity=True)

    merge(member, into)

    assert Balance.objects.get(member=into).last_activity_at == NOW


def test_a_refund_after_the_merge_takes_the_orders_own_points(member, into):
    give(into, 500, key="other", lot=LotTerms(expires_at=NOW + DAY))
    order = make_order(user_id=member.user_id)
    settle(order)
    merge(member, into)

    settle(make_order(user_id=member.user_id, **refunded("55")))

    assert SettledOrder.objects.get().member == into
    assert posted_for_orders(order_ids=[order.order_id])[order.order_id].points == 500
    assert (purse(member), purse(into)) == (Purse(), Purse(available=1000))
    own, other = Lot.objects.filter(member=into).order_by("order_id").values_list("available")
    assert (own, other) == ((500,), (500,))


def test_points_of_an_order_that_expired_before_the_merge_are_not_taken_from_others(member, into):
    give(member, 10, key="order", order_id="17", lot=LotTerms(expires_at=NOW))
    give(into, 30, key="other")
    expire_due(now=NOW)
    merge(member, into)

    give(into, -10, key="refund", order_id="17", shortfall=Shortfall.DEBT)

    assert purse(into) == Purse(available=30)
    assert find_drift() == []


def test_an_adjustment_that_waits_follows_the_member(program, member, into):
    changes = ProgramChanges(policy={"adjustment_limit_points": 5})
    update_program(program_id=program.pk, changes=changes, now=NOW)
    adjust_points(
        member_id=member.pk,
        points=10,
        reason=AdjustmentReason.CORRECTION,
        note="for the delay",
        actor="user:5",
        now=NOW,
    )

    merge(member, into)

    assert Adjustment.objects.get().member == into


def test_a_spend_that_is_undone_after_the_merge_reaches_the_other_member(member, into):
    give(member, 10, key="give", lot=LotTerms(expires_at=NOW + 30 * DAY))
    do(Authorize, member, key="checkout", points=6)
    do(Capture, member, key="capture", hold_key="checkout")
    merge(member, into)
    do(GiveBack, member, key="undo", hold_key="checkout")

    moved, again = move_late_points(now=SOON), move_late_points(now=SOON + DAY)

    assert (moved, again) == (1, 0)
    assert (purse(member), purse(into)) == (Purse(), Purse(available=10))
    assert {lot.expires_at for lot in Lot.objects.all()} == {NOW + 30 * DAY}


def test_an_order_that_was_settled_for_the_merged_member_meanwhile_is_the_others(member, into):
    merge(member, into)
    give(member, 1000, key="order:order-1:1", order_id="order-1")
    SettledOrder.objects.create(
        order_id="order-1",
        order_placed_at=NOW,
        program=member.program,
        member=member,
        outcome="earned",
        currency="USD",
        settled_at=NOW,
    )

    move_late_points(now=SOON)

    assert SettledOrder.objects.get().member == into
    assert (purse(member), purse(into)) == (Purse(), Purse(available=1000))


def test_what_cannot_be_merged_is_refused_and_nothing_moves(program, member, into):
    elsewhere = make_member(make_program(channel_ids=[8]))
    gone = make_member(program)
    merge(gone, into)
    give(member, 10, key="give")
    entries = Entry.objects.count()

    for one, other in ((member, member), (member, elsewhere), (member, gone), (gone, member)):
        with pytest.raises(MergeImpossible):
            merge(one, other)
    with pytest.raises(MemberNotFound) as missing:
        merge_members(member_id=member.pk, into_id=0, actor="user:5", now=NOW)

    assert missing.value.field == "into_id"
    assert Entry.objects.count() == entries
    assert Member.objects.get(pk=member.pk).merged_into is None


def test_points_on_hold_must_come_back_first(member, into):
    give(member, 10, key="give")
    do(Authorize, member, key="checkout", points=6)

    with pytest.raises(MergeImpossible, match="held"):
        merge(member, into)
    do(Void, member, key="void", hold_key="checkout")
    merge(member, into)

    assert purse(into) == Purse(available=10)


@pytest.mark.django_db(transaction=True)
def test_an_order_that_is_settled_while_its_member_is_merged_counts_for_the_other():
    program = make_program()
    users = [make_user("old@example.com"), make_user("new@example.com")]
    old, new = (make_member(program, user=user) for user in users)

    def work(number):
        if number == 0:
            return merge_members(member_id=old.pk, into_id=new.pk, actor="", now=NOW)
        order = make_order(f"o{number}", user_id=users[0].pk, placed_at=NOW)
        return settle_facts(facts=[order], now=NOW)

    results = in_threads(9, work)

    assert not [one for one in results if isinstance(one, Exception)]
    assert set(SettledOrder.objects.values_list("member", flat=True)) == {new.pk}
    purses = purses_of(member_ids=[old.pk, new.pk])
    assert purses == {old.pk: Purse(), new.pk: Purse(available=8000)}
