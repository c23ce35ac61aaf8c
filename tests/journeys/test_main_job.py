"""The main job, over HTTP, against a running shop: real server, worker, beat and SMTP."""

import base64
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_FLOOR, Decimal
from uuid import UUID, uuid4

import pytest

from dev import journey
from dev.journey import until

PASSWORD = "password-of-the-shopper"


def points(amount) -> int:
    return int((Decimal(str(amount)) * 10).to_integral_value(ROUND_FLOOR))


def share(award: int, amount: Decimal, total: Decimal) -> int:
    return int((award * amount / total).to_integral_value(ROUND_FLOOR))


@pytest.fixture
def shopper(shop):
    """A shopper of this test's own: address and token."""
    address = f"ada-{uuid4()}@example.com"
    token = journey.register(shop, address=address, password=PASSWORD, first_name="Ada")
    return address, token


def buy(shop, address, token="", **values):
    """Fill a checkout, pay and complete it: checkout, transaction, order."""
    checkout = journey.fill_checkout(shop, address=address, token=token, **values)
    transaction = journey.pay(shop, checkout)
    return checkout, transaction, journey.complete(shop, checkout, token=token)


def thank_yous(shop, address):
    return [mail for mail in shop.mails_to(address) if mail["Message-ID"].startswith("<loyalty.")]


def settled(shop, token, expected):
    """Wait for a balance; say what it is instead if it does not come."""
    try:
        until(lambda: journey.balance_of(shop, token) == expected)
    except journey.Refused:
        assert journey.balance_of(shop, token) == expected


def test_a_shopper_earns_is_thanked_by_name_and_a_refund_takes_the_right_points_back(shop, shopper):
    address, token = shopper
    assert journey.status_of(shop, token) is None

    checkout, transaction, order = buy(shop, address, token)
    award = points(checkout["subtotalPrice"]["gross"]["amount"])
    total = Decimal(str(order["total"]["gross"]["amount"]))
    assert checkout["loyalty"]["pointsToEarn"] == award > 0
    settled(shop, token, award)

    (mail,) = until(lambda: thank_yous(shop, address))
    assert mail["Subject"] == "Welcome, Ada, and thank you for your first order!"
    text = mail.get_body(("plain",)).get_content()
    assert text.startswith("Thank you for your first order, Ada!")
    assert f"With this order you have earned {award:,} Stars." in text
    for line in order["lines"]:
        assert f"{line['quantity']} × {line['productName']}" in text
    assert f"Your balance is now {award:,} Stars." in text

    journey.refund(shop, transaction, amount=Decimal(10))
    settled(shop, token, award - share(award, Decimal(10), total))
    journey.refund(shop, transaction, amount=Decimal("7.77"))
    settled(shop, token, award - share(award, Decimal("17.77"), total))
    journey.refund(shop, transaction, amount=total - Decimal("17.77"))
    settled(shop, token, 0)

    history = journey.status_of(shop, token)["entries"]["edges"]
    assert [edge["node"]["reason"] for edge in history] == [
        "ORDER_REFUNDED",
        "ORDER_REFUNDED",
        "ORDER_REFUNDED",
        "ORDER_EARNED",
    ]
    assert sum(edge["node"]["points"] for edge in history) == 0
    assert {edge["node"]["orderNumber"] for edge in history} == {order["number"]}
    refunds = until(lambda: found if len(found := thank_yous(shop, address)) == 4 else None)[1:]
    assert {str(mail["Subject"]) for mail in refunds} == {
        f"Your refund for order {order['number']}, and your points"
    }


def test_the_mail_is_in_the_orders_language(shop, shopper):
    address, token = shopper

    buy(shop, address, token, language="NB")

    (mail,) = until(lambda: thank_yous(shop, address))
    assert mail["Subject"].strip() == "Velkommen, Ada, og takk for din første bestilling!"
    assert mail["Content-Language"] == "nb"


@pytest.mark.parametrize("promo_code", ["VCO9KV98LC", "FREESHIPPING"])
def test_with_a_coupon_the_checkout_promises_what_the_order_earns(shop, shopper, promo_code):
    address, token = shopper
    full = journey.fill_checkout(shop, address=address, token=token)

    checkout, _, order = buy(shop, address, token, promo_code=promo_code)

    promised = checkout["loyalty"]["pointsToEarn"]
    settled(shop, token, promised)
    assert promised == points(order["subtotal"]["gross"]["amount"])
    if promo_code == "FREESHIPPING":
        assert promised == full["loyalty"]["pointsToEarn"]
    else:
        assert promised < full["loyalty"]["pointsToEarn"]


def test_overcharging_and_giving_back_changes_nothing(shop, shopper):
    address, token = shopper
    checkout = journey.fill_checkout(shop, address=address, token=token)
    award = points(checkout["subtotalPrice"]["gross"]["amount"])
    transaction = journey.pay(shop, checkout, extra=Decimal(25))
    journey.complete(shop, checkout, token=token)
    settled(shop, token, award)

    journey.refund(shop, transaction, amount=Decimal(25))
    journey.refund(shop, transaction, amount=Decimal(10))

    total = Decimal(str(checkout["totalPrice"]["gross"]["amount"]))
    settled(shop, token, award - share(award, Decimal(10), total))


