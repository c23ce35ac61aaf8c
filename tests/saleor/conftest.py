"""Saleor's own fixtures, a database made from a template, and the plugin switched on."""

import datetime
import os
from decimal import Decimal

import django.test
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone
from saleor.payment.models import TransactionItem
from saleor.plugins.manager import get_plugins_manager
from saleor.plugins.models import PluginConfiguration
from saleor.tests.utils import prepare_test_db_connections

from saleor_loyalty.programs.operations import ProgramChanges, create_program
from saleor_loyalty.programs.rules import PriceBasis, RateInput
from saleor_loyalty.shop.gift_cards import CAN_PAY
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.settings import PLUGIN_ID
from tests.saleor.settings import PLUGINS

TEST_DATABASES = {
    settings.DATABASE_CONNECTION_DEFAULT_NAME,
    settings.DATABASE_CONNECTION_REPLICA_NAME,
}
django.test.TransactionTestCase.databases = TEST_DATABASES
django.test.TestCase.databases = TEST_DATABASES
prepare_test_db_connections()


def pytest_collection_modifyitems(config, items):
    """Leave out what is about payments by gift cards where the running Saleor has none."""
    if CAN_PAY:
        return
    left_out = [item for item in items if item.get_closest_marker("gift_card_payments")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """Copy the migrated template instead of migrating for minutes."""
    template = os.environ["LOYALTY_TEST_TEMPLATE"]
    name = f"test_{template}_{os.getpid()}"
    server = os.environ["DATABASE_URL"].rpartition("/")[0] + "/postgres"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    for alias in TEST_DATABASES:
        connections[alias].settings_dict["NAME"] = name
        connections.settings[alias]["NAME"] = name  # for threads of tests
    yield
    with django_db_blocker.unblock():
        for alias in TEST_DATABASES:
            connections[alias].close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(autouse=True)
def _plugins_of_our_settings(settings):
    """Install our plugins again, after a fixture of Saleor's has put others in their place."""
    settings.PLUGINS = PLUGINS


@pytest.fixture
def plugin_off(db):
    """The plugin's configuration, switched off."""
    return PluginConfiguration.objects.create(
        identifier=PLUGIN_ID, name="Loyalty", active=False, configuration=[]
    )


@pytest.fixture
def plugin_on(plugin_off):
    """The plugin, switched on."""
    plugin_off.active = True
    plugin_off.save()
    return plugin_off


@pytest.fixture
def program(plugin_on, channel_USD):
    """A programme on Saleor's USD channel: 10 Stars a dollar, worth a cent each."""
    return create_program(
        changes=ProgramChanges(
            name="Aurora Club",
            points_name="Stars",
            channel_ids=[channel_USD.pk],
            price_basis=PriceBasis.GROSS,
            rates=[
                RateInput(currency="USD", points_per_unit=Decimal(10), point_value=Decimal("0.01"))
            ],
        ),
        now=timezone.now() - datetime.timedelta(days=400),
    )


@pytest.fixture
def manager(plugin_on):
    """Saleor's plugins manager."""
    return get_plugins_manager(allow_replica=False)


@pytest.fixture
def permission_manage_loyalty(db):
    """Our permission, as Saleor's post_migrate made it."""
    from saleor.permission.models import Permission

    return Permission.objects.get(codename=LoyaltyPermissions.MANAGE_LOYALTY.codename)


@pytest.fixture
def loyalty_staff(staff_api_client, permission_manage_loyalty):
    """A staff member who may manage loyalty, and nothing else."""
    staff_api_client.user.user_permissions.add(permission_manage_loyalty)
    return staff_api_client


@pytest.fixture
def paid_order(order_with_lines):
    """An order of 70 dollars net, paid through the Transaction API."""
    charge(order_with_lines, order_with_lines.total_gross_amount)
    return order_with_lines


def charge(order, amount, *, refunded=Decimal(0), reference="psp"):
    """Record a transaction on an order, and let Saleor work out its amounts."""
    from saleor.order.utils import updates_amounts_for_order

    TransactionItem.objects.update_or_create(
        order=order,
        psp_reference=reference,
        defaults={
            "currency": order.currency,
            "charged_value": amount - refunded,
            "refunded_value": refunded,
        },
    )
    updates_amounts_for_order(order)


def ask(client, document, variables=None):
    """Post a document and return the answer as a dict."""
    return client.post_graphql(document, variables or {}).json()


@pytest.fixture
def shop_open(channel_USD, product, shipping_method, warehouse):
    """A shop with something to sell for ten dollars and ship for ten, where unpaid checkouts become orders."""
    channel_USD.allow_unpaid_orders = True
    channel_USD.save()
    return channel_USD


@pytest.fixture
def ada(program, shop_open, customer_user):
    """A member with 5,000 points."""
    from tests.saleor.shopping import give

    return give(program, customer_user, 5_000)


@pytest.fixture(params=["gift_card", "voucher"])
def means(request, program):
    from tests.saleor.shopping import by

    by(program, means=request.param)
    return request.param
