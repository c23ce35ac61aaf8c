"""Rewards in real checkouts: what each kind is worth, who may use it, and what becomes of it."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from saleor.account.models import User
from saleor.checkout.models import Checkout
from saleor.discount.models import Voucher, VoucherChannelListing, VoucherCode
from saleor.giftcard.models import GiftCard, GiftCardEvent
from saleor.order.models import Order
from saleor.payment.models import TransactionItem
from saleor.plugins.manager import get_plugins_manager
from saleor.warehouse.models import Stock

from saleor_loyalty.codes import LETTERS
from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.flows.end_redemptions import cancel_redemption
from saleor_loyalty.flows.redeem_rewards import give_reward, redeem_reward
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.plugin.tasks import keep_rewards_task, move_due_points_task
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.rules import RateInput
from saleor_loyalty.rewards.models import Redemption, Reward, RewardVoucher
from saleor_loyalty.rewards.redemptions import RedemptionClosed
from saleor_loyalty.rewards.rules import Obstacle, RewardContent, RewardKind, RewardUnavailable
from saleor_loyalty.shop.gift_cards import ARE_BOUND
from saleor_loyalty.shop.orders import load_order_facts
from saleor_loyalty.shop.reward_checks import (
    NO_ACCESS,
    NOT_GOOD,
    NOT_YOURS,
    in_stock,
    reward_refusal,
)
from saleor_loyalty.shop.rewards import close, issue
from tests.factories import make_posting
from tests.rewards import shelf
from tests.saleor.buying import add_code, complete, fill, prices, refused
from tests.saleor.conftest import charge
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("shop_open")


@pytest.fixture
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


@pytest.fixture
def stranger(program):
    """Another member's account."""
    return User.objects.create(email="eve@example.com", is_active=True, is_confirmed=True)


def member_of(program, user) -> Member:
    membership = Membership(program.pk, user.pk)
    joined = {membership: timezone.now() - timedelta(days=9)}
    member = enroll(joined=joined, by=JoinedBy.ORDER)[membership]
    post(postings=[make_posting(member, 9000, key=f"start:{member.pk}")], now=timezone.now())
    return member


def make_reward(program, kind=RewardKind.FIXED_DISCOUNT, **values) -> Reward:
    """Ten dollars off, or another kind, for 1000 points."""
    if kind is RewardKind.FIXED_DISCOUNT:
        values = content(amounts={"USD": Decimal(10)}) | values
    return shelf.make_reward(program, kind, **values)


def content(**values):
    return {"content": RewardContent(**values)}


def redeem(member, reward, *, key="1", channel, **values) -> Redemption:
    return redeem_reward(
        member_id=member.pk,
        reward_id=reward.pk,
        channel_id=channel.pk,
        currency=channel.currency_code,
        key=key,
        issue=issue,
        in_stock=in_stock,
        now=values.pop("now", timezone.now()),
    )


def cancel(redemption) -> Redemption:
    return cancel_redemption(
        redemption_id=redemption.pk, note="", actor="user:1", close=close, now=timezone.now()
    )


def settled(*orders):
    """Settle orders as the worker does; return the states of redemptions."""
    facts = load_order_facts([str(order.pk) for order in orders])
    settle(facts=list(facts.values()), now=timezone.now())
    return states()


def states() -> list[str]:
    return list(Redemption.objects.order_by("pk").values_list("state", flat=True))


def available(member) -> int:
    return purses_of(member_ids=[member.pk])[member.pk].available


def is_code_open(redemption) -> bool:
    return VoucherCode.objects.get(code=redemption.code).is_active


def cancelled(order) -> Order:
    order.status = "canceled"
    order.save()
    return order


def test_money_off_comes_off_an_order_once(program, ada, shop, product, channel_USD):
    reward = make_reward(program, **content(amounts={"USD": Decimal(4)}))
    redemption = redeem(ada, reward, channel=channel_USD)
    assert re.fullmatch(rf"R(-[{LETTERS}]{{4}}){{4}}", redemption.code)
    checkout_id = fill(shop, product)

    assert add_code(shop, checkout_id, redemption.code) == []
    order = complete(shop, checkout_id)

    assert (order.subtotal_gross_amount, order.total_gross_amount) == (Decimal(6), Decimal(16))
    assert settled(order) == ["used"]
    assert Redemption.objects.get().order_id == str(order.pk)
    assert add_code(shop, fill(shop, product), redemption.code) == ["INVALID"]
    with pytest.raises(RedemptionClosed):
        cancel(redemption)
    assert available(ada) == 8000


