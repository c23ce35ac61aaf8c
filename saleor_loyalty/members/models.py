"""Who takes part in a programme."""

from django.conf import settings
from django.db import models
from django.db.models.functions import ExtractDay, ExtractMonth

from saleor_loyalty.constraints import check
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.programs.models import Program


class Member(models.Model):
    """A customer's part in one programme.

    The row outlives the customer's account: deleting the account empties `user`, and what is
    left is an anonymous ledger. Who was imported and has no account yet is known by `email`
    (lower case) until an account with that address is confirmed. `external_id` is the name of
    the member in another system. A member that was merged lives on in `merged_into`.
    """

    program = models.ForeignKey(Program, related_name="members", on_delete=models.PROTECT)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
    )
    email = models.EmailField(max_length=254, blank=True, default="")
    external_id = models.CharField(max_length=100, blank=True, default="")
    born_on = models.DateField(null=True)
    merged_into = models.ForeignKey(
        "self", related_name="merged", null=True, on_delete=models.PROTECT
    )
    merged_at = models.DateTimeField(null=True)
    merged_by = models.CharField(max_length=64, blank=True, default="")
    joined_at = models.DateTimeField()
    joined_by = models.CharField(
        max_length=16, choices=[(way.value, way.value) for way in JoinedBy]
    )

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        indexes = (
            models.Index(
                ExtractMonth("born_on"),
                ExtractDay("born_on"),
                condition=models.Q(born_on__isnull=False),
                name="loyalty_member_birthday",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["program", "user"], name="loyalty_member_once_per_program"
            ),
            models.UniqueConstraint(
                fields=["program", "external_id"],
                condition=~models.Q(external_id=""),
                name="loyalty_member_external_id",
            ),
            models.UniqueConstraint(
                fields=["program", "email"],
                condition=~models.Q(email=""),
                name="loyalty_member_unclaimed_email",
            ),
            check(
                name="loyalty_member_not_merged_into_itself",
                condition=models.Q(merged_into__isnull=True)
                | ~models.Q(merged_into=models.F("id")),
            ),
        )

    def __str__(self) -> str:
        return f"member {self.pk}"
