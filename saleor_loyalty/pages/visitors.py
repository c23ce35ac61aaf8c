"""Who comes: the member of a link, or somebody for whom there is only a word of explanation."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation.trans_real import parse_accept_lang_header

from saleor_loyalty.emails.languages import FALLBACK_LANGUAGE, language_for
from saleor_loyalty.emails.links import (
    LinkExpired,
    LinkInvalid,
    LinkPurpose,
    read,
    read_invitation,
)
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.flows.member_choices import owner_of
from saleor_loyalty.mailings.queries import choices_of
from saleor_loyalty.mailings.rules import Choices
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.rules import masked
from saleor_loyalty.pages.layout import METHODS, Page, Shopfront, Visit, render_page


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """The member whom a link is for, by now: who was merged comes as the other one."""

    member: Member
    person: Person | None
    choices: Choices

    @property
    def language(self) -> str:
        """The language of our catalogues that serves them best."""
        return language_for(self.choices.language_code or self.account_language)

    @property
    def account_language(self) -> str:
        """The language of their account (Saleor's code), or nothing."""
        return self.person.language_code if self.person else ""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages to read the shop's own words in, the best first."""
        return self.choices.language_code or self.account_language, self.language

    @property
    def address(self) -> str:
        """Their address, masked; empty for an account that is not active."""
        return masked(self.person.email) if self.person else ""


@dataclass(frozen=True, kw_only=True)
class Guest:
    """The member whom a link about an event is for, and their invitation with its event."""

    visitor: Visitor
    invitation: Invitation


def find_visitor(member_id: int, *, front: Shopfront) -> Visitor | None:
    """Return the visitor that a member is; None: the account was deleted."""
    member = owner_of(member_id=member_id)
    if member is None:
        return None
    person = Person(email=member.email) if member.email else None
    if member.user_id is not None:
        person = front.find_people([member.user_id]).get(member.user_id)
    choices = choices_of(member_ids=[member.pk])[member.pk]
    return Visitor(member=member, person=person, choices=choices)


def receive(
    visit: Visit,
    *,
    purpose: LinkPurpose,
    front: Shopfront,
    answer: Callable[[Visitor], Page],
) -> Page:
    """Let a page answer the member of a link, or say what is wrong with the link."""
    language = language_of_browser(visit.accept_language)
    if visit.method not in METHODS:
        return render_page("wrong_method.html", front=front, language=language, status=405)
    try:
        link = read(visit.token, purpose=purpose)
    except LinkInvalid:
        return render_page("link_invalid.html", front=front, language=language, status=404)
    except LinkExpired:
        return render_page("link_expired.html", front=front, language=language, status=410)
    visitor = find_visitor(link.member_id, front=front)
    if visitor is None:
        return nobody(visit, front=front)
    return answer(visitor)


def receive_guest(
    visit: Visit,
    *,
    purpose: LinkPurpose,
    front: Shopfront,
    answer: Callable[[Guest], Page],
) -> Page:
    """Let a page answer the guest of a link about an event, or say what is wrong with the link."""
    language = language_of_browser(visit.accept_language)
    if visit.method not in METHODS:
        return render_page("wrong_method.html", front=front, language=language, status=405)
    try:
        invitation_id = read_invitation(visit.token, purpose=purpose)
    except LinkInvalid:
        return render_page("link_invalid.html", front=front, language=language, status=404)
    except LinkExpired:
        return render_page("event_link_expired.html", front=front, language=language, status=410)
    guest = find_guest(invitation_id, front=front)
    if guest is not None:
        return answer(guest)
    if Invitation.objects.filter(pk=invitation_id).exists():
        return nobody(visit, front=front)
    return render_page("invitation_gone.html", front=front, language=language, status=410)


def find_guest(invitation_id: int, *, front: Shopfront) -> Guest | None:
    """Return the guest of an invitation; None: the account was deleted, or the invitation is gone."""
    rows = Invitation.objects.select_related("event__program", "member__program")
    invitation = rows.filter(pk=invitation_id).first()
    visitor = find_visitor(invitation.member_id, front=front) if invitation else None
    if invitation is None or visitor is None:
        return None
    return Guest(visitor=visitor, invitation=invitation)


def nobody(visit: Visit, *, front: Shopfront) -> Page:
    """Return the page for a deleted account."""
    language = language_of_browser(visit.accept_language)
    return render_page("nothing_kept.html", front=front, language=language)


def language_of_browser(accept_language: str) -> str:
    """Return the first language of a browser that we have."""
    for code, _ in parse_accept_lang_header(accept_language):
        found = language_for(code)
        if found != FALLBACK_LANGUAGE or code.split("-")[0] == FALLBACK_LANGUAGE:
            return found
    return FALLBACK_LANGUAGE
