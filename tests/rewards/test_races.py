"""Many at once: no stock, limit, budget or point is given twice, and nothing comes back twice."""

from threading import Event

import pytest
from django.db import transaction

from saleor_loyalty.flows.keep_rewards import expire_redemptions, issue_redemptions
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.redeem_rewards import GiftBudgetSpent
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.rewards.models import Redemption, RedemptionStep, Reward
from saleor_loyalty.rewards.redemptions import Issued, RedemptionClosed
from saleor_loyalty.rewards.rules import Obstacle, RewardUnavailable
from tests.factories import NOW, make_order, make_program
from tests.rewards.desk import (
    available,
    cancel,
    close,
    give,
    issue,
    issue_nothing,
    member_with,
    redeem,
    states,
)
from tests.rewards.shelf import make_reward
from tests.threads import in_threads

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
THREADS = 16


@pytest.fixture
def program(transactional_db):
    return make_program()


def kinds(results) -> dict[str, int]:
    """What became of the threads: how many redeemed, and how often each refusal came."""
    found: dict[str, int] = {}
    for one in results:
        if isinstance(one, RewardUnavailable):
            name = one.data["obstacle"].value
        else:
            name = type(one).__name__
        found[name] = found.get(name, 0) + 1
    return found


def test_sixteen_members_redeem_the_last_one_and_one_gets_it(program):
    reward = make_reward(program, stock=1)
    members = [member_with(1000, program, email=f"m{n}@example.com") for n in range(THREADS)]

    results = in_threads(THREADS, lambda number: redeem(members[number], reward))

    assert kinds(results) == {"Redemption": 1, Obstacle.OUT_OF_STOCK: 15}
    assert Reward.objects.get().stock == 0
    assert sum(available(member) for member in members) == 15_000
    assert find_drift() == []


def test_the_last_points_buy_one_reward(program):
    ada = member_with(1999, program)
    rewards = [make_reward(program) for _ in range(THREADS)]

    results = in_threads(THREADS, lambda number: redeem(ada, rewards[number], key=str(number)))

    assert kinds(results) == {"Redemption": 1, Obstacle.POINTS: 15}
    assert (available(ada), Redemption.objects.count()) == (999, 1)
    assert find_drift() == []


def test_a_limit_holds_for_requests_at_once(program):
    ada = member_with(20_000, program)
    reward = make_reward(program, limit_count=2)

    results = in_threads(THREADS, lambda number: redeem(ada, reward, key=str(number)))

    assert kinds(results) == {"Redemption": 2, Obstacle.LIMIT: 14}
    assert available(ada) == 18_000


def test_one_key_at_once_redeems_once(program):
    ada = member_with(20_000, program)
    reward = make_reward(program)

    results = in_threads(THREADS, lambda _: redeem(ada, reward))

    assert len({one.pk for one in results}) == 1
    assert (available(ada), Redemption.objects.count()) == (19_000, 1)


def test_a_budget_of_gifts_holds_for_staff_at_once(program):
    reward = make_reward(program, gift_count=3)
    members = [member_with(0, program, email=f"m{n}@example.com") for n in range(THREADS)]

    results = in_threads(THREADS, lambda number: give(members[number], reward))

    assert kinds(results) == {"Redemption": 3, GiftBudgetSpent.__name__: 13}


def test_cancelled_at_once_the_points_come_back_once(program):
    ada = member_with(1000, program)
    redemption = redeem(ada, make_reward(program, stock=1))

    results = in_threads(THREADS, lambda _: cancel(redemption))

    assert kinds(results) == {"Redemption": THREADS}
    assert (available(ada), Reward.objects.get().stock) == (1000, 1)
    assert RedemptionStep.objects.filter(state="cancelled").count() == 1
    assert find_drift() == []


def test_an_order_that_settles_while_it_is_cancelled_leaves_one_of_both(program):
    members = [member_with(1000, program, email=f"m{n}@example.com") for n in range(8)]
    reward = make_reward(program, stock=8)
    redemptions = [redeem(member, reward) for member in members]

    def work(number):
        one = redemptions[number // 2]
        if number % 2:
            order = make_order(f"o{number}", voucher_code=one.code, placed_at=NOW)
            return settle(facts=[order], now=NOW)
        return cancel(one)

    results = in_threads(THREADS, work)

    refused = sum(isinstance(one, RedemptionClosed) for one in results)
    assert [one for one in results if isinstance(one, Exception)] == [
        one for one in results if isinstance(one, RedemptionClosed)
    ]
    assert states().count("used") == refused
    assert states().count("cancelled") == 8 - refused
    assert sum(available(member) for member in members) == 1000 * (8 - refused)
    assert Reward.objects.get().stock == 8 - refused
    assert find_drift() == []


def test_workers_at_once_issue_each_code_once(program):
    reward = make_reward(program)
    members = [member_with(0, program, email=f"m{n}@example.com") for n in range(20)]
    for member in members:
        give(member, reward, issue=issue_nothing)
    made: list[int] = []

    def counted(redemptions):
        made.extend(one.pk for one in redemptions)
        return issue(redemptions)

    in_threads(4, lambda _: issue_redemptions(issue=counted, now=NOW, limit=5))
    issue_redemptions(issue=counted, now=NOW)

    assert sorted(made) == sorted(Redemption.objects.values_list("pk", flat=True))


def test_what_is_being_cancelled_is_not_expired_as_well(program):
    ada = member_with(1000, program)
    redemption = redeem(ada, make_reward(program, valid_days=1))
    is_locked, is_swept = Event(), Event()

    def hold_then_close(redemptions):
        is_locked.set()
        assert is_swept.wait(10)
        return close(redemptions)

    def work(number):
        if number == 0:
            return cancel(redemption, close=hold_then_close)
        assert is_locked.wait(10)
        try:
            return expire_redemptions(close=close, now=redemption.valid_until)
        finally:
            is_swept.set()

    cancelled, expired = in_threads(2, work)

    assert (cancelled.state, expired, states()) == ("cancelled", 0, ["cancelled"])
    assert available(ada) == 1000


def test_a_merge_while_it_is_cancelled_loses_no_points(program):
    reward = make_reward(program)
    pairs = []
    for number in range(8):
        ada = member_with(1000, program, email=f"a{number}@example.com")
        ben = member_with(0, program, email=f"b{number}@example.com")
        pairs.append((ada, ben, redeem(ada, reward)))

    def work(number):
        ada, ben, redemption = pairs[number // 2]
        if number % 2:
            merge_members(member_id=ada.pk, into_id=ben.pk, actor="user:5", now=NOW)
        else:
            cancel(redemption)

    assert in_threads(THREADS, work) == [None] * THREADS

    assert [available(ben) for _, ben, _ in pairs] == [1000] * 8
    assert [available(ada) for ada, _, _ in pairs] == [0] * 8
    assert states() == ["cancelled"] * 8
    assert find_drift() == []


def test_what_fails_to_be_issued_costs_nothing(program):
    ada = member_with(1000, program)
    reward = make_reward(program, stock=1)

    def fail(_redemptions):
        raise ValueError("the shop is down")

    with pytest.raises(ValueError, match="the shop is down"):
        redeem(ada, reward, issue=fail)
    with transaction.atomic():
        redeem(ada, reward, issue=lambda rows: {one.pk: Issued(code="C") for one in rows})

    assert (Redemption.objects.count(), available(ada)) == (1, 0)
