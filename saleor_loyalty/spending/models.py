"""What became of points that were applied to checkouts."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.spending import Means, SpendingTerms
from saleor_loyalty.spending.rules import Release, SpendingState


class Spending(models.Model):
    """Points that a member applied to a checkout, held until its order exists.

    Only the customer `user_id` can use them. They pay `amount` of `currency` by a gift card or voucher of the shop's own: `code`, and its id
    as text, `means_id`. `number` counts how often the amount was replaced: each has a hold of its own. An order that used
    the code (`order_id`) spent `captured_points` for `captured_amount`; `returned_points` of those
    came back. `terms` and `point_value` are the programme's of when they were applied last. What was not spent went back to the member
    (`released_because`). `is_shut`: the shop's card or voucher is gone, or can pay no more. What changed of the checkout since `checked_at` was not looked at yet.
    """

    id = models.BigAutoField(primary_key=True)
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT, db_index=False)
    member = models.ForeignKey(Member, related_name="spendings", on_delete=models.PROTECT)
    user_id = models.PositiveBigIntegerField()
    checkout_id = models.CharField(max_length=64)
    channel_id = models.PositiveIntegerField()
    state = models.CharField(
        max_length=16, choices=[(state.value, state.value) for state in SpendingState]
    )
    points = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=3)
    means = models.CharField(max_length=16, choices=[(one.value, one.value) for one in Means])
    means_id = models.CharField(max_length=64, blank=True, default="")
    code = models.CharField(max_length=32)
    number = models.PositiveIntegerField(default=1)
    order_id = models.CharField(max_length=64, blank=True, default="")
    captured_points = models.BigIntegerField(default=0)
    captured_amount = models.DecimalField(max_digits=20, decimal_places=3, default=0)
    returned_points = models.BigIntegerField(default=0)
    point_value = models.DecimalField(max_digits=20, decimal_places=6)
    terms = models.JSONField()
    is_shut = models.BooleanField(default=False)
    released_because = models.CharField(
        max_length=16, blank=True, default="", choices=[(one.value, one.value) for one in Release]
    )
    created_at = models.DateTimeField()
    checked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state=SpendingState.HELD.value),
                name="loyalty_spending_held",
            ),
            models.Index(
                fields=["order_id"],
                condition=~models.Q(order_id=""),
                name="loyalty_spending_order",
            ),
            models.Index(fields=["means", "means_id"], name="loyalty_spending_means"),
            models.Index(
                fields=["id"],
                condition=models.Q(is_shut=False) & ~models.Q(state=SpendingState.HELD.value),
                name="loyalty_spending_to_shut",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["checkout_id"],
                condition=models.Q(state=SpendingState.HELD.value),
                name="loyalty_spending_one_a_checkout",
            ),
            models.UniqueConstraint(fields=["code"], name="loyalty_spending_code"),
            check(
                name="loyalty_spending_within_points",
                condition=models.Q(points__gt=0)
                & models.Q(captured_points__gte=0, captured_points__lte=models.F("points"))
                & models.Q(
                    returned_points__gte=0, returned_points__lte=models.F("captured_points")
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.points} points on checkout {self.checkout_id}: {self.state}"

    @property
    def spending_terms(self) -> SpendingTerms:
        """Return the terms that hold for it."""
        return SpendingTerms.from_json(self.terms)
