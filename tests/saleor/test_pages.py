"""The pages behind Saleor's URL for plugins, for people who come from a mail."""

import logging
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from freezegun import freeze_time
from saleor.plugins.models import PluginConfiguration

from saleor_loyalty.emails.links import LinkPurpose, MemberLink, sign
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.mailings.models import Consent, MemberPreferences, PersonalDay
from saleor_loyalty.mailings.operations import (
    DayInput,
    PreferenceChanges,
    change_preferences,
    set_personal_days,
)
from saleor_loyalty.mailings.rules import ConsentSource, DayKind
from saleor_loyalty.shop.post_office import link_maker
from saleor_loyalty.shop.settings import LoyaltySettings, load_settings
from tests.pages.conftest import Form, tables, words_of
from tests.saleor.shopping import give

PURPOSES = [LinkPurpose.PREFERENCES, LinkPurpose.UNSUBSCRIBE]

pytestmark = pytest.mark.usefixtures("site_settings")


@pytest.fixture
def browser():
    """A browser that would be refused where a token against forgery is asked for."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def member(program, customer_user):
    """A customer who agreed to marketing."""
    member = give(program, customer_user, 0)
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(accepts_marketing=True),
        source=ConsentSource.STOREFRONT,
        now=timezone.now() - timedelta(days=30),
    )
    return member


def path_of(member, purpose):
    token = sign(MemberLink(member.pk, EmailKind.BIRTHDAY), purpose=purpose)
    return f"/plugins/saleor.loyalty/{purpose.value}/{token}"


def configure(plugin_on, **values):
    plugin_on.configuration = [{"name": name, "value": value} for name, value in values.items()]
    plugin_on.save()


def is_stopped(member):
    return not MemberPreferences.objects.get(pk=member.pk).accepts_marketing


class Seen:
    """An answer of Saleor's, as the engine's tests know pages."""

    def __init__(self, response):
        self.html = response.content.decode()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_links_of_mails_lead_to_the_pages(browser, member, purpose):
    links, link = link_maker(LoyaltySettings()), MemberLink(member.pk)
    address = getattr(links, purpose.value)(link)

    response = browser.get(address.partition("//")[2].partition("/")[2].join(["/", ""]))

    assert response.status_code == 200
    assert "t***@example.com" in response.content.decode()


BODIES = [
    {"data": {"List-Unsubscribe": "One-Click"}},
    {
        "data": "List-Unsubscribe=One-Click",
        "content_type": "application/x-www-form-urlencoded",
    },
    {"data": b"", "content_type": ""},
    {"data": b"", "content_type": "application/x-www-form-urlencoded"},
    {"data": b"List-Unsubscribe=One-Click", "content_type": "text/plain"},
    {"data": b'{"List-Unsubscribe": "One-Click"}', "content_type": "application/json"},
    {"data": b"{", "content_type": "application/json"},
    {"data": b"\xff\xfe\x00", "content_type": "application/octet-stream"},
    {"data": b"nonsense", "content_type": "multipart/form-data"},
    {"data": b"nonsense", "content_type": "multipart/form-data; boundary=x"},
    {"data": b"a=1", "content_type": "application/x-www-form-urlencoded; charset=latin-1"},
    {"data": b"&".join([b"a=1"] * 5000), "content_type": "application/x-www-form-urlencoded"},
    {"data": b"a=" + b"x" * 3_000_000, "content_type": "application/x-www-form-urlencoded"},
    {"data": b"%00%ff=%zz", "content_type": "application/x-www-form-urlencoded"},
]


@pytest.mark.parametrize("body", BODIES)
def test_one_post_stops_marketing_whatever_its_body(browser, member, body):
    response = browser.post(path_of(member, LinkPurpose.UNSUBSCRIBE), **body)

    assert response.status_code == 200
    assert "These messages are stopped" in words_of(Seen(response))
    assert is_stopped(member)
    assert Consent.objects.first().source == "one_click"


@pytest.mark.parametrize("body", BODIES)
def test_what_is_no_form_changes_no_preferences(browser, member, body):
    before = tables()

    response = browser.post(path_of(member, LinkPurpose.PREFERENCES), **body)

    assert response.status_code == 400
    assert tables() == before


@pytest.mark.parametrize("purpose", PURPOSES)
def test_scanners_that_open_links_change_nothing(browser, member, purpose):
    before = tables()

    got = browser.get(path_of(member, purpose))
    head = browser.head(path_of(member, purpose))

    assert (got.status_code, head.status_code) == (200, 200)
    assert head.content == b""
    assert tables() == before
    assert not got.cookies


def test_pages_go_by_the_shops_name_and_looks(browser, member, plugin_on, site_settings):
    configure(plugin_on, postal_address="Kaffegata 7\n0555 Oslo", accent_color="#ffee00")

    html = browser.get(path_of(member, LinkPurpose.PREFERENCES)).content.decode()

    assert f"<title>Choose which messages you get – {site_settings.site.name}</title>" in html
    assert "Kaffegata 7<br>0555 Oslo" in html
    assert "#ffee00" in html


def test_choices_are_saved_and_come_back_in_the_language_chosen(browser, member):
    path = path_of(member, LinkPurpose.PREFERENCES)
    form = Form(browser.get(path).content.decode())

    response = browser.post(path, form.sent(without=[("marketing", "on")], language="nb").dict())

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<html lang="nb">' in response.content.decode()
    assert is_stopped(member)
    assert MemberPreferences.objects.get().language_code == "nb"


def test_the_accounts_language_counts_until_another_is_chosen(browser, member, customer_user):
    customer_user.language_code = "hr"
    customer_user.save()

    html = browser.get(path_of(member, LinkPurpose.UNSUBSCRIBE)).content.decode()

    assert '<html lang="hr">' in html


def test_stopping_leads_on_to_the_storefronts_own_page(browser, member, plugin_on):
    configure(plugin_on, preferences_url="https://shop.example/messages?token=")

    response = browser.post(path_of(member, LinkPurpose.UNSUBSCRIBE))

    assert 'href="https://shop.example/messages?token=' in response.content.decode()


def test_pages_are_not_kept_found_framed_or_told_of(browser, member):
    for path in (path_of(member, LinkPurpose.PREFERENCES), "/plugins/saleor.loyalty/preferences/x"):
        headers = browser.get(path).headers

        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; style-src 'sha256-"
        )


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize(
    "spoil",
    [lambda path: path[:-1], lambda path: path + "x/y", lambda path: path.rpartition("/")[0]],
)
def test_forged_and_cut_links_lead_nowhere(browser, member, purpose, spoil):
    before = tables()

    for method in (browser.get, browser.post):
        response = method(spoil(path_of(member, purpose)))

        assert response.status_code == 404
        assert "This link does not work" in response.content.decode()
    assert tables() == before


def test_an_old_link_says_what_to_do(browser, member):
    with freeze_time(timezone.now() - timedelta(days=366)):
        path = path_of(member, LinkPurpose.PREFERENCES)

    response = browser.get(path, headers={"Accept-Language": "hr"})

    assert response.status_code == 410
    assert '<html lang="hr">' in response.content.decode()


def test_other_methods_are_refused(browser, member):
    response = browser.put(path_of(member, LinkPurpose.UNSUBSCRIBE))

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, POST"
    assert not is_stopped(member)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_deleted_account_left_nothing(browser, member, customer_user, purpose):
    customer_user.delete()
    before = tables()

    for method in (browser.get, browser.post):
        response = method(path_of(member, purpose))

        assert response.status_code == 200
        assert "This account was deleted." in response.content.decode()
    assert tables() == before


def test_the_link_of_a_merged_member_stops_the_other_one(browser, member, program, staff_user):
    into = give(program, staff_user, 0)
    merge_members(member_id=member.pk, into_id=into.pk, actor="", now=timezone.now())

    browser.post(path_of(member, LinkPurpose.UNSUBSCRIBE))

    assert is_stopped(into)
    assert Consent.objects.first().member_id == into.pk


@pytest.mark.parametrize("purpose", PURPOSES)
def test_nothing_is_there_while_the_plugin_is_off(browser, member, purpose):
    PluginConfiguration.objects.update(active=False)
    assert load_settings() is None
    before = tables()

    for method in (browser.get, browser.head, browser.post):
        response = method(path_of(member, purpose))

        assert response.status_code == 404
        assert response.content == b""
    assert tables() == before


def test_names_of_days_and_addresses_are_text(browser, member, customer_user):
    evil = "<img src=x onerror=alert(1)>"
    day = DayInput(kind=DayKind.OTHER, name="Mia", month=6, day=14)
    set_personal_days(member_id=member.pk, days=[day], now=timezone.now())
    PersonalDay.objects.update(name=evil)  # the front door would refuse it
    customer_user.email = f"{evil}@example.com"
    customer_user.save()

    html = browser.get(path_of(member, LinkPurpose.PREFERENCES)).content.decode()

    assert PersonalDay.objects.get().name == evil
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


@pytest.mark.parametrize("purpose", PURPOSES)
def test_no_token_gets_into_the_log(browser, member, purpose, caplog):
    path = path_of(member, purpose)
    with freeze_time(timezone.now() - timedelta(days=366)):
        old = path_of(member, purpose)

    requests = logging.getLogger("django.request")
    requests.addHandler(caplog.handler)

    with caplog.at_level(logging.INFO), caplog.at_level(logging.INFO, "django.request"):
        browser.get("/nowhere")
        for one in (path, old, path + "x"):
            browser.get(one)
            browser.post(one)
            browser.put(one)

    requests.removeHandler(caplog.handler)
    assert "/nowhere" in caplog.text
    for one in (path, old):
        assert one.rpartition("/")[2] not in caplog.text
