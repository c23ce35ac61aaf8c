"""Tiers: ladders, where members stand, every change of it, and what tiers give."""

import django.db.models.deletion
from django.db import migrations, models

from saleor_loyalty.constraints import check

# What orders of before still count for: the same share as of their points.
SPENT = """
UPDATE saleor_loyalty_settledorder SET spent_amount = CASE
    WHEN earned_points > 0
        THEN round(merchandise_amount * (earned_points - returned_points) / earned_points, 3)
    ELSE merchandise_amount
END
WHERE outcome = 'earned';
SET CONSTRAINTS ALL IMMEDIATE;
"""
HISTORY_STAYS = """
CREATE TRIGGER saleor_loyalty_tierchange_no_change
    BEFORE UPDATE OR DELETE ON saleor_loyalty_tierchange
    FOR EACH ROW EXECUTE FUNCTION saleor_loyalty_refuse_change();
CREATE TRIGGER saleor_loyalty_tierchange_no_truncate
    BEFORE TRUNCATE ON saleor_loyalty_tierchange
    FOR EACH STATEMENT EXECUTE FUNCTION saleor_loyalty_refuse_change();
ALTER TABLE saleor_loyalty_tierstanding SET (fillfactor = 80);
"""
HISTORY_GOES = """
DROP TRIGGER saleor_loyalty_tierchange_no_truncate ON saleor_loyalty_tierchange;
DROP TRIGGER saleor_loyalty_tierchange_no_change ON saleor_loyalty_tierchange;
"""