def test_money_off_needs_the_least_that_it_asks_for(program, ada, shop, product, channel_USD):
    terms = content(amounts={"USD": Decimal(4)}, minimum_amounts={"USD": Decimal(20)})
    redemption = redeem(ada, make_reward(program, **terms), channel=channel_USD)

    assert add_code(shop, fill(shop, product), redemption.code) == ["VOUCHER_NOT_APPLICABLE"]
    assert add_code(shop, fill(shop, product, quantity=2), redemption.code) == []


def test_a_share_comes_off_an_order(program, ada, shop, product, channel_USD):
    reward = make_reward(program, RewardKind.PERCENTAGE_DISCOUNT, **content(percentage=Decimal(15)))
    redemption = redeem(ada, reward, channel=channel_USD)
    checkout_id = fill(shop, product, quantity=2)

    assert add_code(shop, checkout_id, redemption.code) == []
    order = complete(shop, checkout_id)

    assert order.subtotal_gross_amount == Decimal(17)
    assert settled(order) == ["used"]


def test_shipping_is_free(program, ada, shop, product, channel_USD):
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(shop, product)

    assert add_code(shop, checkout_id, redemption.code) == []

    assert prices(shop, checkout_id) == (0.0, 10.0)
    assert settled(complete(shop, checkout_id)) == ["used"]


def test_of_a_free_product_one_piece_is_free_and_leaves_the_stock(
    program, ada, shop, product, channel_USD
):
    variant = product.variants.first()
    reward = make_reward(program, RewardKind.FREE_PRODUCT, **content(variant_id=str(variant.pk)))
    redemption = redeem(ada, reward, channel=channel_USD)
    checkout_id = fill(shop, product, quantity=3)

    assert add_code(shop, checkout_id, redemption.code) == []
    order = complete(shop, checkout_id)

    assert order.subtotal_gross_amount == Decimal(20)
    line = order.lines.get()
    assert sum(one.quantity_allocated for one in line.allocations.all()) == 3
    assert settled(order) == ["used"]


def test_a_free_product_is_none_of_another_product(
    program, ada, shop, product, product_list, channel_USD
):
    variant = product_list[0].variants.first()
    reward = make_reward(program, RewardKind.FREE_PRODUCT, **content(variant_id=str(variant.pk)))
    redemption = redeem(ada, reward, channel=channel_USD)
    checkout_id = fill(shop, product)

    add_code(shop, checkout_id, redemption.code)

    assert prices(shop, checkout_id) == (10.0, 20.0)


def test_what_the_shop_has_none_of_cannot_be_redeemed(program, ada, product, channel_USD):
    variant = product.variants.first()
    reward = make_reward(program, RewardKind.FREE_PRODUCT, **content(variant_id=str(variant.pk)))
    assert in_stock(str(variant.pk), channel_USD.pk)
    Stock.objects.filter(product_variant=variant).update(quantity=0)

    with pytest.raises(RewardUnavailable) as caught:
        redeem(ada, reward, channel=channel_USD)

    assert caught.value.data["obstacle"] == Obstacle.OUT_OF_STOCK
    assert (Redemption.objects.count(), available(ada)) == (0, 9000)
    assert not in_stock("0", channel_USD.pk)
    assert not in_stock(str(variant.pk), 0)
    variant.track_inventory = False
    variant.save()
    assert in_stock(str(variant.pk), channel_USD.pk)
    product.channel_listings.update(is_published=False)
    assert not in_stock(str(variant.pk), channel_USD.pk)


