"""The ledger: entries are the truth, balances a cache that is written with them."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.rules import Bucket, Reason, signed_points
from saleor_loyalty.programs.models import Program

BUCKETS = [(bucket.value, bucket.value) for bucket in Bucket]


class Entry(models.Model):
    """Points that moved from one bucket to another. The database refuses to change a row.

    A posting has one or two entries (`leg` 0, 1) with one `idempotency_key`. `effective_at` is
    when it counts, `created_at` when it was written. `actor` is "user:<id>" or "app:<id>" of
    the staff behind it, empty for the programme itself. `details` explains the number.
    """

    id = models.BigAutoField(primary_key=True)
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT)
    member = models.ForeignKey(Member, related_name="entries", on_delete=models.PROTECT)
    idempotency_key = models.CharField(max_length=200)
    leg = models.PositiveSmallIntegerField()
    fingerprint = models.CharField(max_length=64)
    source = models.CharField(max_length=16, choices=BUCKETS)
    target = models.CharField(max_length=16, choices=BUCKETS)
    points = models.BigIntegerField()
    reason = models.CharField(
        max_length=32, choices=[(reason.value, reason.value) for reason in Reason]
    )
    order_id = models.CharField(max_length=64, blank=True, default="")
    note = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=64, blank=True, default="")
    details = models.JSONField(default=dict)
    effective_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        indexes = (
            models.Index(fields=["member", "-id"], name="loyalty_entry_history"),
            models.Index(
                fields=["order_id"],
                condition=~models.Q(order_id=""),
                name="loyalty_entry_order",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["program", "idempotency_key", "leg"], name="loyalty_entry_posted_once"
            ),
            check(name="loyalty_entry_points_positive", condition=models.Q(points__gt=0)),
            check(
                name="loyalty_entry_moves",
                condition=~models.Q(source=models.F("target")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.points} {self.source} -> {self.target} ({self.reason})"

    @property
    def signed_points(self) -> int:
        """What the entry means to the member: above 0 gained, below 0 lost."""
        return signed_points(
            source=Bucket(self.source), target=Bucket(self.target), points=self.points
        )


class Balance(models.Model):
    """What a member has in each bucket; the row that is locked before points move."""

    member = models.OneToOneField(
        Member, primary_key=True, related_name="balance", on_delete=models.PROTECT
    )
    available = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (
            check(
                name="loyalty_balance_available_not_negative",
                condition=models.Q(available__gte=0),
            ),
            check(name="loyalty_balance_debt_not_negative", condition=models.Q(debt__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.available} available, {self.debt} owed"
