"""From queued rows to the mail server: at most once each."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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
    put_back,
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
    round_ = Round(clock=clock, report=report)
    for channel_id, messages in by_channel.items():
        round_.deliver_channel(partial(sender_for, channel_id), messages)
    return report


@dataclass
class Round:
    """One round of delivery: takes each mail to an end, whatever goes wrong with it."""

    clock: Callable[[], datetime]
    report: DeliveryReport

    def deliver_channel(
        self, get_sender: Callable[[], MailSender], messages: list[EmailMessage]
    ) -> None:
        """Send a channel's mails; when its mail server is no good now, keep the rest for later."""
        try:
            sender = get_sender()
        except Exception as error:  # noqa: BLE001 -- wrong settings of one channel stop no other
            for message in messages:
                self._failed(message, error)
            return
        for number, message in enumerate(messages):
            if not self._deliver(sender, message):
                put_back(messages=messages[number + 1 :], now=self.clock())
                return

    def _deliver(self, sender: MailSender, message: EmailMessage) -> bool:
        """Take one mail to its end; return False when the mail server is no good now.

        Whatever fails before the hand-over proves that the mail did not leave. Each mail has a
        connection of its own: servers close old ones silently, and then a mail would be in doubt.
        """
        try:
            rendered = render(
                kind=EmailKind(message.kind),
                language_code=message.language_code,
                facts=message.facts,
                shop=sender.shop,
            )
            envelope = build_message(sender=sender, message=message, rendered=rendered)
        except RecipientImpossible as error:
            self._failed(message, error, permanent=True)
            return True
        except Exception as error:  # noqa: BLE001 -- one mail must not hold up the others
            self._failed(message, error)
            return True
        try:
            sender.backend.open()
        except Exception as error:  # noqa: BLE001 -- any backend may stand here
            self._failed(message, error)
            return False
        try:
            return self._send(sender, message, envelope)
        finally:
            _close(sender)

    def _send(
        self, sender: MailSender, message: EmailMessage, envelope: EmailMultiAlternatives
    ) -> bool:
        """Speak to the mail server: only its own refusal proves that the mail did not leave."""
        if not hand_over(message=message, now=self.clock()):
            return True
        try:
            sender.backend.send_messages([envelope])
        except SMTPServerDisconnected as error:
            self._doubt(message, error)
            return False
        except SMTPException as error:
            self._failed(message, error, permanent=_is_permanent(error))
        except Exception as error:  # noqa: BLE001 -- any backend may stand here
            self._doubt(message, error)
            return False
        else:
            mark_sent(message=message, now=self.clock())
            self.report.sent += 1
        return True

    def _doubt(self, message: EmailMessage, error: Exception) -> None:
        mark_doubtful(message=message, error=f"{type(error).__name__}: {error}")
        self.report.doubtful += 1
        logger.error("Loyalty mail %s may or may not have left: %s", message.key, error)

    def _failed(self, message: EmailMessage, error: Exception, *, permanent: bool = False) -> None:
        """Note why a mail surely did not leave; it is tried again unless that is for good."""
        mark_failed(
            message=message,
            error=f"{type(error).__name__}: {error}",
            permanent=permanent,
            now=self.clock(),
        )
        self.report.failed += 1
        logger.error("Loyalty mail %s was not sent: %s", message.key, error)


def _close(sender: MailSender) -> None:
    try:
        sender.backend.close()
    except Exception as error:  # noqa: BLE001 -- what became of the mail is known already
        logger.warning("Closing the connection to the mail server failed: %s", error)


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
