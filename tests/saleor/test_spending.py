"""Points at real checkouts: applied, replaced, removed, lost on the way, spent, given back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time
from saleor.account.models import User
from saleor.checkout.models import Checkout
from saleor.giftcard.models import GiftCard
from saleor.order.models import Order

from saleor_loyalty.orders.models import DueOrder
from saleor_loyalty.plugin.tasks import look_after_spendings_task
from saleor_loyalty.points.models import Entry
from saleor_loyalty.points.verification import verify
from saleor_loyalty.shop.gift_cards import ARE_BOUND
from saleor_loyalty.shop.points_means import shut_used
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
DROP_CODE = """mutation($id: ID!, $code: ID!) {
  checkoutRemovePromoCode(id: $id, promoCodeId: $code) { errors { code message } } }"""


def amount(answer):
    return answer["checkout"]["totalPrice"]["gross"]["amount"]


def test_points_lower_the_total_and_are_held(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)

    answer = apply(user_api_client, checkout_id, 400)

    assert answer["errors"] == []
    assert answer["limits"] == []
    assert answer["applied"] == {"points": 400, "amount": {"amount": 4.0, "currency": "USD"}}
    assert amount(answer) == 16.0
    loyalty = answer["checkout"]["loyalty"]
    assert loyalty["applied"]["means"] == means.upper()
    assert loyalty["redeemable"]["points"] == (2_000 if means == "gift_card" else 1_000)
    # 6 of 10 dollars in goods earn by a voucher, 4/5 of them by a gift card: the card pays shipping too
    assert loyalty["pointsToEarn"] == (60 if means == "voucher" else 80)
    assert purse(ada) == (4_600, 400)
    assert total_of(user_api_client, checkout_id) == 16


def test_applying_again_replaces_the_amount_under_the_same_code(
    user_api_client, ada, product, means
):
    checkout_id = fill(user_api_client, product)
    first = apply(user_api_client, checkout_id, 400)["checkout"]["loyalty"]["applied"]

    answer = apply(user_api_client, checkout_id, 700)

    applied = answer["checkout"]["loyalty"]["applied"]
    assert amount(answer) == 13.0
    assert (applied["giftCardId"], applied["voucherCode"]) == (
        first["giftCardId"],
        first["voucherCode"],
    )
    assert purse(ada) == (4_300, 700)
    assert amount(apply(user_api_client, checkout_id, 100)) == 19.0
    assert purse(ada) == (4_900, 100)
    assert Spending.objects.count() == 1


def test_removing_brings_total_and_points_back(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)

    answer = remove(user_api_client, checkout_id)

    assert answer["errors"] == []
    assert amount(answer) == 20.0
    assert (answer["checkout"]["voucherCode"], answer["checkout"]["giftCards"]) == (None, [])
    assert purse(ada) == (5_000, 0)
    assert GiftCard.objects.count() == 0
    assert remove(user_api_client, checkout_id)["errors"] == []
    assert purse(ada) == (5_000, 0)


def test_an_order_spends_the_points_once(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)

    order = order_of(complete(user_api_client, checkout_id))
    settle(order)
    settle(order)

    assert order.total_gross_amount == 16
    assert purse(ada) == (4_600, 0)
    spending = Spending.objects.get()
    assert (spending.state, spending.order_id) == ("captured", str(order.pk))
    assert (spending.captured_points, spending.captured_amount) == (400, 4)
    assert Entry.objects.filter(reason="spent").count() == 1
    assert verify(now=timezone.now()) == []


def test_an_order_paid_with_points_earns_for_the_rest(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    pay(order, Decimal(16))

    settle(order)

    assert purse(ada)[0] == 4_600 + (60 if means == "voucher" else 80)


def test_an_order_may_be_paid_with_points_alone(user_api_client, program, ada, product):
    checkout_id = fill(user_api_client, product)

    answer = apply(user_api_client, checkout_id, 9_999)
    order = order_of(complete(user_api_client, checkout_id))
    settle(order)

    assert amount(answer) == 0
    assert answer["limits"] == ["BALANCE", "ORDER_TOTAL"]
    assert order.total_gross_amount == 0
    assert purse(ada) == (3_000, 0)
    assert order.charge_status == "full"


@pytest.mark.parametrize(
    ("terms", "asked", "points", "limits"),
    [
        ({"step_points": 300}, 700, 600, ["STEP"]),
        ({"maximum_percent": 50}, 4_000, 1_000, ["MAXIMUM_SHARE"]),
        ({"on_shipping": False}, 4_000, 1_000, ["EXCLUDED_ITEMS"]),
    ],
)
def test_a_programme_limits_what_points_pay(
    user_api_client, program, ada, product, terms, asked, points, limits
):
    by(program, **terms)
    checkout_id = fill(user_api_client, product)

    answer = apply(user_api_client, checkout_id, asked)

    assert (answer["applied"]["points"], answer["limits"]) == (points, limits)


@pytest.mark.parametrize(
    "excluding",
    [
        lambda product: {"excluded_product_ids": [str(product.pk)]},
        lambda product: {"excluded_category_ids": [str(product.category_id)]},
        lambda product: {"excluded_collection_ids": [str(product.collections.get().pk)]},
    ],
)
def test_excluded_items_are_not_paid_with_points(
    user_api_client, program, ada, product, published_collection, excluding
):
    published_collection.products.add(product)
    by(program, on_shipping=False, **excluding(product))

    answer = apply(user_api_client, fill(user_api_client, product), 100)

    assert [(one["code"], one["limits"]) for one in answer["errors"]] == [
        ("NOTHING_TO_APPLY", ["EXCLUDED_ITEMS", "MINIMUM"])
    ]
    assert purse(ada) == (5_000, 0)


@pytest.mark.parametrize(
    ("terms", "asked", "limits"),
    [
        ({"is_on": False}, 100, ["CLOSED"]),
        ({"minimum_points": 500}, 499, ["MINIMUM"]),
    ],
)
def test_what_cannot_pay_is_refused_and_nothing_written(
    user_api_client, program, ada, product, terms, asked, limits
):
    by(program, **terms)
    checkout_id = fill(user_api_client, product)

    answer = apply(user_api_client, checkout_id, asked)

    assert [one["limits"] for one in answer["errors"]] == [limits]
    assert answer["checkout"] is None
    assert purse(ada) == (5_000, 0)
    assert not Spending.objects.exists()
    assert not GiftCard.objects.exists()


def test_a_closed_channel_takes_no_points(user_api_client, program, ada, product, channel_USD):
    by(program, closed_channel_ids=[channel_USD.pk])

    answer = apply(user_api_client, fill(user_api_client, product), 100)

    assert answer["errors"][0]["limits"] == ["CLOSED"]


@pytest.mark.parametrize("points", [0, -5])
def test_a_number_of_points_that_is_none_is_refused(user_api_client, ada, product, points):
    answer = apply(user_api_client, fill(user_api_client, product), points)

    assert [(one["field"], one["code"]) for one in answer["errors"]] == [("points", "INVALID")]


def test_a_refused_change_leaves_what_was_applied(user_api_client, program, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    by(program, minimum_points=300)

    answer = apply(user_api_client, checkout_id, 200)

    assert answer["errors"][0]["code"] == "NOTHING_TO_APPLY"
    assert purse(ada) == (4_600, 400)
    assert total_of(user_api_client, checkout_id) == 16


def test_who_is_no_member_or_no_customer_spends_nothing(
    user_api_client, api_client, program, shop_open, product, customer_user2
):
    mine, guests = fill(user_api_client, product), fill(api_client, product)

    assert apply(user_api_client, mine, 5)["errors"][0]["code"] == "NOT_A_MEMBER"
    assert apply(api_client, guests, 5)["errors"][0]["code"] == "NOT_A_MEMBER"


def test_nobody_spends_anothers_points(
    user_api_client, user2_api_client, api_client, loyalty_staff, ada, product
):
    checkout_id = fill(user_api_client, product)
    variables = {"id": checkout_id, "points": 5}
    document = """mutation($id: ID!, $points: Int!) {
      checkoutLoyaltyPointsApply(id: $id, points: $points) { errors { code } } }"""

    for stranger in (user2_api_client, api_client):
        answer = ask(stranger, document, variables)
        assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
    assert purse(ada) == (5_000, 0)
    assert apply(loyalty_staff, checkout_id, 5)["errors"] == []


def test_what_a_member_could_redeem_is_for_them_alone(user_api_client, api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    document = "query($id: ID!) { checkout(id: $id) { loyalty { redeemable { points } } } }"

    def seen(client):
        found = ask(client, document, {"id": checkout_id})
        return found["data"]["checkout"]["loyalty"]["redeemable"]

    assert seen(user_api_client) == {"points": 2_000}
    assert seen(api_client) is None


def test_a_code_taken_off_by_saleor_gives_the_points_back(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    card = apply(user_api_client, checkout_id, 400)["checkout"]["giftCards"][0]["id"]

    answer = ask(user_api_client, DROP_CODE, {"id": checkout_id, "code": card})
    look_after_spendings_task()

    assert answer["data"]["checkoutRemovePromoCode"]["errors"] == []
    assert purse(ada) == (5_000, 0)
    assert Spending.objects.get().released_because == "code_gone"
    assert not GiftCard.objects.exists()


def test_another_voucher_in_place_of_points_gives_them_back(
    user_api_client, program, ada, product, voucher
):
    by(program, means="voucher")
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)

    ask(user_api_client, CODE, {"id": checkout_id, "code": voucher.codes.first().code})
    look_after_spendings_task()

    assert purse(ada) == (5_000, 0)
    assert checkout_of(checkout_id).voucher_code == voucher.codes.first().code


def test_points_as_a_voucher_do_not_push_another_out(
    user_api_client, program, ada, product, voucher
):
    by(program, means="voucher")
    checkout_id = fill(user_api_client, product)
    code = voucher.codes.first().code
    ask(user_api_client, CODE, {"id": checkout_id, "code": code})

    answer = apply(user_api_client, checkout_id, 400)

    assert answer["errors"][0]["code"] == "VOUCHER_IN_USE"
    assert checkout_of(checkout_id).voucher_code == code
    assert purse(ada) == (5_000, 0)
    assert not Spending.objects.exists()


def test_a_voucher_on_top_goes_together_with_points(
    user_api_client, ada, product, voucher_percentage
):
    """Ten per cent off goods of ten dollars, and shipping for ten."""
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)

    ask(user_api_client, CODE, {"id": checkout_id, "code": voucher_percentage.codes.first().code})
    look_after_spendings_task()
    order = order_of(complete(user_api_client, checkout_id))
    settle(order)

    assert order.total_gross_amount == 15
    assert purse(ada) == (4_600, 0)


def test_a_deleted_checkout_gives_the_points_back(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)

    Checkout.objects.all().delete()
    look_after_spendings_task()

    assert purse(ada) == (5_000, 0)
    assert Spending.objects.get().released_because == "checkout_gone"
    assert not GiftCard.objects.exists()


def test_points_go_back_when_their_time_is_over(user_api_client, program, ada, product, means):
    by(program, hold_minutes=30)
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)

    with freeze_time(timezone.now() + timedelta(minutes=29)):
        look_after_spendings_task()
    assert purse(ada) == (4_600, 400)
    with freeze_time(timezone.now() + timedelta(minutes=31)):
        look_after_spendings_task()

    assert purse(ada) == (5_000, 0)
    Checkout.objects.update(price_expiration=timezone.now(), discount_expiration=timezone.now())
    assert total_of(user_api_client, checkout_id) == 20
    assert Spending.objects.get().released_because == "expired"


def test_a_checkout_with_a_payment_keeps_its_points_longer(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    checkout_of(checkout_id).payment_transactions.create(
        currency="USD", authorized_value=Decimal(16)
    )

    with freeze_time(timezone.now() + timedelta(hours=2)):
        look_after_spendings_task()
        assert purse(ada) == (4_600, 400)
    with freeze_time(timezone.now() + timedelta(hours=26)):
        look_after_spendings_task()
        assert purse(ada) == (5_000, 0)


def test_no_points_go_back_while_the_order_is_being_made(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    Spending.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    Checkout.objects.update(completing_started_at=timezone.now())

    look_after_spendings_task()

    assert purse(ada) == (4_600, 400)
    assert apply(user_api_client, checkout_id, 5)["errors"][0]["code"] == "CHECKOUT_BUSY"
    assert remove(user_api_client, checkout_id)["errors"][0]["code"] == "CHECKOUT_BUSY"


def test_the_surplus_goes_back_when_lines_are_removed(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product, quantity=4)
    apply(user_api_client, checkout_id, 3_500)
    line = checkout_of(checkout_id).lines.get()

    ask(
        user_api_client,
        """mutation($id: ID!, $line: ID!) { checkoutLinesUpdate(id: $id,
             lines: [{lineId: $line, quantity: 1}]) { errors { code } } }""",
        {"id": checkout_id, "line": global_id("CheckoutLine", line.pk)},
    )
    look_after_spendings_task()

    assert purse(ada) == ((3_000, 2_000) if means == "gift_card" else (4_000, 1_000))
    left = total_of(user_api_client, checkout_id)
    if means == "gift_card":
        assert left == 0
    else:  # Saleor 3.22 takes the delivery method off a checkout whose goods cost nothing
        assert left == checkout_of(checkout_id).shipping_price_gross_amount


def test_a_surplus_that_nobody_saw_goes_back_with_the_order(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product, quantity=4)
    apply(user_api_client, checkout_id, 3_500)
    checkout = checkout_of(checkout_id)
    checkout.lines.update(quantity=1)
    Checkout.objects.update(price_expiration=timezone.now())

    order = order_of(complete(user_api_client, checkout_id))
    settle(order)

    assert order.total_gross_amount == 0
    assert purse(ada) == (3_000, 0)
    assert Spending.objects.get().captured_points == 2_000


def test_points_that_pay_more_than_they_may_now_stop_the_order(
    user_api_client, program, ada, product
):
    by(program, maximum_percent=50)
    checkout_id = fill(user_api_client, product, quantity=4)
    apply(user_api_client, checkout_id, 2_500)
    Checkout.objects.get().lines.update(quantity=3)
    Checkout.objects.update(price_expiration=timezone.now(), last_change=timezone.now())

    refused = complete(user_api_client, checkout_id)
    apply(user_api_client, checkout_id, 2_500)
    order = order_of(complete(user_api_client, checkout_id))

    assert "do not fit" in refused["errors"][0]["message"]
    assert order.total_gross_amount == 20


def test_a_detached_customer_leaves_no_points_behind(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    Checkout.objects.update(user=None)

    assert complete(user_api_client, checkout_id)["errors"] != []
    look_after_spendings_task()

    assert purse(ada) == (5_000, 0)
    assert total_of(user_api_client, checkout_id) == 20


def test_a_checkout_of_another_currency_keeps_no_points(user_api_client, ada, product):
    """Saleor changes no checkout's currency; should anything else, points of the old one are worth nothing."""
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    Spending.objects.update(currency="PLN")

    assert "somebody else" in complete(user_api_client, checkout_id)["errors"][0]["message"]
    answer = apply(user_api_client, checkout_id, 300)

    assert answer["applied"] == {"points": 300, "amount": {"amount": 3.0, "currency": "USD"}}
    assert purse(ada) == (4_700, 300)


