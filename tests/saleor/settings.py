"""Settings of the Saleor suite: Saleor's own test settings, with our plugin installed."""

from importlib.util import find_spec

from saleor.tests.settings import *  # noqa: F403

# Saleor 3.24 has no legacy gateway to test with any more.
HAS_LEGACY_GATEWAY = find_spec("saleor.payment.gateways.dummy") is not None

PLUGINS = [
    *(
        ["saleor.payment.gateways.dummy.plugin.DeprecatedDummyGatewayPlugin"]
        if HAS_LEGACY_GATEWAY
        else []
    ),
    "saleor.plugins.user_email.plugin.UserEmailPlugin",
    "saleor_loyalty.plugin.plugin.LoyaltyPlugin",
]
