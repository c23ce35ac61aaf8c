"""Real threads on the real database: what may happen at once, happens as if one after another."""

from contextlib import suppress
from datetime import timedelta
from random import Random
from threading import Event

import pytest

from saleor_loyalty.flows.merge_members import merge_members, move_late_points
from saleor_loyalty.flows.settle_orders import settle_due_orders
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import DueOrder
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.points.models import Entry, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import InsufficientPoints, LotTerms, Purse, Reason, Shortfall
from saleor_loyalty.points.sweeps import expire_due, mature_due
from saleor_loyalty.points.verification import find_drift
from tests.factories import NOW, make_member, make_order, make_posting, make_program, make_user
from tests.factories import refunded as paid_back
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 32


def common(member, key):
    return {
        "program_id": member.program_id,
        "member_id": member.pk,
        "key": key,
        "reason": Reason.ADJUSTMENT,
        "effective_at": NOW,
    }


def purse(member):
    return purses_of(member_ids=[member.pk])[member.pk]


def refused(results):
    return [result for result in results if isinstance(result, InsufficientPoints)]


def failed(results):
    """What went wrong, but for refusals."""
    return [
        result
        for result in results
        if isinstance(result, Exception) and not isinstance(result, InsufficientPoints)
    ]


def test_holds_and_spends_win_exactly_as_often_as_the_points_last():
    member = make_member()
    lots = [
        make_posting(member, 35, key=f"lot-{n}", lot=LotTerms(expires_at=NOW + timedelta(days=n)))
        for n in range(1, 4)
    ]
    post(postings=lots, now=NOW)

    def work(number):
        hold = Authorize(**common(member, f"hold-{number}"), points=10)
        spend = Capture(**common(member, f"spend-{number}"), hold_key=hold.key)
        post(postings=[hold, spend] if number % 2 else [hold], now=NOW)

    results = in_threads(THREADS, work)

    assert (len(refused(results)), failed(results)) == (THREADS - 10, [])
    spent = sum(Entry.objects.filter(target="spent").values_list("points", flat=True))
    assert purse(member) == Purse(available=5, held=100 - spent)
    assert find_drift() == []


def test_settling_and_refunding_the_same_orders_ends_at_what_they_are_worth():
    make_program()
    users = [make_user(f"user{number}@example.com") for number in range(4)]
    facts = {
        f"order-{number}": make_order(f"order-{number}", user_id=users[number % 4].pk)
        for number in range(8)
    }
    mark_due(order_ids=list(facts), now=NOW)

    def work(number):
        order_id = f"order-{number % 8}"
        if number % 4 == 0:
            refund = paid_back("55")
            facts[order_id] = make_order(order_id, user_id=facts[order_id].user_id, **refund)
        mark_due(order_ids=[order_id], now=NOW)
        for _ in range(3):
            settle_due_orders(load_facts=lambda ids: {pk: facts[pk] for pk in ids}, now=NOW)

    results = in_threads(THREADS, work)
    while settle_due_orders(load_facts=lambda ids: {pk: facts[pk] for pk in ids}, now=NOW).claimed:
        pass

    assert results == [None] * THREADS
    assert DueOrder.objects.count() == 0
    available = {one.user_id: purse(one).available for one in Member.objects.all()}
    expected = [1000, 2000, 2000, 2000]  # orders 0 and 4 are the first customer's, half refunded
    assert [available[user.pk] for user in users] == expected
    assert find_drift() == []


def test_a_worker_does_not_wait_for_what_another_has_claimed():
    make_program()
    ada = make_user()
    facts = {pk: make_order(pk, user_id=ada.pk) for pk in ("order-1", "order-2")}
    has_claimed, is_done = Event(), Event()
    mark_due(order_ids=["order-1"], now=NOW)

    def slowly(order_ids):
        has_claimed.set()
        assert is_done.wait(5)
        return {pk: facts[pk] for pk in order_ids}

    def work(number):
        if number == 0:
            return settle_due_orders(load_facts=slowly, now=NOW, limit=1).settled
        has_claimed.wait(5)
        mark_due(order_ids=["order-2"], now=NOW)
        report = settle_due_orders(load_facts=lambda ids: {pk: facts[pk] for pk in ids}, now=NOW)
        is_done.set()
        return report.settled

    assert in_threads(2, work) == [1, 1]


def test_expiry_and_holds_at_once_never_both_get_a_point():
    program = make_program()
    members = [make_member(program) for _ in range(8)]
    post(
        postings=[
            make_posting(one, 10, key=f"{one.pk}-{n}", lot=LotTerms(expires_at=NOW))
            for one in members
            for n in range(5)
        ],
        now=NOW,
    )

    def work(number):
        if number % 4 == 0:
            return expire_due(now=NOW)
        random = Random(number)
        for turn in range(4):
            member = random.choice(members)
            hold = Authorize(**common(member, f"hold-{number}-{turn}"), points=7)
            with suppress(InsufficientPoints):
                post(postings=[hold], now=NOW)
        return 0

    results = in_threads(THREADS, work)

    assert failed(results) == []
    for lot in Lot.objects.all():
        assert (lot.available, lot.held + lot.expired) == (0, 10)
    assert find_drift() == []


def test_maturing_and_taking_the_same_points_at_once_takes_them_once():
    program = make_program()
    members = [make_member(program) for _ in range(4)]
    terms = LotTerms(is_pending=True, matures_at=NOW)
    post(
        postings=[
            make_posting(one, 100, key=f"give-{one.pk}", order_id=f"order-{one.pk}", lot=terms)
            for one in members
        ],
        now=NOW,
    )

    def work(number):
        if number % 4 == 0:
            return mature_due(now=NOW)
        member = members[number % 3]  # the fourth keeps all
        take = {"order_id": f"order-{member.pk}", "shortfall": Shortfall.REFUSE}
        return post(postings=[make_posting(member, -30, key=f"take-{number}", **take)], now=NOW)

    results = in_threads(THREADS, work)

    assert (len(refused(results)), failed(results)) == (24 - 9, [])
    assert [purse(one) for one in members] == [Purse(available=10)] * 3 + [Purse(available=100)]
    assert find_drift() == []


def test_awards_to_a_member_that_is_being_merged_end_up_with_the_other():
    program = make_program()
    member, into = make_member(program), make_member(program)
    post(postings=[make_posting(into, -50, key="debt", shortfall=Shortfall.DEBT)], now=NOW)

    def work(number):
        if number == 7:
            return merge_members(member_id=member.pk, into_id=into.pk, actor="user:5", now=NOW)
        terms = LotTerms(is_pending=number % 2 == 0)
        return post(postings=[make_posting(member, 10, key=f"award-{number}", lot=terms)], now=NOW)

    results = in_threads(THREADS, work)
    move_late_points(now=NOW + timedelta(seconds=1))

    assert failed(results) == []
    assert purse(member) == Purse()
    assert purse(into) == Purse(pending=160, available=100)
    assert find_drift() == []


def test_a_debt_that_reached_a_merged_member_is_the_others():
    program = make_program()
    member, into = make_member(program), make_member(program)
    post(postings=[make_posting(into, 30, key="give")], now=NOW)
    merge_members(member_id=member.pk, into_id=into.pk, actor="user:5", now=NOW)
    post(postings=[make_posting(member, -50, key="late", shortfall=Shortfall.DEBT)], now=NOW)

    move_late_points(now=NOW + timedelta(seconds=1))

    assert (purse(member), purse(into)) == (Purse(), Purse(debt=20))
