"""Codes that orders use, and codes that cancelled orders give back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.flows.settle_rewards import settle_rewards
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.rewards.models import Redemption
from saleor_loyalty.rewards.rules import RewardContent, RewardKind
from tests.factories import NOW, line, make_order, make_program
from tests.rewards.desk import available, cancel, member_with, redeem, states, steps
from tests.rewards.shelf import make_reward

DAY = timedelta(days=1)
LATER = NOW + DAY


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return member_with(9000, program)


def order(order_id="order-1", **values):
    return make_order(order_id, placed_at=values.pop("placed_at", NOW), **values)


def settled(*orders, now=LATER):
    settle_rewards(orders=orders, now=now)
    return states()


def test_an_order_with_the_code_uses_it_once_and_a_repeat_changes_nothing(program, ada):
    redemption = redeem(ada, make_reward(program))
    other = redeem(ada, make_reward(program), key="2")
    placed = order(voucher_code=redemption.code)

    assert settled(placed) == ["used", "open"]
    assert settled(placed, order("order-2", voucher_code=redemption.code)) == ["used", "open"]

    redemption.refresh_from_db()
    assert (redemption.order_id, redemption.changed_at) == ("order-1", LATER)
    assert steps(redemption) == [("open", "", ""), ("used", "", "")]
    assert steps(other) == [("open", "", "")]


def test_of_two_orders_with_one_code_the_first_placed_is_recorded(program, ada):
    redemption = redeem(ada, make_reward(program))
    first = order("b", voucher_code=redemption.code)
    second = order("a", voucher_code=redemption.code, placed_at=NOW + timedelta(seconds=1))

    assert settled(second, first) == ["used"]

    assert Redemption.objects.get().order_id == "b"


def test_a_draft_uses_nothing(program, ada):
    redemption = redeem(ada, make_reward(program))
    draft = order(voucher_code=redemption.code, state=OrderState.OPEN, is_draft=True)

    assert settled(draft) == ["open"]

    redemption.refresh_from_db()
    assert (redemption.is_issued, redemption.order_id) == (False, "")


def test_a_cancelled_order_gives_its_code_back_to_be_made_good_again(program, ada):
    redemption = redeem(ada, make_reward(program, valid_days=9))
    settled(order(voucher_code=redemption.code))
    cancelled = order(voucher_code=redemption.code, state=OrderState.CANCELLED)

    assert settled(cancelled) == ["open"]

    redemption.refresh_from_db()
    assert (redemption.order_id, redemption.is_issued) == ("", False)
    assert steps(redemption)[-2:] == [("used", "", ""), ("open", "", "")]
    Redemption.objects.update(is_issued=True)
    assert settled(order("order-2", voucher_code=redemption.code), cancelled) == ["used"]
    assert Redemption.objects.get().order_id == "order-2"


def test_in_one_batch_a_code_goes_from_a_cancelled_order_to_the_next(program, ada):
    redemption = redeem(ada, make_reward(program))
    settled(order(voucher_code=redemption.code))

    assert settled(
        order(voucher_code=redemption.code, state=OrderState.CANCELLED),
        order("order-2", voucher_code=redemption.code, placed_at=LATER),
    ) == ["used"]

    redemption.refresh_from_db()
    assert (redemption.order_id, redemption.is_issued) == ("order-2", True)


def test_a_code_that_is_over_does_not_come_back(program, ada):
    redemption = redeem(ada, make_reward(program, valid_days=1))
    settled(order(voucher_code=redemption.code))

    cancelled = order(voucher_code=redemption.code, state=OrderState.CANCELLED)

    assert settled(cancelled, now=redemption.valid_until) == ["used"]


def test_a_gift_card_is_used_by_the_first_payment_and_stays_used(program, ada):
    redemption = redeem(ada, make_reward(program, RewardKind.GIFT_CARD))
    cards = (("other", Decimal(1)), (redemption.issued_id, Decimal("0.01")))

    assert settled(order("zero", gift_cards_used=((redemption.issued_id, Decimal(0)),))) == ["open"]
    assert settled(order(gift_cards_used=cards)) == ["used"]
    assert settled(order(gift_cards_used=cards, state=OrderState.CANCELLED)) == ["used"]

    assert Redemption.objects.get().order_id == "order-1"


def test_a_gift_cards_code_on_an_order_is_no_voucher(program, ada):
    redemption = redeem(ada, make_reward(program, RewardKind.GIFT_CARD))

    assert settled(order(voucher_code=redemption.code)) == ["open"]


def test_what_was_cancelled_and_used_all_the_same_says_so(program, ada, caplog):
    redemption = redeem(ada, make_reward(program))
    cancel(redemption)

    for _ in range(2):
        assert settled(order(voucher_code=redemption.code)) == ["cancelled"]

    assert steps(redemption)[-1] == (
        "cancelled",
        "",
        "Order 41 used it after it was cancelled.",
    )
    assert len(steps(redemption)) == 3
    assert f"Order 41 used redemption {redemption.pk}, which is cancelled" in caplog.text
    assert available(ada) == 9000


def test_a_code_that_an_order_took_in_its_last_instant_was_used(program, ada):
    redemption = redeem(ada, make_reward(program, valid_days=1))
    Redemption.objects.update(state="expired")

    assert settled(order(voucher_code=redemption.code)) == ["used"]


def access(program, ada, *, key="1", **content):
    content = RewardContent(**{"product_ids": ("3", "4"), **content})
    return redeem(ada, make_reward(program, RewardKind.PRODUCT_ACCESS, content=content), key=key)


def shelf(*product_ids):
    return tuple(line(product_id=product_id) for product_id in product_ids)


def test_access_is_used_by_the_order_with_the_product_the_oldest_first(program, ada):
    first, second = access(program, ada), access(program, ada, key="2")
    by_ada = {"user_id": ada.user_id}

    assert settled(order("other", lines=shelf("5", ""), **by_ada)) == ["open", "open"]
    assert settled(order("guest", lines=shelf("3"))) == ["open", "open"]
    both = order(lines=shelf("4", "3", "5"), **by_ada)
    assert settled(both, both) == ["used", "open"]
    assert settled(both) == ["used", "open"]
    assert settled(order("order-2", lines=shelf("3"), **by_ada)) == ["used", "used"]

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.order_id, second.order_id) == ("order-1", "order-2")


def test_access_comes_back_with_a_cancelled_order_and_needs_no_code_of_the_shop(program, ada):
    access(program, ada)
    by_ada = {"user_id": ada.user_id, "lines": shelf("3")}
    settled(order(**by_ada))

    assert settled(order(state=OrderState.CANCELLED, **by_ada)) == ["open"]

    assert Redemption.objects.get().is_issued


def test_access_that_was_not_needed_is_not_used(program, ada):
    access(program, ada, exclusive_until=NOW)
    access(program, ada, key="2")
    by_ada = {"user_id": ada.user_id, "lines": shelf("3")}

    before = order(placed_at=NOW - timedelta(seconds=1), **by_ada)

    assert settled(before) == ["open", "open"]
    assert settled(order("order-2", **by_ada)) == ["open", "used"]


def test_a_merged_members_account_uses_the_others_access(program, ada):
    ben = member_with(0, program, email="ben@example.com")
    access(program, ada)
    merge_members(member_id=ada.pk, into_id=ben.pk, actor="user:5", now=NOW)

    assert settled(order(user_id=ada.user_id, lines=shelf("3"))) == ["used"]


def test_settling_orders_settles_rewards_also_of_orders_that_earn_nothing(program, ada):
    redemption = redeem(ada, make_reward(program))
    unpaid = {"is_fully_charged": False, "charged": Decimal(0)}

    settle(facts=[order(voucher_code=redemption.code, **unpaid)], now=LATER)

    assert states() == ["used"]


def test_a_replacement_uses_nothing(program, ada):
    redemption = redeem(ada, make_reward(program))

    assert settled(order(voucher_code=redemption.code, is_replacement=True)) == ["open"]


def test_many_orders_take_no_more_queries_than_one(program, ada):
    codes = [redeem(ada, make_reward(program, price_points=1), key=str(n)).code for n in range(6)]
    counts = []
    for orders in (
        [order("none")],
        [order(f"none{number}", voucher_code=f"X{number}") for number in range(150)],
        [order("one", voucher_code=codes[0])],
        [order(f"o{code}", voucher_code=code) for code in codes[1:]],
    ):
        with CaptureQueriesContext(connection) as queries:
            settle_rewards(orders=orders, now=LATER)
        counts.append(sum("SAVEPOINT" not in query["sql"] for query in queries))

    assert counts == [1, 1, 4, 4]
    assert states() == ["used"] * 6
