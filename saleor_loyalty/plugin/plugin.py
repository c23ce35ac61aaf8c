"""The plugin class: Saleor's hooks, its configuration and its URLs."""

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.utils import timezone
from saleor.checkout.error_codes import CheckoutErrorCode
from saleor.core.db.connection import allow_writer
from saleor.plugins.base_plugin import BasePlugin, ConfigurationTypeField
from saleor.plugins.error_codes import PluginErrorCode
from saleor.plugins.models import PluginConfiguration

from saleor_loyalty.emails.palette import is_color
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.plugin import pages
from saleor_loyalty.plugin.version import VERSION
from saleor_loyalty.plugin.wake import wake_settling, wake_spendings
from saleor_loyalty.shop.completion import refusal_of
from saleor_loyalty.shop.orders import guest_orders_of
from saleor_loyalty.shop.settings import PLUGIN_ID, settings_from
from saleor_loyalty.shop.tiers import put_right
from saleor_loyalty.spending.queries import is_unseen

logger = logging.getLogger(__name__)


def never_raises(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Make a hook safe for the shop: whatever fails in it is logged, never raised.

    A hook that raises would make Saleor skip all later hooks, events and mails of the request.
    What a failed hook missed, the sweep finds. The database's savepoint keeps a failed statement
    from spoiling a transaction of the shop.
    """

    @wraps(hook)
    def safe_hook(
        self: "LoyaltyPlugin", *args: Any, previous_value: Any = None, **kwargs: Any
    ) -> Any:
        try:
            with allow_writer():
                if connection.in_atomic_block:
                    with transaction.atomic():
                        hook(self, *args)
                else:
                    hook(self, *args)
        except Exception:
            logger.exception(
                "Loyalty's %s failed; the sweep will find what it missed", hook.__name__
            )
        return previous_value

    return safe_hook


def validate_one_line(text: str) -> None:
    """Refuse line breaks, which no mail header can have.

    Raises:
        ValidationError: there is one.

    """
    if len(text.splitlines()) > 1:
        raise ValidationError("Must be one line.")


def validate_color(text: str) -> None:
    """Refuse what is no colour.

    Raises:
        ValidationError: it is not written as #4b3fb5.

    """
    if not is_color(text):
        raise ValidationError("Must be a colour such as #4b3fb5.")


def validate_event_url(text: str) -> None:
    """Refuse what is no address, and addresses that would let others read along.

    Raises:
        ValidationError: it is no URL with https; on the same machine http will do.

    """
    URLValidator(["http", "https"])(text)
    parsed = urlsplit(text)
    if parsed.scheme != "https" and parsed.hostname not in ("localhost", "127.0.0.1"):
        raise ValidationError("Must begin with https: it carries addresses of customers.")


def validate_rate(text: str) -> None:
    """Refuse what is no number of mails.

    Raises:
        ValidationError: it is no whole number from 1 on.

    """
    if not text.isdecimal() or int(text) < 1:
        raise ValidationError("Must be a whole number, 1 or more.")


class LoyaltyPlugin(BasePlugin):
    """Loyalty in Saleor. Global and off by default; holds no state."""

    PLUGIN_ID = PLUGIN_ID
    PLUGIN_NAME = "Loyalty"
    PLUGIN_DESCRIPTION = (
        "Points on orders, thank-you mails by name and a member's status on the GraphQL API."
    )
    CONFIGURATION_PER_CHANNEL = False
    DEFAULT_ACTIVE = False
    DEFAULT_CONFIGURATION = [
        {"name": "sender_name", "value": ""},
        {"name": "sender_address", "value": ""},
        {"name": "storefront_url", "value": ""},
        {"name": "logo_url", "value": ""},
        {"name": "accent_color", "value": ""},
        {"name": "postal_address", "value": ""},
        {"name": "reply_to", "value": ""},
        {"name": "preferences_url", "value": ""},
        {"name": "rsvp_url", "value": ""},
        {"name": "emails_per_minute", "value": ""},
        {"name": "event_url", "value": ""},
        {"name": "event_secret", "value": ""},
        {"name": "send_emails", "value": True},
    ]
    CONFIG_STRUCTURE = {
        "sender_name": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "Who loyalty mails come from. Empty: as the shop's other mails.",
            "label": "Sender name",
        },
        "sender_address": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "The address loyalty mails come from. Empty: as the shop's other mails.",
            "label": "Sender e-mail address",
        },
        "storefront_url": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "Where the button in mails leads. Empty: mails have no button.",
            "label": "Storefront URL",
        },
        "logo_url": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "An image shown on top of mails. Empty: the shop's name.",
            "label": "Logo URL",
        },
        "accent_color": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "Colour of buttons and panels in mails, as #4b3fb5. Empty: that one.",
            "label": "Colour",
        },
        "postal_address": {
            "type": ConfigurationTypeField.MULTILINE,
            "help_text": "The shop's postal address, at the foot of mails. Many countries ask for it.",
            "label": "Postal address",
        },
        "reply_to": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "Where answers to loyalty mails go. Empty: to the sender.",
            "label": "Reply address",
        },
        "preferences_url": {
            "type": ConfigurationTypeField.STRING,
            "help_text": (
                "The storefront's own page where members choose their mails; it gets the token at its end. "
                "Empty: our page."
            ),
            "label": "Page of preferences",
        },
        "rsvp_url": {
            "type": ConfigurationTypeField.STRING,
            "help_text": (
                "The storefront's own pages where members answer invitations; at its end it gets accept, decline, ticket or "
                "feedback, a slash and the token. Empty: our pages."
            ),
            "label": "Pages of invitations",
        },
        "emails_per_minute": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "How many mails the mail server takes in a minute. Empty: any number.",
            "label": "Mails a minute",
        },
        "event_url": {
            "type": ConfigurationTypeField.STRING,
            "help_text": "Where kinds of mail go that the shop sends with a tool of its own.",
            "label": "URL of mail events",
        },
        "event_secret": {
            "type": ConfigurationTypeField.SECRET,
            "help_text": "Signs mail events: HMAC-SHA256, in the header Loyalty-Signature.",
            "label": "Secret of mail events",
        },
        "send_emails": {
            "type": ConfigurationTypeField.BOOLEAN,
            "help_text": "Switch off to keep mails in the queue, thank-yous for two weeks at most.",
            "label": "Send e-mails",
        },
    }

    @classmethod
    def validate_plugin_configuration(
        cls, plugin_configuration: PluginConfiguration, **kwargs: Any
    ) -> None:
        """Refuse addresses and URLs that are none."""
        settings = settings_from(plugin_configuration.configuration)
        checks: tuple[tuple[str, str, Callable[[str], None]], ...] = (
            ("sender_name", settings.sender_name, validate_one_line),
            ("sender_address", settings.sender_address, validate_email),
            ("storefront_url", settings.storefront_url, URLValidator(["http", "https"])),
            ("logo_url", settings.logo_url, URLValidator(["http", "https"])),
            ("accent_color", settings.accent_color, validate_color),
            ("reply_to", settings.reply_to, validate_email),
            ("preferences_url", settings.preferences_url, URLValidator(["http", "https"])),
            ("rsvp_url", settings.rsvp_url, URLValidator(["http", "https"])),
            ("emails_per_minute", settings.emails_per_minute, validate_rate),
            ("event_url", settings.event_url, validate_event_url),
        )
        errors = {}
        for field, value, validate in checks:
            try:
                if value:
                    validate(value)
            except ValidationError as error:
                errors[field] = ValidationError(error.message, code=PluginErrorCode.INVALID.value)
        if settings.event_url and not settings.event_secret:
            errors["event_secret"] = ValidationError(
                "Mail events must be signed.", code=PluginErrorCode.REQUIRED.value
            )
        if errors:
            raise ValidationError(errors)

    def webhook(self, request: HttpRequest, path: str, previous_value: Any) -> HttpResponse:
        """Answer under /plugins/saleor.loyalty/; nothing is there while the plugin is off."""
        if not self.active:
            return HttpResponseNotFound()
        if path.strip("/") == "health":
            return JsonResponse({"status": "ok", "version": VERSION})
        settings = settings_from(self.configuration)
        return pages.answer(request, path, settings=settings) or HttpResponseNotFound()

    def preprocess_order_creation(
        self, checkout_info: Any, lines: Any, previous_value: Any = None, **kwargs: Any
    ) -> Any:
        """Refuse an order whose codes are not its customer's, or not good any more.

        Raises:
            ValidationError: as Saleor expects it where an order must not be created.

        """
        words = self._refusal_of(checkout_info, lines)
        if words is not None:
            raise ValidationError(words, code=CheckoutErrorCode.INVALID.value)
        return previous_value

    @staticmethod
    def _refusal_of(checkout_info: Any, lines: Any) -> str | None:
        """Look at a checkout. If the look itself fails, the shop sells on, but takes no codes."""
        checkout = checkout_info.checkout
        try:
            with allow_writer(), transaction.atomic():
                return refusal_of(checkout_info, lines or (), now=timezone.now())
        except Exception:
            logger.exception("Loyalty could not look at checkout %s", checkout.pk)
            has_codes = checkout.voucher_code or checkout.gift_cards.exists()
            return "The codes on this checkout cannot be checked now." if has_codes else None

    def _mark(self, order_ids: Sequence[str]) -> None:
        mark_due(order_ids=order_ids, now=timezone.now())
        wake_settling()

    @never_raises
    def _order_changed(self, order: Any) -> None:
        """Mark the order as due, whatever happened to it."""
        self._mark([str(order.pk)])

    order_created = _order_changed
    order_confirmed = _order_changed
    order_paid = _order_changed
    order_fully_paid = _order_changed
    order_fulfilled = _order_changed
    order_updated = _order_changed
    order_refunded = _order_changed
    order_fully_refunded = _order_changed
    order_cancelled = _order_changed
    order_expired = _order_changed

    @never_raises
    def checkout_updated(self, checkout: Any) -> None:
        """Have points on a checkout looked at: do they still fit it, is their code still on it."""
        if is_unseen(checkout_id=str(checkout.pk), changed_at=checkout.last_change):
            wake_spendings()

    @never_raises
    def order_bulk_created(self, orders: Sequence[Any]) -> None:
        """Mark all of the orders as due, in one statement."""
        self._mark([str(order.pk) for order in orders])

    @never_raises
    def _address_confirmed(self, user: Any) -> None:
        """Mark the orders that the customer placed as a guest."""
        order_ids = guest_orders_of(user.email)
        if order_ids:
            self._mark(order_ids)

    account_confirmed = _address_confirmed
    account_email_changed = _address_confirmed

    @never_raises
    def customer_updated(self, user: Any) -> None:
        """Mark the orders that the customer placed as a guest; let nobody write their own tier."""
        order_ids = guest_orders_of(user.email)
        if order_ids:
            self._mark(order_ids)
        put_right(user, now=timezone.now())

    customer_created = customer_updated

    @never_raises
    def customer_metadata_updated(self, user: Any) -> None:
        """Let nobody write their own tier: customers may change their public metadata."""
        put_right(user, now=timezone.now())
