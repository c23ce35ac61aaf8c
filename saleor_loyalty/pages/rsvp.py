"""The pages where a member accepts an invitation, or declines it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext, ngettext

from saleor_loyalty.emails.event_formats import people
from saleor_loyalty.emails.formats import points
from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.queries import refundable_until, times_of
from saleor_loyalty.events.rules import FEEDBACK_WANTED_FOR, Answer, Closed, EventState
from saleor_loyalty.flows.answer_invitations import accept, decline
from saleor_loyalty.flows.event_feedback import note_opened
from saleor_loyalty.flows.event_views import EventView, view_of
from saleor_loyalty.pages.event_words import card_of, moment_of
from saleor_loyalty.pages.layout import Page, Shopfront, Visit, render_page
from saleor_loyalty.pages.rsvp_form import Sent, is_whole, note_refusal, read_form, typed_of
from saleor_loyalty.pages.stances import AGAIN, OPEN, Stance, has_seats, stance_of
from saleor_loyalty.pages.visitors import Guest, find_guest, nobody, receive_guest
from saleor_loyalty.points.queries import purses_of

FEW_SEATS = 10


@dataclass(frozen=True)
class Option:
    """Something to choose from a list."""

    value: int
    name: str
    is_on: bool


def accept_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer a visit of the link that accepts an invitation; a POST does, or changes the party.

    Looking notes that the member looked, and nothing else.
    """
    return receive_guest(
        visit,
        purpose=LinkPurpose.ACCEPT,
        front=front,
        answer=lambda guest: _answer_accept(visit, guest, front=front),
    )