def test_a_gift_card_is_the_members_own_pays_and_is_used_with_its_first_payment(
    program, ada, shop, product, channel_USD, customer_user
):
    reward = make_reward(
        program, RewardKind.GIFT_CARD, valid_days=30, **content(amounts={"USD": Decimal(50)})
    )
    redemption = redeem(ada, reward, channel=channel_USD)
    card = GiftCard.objects.get()
    assert re.fullmatch(rf"[{LETTERS}]{{16}}", redemption.code)
    assert (card.code, str(card.pk)) == (redemption.code, redemption.issued_id)
    assert (card.currency, card.current_balance_amount) == ("USD", Decimal(50))
    assert card.expiry_date == redemption.valid_until.date() - timedelta(days=1)
    if ARE_BOUND:
        assert (card.assigned_to, card.assigned_to_email) == (customer_user, customer_user.email)
    assert GiftCardEvent.objects.get().type == "issued"
    checkout_id = fill(shop, product)

    assert add_code(shop, checkout_id, redemption.code) == []
    order = complete(shop, checkout_id)

    card.refresh_from_db()
    assert card.current_balance_amount == Decimal(30)
    with pytest.raises(RedemptionClosed):
        cancel(redemption)
    assert settled(order) == ["used"]
    assert settled(cancelled(order)) == ["used"]


def test_a_cancelled_gift_card_is_shut_and_empty_and_its_points_are_back(
    program, ada, shop, product, channel_USD
):
    reward = make_reward(program, RewardKind.GIFT_CARD, **content(amounts={"USD": Decimal(50)}))
    redemption = redeem(ada, reward, channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)

    cancel(redemption)

    card = GiftCard.objects.get()
    assert (card.is_active, card.current_balance_amount) == (False, Decimal(0))
    assert available(ada) == 9000
    assert refused(shop, checkout_id) != []


def test_a_gift_card_waits_for_an_account(program, ada, customer_user, channel_USD):
    reward = make_reward(program, RewardKind.GIFT_CARD, **content(amounts={"USD": Decimal(50)}))
    Member.objects.update(user=None, email="ada@example.com")
    gift = give_reward(
        member_id=ada.pk,
        reward_id=reward.pk,
        channel_id=channel_USD.pk,
        currency="USD",
        reason="Thanks",
        actor="user:1",
        key="1",
        issue=issue,
        now=timezone.now(),
    )
    assert (gift.is_issued, GiftCard.objects.count()) == (False, 0)

    Member.objects.update(user=customer_user, email="")
    Redemption.objects.update(currency="")
    keep_rewards_task()

    gift.refresh_from_db()
    assert (gift.code, gift.currency) == (GiftCard.objects.get().code, "USD")


@pytest.mark.parametrize("kind", [RewardKind.FREE_SHIPPING, RewardKind.GIFT_CARD])
def test_a_stranger_cannot_order_with_a_members_code(
    program, ada, shop, api_client, product, channel_USD, stranger, kind
):
    terms = content(amounts={"USD": Decimal(50)}) if kind is RewardKind.GIFT_CARD else {}
    redemption = redeem(ada, make_reward(program, kind, **terms), channel=channel_USD)
    GiftCard.objects.update(
        **({"assigned_to": None, "assigned_to_email": None} if ARE_BOUND else {})
    )
    member_of(program, stranger)
    checkout_id = fill(api_client, product)
    assert add_code(api_client, checkout_id, redemption.code) == []

    assert refused(api_client, checkout_id) == [NOT_YOURS]
    Checkout.objects.update(user=stranger)
    assert refused(api_client, checkout_id) == [NOT_YOURS]

    assert Order.objects.count() == 0
    mine = fill(shop, product)
    assert add_code(shop, mine, redemption.code) == []
    assert settled(complete(shop, mine)) == ["used"]


def test_with_payments_that_are_no_transactions_a_refusal_costs_no_code(
    program, ada, shop, api_client, product, channel_USD
):
    channel_USD.allow_unpaid_orders = False
    channel_USD.save()
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(api_client, product)
    add_code(api_client, checkout_id, redemption.code)
    from saleor.payment.models import Payment

    Payment.objects.create(
        checkout=Checkout.objects.get(),
        gateway="mirumee.payments.dummy",
        is_active=True,
        total=Decimal(10),
        currency="USD",
        token="token",
        billing_email="ada@example.com",
        psp_reference="",
    )

    words = refused(api_client, checkout_id)

    assert words == [NOT_YOURS]
    assert is_code_open(redemption)
    assert not Checkout.objects.get().is_voucher_usage_increased
    mine = fill(shop, product)
    assert add_code(shop, mine, redemption.code) == []


