"""Rewards where the shop changes under them, and where they pay by other ways than a checkout's codes."""

import time
from datetime import timedelta
from decimal import Decimal

import graphene
import pytest
from django.db import transaction
from django.utils import timezone
from saleor.checkout.models import Checkout
from saleor.giftcard.models import GiftCard
from saleor.order.models import Order
from saleor.payment.models import Payment
from saleor.plugins.manager import get_plugins_manager

from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.reward_activities import report_activity
from saleor_loyalty.plugin.tasks import keep_rewards_task
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.rules import RateInput
from saleor_loyalty.rewards.models import Redemption
from saleor_loyalty.rewards.redemptions import ASKED_FOR, RedemptionClosed
from saleor_loyalty.rewards.rules import RewardKind
from saleor_loyalty.shop.reward_checks import BUSY, NOT_GOOD, NOT_IN_IT
from tests.saleor.buying import add_code, attempt_to_complete, complete, fill, refused
from tests.saleor.conftest import ask
from tests.saleor.test_rewards import (
    available,
    cancel,
    checkout_info_of,
    content,
    is_code_open,
    make_reward,
    member_of,
    redeem,
    settled,
    states,
)
from tests.threads import in_threads


@pytest.fixture(autouse=True)
def shop_open(channel_USD, product, shipping_method):
    """A shop with something to sell and ship, where unpaid checkouts become orders."""
    channel_USD.allow_unpaid_orders = True
    channel_USD.automatically_confirm_all_new_orders = True
    channel_USD.save()
    return channel_USD


@pytest.fixture
def ada(program, customer_user):
    """The customer, a member with 9000 points."""
    return member_of(program, customer_user)


@pytest.fixture
def shop(user_api_client):
    """The customer's own browser."""
    return user_api_client


def gift_card(program, member, channel, **values) -> Redemption:
    """A gift card of fifty dollars, redeemed for 1000 points."""
    reward = make_reward(
        program, RewardKind.GIFT_CARD, **content(amounts={"USD": Decimal(50)}), **values
    )
    return redeem(member, reward, key="card", channel=channel)


def pay_by_card(client, checkout_id, code, amount=20):
    """Have Saleor's gateway of gift cards authorize a payment; return what became of it."""
    answer = ask(
        client,
        """mutation($id: ID!, $amount: PositiveDecimal!, $code: String!) {
             transactionInitialize(id: $id, amount: $amount, paymentGateway: {
               id: "saleor.io.gift-card-payment-gateway", data: {code: $code}}) {
               transactionEvent { type } errors { field message code } } }""".replace(
            ", $code: String!", ""
        ).replace("{code: $code}", f'{{code: "{code}"}}'),
        {"id": checkout_id, "amount": amount},
    )["data"]["transactionInitialize"]
    assert answer["errors"] == []
    return answer["transactionEvent"]["type"]


@pytest.mark.gift_card_payments
def test_a_gift_card_that_was_cancelled_pays_no_order_by_what_it_authorized(
    program, ada, shop, product, channel_USD
):
    channel_USD.allow_unpaid_orders = False
    channel_USD.save()
    redemption = gift_card(program, ada, channel_USD)
    checkout_id = fill(shop, product)
    assert pay_by_card(shop, checkout_id, redemption.code) == "AUTHORIZATION_SUCCESS"

    cancel(redemption)

    assert available(ada) == 9000
    assert refused(shop, checkout_id) == [NOT_GOOD]
    assert Order.objects.count() == 0


@pytest.mark.gift_card_payments
def test_what_a_cancelled_gift_card_authorized_is_taken_off_its_checkout(
    program, ada, shop, product, channel_USD, django_capture_on_commit_callbacks
):
    redemption = gift_card(program, ada, channel_USD)
    checkout_id = fill(shop, product)
    pay_by_card(shop, checkout_id, redemption.code)
    assert Checkout.objects.get().authorize_status == "full"

    with django_capture_on_commit_callbacks(execute=True):
        cancel(redemption)

    checkout = Checkout.objects.get()
    item = checkout.payment_transactions.get()
    assert (checkout.authorize_status, item.authorized_value) == ("none", Decimal(0))
    complete(shop, checkout_id)


