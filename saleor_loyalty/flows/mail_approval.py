"""Whether a mail may leave: to whom, in which language, and if not, why."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saleor_loyalty.emails.languages import FALLBACK_LANGUAGE
from saleor_loyalty.emails.links import LinkPurpose, MemberLink, sign, sign_invitation
from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage
from saleor_loyalty.emails.rules import (
    PLAIN_FORM,
    Drop,
    EmailKind,
    Go,
    Purpose,
    Verdict,
    Wait,
    Why,
    purpose_of,
)
from saleor_loyalty.events.rules import Answer
from saleor_loyalty.flows.event_freshness import refresh_event_mails
from saleor_loyalty.flows.mail_freshness import overtaken, refresh_notices
from saleor_loyalty.mailings.queries import choices_of, mailings_of, marketing_sent_to
from saleor_loyalty.mailings.rules import (
    WEEK,
    Choices,
    MailingTerms,
    has_room_at,
    obstacle,
    quiet_until,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.tiers.queries import standings_of

LATE = timedelta(minutes=1)
TICKET_PICTURE = "ticket-picture"
ASKING = frozenset({EmailKind.EVENT_INVITATION, EmailKind.EVENT_OFFERED})
WITH_TICKET = frozenset({EmailKind.EVENT_CONFIRMED, EmailKind.EVENT_REMINDER})


@dataclass(frozen=True, kw_only=True)
class Person:
    """How a customer can be written to. `is_confirmed`: the address is surely theirs."""

    email: str
    first_name: str = ""
    last_name: str = ""
    language_code: str = ""
    is_confirmed: bool = True

    @property
    def full_name(self) -> str:
        """First and last name, as far as they are known."""
        return f"{self.first_name} {self.last_name}".strip()


# Returns customers by the id of their account; who is gone or inactive is left out.
FindPeople = Callable[[Collection[int]], Mapping[int, Person]]


@dataclass(frozen=True, kw_only=True)
class LinkMaker:
    """Makes the addresses of the pages that mails link to; `base` ends with a slash.

    `preferences_base`: the storefront's own page of preferences, if it has one; it gets the token
    after it. `events_base`: its own page for what members do about events, which gets the purpose ("accept",
    "decline", "ticket", "feedback"), a slash and the token.
    """

    base: str
    preferences_base: str = ""
    events_base: str = ""

    def preferences(self, link: MemberLink) -> str:
        """Return the address of a member's page of preferences."""
        return self.preferences_page(sign(link, purpose=LinkPurpose.PREFERENCES))

    def preferences_page(self, token: str) -> str:
        """Return the address of the page of preferences that a token opens."""
        return f"{self.preferences_base or f'{self.base}preferences/'}{token}"

    def unsubscribe(self, link: MemberLink) -> str:
        """Return the address that stops marketing by one POST."""
        return f"{self.base}unsubscribe/{sign(link, purpose=LinkPurpose.UNSUBSCRIBE)}"

    def event(self, invitation_id: int, purpose: LinkPurpose) -> str:
        """Return the address where a member does one thing about an event."""
        token = sign_invitation(invitation_id, purpose=purpose)
        return f"{self.events_base or self.base}{purpose.value}/{token}"

    def ticket_picture(self, invitation_id: int) -> str:
        """Return the address of the picture of a ticket's QR code."""
        token = sign_invitation(invitation_id, purpose=LinkPurpose.TICKET)
        return f"{self.base}{TICKET_PICTURE}/{token}"

    def calendar(self, invitation_id: int) -> str:
        """Return the address of an event's file for the calendar of who has a ticket."""
        token = sign_invitation(invitation_id, purpose=LinkPurpose.TICKET)
        return f"{self.base}calendar/{token}"

    def door(self, key: str) -> str:
        """Return the address of an event's door: with its token for staff, with a ticket's code in the ticket."""
        return f"{self.base}door/{key}"

    def event_links(self, message: EmailMessage) -> dict[str, str]:
        """Return what a mail about an event links to, by name; nothing for other mails."""
        pk = message.facts.get("invitation")
        if pk is None:
            return {}
        kind = EmailKind(message.kind)
        links = {"event": self.event(pk, LinkPurpose.ACCEPT)}
        if kind in ASKING:
            links["accept"] = links["event"]
            links["decline"] = self.event(pk, LinkPurpose.DECLINE)
        is_coming = message.facts.get("answer") == Answer.ACCEPTED.value
        if kind in WITH_TICKET or (kind is EmailKind.EVENT_CHANGED and is_coming):
            links["decline"] = self.event(pk, LinkPurpose.DECLINE)
            links["ticket"] = self.event(pk, LinkPurpose.TICKET)
            links["ticket_picture"] = self.ticket_picture(pk)
        if kind is EmailKind.EVENT_THANKS:
            links["feedback"] = self.event(pk, LinkPurpose.FEEDBACK)
        return links


