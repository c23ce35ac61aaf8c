"""What befalls tiers at the edges: odd dates, later currencies, trouble with one of many."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from threading import Event

import pytest
from django.db import connection, transaction

from saleor_loyalty.flows.assign_tier import AssignmentInvalid, assign_tier, end_assignment
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.grant_benefits import grant_due_benefits
from saleor_loyalty.flows.join_program import join_program
from saleor_loyalty.flows.review_tiers import (
    apply_changed_ladders,
    review_all_tiers,
    review_due_tiers,
)
from saleor_loyalty.points.models import Entry
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import Tier, TierChange, TierLadder, TierStanding
from saleor_loyalty.tiers.operations import (
    TierChanges,
    TierInvalid,
    TierTexts,
    delete_tier,
    update_tier,
)
from saleor_loyalty.tiers.rules import Demotion, Metric, Thresholds
from tests.factories import CHANNEL, NOW, make_member, make_program, make_user, rate
from tests.flows.test_settle_orders import Orders, settle
from tests.flows.test_tiers import big, story, tier_of
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder, make_tier
from tests.waiting import wait_until_blocked

LAST_DAY = date(9999, 12, 31)


@pytest.fixture
def orders():
    return Orders()


@pytest.fixture
def program(db):
    return make_program()


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_member_decides_by_the_ladder_as_it_is_then():
    program = make_program()
    basic = make_tier(program, "Basic", 0)
    member = make_member(program, user=make_user())
    is_locked = Event()

    def work(number):
        if number:
            assert is_locked.wait(5)
            return evaluate_tiers(member_ids=[member.pk], now=NOW)
        with transaction.atomic():
            lock_members(member_ids={member.pk})
            is_locked.set()
            wait_until_blocked()
            delete_tier(tier_id=basic.pk, move_to_id=None, now=NOW)
        return None

    assert in_threads(2, work) == [None, []]

    assert not TierStanding.objects.exists()


def test_a_new_currency_can_be_given_to_one_tier_after_the_other(program):
    silver, gold = make_ladder(program, metric=Metric.AMOUNT)
    rates = [rate("USD"), rate("EUR"), rate("PLN")]
    update_program(program_id=program.pk, changes=ProgramChanges(rates=rates), now=NOW)

    for tier, amount in ((silver, 400), (gold, 2000)):
        amounts = {"USD": Decimal(amount) / 4, "EUR": Decimal(amount) / 4, "PLN": Decimal(amount)}
        update_tier(
            tier_id=tier.pk, changes=TierChanges(thresholds=Thresholds(amounts=amounts)), now=NOW
        )

    needed = [tier.thresholds["amounts"]["PLN"] for tier in Tier.objects.all()]
    assert needed == ["400", "2000"]


def test_a_tier_that_is_given_thresholds_must_have_them_in_all_currencies(program):
    silver, _ = make_ladder(program, metric=Metric.AMOUNT)
    changes = TierChanges(thresholds=Thresholds(amounts={"USD": Decimal(100)}))

    with pytest.raises(TierInvalid) as refused:
        update_tier(tier_id=silver.pk, changes=changes, now=NOW)

    assert refused.value.data["problem"] == "of Silver is missing for EUR"
    assert Tier.objects.get(pk=silver.pk).thresholds == silver.thresholds


def test_a_tier_cannot_be_assigned_until_a_day_that_calendars_end_with(program):
    circle = make_tier(program, "Circle", None)
    member = make_member(program, user=make_user())

    with pytest.raises(AssignmentInvalid):
        assign_tier(
            member_id=member.pk,
            tier_id=circle.pk,
            reason="Friend",
            actor="user:1",
            until_on=LAST_DAY,
            now=NOW,
        )

    assert not TierStanding.objects.exists()


def broken(member, tier):
    """A standing that no look can get past."""
    TierStanding.objects.filter(member=member).update(
        assigned=tier, assigned_on=LAST_DAY, review_at=NOW
    )


def test_a_member_whose_look_fails_holds_up_no_other(program, caplog):
    basic, _ = make_tier(program, "Basic", 0), make_tier(program, "Silver", 1000)
    members = [make_member(program, user=make_user(f"{number}@x.example")) for number in range(3)]
    evaluate_tiers(member_ids=[member.pk for member in members], now=NOW)
    TierStanding.objects.update(review_at=NOW)
    broken(members[1], basic)

    review_due_tiers(now=NOW)

    due = TierStanding.objects.exclude(review_at=None).values_list("member", flat=True)
    assert list(due) == [members[1].pk]
    assert "could not be looked at" in caplog.text


def test_what_staff_end_at_once_ends_for_a_member_whose_look_failed_too(program, orders):
    silver, _ = make_ladder(program)
    ada, ben = make_user("ada@x.example"), make_user("ben@x.example")
    settle(orders, big("a", user_id=ada.pk), big("b", user_id=ben.pk))
    apply_changed_ladders(now=NOW)
    standing = TierStanding.objects.get(member__user=ada)
    broken(standing.member, silver)
    changes = TierChanges(thresholds=Thresholds(points=3000))
    update_tier(tier_id=silver.pk, changes=changes, demotion=Demotion.AT_ONCE, now=NOW)

    apply_changed_ladders(now=NOW)

    assert (tier_of(ada), tier_of(ben)) == ("Silver", None)
    TierStanding.objects.filter(pk=standing.pk).update(assigned=None, assigned_on=None)
    review_all_tiers(now=NOW)
    assert tier_of(ada) is None


WELCOME = Benefit(key="welcome", kind=BenefitKind.WELCOME_POINTS, points=50)


@pytest.mark.parametrize("key", ["welcome", "hello"])
def test_a_welcome_by_another_key_is_no_second_welcome(program, orders, key):
    basic = make_tier(program, "Basic", 0)
    silver = make_tier(program, "Silver", 1000, benefits=[WELCOME])
    ada = make_user()
    settle(orders, big(user_id=ada.pk))
    member = TierStanding.objects.get().member
    changes = TierChanges(benefits=[replace(WELCOME, key=key, points=70)])
    update_tier(tier_id=silver.pk, changes=changes, now=NOW)
    common = {"member_id": member.pk, "reason": "A test", "actor": "user:1", "now": NOW}
    assign_tier(**common, tier_id=basic.pk, is_pinned=True)

    end_assignment(**common)

    assert [one[2] for one in story()] == ["Silver", "Basic", "Silver"]
    welcomes = Entry.objects.filter(reason="tier_reached")
    assert list(welcomes.values_list("points", flat=True)) == [50]


def test_nobody_is_welcomed_into_a_tier_that_they_fell_to(program, orders):
    make_tier(program, "Silver", 1000, benefits=[WELCOME])
    gold = make_tier(program, "Gold", 2000)
    ada = make_user()
    settle(orders, big(user_id=ada.pk, amount="250"))
    delete_tier(tier_id=gold.pk, move_to_id=None, now=NOW)

    apply_changed_ladders(now=NOW)

    assert [one[2] for one in story()] == ["Gold", "Silver"]
    assert not Entry.objects.filter(reason="tier_reached").exists()


@pytest.mark.django_db(transaction=True)
def test_a_ladder_is_not_applied_while_another_holds_a_member():
    program = make_program()
    make_tier(program, "Basic", 0)
    member = make_member(program, user=make_user())
    is_locked, is_done = Event(), Event()

    def work(number):
        if number:
            with transaction.atomic():
                lock_members(member_ids={member.pk})
                is_locked.set()
                assert is_done.wait(5)
            return None
        assert is_locked.wait(5)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        apply_changed_ladders(now=NOW)
        is_done.set()
        return TierLadder.objects.get().applied_version

    assert in_threads(2, work) == [0, None]

    assert apply_changed_ladders(now=NOW) == 1
    assert TierLadder.objects.get().applied_version == TierLadder.objects.get().version


def test_a_ladder_that_cannot_be_read_stops_no_other(program, caplog):
    make_tier(program, "Basic", 0)
    TierLadder.objects.update(terms={"metric": "nonsense"})
    other = make_program(channel_ids=[8])
    basic = make_tier(other, "Basic", 0)
    member = make_member(other, user=make_user())

    assert apply_changed_ladders(now=NOW) == 1
    assert review_all_tiers(now=NOW) == 0

    assert list(TierStanding.objects.values_list("member", "tier")) == [(member.pk, basic.pk)]
    assert f"The ladder of loyalty programme {program.pk} failed" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"benefits": [Benefit(key="vip", kind=BenefitKind.PERK, name="A", url="tel:" + "1" * 600)]},
        {
            "translations": [
                TierTexts(language_code="de", benefits={"welcome": {"text": "x" * 2001}})
            ]
        },
    ],
)
def test_texts_of_benefits_have_an_end(program, changes):
    tier = make_tier(program, "Basic", 0, benefits=[WELCOME])

    with pytest.raises(TierInvalid):
        update_tier(tier_id=tier.pk, changes=TierChanges(**changes), now=NOW)

    assert Tier.objects.get().benefits == tier.benefits
    assert not tier.translations.exists()


def test_who_is_in_an_open_tier_that_is_open_no_more_is_told_an_end(db):
    program = make_program()
    bronze = make_tier(program, "Bronze", 0)
    make_tier(program, "Silver", 1000)
    member = join_program(user_id=make_user().pk, channel_id=CHANNEL, now=NOW)
    assert member.standing.kept_on is None

    update_tier(tier_id=bronze.pk, changes=TierChanges(thresholds=Thresholds(points=500)), now=NOW)
    apply_changed_ladders(now=NOW)

    standing = TierStanding.objects.get()
    assert (standing.tier, standing.kept_on) == (bronze, date(2027, 12, 31))
    assert TierChange.objects.first().kind == "ladder_changed"


def test_the_grace_period_brings_no_new_vouchers(db):
    program = make_program()
    benefit = Benefit(key="post", kind=BenefitKind.FREE_SHIPPING, uses=1, period=Period.MONTH)
    tier = make_tier(program, "Silver", 1000, benefits=[benefit])
    for number, grace_on in enumerate((None, date(2026, 7, 1))):
        TierStanding.objects.create(
            member=make_member(program, user=make_user(f"user{number}@example.com")),
            program=program,
            tier=tier,
            earned=tier,
            since=NOW,
            grace_on=grace_on,
        )

    assert grant_due_benefits(now=NOW) == 1
