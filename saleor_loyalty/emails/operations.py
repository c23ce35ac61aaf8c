"""Writes of the mail queue."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Lower

from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage
from saleor_loyalty.emails.rules import (
    CLAIM_LASTS,
    FIRST_RETRY,
    HAND_OVER_LASTS,
    MAX_ATTEMPTS,
    Drop,
    EmailKind,
    EmailRequest,
    EmailStatus,
    Go,
    Transport,
    Verdict,
    Wait,
    Why,
    priority_of,
    retry_delay,
)
from saleor_loyalty.errors import LoyaltyError

BATCH = 1000
RATE_LOCK = 0x10F417E  # the advisory lock of those who count what left in the last minute
MINUTE = timedelta(minutes=1)


class EmailNotFound(LoyaltyError):
    """There is no such mail."""

    code = "email_not_found"


class EmailForgotten(LoyaltyError):
    """What a mail said was forgotten, so that it cannot be sent once more."""

    code = "email_forgotten"


class EmailUnfinished(LoyaltyError):
    """A mail that is still on its way cannot be sent once more."""

    code = "email_unfinished"


def queue_emails(*, requests: Sequence[EmailRequest], now: datetime) -> None:
    """Queue mails in the caller's transaction; a key that was ever queued is left out."""
    EmailMessage.objects.bulk_create(
        [
            EmailMessage(
                key=request.key,
                kind=request.kind.value,
                program_id=request.program_id,
                member_id=request.member_id,
                order_id=request.order_id,
                channel_id=request.channel_id,
                recipient=request.recipient,
                language_code=request.language_code,
                facts=dict(request.facts),
                created_at=now,
                priority=priority_of(request.kind),
                due_at=max(request.due_at or now, now),
                expires_at=request.expires_at,
            )
            for request in requests
        ],
        ignore_conflicts=True,
        batch_size=BATCH,
    )


@transaction.atomic
def claim_emails(*, limit: int, now: datetime, a_minute: int | None = None) -> list[EmailMessage]:
    """Take the oldest mails that are due, service before marketing; nobody else gets them. Those too old expire.

    `a_minute`: no more than so many leave in any minute, whoever claims them (None: no limit).
    """
    EmailMessage.objects.filter(
        status=EmailStatus.QUEUED.value, due_at__lte=now, expires_at__lte=now
    ).update(status=EmailStatus.EXPIRED.value)
    if a_minute is not None:
        limit = min(limit, _room_for(a_minute, now=now))
    messages = list(
        EmailMessage.objects.select_for_update(skip_locked=True)
        .filter(status=EmailStatus.QUEUED.value, due_at__lte=now)
        .order_by("priority", "due_at", "id")[: max(limit, 0)]
    )
    EmailMessage.objects.filter(pk__in=[message.pk for message in messages]).update(
        status=EmailStatus.SENDING.value, claimed_at=now, approved_at=None, handed_over_at=None
    )
    for message in messages:
        message.claimed_at = now
    return messages


