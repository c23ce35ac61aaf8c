"""Writes of the mail queue."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import (
    CLAIM_LASTS,
    FIRST_RETRY,
    MAX_ATTEMPTS,
    EmailRequest,
    EmailStatus,
    retry_delay,
)


def queue_emails(*, requests: Sequence[EmailRequest], now: datetime) -> None:
    """Queue mails in the caller's transaction; a key that was ever queued is left out."""
    EmailMessage.objects.bulk_create(
        [
            EmailMessage(
                key=request.key,
                kind=request.kind.value,
                channel_id=request.channel_id,
                recipient=request.recipient,
                language_code=request.language_code,
                facts=dict(request.facts),
                created_at=now,
                due_at=now,
                expires_at=request.expires_at,
            )
            for request in requests
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def claim_emails(*, limit: int, now: datetime) -> list[EmailMessage]:
    """Take the oldest mails that are due; nobody else gets them. Those too old expire."""
    EmailMessage.objects.filter(
        status=EmailStatus.QUEUED.value, due_at__lte=now, expires_at__lte=now
    ).update(status=EmailStatus.EXPIRED.value)
    messages = list(
        EmailMessage.objects.select_for_update(skip_locked=True)
        .filter(status=EmailStatus.QUEUED.value, due_at__lte=now)
        .order_by("due_at", "id")[:limit]
    )
    EmailMessage.objects.filter(pk__in=[message.pk for message in messages]).update(
        status=EmailStatus.SENDING.value, claimed_at=now, handed_over_at=None
    )
    for message in messages:
        message.claimed_at = now
    return messages


def hand_over(*, message: EmailMessage, now: datetime) -> bool:
    """Note, before it happens, that the mail server gets the mail now.

    Returns False when the claim is no longer ours; then the mail must not be sent.
    """
    ours = _in_flight(message).filter(handed_over_at=None)
    return bool(ours.update(handed_over_at=now, attempts=F("attempts") + 1))


def mark_sent(*, message: EmailMessage, now: datetime) -> None:
    """Note that the mail server took the mail, even if others had begun to doubt it."""
    EmailMessage.objects.filter(
        pk=message.pk,
        status__in=[EmailStatus.SENDING.value, EmailStatus.DOUBTFUL.value],
        claimed_at=message.claimed_at,
    ).update(status=EmailStatus.SENT.value, sent_at=now, error="")


def mark_doubtful(*, message: EmailMessage, error: str) -> None:
    """Note that the mail may or may not have left; it is not sent again."""
    _in_flight(message).update(status=EmailStatus.DOUBTFUL.value, error=error[:2000])


def mark_failed(*, message: EmailMessage, error: str, permanent: bool, now: datetime) -> None:
    """Note that the mail surely did not leave, and why; retry later unless it is permanent."""
    attempts = message.attempts + 1
    gives_up = permanent or attempts >= MAX_ATTEMPTS
    _in_flight(message).update(
        status=(EmailStatus.FAILED if gives_up else EmailStatus.QUEUED).value,
        attempts=attempts,
        error=error[:2000],
        due_at=now + retry_delay(attempts),
        claimed_at=None,
        handed_over_at=None,
    )


def put_back(*, messages: Sequence[EmailMessage], now: datetime) -> None:
    """Give back mails that were claimed and not tried, for a minute later."""
    for message in messages:
        _in_flight(message).filter(handed_over_at=None).update(
            status=EmailStatus.QUEUED.value, claimed_at=None, due_at=now + FIRST_RETRY
        )


@transaction.atomic
def recover_emails(*, now: datetime) -> None:
    """Take back mails whose worker died: those that surely did not leave are queued again."""
    long_ago = now - CLAIM_LASTS
    sending = EmailMessage.objects.filter(status=EmailStatus.SENDING.value)
    sending.filter(handed_over_at=None, claimed_at__lt=long_ago).update(
        status=EmailStatus.QUEUED.value, claimed_at=None, due_at=now
    )
    sending.filter(handed_over_at__lt=long_ago).update(
        status=EmailStatus.DOUBTFUL.value,
        error="The worker stopped while the mail server had the mail.",
    )


def _in_flight(message: EmailMessage) -> QuerySet[EmailMessage]:
    return EmailMessage.objects.filter(
        pk=message.pk, status=EmailStatus.SENDING.value, claimed_at=message.claimed_at
    )
