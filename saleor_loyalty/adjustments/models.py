"""Adjustments by hand: who gave or took what, why, and who approved it."""

from django.db import models

from saleor_loyalty.adjustments.rules import AdjustmentReason, AdjustmentStatus
from saleor_loyalty.constraints import check
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program


class Adjustment(models.Model):
    """Points given (above 0) or taken by hand.

    `requested_on` is the day in the programme's zone that the limit of `requested_by` counts.
    One beyond that limit waits until somebody else decides.
    """

    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT)
    member = models.ForeignKey(Member, related_name="adjustments", on_delete=models.PROTECT)
    key = models.CharField(max_length=120)
    fingerprint = models.CharField(max_length=64)
    points = models.BigIntegerField()
    reason = models.CharField(
        max_length=32, choices=[(one.value, one.value) for one in AdjustmentReason]
    )
    note = models.TextField()
    is_qualifying = models.BooleanField(default=False)
    status = models.CharField(
        max_length=16, choices=[(one.value, one.value) for one in AdjustmentStatus]
    )
    requested_by = models.CharField(max_length=64)
    requested_at = models.DateTimeField()
    requested_on = models.DateField()
    decided_by = models.CharField(max_length=64, blank=True, default="")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["program", "requested_by", "requested_on"], name="loyalty_adjustment_day"
            ),
            models.Index(
                fields=["-id"],
                condition=models.Q(status=AdjustmentStatus.WAITING.value),
                name="loyalty_adjustment_waiting",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["program", "key"], name="loyalty_adjustment_key"),
            check(name="loyalty_adjustment_moves", condition=~models.Q(points=0)),
            check(
                name="loyalty_adjustment_second_person",
                condition=models.Q(decided_by="") | ~models.Q(decided_by=models.F("requested_by")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.points} by {self.requested_by}: {self.status}"
