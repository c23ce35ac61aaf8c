"""Through what the shop sends, and as whom."""

import pytest
from django.contrib.sites.models import Site
from django.core import mail
from saleor.plugins.models import PluginConfiguration

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.plugin.tasks import send_due_emails_task, sweep_orders_task
from saleor_loyalty.shop.mail import USER_EMAIL_PLUGIN_ID, mail_sender
from saleor_loyalty.shop.settings import LoyaltySettings


@pytest.fixture
def smtp_of_the_channel(channel_USD):
    """Saleor's own mail plugin, active for a channel."""
    return PluginConfiguration.objects.create(
        identifier=USER_EMAIL_PLUGIN_ID,
        channel=channel_USD,
        active=True,
        configuration=[
            {"name": "host", "value": "smtp.example.com"},
            {"name": "port", "value": "2525"},
            {"name": "username", "value": "user"},
            {"name": "password", "value": "secret"},
            {"name": "use_tls", "value": True},
            {"name": "use_ssl", "value": False},
            {"name": "sender_name", "value": "The channel"},
            {"name": "sender_address", "value": "channel@example.com"},
        ],
    )


@pytest.mark.usefixtures("smtp_of_the_channel", "site_settings")
def test_a_channel_sends_through_its_own_smtp_settings(channel_USD):
    sender = mail_sender(channel_USD.pk, settings=LoyaltySettings())

    backend = sender.backend
    assert (backend.host, backend.port, backend.username, backend.use_tls) == (
        "smtp.example.com",
        "2525",
        "user",
        True,
    )
    assert (sender.from_name, sender.from_address) == ("The channel", "channel@example.com")


@pytest.mark.usefixtures("smtp_of_the_channel")
def test_another_channel_does_not(channel_PLN, site_settings):
    sender = mail_sender(channel_PLN.pk, settings=LoyaltySettings())

    assert type(sender.backend).__module__ == "django.core.mail.backends.locmem"
    assert sender.from_address == site_settings.default_mail_sender_address


@pytest.mark.usefixtures("smtp_of_the_channel", "site_settings")
def test_our_own_settings_say_who_sends(channel_USD):
    settings = LoyaltySettings(
        sender_name="Club", sender_address="club@example.com", storefront_url="https://s.example"
    )

    sender = mail_sender(channel_USD.pk, settings=settings)

    assert (sender.from_name, sender.from_address) == ("Club", "club@example.com")
    assert sender.shop.url == "https://s.example"


def test_the_sites_sender_comes_before_djangos(channel_USD, site_settings):
    site_settings.default_mail_sender_name = "The site"
    site_settings.default_mail_sender_address = "site@example.com"
    site_settings.save()

    sender = mail_sender(channel_USD.pk, settings=LoyaltySettings())

    assert (sender.from_name, sender.from_address) == ("The site", "site@example.com")
    assert sender.shop.name == Site.objects.get_current().name


def test_djangos_sender_may_have_a_name(channel_USD, site_settings, settings):
    settings.DEFAULT_FROM_EMAIL = "The shop <shop@example.com>"
    site_settings.default_mail_sender_name = ""
    site_settings.default_mail_sender_address = None
    site_settings.save()

    sender = mail_sender(channel_USD.pk, settings=LoyaltySettings())

    assert (sender.from_name, sender.from_address) == ("The shop", "shop@example.com")


@pytest.mark.usefixtures("program", "site_settings")
def test_a_thank_you_goes_out_in_the_orders_language(paid_order):
    paid_order.language_code = "nb"
    paid_order.save()
    paid_order.user.first_name = "Ingrid"
    paid_order.user.save()

    sweep_orders_task()

    (sent,) = mail.outbox
    assert sent.subject == "Velkommen, Ingrid, og takk for din første bestilling!"
    assert sent.to == [paid_order.user.email]
    assert "Dette kjøpte du" in sent.body
    assert EmailMessage.objects.get().status == "sent"


@pytest.mark.usefixtures("paid_order", "site_settings")
def test_mails_can_be_kept_in_the_queue(program, plugin_on):
    plugin_on.configuration = [{"name": "send_emails", "value": False}]
    plugin_on.save()

    sweep_orders_task()
    send_due_emails_task()

    assert mail.outbox == []
    assert EmailMessage.objects.get().status == "queued"


@pytest.mark.usefixtures("paid_order", "site_settings", "program")
def test_switched_off_mails_stay_in_the_queue(plugin_on):
    plugin_on.configuration = [{"name": "send_emails", "value": False}]
    plugin_on.save()
    sweep_orders_task()
    plugin_on.configuration = []
    plugin_on.active = False
    plugin_on.save()

    send_due_emails_task()

    assert mail.outbox == []
