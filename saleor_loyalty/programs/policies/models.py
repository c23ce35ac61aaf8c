"""Versions of a programme's policy."""

from django.db import models

from saleor_loyalty.programs.models import Program


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