@dataclass
class _World:
    """What is known of the members of some mails."""

    members: Mapping[int, Member] = field(default_factory=dict)
    people: Mapping[int, Person] = field(default_factory=dict)
    mailings: Mapping[int, MailingTerms] = field(default_factory=dict)
    choices: Mapping[int, Choices] = field(default_factory=dict)
    tiers: Mapping[int, int | None] = field(default_factory=dict)
    sent: dict[int, list[datetime]] = field(default_factory=dict)
    failed: Collection[str] = ()
    overtaken: Collection[int] = ()
    language: str = FALLBACK_LANGUAGE

    def member_of(self, message: EmailMessage) -> Member | None:
        """Return the member of a mail, by now."""
        found = self.members.get(message.member_id or 0)
        return (found.merged_into or found) if found else None

    def person_of(self, member: Member) -> Person | None:
        """Return how a member can be written to; who was imported has an address alone."""
        if member.user_id is not None:
            return self.people.get(member.user_id)
        return Person(email=member.email) if member.email else None


def approve(
    messages: Sequence[EmailMessage],
    now: datetime,
    *,
    find_people: FindPeople,
    links: LinkMaker,
    language_code: str = FALLBACK_LANGUAGE,
) -> dict[int, Verdict]:
    """Decide of claimed mails which may leave; a bounded number of queries.

    `language_code` is the shop's, for those of whom no language is known.

    Call it in a transaction. It locks the members who are to get marketing, so that two workers
    do not both send the last mail of a week.
    """
    world = _look(messages, now=now, find_people=find_people)
    world.language = language_code
    return {message.pk: _decide(message, world, now=now, links=links) for message in messages}


def _look(messages: Sequence[EmailMessage], *, now: datetime, find_people: FindPeople) -> _World:
    ids = {one.member_id for one in messages if one.member_id is not None}
    found = Member.objects.select_related("merged_into__program", "program").in_bulk(ids)
    members = {member.pk: member.merged_into or member for member in found.values()}
    targets = {
        members[one.member_id].pk
        for one in messages
        if _is_marketing(one) and one.member_id in members
    }
    lock_members(member_ids=targets)
    owners = {member.pk for member in members.values()}
    people = find_people(
        {member.user_id for member in members.values() if member.user_id is not None}
    )
    addresses = {one.recipient.lower() for one in messages}
    addresses |= {person.email.lower() for person in people.values()}
    addresses |= {member.email.lower() for member in members.values()}
    standings = standings_of(member_ids=owners)
    by_mail = {one.pk: members[one.member_id] for one in messages if one.member_id in members}
    fresher = refresh_notices(messages, owners=by_mail, now=now)
    fresher += refresh_event_mails(messages)
    EmailMessage.objects.bulk_update(fresher, ["facts"])
    return _World(
        members=found,
        people=people,
        mailings=mailings_of(program_ids={member.program_id for member in members.values()}),
        choices=choices_of(member_ids=owners),
        tiers={pk: row.tier_id for pk, row in standings.items()},
        sent=marketing_sent_to(member_ids=targets, since=now - WEEK) if targets else {},
        failed=set(
            EmailAddressFailure.objects.filter(pk__in=addresses - {""}).values_list("pk", flat=True)
        ),
        overtaken=overtaken(
            messages,
            owners=by_mail,
            standings=standings,
            now=now,
        ),
    )


