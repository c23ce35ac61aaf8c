"""How fast mails are rendered, against the bare MJML compile of the same mails."""

import time

from mjml import mjml2html

from saleor_loyalty.emails import rendering
from saleor_loyalty.emails.rendering import ShopIdentity, render
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.samples import SAMPLES

ROUNDS = 15
SHOP = ShopIdentity(name="Aurora Coffee", url="https://aurora.example/")
LANGUAGES = ("en", "hr", "nb")


def rendering_mails() -> float:
    """Return mails rendered a second, relative to MJML documents compiled a second.

    All kinds in all languages: subject, words, plain text and HTML on one side, and on the other the
    compile of the very same documents.
    """
    documents = []

    def remember(document: str) -> str:
        documents.append(document)
        return mjml2html(document)

    rendering.mjml2html = remember
    try:
        render_all()
    finally:
        rendering.mjml2html = mjml2html
    rendered, compiled = [], []
    for _ in range(ROUNDS):
        rendered.append(timed(render_all))
        compiled.append(timed(lambda: [mjml2html(document) for document in documents]))
    a_second = len(documents) / min(rendered)
    print(f"   {a_second:.0f} mails a second", flush=True)
    return min(compiled) / min(rendered)


def render_all() -> None:
    """Render every kind in every language once."""
    for kind in EmailKind:
        for language in LANGUAGES:
            render(
                kind=kind,
                language_code=language,
                facts=SAMPLES[kind],
                shop=SHOP,
                preferences_url="https://aurora.example/p",
            )


def timed(work) -> float:
    """Return how many seconds something took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
