"""Mails over HTTP and SMTP: thanked, asked what they want, stopped by a link, found in the log."""

import json
import re
from html.parser import HTMLParser
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from dev import journey
from dev.journey import until
from tests.journeys.test_main_job import PASSWORD, buy, thank_yous

LOG = """query($search: String!) { loyaltyEmails(first: 20, search: $search) {
  edges { node { id kind status why recipient subject attempts error } } } }"""


class Form(HTMLParser):
    """What a browser would send of a page's form, as it was opened."""

    def __init__(self, html):
        super().__init__()
        self.fields = []
        self.select = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "select":
            self.select = found["name"]
        elif tag == "option" and "selected" in found:
            self.fields.append((self.select, found["value"]))
        elif tag == "input" and (found["type"] != "checkbox" or "checked" in found):
            self.fields.append((found["name"], found.get("value", "on")))

    def without(self, name, value):
        return [field for field in self.fields if field != (name, value)]


@pytest.fixture
def shopper(shop):
    """A shopper of this test's own: address and token."""
    address = f"mary-{uuid4()}@example.com"
    return address, journey.register(shop, address=address, password=PASSWORD, first_name="Mary")


def open_page(shop, url, *, body=None, method=None):
    """Open an address of a mail on the shop, wherever it says that it lives: status, html, headers."""
    parts = urlsplit(url)
    data = None if body is None else urlencode(body).encode()
    request = Request(f"{shop.url}{parts.path}", data, method=method)
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except HTTPError as error:
        return error.code, error.read().decode(), error.headers


def link_in(mail, word):
    text = mail.get_body(("plain",)).get_content()
    return re.search(rf"https?://\S*/{word}/\S+", text).group()


def log_of(shop, address):
    edges = shop.ask(LOG, {"search": address}, shop.admin)["loyaltyEmails"]["edges"]
    return [edge["node"] for edge in edges]


def test_a_member_stops_a_kind_by_the_link_in_a_mail_and_the_log_says_why(shop, shopper):
    address, token = shopper
    buy(shop, address, token)
    (mail,) = until(lambda: thank_yous(shop, address))
    url = link_in(mail, "preferences")

    status, html, headers = open_page(shop, url)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert address not in html
    fields = Form(html)
    wanted = fields.without("kind", "thank_you")
    assert len(wanted) == len(fields.fields) - 1
    status, html, _ = open_page(shop, url, body=wanted)
    assert status == 200
    assert "Saved" in html

    buy(shop, address, token)
    node = until(lambda: next((one for one in log_of(shop, address) if one["why"]), None))
    assert (node["kind"], node["status"], node["why"]) == ("THANK_YOU", "SUPPRESSED", "OPTED_OUT")
    assert len(thank_yous(shop, address)) == 1


def test_marketing_is_stopped_by_one_post_and_by_no_look_at_its_link(shop, shopper, database):
    address, token = shopper
    buy(shop, address, token)
    until(lambda: thank_yous(shop, address))
    channel = journey.channel(shop)["slug"]
    shop.ask(
        """mutation($channel: String!) { loyaltyPreferencesUpdate(
          channel: $channel, input: {acceptsMarketing: true}) { errors { code message } } }""",
        {"channel": channel},
        token,
    )
    switch_on(shop, channel, kind="BIRTHDAY")
    # As if she had followed the link that confirms her address: marketing goes to nobody else.
    database.execute("UPDATE account_user SET is_confirmed = true WHERE email = %s", [address])
    database.execute(
        """
        INSERT INTO saleor_loyalty_emailmessage (key, kind, program_id, member_id, order_id,
          channel_id, recipient, language_code, facts, subject, transport, status, why, attempts,
          error, created_at, priority, due_at)
        SELECT 'journey:' || member_id, 'birthday', program_id, member_id, '', channel_id, '', '',
          facts, '', 'email', 'queued', '', 0, '', now(), 1, now()
        FROM saleor_loyalty_emailmessage WHERE recipient = %s LIMIT 1
        """,
        [address],
    )
    node = until(
        lambda: next((one for one in log_of(shop, address) if is_greeting_done(one)), None),
        within=90,
        what="the greeting",
    )
    assert (node["status"], node["why"]) == ("SENT", None)
    mail = thank_yous(shop, address)[-1]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = mail["List-Unsubscribe"].strip().strip("<>")

    for method in ("GET", "HEAD"):
        assert open_page(shop, url, method=method)[0] == 200
        assert accepts_marketing(shop, token, channel)
    status, _, _ = open_page(shop, url, body={"List-Unsubscribe": "One-Click"})

    assert status == 200
    assert not accepts_marketing(shop, token, channel)


