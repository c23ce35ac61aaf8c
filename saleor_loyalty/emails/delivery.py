"""From queued rows to the mail server: at most once each."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from smtplib import (
    SMTPException,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from saleor_loyalty.emails import events
from saleor_loyalty.emails.editing import OwnTextsIndex
from saleor_loyalty.emails.envelopes import (
    Letter,
    MailSender,
    RecipientImpossible,
    build_message,
)
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import (
    claim_emails,
    hand_over,
    mark_doubtful,
    mark_failed,
    mark_sent,
    note_address_failure,
    note_verdicts,
    put_back,
    recover_emails,
)
from saleor_loyalty.emails.refusals import is_permanent, is_refusal
from saleor_loyalty.emails.rendering import RenderedEmail, render
from saleor_loyalty.emails.rules import Go, Transport, Verdict

logger = logging.getLogger(__name__)


def _no_pictures(_: Collection[str]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class PostOffice:
    """What delivery needs of the rest of the house.

    `sender_for` returns the sender of a channel (by id). `approve` decides of claimed mails, in
    a transaction, which may leave to whom. `pictures` returns addresses of pictures by product id.
    `post` takes events, signed with `event_secret`; None: there is no address for them. At most
    `a_minute` mails leave in any minute (None: no limit).
    """

    sender_for: Callable[[int | None], MailSender]
    approve: Callable[[Sequence[EmailMessage], datetime], Mapping[int, Verdict]]
    pictures: Callable[[Collection[str]], Mapping[str, str]] = _no_pictures
    post: events.Post | None = None
    event_secret: str = ""
    a_minute: int | None = None


@dataclass
class DeliveryReport:
    """What a round of delivery did."""

    claimed: int = 0
    sent: int = 0
    failed: int = 0
    doubtful: int = 0
    held: int = 0
    is_down: bool = False


def deliver_due(
    *, office: PostOffice, clock: Callable[[], datetime], limit: int = 50
) -> DeliveryReport:
    """Send the mails that are due and may leave, each at most once.

    Call it outside any transaction: each step of a mail commits by itself, so that a crash
    leaves behind how far it had come.
    """
    recover_emails(now=clock())
    report = DeliveryReport()
    messages = claim_emails(limit=limit, now=clock(), a_minute=office.a_minute)
    report.claimed = len(messages)
    if not messages:
        return report
    with transaction.atomic():
        now = clock()
        verdicts = office.approve(messages, now)
        note_verdicts(messages=messages, verdicts=verdicts, now=now)
    by_channel: dict[int | None, list[Letter]] = {}
    for message in messages:
        verdict = verdicts[message.pk]
        if isinstance(verdict, Go):
            by_channel.setdefault(message.channel_id, []).append(Letter(message, verdict))
    report.held = report.claimed - sum(map(len, by_channel.values()))
    letters = [letter for some in by_channel.values() for letter in some]
    round_ = Round(
        clock=clock,
        report=report,
        office=office,
        texts=OwnTextsIndex({letter.kind for letter in letters}),
        pictures=_pictures(office, letters),
    )
    for channel_id, some in by_channel.items():
        round_.deliver_channel(channel_id, some)
    return report


def _pictures(office: PostOffice, letters: Sequence[Letter]) -> Mapping[str, str]:
    """Return the pictures of some mails; none where they cannot be had: they decorate."""
    try:
        return office.pictures({product for one in letters for product in one.product_ids})
    except Exception:
        logger.exception("The pictures of products cannot be had")
        return {}


@dataclass
class Round:
    """One round of delivery: takes each mail to an end, whatever goes wrong with it."""

    clock: Callable[[], datetime]
    report: DeliveryReport
    office: PostOffice
    texts: OwnTextsIndex
    pictures: Mapping[str, str] = field(default_factory=dict)

    def deliver_channel(self, channel_id: int | None, letters: Sequence[Letter]) -> None:
        """Send a channel's mails; when its mail server is no good now, keep the rest for later."""
        try:
            sender = self.office.sender_for(channel_id)
        except Exception as error:  # noqa: BLE001 -- wrong settings of one channel stop no other
            for letter in letters:
                self._failed(letter.message, error)
            return
        for number, letter in enumerate(letters):
            if not self._deliver(sender, letter):
                self.report.is_down = True
                rest = [one.message for one in letters[number + 1 :]]
                put_back(messages=rest, now=self.clock())
                return

    def _render(self, sender: MailSender, letter: Letter) -> RenderedEmail:
        message, verdict = letter.message, letter.verdict
        return render(
            kind=letter.kind,
            language_code=verdict.language_code,
            facts={
                "first_name": verdict.first_name,
                **message.facts,
                "links": dict(verdict.links),
            },
            shop=sender.shop,
            own=self.texts.find(
                letter.kind, language_code=verdict.language_code, channel_id=message.channel_id
            ),
            preferences_url=verdict.preferences_url,
            unsubscribe_url=verdict.unsubscribe_url,
            pictures=self.pictures,
        )

    def _deliver(self, sender: MailSender, letter: Letter) -> bool:
        """Take one mail to its end; return False when the mail server is no good now.

        Whatever fails before the hand-over proves that the mail did not leave. Each mail has a
        connection of its own: servers close old ones silently, and then a mail would be in doubt.
        """
        message = letter.message
        try:
            rendered = self._render(sender, letter)
            if letter.verdict.transport is Transport.EVENT:
                return self._post(letter, rendered)
            envelope = build_message(sender=sender, letter=letter, rendered=rendered)
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

    def _post(self, letter: Letter, rendered: RenderedEmail) -> bool:
        """Hand a mail to the shop's own tool; it may get one twice, and tells by its id."""
        message = letter.message
        if self.office.post is None:
            raise events.EventsNotSet
        if not hand_over(message=message, now=self.clock()):
            return True
        try:
            events.post_event(
                message,
                letter.verdict,
                rendered,
                post=self.office.post,
                secret=self.office.event_secret,
                now=self.clock(),
            )
        except Exception as error:  # noqa: BLE001 -- a tool that is no good now
            self._failed(message, error)
            return False
        mark_sent(message=message, subject=rendered.subject, now=self.clock())
        self.report.sent += 1
        return True

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
        except SMTPSenderRefused as error:  # the shop's own settings: no mail will leave now
            self._failed(message, error)
            return False
        except SMTPException as error:
            self._failed(message, error, permanent=is_permanent(error))
            if isinstance(error, SMTPRecipientsRefused) and is_permanent(error):
                note_address_failure(address=message.recipient, error=str(error), now=self.clock())
        except Exception as error:  # noqa: BLE001 -- any backend may stand here
            if is_refusal(error):
                self._failed(message, error)
            else:
                self._doubt(message, error)
            return False
        else:
            mark_sent(message=message, subject=str(envelope.subject), now=self.clock())
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