def test_a_code_that_is_over_is_refused_before_and_after_the_sweep(
    program, ada, shop, product, channel_USD
):
    reward = make_reward(program, RewardKind.FREE_SHIPPING, valid_days=30)
    redemption = redeem(ada, reward, channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)
    Redemption.objects.update(valid_until=timezone.now())

    assert refused(shop, checkout_id) == [NOT_GOOD]
    move_due_points_task()

    assert states() == ["expired"]
    assert not is_code_open(redemption)
    assert available(ada) == 8000
    assert refused(shop, checkout_id) != []
    assert Order.objects.count() == 0


def not_settled_yet(**values):
    """Undo the settling of an order: as it is in the second before."""
    Redemption.objects.update(state="open", order_id="", **values)


def test_a_code_that_an_order_took_before_its_time_ran_out_is_used_not_expired(
    program, ada, shop, product, channel_USD
):
    redemption = redeem(ada, make_reward(program, valid_days=30), channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)
    order = complete(shop, checkout_id)
    not_settled_yet(valid_until=timezone.now())

    move_due_points_task()

    assert states() == ["open"]
    assert settled(order) == ["used"]


def test_a_cancelled_order_opens_its_code_again(program, ada, shop, product, channel_USD):
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)
    order = complete(shop, checkout_id)
    settled(order)
    assert not is_code_open(redemption)

    assert settled(cancelled(order)) == ["open"]
    keep_rewards_task()

    assert is_code_open(redemption)
    again = fill(shop, product)
    assert add_code(shop, again, redemption.code) == []
    assert settled(complete(shop, again)) == ["used"]


def test_a_code_is_not_opened_while_another_order_has_it(program, ada, shop, product, channel_USD):
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)
    order = complete(shop, checkout_id)
    not_settled_yet(is_issued=False)

    keep_rewards_task()

    assert not is_code_open(redemption)
    order.status = "expired"
    order.save()
    Redemption.objects.update(is_issued=False)
    Checkout.objects.create(
        channel=channel_USD,
        currency="USD",
        voucher_code=redemption.code,
        is_voucher_usage_increased=True,
    )
    keep_rewards_task()
    assert not is_code_open(redemption)
    Checkout.objects.all().delete()
    Redemption.objects.update(is_issued=False)
    keep_rewards_task()
    assert is_code_open(redemption)


def test_an_order_that_is_not_settled_yet_keeps_its_code_from_being_cancelled(
    program, ada, shop, product, channel_USD
):
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)
    complete(shop, checkout_id)
    not_settled_yet()

    with pytest.raises(RedemptionClosed):
        cancel(redemption)

    assert (states(), available(ada)) == (["open"], 8000)


def test_a_cancelled_code_is_shut_in_the_shop(program, ada, shop, product, channel_USD):
    redemption = redeem(ada, make_reward(program, stock=1), channel=channel_USD)
    checkout_id = fill(shop, product)
    add_code(shop, checkout_id, redemption.code)

    cancel(redemption)

    assert not is_code_open(redemption)
    assert (available(ada), Reward.objects.get().stock) == (9000, 1)
    assert refused(shop, checkout_id) != []


def test_a_code_that_staff_shut_or_deleted_can_be_cancelled(program, ada, channel_USD):
    reward = make_reward(program)
    shut, gone = (redeem(ada, reward, key=key, channel=channel_USD) for key in "12")
    VoucherCode.objects.filter(code=shut.code).update(is_active=False)
    VoucherCode.objects.filter(code=gone.code).delete()

    assert [cancel(one).state for one in (shut, gone)] == ["cancelled"] * 2

    assert available(ada) == 9000


