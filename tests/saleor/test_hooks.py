"""What Saleor's own mutations end in. Celery is eager here: a hook settles in the request."""

from datetime import timedelta
from decimal import Decimal

import graphene
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from saleor.graphql.tests.utils import get_graphql_content
from saleor.order import OrderOrigin, OrderStatus
from saleor.plugins.manager import PluginsManager
from saleor.plugins.models import PluginConfiguration

from dev.journey import ADDRESS
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import DueOrder, SettledOrder
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.plugin.plugin import LoyaltyPlugin
from saleor_loyalty.points.models import Entry
from saleor_loyalty.points.queries import purses_of
from tests.saleor.conftest import charge

ORDER_HOOKS = [
    "order_created",
    "order_confirmed",
    "order_paid",
    "order_fully_paid",
    "order_fulfilled",
    "order_updated",
    "order_refunded",
    "order_fully_refunded",
    "order_cancelled",
    "order_expired",
]


def balance() -> int | None:
    member = Member.objects.first()
    return member and purses_of(member_ids=[member.pk])[member.pk].total


def global_id(order) -> str:
    return graphene.Node.to_global_id("Order", order.pk)


@pytest.fixture
def staff(staff_api_client, permission_group_manage_orders, permission_manage_payments):
    permission_group_manage_orders.user_set.add(staff_api_client.user)
    staff_api_client.user.user_permissions.add(permission_manage_payments)
    return staff_api_client


def run(client, document, **variables):
    content = get_graphql_content(client.post_graphql(document, variables))
    ((_, payload),) = content["data"].items()
    assert payload["errors"] == []
    return payload


def mark_as_paid(client, order):
    mutation = "mutation($id: ID!) { orderMarkAsPaid(id: $id) { errors { field message } } }"
    run(client, mutation, id=global_id(order))