@pytest.mark.gift_card_payments
def test_a_gift_card_that_pays_when_its_order_is_confirmed_cannot_be_cancelled_or_expire(
    program, ada, shop, product, channel_USD
):
    channel_USD.automatically_confirm_all_new_orders = False
    channel_USD.save()
    redemption = gift_card(program, ada, channel_USD, valid_days=1)
    checkout_id = fill(shop, product)
    pay_by_card(shop, checkout_id, redemption.code)
    complete(shop, checkout_id)

    with pytest.raises(RedemptionClosed):
        cancel(redemption)
    Redemption.objects.update(valid_until=timezone.now(), asked_at=None)
    keep_rewards_task()

    card = GiftCard.objects.get()
    assert (card.is_active, card.current_balance_amount) == (True, Decimal(50))
    assert (states(), available(ada)) == (["used"], 8000)


def test_a_free_product_that_the_shop_deleted_makes_nothing_else_free(
    program, ada, shop, product, product_list, channel_USD
):
    variant = product_list[0].variants.first()
    reward = make_reward(program, RewardKind.FREE_PRODUCT, **content(variant_id=str(variant.pk)))
    redemption = redeem(ada, reward, channel=channel_USD)
    checkout_id = fill(shop, product)
    variant.delete()

    assert add_code(shop, checkout_id, redemption.code) == []

    assert refused(shop, checkout_id) == [NOT_IN_IT]
    assert cancel(redemption).state == "cancelled"


def test_a_gift_card_that_is_not_good_costs_no_good_code(program, ada, shop, product, channel_USD):
    channel_USD.allow_unpaid_orders = False
    channel_USD.save()
    good = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    card = gift_card(program, ada, channel_USD)
    checkout_id = fill(shop, product, quantity=9)
    assert add_code(shop, checkout_id, good.code) == []
    assert add_code(shop, checkout_id, card.code) == []
    Redemption.objects.filter(pk=card.pk).update(valid_until=timezone.now())
    Payment.objects.create(
        checkout=Checkout.objects.get(),
        gateway="mirumee.payments.dummy",
        is_active=True,
        total=Decimal(40),
        currency="USD",
        token="token",
        billing_email="ada@example.com",
        psp_reference="",
    )

    assert refused(shop, checkout_id) == [NOT_GOOD]

    assert is_code_open(good)
    assert cancel(good).state == "cancelled"


def test_what_is_left_on_a_gift_card_pays_the_next_order(program, ada, shop, product, channel_USD):
    redemption = gift_card(program, ada, channel_USD)
    for balance in (Decimal(30), Decimal(10)):
        checkout_id = fill(shop, product)
        assert add_code(shop, checkout_id, redemption.code) == []

        assert settled(complete(shop, checkout_id)) == ["used"]

        assert GiftCard.objects.get().current_balance_amount == balance


def in_two_currencies(program, *channels):
    rates = [
        RateInput(currency=code, points_per_unit=Decimal(10), point_value=Decimal("0.01"))
        for code in ("USD", "PLN")
    ]
    changes = ProgramChanges(channel_ids=[one.pk for one in channels], rates=rates)
    update_program(program_id=program.pk, changes=changes, now=timezone.now())


@pytest.mark.parametrize("kind", [RewardKind.FIXED_DISCOUNT, RewardKind.GIFT_CARD])
def test_a_gift_for_an_activity_is_in_a_currency_that_its_reward_has(
    program, ada, channel_USD, channel_PLN, kind
):
    in_two_currencies(program, channel_USD, channel_PLN)
    reward = make_reward(program, kind, **content(amounts={"PLN": Decimal(16)}))
    give_for_reviews(program, reward)

    report_activity(
        member_id=ada.pk,
        name="review",
        key="1",
        happened_at=timezone.now(),
        now=timezone.now(),
    )
    keep_rewards_task()

    gift = Redemption.objects.get()
    assert (gift.is_issued, gift.code != "", gift.currency) == (True, True, "PLN")


def give_for_reviews(program, reward):
    data = {
        "action": "give_reward",
        "reward_id": reward.pk,
        "trigger": "activity",
        "activity": "review",
    }
    create_rule(
        program_id=program.pk,
        name="Thanks",
        definition=RuleDefinition.from_json(data),
        now=timezone.now() - timedelta(days=1),
    )


