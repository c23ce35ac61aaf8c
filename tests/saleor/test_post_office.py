"""What delivering mails takes from Saleor: people, pictures, pages, and the way to the shop's tool."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.contrib.sites.models import Site
from saleor.product.models import ProductMedia

from saleor_loyalty.emails.links import LinkPurpose, MemberLink, read
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind, Transport
from saleor_loyalty.mailings.operations import change_kind
from saleor_loyalty.mailings.rules import KindTerms
from saleor_loyalty.plugin.tasks import send_due_emails_task, sweep_orders_task
from saleor_loyalty.shop.post_office import find_people, link_maker, pictures_of, post_office
from saleor_loyalty.shop.settings import LoyaltySettings, settings_from
from tests.factories import NOW


def test_active_customers_are_found_with_names_and_languages(customer_user, staff_user):
    customer_user.first_name, customer_user.language_code = "Ada", "hr"
    customer_user.save()
    staff_user.is_active = False
    staff_user.save()

    found = find_people({customer_user.pk, staff_user.pk, 999_999})

    assert set(found) == {customer_user.pk}
    person = found[customer_user.pk]
    assert (person.email, person.first_name) == (customer_user.email, "Ada")
    assert person.language_code == "hr"


def test_links_lead_to_the_plugins_pages_or_to_the_storefronts(site_settings):
    link = MemberLink(7, EmailKind.WIN_BACK)
    ours = link_maker(LoyaltySettings())
    theirs = link_maker(LoyaltySettings(preferences_url="https://s.example/mails?token="))

    url = ours.preferences(link)
    domain = Site.objects.get_current().domain
    assert f"://{domain}/plugins/saleor.loyalty/preferences/" in url
    assert read(url.rsplit("/", 1)[1], purpose=LinkPurpose.PREFERENCES) == link
    assert theirs.preferences(link).startswith("https://s.example/mails?token=7.win_back~")
    assert "/plugins/saleor.loyalty/unsubscribe/" in theirs.unsubscribe(link)


def test_products_have_their_first_picture(
    product_with_image, product, django_assert_num_queries, site_settings
):
    first = product_with_image.media.get()
    ProductMedia.objects.create(product=product_with_image, image=first.image, sort_order=99)
    ids = [str(product_with_image.pk), str(product.pk), "none", ""]

    with django_assert_num_queries(2):
        found = pictures_of(ids)

    assert set(found) == {str(product_with_image.pk)}
    url = found[str(product_with_image.pk)]
    assert url.startswith("http")
    assert "/thumbnail/" in url
    assert url.endswith("/128/")


class Tool(BaseHTTPRequestHandler):
    """A real HTTP server that keeps what is posted to it."""

    got: list = []
    status = 200

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Tool.got.append((self.path, dict(self.headers), body))
        self.send_response(Tool.status)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def tool():
    """The address of a running mailing tool of the shop's own."""
    Tool.got, Tool.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), Tool)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/events"
    server.shutdown()
    thread.join()


@pytest.mark.usefixtures("paid_order", "site_settings")
def test_a_kind_that_leaves_as_an_event_is_posted_to_the_shops_tool(program, plugin_on, tool):
    change_kind(
        program_id=program.pk,
        kind=EmailKind.THANK_YOU_FIRST,
        terms=KindTerms(is_on=True, transport=Transport.EVENT),
        now=NOW,
    )
    plugin_on.configuration = [
        {"name": "event_url", "value": tool},
        {"name": "event_secret", "value": "s3cret"},
    ]
    plugin_on.save()
    Tool.status = 503

    sweep_orders_task()
    send_due_emails_task()
    assert EmailMessage.objects.get().status == "queued"
    Tool.status = 200
    EmailMessage.objects.update(due_at=NOW)
    send_due_emails_task()

    path, headers, body = Tool.got[-1]
    assert len(Tool.got) == 2
    assert path == "/events"
    assert headers["Loyalty-Signature"].startswith("t=")
    assert json.loads(body)["kind"] == "thank_you_first"
    assert EmailMessage.objects.get().status == "sent"


def test_the_rate_comes_from_the_settings():
    settings = settings_from([{"name": "emails_per_minute", "value": "60"}])

    assert post_office(settings).a_minute == 60
    assert post_office(LoyaltySettings()).a_minute is None
