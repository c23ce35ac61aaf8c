"""The queue of mails: a mail is a row first."""

from django.db import models

from saleor_loyalty.emails.rules import EmailKind, EmailStatus


class EmailMessage(models.Model):
    """A mail, from the transaction that caused it until it was delivered.

    A worker claims it (`claimed_at`), renders it, and notes the instant before it hands it to
    the mail server (`handed_over_at`); so after a crash it is known whether it may have left.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=32, choices=[(kind.value, kind.value) for kind in EmailKind])
    channel_id = models.PositiveIntegerField(null=True)
    recipient = models.EmailField()
    language_code = models.CharField(max_length=35)
    facts = models.JSONField()
    status = models.CharField(
        max_length=16,
        choices=[(status.value, status.value) for status in EmailStatus],
        default=EmailStatus.QUEUED.value,
    )
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["due_at"],
                condition=models.Q(status=EmailStatus.QUEUED.value),
                name="loyalty_email_due",
            ),
            models.Index(
                fields=["claimed_at"],
                condition=models.Q(status=EmailStatus.SENDING.value),
                name="loyalty_email_claimed",
            ),
        )
        constraints = (models.UniqueConstraint(fields=["key"], name="loyalty_email_queued_once"),)

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