def test_products_are_for_who_redeemed_access_to_them(
    program, ada, shop, api_client, product, channel_USD
):
    terms = content(product_ids=(str(product.pk),))
    reward = make_reward(program, RewardKind.PRODUCT_ACCESS, **terms)
    checkout_id = fill(shop, product)
    assert refused(shop, checkout_id) == [NO_ACCESS]

    redemption = redeem(ada, reward, channel=channel_USD)
    assert re.fullmatch(rf"R(-[{LETTERS}]{{4}}){{4}}", redemption.code)
    assert refused(api_client, fill(api_client, product)) == [NO_ACCESS]
    order = complete(shop, checkout_id)

    with pytest.raises(RedemptionClosed):
        cancel(redemption)
    assert settled(order) == ["used"]
    assert refused(shop, fill(shop, product)) == [NO_ACCESS]
    assert settled(cancelled(order)) == ["open"]
    assert cancel(redemption).state == "cancelled"


def test_early_access_ends_and_an_inactive_reward_closes_nothing(
    program, ada, api_client, product, channel_USD
):
    later = timezone.now() + timedelta(days=1)
    terms = content(product_ids=(str(product.pk),), exclusive_until=later)
    make_reward(program, RewardKind.PRODUCT_ACCESS, **terms)
    checkout_id = fill(api_client, product)
    assert refused(api_client, checkout_id) == [NO_ACCESS]

    Reward.objects.update(is_active=False)
    complete(api_client, checkout_id)
    past = content(product_ids=(str(product.pk),), exclusive_until=timezone.now())["content"]
    Reward.objects.update(is_active=True, content=past.as_json())

    complete(api_client, fill(api_client, product))


def test_a_checkout_is_looked_at_in_one_query_and_one_more_for_a_code(
    program, ada, shop, product, channel_USD
):
    make_reward(program, RewardKind.PRODUCT_ACCESS, **content(product_ids=("0",)))
    redemption = redeem(ada, make_reward(program, RewardKind.FREE_SHIPPING), channel=channel_USD)
    checkout_id = fill(shop, product)
    counts = []
    for code in (None, redemption.code):
        if code:
            add_code(shop, checkout_id, code)
        with CaptureQueriesContext(connection) as queries:
            info = checkout_info_of(Checkout.objects.get())
            lines = info.lines
            before = len(queries)
            assert reward_refusal(info, lines, timezone.now()) is None
            counts.append(len(queries) - before)

    assert counts == [1, 2]


def checkout_info_of(checkout):
    from saleor.checkout.fetch import fetch_checkout_info, fetch_checkout_lines

    lines, _ = fetch_checkout_lines(checkout)
    return fetch_checkout_info(checkout, lines, get_plugins_manager(allow_replica=False))


def test_who_redeems_the_same_shares_a_voucher_and_what_changed_gets_another(
    program, ada, stranger, channel_USD, channel_PLN
):
    rates = [
        RateInput(currency=code, points_per_unit=Decimal(10), point_value=Decimal("0.01"))
        for code in ("USD", "PLN")
    ]
    changes = ProgramChanges(channel_ids=[channel_USD.pk, channel_PLN.pk], rates=rates)
    update_program(program_id=program.pk, changes=changes, now=timezone.now())
    reward = make_reward(
        program,
        **content(
            amounts={"USD": Decimal(4), "PLN": Decimal(16)}, minimum_amounts={"PLN": Decimal(40)}
        ),
    )
    eve = member_of(program, stranger)

    redeem(ada, reward, channel=channel_USD)
    redeem(eve, reward, channel=channel_PLN)

    voucher = Voucher.objects.get()
    assert (voucher.name, voucher.codes.count(), voucher.single_use, voucher.end_date) == (
        "Aurora Club · Ten off",
        2,
        True,
        None,
    )
    listings = VoucherChannelListing.objects.order_by("channel")
    columns = ("channel", "currency", "discount_value", "min_spent_amount")
    assert list(listings.values_list(*columns)) == [
        (channel_USD.pk, "USD", Decimal(4), None),
        (channel_PLN.pk, "PLN", Decimal(16), Decimal(40)),
    ]
    Reward.objects.update(
        content=RewardContent(amounts={"USD": Decimal(5), "PLN": Decimal(16)}).as_json()
    )
    redeem(ada, reward, key="2", channel=channel_USD)
    assert (Voucher.objects.count(), RewardVoucher.objects.count()) == (2, 2)


