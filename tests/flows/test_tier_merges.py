"""What becomes of tiers when members are merged, also at the same moment as something else."""

from datetime import date, timedelta
from decimal import Decimal
from threading import Event

import pytest
from django.db import transaction

from saleor_loyalty.flows.assign_tier import assign_tier
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.review_tiers import (
    apply_changed_ladders,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Entry
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import TierChange, TierStanding
from saleor_loyalty.tiers.operations import (
    TierChanges,
    update_tier,
)
from saleor_loyalty.tiers.queries import changes_of
from saleor_loyalty.tiers.rules import Thresholds, Window
from tests.factories import NOW, make_member, make_program, make_user
from tests.flows.test_settle_orders import Orders, settle
from tests.flows.test_tiers import big, story
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder, make_tier
from tests.waiting import wait_until_blocked


@pytest.fixture
def orders():
    return Orders()


@pytest.fixture
def program(db):
    return make_program()


def two_members(program):
    users = [make_user("old@example.com"), make_user("new@example.com")]
    return [make_member(program, user=user) for user in users]


def merge_while(work, *, member, into):
    """Merge members while another connection does something with one that it read before."""
    is_locked = Event()

    def one(number):
        if number:
            assert is_locked.wait(5)
            return work()
        with transaction.atomic():
            lock_members(member_ids={member.pk, into.pk})
            is_locked.set()
            wait_until_blocked()
            merge_members(member_id=member.pk, into_id=into.pk, actor="", now=NOW)
        return None

    results = in_threads(2, one)
    assert not [result for result in results if isinstance(result, Exception)], results


@pytest.mark.django_db(transaction=True)
def test_a_look_at_a_member_who_is_merged_meanwhile_is_a_look_at_the_other():
    program = make_program()
    welcome = Benefit(key="welcome", kind=BenefitKind.WELCOME_POINTS, points=50)
    make_tier(program, "Basic", 0, benefits=[welcome])
    old, new = two_members(program)

    merge_while(lambda: evaluate_tiers(member_ids=[old.pk], now=NOW), member=old, into=new)

    assert list(TierStanding.objects.values_list("member", flat=True)) == [new.pk]
    assert list(TierChange.objects.values_list("member", flat=True)) == [new.pk]
    assert list(Entry.objects.values_list("member", "points")) == [(new.pk, 50)]


@pytest.mark.django_db(transaction=True)
def test_assigning_a_tier_to_a_member_who_is_merged_meanwhile_reaches_the_other():
    program = make_program()
    circle = make_tier(program, "Circle", None)
    old, new = two_members(program)

    merge_while(
        lambda: assign_tier(
            member_id=old.pk, tier_id=circle.pk, reason="Friend", actor="user:1", now=NOW
        ),
        member=old,
        into=new,
    )

    assert list(TierStanding.objects.values_list("member", "tier")) == [(new.pk, circle.pk)]


def test_what_a_merged_member_was_promised_holds_for_the_other(program, orders):
    silver, _ = make_ladder(program)
    ada, ben = make_user("ada@x.example"), make_user("ben@x.example")
    settle(orders, big(user_id=ada.pk))
    into = make_member(program, user=ben)
    changes = TierChanges(thresholds=Thresholds(points=3000))
    update_tier(tier_id=silver.pk, changes=changes, now=NOW)
    apply_changed_ladders(now=NOW)
    standing = TierStanding.objects.get()

    merge_members(member_id=standing.member_id, into_id=into.pk, actor="user:1", now=NOW)

    after = TierStanding.objects.get()
    assert (after.member_id, after.tier, after.kept_on) == (into.pk, silver, date(2027, 12, 31))
    assert [one[0] for one in story()] == ["rose", "merged"]


def test_a_merge_that_moves_the_years_ends_no_promise(program, orders):
    silver, _ = make_ladder(program, window=Window.MEMBERSHIP_YEAR)
    into = make_member(program, user=make_user("new@x.example"))
    old = make_member(program, user=make_user("old@x.example"))
    Member.objects.filter(pk=old.pk).update(joined_at=NOW - timedelta(days=800))
    for number, days in enumerate((20, 300)):
        on = NOW + timedelta(days=days)
        settle(orders, big(str(number), amount="60", user_id=into.user_id, placed_at=on), now=on)
    before = TierStanding.objects.get()

    merge_members(member_id=old.pk, into_id=into.pk, actor="user:1", now=on)

    after = TierStanding.objects.get()
    assert (before.tier, before.kept_on) == (silver, date(2028, 6, 14))
    assert (after.tier, after.kept_on, after.grace_on) == (silver, date(2028, 6, 14), None)


def test_the_history_of_a_tier_shows_what_a_merged_member_lived(program, orders):
    make_ladder(program)
    ada, ben = make_user("ada@x.example"), make_user("ben@x.example")
    settle(orders, big(user_id=ada.pk))
    old = TierStanding.objects.get().member
    into = make_member(program, user=ben)

    merge_members(member_id=old.pk, into_id=into.pk, actor="user:1", now=NOW)

    shown = [(one.member_id, one.kind) for one in changes_of(member_id=into.pk)]
    assert shown == [(into.pk, "merged"), (old.pk, "rose")]


def test_an_order_placed_before_a_merge_earns_by_the_tier_of_its_own_account(program, orders):
    double = Benefit(key="double", kind=BenefitKind.EARN_MULTIPLIER, factor=Decimal(2))
    make_tier(program, "Silver", 1000, benefits=[double])
    ada, ben = make_user("ada@x.example"), make_user("ben@x.example")
    settle(orders, big(user_id=ada.pk))
    old = TierStanding.objects.get().member
    into = make_member(program, user=ben)
    later = NOW + timedelta(hours=2)
    merge_members(member_id=old.pk, into_id=into.pk, actor="user:1", now=later)

    settle(
        orders,
        big("placed-before", user_id=ada.pk, placed_at=NOW + timedelta(hours=1)),
        now=later + timedelta(hours=1),
    )

    assert Entry.objects.get(order_id="placed-before").points == 2000