def _is_marketing(message: EmailMessage) -> bool:
    return purpose_of(EmailKind(message.kind)) is Purpose.MARKETING


def _decide(message: EmailMessage, world: _World, *, now: datetime, links: LinkMaker) -> Verdict:
    member = world.member_of(message)
    if member is None:
        return _without_member(message, world)
    person = world.person_of(member)
    if person is None:  # the account is gone or off: also the order's address is somebody's no more
        return Drop(why=Why.NO_ADDRESS)
    choices, terms = world.choices[member.pk], world.mailings[member.program_id]
    recipient = message.recipient or person.email
    language = (
        choices.language_code or message.language_code or person.language_code or world.language
    )
    kind, why = _form(message, member, world, language_code=language)
    if why is None and message.pk in world.overtaken:
        why = Why.OVERTAKEN
    if why is None and recipient.lower() in world.failed:
        why = Why.ADDRESS_FAILED
    if why is None and _is_marketing(message) and not person.is_confirmed:
        why = Why.NOT_CONFIRMED
    if why is not None:
        return Drop(why=why)
    if _is_marketing(message):
        waiting = _wait(member, choices, terms, world, now=now)
        if waiting is not None:
            return waiting
        world.sent.setdefault(member.pk, []).append(now)
    link = MemberLink(member.pk, kind)
    is_theirs = recipient.lower() == person.email.lower()
    return Go(
        kind=kind,
        recipient=recipient,
        language_code=language,
        first_name=person.first_name,
        transport=terms.kind(kind).transport,
        preferences_url=links.preferences(link) if is_theirs else "",
        unsubscribe_url=links.unsubscribe(link) if _is_marketing(message) else "",
        links=links.event_links(message),
    )


def _form(
    message: EmailMessage, member: Member, world: _World, *, language_code: str
) -> tuple[EmailKind, Why | None]:
    """Return the form of a mail that may go, or why none may: the plain one stands in for a special one."""
    kind = EmailKind(message.kind)
    reasons = {
        form: obstacle(
            form,
            world.mailings[member.program_id],
            world.choices[member.pk],
            tier_id=world.tiers.get(member.pk),
            channel_id=message.channel_id,
            language_code=language_code,
        )
        for form in (kind, PLAIN_FORM.get(kind, kind))
    }
    allowed = next((form for form, why in reasons.items() if why is None), kind)
    return allowed, reasons[allowed]


def _without_member(message: EmailMessage, world: _World) -> Verdict:
    """Decide of a mail to somebody who is no member, as to a guest whom a programme invites."""
    if not message.recipient or message.member_id is not None:
        return Drop(why=Why.NO_ADDRESS)
    if message.recipient.lower() in world.failed:
        return Drop(why=Why.ADDRESS_FAILED)
    return Go(recipient=message.recipient, language_code=message.language_code or world.language)


def _wait(
    member: Member, choices: Choices, terms: MailingTerms, world: _World, *, now: datetime
) -> Wait | None:
    """Return until when marketing to a member must wait, or None."""
    free_at = has_room_at(world.sent.get(member.pk, ()), now, terms)
    if free_at is not None:
        return Wait(until=free_at + LATE, why=Why.WEEKLY_LIMIT)
    zone = choices.time_zone or member.program.time_zone
    over_at = quiet_until(now, terms, time_zone=zone)
    return None if over_at is None else Wait(until=over_at, why=Why.QUIET_HOURS)
