"""What customers, staff and Saleor itself do to points at checkout when nobody looks."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import timezone
from freezegun import freeze_time
from saleor.checkout.models import Checkout
from saleor.discount.models import Voucher, VoucherCode
from saleor.giftcard.models import GiftCard
from saleor.order.models import Order
from saleor.order.utils import updates_amounts_for_order
from saleor.payment.models import Payment, TransactionItem
from saleor.plugins.models import PluginConfiguration

from saleor_loyalty.plugin import wake
from saleor_loyalty.plugin.tasks import look_after_spendings_task
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Take
from saleor_loyalty.points.rules import Reason, Shortfall
from saleor_loyalty.points.verification import verify
from saleor_loyalty.programs.operations import ProgramChanges, create_program, update_program
from saleor_loyalty.programs.rules import PriceBasis, RateInput
from saleor_loyalty.spending.models import Spending
from tests.saleor.conftest import ask
from tests.saleor.shopping import (
    apply,
    by,
    checkout_of,
    complete,
    fill,
    give,
    global_id,
    order_of,
    pay,
    purse,
    remove,
    settle,
    total_of,
)

CODE = """mutation($id: ID!, $code: String!) {
  checkoutAddPromoCode(id: $id, promoCode: $code) { errors { code } } }"""
FROM_CHECKOUT = """mutation($id: ID!) { orderCreateFromCheckout(id: $id, removeCheckout: false) {
  order { id } errors { field code message } } }"""
INITIALIZE = """mutation($id: ID!, $code: JSON) { transactionInitialize(id: $id, paymentGateway: {
  id: "saleor.io.gift-card-payment-gateway", data: $code}) {
    transaction { id } errors { field code message } } }"""


@pytest.fixture(autouse=True)
def _worker_comes_later(monkeypatch):
    """No task runs inside a request, as in a shop."""
    for one in (wake.Alarm, wake.TiersAlarm, wake.SpendingsAlarm):
        monkeypatch.setattr(one, "next_ask_at", float("inf"))


@pytest.fixture
def till(app_api_client, permission_handle_checkouts):
    """An app that makes orders of checkouts."""
    app_api_client.app.permissions.add(permission_handle_checkouts)
    return app_api_client


@pytest.fixture
def strict(channel_USD, shop_open):
    """A channel that takes no unpaid orders."""
    channel_USD.allow_unpaid_orders = False
    channel_USD.save()
    return channel_USD


def keeps(till, checkout_id):
    """Make an order of a checkout and keep the checkout."""
    return order_of(
        ask(till, FROM_CHECKOUT, {"id": checkout_id})["data"]["orderCreateFromCheckout"]
    )


def expire_prices():
    now = timezone.now()
    Checkout.objects.update(price_expiration=now, discount_expiration=now, last_change=now)


def owe(program, member, points):
    posting = Take(
        program_id=program.pk,
        member_id=member.pk,
        key="take",
        reason=Reason.ADJUSTMENT,
        effective_at=timezone.now(),
        points=points,
        shortfall=Shortfall.DEBT,
    )
    post(postings=[posting], now=timezone.now())


@pytest.mark.gift_card_payments
@pytest.mark.parametrize("how", ["remove", "expire"])
def test_a_card_of_points_authorized_elsewhere_pays_for_nothing(
    user_api_client,
    ada,
    product,
    strict,
    how,
):
    first, second = fill(user_api_client, product), fill(user_api_client, product)
    apply(user_api_client, first, 2_000)
    code = {"code": Spending.objects.get().code}
    ask(user_api_client, INITIALIZE, {"id": second, "code": code})
    assert checkout_of(second).authorize_status == "full"
    assert complete(user_api_client, second)["order"] is None

    if how == "remove":
        remove(user_api_client, first)
    else:
        with freeze_time(timezone.now() + timedelta(hours=2)):
            look_after_spendings_task()
    answer = complete(user_api_client, second)

    assert purse(ada) == (5_000, 0)
    assert answer["order"] is None
    assert answer["errors"][0]["code"] == "CHECKOUT_NOT_FULLY_PAID"


@pytest.mark.gift_card_payments
def test_points_applied_again_take_their_cards_payment_back(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    ask(
        user_api_client,
        INITIALIZE,
        {"id": checkout_id, "code": {"code": Spending.objects.get().code}},
    )

    apply(user_api_client, checkout_id, 400)

    order = order_of(complete(user_api_client, checkout_id))
    settle(order)
    assert purse(ada) == (4_600, 0)
    assert order.total_authorized_amount == 0


def test_another_checkout_that_a_removed_card_covered_is_to_be_paid(
    user_api_client,
    ada,
    product,
    strict,
):
    first, second = fill(user_api_client, product), fill(user_api_client, product)
    apply(user_api_client, first, 2_000)
    ask(user_api_client, CODE, {"id": second, "code": Spending.objects.get().code})
    assert total_of(user_api_client, second) == 0

    remove(user_api_client, first)

    assert complete(user_api_client, second)["order"] is None


def test_a_kept_checkout_is_to_be_paid_the_second_time(
    user_api_client,
    till,
    ada,
    product,
    strict,
    django_capture_on_commit_callbacks,
):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 2_000)
    settle(keeps(till, checkout_id))

    with django_capture_on_commit_callbacks(execute=True):
        look_after_spendings_task()

    assert complete(user_api_client, checkout_id)["order"] is None
    assert purse(ada) == (3_000, 0)


def test_points_on_a_kept_checkout_cannot_shrink_before_they_are_settled(
    user_api_client,
    till,
    ada,
    product,
    means,
):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = keeps(till, checkout_id)

    assert apply(user_api_client, checkout_id, 1)["errors"][0]["code"] == "CHECKOUT_BUSY"
    assert remove(user_api_client, checkout_id)["errors"][0]["code"] == "CHECKOUT_BUSY"

    settle(order)
    assert purse(ada) == (4_600, 0)
    assert verify(now=timezone.now()) == []


def test_two_orders_of_a_kept_checkout_spend_once(user_api_client, till, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    keeps(till, checkout_id)
    ask(till, FROM_CHECKOUT, {"id": checkout_id})

    settle(*Order.objects.all())

    assert purse(ada) == (4_600, 0)


def test_a_card_or_voucher_deleted_before_settling_is_spent_all_the_same(
    user_api_client,
    ada,
    product,
    means,
):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    GiftCard.objects.all().delete()
    Voucher.objects.all().delete()

    look_after_spendings_task()
    settle(order)

    assert purse(ada) == (4_600, 0)


def test_a_card_that_was_empty_when_the_order_came_gives_the_points_back(
    user_api_client,
    ada,
    product,
):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    GiftCard.objects.update(current_balance_amount=0)
    order = order_of(complete(user_api_client, checkout_id))

    look_after_spendings_task()
    settle(order)

    assert order.total_gross_amount == 20
    assert purse(ada) == (5_000, 0)
    assert Spending.objects.get().released_because == "not_used"


def test_what_saleor_refunded_for_goods_does_not_come_back_in_points_too(
    user_api_client,
    ada,
    product,
):
    """Of 30 dollars 15 were points; Saleor refunds 10 for a piece: all that it cost."""
    checkout_id = fill(user_api_client, product, quantity=2)
    apply(user_api_client, checkout_id, 1_500)
    order = order_of(complete(user_api_client, checkout_id))
    pay(order, Decimal(15))
    settle(order)
    order.fulfillments.create(status="refunded").lines.create(
        order_line=order.lines.get(), quantity=1
    )

    pay(order, Decimal(15), refunded=Decimal(10))
    settle(order)

    # the piece and its share of the shipping are 15 dollars, of which 10 came back
    assert Spending.objects.get().returned_points == 500


def test_a_refund_on_its_way_counts(user_api_client, program, ada, product):
    by(program, returning="points_first")
    checkout_id = fill(user_api_client, product, quantity=2)
    apply(user_api_client, checkout_id, 1_500)
    order = order_of(complete(user_api_client, checkout_id))
    pay(order, Decimal(15))
    order.fulfillments.create(status="refunded").lines.create(
        order_line=order.lines.get(), quantity=1
    )
    TransactionItem.objects.update(refund_pending_value=Decimal(10), charged_value=Decimal(5))
    updates_amounts_for_order(order)

    settle(order)

    assert Spending.objects.get().returned_points == 500


def test_a_charge_back_gives_no_points_back(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    pay(order, Decimal(16))
    TransactionItem.objects.get().events.create(
        type="charge_back",
        amount_value=Decimal(16),
        currency="USD",
        include_in_calculations=True,
    )
    TransactionItem.objects.update(charged_value=0)
    updates_amounts_for_order(order)

    settle(order)

    assert Spending.objects.get().returned_points == 0


def test_an_edited_order_that_forgot_its_card_gives_the_points_back(
    user_api_client,
    ada,
    product,
    staff_api_client,
    permission_group_all_perms_all_channels,
):
    """Saleor works out the total of an unconfirmed order anew, without the gift cards that paid."""
    permission_group_all_perms_all_channels.user_set.add(staff_api_client.user)
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    settle(order)

    ask(
        staff_api_client,
        """mutation($id: ID!) { orderLineUpdate(id: $id, input: {quantity: 2}) {
             order { total { gross { amount } } } errors { message } } }""",
        {"id": global_id("OrderLine", order.lines.get().pk)},
    )
    order.refresh_from_db()
    settle(order)

    assert order.total_gross_amount == 30
    assert purse(ada) == (5_000, 0)


@pytest.mark.parametrize(
    "values",
    [{"charge_pending_value": Decimal(16)}, {"authorize_pending_value": Decimal(16)}, None],
)
def test_a_payment_on_its_way_keeps_the_points(user_api_client, ada, product, values):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    if values:
        checkout_of(checkout_id).payment_transactions.create(currency="USD", **values)
    else:
        checkout_of(checkout_id).payments.create(
            gateway="mirumee.payments.dummy", is_active=True, total=Decimal(16), currency="USD"
        )

    with freeze_time(timezone.now() + timedelta(hours=2)):
        look_after_spendings_task()

    assert purse(ada) == (4_600, 400)


if settings.HAS_LEGACY_GATEWAY:

    def legacy_payment(channel, checkout_id, total):
        PluginConfiguration.objects.get_or_create(
            identifier="mirumee.payments.dummy",
            channel=channel,
            defaults={"active": True, "configuration": []},
        )
        Payment.objects.filter(checkout=checkout_of(checkout_id)).update(is_active=False)
        checkout_of(checkout_id).payments.create(
            gateway="mirumee.payments.dummy",
            is_active=True,
            total=total,
            currency="USD",
            token="t",
            billing_email="ada@example.com",
            to_confirm=False,
        )

    def test_a_refusal_burns_no_code_in_saleors_older_payments(
        user_api_client,
        program,
        ada,
        product,
        strict,
        means,
    ):
        by(program, maximum_percent=50)
        checkout_id = fill(user_api_client, product, quantity=4)
        apply(user_api_client, checkout_id, 2_000)
        checkout_of(checkout_id).lines.update(quantity=2)
        expire_prices()
        legacy_payment(strict, checkout_id, total_of(user_api_client, checkout_id))

        refused = complete(user_api_client, checkout_id)
        assert "do not fit" in refused["errors"][0]["message"]
        assert not VoucherCode.objects.filter(is_active=False).exists()

        again = apply(user_api_client, checkout_id, 1_000)
        assert again["applied"]["points"] == 1_000
        legacy_payment(strict, checkout_id, total_of(user_api_client, checkout_id))
        order = order_of(complete(user_api_client, checkout_id))
        settle(order)
        assert order.total_gross_amount == 20
        assert Spending.objects.get().captured_points == 1_000

    def test_a_code_taken_off_while_an_older_payment_is_made_is_spent(
        user_api_client,
        ada,
        product,
        strict,
        monkeypatch,
    ):
        """Saleor keeps the lower total that it worked out before the payment."""
        from saleor.checkout import complete_checkout

        checkout_id = fill(user_api_client, product)
        apply(user_api_client, checkout_id, 400)
        legacy_payment(strict, checkout_id, total_of(user_api_client, checkout_id))
        process = complete_checkout._process_payment

        def in_another_tab(*args, **kwargs):
            done = process(*args, **kwargs)
            checkout = Checkout.objects.get()
            checkout.gift_cards.clear()
            checkout.save(update_fields=["last_change"])
            return done

        monkeypatch.setattr(complete_checkout, "_process_payment", in_another_tab)
        order = order_of(complete(user_api_client, checkout_id))
        look_after_spendings_task()
        settle(order)

        assert order.total_gross_amount == 16
        assert Spending.objects.get().captured_points == 400


def test_a_deleted_code_is_made_again(user_api_client, program, ada, product):
    by(program, means="voucher")
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    VoucherCode.objects.all().delete()

    answer = apply(user_api_client, checkout_id, 300)

    assert (answer["errors"], answer["checkout"]["totalPrice"]["gross"]["amount"]) == ([], 17.0)


def test_a_card_that_staff_switched_off_can_be_applied_again(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    GiftCard.objects.update(is_active=False)

    apply(user_api_client, checkout_id, 500)

    order = order_of(complete(user_api_client, checkout_id))
    assert order.total_gross_amount == 15


def test_a_channel_that_moved_to_another_programme_lets_the_old_points_go(
    user_api_client,
    program,
    ada,
    product,
    channel_USD,
    customer_user,
):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    now = timezone.now()
    update_program(program_id=program.pk, changes=ProgramChanges(channel_ids=[]), now=now)
    other = create_program(
        changes=ProgramChanges(
            name="Other",
            channel_ids=[channel_USD.pk],
            price_basis=PriceBasis.GROSS,
            rates=[
                RateInput(currency="USD", points_per_unit=Decimal(1), point_value=Decimal("0.01"))
            ],
        ),
        now=now,
    )
    theirs = give(other, customer_user, 1_000)

    answer = apply(user_api_client, checkout_id, 300)

    assert answer["applied"]["points"] == 300
    assert (purse(ada), purse(theirs)) == ((5_000, 0), (700, 300))


@pytest.mark.parametrize("what", ["off", "minimum", "closed", "rate"])
def test_what_staff_change_leaves_what_is_held_as_it_was_applied(
    user_api_client,
    program,
    ada,
    product,
    channel_USD,
    what,
):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    if what == "rate":
        rate = RateInput(currency="USD", points_per_unit=Decimal(10), point_value=Decimal("0.005"))
        update_program(
            program_id=program.pk, changes=ProgramChanges(rates=[rate]), now=timezone.now()
        )
    else:
        changes = {
            "off": {"is_on": False},
            "minimum": {"minimum_points": 500},
            "closed": {"closed_channel_ids": [channel_USD.pk]},
        }
        by(program, **changes[what])
    expire_prices()

    look_after_spendings_task()
    order = order_of(complete(user_api_client, checkout_id))
    settle(order)

    assert order.total_gross_amount == 16
    assert purse(ada) == (4_600, 0)


def test_who_owes_points_meanwhile_can_still_change_them(user_api_client, program, ada, product):
    checkout_id = fill(user_api_client, product, quantity=4)
    apply(user_api_client, checkout_id, 3_500)
    owe(program, ada, 4_900)

    answer = apply(user_api_client, checkout_id, 2_000)

    assert answer["applied"]["points"] == 100
    assert answer["limits"] == ["BALANCE"]
    assert purse(ada) == (0, 100)


def test_a_surplus_repays_what_is_owed(user_api_client, program, ada, product):
    checkout_id = fill(user_api_client, product, quantity=4)
    apply(user_api_client, checkout_id, 3_500)
    owe(program, ada, 4_900)
    checkout_of(checkout_id).lines.update(quantity=1)
    expire_prices()

    look_after_spendings_task()

    assert purse(ada) == (0, 2_000)
    assert verify(now=timezone.now()) == []


def test_an_account_with_points_on_a_checkout_can_be_deleted(
    user_api_client,
    ada,
    product,
    staff_api_client,
    permission_manage_users,
    means,
):
    staff_api_client.user.user_permissions.add(permission_manage_users)
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    settle(order)
    apply(user_api_client, fill(user_api_client, product), 300)

    answer = ask(
        staff_api_client,
        "mutation($id: ID!) { customerDelete(id: $id) { errors { message } } }",
        {"id": global_id("User", ada.user_id)},
    )
    look_after_spendings_task()

    assert answer["data"]["customerDelete"]["errors"] == []
    assert purse(ada) == (4_600, 0)
