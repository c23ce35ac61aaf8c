"""Orders whose hooks were all lost, and guests' orders, are found by the sweep."""

from datetime import timedelta

import pytest
from django.utils import timezone
from saleor.order.models import Order

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import DueOrder, OrderSweep, SettledOrder
from saleor_loyalty.plugin.tasks import settle_due_orders_task, sweep_orders_task
from saleor_loyalty.points.models import Entry
from saleor_loyalty.shop.orders import changed_orders, claimable_guest_orders, guest_orders_of


def due() -> set[str]:
    return set(DueOrder.objects.values_list("order_id", flat=True))


@pytest.mark.usefixtures("program")
def test_an_order_whose_hooks_were_all_lost_still_settles(paid_order):
    sweep_orders_task()

    assert Entry.objects.get().points == 861
    assert SettledOrder.objects.get().order_id == str(paid_order.pk)
    assert OrderSweep.objects.count() == 1


@pytest.mark.usefixtures("program")
def test_sweeping_again_posts_nothing(paid_order):
    for _ in range(3):
        sweep_orders_task()

    assert Entry.objects.count() == 1


@pytest.mark.usefixtures("program", "paid_order")
def test_an_order_that_was_settled_well_after_its_change_is_left_alone():
    long_ago = timezone.now() - timedelta(hours=2)
    Order.objects.update(updated_at=long_ago)
    sweep_orders_task()

    assert list(changed_orders(since=long_ago - timedelta(hours=1))) == []


@pytest.mark.usefixtures("program")
def test_orders_from_before_the_last_sweep_are_not_looked_at(paid_order):
    OrderSweep.objects.create(swept_until=timezone.now())
    Order.objects.update(updated_at=timezone.now() - timedelta(hours=1))

    sweep_orders_task()

    assert SettledOrder.objects.count() == 0


@pytest.mark.usefixtures("plugin_off", "paid_order")
def test_switched_off_nothing_is_swept_or_settled():
    sweep_orders_task()
    DueOrder.objects.create(order_id="x", marked_at=timezone.now())
    settle_due_orders_task()

    assert OrderSweep.objects.count() == 0
    assert due() == {"x"}


@pytest.mark.usefixtures("plugin_on", "paid_order")
def test_without_any_programme_nothing_is_swept():
    sweep_orders_task()

    assert OrderSweep.objects.count() == 0


@pytest.fixture
def guest_order(paid_order, program):
    """A paid order of a guest that was settled without an account."""
    Order.objects.update(user=None, user_email="guest@example.com")
    sweep_orders_task()
    assert SettledOrder.objects.get().outcome == "no_account"
    return paid_order


@pytest.fixture
def account(customer_user):
    """An account with the guest's address, not confirmed yet."""
    customer_user.email = "guest@example.com"
    customer_user.is_confirmed = False
    customer_user.save()
    return customer_user


def test_a_guests_order_waits_for_a_confirmed_account(guest_order, account):
    sweep_orders_task()
    assert Member.objects.count() == 0

    account.is_confirmed = True
    account.save()
    sweep_orders_task()

    assert Member.objects.get().user == account
    assert Entry.objects.get().points == 861


def test_confirming_the_account_credits_at_once(
    guest_order, account, manager, django_capture_on_commit_callbacks
):
    account.is_confirmed = True
    account.save()

    with django_capture_on_commit_callbacks(execute=True):
        manager.account_confirmed(account)

    assert Entry.objects.get().points == 861


def test_an_order_that_saleor_matched_itself_is_found(guest_order, account):
    Order.objects.update(user=account)

    assert claimable_guest_orders(now=timezone.now()) == [str(guest_order.pk)]


def test_the_sweep_looks_back_as_far_as_a_limit_and_a_month(guest_order, account):
    account.is_confirmed = True
    account.save()

    assert claimable_guest_orders(now=timezone.now() + timedelta(days=59)) != []
    assert claimable_guest_orders(now=timezone.now() + timedelta(days=61)) == []


def test_an_account_made_after_the_limit_gets_nothing(guest_order, account):
    account.is_confirmed = True
    account.date_joined = timezone.now() + timedelta(days=31)
    account.save()

    sweep_orders_task()

    assert Entry.objects.count() == 0
    assert claimable_guest_orders(now=timezone.now()) == []
    Order.objects.update(user=account)
    assert claimable_guest_orders(now=timezone.now()) == []


def test_only_orders_with_the_address_are_found(guest_order, customer_user):
    assert guest_orders_of("GUEST@example.com") == [str(guest_order.pk)]
    assert guest_orders_of(customer_user.email) == []
    assert guest_orders_of("") == []
