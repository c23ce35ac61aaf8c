"""Earning rules as data, the points they gave, and what was used of budgets."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program


class EarningRule(models.Model):
    """A rule of a programme. `position` is its place in the order of evaluation, from 0."""

    program = models.ForeignKey(Program, related_name="earning_rules", on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("position", "pk")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class EarningRuleVersion(models.Model):
    """What a rule said from `valid_from` until `valid_until` (exclusive). Never changed.

    `definition` is a `RuleDefinition` as plain data. A rule without an open version is off.
    """

    rule = models.ForeignKey(EarningRule, related_name="versions", on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)
    definition = models.JSONField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("rule", "number")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=["rule", "number"], name="loyalty_rule_version_number"),
            models.UniqueConstraint(
                fields=["rule"],
                condition=models.Q(valid_until__isnull=True),
                name="loyalty_rule_one_open_version",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}, version {self.number}"


class EarningGrant(models.Model):
    """Points that a rule gave for one cause: for caps, cooldowns and explanations.

    `cause` is "order:<id>", "activity:<key>" and the like; `wanted` is what the rule asked for,
    `granted` what was left of it after caps and budgets. Of a rule that gives a reward they are
    gifts, not points: 1, and 1 or 0.
    """

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(EarningRuleVersion, related_name="+", on_delete=models.PROTECT)
    rule = models.ForeignKey(EarningRule, related_name="grants", on_delete=models.PROTECT)
    member = models.ForeignKey(Member, related_name="+", on_delete=models.PROTECT, db_index=False)
    cause = models.CharField(max_length=200)
    wanted = models.BigIntegerField()
    granted = models.BigIntegerField()
    effective_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        indexes = (
            models.Index(fields=["member", "rule", "effective_at"], name="loyalty_grant_of_member"),
        )
        constraints = (
            models.UniqueConstraint(fields=["rule", "cause"], name="loyalty_grant_once"),
            check(
                name="loyalty_grant_within_wish",
                condition=models.Q(granted__gte=0, granted__lte=models.F("wanted")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.granted} of {self.wanted} for {self.cause}"


class BudgetUse(models.Model):
    """What was awarded of a budget in a period: of a rule, or of the whole programme.

    `period_start` is the period's first day in the programme's zone.
    """

    id = models.BigAutoField(primary_key=True)
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT)
    rule = models.ForeignKey(EarningRule, related_name="+", null=True, on_delete=models.PROTECT)
    period_start = models.DateField()
    used_points = models.BigIntegerField(default=0)
    alerted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["program", "period_start"],
                condition=models.Q(rule__isnull=True),
                name="loyalty_budget_of_program",
            ),
            models.UniqueConstraint(
                fields=["rule", "period_start"],
                condition=models.Q(rule__isnull=False),
                name="loyalty_budget_of_rule",
            ),
            check(name="loyalty_budget_not_negative", condition=models.Q(used_points__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.used_points} since {self.period_start}"
