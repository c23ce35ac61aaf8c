"""Many requests at once on one balance and one checkout, through GraphQL on the real database."""

from collections import Counter
from threading import Event

import pytest
from django.db import connection, transaction
from django.utils import timezone
from saleor.checkout.models import Checkout
from saleor.giftcard.models import GiftCard
from saleor.graphql.core.utils import from_global_id_or_error
from saleor.graphql.tests.fixtures import ApiClient
from saleor.order.models import Order

from saleor_loyalty.plugin.tasks import look_after_spendings_task
from saleor_loyalty.points.verification import verify
from saleor_loyalty.shop.spending import lock_checkout
from saleor_loyalty.spending.models import Spending
from tests.saleor.shopping import (
    APPLY,
    apply,
    complete,
    fill,
    give,
    purse,
    settle,
)
from tests.threads import in_threads
from tests.waiting import wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 32


@pytest.fixture
def shop_open(channel_USD, product, shipping_method, warehouse):
    channel_USD.allow_unpaid_orders = True
    channel_USD.save()
    return channel_USD


@pytest.fixture
def ada(program, shop_open, customer_user):
    """A member with 1,000 points."""
    return give(program, customer_user, 1_000)


def outcome(answer) -> str:
    """What became of a request; anything but data and typed errors is a failure."""
    assert "errors" not in answer, answer
    found = answer["data"]["checkoutLoyaltyPointsApply"]
    return found["errors"][0]["code"] if found["errors"] else "applied"


def post_apply(user, checkout_id, points):
    client = ApiClient(user=user)
    return client.post_graphql(APPLY, {"id": checkout_id, "points": points}).json()


def test_32_checkouts_ask_for_the_same_points_and_exactly_the_legal_ones_get_them(
    user_api_client, ada, product
):
    """1,000 points, 32 checkouts, 300 each: three get 300, one what is left, the others nothing."""
    checkouts = [fill(user_api_client, product) for _ in range(THREADS)]

    answers = in_threads(
        THREADS, lambda number: post_apply(user_api_client.user, checkouts[number], 300)
    )

    assert Counter(map(outcome, answers)) == {"applied": 4, "NOTHING_TO_APPLY": 28}
    assert sorted(Spending.objects.values_list("points", flat=True)) == [100, 300, 300, 300]
    assert purse(ada) == (0, 1_000)
    assert GiftCard.objects.count() == 4
    assert verify(now=timezone.now()) == []


def test_two_tabs_change_one_checkout_32_times_and_one_amount_is_held(
    user_api_client, ada, product
):
    checkout_id = fill(user_api_client, product)
    amounts = [100 + 10 * number for number in range(THREADS)]

    answers = in_threads(
        THREADS, lambda number: post_apply(user_api_client.user, checkout_id, amounts[number])
    )

    assert set(map(outcome, answers)) <= {"applied", "CHECKOUT_BUSY"}
    spending = Spending.objects.get()
    assert spending.points in amounts
    assert purse(ada) == (1_000 - spending.points, spending.points)
    assert GiftCard.objects.get().current_balance_amount * 100 == spending.points
    assert verify(now=timezone.now()) == []


def test_completing_one_checkout_16_times_spends_once(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 600)

    answers = in_threads(16, lambda _: complete(ApiClient(user=user_api_client.user), checkout_id))
    settle(*Order.objects.all())

    assert Order.objects.count() == 1
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert purse(ada) == (400, 0)
    assert verify(now=timezone.now()) == []


def test_a_release_waits_for_an_order_that_is_being_made(user_api_client, ada, product):
    """The order holds its checkout; a look in that moment leaves the points alone."""
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 600)
    _, pk = from_global_id_or_error(checkout_id)
    Spending.objects.update(expires_at=timezone.now())
    is_locked, is_done = Event(), Event()

    def work(number):
        if number == 0:
            with transaction.atomic():
                lock_checkout(pk)
                is_locked.set()
                is_done.wait(20)
        else:
            is_locked.wait(20)
            look_after_spendings_task()
            is_done.set()

    assert in_threads(2, work) == [None, None]
    assert purse(ada) == (400, 600)

    look_after_spendings_task()
    assert purse(ada) == (1_000, 0)


def test_an_order_that_waited_for_a_release_is_created_without_the_points(
    user_api_client, ada, product
):
    """Released first, then ordered: nothing is spent, and the whole price is due."""
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 600)
    _, pk = from_global_id_or_error(checkout_id)
    Spending.objects.update(expires_at=timezone.now())
    is_locked = Event()

    def work(number):
        if number == 0:
            with transaction.atomic():
                lock_checkout(pk)
                is_locked.set()
                wait_until_blocked()
                look_after_spendings_task()
        else:
            is_locked.wait(20)
            complete(ApiClient(user=user_api_client.user), checkout_id)

    results = in_threads(2, work)

    assert not [one for one in results if isinstance(one, Exception)], results
    for order in Order.objects.all():
        settle(order)
        assert order.total_gross_amount == 20
    assert purse(ada) == (1_000, 0)
    assert not Checkout.objects.filter(gift_cards__isnull=False).exists()
    connection.close()
