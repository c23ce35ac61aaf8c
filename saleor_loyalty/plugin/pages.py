"""Our pages under Saleor's URL for plugins: which there are, and how a request comes to one."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from saleor.core.db.connection import allow_writer

from saleor_loyalty.flows.mail_approval import TICKET_PICTURE
from saleor_loyalty.pages.door import door_page
from saleor_loyalty.pages.event_calendar import calendar_page
from saleor_loyalty.pages.feedback import feedback_page
from saleor_loyalty.pages.layout import Page, Visit
from saleor_loyalty.pages.preferences import preferences_page
from saleor_loyalty.pages.rsvp import accept_page, decline_page
from saleor_loyalty.pages.ticket import ticket_page, ticket_picture
from saleor_loyalty.pages.unsubscribe import unsubscribe_page
from saleor_loyalty.plugin.wake import wake_events
from saleor_loyalty.shop.settings import LoyaltySettings
from saleor_loyalty.shop.shopfront import shopfront

# By the first part of the path; the second is the token.
ROUTES: Mapping[str, Callable[..., Page]] = {
    "preferences": preferences_page,
    "unsubscribe": unsubscribe_page,
    "accept": accept_page,
    "decline": decline_page,
    "ticket": ticket_page,
    TICKET_PICTURE: ticket_picture,
    "calendar": calendar_page,
    "feedback": feedback_page,
    "door": door_page,
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
        query=request.GET,
        cookies=request.COOKIES,
        accept_language=request.headers.get("Accept-Language", ""),
    )
    with allow_writer():
        front = shopfront(settings)
        response = _response(page(visit, front=front), base=front.links.base)
    if visit.method == "POST":
        wake_events()
    return response


def _form(request: HttpRequest) -> MultiValueDict[str, str]:
    """Return what was sent; nothing where it cannot be read, since a stop needs no words."""
    try:
        return request.POST
    except UNREADABLE:
        return MultiValueDict()


def _response(page: Page, *, base: str) -> HttpResponse:
    response = HttpResponse(page.body, status=page.status, headers=dict(page.headers))
    if page.cookie is not None:
        response.set_cookie(
            page.cookie.name,
            page.cookie.value,
            expires=page.cookie.expires_at,
            path=urlsplit(base).path,
            secure=base.startswith("https:"),
            httponly=True,
            samesite="Lax",
        )
    response._has_been_logged = True  # noqa: SLF001 -- Django logs addresses of 4xx, with the token
    return response