def test_a_stranger_gets_nothing_for_anothers_code(
    user_api_client, user2_api_client, program, ada, product, customer_user2, means
):
    give(program, customer_user2, 100)
    mine = fill(user_api_client, product)
    apply(user_api_client, mine, 400)
    theirs = fill(user2_api_client, product)
    code = Spending.objects.get().code

    added = ask(user2_api_client, CODE, {"id": theirs, "code": code})
    if means == "gift_card" and ARE_BOUND:
        assert added["data"]["checkoutAddPromoCode"]["errors"][0]["code"] == "INVALID"
        checkout_of(theirs).gift_cards.add(GiftCard.objects.get())
    refused = complete(user2_api_client, theirs)

    assert refused["order"] is None
    assert refused["errors"][0]["code"] in ("INVALID", "GIFT_CARD_NOT_APPLICABLE")
    order_of(complete(user_api_client, mine))


def test_the_members_own_second_checkout_cannot_use_the_code_too(
    user_api_client, ada, product, means
):
    first, second = fill(user_api_client, product), fill(user_api_client, product)
    apply(user_api_client, first, 400)
    ask(user_api_client, CODE, {"id": second, "code": Spending.objects.get().code})

    refused = complete(user_api_client, second)

    assert refused["order"] is None
    assert "somebody else" in refused["errors"][0]["message"]