def test_a_guest_gets_their_points_when_their_account_is_confirmed(shop, database):
    address = "guest-of-the-journey@example.com"
    checkout, _, order = buy(shop, address)
    assert checkout["loyalty"]["pointsToEarn"] > 0
    order_id = str(UUID(base64.b64decode(order["id"]).decode().partition(":")[2]))
    outcome = "SELECT outcome FROM saleor_loyalty_settledorder WHERE order_id = %s"
    until(lambda: database.execute(outcome, [order_id]).fetchone() == ("no_account",))

    token = journey.register(shop, address=address, password=PASSWORD, first_name="Grace")
    assert journey.balance_of(shop, token) is None
    me = shop.ask("{ me { id } }", token=token)["me"]["id"]
    shop.ask(
        """mutation($id: ID!) { customerUpdate(id: $id, input: {isConfirmed: true}) {
          errors { field message } } }""",
        {"id": me},
        shop.admin,
    )

    settled(shop, token, points(checkout["subtotalPrice"]["gross"]["amount"]))


def test_cancelling_takes_all_back_though_nothing_is_refunded(shop, shopper):
    address, token = shopper
    checkout, _, order = buy(shop, address, token)
    settled(shop, token, points(checkout["subtotalPrice"]["gross"]["amount"]))

    shop.ask(
        "mutation($id: ID!) { orderCancel(id: $id) { errors { field message } } }",
        {"id": order["id"]},
        shop.admin,
    )

    settled(shop, token, 0)


def test_a_customer_sees_only_their_own(shop, shopper):
    _, token = shopper
    _, _, order = buy(shop, "somebody-else@example.com", "")
    other = journey.register(shop, address="nosy@example.com", password=PASSWORD, first_name="Nosy")
    me = shop.ask("{ me { id } }", token=token)["me"]["id"]

    stranger = shop.answer(
        "query($id: ID!) { user(id: $id) { loyalty { id } } }", {"id": me}, other
    )
    members = shop.answer("{ loyaltyMembers(first: 1) { totalCount } }", token=other)
    theirs = shop.answer(
        "query($id: ID!) { order(id: $id) { loyalty { points } } }", {"id": order["id"]}, other
    )

    assert not (stranger.get("data") or {}).get("user")
    assert members["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
    assert theirs["data"]["order"]["loyalty"] is None


def test_switched_off_the_shop_sells_on_without_us(shop_off, shopper):
    address, token = shopper

    checkout, _, order = buy(shop_off, address, token)

    assert checkout["loyalty"] is None
    assert journey.status_of(shop_off, token) is None
    assert order["status"] == "UNFULFILLED"
    assert shop_off.status("/plugins/saleor.loyalty/health") == 404


def test_with_our_tables_broken_on_purpose_the_checkout_completes_and_the_points_come_later(
    shop, shopper, database
):
    address, token = shopper
    database.execute("ALTER TABLE saleor_loyalty_dueorder RENAME TO broken_on_purpose")
    try:
        checkout, _, order = buy(shop, address, token)
    finally:
        database.execute("ALTER TABLE broken_on_purpose RENAME TO saleor_loyalty_dueorder")
    assert order["status"] == "UNFULFILLED"

    shop.ask(
        """mutation($id: ID!) { orderNoteAdd(order: $id, input: {message: "hello"}) {
          errors { field message } } }""",
        {"id": order["id"]},
        shop.admin,
    )

    settled(shop, token, points(checkout["subtotalPrice"]["gross"]["amount"]))


def test_eight_shoppers_at_once_each_get_their_own_points(shop):
    addresses = [f"crowd-{number}@example.com" for number in range(8)]
    tokens = {
        address: journey.register(shop, address=address, password=PASSWORD, first_name="Ada")
        for address in addresses
    }

    def one(address: str) -> tuple[str, int]:
        token = tokens[address]
        checkout, _, _ = buy(shop, address, token, quantity=1)
        return token, points(checkout["subtotalPrice"]["gross"]["amount"])

    with ThreadPoolExecutor(8) as pool:
        crowd = list(pool.map(one, addresses))

    for token, award in crowd:
        settled(shop, token, award)


def test_a_worker_killed_between_points_and_mail_and_a_refusing_mail_server(
    shop, shopper, worker, database
):
    address, token = shopper
    refuse = shop.mail_folder / "refuse"
    refuse.touch()
    checkout, _, order = buy(shop, address, token)
    award = points(checkout["subtotalPrice"]["gross"]["amount"])
    settled(shop, token, award)
    # A worker killed while the server has the mail would leave it in doubt, and not send it again.
    refused = """
        SELECT 1 FROM saleor_loyalty_emailmessage
        WHERE facts->>'order_number' = %s AND status = 'queued' AND attempts > 0
    """
    until(lambda: database.execute(refused, [order["number"]]).fetchone(), what="the refusal")

    worker.kill()
    refuse.unlink()
    worker.start()

    mails = until(lambda: thank_yous(shop, address), within=240, what="the mail")
    assert len(mails) == 1
    assert journey.balance_of(shop, token) == award
    assert journey.status_of(shop, token)["entries"]["totalCount"] == 1
