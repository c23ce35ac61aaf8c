"""Arbitrary lives of redemptions: whatever happens, points, stock and states agree."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.keep_rewards import expire_redemptions
from saleor_loyalty.flows.settle_rewards import settle_rewards
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.rewards.models import Redemption, Reward
from saleor_loyalty.rewards.rules import RewardKind
from tests.factories import NOW, make_order, make_program
from tests.rewards.desk import available, cancel, close, give, member_with, redeem, steps
from tests.rewards.shelf import make_reward

START_POINTS = 5000
STOCK = 4
PRICE = 1000

# What happens, to which member or redemption, with which reward, so many hours after the last.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["redeem", "repeat", "give", "cancel", "order", "undo", "expire"]),
        st.integers(0, 5),
        st.integers(0, 1),
        st.integers(0, 20),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(life=STEPS)
def test_points_stock_and_states_agree_after_any_life(db, life):
    with transaction.atomic():
        live(life)
        transaction.set_rollback(True)


def live(life) -> None:
    program = make_program()
    members = [member_with(START_POINTS, program, email=f"{name}@example.com") for name in "ab"]
    rewards = [
        make_reward(program, stock=STOCK, valid_days=2, price_points=PRICE, limit_count=3),
        make_reward(program, RewardKind.EXPERIENCE, stock=STOCK, price_points=PRICE),
    ]
    now = NOW
    for number, (what, which, reward, hours) in enumerate(life):
        now += timedelta(hours=hours)
        with suppress(LoyaltyError):  # refused: then nothing may have changed
            happen(what, which, members, rewards[reward], key=str(number), now=now)
        check(members, rewards)


def happen(what, which, members, reward, *, key, now) -> None:
    member = members[which % 2]
    if what == "redeem":
        redeem(member, reward, key=key, now=now)
    elif what == "give":
        give(member, reward, key=key, now=now)
    elif what == "expire":
        expire_redemptions(close=close, now=now)
    rows = list(Redemption.objects.order_by("pk"))
    if not rows:
        return
    one = rows[which % len(rows)]
    if what == "repeat":
        redeem(one.member, one.reward, key=one.key.partition(":")[2], now=now)
    elif what == "cancel":
        cancel(one, now=now)
    elif what in {"order", "undo"} and one.code:
        state = OrderState.PLACED if what == "order" else OrderState.CANCELLED
        order = make_order(f"of-{one.pk}", voucher_code=one.code, state=state, placed_at=now)
        settle_rewards(orders=[order], now=now)


def check(members, rewards) -> None:
    """Each member has what they began with, less what they redeemed and did not give back."""
    rows = list(Redemption.objects.all())
    for member in members:
        paid = [one for one in rows if one.member_id == member.pk and one.state != "cancelled"]
        assert available(member) == START_POINTS - sum(one.price_points for one in paid)
    for reward in rewards:
        kept = [one for one in rows if one.reward_id == reward.pk and one.state != "cancelled"]
        assert Reward.objects.get(pk=reward.pk).stock == STOCK - len(kept)
    for one in rows:
        assert steps(one)[-1][0] == one.state
        assert (one.state == "used") == bool(one.order_id) or one.state == "cancelled"
    assert find_drift() == []
