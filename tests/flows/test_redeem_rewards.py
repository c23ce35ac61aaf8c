"""Redeeming, giving and cancelling rewards: points, stock, limits, budgets and what is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.end_redemptions import advance_redemption
from saleor_loyalty.flows.join_program import NoProgram
from saleor_loyalty.flows.keep_rewards import (
    close_cancelled,
    expire_redemptions,
    issue_redemptions,
)
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.redeem_rewards import GiftBudgetSpent, RedemptionInvalid
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.rules import LotTerms
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.points.writing import IdempotencyConflict
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.models import Program, ProgramChannel
from saleor_loyalty.rewards.models import Redemption, RedemptionStep
from saleor_loyalty.rewards.operations import RewardNotFound, delete_reward
from saleor_loyalty.rewards.redemptions import Issued, RedemptionClosed, RedemptionNotFound
from saleor_loyalty.rewards.rules import Obstacle, RedemptionState, RewardKind, RewardUnavailable
from saleor_loyalty.tiers.models import TierStanding
from tests.factories import CHANNEL, NOW, make_posting, make_program
from tests.rewards.desk import (
    available,
    cancel,
    close,
    close_nothing,
    give,
    issue,
    issue_nothing,
    member_with,
    redeem,
    states,
    steps,
)
from tests.rewards.shelf import make_reward
from tests.tiers.ladders import make_tier

DAY = timedelta(days=1)


@pytest.fixture
def program(db):
    return make_program(time_zone="Europe/Zagreb")


@pytest.fixture
def ada(program):
    return member_with(2500, program)


def refusal(member, reward, **values) -> str:
    before = (Redemption.objects.count(), Entry.objects.count(), RedemptionStep.objects.count())
    with pytest.raises(RewardUnavailable) as caught:
        redeem(member, reward, **values)
    after = (Redemption.objects.count(), Entry.objects.count(), RedemptionStep.objects.count())
    assert after == before
    return caught.value.data["obstacle"]


def test_a_reward_is_redeemed_with_points_a_code_and_a_first_step(program, ada):
    reward = make_reward(program, stock=5, valid_days=30)

    redemption = redeem(ada, reward)

    redemption.refresh_from_db()
    reward.refresh_from_db()
    assert (redemption.state, redemption.is_issued, redemption.is_gift) == ("open", True, False)
    assert (redemption.code, redemption.issued_id) == (f"CODE-{redemption.pk}", f"i{redemption.pk}")
    assert (redemption.price_points, redemption.content) == (1000, reward.content)
    # The end of 15 July in Zagreb, two hours before it is over in UTC.
    assert redemption.valid_until == datetime(2026, 7, 15, 22, tzinfo=UTC)
    assert steps(redemption) == [("open", "", "")]
    assert reward.stock == 4
    assert available(ada) == 1500
    entry = Entry.objects.get(reason="spent")
    assert (entry.points, entry.source, entry.target, entry.note) == (
        1000,
        "held",
        "spent",
        "Ten off",
    )
    assert entry.details == {
        "redemption": redemption.pk,
        "reward": reward.pk,
        "name": "Ten off",
    }
    assert Balance.objects.get(member=ada).last_activity_at == NOW
    assert find_drift() == []


def test_a_repeat_gives_the_same_redemption_and_a_key_for_another_reward_is_refused(program, ada):
    reward, other = make_reward(program), make_reward(program)
    first = redeem(ada, reward)

    assert redeem(ada, reward) == first
    with pytest.raises(IdempotencyConflict):
        redeem(ada, other)

    assert available(ada) == 1500
    assert Redemption.objects.count() == 1


def test_a_members_key_cannot_be_one_of_a_rule_or_of_staff(program, ada):
    reward = make_reward(program)
    redeem(ada, reward, key="1")

    gift = give(ada, reward, key="1")

    assert set(Redemption.objects.values_list("key", flat=True)) == {"member:1", "gift:1"}
    assert gift.is_gift


@pytest.mark.parametrize("key", ["", "k" * 101])
def test_a_key_has_a_length(program, ada, key):
    with pytest.raises(RedemptionInvalid) as caught:
        redeem(ada, make_reward(program), key=key)

    assert caught.value.field == "key"
    assert Redemption.objects.count() == 0


def test_what_a_member_cannot_have_is_refused_and_nothing_is_written(program, ada):
    assert refusal(ada, make_reward(program, price_points=2501)) == Obstacle.POINTS
    assert refusal(ada, make_reward(program, is_active=False)) == Obstacle.NOT_ACTIVE
    assert refusal(ada, make_reward(program, starts_at=NOW + DAY)) == Obstacle.NOT_STARTED
    assert refusal(ada, make_reward(program, ends_at=NOW)) == Obstacle.OVER
    assert refusal(ada, make_reward(program, stock=0)) == Obstacle.OUT_OF_STOCK
    assert refusal(ada, make_reward(program), currency="SEK") == Obstacle.NOT_HERE
    assert refusal(ada, make_reward(program), issue=issue_nothing) == Obstacle.NOT_HERE

    assert available(ada) == 2500


def test_a_member_without_any_points_is_refused(program):
    ben = member_with(0, program, email="ben@example.com")

    assert refusal(ben, make_reward(program)) == Obstacle.POINTS


def test_a_free_product_is_to_be_in_stock_in_the_shop(program, ada):
    reward = make_reward(program, RewardKind.FREE_PRODUCT)
    asked = []

    def gone(variant_id, channel_id):
        asked.append((variant_id, channel_id))
        return False

    assert refusal(ada, reward, in_stock=gone) == Obstacle.OUT_OF_STOCK
    assert asked == [("7", CHANNEL)]
    assert redeem(ada, reward, in_stock=lambda *_: True).state == "open"


def test_a_reward_for_tiers_is_for_their_members(program, ada):
    gold = make_tier(program, "Gold", 5000)
    reward = make_reward(program, tier_ids=frozenset({gold.pk}))

    assert refusal(ada, reward) == Obstacle.TIER
    TierStanding.objects.create(member=ada, program=program, tier=gold, since=NOW)

    assert redeem(ada, reward).state == "open"


def test_a_limit_counts_the_calendar_of_the_programme_and_not_what_was_cancelled(program, ada):
    reward = make_reward(program, price_points=1, limit_count=1, limit_period=Period.DAY)
    late = datetime(2026, 6, 15, 21, 59, tzinfo=UTC)  # one minute to midnight in Zagreb

    cancel(redeem(ada, reward, now=late))
    redeem(ada, reward, key="2", now=late)
    assert refusal(ada, reward, key="3", now=late) == Obstacle.LIMIT
    give(ada, reward, now=late)

    assert redeem(ada, reward, key="3", now=late + timedelta(minutes=1)).state == "open"


def test_only_rewards_of_the_members_programme_where_it_is_on_and_serves(program, ada):
    other = make_program(name="Other", channel_ids=[8])
    reward = make_reward(program)

    with pytest.raises(RewardNotFound):
        redeem(ada, make_reward(other))
    with pytest.raises(NoProgram):
        redeem(ada, reward, channel_id=8)
    ProgramChannel.objects.filter(program=program).update(valid_until=NOW)
    with pytest.raises(NoProgram):
        redeem(ada, reward)
    ProgramChannel.objects.filter(program=program).update(valid_until=None)
    Program.objects.filter(pk=program.pk).update(is_active=False)
    with pytest.raises(NoProgram):
        give(ada, reward)
    delete_reward(reward_id=reward.pk, now=NOW)
    with pytest.raises(RewardNotFound):
        redeem(ada, reward)
    ada.pk = 0
    with pytest.raises(MemberNotFound):
        redeem(ada, reward)

    assert Redemption.objects.count() == 0


def test_cancelling_brings_points_back_to_their_lots_with_their_dates(program, ada):
    dated = LotTerms(expires_at=NOW + 9 * DAY)
    post(postings=[make_posting(ada, 600, key="dated", lot=dated)], now=NOW)
    reward = make_reward(program, stock=1)
    redemption = redeem(ada, reward)
    assert list(Lot.objects.order_by("pk").values_list("available", flat=True)) == [2100, 0]

    cancelled = cancel(redemption, note=" Not wanted ")

    reward.refresh_from_db()
    lots = Lot.objects.order_by("pk").values_list("available", "expires_at")
    assert list(lots) == [(2500, None), (600, NOW + 9 * DAY)]
    assert (cancelled.state, reward.stock) == ("cancelled", 1)
    assert steps(redemption) == [("open", "", ""), ("cancelled", "user:5", "Not wanted")]
    entry = Entry.objects.filter(reason="returned").first()
    assert (entry.note, entry.actor, entry.details["redemption"]) == (
        "Ten off",
        "user:5",
        redemption.pk,
    )
    assert find_drift() == []


def test_cancelled_twice_the_points_come_back_once(program, ada):
    reward = make_reward(program, stock=3)
    redemption = redeem(ada, reward)

    assert [cancel(redemption).state for _ in range(2)] == ["cancelled"] * 2

    reward.refresh_from_db()
    assert (available(ada), reward.stock, len(steps(redemption))) == (2500, 3, 2)


def test_what_was_used_in_the_shop_brings_nothing_back(program, ada):
    redemption = redeem(ada, make_reward(program, stock=3))

    with pytest.raises(RedemptionClosed) as caught:
        cancel(redemption, close=close_nothing)

    redemption.refresh_from_db()
    assert caught.value.data == {"state": "used"}
    assert (redemption.state, available(ada), redemption.reward.stock) == ("open", 1500, 2)


@pytest.mark.parametrize("state", ["used", "expired", "done"])
def test_what_is_over_cannot_be_cancelled(program, ada, state):
    redemption = redeem(ada, make_reward(program))
    Redemption.objects.update(state=state)

    with pytest.raises(RedemptionClosed) as caught:
        cancel(redemption)

    assert (caught.value.data, available(ada)) == ({"state": state}, 1500)


def test_a_code_whose_time_is_up_cannot_be_cancelled_before_the_sweep_comes(program, ada):
    redemption = redeem(ada, make_reward(program, valid_days=1))

    with pytest.raises(RedemptionClosed) as caught:
        cancel(redemption, now=redemption.valid_until)
    assert caught.value.data == {"state": "expired"}

    last_moment = redemption.valid_until - timedelta(microseconds=1)
    assert cancel(redemption, now=last_moment).state == "cancelled"


def test_members_cancel_their_own_and_no_others(program, ada):
    ben = member_with(0, program, email="ben@example.com")
    redemption = redeem(ada, make_reward(program))

    for pk in (ben.pk, 0):
        with pytest.raises(RedemptionNotFound):
            cancel(redemption, member_id=pk)

    assert cancel(redemption, member_id=ada.pk).state == "cancelled"
    redemption.pk = 0
    with pytest.raises(RedemptionNotFound):
        cancel(redemption)


def test_an_experience_is_ordered_begun_and_done(program, ada):
    reward = make_reward(program, RewardKind.EXPERIENCE)
    redemption = redeem(ada, reward, issue=issue_nothing)
    assert (redemption.state, redemption.code, redemption.valid_until) == ("ordered", "", None)

    def advance(state):
        return advance_redemption(
            redemption_id=redemption.pk, state=state, note="On it", actor="user:5", now=NOW
        )

    advance(RedemptionState.IN_PROGRESS)
    advance(RedemptionState.IN_PROGRESS)
    with pytest.raises(RedemptionClosed):
        cancel(redemption, member_id=ada.pk)
    advance(RedemptionState.DONE)
    with pytest.raises(RedemptionClosed):
        advance(RedemptionState.IN_PROGRESS)
    with pytest.raises(RedemptionClosed):
        cancel(redemption)

    assert steps(redemption) == [
        ("ordered", "", ""),
        ("in_progress", "user:5", "On it"),
        ("done", "user:5", "On it"),
    ]


def test_staff_cancel_an_experience_in_progress_with_points_back(program, ada):
    redemption = redeem(ada, make_reward(program, RewardKind.EXPERIENCE))
    advance_redemption(
        redemption_id=redemption.pk,
        state=RedemptionState.IN_PROGRESS,
        note="",
        actor="user:5",
        now=NOW,
    )

    assert cancel(redemption, close=close_nothing).state == "cancelled"

    assert available(ada) == 2500


def test_only_experiences_advance_and_only_to_where_staff_bring_them(program, ada):
    code = redeem(ada, make_reward(program))
    experience = redeem(ada, make_reward(program, RewardKind.EXPERIENCE), key="2")

    for pk, state, field in (
        (code.pk, RedemptionState.DONE, "id"),
        (experience.pk, RedemptionState.CANCELLED, "state"),
    ):
        with pytest.raises(RedemptionInvalid) as caught:
            advance_redemption(redemption_id=pk, state=state, note="", actor="", now=NOW)
        assert caught.value.field == field
    with pytest.raises(RedemptionNotFound):
        advance_redemption(redemption_id=0, state=RedemptionState.DONE, note="", actor="", now=NOW)

    assert states() == ["open", "ordered"]


def test_a_donation_is_done_at_once(program, ada):
    donation = redeem(ada, make_reward(program, RewardKind.DONATION), issue=issue_nothing)

    with pytest.raises(RedemptionClosed):
        cancel(donation)

    assert (donation.state, available(ada)) == ("done", 1500)


def test_a_gift_costs_nothing_and_brings_nothing_back(program, ada):
    gold = make_tier(program, "Gold", 5000)
    reward = make_reward(
        program,
        stock=2,
        price_points=9000,
        tier_ids=frozenset({gold.pk}),
        starts_at=NOW + DAY,
        limit_count=1,
    )

    first = give(ada, reward, reason=" For your patience ")
    assert give(ada, reward) == first
    give(ada, reward, key="2")
    with pytest.raises(RewardUnavailable) as caught:
        give(ada, reward, key="3")
    cancel(first)

    reward.refresh_from_db()
    assert caught.value.data["obstacle"] == Obstacle.OUT_OF_STOCK
    assert (first.is_gift, first.price_points, first.reason, first.actor) == (
        True,
        0,
        "For your patience",
        "user:5",
    )
    assert steps(first) == [
        ("open", "user:5", "For your patience"),
        ("cancelled", "user:5", ""),
    ]
    assert (available(ada), reward.stock) == (2500, 1)
    assert Entry.objects.exclude(idempotency_key__startswith="start").count() == 0


def test_a_reward_is_given_so_often_a_period_and_no_more(program, ada):
    reward = make_reward(program, gift_count=1, gift_period=Period.MONTH)
    redeem(ada, reward)
    first = give(ada, reward)

    with pytest.raises(GiftBudgetSpent):
        give(ada, reward, key="2")
    cancel(first)
    give(ada, reward, key="2")
    with pytest.raises(GiftBudgetSpent):
        give(ada, reward, key="3")

    assert give(ada, reward, key="3", now=NOW + 20 * DAY).state == "open"


@pytest.mark.parametrize("reason", ["  ", "r" * 5001])
def test_a_gift_needs_a_reason(program, ada, reason):
    with pytest.raises(RedemptionInvalid) as caught:
        give(ada, make_reward(program), reason=reason)

    assert caught.value.field == "reason"
    assert Redemption.objects.count() == 0


def test_what_is_off_or_over_is_not_given(program, ada):
    for values in ({"is_active": False}, {"ends_at": NOW}):
        with pytest.raises(RewardUnavailable):
            give(ada, make_reward(program, **values))

    assert Redemption.objects.count() == 0


def test_a_gift_that_cannot_be_issued_yet_waits_for_its_code(program, ada):
    gift = give(ada, make_reward(program), issue=issue_nothing)
    other = give(ada, make_reward(program), key="2", issue=issue_nothing)
    assert (gift.state, gift.is_issued, gift.code) == ("open", False, "")

    def only_the_other(rows):
        return {other.pk: Issued(code="LATE", issued_id="7")}

    assert issue_redemptions(issue=only_the_other, now=NOW, limit=1) == 1
    assert issue_redemptions(issue=issue, now=NOW) == 1
    assert issue_redemptions(issue=issue, now=NOW) == 0

    codes = Redemption.objects.order_by("pk").values_list("code", flat=True)
    assert list(codes) == [f"CODE-{gift.pk}", "LATE"]


def test_one_that_fails_to_be_issued_holds_up_no_other(program, ada, caplog):
    gifts = [
        give(ada, make_reward(program), key=str(number), issue=issue_nothing) for number in range(4)
    ]

    def fail_for_one(rows):
        if gifts[1] in rows:
            raise ValueError("unreadable")
        return issue(rows)

    assert issue_redemptions(issue=fail_for_one, now=NOW) == 3

    assert Redemption.objects.get(is_issued=False) == gifts[1]
    assert f"Redemption {gifts[1].pk} could not be brought in step" in caplog.text


def test_nothing_is_issued_for_programmes_that_are_off_or_codes_that_are_over(program, ada):
    give(ada, make_reward(program, valid_days=1), issue=issue_nothing)

    assert issue_redemptions(issue=issue, now=NOW + 9 * DAY) == 0
    Program.objects.update(is_active=False)
    assert issue_redemptions(issue=issue, now=NOW) == 0


def test_a_code_expires_visibly_and_brings_nothing_back(program, ada):
    reward = make_reward(program, stock=3, valid_days=30)
    redemption, used = redeem(ada, reward), redeem(ada, reward, key="2")
    endless = give(ada, make_reward(program))
    closed = []

    def shut(rows):
        closed.extend(rows)
        return frozenset({one.pk for one in rows} - {used.pk})

    end = redemption.valid_until
    assert expire_redemptions(close=shut, now=end - timedelta(microseconds=1)) == 0
    assert expire_redemptions(close=shut, now=end) == 1

    reward.refresh_from_db()
    assert closed == [redemption, used]
    assert states() == ["expired", "open", "open"]
    assert endless.valid_until is None
    assert steps(redemption) == [("open", "", ""), ("expired", "", "")]
    assert (available(ada), reward.stock) == (500, 1)


def test_what_never_got_a_code_expires_too(program, ada):
    gift = give(ada, make_reward(program, valid_days=1), issue=issue_nothing)

    assert expire_redemptions(close=close_nothing, now=NOW + 9 * DAY) == 1

    assert states() == ["expired"]
    assert gift.code == ""


def test_a_merged_members_rewards_go_on_and_their_points_come_back_to_the_other(program, ada):
    ben = member_with(100, program, email="ben@example.com")
    reward = make_reward(program, limit_count=2)
    redemption = redeem(ada, reward)
    redeem(ada, make_reward(program, price_points=1), key="same")
    give(ben, make_reward(program), key="same")
    Redemption.objects.filter(key="gift:same").update(key="member:same")

    merge_members(member_id=ada.pk, into_id=ben.pk, actor="user:5", now=NOW)

    assert set(Redemption.objects.values_list("member", flat=True)) == {ben.pk}
    assert redeem(ada, reward, key="1") == redemption
    redeem(ada, reward, key="9")
    assert refusal(ben, reward, key="10") == Obstacle.LIMIT
    assert cancel(redemption, member_id=ada.pk).state == "cancelled"
    assert (available(ada), available(ben)) == (0, 2500 - 1 + 100 - 1000)
    assert find_drift() == []


def test_cancelled_codes_of_gifts_are_shut_afterwards(program, ada):
    gift = give(ada, make_reward(program))
    Redemption.objects.update(state="cancelled", is_issued=False)
    closed = []

    def shut(rows):
        closed.extend(rows)
        return close(rows)

    assert [close_cancelled(close=shut, now=NOW) for _ in range(2)] == [1, 0]

    assert closed == [gift]


def test_the_currency_that_a_gift_had_not_is_the_one_it_was_made_in(program, ada):
    gift = give(ada, make_reward(program, RewardKind.GIFT_CARD), issue=issue_nothing)
    Redemption.objects.update(currency="")

    issue_redemptions(
        issue=lambda rows: {gift.pk: Issued(code="C", issued_id="1", currency="EUR")}, now=NOW
    )

    gift.refresh_from_db()
    assert (gift.currency, gift.price_points) == ("EUR", Decimal(0))