def test_points_that_went_back_pay_for_nothing(user_api_client, ada, product, means):
    """Whatever left the code on the checkout: the last look before the order refuses it."""
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    Spending.objects.update(state="released")

    refused = complete(user_api_client, checkout_id)

    assert "not set aside" in refused["errors"][0]["message"]


def test_an_order_that_settling_missed_is_found_and_settled(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    DueOrder.objects.all().delete()

    with freeze_time(timezone.now() + timedelta(days=3)):
        look_after_spendings_task()

    assert purse(ada) == (4_600, 0)
    assert Spending.objects.get().order_id == str(order.pk)


def test_what_carried_spent_points_is_shut(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    settle(order_of(complete(user_api_client, checkout_id)))

    shut_used()

    spending = Spending.objects.get()
    assert spending.is_shut
    if means == "gift_card":
        card = GiftCard.objects.get()
        assert (card.is_active, card.current_balance_amount) == (False, 0)
        if ARE_BOUND:
            assert card.assigned_to == User.objects.get(pk=spending.user_id)


def test_a_cancelled_order_gives_all_points_back_once(user_api_client, ada, product, means):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    settle(order)

    Order.objects.update(status="canceled")
    settle(order)
    settle(order)

    assert purse(ada) == (5_000, 0)
    assert Spending.objects.get().returned_points == 400
    assert verify(now=timezone.now()) == []


def test_an_order_that_was_never_paid_and_expired_gives_the_points_back(
    user_api_client, ada, product
):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    settle(order)

    Order.objects.update(status="expired")
    settle(order)

    assert purse(ada) == (5_000, 0)


@pytest.mark.parametrize(
    ("returning", "points"), [("proportional", 300), ("points_first", 0), ("points_last", 0)]
)
def test_money_refunded_in_part_gives_points_back_by_the_programmes_way(
    user_api_client, program, ada, product, returning, points
):
    by(program, returning=returning)
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 1_200)
    order = order_of(complete(user_api_client, checkout_id))
    pay(order, Decimal(8))
    settle(order)

    pay(order, Decimal(8), refunded=Decimal(2))
    settle(order)
    assert Spending.objects.get().returned_points == points

    pay(order, Decimal(8), refunded=Decimal(8))
    settle(order)
    assert Spending.objects.get().returned_points == 1_200
    assert verify(now=timezone.now()) == []


@pytest.mark.parametrize(
    ("returning", "points"),
    [("proportional", 1_250), ("points_first", 1_500), ("points_last", 1_000)],
)
def test_goods_that_come_back_give_points_back_by_the_programmes_way(
    user_api_client, program, ada, product, returning, points
):
    """Points paid 25 of the 30 dollars for two pieces and shipping; one piece comes back."""
    by(program, returning=returning)
    checkout_id = fill(user_api_client, product, quantity=2)
    apply(user_api_client, checkout_id, 2_500)
    order = order_of(complete(user_api_client, checkout_id))
    pay(order, Decimal(5))
    line = order.lines.get()
    order.fulfillments.create(status="returned").lines.create(order_line=line, quantity=1)

    settle(order)

    assert Spending.objects.get().returned_points == points


def test_points_of_a_deleted_gift_card_stay_spent(user_api_client, ada, product):
    checkout_id = fill(user_api_client, product)
    apply(user_api_client, checkout_id, 400)
    order = order_of(complete(user_api_client, checkout_id))
    pay(order, Decimal(16))
    settle(order)
    before = purse(ada)

    GiftCard.objects.all().delete()
    settle(order)

    assert purse(ada) == before == (4_680, 0)


def test_switched_off_nothing_can_be_applied(user_api_client, plugin_on, ada, product):
    checkout_id = fill(user_api_client, product)
    plugin_on.active = False
    plugin_on.save()

    assert apply(user_api_client, checkout_id, 5)["errors"][0]["code"] == "DISABLED"


def test_applying_takes_as_many_queries_however_long_checkout_and_history_are(
    user_api_client, program, ada, product_list, product, shipping_method, warehouse
):
    def queries(checkout_id):
        with CaptureQueriesContext(connection) as captured:
            assert apply(user_api_client, checkout_id, 400)["errors"] == []
        return len(captured)

    short = fill(user_api_client, product)
    apply(user_api_client, short, 100)
    few = queries(short)
    remove(user_api_client, short)
    for _ in range(30):
        give(program, User.objects.get(pk=ada.user_id), 10)
    long = fill(user_api_client, product)
    for other in product_list:
        ask(
            user_api_client,
            """mutation($id: ID!, $lines: [CheckoutLineInput!]!) {
                 checkoutLinesAdd(id: $id, lines: $lines) { errors { code } } }""",
            {
                "id": long,
                "lines": [
                    {"variantId": global_id("ProductVariant", variant.pk), "quantity": 1}
                    for variant in other.variants.all()
                ],
            },
        )
    apply(user_api_client, long, 100)

    assert checkout_of(long).lines.count() > 3
    assert queries(long) == few