def _room_for(a_minute: int, *, now: datetime) -> int:
    """Return how many mails may leave now; one worker counts at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RATE_LOCK])
    tried = EmailMessage.objects.filter(attempted_at__gt=now - MINUTE)
    leaving = EmailMessage.objects.filter(
        status=EmailStatus.SENDING.value, handed_over_at=None, claimed_at__gt=now - MINUTE
    )
    return a_minute - tried.count() - leaving.count()


def note_verdicts(
    *, messages: Sequence[EmailMessage], verdicts: Mapping[int, Verdict], now: datetime
) -> None:
    """Note of claimed mails what was decided of each: those that go keep their claim."""
    for message in messages:
        verdict = verdicts[message.pk]
        row = _in_flight(message)
        if isinstance(verdict, Go):
            message.recipient = verdict.recipient
            message.language_code = verdict.language_code
            message.transport = verdict.transport.value
            message.kind = (verdict.kind or EmailKind(message.kind)).value
            message.approved_at = now
            row.update(
                kind=message.kind,
                recipient=verdict.recipient,
                language_code=verdict.language_code,
                transport=verdict.transport.value,
                approved_at=now,
                why="",
            )
        elif isinstance(verdict, Wait):
            row.update(
                status=EmailStatus.QUEUED.value,
                claimed_at=None,
                due_at=verdict.until,
                why=verdict.why.value,
            )
        else:
            assert isinstance(verdict, Drop)
            row.update(status=EmailStatus.SUPPRESSED.value, why=verdict.why.value)


def hand_over(*, message: EmailMessage, now: datetime) -> bool:
    """Note, before it happens, that the mail server gets the mail now.

    Returns False when the claim is no longer ours; then the mail must not be sent.
    """
    ours = _in_flight(message).filter(handed_over_at=None)
    return bool(ours.update(handed_over_at=now, attempted_at=now, attempts=F("attempts") + 1))


def mark_sent(*, message: EmailMessage, subject: str = "", now: datetime) -> None:
    """Note that the mail server took the mail, even if others had begun to doubt it."""
    EmailMessage.objects.filter(
        pk=message.pk,
        status__in=[EmailStatus.SENDING.value, EmailStatus.DOUBTFUL.value],
        claimed_at=message.claimed_at,
    ).update(status=EmailStatus.SENT.value, sent_at=now, subject=subject[:255], error="")


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
        approved_at=None,
        handed_over_at=None,
    )


def note_address_failure(*, address: str, error: str, now: datetime) -> None:
    """Note that a mail server refused an address for good."""
    EmailAddressFailure.objects.bulk_create(
        [
            EmailAddressFailure(
                address=address.lower(), error=error[:2000], failed_at=now, failures=0
            )
        ],
        ignore_conflicts=True,
    )
    EmailAddressFailure.objects.filter(pk=address.lower()).update(
        error=error[:2000], failed_at=now, failures=F("failures") + 1
    )


def clear_address(*, address: str) -> bool:
    """Let mails go to an address again; return whether they did not."""
    return bool(EmailAddressFailure.objects.filter(pk=address.lower()).delete()[0])


@transaction.atomic
def send_again(*, email_id: int, now: datetime, address: str = "") -> EmailMessage:
    """Queue a mail once more that was sent, failed, expired or suppressed; return the new one.

    It tells what the first one told. Whether it may leave is decided anew, except that staff know
    better about its address: the member's present `address`, or the one it went to.

    Raises:
        EmailNotFound, EmailUnfinished: it is still on its way.
        EmailForgotten: what it said is not known any more.

    """
    first = EmailMessage.objects.select_for_update().filter(pk=email_id).first()
    if first is None:
        raise EmailNotFound(field="id")
    if first.status in (EmailStatus.QUEUED.value, EmailStatus.SENDING.value):
        raise EmailUnfinished(field="id")
    if not first.facts:
        raise EmailForgotten(field="id")
    recipient = address or first.recipient
    clear_address(address=recipient)
    number = EmailMessage.objects.filter(again_of=first).count() + 1
    is_fixed = bool(first.order_id) or first.member_id is None
    return EmailMessage.objects.create(
        key=f"again:{first.pk}:{number}",
        kind=first.kind,
        program_id=first.program_id,
        member_id=first.member_id,
        order_id=first.order_id,
        channel_id=first.channel_id,
        recipient=recipient if is_fixed else "",
        language_code=first.language_code if is_fixed else "",
        priority=first.priority,
        facts=first.facts,
        created_at=now,
        due_at=now,
        again_of=first,
    )


def forget(*, member_ids: Sequence[int]) -> int:
    """Forget what the mails of members said and where they went; return how many.

    That they were sent, and when, stays.
    """
    mails = EmailMessage.objects.filter(member_id__in=member_ids).exclude(recipient="", facts={})
    waiting = mails.filter(status=EmailStatus.QUEUED.value)
    waiting.update(status=EmailStatus.SUPPRESSED.value, why=Why.NO_ADDRESS.value)
    known = mails.exclude(recipient="").values_list(Lower("recipient"), flat=True)
    EmailAddressFailure.objects.filter(pk__in=list(known)).delete()
    return mails.exclude(status=EmailStatus.SENDING.value).update(
        recipient="", subject="", facts={}, error=""
    )


def put_back(*, messages: Sequence[EmailMessage], now: datetime) -> None:
    """Give back mails that were claimed and not tried, for a minute later."""
    for message in messages:
        _in_flight(message).filter(handed_over_at=None).update(
            status=EmailStatus.QUEUED.value,
            claimed_at=None,
            approved_at=None,
            due_at=now + FIRST_RETRY,
        )


@transaction.atomic
def recover_emails(*, now: datetime) -> None:
    """Take back mails whose worker died: those that surely did not leave are queued again."""
    long_ago = now - HAND_OVER_LASTS
    sending = EmailMessage.objects.filter(status=EmailStatus.SENDING.value)
    sending.filter(handed_over_at=None, claimed_at__lt=now - CLAIM_LASTS).update(
        status=EmailStatus.QUEUED.value, claimed_at=None, approved_at=None, due_at=now
    )
    # Who takes events tells by their id that one came before.
    sending.filter(transport=Transport.EVENT.value, handed_over_at__lt=long_ago).update(
        status=EmailStatus.QUEUED.value,
        claimed_at=None,
        approved_at=None,
        handed_over_at=None,
        due_at=now,
    )
    sending.filter(handed_over_at__lt=long_ago).update(
        status=EmailStatus.DOUBTFUL.value,
        error="The worker stopped while the mail server had the mail.",
    )


def _in_flight(message: EmailMessage) -> QuerySet[EmailMessage]:
    return EmailMessage.objects.filter(
        pk=message.pk, status=EmailStatus.SENDING.value, claimed_at=message.claimed_at
    )


def forget_old(*, before: datetime) -> int:
    """Forget what mails said and where they went that were done with before an instant; return how many.

    That they were sent, and when, stays.
    """
    over = EmailMessage.objects.filter(created_at__lt=before).exclude(recipient="", facts={})
    return over.exclude(status__in=[EmailStatus.QUEUED.value, EmailStatus.SENDING.value]).update(
        recipient="", subject="", facts={}, error=""
    )
