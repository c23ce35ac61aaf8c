"""Mails as tests make and read them."""

from html.parser import HTMLParser

from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.rendering import ShopIdentity, render
from saleor_loyalty.emails.rules import EmailKind, Purpose, purpose_of
from saleor_loyalty.emails.samples import SAMPLES, sparse

LANGUAGES = ("en", "nb", "hr")
SHOP = ShopIdentity(
    name="Aurora Coffee",
    url="https://aurora.example/",
    postal_address="Storgata 1\n0155 Oslo",
)


class Page(HTMLParser):
    """What a reader of an HTML page sees and hears."""

    def __init__(self, html):
        super().__init__()
        self.words = []
        self.hidden = 0
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "title")
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "title")

    def handle_data(self, data):
        if not self.hidden:
            self.words += data.split()

    def __str__(self):
        return " ".join(self.words)

    def all(self, tag):
        """The attributes of all elements of a kind, in order."""
        return [attributes for name, attributes in self.tags if name == tag]


def mail(kind=EmailKind.THANK_YOU, language="en", *, shop=SHOP, own=None, pictures=None, **facts):
    """A sample mail, with other facts."""
    return render(
        kind=kind,
        language_code=language,
        facts={**SAMPLES[kind], **facts},
        shop=shop,
        own=own,
        pictures=pictures,
        preferences_url="https://aurora.example/preferences/t",
        unsubscribe_url=(
            "https://aurora.example/stop/t" if purpose_of(kind) is Purpose.MARKETING else ""
        ),
    )


def sparse_mail(kind, language="en"):
    """A mail of which nothing is known that may be empty."""
    return mail(kind, language, **sparse(SAMPLES[kind], always=KINDS[kind].always))
