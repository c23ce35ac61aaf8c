"""The catalogue: what is written and read, and what nothing is written for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.rules import LotTerms
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.operations import ProgramChanges, ProgramNotFound, update_program
from saleor_loyalty.rewards.checks import RewardInvalid, RewardTexts
from saleor_loyalty.rewards.models import Reward, RewardTranslation
from saleor_loyalty.rewards.operations import (
    RewardNotFound,
    create_reward,
    delete_reward,
    reorder_rewards,
    update_reward,
    values_of,
)
from saleor_loyalty.rewards.queries import (
    Liability,
    all_redemptions,
    gifts_of,
    is_on_show,
    liability_of,
    redeemed_of,
    redemptions_of,
    rewards_of,
    tier_ids_of,
    tiers_of_members,
)
from saleor_loyalty.rewards.rules import RedemptionState, RewardContent, RewardKind
from saleor_loyalty.tiers.models import TierStanding
from saleor_loyalty.tiers.operations import delete_tier
from tests.factories import (
    NOW,
    START,
    make_member,
    make_posting,
    make_program,
    make_user,
    rate,
)
from tests.rewards.shelf import TEN, make_redemption, make_reward
from tests.tiers.ladders import make_ladder

DAY = timedelta(days=1)
EARLIER = NOW - timedelta(days=200)


@pytest.fixture
def program(db):
    return make_program(time_zone="Europe/Zagreb")


@pytest.fixture
def tiers(program):
    return make_ladder(program)


@pytest.fixture
def reward(program):
    return make_reward(program)


@pytest.fixture
def member(program):
    return make_member(program)


def names(program) -> list[str]:
    return [one.name for one in rewards_of(program_ids=[program.pk])[program.pk]]


def test_a_reward_is_written_as_given_and_comes_last(program, tiers, reward):
    made = make_reward(
        program,
        RewardKind.PRODUCT_ACCESS,
        name="  Early drop ",
        tier_ids=frozenset({tiers[1].pk}),
        stock=5,
        limit_count=1,
        limit_period=Period.YEAR,
        valid_days=30,
        now=NOW,
    )

    row = Reward.objects.get(pk=made.pk)
    assert (row.name, row.position, row.price_points, row.stock) == ("Early drop", 1, 1000, 5)
    assert row.content == {"product_ids": ["3", "4"]}
    assert values_of(row).tier_ids == {tiers[1].pk}
    assert (row.limit_period, row.valid_days, row.created_at) == ("year", 30, NOW)
    assert names(program) == ["Ten off", "Early drop"]


def test_a_reward_that_makes_no_sense_is_not_written(program, tiers):
    other = make_ladder(make_program(channel_ids=[8]))

    for values, field in (
        ({"name": ""}, "name"),
        ({"price_points": 0}, "price_points"),
        ({"tier_ids": frozenset({other[0].pk})}, "tiers"),
        ({"content": RewardContent(amounts={"GBP": Decimal(1)})}, "amounts"),
    ):
        with pytest.raises(RewardInvalid) as refused:
            make_reward(program, **values)
        assert refused.value.field == field
    with pytest.raises(RewardInvalid):
        create_reward(
            program_id=program.pk,
            kind=RewardKind.EXPERIENCE,
            values={"name": "Tour", "price_points": 1},
            translations=[RewardTexts(language_code="")],
            now=NOW,
        )
    with pytest.raises(ProgramNotFound):
        create_reward(program_id=0, kind=RewardKind.EXPERIENCE, values={"name": "x"}, now=NOW)

    assert Reward.objects.count() == 0


def test_an_update_sets_what_is_given_and_leaves_the_rest(program, tiers, reward):
    update_reward(
        reward_id=reward.pk,
        values={"stock": 3, "ends_at": NOW, "tier_ids": frozenset({tiers[0].pk})},
        now=NOW,
    )
    update_reward(
        reward_id=reward.pk,
        values={"ends_at": None, "content": {"minimum_amounts": {"USD": Decimal(50)}}},
        now=NOW,
    )

    row = Reward.objects.get()
    assert (row.name, row.stock, row.ends_at, row.kind) == ("Ten off", 3, None, "fixed_discount")
    assert row.content == {
        "amounts": {"USD": "10", "EUR": "9"},
        "minimum_amounts": {"USD": "50"},
    }
    assert values_of(row).tier_ids == {tiers[0].pk}


def test_an_update_that_makes_no_sense_changes_nothing(program, tiers, reward):
    for values in (
        {"stock": 3, "price_points": 0},
        {"stock": 3, "tier_ids": frozenset({0})},
        {"stock": 3, "content": {"percentage": Decimal(5)}},
    ):
        with pytest.raises(RewardInvalid):
            update_reward(reward_id=reward.pk, values=values, now=NOW)

    row = Reward.objects.get()
    assert (row.stock, row.price_points, row.updated_at) == (None, 1000, START)


def test_what_was_redeemed_keeps_its_content(reward, member):
    redemption = make_redemption(member, reward)

    update_reward(
        reward_id=reward.pk,
        values={"name": "Five off", "content": {"amounts": {"USD": Decimal(5)}}},
        now=NOW,
    )

    redemption.refresh_from_db()
    assert (redemption.name, redemption.content["amounts"]["USD"]) == ("Ten off", "10")


def test_money_in_a_currency_that_was_given_up_stays_and_does_not_come_back(program, reward):
    update_program(program_id=program.pk, changes=ProgramChanges(rates=[rate("USD")]), now=NOW)

    update_reward(reward_id=reward.pk, values={"stock": 1}, now=NOW)
    assert Reward.objects.get().content["amounts"] == {"USD": "10", "EUR": "9"}
    update_reward(
        reward_id=reward.pk, values={"content": {"amounts": {"USD": TEN["USD"]}}}, now=NOW
    )
    with pytest.raises(RewardInvalid):
        update_reward(reward_id=reward.pk, values={"content": {"amounts": TEN}}, now=NOW)


def test_a_deleted_reward_is_gone_once_and_stays_for_what_was_redeemed(program, reward, member):
    make_redemption(member, reward)

    delete_reward(reward_id=reward.pk, now=NOW)

    for refused in (
        lambda: delete_reward(reward_id=reward.pk, now=NOW),
        lambda: update_reward(reward_id=reward.pk, values={"stock": 1}, now=NOW),
    ):
        with pytest.raises(RewardNotFound):
            refused()
    assert names(program) == []
    assert redemptions_of(member_id=member.pk).get().reward.name == "Ten off"


def test_rewards_are_reordered_all_together_or_not_at_all(program):
    first, second, third = (make_reward(program, name=name) for name in "abc")

    reorder_rewards(program_id=program.pk, reward_ids=[third.pk, first.pk, second.pk], now=NOW)
    for wrong in ([first.pk], [first.pk, first.pk, second.pk], [first.pk, second.pk, 0]):
        with pytest.raises(RewardInvalid):
            reorder_rewards(program_id=program.pk, reward_ids=wrong, now=NOW)

    assert names(program) == ["c", "a", "b"]


def test_translations_are_replaced_by_language_and_removed_without_words(reward):
    def translate(**texts):
        update_reward(reward_id=reward.pk, values={}, translations=[RewardTexts(**texts)], now=NOW)

    translate(language_code="nb", name="Ti av")
    translate(language_code="hr", terms="Uvjeti")
    translate(language_code="nb", name="Ti kroner av", description="Bra")

    rows = RewardTranslation.objects.values_list("language_code", "name", "description", "terms")
    assert set(rows) == {("nb", "Ti kroner av", "Bra", ""), ("hr", "", "", "Uvjeti")}
    translate(language_code="nb", name="  ")
    assert RewardTranslation.objects.get().language_code == "hr"


def test_shoppers_see_what_is_on_at_the_moment(program):
    ends = NOW + DAY
    shown = make_reward(program, starts_at=NOW, ends_at=ends)
    off = make_reward(program, is_active=False)
    gone = delete_reward(reward_id=make_reward(program).pk, now=NOW)

    assert [is_on_show(shown, now=at) for at in (NOW, ends - timedelta(microseconds=1))] == [
        True,
        True,
    ]
    assert [is_on_show(shown, now=at) for at in (NOW - timedelta(microseconds=1), ends)] == [
        False,
        False,
    ]
    assert not is_on_show(off, now=NOW)
    assert not is_on_show(gone, now=NOW)


def test_a_reward_of_a_deleted_tier_is_for_its_successor_and_never_for_everybody(program, tiers):
    silver, gold = tiers
    only_silver = make_reward(program, tier_ids=frozenset({silver.pk}))
    for_all = make_reward(program)
    only_gold = make_reward(program, tier_ids=frozenset({gold.pk}))

    delete_tier(tier_id=silver.pk, move_to_id=gold.pk, now=NOW)
    delete_tier(tier_id=gold.pk, move_to_id=None, now=NOW)

    found = tier_ids_of(reward_ids=[only_silver.pk, for_all.pk, only_gold.pk])
    assert found == {only_silver.pk: {silver.pk, gold.pk}, only_gold.pk: {gold.pk}}


def test_the_tier_of_a_member_is_where_they_stand(program, tiers, member):
    assert tiers_of_members(member_ids=[member.pk]) == {}

    TierStanding.objects.create(member=member, program=program, tier=tiers[1], since=NOW)

    assert tiers_of_members(member_ids=[member.pk]) == {member.pk: tiers[1].pk}


# A day, a week, a month ... of the programme's zone, two hours ahead of UTC in summer.
BEGINNINGS = {
    Period.DAY: datetime(2026, 6, 14, 22, tzinfo=UTC),
    Period.WEEK: datetime(2026, 6, 14, 22, tzinfo=UTC),
    Period.MONTH: datetime(2026, 5, 31, 22, tzinfo=UTC),
    Period.QUARTER: datetime(2026, 3, 31, 22, tzinfo=UTC),
    Period.YEAR: datetime(2025, 12, 31, 23, tzinfo=UTC),
}


@pytest.mark.parametrize("period", BEGINNINGS)
def test_what_was_redeemed_counts_from_its_periods_first_instant_in_the_programmes_zone(
    period, program, member
):
    reward = make_reward(program, limit_period=period, gift_period=period)
    just_before = BEGINNINGS[period] - timedelta(microseconds=1)
    for is_gift in (False, True):
        for number, at in enumerate((just_before, BEGINNINGS[period], NOW)):
            make_redemption(member, reward, key=f"{is_gift}{number}", now=at, is_gift=is_gift)

    assert redeemed_of(members=[member], now=NOW) == {(member.pk, reward.pk): 2}
    zones = {program.pk: "Europe/Zagreb"}
    assert gifts_of(rewards=[reward], zones=zones, now=NOW) == {reward.pk: 2}


def test_what_was_cancelled_does_not_count_and_a_lifetime_has_no_beginning(program, member):
    reward, other = make_reward(program), make_reward(program)
    stranger = make_member(program, user=make_user())
    for number, state in enumerate(RedemptionState):
        make_redemption(member, reward, key=str(number), state=state.value, now=EARLIER)
    make_redemption(member, other, key="other")
    make_redemption(stranger, other)

    with CaptureQueriesContext(connection) as asked:
        found = redeemed_of(members=Member.objects.select_related("program"), now=NOW)

    assert found == {
        (member.pk, reward.pk): 6,
        (member.pk, other.pk): 1,
        (stranger.pk, other.pk): 1,
    }
    assert len(asked) == 2  # the members, and what they redeemed


def test_redemptions_are_found_by_what_staff_know(program, member):
    ten, tour = make_reward(program), make_reward(program, RewardKind.EXPERIENCE, name="The tour")
    ada = make_member(program, user=make_user("ada@example.com"))
    open_code = make_redemption(member, ten, code="AURORA-1")
    ordered = make_redemption(ada, tour, state=RedemptionState.ORDERED.value)
    used = make_redemption(ada, ten, key="2", state=RedemptionState.USED.value)

    assert list(all_redemptions()) == [used, ordered, open_code]
    assert list(all_redemptions(program_id=program.pk + 1)) == []
    assert list(all_redemptions(states=[RedemptionState.OPEN])) == [open_code]
    assert list(all_redemptions(kinds=[RewardKind.EXPERIENCE])) == [ordered]
    assert list(all_redemptions(search="ADA@ tour")) == [ordered]
    assert list(all_redemptions(search="aurora-1")) == [open_code]
    assert list(all_redemptions(search="aurora")) == []
    assert list(all_redemptions(member_id=ada.pk)) == [used, ordered]
    assert list(redemptions_of(member_id=ada.pk, states=[RedemptionState.USED])) == [used]


def test_the_liability_of_programmes_is_one_query_and_adds_up(program, member):
    ada, empty = make_member(program, user=make_user()), make_program(channel_ids=[8])
    other = make_member(make_program(channel_ids=[9]))
    post(
        postings=[
            make_posting(member, 700),
            make_posting(ada, 300, key="key-2"),
            make_posting(ada, 40, key="key-3", lot=LotTerms(is_pending=True)),
            make_posting(other, 5),
        ],
        now=NOW,
    )
    reward = make_reward(program)
    for number, state in enumerate(RedemptionState):
        make_redemption(ada, reward, key=str(number), state=state.value)
    make_redemption(ada, reward, key="gift", is_gift=True, price_points=0)

    ids = [program.pk, empty.pk, other.program_id]
    with CaptureQueriesContext(connection) as asked:
        found = liability_of(program_ids=ids)

    assert len(asked) == 1
    assert found[program.pk] == Liability(
        available=1000, pending=40, open_rewards=4, open_gifts=1, open_points=3000
    )
    assert found[program.pk].outstanding == 1040
    assert found[empty.pk] == Liability()
    assert found[other.program_id] == Liability(available=5)