def test_a_merged_members_gift_card_is_the_other_members_own(
    program, ada, shop, product, channel_USD, staff_user
):
    first = member_of(program, staff_user)
    redemption = gift_card(program, first, channel_USD)

    merge_members(member_id=first.pk, into_id=ada.pk, actor="user:1", now=timezone.now())
    keep_rewards_task()

    card = GiftCard.objects.get()
    assert (card.code, card.current_balance_amount) == (redemption.code, Decimal(50))
    checkout_id = fill(shop, product)
    assert add_code(shop, checkout_id, redemption.code) == []
    assert settled(complete(shop, checkout_id)) == ["used"]


def test_an_order_that_replaces_another_uses_no_access(program, ada, product, channel_USD, shop):
    reward = make_reward(
        program, RewardKind.PRODUCT_ACCESS, **content(product_ids=(str(product.pk),))
    )
    spare = fill(shop, product)
    redemption = redeem(ada, reward, channel=channel_USD)
    order = complete(shop, spare)
    Order.objects.filter(pk=order.pk).update(origin="reissue")
    Redemption.objects.update(state="open", order_id="")

    assert settled(order) == ["open"]
    assert cancel(redemption).state == "cancelled"


def global_id(kind, pk):
    return graphene.Node.to_global_id(kind, pk)


REDEEM = """mutation($reward: ID!) {
  loyaltyRewardRedeem(reward: $reward, channel: "main", key: "1") {
    redemption { id } errors { field code } } }"""


def test_a_repeated_request_brings_the_same_also_when_the_reward_is_gone(program, ada, shop):
    reward = make_reward(program)
    wanted = {"reward": global_id("LoyaltyReward", reward.pk)}
    first = ask(shop, REDEEM, wanted)["data"]["loyaltyRewardRedeem"]
    reward.deleted_at = timezone.now()
    reward.save()

    again = ask(shop, REDEEM, wanted)["data"]["loyaltyRewardRedeem"]

    assert again == first
    assert first["errors"] == []


@pytest.mark.parametrize("pk", ["9" * 30, "9" * 5000])
def test_an_id_of_any_length_is_refused_in_words(program, ada, shop, pk):
    answer = ask(shop, REDEEM, {"reward": global_id("LoyaltyReward", pk)})

    assert "errors" not in answer
    assert answer["data"]["loyaltyRewardRedeem"]["errors"][0]["field"] == "reward"


@pytest.mark.parametrize("kind", [RewardKind.FREE_SHIPPING, RewardKind.PRODUCT_ACCESS])
def test_what_a_checkout_uses_cannot_be_cancelled_while_it_becomes_an_order(
    program, ada, shop, product, channel_USD, kind
):
    is_access = kind is RewardKind.PRODUCT_ACCESS
    terms = content(product_ids=(str(product.pk),)) if is_access else {}
    redemption = redeem(ada, make_reward(program, kind, **terms), channel=channel_USD)
    checkout_id = fill(shop, product)
    if not is_access:
        add_code(shop, checkout_id, redemption.code)
    info = checkout_info_of(Checkout.objects.get())
    manager = get_plugins_manager(allow_replica=False)
    manager.preprocess_order_creation(info, info.lines)

    with pytest.raises(RedemptionClosed):
        cancel(redemption)
    Redemption.objects.update(valid_until=timezone.now())
    keep_rewards_task()
    assert (states(), available(ada)) == (["open"], 8000)

    Redemption.objects.update(valid_until=None, asked_at=timezone.now() - ASKED_FOR)
    assert cancel(redemption).state == "cancelled"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_is_being_cancelled_is_not_ordered_with(program, ada, shop, product, channel_USD):
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)

    def attempt(_number):
        return refused(shop, checkout_id)

    with transaction.atomic():
        cancel(redemption)
        assert in_threads(1, attempt) == [[BUSY]]
    assert Order.objects.count() == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lag", [0, 0.02, 0.05, 0.08])
def test_a_code_is_ordered_with_or_cancelled_at_once_never_both(
    program, ada, shop, product, channel_USD, lag
):
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)

    def work(number):
        if number == 0:
            return attempt_to_complete(shop, checkout_id)
        time.sleep(lag)
        return cancel(redemption)

    in_threads(2, work)

    has_ordered = Order.objects.exclude(voucher_code=None).exists()
    redemption.refresh_from_db()
    was_cancelled = redemption.state == "cancelled"
    assert has_ordered != was_cancelled
    assert available(ada) == (9000 if was_cancelled else 8000)