def decline_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer a visit of the link that declines an invitation; a POST does."""
    return receive_guest(
        visit,
        purpose=LinkPurpose.DECLINE,
        front=front,
        answer=lambda guest: _answer_decline(visit, guest, front=front),
    )


def common(guest: Guest, *, front: Shopfront, now: datetime) -> dict[str, Any]:
    """Return what all pages about an event tell of it; in the language that is active.

    Tickets are handed on to guests, so there are no links here by which one answers.
    """
    invitation, event = guest.invitation, guest.invitation.event
    name = event.program.points_name
    links, stance = front.links, stance_of(invitation, now=now)
    refundable = refundable_until(event, invitation)
    has_seat = has_seats(invitation, stance)
    return {
        "card": card_of(event, languages=guest.visitor.languages),
        "stance": stance.value,
        "has_seat": has_seat,
        "can_decline": stance in OPEN,
        "can_say_how": stance is Stance.IN
        and event.ends_at <= now <= event.ends_at + FEEDBACK_WANTED_FOR,
        "is_on": event.state == EventState.PUBLISHED.value and now < event.ends_at,
        "seats": invitation.seats,
        "with_whom": people(invitation.guests),
        "cancel_reason": event.cancel_reason,
        "price": points(event.price_points, name) if event.price_points else "",
        "award": points(event.award_points, name) if event.award_points else "",
        "paid": points(invitation.price_points, name) if invitation.price_points else "",
        "came_with": points(invitation.awarded_points, name) if invitation.awarded_points else "",
        "is_refundable": now <= refundable,
        "cancel_until": moment_of(refundable, event),
        "offered_until": moment_of(invitation.offered_until, event)
        if invitation.offered_until
        else "",
        "ticket_url": links.event(invitation.pk, LinkPurpose.TICKET),
        "feedback_url": links.event(invitation.pk, LinkPurpose.FEEDBACK),
    }


def _answer_links(invitation: Invitation, *, front: Shopfront) -> dict[str, Any]:
    return {
        "accept_url": front.links.event(invitation.pk, LinkPurpose.ACCEPT),
        "decline_url": front.links.event(invitation.pk, LinkPurpose.DECLINE),
    }


def _answer_accept(visit: Visit, guest: Guest, *, front: Shopfront) -> Page:
    if visit.method == "GET":
        note_opened(invitation_id=guest.invitation.pk, now=visit.now)
    if visit.method != "POST":
        return _show_accept(visit, guest, front=front)
    if not is_whole(visit.form):
        return _show_accept(visit, guest, front=front, status=400)
    event = guest.invitation.event
    most = max(event.guests_allowed, guest.invitation.seats - 1)
    sent = read_form(visit.form, guests_allowed=most)
    if sent.party is not None:
        try:
            accept(
                member_id=guest.visitor.member.pk,
                event_id=event.pk,
                party=sent.party,
                now=visit.now,
                places=front.places,
            )
        except LoyaltyError as error:
            note_refusal(sent, error)
    now_is = find_guest(guest.invitation.pk, front=front)
    if now_is is None:
        return nobody(visit, front=front)
    if sent.errors:
        return _show_accept(visit, now_is, front=front, sent=sent, status=422)
    return _show_accept(visit, now_is, front=front, is_news=True)


def _show_accept(
    visit: Visit,
    guest: Guest,
    *,
    front: Shopfront,
    sent: Sent | None = None,
    status: int = 200,
    is_news: bool = False,
) -> Page:
    invitation, event = guest.invitation, guest.invitation.event
    view = view_of(invitation, now=visit.now)
    stance = stance_of(invitation, now=visit.now)
    allowed = _guests_allowed(view, stance)
    typed = sent.typed if sent else typed_of(invitation, guests_allowed=allowed or 0)
    free = event.capacity - event.seats_taken
    with translation.override(guest.visitor.language):
        told = common(guest, front=front, now=visit.now)
        balance = purses_of(member_ids=[guest.visitor.member.pk])[guest.visitor.member.pk]
        return render_page(
            "accept.html",
            front=front,
            language=guest.visitor.language,
            status=status,
            pictures=[event.image_url],
            **told,
            **_answer_links(invitation, front=front),
            first_name=guest.visitor.person.first_name if guest.visitor.person else "",
            is_open=allowed is not None,
            closed=view.closed.value if view.closed else "",
            opens_at=moment_of(view.opens_at, event) if view.opens_at else "",
            answer_until=moment_of(times_of(event).answer_until, event),
            waiting_place=view.waiting_place or 0,
            balance=points(balance.available, event.program.points_name),
            is_full=free <= 0 and stance not in (Stance.ACCEPTED, Stance.OFFERED),
            few_seats=free if 0 < free <= FEW_SEATS else 0,
            typed=typed,
            names=list(enumerate(typed.names[: allowed or 0], start=1)),
            options=_options(invitation, most=allowed or 0, chosen=typed.guests),
            errors=sent.errors if sent else {},
            free=sent.free if sent else 0,
            is_broken=status == 400,  # noqa: PLR2004 -- HTTP
            is_news=is_news,
        )


def _guests_allowed(view: EventView, stance: Stance) -> int | None:
    """Return how many guests a member can name now; None: they cannot answer.

    Who has seats can take fewer of them also when registration is over.
    """
    event = view.event
    others = view.invitation.seats - 1 if view.invitation else 0
    if view.closed is None and stance in OPEN | AGAIN:
        has_seats = stance in (Stance.ACCEPTED, Stance.OFFERED)
        return max(event.guests_allowed, others if has_seats else 0)
    if view.closed is Closed.REGISTRATION_OVER and stance is Stance.ACCEPTED:
        return others
    return None


def _options(invitation: Invitation, *, most: int, chosen: int) -> list[Option]:
    """Return the parties to choose from, with what each costs: who has seats keeps their price."""
    event, options = invitation.event, []
    price_points = event.price_points
    if invitation.answer == Answer.ACCEPTED.value:
        price_points = invitation.price_points // invitation.seats
    for count in range(most + 1):
        others = ngettext("%(number)s guest", "%(number)s guests", count)
        name = others % {"number": count} if count else gettext("Just me")
        if price_points:
            price = points(price_points * (1 + count), event.program.points_name)
            name = f"{name} \N{EN DASH} {price}"
        options.append(Option(value=count, name=name, is_on=count == chosen))
    return options


def _answer_decline(visit: Visit, guest: Guest, *, front: Shopfront) -> Page:
    if visit.method != "POST":
        return _show_decline(visit, guest, front=front)
    before = guest.invitation
    is_off = False
    try:
        decline(member_id=guest.visitor.member.pk, event_id=before.event_id, now=visit.now)
    except LoyaltyError:
        is_off = True
    now_is = find_guest(before.pk, front=front)
    if now_is is None:
        return nobody(visit, front=front)
    if is_off:
        return _show_decline(visit, now_is, front=front, status=422)
    back = before.price_points - now_is.invitation.price_points
    return _show_decline(visit, now_is, front=front, given_back=back, is_news=True)


def _show_decline(
    visit: Visit,
    guest: Guest,
    *,
    front: Shopfront,
    status: int = 200,
    given_back: int = 0,
    is_news: bool = False,
) -> Page:
    event = guest.invitation.event
    stance = stance_of(guest.invitation, now=visit.now)
    with translation.override(guest.visitor.language):
        told = common(guest, front=front, now=visit.now)
        return render_page(
            "decline.html",
            front=front,
            language=guest.visitor.language,
            status=status,
            pictures=[event.image_url],
            **told,
            **_answer_links(guest.invitation, front=front),
            is_open=stance in OPEN,
            is_late=status == 422,  # noqa: PLR2004 -- HTTP
            can_return=stance in AGAIN and view_of(guest.invitation, now=visit.now).closed is None,
            given_back=points(given_back, event.program.points_name) if given_back else "",
            is_news=is_news,
        )
