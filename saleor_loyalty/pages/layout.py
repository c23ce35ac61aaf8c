"""What all pages have in common: their frame, their looks, and what a browser must not do."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.template import Context
from django.utils import translation
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import mark_safe

from saleor_loyalty.emails.palette import palette_of
from saleor_loyalty.emails.rendering import ShopIdentity, make_engine
from saleor_loyalty.flows.mail_approval import FindPeople, LinkMaker

ROOM = Path(__file__).parent
ENGINE = make_engine(ROOM / "templates")
STYLE = ENGINE.from_string((ROOM / "pages.css").read_text(encoding="utf-8"))
METHODS = ("GET", "HEAD", "POST")
_HOST = re.compile(r"[a-z0-9.\-]+(:[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request for a page: the token in its address, what was sent, and the browser's languages."""

    token: str
    now: datetime
    method: str = "GET"
    form: MultiValueDict[str, str] = field(default_factory=MultiValueDict)
    accept_language: str = ""


@dataclass(frozen=True, kw_only=True)
class Shopfront:
    """What pages need of the shop: how it looks, who its customers are, and where pages are."""

    identity: ShopIdentity
    find_people: FindPeople
    links: LinkMaker


@dataclass(frozen=True, kw_only=True)
class Page:
    """The answer to a visit."""

    status: int
    html: str
    headers: Mapping[str, str]


def render_page(
    template: str,
    *,
    front: Shopfront,
    language: str,
    status: int = 200,
    **values: Any,
) -> Page:
    """Render a page in a language of our catalogues, with headers that keep its address secret."""
    shop = front.identity
    style = STYLE.render(Context({"palette": palette_of(shop.accent_color)}))
    with translation.override(language):
        html = ENGINE.get_template(template).render(
            Context(
                {
                    **values,
                    "shop": shop,
                    "language": language,
                    "style": mark_safe(style),  # noqa: S308 -- ours, with colours as #rrggbb
                }
            )
        )
    return Page(status=status, html=html, headers=_headers(style, shop=shop, status=status))


def _headers(style: str, *, shop: ShopIdentity, status: int) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        f"img-src {_origin(shop.logo_url) or "'none'"}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(policy),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex",
    }
    return headers | ({"Allow": ", ".join(METHODS)} if status == 405 else {})  # noqa: PLR2004 -- HTTP


def _origin(url: str) -> str:
    """Return the scheme and host of an address, as a source of pictures; empty if it has none."""
    parts = urlsplit(url)
    is_web = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
    return f"{parts.scheme}://{parts.netloc}" if is_web else ""
