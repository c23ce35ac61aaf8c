"""Settings of the Saleor suite: Saleor's own test settings, with our plugin installed."""

from saleor.tests.settings import *  # noqa: F403

PLUGINS = [
    "saleor.payment.gateways.dummy.plugin.DeprecatedDummyGatewayPlugin",
    "saleor.plugins.user_email.plugin.UserEmailPlugin",
    "saleor_loyalty.plugin.plugin.LoyaltyPlugin",
]