def is_greeting_done(node):
    return node["kind"] == "BIRTHDAY" and node["status"] not in ("QUEUED", "SENDING")


def switch_on(shop, channel, *, kind):
    """Switch a kind on, at any hour of the day."""
    program = shop.ask(
        "query($channel: String!) { loyaltyProgram(channel: $channel) { id } }",
        {"channel": channel},
    )["loyaltyProgram"]["id"]
    shop.ask(
        """mutation($program: ID!, $kind: LoyaltyEmailKindEnum!) {
          loyaltyEmailSettingUpdate(program: $program, kind: $kind, input: {isOn: true}) {
            errors { code message } }
          loyaltyMailingUpdate(program: $program, input: {quietFrom: 0, quietUntil: 0}) {
            errors { code message } } }""",
        {"program": program, "kind": kind},
        shop.admin,
    )


def accepts_marketing(shop, token, channel):
    answer = shop.ask(
        """query($channel: String!) { me { loyalty(channel: $channel) {
          preferences { acceptsMarketing } } } }""",
        {"channel": channel},
        token,
    )
    return answer["me"]["loyalty"]["preferences"]["acceptsMarketing"]


def test_staff_find_a_mail_write_their_own_words_and_send_it_again(shop, shopper):
    address, token = shopper
    buy(shop, address, token)
    (first,) = until(lambda: thank_yous(shop, address))
    (node,) = log_of(shop, address)
    assert (node["status"], node["subject"]) == ("SENT", str(first["Subject"]).strip())
    write = """mutation($subject: String!) { loyaltyEmailTextsUpdate(kind: THANK_YOU_FIRST,
      languageCode: EN, input: {subject: $subject}) { errors { field code message } } }"""
    broken = shop.answer(write, {"subject": "Hi {{ settings.SECRET_KEY }}"}, shop.admin)
    assert broken["data"]["loyaltyEmailTextsUpdate"]["errors"][0]["field"] == "subject"
    shop.ask(write, {"subject": "Ahoy[, {first_name}]!"}, shop.admin)

    shop.ask(
        """mutation($id: ID!) { loyaltyEmailSendAgain(id: $id) {
          email { status } errors { code message } } }""",
        {"id": node["id"]},
        shop.admin,
    )
    mails = until(
        lambda: found if len(found := thank_yous(shop, address)) == 2 else None,
        what="the second mail",
    )
    shop.ask(
        """mutation { loyaltyEmailTextsReset(kind: THANK_YOU_FIRST, languageCode: EN) {
          errors { code message } } }""",
        {},
        shop.admin,
    )

    assert mails[1]["Subject"] == "Ahoy, Mary!"
    assert mails[0]["Message-ID"] != mails[1]["Message-ID"]


def test_a_forged_link_opens_nothing(shop):
    for path in ("preferences/1.thank_you~x~y", "unsubscribe/1.win_back~x~y", "unsubscribe/"):
        url = f"{shop.url}/plugins/saleor.loyalty/{path}"
        assert open_page(shop, url)[0] == 404
        assert open_page(shop, url, body={"x": "y"})[0] == 404
    assert json.dumps(log_of(shop, "nobody@")) == "[]"
