"""Ladders, tiers, where members stand, and every change of it."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program
from saleor_loyalty.tiers.rules import MAX_NAME_LENGTH, MAX_SLUG_LENGTH, ChangeKind


class TierLadder(models.Model):
    """How a programme's tiers work: `terms` are `LadderTerms` as plain data.

    `version` counts all changes of the ladder and its tiers. At `terms_since` thresholds got the
    meaning that they have; from `strict_since` on nobody keeps what an older version gave.
    Members were last looked at, all of them, by `applied_version`.
    """

    program = models.OneToOneField(
        Program, primary_key=True, related_name="ladder", on_delete=models.PROTECT
    )
    terms = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    terms_since = models.PositiveIntegerField(default=0)
    strict_since = models.PositiveIntegerField(default=0)
    applied_version = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"ladder of programme {self.program_id}, version {self.version}"


class Tier(models.Model):
    """A tier of a programme; higher ones have higher positions.

    `slug` is its name for machines. `thresholds` and `benefits` are `Thresholds` and a list of
    `Benefit`s as plain data. Members of a deleted tier are in `replaced_by`, or where they belong.
    """

    program = models.ForeignKey(Program, related_name="tiers", on_delete=models.PROTECT)
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    slug = models.CharField(max_length=MAX_SLUG_LENGTH)
    description = models.TextField(blank=True, default="")
    color = models.CharField(max_length=7, blank=True, default="")
    icon_url = models.CharField(max_length=500, blank=True, default="")
    position = models.PositiveIntegerField()
    thresholds = models.JSONField(default=dict)
    is_invitation_only = models.BooleanField(default=False)
    benefits = models.JSONField(default=list)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    replaced_by = models.ForeignKey("self", related_name="+", null=True, on_delete=models.PROTECT)

    class Meta:
        ordering = ("position", "pk")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["program", "slug"],
                condition=models.Q(deleted_at__isnull=True),
                name="loyalty_tier_slug",
            ),
            check(
                name="loyalty_tier_not_replaced_by_itself",
                condition=models.Q(replaced_by__isnull=True)
                | ~models.Q(replaced_by=models.F("id")),
            ),
        )

    def __str__(self) -> str:
        return self.name


class TierTranslation(models.Model):
    """A tier's texts in a language. `benefits`: name and text by the benefit's key."""

    tier = models.ForeignKey(Tier, related_name="translations", on_delete=models.CASCADE)
    language_code = models.CharField(max_length=35)
    name = models.CharField(max_length=MAX_NAME_LENGTH, blank=True, default="")
    description = models.TextField(blank=True, default="")
    benefits = models.JSONField(default=dict)

    class Meta:
        ordering = ("tier", "language_code")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["tier", "language_code"], name="loyalty_tier_translation"
            ),
        )

    def __str__(self) -> str:
        return f"tier {self.tier_id} in {self.language_code}"


class TierFactor(models.Model):
    """How often the programme's rate counted for a tier's members, for a time (end exclusive)."""

    tier = models.ForeignKey(Tier, related_name="factors", on_delete=models.PROTECT)
    factor = models.DecimalField(max_digits=6, decimal_places=2)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("tier", "valid_from")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["tier"],
                condition=models.Q(valid_until__isnull=True),
                name="loyalty_tier_factor_one_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.factor} for tier {self.tier_id} from {self.valid_from}"


class TierStanding(models.Model):
    """Where a member stands now: a `Standing`, with the tier in force and since when.

    Dates are the last day, in the programme's zone. At `review_at` time alone may change
    something. `is_published`: the shop's copy of the tier is up to date.
    """

    member = models.OneToOneField(
        Member, primary_key=True, related_name="standing", on_delete=models.PROTECT
    )
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT, db_index=False)
    tier = models.ForeignKey(Tier, related_name="+", null=True, on_delete=models.PROTECT)
    since = models.DateTimeField()
    earned = models.ForeignKey(
        Tier, related_name="+", null=True, on_delete=models.PROTECT, db_index=False
    )
    kept_on = models.DateField(null=True)
    needed = models.JSONField(null=True)
    qualified_from = models.DateField(null=True)
    version = models.PositiveIntegerField(default=0)
    grace_on = models.DateField(null=True)
    is_warned = models.BooleanField(default=False)
    assigned = models.ForeignKey(
        Tier, related_name="+", null=True, on_delete=models.PROTECT, db_index=False
    )
    assigned_on = models.DateField(null=True)
    is_pinned = models.BooleanField(default=False)
    review_at = models.DateTimeField(null=True)
    is_published = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["review_at"],
                condition=models.Q(review_at__isnull=False),
                name="loyalty_standing_review",
            ),
            models.Index(
                fields=["member"],
                condition=models.Q(is_published=False),
                name="loyalty_standing_unpublished",
            ),
        )

    def __str__(self) -> str:
        return f"member {self.member_id} in tier {self.tier_id}"


class TierChange(models.Model):
    """Something that happened to a member's tier. The database refuses to change a row.

    From `since` on the member was in `to_tier`; `until_on` is the last day that was certain then
    (None: no end). `details` say why: metric, what there was, what was needed, and in which days.
    `actor` is "user:<id>" or "app:<id>" of the staff behind it, empty for the ladder itself; `note` their reason.
    """

    id = models.BigAutoField(primary_key=True)
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT, db_index=False)
    member = models.ForeignKey(
        Member, related_name="tier_changes", on_delete=models.PROTECT, db_index=False
    )
    kind = models.CharField(
        max_length=20, choices=[(kind.value, kind.value) for kind in ChangeKind]
    )
    from_tier = models.ForeignKey(
        Tier, related_name="+", null=True, on_delete=models.PROTECT, db_index=False
    )
    to_tier = models.ForeignKey(
        Tier, related_name="+", null=True, on_delete=models.PROTECT, db_index=False
    )
    since = models.DateTimeField()
    until_on = models.DateField(null=True)
    details = models.JSONField(default=dict)
    note = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        indexes = (models.Index(fields=["member", "-id"], name="loyalty_tier_change_of_member"),)

    def __str__(self) -> str:
        return f"member {self.member_id}: {self.kind} to tier {self.to_tier_id}"


class BenefitVoucher(models.Model):
    """The shop's voucher that stands for a tier's benefit in a period; members have codes of it."""

    tier = models.ForeignKey(Tier, related_name="+", on_delete=models.PROTECT)
    benefit_key = models.CharField(max_length=120)
    period_start = models.DateField()
    voucher_id = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["tier", "benefit_key", "period_start"], name="loyalty_benefit_voucher"
            ),
        )

    def __str__(self) -> str:
        return f"voucher {self.voucher_id} for {self.benefit_key}"


class BenefitGrant(models.Model):
    """A benefit that a member got, once a period. Vouchers have a `code` once they are issued.

    One that is good for several orders is as many grants, by `number`. `period_start` is the period's first day in the programme's zone; `benefit` is a `Benefit` as
    it was then. A voucher can be used until `valid_until` (exclusive; None: for ever).
    """

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey(Member, related_name="+", on_delete=models.PROTECT, db_index=False)
    tier = models.ForeignKey(Tier, related_name="+", on_delete=models.PROTECT)
    benefit_key = models.CharField(max_length=120)
    period_start = models.DateField()
    number = models.PositiveSmallIntegerField(default=1)
    benefit = models.JSONField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    code = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["id"],
                condition=models.Q(issued_at__isnull=True),
                name="loyalty_grant_unissued",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["member", "tier", "benefit_key", "period_start", "number"],
                name="loyalty_benefit_grant_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.benefit_key} for member {self.member_id}"
