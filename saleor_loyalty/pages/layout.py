"""What all pages have in common: their frame, their looks, and what a browser must not do."""

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.template import Context
from django.utils import translation
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import mark_safe

from saleor_loyalty.emails.envelopes import MailSender
from saleor_loyalty.emails.palette import palette_of
from saleor_loyalty.emails.rendering import ShopIdentity, make_engine
from saleor_loyalty.events.rules import MAX_GUESTS
from saleor_loyalty.flows.event_guests import OrderPlaces, no_places
from saleor_loyalty.flows.mail_approval import FindPeople, LinkMaker

ROOM = Path(__file__).parent
ENGINE = make_engine(ROOM / "templates")
STYLE = ENGINE.from_string((ROOM / "pages.css").read_text(encoding="utf-8"))
METHODS = ("GET", "HEAD", "POST")
SECRET = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_HOST = re.compile(r"[a-z0-9.\-]+(:[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request for a page: what is in its address, what was sent, and what the browser tells."""

    token: str
    now: datetime
    method: str = "GET"
    form: MultiValueDict[str, str] = field(default_factory=MultiValueDict)
    query: MultiValueDict[str, str] = field(default_factory=MultiValueDict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    accept_language: str = ""


# Returns the member that the account with an address is in a programme (by id), or None.
FindMember = Callable[[str, int], int | None]


def no_member(email: str, program_id: int) -> None:
    """Know no member: for where nobody is looked for."""


@dataclass(frozen=True, kw_only=True)
class Shopfront:
    """What pages need of the shop: how it looks, who its customers are, and where pages are.

    `find_sender`: as whom it sends mails, for calendars (None: no files for them).
    """

    identity: ShopIdentity
    find_people: FindPeople
    links: LinkMaker
    places: OrderPlaces = no_places
    find_member: FindMember = no_member
    find_sender: Callable[[], MailSender] | None = None


@dataclass(frozen=True, kw_only=True)
class Cookie:
    """What a browser is to bring back to our pages, and to no script, until `expires_at`."""

    name: str
    value: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Page:
    """The answer to a visit: a page, or a file."""

    status: int
    headers: Mapping[str, str]
    html: str = ""
    file: bytes = b""
    cookie: Cookie | None = None

    @property
    def body(self) -> str | bytes:
        """What is sent."""
        return self.file or self.html


def render_page(
    template: str,
    *,
    front: Shopfront,
    language: str,
    status: int = 200,
    pictures: Collection[str] = (),
    script: str = "",
    cookie: Cookie | None = None,
    **values: Any,
) -> Page:
    """Render a page in a language of our catalogues, with headers that keep its address secret.

    `pictures` are addresses that it may load, beside the shop's logo; `script` is the one that it may run, with the camera.
    """
    shop = front.identity
    style = STYLE.render(
        Context({"palette": palette_of(shop.accent_color), "counts": range(MAX_GUESTS + 1)})
    )
    with translation.override(language):
        html = ENGINE.get_template(template).render(
            Context(
                {
                    **values,
                    "shop": shop,
                    "language": language,
                    "style": mark_safe(style),  # noqa: S308 -- ours, with colours as #rrggbb
                    "script": mark_safe(script),  # noqa: S308 -- ours, as it is
                }
            )
        )
    headers = _headers(style, pictures=(shop.logo_url, *pictures), script=script, status=status)
    return Page(status=status, html=html, headers=headers, cookie=cookie)


def make_file(content: bytes, *, content_type: str, name: str, keep_seconds: int = 0) -> Page:
    """Return a file that only the browser which asked for it may keep, for so long."""
    headers = SECRET | {
        "Content-Type": content_type,
        "Content-Disposition": f'inline; filename="{name}"',
        "Cache-Control": f"private, max-age={keep_seconds}" if keep_seconds else "no-store",
        "Content-Security-Policy": "default-src 'none'",
    }
    return Page(status=200, file=content, headers=headers)


def _headers(style: str, *, pictures: Collection[str], script: str, status: int) -> dict[str, str]:
    origins = sorted({origin for url in pictures if (origin := _origin(url))})
    policy = (
        "default-src 'none'",
        f"style-src {_hash(style)}",
        f"img-src {' '.join(origins) or "'none'"}",
        *([f"script-src {_hash(script)}"] if script else []),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    headers = SECRET | {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(policy),
        "X-Frame-Options": "DENY",
    }
    if script:
        headers["Permissions-Policy"] = "camera=(self)"
    return headers | ({"Allow": ", ".join(METHODS)} if status == 405 else {})  # noqa: PLR2004 -- HTTP


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _origin(url: str) -> str:
    """Return the scheme and host of an address, as a source of pictures; empty if it has none."""
    parts = urlsplit(url)
    is_web = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
    return f"{parts.scheme}://{parts.netloc}" if is_web else ""
