"""The SQL that finds whom to look at, against looking at everybody."""

from datetime import UTC, datetime, timedelta

import pytest

from saleor_loyalty.flows.assign_tier import assign_tier
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.review_tiers import apply_changed_ladders, review_all_tiers
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.postings import Award, Forgive, Take
from saleor_loyalty.points.rules import Shortfall
from saleor_loyalty.tiers.measuring import histories_of
from saleor_loyalty.tiers.models import Tier, TierStanding
from saleor_loyalty.tiers.operations import (
    TierChanges,
    reorder_tiers,
    update_ladder,
    update_tier,
)
from saleor_loyalty.tiers.queries import ladders_of
from saleor_loyalty.tiers.rules import Window
from tests.tiers.worlds import DAY, World, needs

SPRING = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def world(db):
    """Silver at 100, Gold at 300, Platinum at 600 points a calendar year; nothing happened yet."""
    world = World(2, lowest=100, window=Window.CALENDAR_YEAR)
    world.now = SPRING
    return world


def earn(world, member, points, at=SPRING, kind=Award, **values):
    values = {"is_qualifying": True, **values}
    if kind is Take:
        values["shortfall"] = Shortfall.DEBT
    world.post(kind, member, points, at, **values)
    return member.pk


def looked_at(world, *ids):
    evaluate_tiers(member_ids=ids, now=world.now)
    assert world.found() == set()


@pytest.mark.parametrize("seed", range(40))
def test_whoever_a_look_would_change_is_found(db, seed):
    world = World(seed)

    for number in range(14):
        world.step()

        assert world.news() <= world.found(), number
        if world.random.random() < 0.4:
            apply_changed_ladders(now=world.now)
            review_all_tiers(now=world.now)
            assert world.news() == set()


def test_on_an_ordinary_night_there_is_nobody_to_look_at(world):
    for number, member in enumerate(world.members):
        earn(world, member, 100 + 200 * number)

    assert world.found() == {member.pk for member in world.members}
    looked_at(world, *world.found())
    world.now += 300 * DAY
    assert world.found() == set()


def test_on_the_night_of_a_warning_those_are_found_who_get_one(world):
    last_year = earn(world, world.members[0], 300)
    both_years = earn(world, world.members[1], 300)
    looked_at(world, last_year, both_years)
    world.now += 365 * DAY
    earn(world, world.members[1], 300, world.now)
    looked_at(world, last_year, both_years)

    world.now = datetime(2027, 12, 1, 12, 0, tzinfo=UTC)

    assert world.found() == {last_year}


def test_a_refund_that_nobody_noticed_is_found_although_enough_was_earned_since(world):
    ada = earn(world, world.members[0], 300)
    looked_at(world, ada)
    world.now += 300 * DAY
    earn(world, world.members[0], 250, world.now)
    looked_at(world, ada)

    earn(world, world.members[0], 100, SPRING, kind=Take, order_id="order-1")

    assert world.found() == world.news() == {ada}


def test_a_correction_that_nobody_noticed_is_found_in_the_year_that_it_takes_from(world):
    ada = earn(world, world.members[0], 300)
    looked_at(world, ada)
    world.now += 300 * DAY
    earn(world, world.members[0], 290, world.now)
    looked_at(world, ada)

    earn(world, world.members[0], 300, world.now, kind=Take)

    assert world.found() == world.news() == {ada}


def test_a_correction_of_last_years_points_hides_nothing_of_this_years(world):
    ada = earn(world, world.members[0], 300)
    looked_at(world, ada)
    world.now = datetime(2027, 1, 2, 12, 0, tzinfo=UTC)
    earn(world, world.members[0], 50, world.now, kind=Take)
    evaluate_tiers(member_ids=[ada], now=world.now)

    earn(world, world.members[0], 600, world.now + timedelta(minutes=1))

    assert world.found() == world.news() == {ada}


def test_who_would_keep_the_tier_for_longer_is_found(world):
    ada = earn(world, world.members[0], 300)
    looked_at(world, ada)
    world.now += 300 * DAY

    earn(world, world.members[0], 300, world.now)

    assert world.found() == world.news() == {ada}


def test_who_got_back_in_the_grace_period_what_was_taken_is_found(world):
    ada = earn(world, world.members[0], 300)
    raise_gold(world, 400)
    looked_at(world, ada)
    earn(world, world.members[0], 50, kind=Take)
    evaluate_tiers(member_ids=[ada], now=world.now)
    assert TierStanding.objects.get(member=ada).grace_on is not None

    earn(world, world.members[0], 50)

    assert world.found() >= world.news() == {ada}


def raise_gold(world, points):
    ada = world.members[0].pk
    evaluate_tiers(member_ids=[ada], now=world.now)
    gold = Tier.objects.get(name="Tier 1")
    update_tier(tier_id=gold.pk, changes=TierChanges(thresholds=needs(points)), now=world.now)
    apply_changed_ladders(now=world.now)


def test_a_tier_that_needs_nothing_any_more_has_no_end_any_more(world):
    ada = earn(world, world.members[0], 100)
    looked_at(world, ada)

    silver = Tier.objects.get(name="Tier 0")
    update_tier(tier_id=silver.pk, changes=TierChanges(thresholds=needs(0)), now=world.now)

    assert ada in world.news()
    assert world.news() <= world.found()


def test_a_longer_notice_is_kept_by_those_who_were_told_a_shorter_one(world):
    ada = earn(world, world.members[0], 300)
    looked_at(world, ada)
    world.now = datetime(2027, 11, 20, 12, 0, tzinfo=UTC)
    assert world.found() == set()

    update_ladder(program_id=world.program.pk, terms={"notice_days": 60}, now=world.now)

    assert world.found() == world.news() == {ada}


def test_who_was_put_into_a_tier_that_moved_below_their_own_is_found(world):
    ada = earn(world, world.members[0], 300)
    circle = Tier.objects.get(name="Circle")
    assign_tier(member_id=ada, tier_id=circle.pk, reason="A guest", actor="user:1", now=world.now)
    assert world.found() == set()

    order = [circle.pk, *[tier.pk for tier in world.tiers() if tier != circle]]
    reorder_tiers(program_id=world.program.pk, tier_ids=order, now=world.now)

    assert world.found() == world.news() == {ada}


def test_a_membership_year_of_a_merged_member_is_that_of_whom_they_were_merged_into(db):
    world = World(2, lowest=100, window=Window.MEMBERSHIP_YEAR)
    merged, into = world.members[:2]
    Member.objects.filter(pk=merged.pk).update(joined_at=SPRING - 5 * DAY)
    Member.objects.filter(pk=into.pk).update(joined_at=SPRING - 200 * DAY)
    world.now = SPRING
    merge_members(member_id=merged.pk, into_id=into.pk, actor="user:1", now=world.now)

    earn(world, merged, 100, SPRING - 190 * DAY)

    assert world.found() == world.news() == {into.pk}


def test_forgiven_debts_and_another_programmes_entries_count_for_nobody(world):
    ada, stranger = world.members[0], world.stranger
    earn(world, ada, 500, kind=Take)
    earn(world, ada, 500, kind=Forgive)
    earn(world, stranger, 500)

    ladder = ladders_of(program_ids=[world.program.pk])[world.program.pk]
    history = histories_of(member_ids=[ada.pk], ladder=ladder, today=SPRING.date())

    assert history[ada.pk].days == {"": []}
    assert world.found() == set()
