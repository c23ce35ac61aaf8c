"""Our pages under Saleor's URL for plugins: which there are, and how a request comes to one."""

from collections.abc import Callable, Mapping

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from saleor.core.db.connection import allow_writer

from saleor_loyalty.pages.layout import Page, Visit
from saleor_loyalty.pages.preferences import preferences_page
from saleor_loyalty.pages.unsubscribe import unsubscribe_page
from saleor_loyalty.shop.settings import LoyaltySettings
from saleor_loyalty.shop.shopfront import shopfront

# By the first part of the path; the second is the token.
ROUTES: Mapping[str, Callable[..., Page]] = {
    "preferences": preferences_page,
    "unsubscribe": unsubscribe_page,
}
UNREADABLE = (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError)


def answer(request: HttpRequest, path: str, *, settings: LoyaltySettings) -> HttpResponse | None:
    """Answer a request for one of our pages; None: there is no such page."""
    name, _, token = path.strip("/").partition("/")
    page = ROUTES.get(name)
    if page is None:
        return None
    visit = Visit(
        token=token,
        now=timezone.now(),
        method=request.method or "",
        form=_form(request),
        accept_language=request.headers.get("Accept-Language", ""),
    )
    with allow_writer():
        return _response(page(visit, front=shopfront(settings)))


def _form(request: HttpRequest) -> MultiValueDict[str, str]:
    """Return what was sent; nothing where it cannot be read, since a stop needs no words."""
    try:
        return request.POST
    except UNREADABLE:
        return MultiValueDict()


def _response(page: Page) -> HttpResponse:
    response = HttpResponse(page.html, status=page.status, headers=dict(page.headers))
    response._has_been_logged = True  # noqa: SLF001 -- Django logs addresses of 4xx, with the token
    return response
