"""A programme: which channels it serves, how it earns and what a point is worth."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.programs.rules import (
    MAX_NAME_LENGTH,
    MAX_POINTS_NAME_LENGTH,
    Enrollment,
    PriceBasis,
)


class Program(models.Model):
    """One loyalty programme of the shop.

    `points_name` is what its points are called ("Stars"); empty means the plain word
    "points" in the reader's language. Dates that people see are in `time_zone` (IANA name).
    `guest_order_days`: a guest's order is credited to the confirmed account with its address, if
    that was made at most so many days after the order; 0 means before it. `spending` are its
    `SpendingTerms` as plain data.
    """

    name = models.CharField(max_length=MAX_NAME_LENGTH)
    points_name = models.CharField(max_length=MAX_POINTS_NAME_LENGTH, blank=True, default="")
    time_zone = models.CharField(max_length=64, default="UTC")
    enrollment = models.CharField(
        max_length=16,
        choices=[(mode.value, mode.value) for mode in Enrollment],
        default=Enrollment.AUTOMATIC.value,
    )
    guest_order_days = models.PositiveIntegerField(default=30)
    spending = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        permissions = (("manage_loyalty", "Manage loyalty."),)

    def __str__(self) -> str:
        return self.name


class ProgramPeriod(models.Model):
    """A time in which a programme was on, and how customers became members then.

    `Program.is_active` and `Program.enrollment` say how it is now; the periods say how it was,
    so that an order is settled by what held when it was placed. `valid_until` is exclusive.
    """

    program = models.ForeignKey(Program, related_name="periods", on_delete=models.CASCADE)
    enrollment = models.CharField(
        max_length=16, choices=[(mode.value, mode.value) for mode in Enrollment]
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("valid_from",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["program"],
                condition=models.Q(valid_until__isnull=True),
                name="loyalty_period_one_open_per_program",
            ),
        )

    def __str__(self) -> str:
        return f"programme {self.program_id} on from {self.valid_from}"


class ProgramPolicy(models.Model):
    """What a programme's policy was from `valid_from` until `valid_until` (exclusive).

    `terms` are a `Policy` as plain data. Before the first version the defaults hold.
    """

    program = models.ForeignKey(Program, related_name="policies", on_delete=models.CASCADE)
    terms = models.JSONField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("valid_from",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["program"],
                condition=models.Q(valid_until__isnull=True),
                name="loyalty_policy_one_open_per_program",
            ),
        )

    def __str__(self) -> str:
        return f"policy of programme {self.program_id} from {self.valid_from}"


class ProgramChannel(models.Model):
    """A channel of the shop that a programme serves, or served until `valid_until` (exclusive).

    A channel has at most one programme at a time.
    """

    program = models.ForeignKey(Program, related_name="channels", on_delete=models.CASCADE)
    channel_id = models.PositiveIntegerField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["channel_id"],
                condition=models.Q(valid_until__isnull=True),
                name="loyalty_channel_one_program_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"channel {self.channel_id} of programme {self.program_id}"


class EarningRate(models.Model):
    """What a unit of money earns and what a point is worth, for one currency and one time.

    Rates are versions: changing one closes it at that instant and opens the next, so that an
    order is always settled by the rate of its own time. `valid_until` is exclusive.
    """

    program = models.ForeignKey(Program, related_name="rates", on_delete=models.CASCADE)
    currency = models.CharField(max_length=3)
    points_per_unit = models.DecimalField(max_digits=12, decimal_places=4)
    point_value = models.DecimalField(max_digits=20, decimal_places=6)
    price_basis = models.CharField(
        max_length=8, choices=[(basis.value, basis.value) for basis in PriceBasis]
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("currency", "valid_from")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["program", "currency"],
                condition=models.Q(valid_until__isnull=True),
                name="loyalty_rate_one_open_per_currency",
            ),
            check(
                name="loyalty_rate_points_not_negative",
                condition=models.Q(points_per_unit__gte=0),
            ),
            check(
                name="loyalty_rate_value_not_negative",
                condition=models.Q(point_value__gte=0),
            ),
            check(
                name="loyalty_rate_ends_after_start",
                condition=models.Q(valid_until__isnull=True)
                | models.Q(valid_until__gte=models.F("valid_from")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.points_per_unit} points per {self.currency} from {self.valid_from}"