class Migration(migrations.Migration):
    """Makes the tables, and lets the database refuse to change history."""

    dependencies = [
        ("saleor_loyalty", "0004_lots_of_earlier_entries"),
    ]

    operations = [
        migrations.CreateModel(
            name="TierLadder",
            fields=[
                (
                    "program",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="ladder",
                        serialize=False,
                        to="saleor_loyalty.program",
                    ),
                ),
                ("terms", models.JSONField(default=dict)),
                ("version", models.PositiveIntegerField(default=1)),
                ("terms_since", models.PositiveIntegerField(default=0)),
                ("strict_since", models.PositiveIntegerField(default=0)),
                ("applied_version", models.PositiveIntegerField(default=0)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="settledorder",
            name="spent_amount",
            field=models.DecimalField(decimal_places=3, default=0, max_digits=20),
        ),
        migrations.AlterField(
            model_name="entry",
            name="reason",
            field=models.CharField(
                choices=[
                    ("order_earned", "order_earned"),
                    ("order_refunded", "order_refunded"),
                    ("order_cancelled", "order_cancelled"),
                    ("order_changed", "order_changed"),
                    ("activity_earned", "activity_earned"),
                    ("adjustment", "adjustment"),
                    ("goodwill", "goodwill"),
                    ("opening_balance", "opening_balance"),
                    ("matured", "matured"),
                    ("held", "held"),
                    ("spent", "spent"),
                    ("released", "released"),
                    ("returned", "returned"),
                    ("expired", "expired"),
                    ("tier_reached", "tier_reached"),
                    ("debt_repaid", "debt_repaid"),
                    ("debt_forgiven", "debt_forgiven"),
                    ("merged", "merged"),
                    ("correction", "correction"),
                ],
                max_length=32,
            ),
        ),
        migrations.CreateModel(
            name="Tier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("slug", models.CharField(max_length=60)),
                ("description", models.TextField(blank=True, default="")),
                ("color", models.CharField(blank=True, default="", max_length=7)),
                ("icon_url", models.CharField(blank=True, default="", max_length=500)),
                ("position", models.PositiveIntegerField()),
                ("thresholds", models.JSONField(default=dict)),
                ("is_invitation_only", models.BooleanField(default=False)),
                ("benefits", models.JSONField(default=list)),
                ("created_at", models.DateTimeField()),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tiers",
                        to="saleor_loyalty.program",
                    ),
                ),
                (
                    "replaced_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
            ],
            options={
                "ordering": ("position", "pk"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BenefitVoucher",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("benefit_key", models.CharField(max_length=120)),
                ("period_start", models.DateField()),
                ("voucher_id", models.CharField(max_length=64)),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BenefitGrant",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("benefit_key", models.CharField(max_length=120)),
                ("period_start", models.DateField()),
                ("number", models.PositiveSmallIntegerField(default=1)),
                ("benefit", models.JSONField()),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("code", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                ("issued_at", models.DateTimeField(null=True)),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.member",
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TierChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("rose", "rose"),
                            ("renewed", "renewed"),
                            ("warned", "warned"),
                            ("grace", "grace"),
                            ("fell", "fell"),
                            ("assigned", "assigned"),
                            ("assignment_ended", "assignment_ended"),
                            ("ladder_changed", "ladder_changed"),
                            ("merged", "merged"),
                        ],
                        max_length=20,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until_on", models.DateField(null=True)),
                ("details", models.JSONField(default=dict)),
                ("note", models.TextField(blank=True, default="")),
                ("actor", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "from_tier",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tier_changes",
                        to="saleor_loyalty.member",
                    ),
                ),
                (
                    "program",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.program",
                    ),
                ),
                (
                    "to_tier",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TierFactor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("factor", models.DecimalField(decimal_places=2, max_digits=6)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="factors",
                        to="saleor_loyalty.tier",
                    ),
                ),
            ],
            options={
                "ordering": ("tier", "valid_from"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TierStanding",
            fields=[
                (
                    "member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="standing",
                        serialize=False,
                        to="saleor_loyalty.member",
                    ),
                ),
                ("since", models.DateTimeField()),
                ("kept_on", models.DateField(null=True)),
                ("needed", models.JSONField(null=True)),
                ("qualified_from", models.DateField(null=True)),
                ("version", models.PositiveIntegerField(default=0)),
                ("grace_on", models.DateField(null=True)),
                ("is_warned", models.BooleanField(default=False)),
                ("assigned_on", models.DateField(null=True)),
                ("is_pinned", models.BooleanField(default=False)),
                ("review_at", models.DateTimeField(null=True)),
                ("is_published", models.BooleanField(default=False)),
                (
                    "assigned",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
                (
                    "earned",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
                (
                    "program",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.program",
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.tier",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TierTranslation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("language_code", models.CharField(max_length=35)),
                ("name", models.CharField(blank=True, default="", max_length=60)),
                ("description", models.TextField(blank=True, default="")),
                ("benefits", models.JSONField(default=dict)),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="translations",
                        to="saleor_loyalty.tier",
                    ),
                ),
            ],
            options={
                "ordering": ("tier", "language_code"),
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="tier",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("program", "slug"),
                name="loyalty_tier_slug",
            ),
        ),
        migrations.AddConstraint(
            model_name="tier",
            constraint=check(
                condition=models.Q(
                    ("replaced_by__isnull", True),
                    models.Q(("replaced_by", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="loyalty_tier_not_replaced_by_itself",
            ),
        ),
        migrations.AddConstraint(
            model_name="benefitvoucher",
            constraint=models.UniqueConstraint(
                fields=("tier", "benefit_key", "period_start"), name="loyalty_benefit_voucher"
            ),
        ),
        migrations.AddIndex(
            model_name="benefitgrant",
            index=models.Index(
                condition=models.Q(("issued_at__isnull", True)),
                fields=["id"],
                name="loyalty_grant_unissued",
            ),
        ),
        migrations.AddConstraint(
            model_name="benefitgrant",
            constraint=models.UniqueConstraint(
                fields=("member", "tier", "benefit_key", "period_start", "number"),
                name="loyalty_benefit_grant_once",
            ),
        ),
        migrations.AddIndex(
            model_name="tierchange",
            index=models.Index(fields=["member", "-id"], name="loyalty_tier_change_of_member"),
        ),
        migrations.AddConstraint(
            model_name="tierfactor",
            constraint=models.UniqueConstraint(
                condition=models.Q(("valid_until__isnull", True)),
                fields=("tier",),
                name="loyalty_tier_factor_one_open",
            ),
        ),
        migrations.AddIndex(
            model_name="tierstanding",
            index=models.Index(
                condition=models.Q(("review_at__isnull", False)),
                fields=["review_at"],
                name="loyalty_standing_review",
            ),
        ),
        migrations.AddIndex(
            model_name="tierstanding",
            index=models.Index(
                condition=models.Q(("is_published", False)),
                fields=["member"],
                name="loyalty_standing_unpublished",
            ),
        ),
        migrations.AddConstraint(
            model_name="tiertranslation",
            constraint=models.UniqueConstraint(
                fields=("tier", "language_code"), name="loyalty_tier_translation"
            ),
        ),
        migrations.RunSQL(SPENT, migrations.RunSQL.noop),
        migrations.RunSQL(HISTORY_STAYS, HISTORY_GOES),
    ]