@pytest.mark.parametrize("hook", ORDER_HOOKS)
@pytest.mark.usefixtures("program")
def test_each_hook_of_an_order_settles_it(
    hook, manager, paid_order, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        getattr(manager, hook)(paid_order)

    assert balance() == 861
    assert DueOrder.objects.count() == 0


@pytest.mark.usefixtures("program")
def test_a_bulk_of_orders_is_marked_in_one_statement(
    manager, order_generator, django_assert_num_queries
):
    orders = [order_generator() for _ in range(4)]
    manager.get_plugins()

    with django_assert_num_queries(3):  # the savepoint around it makes three
        manager.order_bulk_created(orders)

    assert DueOrder.objects.count() == 4


def test_every_order_event_of_saleor_is_hooked_or_known():
    not_needed = {
        "order_metadata_updated",
        "order_bulk_created",
        "order_tax_by_rate",
    }
    events = {
        name
        for name in dir(PluginsManager)
        if name.startswith("order_") and callable(getattr(PluginsManager, name))
    }

    assert events - not_needed <= set(ORDER_HOOKS)


@pytest.mark.usefixtures("program")
def test_order_mark_as_paid_earns(staff, order_with_lines):
    mark_as_paid(staff, order_with_lines)

    assert balance() == 861
    assert EmailMessage.objects.get().status == "sent"


@pytest.mark.usefixtures("program")
def test_order_cancel_takes_back_though_the_charge_stays(
    staff, manager, paid_order, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        manager.order_paid(paid_order)
    assert balance() == 861

    run(
        staff,
        "mutation($id: ID!) { orderCancel(id: $id) { errors { field message } } }",
        id=global_id(paid_order),
    )

    paid_order.refresh_from_db()
    assert paid_order.status == OrderStatus.CANCELED
    assert paid_order.total_charged_amount == paid_order.total_gross_amount
    assert balance() == 0
    assert SettledOrder.objects.get().outcome == "cancelled"


if settings.HAS_LEGACY_GATEWAY:

    @pytest.mark.usefixtures("program")
    def test_a_legacy_refund_takes_back_its_share(staff, payment_txn_captured, channel_USD):
        PluginConfiguration.objects.create(
            identifier="mirumee.payments.dummy", active=True, channel=channel_USD, configuration=[]
        )
        order = payment_txn_captured.order
        from saleor.order.utils import updates_amounts_for_order

        updates_amounts_for_order(order)
        total = order.total_gross_amount
        mutation = """mutation($id: ID!, $amount: PositiveDecimal!) {
            orderRefund(id: $id, amount: $amount) { errors { field message } } }"""

        run(staff, mutation, id=global_id(order), amount=Decimal(10))
        first = balance()
        run(staff, mutation, id=global_id(order), amount=Decimal(15))

        assert SettledOrder.objects.get().earned_points == 861
        assert first == 861 - int(861 * 10 / total)
        assert balance() == 861 - int(861 * 25 / total)


REPORT = """mutation($id: ID!, $type: TransactionEventTypeEnum!, $amount: PositiveDecimal!,
        $reference: String!) {
    transactionEventReport(id: $id, type: $type, amount: $amount, pspReference: $reference) {
        errors { field message } } }"""


def report(client, order, kind, amount, reference):
    item = order.payment_transactions.get()
    run(
        client,
        REPORT,
        id=graphene.Node.to_global_id("TransactionItem", item.token),
        type=kind,
        amount=amount,
        reference=reference,
    )


@pytest.fixture
def charged_order(order_with_lines, staff, program):
    """An order charged through transactionCreate."""
    order = order_with_lines
    run(
        staff,
        """mutation($id: ID!, $amount: PositiveDecimal!) { transactionCreate(id: $id,
            transaction: {name: "Card", pspReference: "psp",
                amountCharged: {amount: $amount, currency: "USD"}}) {
            errors { field message } } }""",
        id=global_id(order),
        amount=order.total_gross_amount,
    )
    return order


def test_the_transaction_api_earns_and_partial_refunds_do_not_drift(charged_order, staff):
    total = charged_order.total_gross_amount
    assert balance() == 861
    back = Decimal(0)

    for number in range(3):
        report(staff, charged_order, "REFUND_SUCCESS", Decimal("20.01"), f"refund-{number}")
        back += Decimal("20.01")
        assert balance() == 861 - int(861 * back / total)
    report(staff, charged_order, "REFUND_SUCCESS", total - back, "the-rest")

    assert balance() == 0


def test_overcharging_neither_earns_more_nor_takes_when_given_back(charged_order, staff):
    report(staff, charged_order, "CHARGE_SUCCESS", Decimal(50), "too-much")
    charged_order.refresh_from_db()
    assert charged_order.charge_status == "overcharged"
    assert balance() == 861

    report(staff, charged_order, "REFUND_SUCCESS", Decimal(50), "given-back")

    assert balance() == 861
    assert Entry.objects.count() == 1


def test_a_charge_back_takes_its_share(charged_order, staff):
    total = charged_order.total_gross_amount
    item = charged_order.payment_transactions.get()
    charge_event = item.events.filter(type="charge_success").first()
    reference = "cb"
    report(staff, charged_order, "CHARGE_SUCCESS", Decimal(0), reference)

    report(staff, charged_order, "CHARGE_BACK", Decimal(30), reference)

    charged_order.refresh_from_db()
    assert charge_event is not None
    assert charged_order.total_charged_amount == total - 30
    assert balance() == 861 - int(861 * 30 / total)


@pytest.mark.usefixtures("program")
def test_an_unconfirmed_order_earns_when_it_is_confirmed_however_often(staff, paid_order):
    paid_order.status = OrderStatus.UNCONFIRMED
    paid_order.save()
    charge(paid_order, paid_order.total_gross_amount)
    assert balance() is None
    mutation = "mutation($id: ID!) { orderConfirm(id: $id) { errors { field message } } }"

    run(staff, mutation, id=global_id(paid_order))

    assert balance() == 861
    assert Entry.objects.count() == 1


@pytest.mark.usefixtures("program")
def test_a_replacement_earns_nothing(manager, paid_order, django_capture_on_commit_callbacks):
    paid_order.origin = OrderOrigin.REISSUE
    paid_order.save()

    with django_capture_on_commit_callbacks(execute=True):
        manager.order_paid(paid_order)

    assert SettledOrder.objects.get().outcome == "replacement"
    assert Entry.objects.count() == 0


@pytest.mark.usefixtures("program")
def test_an_imported_order_earns_without_a_mail(
    manager, paid_order, django_capture_on_commit_callbacks
):
    paid_order.origin = OrderOrigin.BULK_CREATE
    paid_order.save()

    with django_capture_on_commit_callbacks(execute=True):
        manager.order_bulk_created([paid_order])

    assert balance() == 861
    assert EmailMessage.objects.count() == 0


@pytest.mark.usefixtures("program")
def test_order_bulk_create_earns_for_what_was_paid(
    staff,
    customer_user,
    channel_USD,
    product,
    warehouse,
    default_tax_class,
    permission_manage_orders_import,
):
    staff.user.user_permissions.add(permission_manage_orders_import)
    placed_at = (timezone.now() - timedelta(hours=3)).isoformat()
    price = {"gross": 120, "net": 100}
    order = {
        "channel": channel_USD.slug,
        "createdAt": placed_at,
        "status": "UNFULFILLED",
        "user": {"id": graphene.Node.to_global_id("User", customer_user.pk)},
        "billingAddress": ADDRESS,
        "currency": "USD",
        "languageCode": "EN",
        "lines": [
            {
                "variantId": graphene.Node.to_global_id(
                    "ProductVariant", product.variants.get().pk
                ),
                "createdAt": placed_at,
                "isShippingRequired": False,
                "isGiftCard": False,
                "quantity": 2,
                "totalPrice": price,
                "undiscountedTotalPrice": price,
                "warehouse": graphene.Node.to_global_id("Warehouse", warehouse.pk),
                "taxClassId": graphene.Node.to_global_id("TaxClass", default_tax_class.pk),
            }
        ],
    }
    charged = {"name": "Card", "amountCharged": {"amount": 120, "currency": "USD"}}

    created = run(
        staff,
        """mutation($orders: [OrderBulkCreateInput!]!) {
            orderBulkCreate(orders: $orders, stockUpdatePolicy: SKIP) {
                count errors { message } results { errors { message path } } } }""",
        orders=[{**order, "transactions": [charged]}, order],
    )

    assert [result["errors"] for result in created["results"]] == [[], []]
    outcomes = SettledOrder.objects.values_list("outcome", "earned_points")
    assert sorted(outcomes) == [("earned", 1200), ("unpaid", 0)]
    assert balance() == 1200
    assert EmailMessage.objects.count() == 0


@pytest.mark.usefixtures("plugin_off")
def test_switched_off_the_hooks_do_nothing(staff, order_with_lines):
    mark_as_paid(staff, order_with_lines)

    assert DueOrder.objects.count() == 0
    assert SettledOrder.objects.count() == 0


@pytest.mark.usefixtures("program")
def test_our_code_broken_on_purpose_does_not_reach_the_shop(
    staff, order_with_lines, monkeypatch, caplog
):
    def broken(**_):
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr("saleor_loyalty.plugin.plugin.mark_due", broken)

    mark_as_paid(staff, order_with_lines)

    order_with_lines.refresh_from_db()
    assert order_with_lines.charge_status == "full"
    assert "the sweep will find what it missed" in caplog.text


@pytest.mark.usefixtures("program")
def test_a_settling_broken_on_purpose_does_not_reach_the_shop(staff, order_with_lines, monkeypatch):
    def broken(**_):
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr("saleor_loyalty.plugin.tasks.settle_due_orders", broken)

    mark_as_paid(staff, order_with_lines)

    assert DueOrder.objects.count() > 0


@pytest.mark.django_db
def test_a_failed_statement_of_a_hook_does_not_spoil_the_shops_transaction(
    plugin_on, order, monkeypatch
):
    def broken(**_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    monkeypatch.setattr("saleor_loyalty.plugin.plugin.mark_due", broken)
    plugin = LoyaltyPlugin(configuration=[], active=True)

    with transaction.atomic():
        answer = plugin.order_created(order, previous_value="kept")
        order.refresh_from_db()

    assert answer == "kept"


@pytest.mark.usefixtures("program")
def test_a_broker_that_is_gone_does_not_reach_the_shop(
    manager, paid_order, monkeypatch, django_capture_on_commit_callbacks, caplog
):
    from saleor_loyalty.plugin import tasks, wake

    calls = []

    def unreachable(**_):
        calls.append(1)
        raise ConnectionRefusedError("no broker")

    monkeypatch.setattr(wake.Alarm, "next_ask_at", 0.0)
    monkeypatch.setattr(tasks.settle_due_orders_task, "apply_async", unreachable)

    with django_capture_on_commit_callbacks(execute=True):
        manager.order_paid(paid_order)
        manager.order_updated(paid_order)

    assert DueOrder.objects.count() == 2
    assert len(calls) == 1
    assert "the beat will settle" in caplog.text


def test_marking_is_one_statement(plugin_on, order, django_assert_num_queries):
    from django.utils import timezone

    with django_assert_num_queries(1):
        mark_due(order_ids=[str(order.pk)], now=timezone.now())
