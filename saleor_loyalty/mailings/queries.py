"""Reads of programmes' mailings and members' preferences."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import MARKETING, EmailKind, EmailStatus
from saleor_loyalty.mailings.models import MemberPreferences, ProgramMailing
from saleor_loyalty.mailings.rules import Choices, MailingTerms


def mailings_of(*, program_ids: Iterable[int], using: str = "default") -> dict[int, MailingTerms]:
    """Return how programmes send mails, by programme id. One query."""
    ids = set(program_ids)
    rows = ProgramMailing.objects.using(using).in_bulk(ids) if ids else {}
    return {
        pk: MailingTerms.from_json(rows[pk].terms) if pk in rows else MailingTerms() for pk in ids
    }


def choices_of(*, member_ids: Iterable[int], using: str = "default") -> dict[int, Choices]:
    """Return what members chose, by member id; who chose nothing has the defaults. One query."""
    ids = set(member_ids)
    rows = MemberPreferences.objects.using(using).in_bulk(ids) if ids else {}
    return {pk: choices_from(rows[pk]) if pk in rows else Choices() for pk in ids}


def choices_from(row: MemberPreferences) -> Choices:
    """Return what a row of preferences says."""
    known = {kind.value for kind in EmailKind}
    return Choices(
        accepts_marketing=row.accepts_marketing,
        stopped=frozenset(EmailKind(kind) for kind in row.stopped if kind in known),
        language_code=row.language_code,
        time_zone=row.time_zone,
    )


def marketing_sent_to(*, member_ids: Iterable[int], since: datetime) -> dict[int, list[datetime]]:
    """Return when marketing mails left, or were about to leave, by member id. One query."""
    rows = EmailMessage.objects.filter(
        Q(status__in=[EmailStatus.SENT.value, EmailStatus.DOUBTFUL.value])
        | Q(status=EmailStatus.SENDING.value, approved_at__isnull=False),
        member_id__in=list(member_ids),
        kind__in=[kind.value for kind in MARKETING],
        approved_at__gt=since,
    )
    found: dict[int, list[datetime]] = {}
    for member_id, approved_at in rows.order_by().values_list("member_id", "approved_at"):
        if member_id is not None and approved_at is not None:
            found.setdefault(member_id, []).append(approved_at)
    return found
