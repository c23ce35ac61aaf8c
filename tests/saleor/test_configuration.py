"""The plugin as Saleor finds it: entry point, switch, settings, URLs, permission, schema."""

import sys
from importlib.metadata import entry_points

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from saleor.graphql.core.enums import PermissionEnum
from saleor.graphql.tests.utils import get_graphql_content
from saleor.plugins.manager import get_plugins_manager
from saleor.plugins.models import PluginConfiguration

from saleor_loyalty.plugin import mounting
from saleor_loyalty.plugin.plugin import LoyaltyPlugin
from saleor_loyalty.shop.permissions import LoyaltyPermissions, register_permissions
from saleor_loyalty.shop.settings import PLUGIN_ID, load_settings


def test_saleor_finds_the_plugin_by_its_entry_point():
    (entry_point,) = entry_points(group="saleor.plugins", name="saleor_loyalty")

    assert entry_point.load() is LoyaltyPlugin
    assert apps.is_installed("saleor_loyalty")


def test_the_plugin_is_global_and_off_by_default(db):
    plugin = get_plugins_manager(allow_replica=False).get_plugin(PLUGIN_ID)

    assert plugin.channel is None
    assert not plugin.active
    assert not LoyaltyPlugin.CONFIGURATION_PER_CHANNEL
    assert load_settings() is None


UPDATE = """mutation($input: PluginUpdateInput!) {
  pluginUpdate(id: "saleor.loyalty", input: $input) {
    plugin { globalConfiguration { active configuration { name value label helpText } } }
    errors { field code } } }"""


def test_staff_switch_it_on_and_set_it_up(staff_api_client, permission_manage_plugins):
    variables = {
        "input": {
            "active": True,
            "configuration": [
                {"name": "sender_name", "value": "Aurora Club"},
                {"name": "storefront_url", "value": "https://aurora.example/"},
            ],
        }
    }

    content = get_graphql_content(
        staff_api_client.post_graphql(UPDATE, variables, permissions=[permission_manage_plugins])
    )

    shown = content["data"]["pluginUpdate"]["plugin"]["globalConfiguration"]
    assert shown["active"] is True
    assert all(field["label"] and field["helpText"] for field in shown["configuration"])
    loaded = load_settings()
    assert (loaded.sender_name, loaded.storefront_url) == ("Aurora Club", "https://aurora.example/")
    assert loaded.send_emails is True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sender_name", "Shop\nBcc: c@d.example"),
        ("sender_address", "nobody"),
        ("sender_address", "a@b.example\r\nBcc: c@d.example"),
        ("storefront_url", "aurora"),
        ("storefront_url", "javascript:alert(1)"),
        ("logo_url", "ftp://aurora.example/logo.png"),
    ],
)
def test_bad_settings_are_refused_and_nothing_is_written(
    staff_api_client, permission_manage_plugins, name, value
):
    variables = {"input": {"active": True, "configuration": [{"name": name, "value": value}]}}

    content = get_graphql_content(
        staff_api_client.post_graphql(UPDATE, variables, permissions=[permission_manage_plugins])
    )

    assert [error["code"] for error in content["data"]["pluginUpdate"]["errors"]] == ["INVALID"]
    assert not PluginConfiguration.objects.filter(active=True, identifier=PLUGIN_ID).exists()


@pytest.mark.usefixtures("plugin_on")
def test_switched_on_its_urls_answer(client):
    assert client.get("/plugins/saleor.loyalty/health").json()["status"] == "ok"
    assert client.get("/plugins/saleor.loyalty/health/").status_code == 200
    assert client.get("/plugins/saleor.loyalty/other").status_code == 404
    assert client.get("/plugins/global/saleor.loyalty/other").status_code == 404


@pytest.mark.usefixtures("plugin_off")
@pytest.mark.parametrize("path", ["", "health", "health/", "other"])
def test_switched_off_its_urls_are_not_found(client, path):
    assert client.get(f"/plugins/saleor.loyalty/{path}").status_code == 404
    assert client.post(f"/plugins/global/saleor.loyalty/{path}").status_code == 404


def test_our_permission_is_one_of_saleors(permission_manage_loyalty):
    register_permissions()

    assert permission_manage_loyalty.name == "Manage loyalty."
    assert permission_manage_loyalty.content_type.app_label == "saleor_loyalty"
    assert PermissionEnum.MANAGE_LOYALTY.value == LoyaltyPermissions.MANAGE_LOYALTY.value


def test_our_tasks_are_on_the_schedule():
    from saleor.celeryconf import app

    app.loader.import_default_modules()
    ours = {
        name: entry["task"]
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
        if name.startswith("loyalty-")
    }
    assert len(ours) == 10
    assert set(ours.values()) <= set(app.tasks)


def test_mounting_again_changes_nothing():
    from saleor.graphql.api import schema

    before = str(schema)
    mounting.mount()

    assert str(schema) == before


def test_mounting_too_late_is_a_clear_error(monkeypatch):
    import saleor.graphql.api

    assert "saleor.graphql.api" in sys.modules, saleor.graphql.api
    monkeypatch.delattr(mounting.CoreQueries, "loyalty_is_mounted")

    with pytest.raises(ImproperlyConfigured, match="before all apps were ready"):
        mounting.mount()


def test_a_field_that_exists_is_a_clear_error():
    with pytest.raises(ImproperlyConfigured, match=r"CoreQueries\.loyalty_program"):
        mounting._refuse_existing(mounting.CoreQueries, "loyalty_program")
