"""Who takes part in a programme."""

from django.conf import settings
from django.db import models

from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.programs.models import Program


class Member(models.Model):
    """A customer's part in one programme.

    The row outlives the customer's account: deleting the account empties `user`, and what is
    left is an anonymous ledger.
    """

    program = models.ForeignKey(Program, related_name="members", on_delete=models.PROTECT)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
    )
    joined_at = models.DateTimeField()
    joined_by = models.CharField(
        max_length=16, choices=[(way.value, way.value) for way in JoinedBy]
    )

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["program", "user"], name="loyalty_member_once_per_program"
            ),
        )

    def __str__(self) -> str:
        return f"member {self.pk}"
