"""Settings of the Saleor suite: Saleor's own test settings, with our plugin installed."""

from saleor.tests.settings import *  # noqa: F403

PLUGINS = ["saleor_loyalty.plugin.plugin.LoyaltyPlugin"]
ROOT_URLCONF = "saleor.urls"
