import re
from functools import partial
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.http import QueryDict

from saleor_loyalty.emails.links import LinkPurpose, MemberLink, sign
from saleor_loyalty.emails.rendering import ShopIdentity
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.mail_approval import LinkMaker, Person
from saleor_loyalty.pages.layout import Shopfront, Visit
from saleor_loyalty.pages.preferences import preferences_page
from saleor_loyalty.pages.unsubscribe import unsubscribe_page
from tests.events.parties import make_event
from tests.factories import NOW, make_member, make_program, make_user
from tests.pages.guests import go, invite


class Form(HTMLParser):
    """A page as a browser has it: its words, and what its first form sends when it is sent as is."""

    def __init__(self, html):
        super().__init__()
        self.fields, self.words, self.tags = [], [], []
        self.select = None
        self.hidden = self.text = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.hidden += tag in ("style", "script")
        kind = attrs.get("type")
        if tag == "select":
            self.select = attrs["name"]
        if tag == "option" and "selected" in attrs:
            self.fields.append((self.select, attrs["value"]))
        if tag == "textarea":
            self.fields.append((attrs["name"], ""))
            self.text = len(self.fields)
        if tag == "input" and (kind not in ("checkbox", "radio") or "checked" in attrs):
            self.fields.append((attrs["name"], attrs.get("value", "on")))

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script")
        if tag == "textarea":
            self.text = 0

    def handle_data(self, data):
        if self.text:
            name, text = self.fields[self.text - 1]
            self.fields[self.text - 1] = name, (text + data).removeprefix("\n")
        if not self.hidden:
            self.words += data.split()

    def __str__(self):
        return " ".join(self.words)

    def sent(self, *, without=(), **changes):
        """What is sent after a change of some fields; a list has several values, None is left out."""
        form = QueryDict(mutable=True)
        for name, value in self.fields:
            if name not in changes and (name, value) not in without:
                form.appendlist(name, value)
        for name, value in changes.items():
            form.setlist(name, value if isinstance(value, list) else [value])
        return form


@pytest.fixture
def user(db):
    return make_user()


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def member(program, user):
    return make_member(program, user=user)


@pytest.fixture
def people(user):
    """Who can be written to, by the id of their account."""
    return {user.pk: Person(email=user.email, first_name="Ada", language_code="en")}


@pytest.fixture
def front(people):
    """A shop whose customers are those in `people`."""
    return Shopfront(
        identity=ShopIdentity(name="Aurora Coffee", url="https://aurora.example/"),
        find_people=lambda ids: {pk: people[pk] for pk in ids if pk in people},
        links=LinkMaker(base="https://shop.example/plugins/saleor.loyalty/"),
    )


@pytest.fixture
def visit(front):
    """Visit one of the pages."""
    pages = {
        LinkPurpose.PREFERENCES: preferences_page,
        LinkPurpose.UNSUBSCRIBE: unsubscribe_page,
    }

    def visit(purpose, token, *, now=NOW, **values):
        return pages[purpose](Visit(token=token, now=now, **values), front=front)

    return visit


@pytest.fixture
def preferences(visit, member):
    """Visit the member's page of preferences; with a form, by POST."""
    token = token_of(member, LinkPurpose.PREFERENCES)

    def preferences(form=None, **values):
        sent = {} if form is None else {"method": "POST", "form": form}
        return visit(LinkPurpose.PREFERENCES, token, **sent, **values)

    return preferences


@pytest.fixture
def unsubscribe(visit, member):
    """Visit the member's link to unsubscribe; with a form, by POST."""
    token = token_of(member, LinkPurpose.UNSUBSCRIBE)

    def unsubscribe(form=None, **values):
        sent = {} if form is None else {"method": "POST", "form": QueryDict(form)}
        return visit(LinkPurpose.UNSUBSCRIBE, token, **sent, **values)

    return unsubscribe


@pytest.fixture
def event(program):
    """A tasting in two weeks for ten, with two guests a member."""
    return make_event(program)


@pytest.fixture
def invitation(member, event):
    """The member is invited to the event."""
    return invite(member, event)


@pytest.fixture
def accepting(front, invitation):
    """Visit the member's link that accepts; with a form, by POST."""
    return partial(go, front, LinkPurpose.ACCEPT, invitation)


@pytest.fixture
def declining(front, invitation):
    """Visit the member's link that declines; with a form, by POST."""
    return partial(go, front, LinkPurpose.DECLINE, invitation)


@pytest.fixture
def rsvp(accepting):
    """Accept by the form of the page, with some of its fields changed."""

    def rsvp(*, now=NOW, **changes):
        return accepting(form=Form(accepting(now=now).html).sent(**changes), now=now)

    return rsvp


def token_of(member, purpose):
    return sign(MemberLink(member.pk, EmailKind.BIRTHDAY), purpose=purpose)


def words_of(page):
    return re.sub(r"\s+([.,:?])", r"\1", str(Form(page.html)))


def tables():
    """All that our tables hold."""
    models = apps.get_app_config("saleor_loyalty").get_models()
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
