"""A guest's ticket: the page, and the picture of its QR code for mails."""

from datetime import datetime
from io import BytesIO

import segno
from django.utils import translation
from django.utils.safestring import SafeString

from saleor_loyalty.emails.event_formats import in_fours
from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.rules import DOORS_OPEN_BEFORE, PlaceKind
from saleor_loyalty.pages.event_words import moment_of
from saleor_loyalty.pages.layout import Page, Shopfront, Visit, make_file, render_page
from saleor_loyalty.pages.rsvp import common
from saleor_loyalty.pages.visitors import Guest, receive_guest

DAY_SECONDS = 24 * 60 * 60
LEAST_PIXELS = 360
QUIET_ZONE = 4  # modules of light around it (ISO/IEC 18004)


def ticket_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer a visit of a ticket's link: the code that opens the door, or why there is none."""
    return receive_guest(
        visit,
        purpose=LinkPurpose.TICKET,
        front=front,
        answer=lambda guest: show_ticket(visit, guest, front=front),
    )


def ticket_picture(visit: Visit, *, front: Shopfront) -> Page:
    """Answer with the QR code of a ticket as a picture, which stays the same as long as there is one."""
    return receive_guest(
        visit,
        purpose=LinkPurpose.TICKET,
        front=front,
        answer=lambda guest: make_file(
            _png(guest.invitation, front=front),
            content_type="image/png",
            name="ticket.png",
            keep_seconds=DAY_SECONDS,
        ),
    )


def show_ticket(visit: Visit, guest: Guest, *, front: Shopfront) -> Page:
    """Show a guest's ticket, or that they have none."""
    invitation, event = guest.invitation, guest.invitation.event
    with translation.override(guest.visitor.language):
        told = common(guest, front=front, now=visit.now)
        came_at = invitation.checked_in_at
        return render_page(
            "ticket.html",
            front=front,
            language=guest.visitor.language,
            **told,
            is_over=visit.now >= event.ends_at,
            is_soon=_is_soon(event, now=visit.now),
            calendar_url=front.links.calendar(invitation.pk) if front.find_sender else "",
            code=in_fours(invitation.code),
            qr=_svg(invitation, front=front) if told["has_seat"] else "",
            name=guest.visitor.person.full_name if guest.visitor.person else "",
            came_at=moment_of(came_at, event) if came_at else "",
        )


def _is_soon(event: Event, *, now: datetime) -> bool:
    """Tell whether an event that is online can be opened, or soon."""
    is_linked = event.place_kind == PlaceKind.ONLINE.value and bool(event.place_url)
    return is_linked and event.starts_at - DOORS_OPEN_BEFORE <= now < event.ends_at


def _qr(invitation: Invitation, *, front: Shopfront) -> segno.QRCode:
    return segno.make_qr(front.links.door(invitation.code), error="m", boost_error=False)


def _svg(invitation: Invitation, *, front: Shopfront) -> SafeString:
    drawn = _qr(invitation, front=front).svg_inline(border=QUIET_ZONE, light="#fff", omitsize=True)
    return SafeString(drawn)  # made of squares


def _png(invitation: Invitation, *, front: Shopfront) -> bytes:
    code, picture = _qr(invitation, front=front), BytesIO()
    width, _ = code.symbol_size(border=QUIET_ZONE)
    code.save(picture, kind="png", border=QUIET_ZONE, scale=-(-LEAST_PIXELS // int(width)))
    return picture.getvalue()
