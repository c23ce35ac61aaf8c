"""The few settings that belong to the whole shop, as the plugin's configuration holds them."""

from dataclasses import dataclass, fields
from typing import Any

from saleor.plugins.models import PluginConfiguration

PLUGIN_ID = "saleor.loyalty"


@dataclass(frozen=True, kw_only=True)
class LoyaltySettings:
    """What staff set in the plugin's configuration; empty text means: as the shop has it."""

    sender_name: str = ""
    sender_address: str = ""
    storefront_url: str = ""
    logo_url: str = ""
    accent_color: str = ""
    postal_address: str = ""
    reply_to: str = ""
    preferences_url: str = ""
    rsvp_url: str = ""
    event_url: str = ""
    event_secret: str = ""
    emails_per_minute: str = ""
    send_emails: bool = True

    @property
    def a_minute(self) -> int | None:
        """How many mails may leave in a minute; None: as many as there are."""
        return int(self.emails_per_minute) if self.emails_per_minute.isdecimal() else None


def settings_from(configuration: list[dict[str, Any]]) -> LoyaltySettings:
    """Read the settings from a plugin configuration's list of name and value."""
    values = {item["name"]: item["value"] for item in configuration}
    known = {field.name for field in fields(LoyaltySettings)}
    return LoyaltySettings(
        **{name: value for name, value in values.items() if name in known and value is not None}
    )


def load_settings(*, using: str = "default") -> LoyaltySettings | None:
    """Return the settings of the plugin, or None while it is switched off. One query."""
    configuration = (
        PluginConfiguration.objects.using(using)
        .filter(identifier=PLUGIN_ID, channel=None, active=True)
        .values_list("configuration", flat=True)
        .first()
    )
    return None if configuration is None else settings_from(configuration)
