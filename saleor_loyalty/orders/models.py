"""Orders that are due, and what was settled for each."""

from django.db import models

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.rules import PriceBasis


class DueOrder(models.Model):
    """A mark that an order changed and wants settling.

    Only ever inserted by hooks, so that a hook never waits for a worker; an order may have
    many marks. `attempts`, `error` and `retry_at` tell of settlings that failed.
    """

    id = models.BigAutoField(primary_key=True)
    order_id = models.CharField(max_length=64)
    marked_at = models.DateTimeField()
    retry_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        indexes = (models.Index(fields=["order_id"], name="loyalty_due_order"),)

    def __str__(self) -> str:
        return f"order {self.order_id} since {self.marked_at}"


class SettledOrder(models.Model):
    """What was last settled for an order: the explanation beside the ledger's entries.

    `earlier_orders`: how many the customer had placed before it. `program` and `member` stay once points were posted, whatever happens to the channel or
    the account. `earned_points` came of `merchandise_amount` (in `currency`, on `price_basis`) as `breakdown` tells,
    a row a rule; `returned_points` of them went back, and `spent_amount` of the money did not. `facts_digest` tells whether what earns has
    changed since: while it has not, an award stays as it was made.
    """

    order_id = models.CharField(max_length=64, primary_key=True)
    order_number = models.CharField(max_length=32, blank=True, default="")
    order_placed_at = models.DateTimeField()
    program = models.ForeignKey(Program, related_name="+", null=True, on_delete=models.PROTECT)
    member = models.ForeignKey(Member, related_name="+", null=True, on_delete=models.PROTECT)
    outcome = models.CharField(
        max_length=16, choices=[(outcome.value, outcome.value) for outcome in Outcome]
    )
    channel_id = models.PositiveIntegerField(null=True)
    earlier_orders = models.PositiveIntegerField(default=0)
    currency = models.CharField(max_length=3)
    merchandise_amount = models.DecimalField(max_digits=20, decimal_places=3, default=0)
    points_per_unit = models.DecimalField(max_digits=12, decimal_places=4, default=0)
    price_basis = models.CharField(
        max_length=8,
        blank=True,
        default="",
        choices=[(basis.value, basis.value) for basis in PriceBasis],
    )
    earned_points = models.BigIntegerField(default=0)
    returned_points = models.BigIntegerField(default=0)
    spent_amount = models.DecimalField(max_digits=20, decimal_places=3, default=0)
    facts_digest = models.CharField(max_length=64, blank=True, default="")
    breakdown = models.JSONField(default=list)
    settled_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["order_placed_at"],
                condition=models.Q(outcome=Outcome.NO_ACCOUNT.value),
                name="loyalty_settled_no_account",
            ),
        )

    def __str__(self) -> str:
        return f"order {self.order_number}: {self.outcome}"


class OrderSweep(models.Model):
    """How far the sweep over changed orders has come: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    swept_until = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"swept until {self.swept_until}"
