"""Reads of the mail queue, of the shop's own texts, and of addresses that failed."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage, EmailText
from saleor_loyalty.emails.rules import EmailKind, EmailStatus


def email_log(
    *,
    status: EmailStatus | None = None,
    kind: EmailKind | None = None,
    member_id: int | None = None,
    order_id: str | None = None,
    search: str = "",
    of_orders: Iterable[str] = (),
    of_members: Iterable[int] | QuerySet[Any, int] = (),
    using: str = "default",
) -> QuerySet[EmailMessage]:
    """Return mails, newest first: all, or those with what is asked for.

    `search` is the beginning of an address; mails about one of `of_orders`, and those to one of
    `of_members` that did not leave and so have no address yet, are found by it too.
    """
    mails = EmailMessage.objects.using(using).all()
    if status is not None:
        mails = mails.filter(status=status.value)
    if kind is not None:
        mails = mails.filter(kind=kind.value)
    if member_id is not None:
        mails = mails.filter(member_id=member_id)
    if order_id is not None:
        mails = mails.filter(order_id=order_id).exclude(order_id="")
    if search:
        mails = mails.filter(
            Q(recipient__istartswith=search)
            | Q(order_id__in=of_orders)
            | Q(recipient="", member_id__in=of_members)
        )
    return mails


def text_versions(
    *, kind: EmailKind, language_code: str, channel_id: int | None, using: str = "default"
) -> QuerySet[EmailText]:
    """Return what the shop wrote of a mail for a language and channel, newest first."""
    return EmailText.objects.using(using).filter(
        kind=kind.value, language_code=language_code.lower(), channel_id=channel_id
    )


def address_failures(*, using: str = "default") -> QuerySet[EmailAddressFailure]:
    """Return the addresses that no mail goes to any more, the last ones first."""
    return EmailAddressFailure.objects.using(using).order_by("-failed_at", "-address")
