"""The page for staff at an event's door, and where a guest's code leads."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db.models import Q, Sum
from django.utils import translation

from saleor_loyalty.emails.event_formats import people
from saleor_loyalty.emails.links import LinkExpired, LinkInvalid, read_door
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.rules import Answer as Reply
from saleor_loyalty.events.rules import EventState
from saleor_loyalty.flows.check_in import NOTED_LATER_FOR, Door, door_of, read_code
from saleor_loyalty.flows.event_guests import tiers_in_force
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.pages.door_form import Answer, act
from saleor_loyalty.pages.event_words import card_of, moment_of, time_of
from saleor_loyalty.pages.layout import METHODS, ROOM, Cookie, Page, Shopfront, Visit, render_page
from saleor_loyalty.pages.visitors import language_of_browser

SCRIPT = (ROOM / "door.js").read_text(encoding="utf-8")
COOKIE = "loyalty_door_"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A guest as the door shows them."""

    code: str
    name: str
    tier: str
    seats: int
    came_seats: int
    since: str
    guests: str
    dietary: str
    access: str
    reply: str


def door_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer a visit of an event's door: staff's, by its token, or a guest's, by the code of their ticket.

    Staff's browser keeps the token, and so can open guests' codes with the phone's own camera. Looking lets nobody in;
    a POST with the token in the address does what its form asks for.
    """
    language = language_of_browser(visit.accept_language)
    if visit.method not in METHODS:
        return render_page("wrong_method.html", front=front, language=language, status=405)
    if "~" not in visit.token and visit.token:
        return _show_code(visit, front=front, language=language)
    try:
        event = find_door(visit.token, now=visit.now)
    except LinkInvalid:
        return render_page("link_invalid.html", front=front, language=language, status=404)
    except LinkExpired:
        return render_page("door_expired.html", front=front, language=language, status=410)
    answer = Answer()
    if visit.method == "POST":
        answer = act(visit.form, event=event, front=front, now=visit.now)
    return _show(visit, visit.token, event, answer, front=front, language=language)


def find_door(token: str, *, now: datetime) -> Event:
    """Return the event whose door a token opens, up to two weeks after it.

    Raises:
        LinkInvalid, LinkExpired: also where staff ended the links that were given out.

    """
    event_id, number = read_door(token)
    event = Event.objects.select_related("program").filter(pk=event_id).first()
    if event is None:
        raise LinkInvalid(field="token")
    if number != event.door_number or now > _closes_at(event):
        raise LinkExpired(field="token")
    return event


def _closes_at(event: Event) -> datetime:
    return event.ends_at + NOTED_LATER_FOR


def _show_code(visit: Visit, *, front: Shopfront, language: str) -> Page:
    """Show staff whose code it is and whether they can come in; others read what the code is for."""
    doors = _doors_of(visit)
    if not doors:
        return render_page("door_code.html", front=front, language=language)
    rows = Invitation.objects.select_related("event__program", "member")
    invitation = rows.filter(code=read_code(visit.token), event__in=list(doors)).first()
    event, token = doors[invitation.event_id] if invitation else next(iter(doors.values()))
    said = door_of(invitation, event, now=visit.now) if invitation else Door.UNKNOWN
    answer = Answer(invitation=invitation, door=None if said is Door.WELCOME else said)
    return _show(visit, token, event, answer, front=front, language=language)


def _doors_of(visit: Visit) -> dict[int, tuple[Event, str]]:
    """Return the events whose doors the browser may open, with their tokens, by event id; the newest first."""
    found = {}
    for name in sorted(visit.cookies, reverse=True):
        if name.startswith(COOKIE):
            try:
                event = find_door(visit.cookies[name], now=visit.now)
            except (LinkInvalid, LinkExpired):
                continue
            found[event.pk] = event, visit.cookies[name]
    return found


def _show(
    visit: Visit, token: str, event: Event, answer: Answer, *, front: Shopfront, language: str
) -> Page:
    came = Q(checked_in_at__isnull=False)
    counts = Invitation.objects.filter(event=event, answer=Reply.ACCEPTED.value).aggregate(
        came=Sum("checked_in_seats", filter=came, default=0), coming=Sum("seats", default=0)
    )
    with translation.override(language):
        shown = _guest(answer.invitation, event, front=front) if answer.invitation else None
        return render_page(
            "door.html",
            front=front,
            language=language,
            script=SCRIPT,
            cookie=Cookie(name=f"{COOKIE}{event.pk}", value=token, expires_at=_closes_at(event)),
            card=card_of(event, languages=[language]),
            starts=moment_of(event.starts_at, event),
            action=urlsplit(front.links.door(token)).path,
            is_off=event.state == EventState.CANCELLED.value,
            came=counts["came"],
            coming=counts["coming"],
            free=event.capacity - event.seats_taken,
            door=answer.door.value if answer.door else "",
            guest=shown,
            is_asked=shown is not None and answer.door is None,
            found=[(row.invitation, _name(row.person), row.tier) for row in answer.found],
            trouble=answer.trouble.value if answer.trouble else "",
            trouble_free=answer.free,
            typed=answer.typed,
            email=answer.email,
            party=range(1, event.guests_allowed + 2),
        )


def _guest(invitation: Invitation, event: Event, *, front: Shopfront) -> Shown:
    member = invitation.member
    person = None
    if member.user_id is not None:
        person = front.find_people([member.user_id]).get(member.user_id)
    tier = tiers_in_force([member]).get(member.pk)
    came_at = invitation.checked_in_at
    is_today = came_at is not None and abs(came_at - event.starts_at) < timedelta(days=1)
    since = "" if came_at is None else (time_of if is_today else moment_of)(came_at, event)
    return Shown(
        code=invitation.code,
        name=_name(person or Person(email=member.email)),
        tier=tier.name if tier else "",
        seats=invitation.seats,
        came_seats=invitation.checked_in_seats,
        since=since,
        guests=people(invitation.guests),
        dietary=invitation.dietary,
        access=invitation.access,
        reply=invitation.answer,
    )


def _name(person: Person) -> str:
    return person.full_name or person.email
