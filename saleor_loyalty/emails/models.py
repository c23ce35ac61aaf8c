"""The queue of mails: a mail is a row first."""

from django.db import models

from saleor_loyalty.emails.rules import EmailKind, EmailStatus, Transport, Why


class EmailMessage(models.Model):
    """A mail, from the transaction that caused it until it was delivered.

    `recipient` and `language_code` are the order's that it is about, or empty until it is sent: then
    the member's. A worker claims it (`claimed_at`), asks whether it may leave (`approved_at`),
    renders it, and notes the instant before it hands it to the mail server (`handed_over_at`); so
    after a crash it is known whether it may have left. `attempted_at` is the last such instant, also of a try that
    failed. Mails of a lower `priority` leave first. `why` says why it waits or was suppressed.
    `again_of`: the mail that staff sent once more by this one. Ids of other rooms are plain numbers.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=32, choices=[(kind.value, kind.value) for kind in EmailKind])
    program_id = models.BigIntegerField(null=True)
    member_id = models.BigIntegerField(null=True)
    order_id = models.CharField(max_length=64, blank=True, default="")
    channel_id = models.PositiveIntegerField(null=True)
    recipient = models.EmailField(blank=True, default="")
    language_code = models.CharField(max_length=35, blank=True, default="")
    facts = models.JSONField()
    subject = models.CharField(max_length=255, blank=True, default="")
    transport = models.CharField(
        max_length=16,
        choices=[(one.value, one.value) for one in Transport],
        default=Transport.EMAIL.value,
    )
    status = models.CharField(
        max_length=16,
        choices=[(status.value, status.value) for status in EmailStatus],
        default=EmailStatus.QUEUED.value,
    )
    why = models.CharField(
        max_length=16, choices=[(why.value, why.value) for why in Why], blank=True, default=""
    )
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    priority = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    again_of = models.ForeignKey("self", related_name="+", null=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["priority", "due_at", "id"],
                condition=models.Q(status=EmailStatus.QUEUED.value),
                name="loyalty_email_due",
            ),
            models.Index(
                fields=["claimed_at"],
                condition=models.Q(status=EmailStatus.SENDING.value),
                name="loyalty_email_claimed",
            ),
            models.Index(fields=["member_id", "-id"], name="loyalty_email_member"),
            models.Index(
                fields=["order_id"], condition=~models.Q(order_id=""), name="loyalty_email_order"
            ),
            models.Index(fields=["attempted_at"], name="loyalty_email_attempted"),
        )
        constraints = (models.UniqueConstraint(fields=["key"], name="loyalty_email_queued_once"),)

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"


class EmailText(models.Model):
    """A version of what the shop wrote of a kind of mail, in a language and for a channel.

    `channel_id` None: for all channels that have nothing of their own. `parts`: texts by part, and
    `blocks` the shop's choice of them (None: the usual); what is missing is as it comes. The highest
    `version` counts; an empty one is a reset. `actor` is "user:<id>" or "app:<id>".
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=32, choices=[(kind.value, kind.value) for kind in EmailKind])
    language_code = models.CharField(max_length=35)
    channel_id = models.PositiveIntegerField(null=True)
    version = models.PositiveIntegerField()
    is_current = models.BooleanField()
    parts = models.JSONField(default=dict)
    blocks = models.JSONField(null=True)
    actor = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "language_code", "channel_id"],
                condition=models.Q(is_current=True, channel_id__isnull=False),
                name="loyalty_email_text_of_channel",
            ),
            models.UniqueConstraint(
                fields=["kind", "language_code"],
                condition=models.Q(is_current=True, channel_id__isnull=True),
                name="loyalty_email_text_of_all",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} in {self.language_code}, version {self.version}"


class EmailAddressFailure(models.Model):
    """An address (lower case) that a mail server refused for good; no mail goes there any more.

    Until staff clear it, or the member has another address.
    """

    address = models.EmailField(primary_key=True)
    error = models.TextField()
    failures = models.PositiveIntegerField(default=1)
    failed_at = models.DateTimeField()

    class Meta:
        ordering = ("-failed_at",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.address}: {self.error}"
