"""The ledger: entries are the truth; balances, lots and holds a cache that is written with them."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.rules import Bucket, Reason, signed_points
from saleor_loyalty.programs.models import Program

BUCKETS = [(bucket.value, bucket.value) for bucket in Bucket]


class Lot(models.Model):
    """Points that were given together: where they are now, when they mature, when they expire.

    `expired` are those that expired out of it. Pending points with no `matures_at` wait for an
    event or a person. `inactivity_months`: they expire so long after the member's last activity.
    """

    id = models.BigAutoField(primary_key=True)
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT, db_index=False)
    member = models.ForeignKey(
        Member, related_name="lots", on_delete=models.PROTECT, db_index=False
    )
    order_id = models.CharField(max_length=64, blank=True, default="")
    pending = models.BigIntegerField(default=0)
    available = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    earned_at = models.DateTimeField()
    matures_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    inactivity_months = models.PositiveSmallIntegerField(null=True)
    notice_days = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["member"],
                condition=models.Q(pending__gt=0)
                | models.Q(available__gt=0)
                | models.Q(held__gt=0),
                name="loyalty_lot_open",
            ),
            models.Index(
                fields=["order_id"], condition=~models.Q(order_id=""), name="loyalty_lot_order"
            ),
            models.Index(
                fields=["expires_at", "id"],
                condition=models.Q(available__gt=0, expires_at__isnull=False),
                name="loyalty_lot_expiring",
            ),
            models.Index(
                fields=["matures_at", "id"],
                condition=models.Q(pending__gt=0, matures_at__isnull=False),
                name="loyalty_lot_maturing",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(available__gt=0, inactivity_months__isnull=False),
                name="loyalty_lot_by_inactivity",
            ),
        )
        constraints = (
            check(
                name="loyalty_lot_not_negative",
                condition=models.Q(pending__gte=0, available__gte=0, held__gte=0, expired__gte=0),
            ),
            check(
                name="loyalty_lot_one_way_to_expire",
                condition=models.Q(expires_at__isnull=True)
                | models.Q(inactivity_months__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"lot {self.pk}: {self.available} available until {self.expires_at}"


class Hold(models.Model):
    """Points set aside for a purpose that is named by its `key`, as for a checkout.

    Of `points`, `held` are held still and `captured` were spent, of which `returned` came back.
    What is held goes back at `expires_at`.
    """

    id = models.BigAutoField(primary_key=True)
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT, db_index=False)
    member = models.ForeignKey(Member, related_name="holds", on_delete=models.PROTECT)
    key = models.CharField(max_length=200)
    points = models.BigIntegerField()
    held = models.BigIntegerField()
    captured = models.BigIntegerField(default=0)
    returned = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["expires_at"],
                condition=models.Q(held__gt=0, expires_at__isnull=False),
                name="loyalty_hold_open",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["program", "key"], name="loyalty_hold_key"),
            check(
                name="loyalty_hold_not_negative",
                condition=models.Q(held__gte=0, captured__gte=0, returned__gte=0),
            ),
            check(
                name="loyalty_hold_within_its_points",
                condition=models.Q(points__gte=models.F("held") + models.F("captured"))
                & models.Q(captured__gte=models.F("returned")),
            ),
        )

    def __str__(self) -> str:
        return f"hold {self.key}: {self.held} of {self.points}"


class Entry(models.Model):
    """Points that moved from one bucket to another. The database refuses to change a row.

    A posting has an entry (`leg` 0, 1, ...) for each lot it touched, with one `idempotency_key`;
    so entries also remember which lots a `hold` used. `effective_at` is when it counts,
    `created_at` when it was written. `is_qualifying`: it counts towards tiers. `actor` is
    "user:<id>" or "app:<id>" of the staff behind it, empty for the programme itself.
    `details` explains the number.
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
    lot = models.ForeignKey(
        Lot, related_name="+", null=True, on_delete=models.PROTECT, db_index=False
    )
    hold = models.ForeignKey(
        Hold, related_name="+", null=True, on_delete=models.PROTECT, db_index=False
    )
    is_qualifying = models.BooleanField(default=False)
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
            models.Index(
                fields=["member", "-id"],
                condition=models.Q(leg=0),
                name="loyalty_entry_history",
            ),
            models.Index(
                fields=["hold"],
                condition=models.Q(hold__isnull=False),
                name="loyalty_entry_hold",
            ),
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
    """What a member has in each bucket, and when they last did something that counts."""

    member = models.OneToOneField(
        Member, primary_key=True, related_name="balance", on_delete=models.PROTECT
    )
    pending = models.BigIntegerField(default=0)
    available = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0)
    last_activity_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = (
            check(
                name="loyalty_balance_not_negative",
                condition=models.Q(pending__gte=0, available__gte=0, held__gte=0, debt__gte=0),
            ),
            check(
                name="loyalty_balance_debt_is_repaid_first",
                condition=models.Q(debt=0) | models.Q(available=0),
            ),
        )

    def __str__(self) -> str:
        return f"{self.available} available, {self.debt} owed"


class LedgerDrift(models.Model):
    """A difference that `loyalty_verify` found between the entries and what is kept beside them."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey(Member, related_name="+", on_delete=models.PROTECT)
    what = models.CharField(max_length=100)
    is_value = models.BigIntegerField()
    should_be = models.BigIntegerField()
    found_at = models.DateTimeField()
    repaired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["-id"],
                condition=models.Q(repaired_at__isnull=True),
                name="loyalty_drift_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.what} of member {self.member_id}: {self.is_value}, not {self.should_be}"
