"""A mail as it is handed to a mail server: sender, recipient, headers, forms and attachments."""

from dataclasses import dataclass
from datetime import datetime

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address
from django.utils import translation

from saleor_loyalty.emails.calendars import CalendarEntry, Method, PartStat, Party, write_calendar
from saleor_loyalty.emails.formats import first_name_of, named
from saleor_loyalty.emails.languages import spoken
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rendering import RenderedEmail, ShopIdentity
from saleor_loyalty.emails.rules import EmailKind, Go
from saleor_loyalty.errors import LoyaltyError


class RecipientImpossible(LoyaltyError):
    """The address is one that no mail can go to."""

    code = "recipient_impossible"


@dataclass(frozen=True, kw_only=True)
class MailSender:
    """How a channel of the shop sends: through what, as whom, and how it presents itself.

    Answers to a mail go to `reply_to`; empty: to the sender.
    """

    backend: BaseEmailBackend
    from_address: str
    shop: ShopIdentity
    from_name: str = ""
    reply_to: str = ""

    @property
    def takes_calendars(self) -> bool:
        """Whether a calendar may stand among the forms of a mail: APIs of mail services take files alone."""
        return type(self.backend).__module__.startswith("django.core.mail.backends.")

    @property
    def domain(self) -> str:
        """The part of the sender's address that Message-IDs are made in."""
        return self.from_address.rpartition("@")[2] or "localhost"


@dataclass(frozen=True)
class Letter:
    """A mail that may leave."""

    message: EmailMessage
    verdict: Go

    @property
    def kind(self) -> EmailKind:
        """What it is."""
        return self.verdict.kind or EmailKind(self.message.kind)

    @property
    def product_ids(self) -> set[str]:
        """The products that it shows."""
        found = {line.get("product_id", "") for line in self.message.facts.get("lines", ())}
        return found - {""}


def build_message(
    *, sender: MailSender, letter: Letter, rendered: RenderedEmail
) -> EmailMultiAlternatives:
    """Return the mail as Django sends it; its Message-ID follows from its row.

    `facts["calendar"]` ({"method": "REQUEST", "partstat": "ACCEPTED"}) makes it an invitation to
    `facts["event"]` that calendars understand. What the member may stop names where: RFC 8058.

    Raises:
        RecipientImpossible: no mail can go to that address.
        ValueError: the sender's name or address cannot stand in a header.

    """
    message, verdict = letter.message, letter.verdict
    try:
        sanitize_address(verdict.recipient, "utf-8")
    except ValueError as error:
        raise RecipientImpossible(problem=str(error)) from error
    from_email = sanitize_address((sender.from_name, sender.from_address), "utf-8")
    sanitize_address(from_email, "utf-8")  # it must read back, or the backend refuses it
    headers = {
        "Message-ID": f"<loyalty.{message.pk}@{sender.domain}>",
        "Content-Language": rendered.language,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "List-Id": f"<loyalty.{sender.domain}>",
    }
    if verdict.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{verdict.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    envelope = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        from_email=from_email,
        to=[verdict.recipient],
        reply_to=[sender.reply_to] if sender.reply_to else None,
        headers=headers,
    )
    envelope.attach_alternative(rendered.html, "text/html")
    if message.facts.get("calendar"):
        entry = _entry_of(sender=sender, letter=letter, language=rendered.language)
        _attach_calendar(envelope, entry, as_form=sender.takes_calendars)
    envelope.message()
    return envelope


def _entry_of(*, sender: MailSender, letter: Letter, language: str) -> CalendarEntry:
    """Return what a mail puts into its reader's calendar, in their language.

    A later mail has a later stamp, and the same one each time that it is tried.
    """
    facts, verdict = letter.message.facts, letter.verdict
    event, calendar = facts["event"], facts["calendar"]
    with translation.override(spoken(language)):
        title, story, place = (named(event.get(name, "")) for name in ("title", "story", "place"))
    return CalendarEntry(
        uid=event["uid"],
        sequence=event["sequence"],
        method=Method(calendar["method"]),
        stamped_at=letter.message.created_at,
        starts_at=datetime.fromisoformat(event["starts_at"]),
        ends_at=datetime.fromisoformat(event["ends_at"]),
        time_zone=event["time_zone"],
        title=title,
        story=story,
        place=place,
        place_url=event.get("place_url", ""),
        url=verdict.links.get("ticket", ""),
        organizer=Party(address=sender.from_address, name=sender.shop.name or sender.from_name),
        attendee=Party(
            address=verdict.recipient,
            name=first_name_of(facts.get("first_name") or verdict.first_name),
        ),
        partstat=PartStat(calendar.get("partstat") or PartStat.NEEDS_ACTION),
    )


def _attach_calendar(
    envelope: EmailMultiAlternatives, entry: CalendarEntry, *, as_form: bool
) -> None:
    """Attach an invitation twice, as clients want it: among the forms of the mail, and as a file.

    By RFC 6047 the method stands in the content type.
    """
    method, content = entry.method.value, write_calendar(entry)
    if as_form:
        envelope.attach_alternative(content, f'text/calendar; method={method}; charset="utf-8"')
        envelope.attach("invite.ics", content.encode(), "application/ics")
    else:
        envelope.attach("invite.ics", content, f"text/calendar; method={method}")
