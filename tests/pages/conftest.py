import re
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
from tests.factories import NOW, make_member, make_program, make_user


class Form(HTMLParser):
    """A page as a browser has it: its words, and what its first form sends when it is sent as is."""

    def __init__(self, html):
        super().__init__()
        self.fields, self.words, self.tags = [], [], []
        self.select = None
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.hidden += tag == "style"
        kind = attrs.get("type")
        if tag == "select":
            self.select = attrs["name"]
        if tag == "option" and "selected" in attrs:
            self.fields.append((self.select, attrs["value"]))
        if tag == "input" and (kind != "checkbox" or "checked" in attrs):
            self.fields.append((attrs["name"], attrs.get("value", "on")))

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
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


def token_of(member, purpose):
    return sign(MemberLink(member.pk, EmailKind.BIRTHDAY), purpose=purpose)


def words_of(page):
    return re.sub(r"\s+([.,:?])", r"\1", str(Form(page.html)))


def tables():
    """All that our tables hold."""
    models = apps.get_app_config("saleor_loyalty").get_models()
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
