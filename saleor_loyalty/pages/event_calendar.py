"""A guest's event as a file for their calendar: the same entry as that of their mails."""

from django.utils import translation

from saleor_loyalty.emails.calendars import (
    CalendarEntry,
    Method,
    PartStat,
    Party,
    write_calendar,
)
from saleor_loyalty.emails.formats import first_name_of
from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.pages.event_words import card_of
from saleor_loyalty.pages.layout import Page, Shopfront, Visit, make_file
from saleor_loyalty.pages.stances import has_seats, stance_of
from saleor_loyalty.pages.ticket import show_ticket
from saleor_loyalty.pages.visitors import Guest, receive_guest


def calendar_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer with an event for the calendar of who comes; others see that they have no ticket."""
    return receive_guest(
        visit,
        purpose=LinkPurpose.TICKET,
        front=front,
        answer=lambda guest: _answer(visit, guest, front=front),
    )


def _answer(visit: Visit, guest: Guest, *, front: Shopfront) -> Page:
    is_coming = has_seats(guest.invitation, stance_of(guest.invitation, now=visit.now))
    person = guest.visitor.person
    if not is_coming or person is None or front.find_sender is None:
        return show_ticket(visit, guest, front=front)
    invitation, event, sender = guest.invitation, guest.invitation.event, front.find_sender()
    with translation.override(guest.visitor.language):
        card = card_of(event, languages=guest.visitor.languages)
    entry = CalendarEntry(
        uid=str(event.uid),
        sequence=invitation.calendar_sequence,
        method=Method.REQUEST,
        stamped_at=invitation.answered_at or invitation.invited_at,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        time_zone=event.time_zone,
        title=card.title.text,
        story=card.story.text,
        place=card.place.text,
        place_url=event.place_url,
        url=front.links.event(invitation.pk, LinkPurpose.TICKET),
        organizer=Party(address=sender.from_address, name=sender.shop.name or sender.from_name),
        attendee=Party(address=person.email, name=first_name_of(person.first_name)),
        partstat=PartStat.ACCEPTED,
    )
    content_type = f'text/calendar; method={Method.REQUEST.value}; charset="utf-8"'
    return make_file(write_calendar(entry).encode(), content_type=content_type, name="event.ics")
