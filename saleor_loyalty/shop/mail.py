"""Saleor's mail settings: through what a channel of the shop sends, and as whom."""

from email.utils import parseaddr
from typing import Any

from django.conf import settings as django_settings
from django.contrib.sites.models import Site
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from saleor.plugins.models import PluginConfiguration

from saleor_loyalty.emails.envelopes import MailSender
from saleor_loyalty.emails.rendering import ShopIdentity
from saleor_loyalty.shop.settings import LoyaltySettings

USER_EMAIL_PLUGIN_ID = "mirumee.notifications.user_email"
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
TIMEOUT_SECONDS = 15


def mail_sender(channel_id: int | None, *, settings: LoyaltySettings) -> MailSender:
    """Return how a channel sends mail.

    Through the SMTP server of Saleor's own "User emails" plugin where that is active for the
    channel (its empty fields mean USER_EMAIL_URL), else through the shop's Django mail backend
    (EMAIL_URL). The sender is the one from our settings, that plugin's, the site's, in this order.
    """
    site = Site.objects.select_related("settings").get(pk=django_settings.SITE_ID)
    smtp = _user_email_configuration(channel_id)
    site_settings = site.settings
    default_name, default_address = parseaddr(django_settings.DEFAULT_FROM_EMAIL)
    return MailSender(
        backend=_backend(smtp),
        from_name=(
            settings.sender_name
            or smtp.get("sender_name")
            or site_settings.default_mail_sender_name
            or default_name
            or site.name
        ),
        from_address=(
            settings.sender_address
            or smtp.get("sender_address")
            or site_settings.default_mail_sender_address
            or default_address
        ),
        reply_to=settings.reply_to,
        shop=shop_identity(settings, name=site.name),
    )


def shop_identity(settings: LoyaltySettings, *, name: str) -> ShopIdentity:
    """Return how the shop presents itself in mails and on pages."""
    return ShopIdentity(
        name=name,
        url=settings.storefront_url,
        logo_url=settings.logo_url,
        accent_color=settings.accent_color,
        postal_address=settings.postal_address,
    )


def _user_email_configuration(channel_id: int | None) -> dict[str, Any]:
    configuration = (
        PluginConfiguration.objects.filter(
            identifier=USER_EMAIL_PLUGIN_ID, channel_id=channel_id, active=True
        )
        .values_list("configuration", flat=True)
        .first()
    )
    return {item["name"]: item["value"] for item in configuration or []}


def _backend(smtp: dict[str, Any]) -> BaseEmailBackend:
    host = smtp.get("host") or (django_settings.USER_EMAIL_HOST if smtp else "")
    if not host:
        return get_connection(timeout=TIMEOUT_SECONDS)
    return get_connection(
        SMTP_BACKEND,
        host=host,
        port=smtp.get("port") or django_settings.USER_EMAIL_PORT or 25,
        username=smtp.get("username") or django_settings.USER_EMAIL_HOST_USER,
        password=smtp.get("password") or django_settings.USER_EMAIL_HOST_PASSWORD,
        use_tls=bool(smtp.get("use_tls") or django_settings.USER_EMAIL_USE_TLS),
        use_ssl=bool(smtp.get("use_ssl") or django_settings.USER_EMAIL_USE_SSL),
        timeout=TIMEOUT_SECONDS,
    )
