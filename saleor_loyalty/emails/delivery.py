"""From queued rows to the mail server: at most once each."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import formataddr
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPServerDisconnected

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import (
    claim_emails,
    hand_over,
    mark_doubtful,
    mark_failed,
    mark_sent,
    recover_emails,
)
from saleor_loyalty.emails.rendering import (
    RenderedEmail,
    ShopIdentity,
    TemplateBroken,
    render,
)
from saleor_loyalty.emails.rules import EmailKind

logger = logging.getLogger(__name__)

PERMANENT = 500  # SMTP's replies from here on mean: do not try again


@dataclass(frozen=True, kw_only=True)
class MailSender:
    """How a channel of the shop sends: through what, as whom, and how it presents itself."""

    backend: BaseEmailBackend
    from_address: str
    shop: ShopIdentity
    from_name: str = ""

    @property
    def domain(self) -> str:
        """The part of the sender's address that Message-IDs are made in."""
        return self.from_address.rpartition("@")[2] or "localhost"


@dataclass
class DeliveryReport:
    """What a round of delivery did."""

    claimed: int = 0
    sent: int = 0
    failed: int = 0
    doubtful: int = 0


def deliver_due(
    *,
    sender_for: Callable[[int | None], MailSender],
    clock: Callable[[], datetime],
    limit: int = 50,
) -> DeliveryReport:
    """Send the mails that are due, each at most once.

    `sender_for` returns the sender of a channel (by id). Call it outside any transaction: each
    step of a mail commits by itself, so that a crash leaves behind how far it had come.
    """
    recover_emails(now=clock())
    report = DeliveryReport()
    by_channel: dict[int | None, list[EmailMessage]] = {}
    for message in claim_emails(limit=limit, now=clock()):
        by_channel.setdefault(message.channel_id, []).append(message)
        report.claimed += 1
    for channel_id, messages in by_channel.items():
        _deliver_for_sender(sender_for(channel_id), messages, clock=clock, report=report)
    return report


def _deliver_for_sender(
    sender: MailSender,
    messages: list[EmailMessage],
    *,
    clock: Callable[[], datetime],
    report: DeliveryReport,
) -> None:
    try:
        sender.backend.open()
    except (OSError, SMTPException) as error:
        for message in messages:
            _fail(message, error, permanent=False, clock=clock, report=report)
        return
    try:
        for message in messages:
            _deliver(sender, message, clock=clock, report=report)
    finally:
        sender.backend.close()


def _deliver(
    sender: MailSender,
    message: EmailMessage,
    *,
    clock: Callable[[], datetime],
    report: DeliveryReport,
) -> None:
    try:
        rendered = render(
            kind=EmailKind(message.kind),
            language_code=message.language_code,
            facts=message.facts,
            shop=sender.shop,
        )
    except TemplateBroken as error:
        _fail(message, error, permanent=False, clock=clock, report=report)
        return
    envelope = build_message(sender=sender, message=message, rendered=rendered)
    try:
        envelope.message()
    except ValueError as error:  # an address or a header that no mail can have
        _fail(message, error, permanent=True, clock=clock, report=report)
        return
    if not hand_over(message=message, now=clock()):
        return
    try:
        sender.backend.send_messages([envelope])
    except (SMTPServerDisconnected, TimeoutError, ConnectionError) as error:
        mark_doubtful(message=message, error=f"{type(error).__name__}: {error}")
        report.doubtful += 1
        logger.exception("Loyalty mail %s may or may not have left", message.key)
    except (SMTPException, OSError) as error:
        _fail(message, error, permanent=_is_permanent(error), clock=clock, report=report)
    else:
        mark_sent(message=message, now=clock())
        report.sent += 1


def build_message(
    *, sender: MailSender, message: EmailMessage, rendered: RenderedEmail
) -> EmailMultiAlternatives:
    """Return the mail as Django sends it; its Message-ID follows from its key."""
    envelope = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        from_email=formataddr((sender.from_name, sender.from_address)),
        to=[message.recipient],
        headers={
            "Message-ID": f"<loyalty.{message.pk}@{sender.domain}>",
            "Content-Language": rendered.language,
            "Auto-Submitted": "auto-generated",
        },
    )
    envelope.attach_alternative(rendered.html, "text/html")
    return envelope


def _fail(
    message: EmailMessage,
    error: Exception,
    *,
    permanent: bool,
    clock: Callable[[], datetime],
    report: DeliveryReport,
) -> None:
    mark_failed(
        message=message,
        error=f"{type(error).__name__}: {error}",
        permanent=permanent,
        now=clock(),
    )
    report.failed += 1
    logger.error("Loyalty mail %s was not sent: %s", message.key, error)


def _is_permanent(error: Exception) -> bool:
    """Whether the mail server said no for good (5xx)."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _ in error.recipients.values())
    code = getattr(error, "smtp_code", 0)
    return isinstance(code, int) and code >= PERMANENT
