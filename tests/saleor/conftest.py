"""Saleor's own fixtures, a database made from a template, and the plugin switched on."""

import os
from contextlib import contextmanager
from decimal import Decimal

import django.test
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone
from saleor.plugins.manager import get_plugins_manager
from saleor.plugins.models import PluginConfiguration
from saleor.tests.utils import prepare_test_db_connections

from saleor_loyalty.programs.operations import ProgramChanges, create_program
from saleor_loyalty.programs.rules import RateInput
from saleor_loyalty.shop.settings import PLUGIN_ID

TEST_DATABASES = {
    settings.DATABASE_CONNECTION_DEFAULT_NAME,
    settings.DATABASE_CONNECTION_REPLICA_NAME,
}
django.test.TransactionTestCase.databases = TEST_DATABASES
django.test.TestCase.databases = TEST_DATABASES
prepare_test_db_connections()


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
    yield
    with django_db_blocker.unblock():
        for alias in TEST_DATABASES:
            connections[alias].close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def plugin_on(db):
    """The plugin, switched on."""
    return PluginConfiguration.objects.create(
        identifier=PLUGIN_ID, name="Loyalty", active=True, configuration=[]
    )


@pytest.fixture
def program(plugin_on, channel_USD):
    """A programme on Saleor's USD channel: 10 points a dollar, worth a cent each."""
    return create_program(
        changes=ProgramChanges(
            name="Aurora Club",
            points_name="Stars",
            channel_ids=[channel_USD.pk],
            rates=[
                RateInput(
                    currency="USD", points_per_unit=Decimal(10), point_value=Decimal("0.01")
                )
            ],
        ),
        now=timezone.now() - timezone.timedelta(days=1),
    )


@pytest.fixture
def manager(plugin_on):
    """Saleor's plugins manager."""
    return get_plugins_manager(allow_replica=False)


@contextmanager
def counted_queries():
    """Count the queries on both of Saleor's connections."""
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connections["default"]) as captured:
        yield captured
