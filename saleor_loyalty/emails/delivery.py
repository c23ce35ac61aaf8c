"""From queued rows to the mail server: at most once each."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPServerDisconnected

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address

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
    render,
)
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.errors import LoyaltyError

logger = logging.getLogger(__name__)

PERMANENT = 500  # SMTP's replies from here on mean: do not try again


class RecipientImpossible(LoyaltyError):
    """The address is one that no mail can go to."""

    code = "recipient_impossible"


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
        round_ = Round(clock=clock, report=report)
        try:
            sender = sender_for(channel_id)
        except Exception as error:  # noqa: BLE001 -- wrong settings of one channel stop no other
            for message in messages:
                round_.failed(message, error)
            continue
        try:
            for message in messages:
                round_.deliver(sender, message)
        finally:
            sender.backend.close()
    return report


@dataclass
class Round:
    """One round of delivery: takes each mail to an end, whatever goes wrong with it."""

    clock: Callable[[], datetime]
    report: DeliveryReport

    def deliver(self, sender: MailSender, message: EmailMessage) -> None:
        """Render a mail and hand it to the mail server.

        Whatever fails before the hand-over proves that the mail did not leave.
        """
        try:
            rendered = render(
                kind=EmailKind(message.kind),
                language_code=message.language_code,
                facts=message.facts,
                shop=sender.shop,
            )
            envelope = build_message(sender=sender, message=message, rendered=rendered)
            sender.backend.open()
        except RecipientImpossible as error:
            self.failed(message, error, permanent=True)
            return
        except Exception as error:  # noqa: BLE001 -- one mail must not hold up the others
            self.failed(message, error)
            return
        if hand_over(message=message, now=self.clock()):
            self._send(sender, message, envelope)

    def _send(
        self, sender: MailSender, message: EmailMessage, envelope: EmailMultiAlternatives
    ) -> None:
        """Speak to the mail server: only its own refusal proves that the mail did not leave."""
        try:
            sender.backend.send_messages([envelope])
        except SMTPServerDisconnected as error:
            self._doubt(sender, message, error)
        except SMTPException as error:
            sender.backend.close()
            self.failed(message, error, permanent=_is_permanent(error))
        except Exception as error:  # noqa: BLE001 -- any backend may stand here
            self._doubt(sender, message, error)
        else:
            mark_sent(message=message, now=self.clock())
            self.report.sent += 1

    def _doubt(self, sender: MailSender, message: EmailMessage, error: Exception) -> None:
        sender.backend.close()  # the next mail gets a connection of its own
        mark_doubtful(message=message, error=f"{type(error).__name__}: {error}")
        self.report.doubtful += 1
        logger.error("Loyalty mail %s may or may not have left: %s", message.key, error)

    def failed(self, message: EmailMessage, error: Exception, *, permanent: bool = False) -> None:
        """Note why a mail surely did not leave; it is tried again unless that is for good."""
        mark_failed(
            message=message,
            error=f"{type(error).__name__}: {error}",
            permanent=permanent,
            now=self.clock(),
        )
        self.report.failed += 1
        logger.error("Loyalty mail %s was not sent: %s", message.key, error)


def build_message(
    *, sender: MailSender, message: EmailMessage, rendered: RenderedEmail
) -> EmailMultiAlternatives:
    """Return the mail as Django sends it; its Message-ID follows from its key.

    Raises:
        RecipientImpossible: no mail can go to that address.
        ValueError: the sender's name or address cannot stand in a header.

    """
    try:
        sanitize_address(message.recipient, "utf-8")
    except ValueError as error:
        raise RecipientImpossible(problem=str(error)) from error
    from_email = sanitize_address((sender.from_name, sender.from_address), "utf-8")
    sanitize_address(from_email, "utf-8")  # it must read back, or the backend refuses it
    envelope = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        from_email=from_email,
        to=[message.recipient],
        headers={
            "Message-ID": f"<loyalty.{message.pk}@{sender.domain}>",
            "Content-Language": rendered.language,
            "Auto-Submitted": "auto-generated",
        },
    )
    envelope.attach_alternative(rendered.html, "text/html")
    envelope.message()
    return envelope


def _is_permanent(error: SMTPException) -> bool:
    """Whether the mail server said no for good (5xx)."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _ in error.recipients.values())
    code = getattr(error, "smtp_code", 0)
    return isinstance(code, int) and code >= PERMANENT