def test_a_voucher_that_staff_deleted_is_made_again(program, ada, channel_USD):
    reward = make_reward(program)
    redeem(ada, reward, channel=channel_USD)
    Voucher.objects.all().delete()

    redemption = redeem(ada, reward, key="2", channel=channel_USD)

    assert [code.code for code in Voucher.objects.get().codes.all()] == [redemption.code]


def test_money_off_is_only_where_its_currency_is(program, ada, channel_USD, channel_PLN):
    rates = [
        RateInput(currency=code, points_per_unit=Decimal(10), point_value=Decimal("0.01"))
        for code in ("USD", "PLN")
    ]
    changes = ProgramChanges(channel_ids=[channel_USD.pk, channel_PLN.pk], rates=rates)
    update_program(program_id=program.pk, changes=changes, now=timezone.now())
    reward = make_reward(program, **content(amounts={"USD": Decimal(4), "PLN": Decimal(16)}))
    Reward.objects.update(content=RewardContent(amounts={"USD": Decimal(4)}).as_json())

    with pytest.raises(RewardUnavailable) as caught:
        redeem(ada, reward, channel=channel_PLN)
    redeem(ada, reward, channel=channel_USD)

    assert caught.value.data["obstacle"] == Obstacle.NOT_HERE
    assert VoucherChannelListing.objects.get().channel == channel_USD


def test_a_rules_gift_gets_its_code_after_settling_and_loses_it_with_its_order(
    program, ada, shop, product, channel_USD
):
    reward = make_reward(program, RewardKind.FREE_SHIPPING)
    definition = RuleDefinition.from_json({"action": "give_reward", "reward_id": reward.pk})
    long_ago = timezone.now() - timedelta(days=5)
    create_rule(program_id=program.pk, name="Surprise", definition=definition, now=long_ago)
    order = complete(shop, fill(shop, product))
    Order.objects.update(status="unfulfilled")
    order.refresh_from_db()
    charge(order, order.total_gross_amount)
    assert settled(order) == ["open"]
    assert Redemption.objects.get().code == ""

    keep_rewards_task()

    gift = Redemption.objects.get()
    assert is_code_open(gift)
    assert settled(cancelled(order)) == ["cancelled"]
    assert is_code_open(gift)
    checkout_id = fill(shop, product)
    assert add_code(shop, checkout_id, gift.code) == []
    assert refused(shop, checkout_id) == [NOT_GOOD]
    keep_rewards_task()
    assert not is_code_open(gift)


def test_switched_off_nothing_is_issued_or_expired(program, ada, channel_USD, plugin_on):
    redeem(ada, make_reward(program, valid_days=1), channel=channel_USD)
    Redemption.objects.update(valid_until=timezone.now())
    plugin_on.active = False
    plugin_on.save()

    keep_rewards_task()
    move_due_points_task()

    assert states() == ["open"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_members_at_once_share_one_voucher_and_get_a_code_each(program, channel_USD):
    reward = make_reward(program)
    members = [
        member_of(program, User.objects.create(email=f"m{n}@example.com", is_active=True))
        for n in range(8)
    ]

    results = in_threads(8, lambda number: redeem(members[number], reward, channel=channel_USD))

    assert len({one.code for one in results}) == 8
    assert Voucher.objects.get().codes.count() == 8


@pytest.mark.gift_card_payments
def test_a_card_that_pays_by_a_transaction_is_looked_at_too(
    program, ada, api_client, product, channel_USD
):
    reward = make_reward(program, RewardKind.GIFT_CARD, **content(amounts={"USD": Decimal(50)}))
    redeem(ada, reward, channel=channel_USD)
    checkout_id = fill(api_client, product)
    checkout = Checkout.objects.get()
    item = TransactionItem.objects.create(
        checkout=checkout,
        currency="USD",
        authorized_value=Decimal(20),
        gift_card=GiftCard.objects.get(),
    )

    assert refused(api_client, checkout_id) == [NOT_YOURS]

    item.delete()
    complete(api_client, checkout_id)
