"""Reads of the mail queue."""

from django.db.models import QuerySet

from saleor_loyalty.emails.models import EmailMessage


def email_log(*, using: str = "default") -> QuerySet[EmailMessage]:
    """Return all mails, newest first."""
    return EmailMessage.objects.using(using).all()
