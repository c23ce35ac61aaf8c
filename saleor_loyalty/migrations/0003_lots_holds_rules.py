"""Lots, holds, earning rules, policies, adjustments, and members from elsewhere."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from saleor_loyalty.constraints import check


class Migration(migrations.Migration):
    dependencies = [
        ("saleor_loyalty", "0002_entries_are_immutable"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Adjustment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=120)),
                ("fingerprint", models.CharField(max_length=64)),
                ("points", models.BigIntegerField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("goodwill", "goodwill"),
                            ("correction", "correction"),
                            ("promotion", "promotion"),
                            ("missing_order", "missing_order"),
                            ("abuse", "abuse"),
                            ("other", "other"),
                        ],
                        max_length=32,
                    ),
                ),
                ("note", models.TextField()),
                ("is_qualifying", models.BooleanField(default=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("applied", "applied"),
                            ("waiting", "waiting"),
                            ("rejected", "rejected"),
                        ],
                        max_length=16,
                    ),
                ),
                ("requested_by", models.CharField(max_length=64)),
                ("requested_at", models.DateTimeField()),
                ("requested_on", models.DateField()),
                ("decided_by", models.CharField(blank=True, default="", max_length=64)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-pk",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BudgetUse",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("period_start", models.DateField()),
                ("used_points", models.BigIntegerField(default=0)),
                ("alerted_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EarningGrant",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("cause", models.CharField(max_length=200)),
                ("wanted", models.BigIntegerField()),
                ("granted", models.BigIntegerField()),
                ("effective_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EarningRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("position", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("position", "pk"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EarningRuleVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("name", models.CharField(max_length=120)),
                ("position", models.PositiveIntegerField(default=0)),
                ("definition", models.JSONField()),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("rule", "number"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=200)),
                ("points", models.BigIntegerField()),
                ("held", models.BigIntegerField()),
                ("captured", models.BigIntegerField(default=0)),
                ("returned", models.BigIntegerField(default=0)),
                ("expires_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="LedgerDrift",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("what", models.CharField(max_length=100)),
                ("is_value", models.BigIntegerField()),
                ("should_be", models.BigIntegerField()),
                ("found_at", models.DateTimeField()),
                ("repaired_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Lot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("order_id", models.CharField(blank=True, default="", max_length=64)),
                ("pending", models.BigIntegerField(default=0)),
                ("available", models.BigIntegerField(default=0)),
                ("held", models.BigIntegerField(default=0)),
                ("expired", models.BigIntegerField(default=0)),
                ("earned_at", models.DateTimeField()),
                ("matures_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("inactivity_months", models.PositiveSmallIntegerField(null=True)),
                ("notice_days", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ProgramPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("terms", models.JSONField()),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("valid_from",),
                "default_permissions": (),
            },
        ),
        migrations.RemoveConstraint(
            model_name="balance",
            name="loyalty_balance_available_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="balance",
            name="loyalty_balance_debt_not_negative",
        ),
        migrations.RemoveIndex(
            model_name="entry",
            name="loyalty_entry_history",
        ),
        migrations.AddField(
            model_name="balance",
            name="held",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="balance",
            name="last_activity_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="balance",
            name="pending",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="entry",
            name="is_qualifying",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="member",
            name="born_on",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="member",
            name="email",
            field=models.EmailField(blank=True, default="", max_length=254),
        ),
        migrations.AddField(
            model_name="member",
            name="external_id",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="member",
            name="merged_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="member",
            name="merged_by",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="member",
            name="merged_into",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="merged",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddField(
            model_name="settledorder",
            name="breakdown",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="settledorder",
            name="facts_digest",
            field=models.CharField(blank=True, default="", max_length=64),
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
                    ("debt_repaid", "debt_repaid"),
                    ("debt_forgiven", "debt_forgiven"),
                    ("merged", "merged"),
                    ("correction", "correction"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="entry",
            name="source",
            field=models.CharField(
                choices=[
                    ("available", "available"),
                    ("pending", "pending"),
                    ("held", "held"),
                    ("debt", "debt"),
                    ("issued", "issued"),
                    ("spent", "spent"),
                    ("expired", "expired"),
                    ("revoked", "revoked"),
                    ("transferred", "transferred"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="entry",
            name="target",
            field=models.CharField(
                choices=[
                    ("available", "available"),
                    ("pending", "pending"),
                    ("held", "held"),
                    ("debt", "debt"),
                    ("issued", "issued"),
                    ("spent", "spent"),
                    ("expired", "expired"),
                    ("revoked", "revoked"),
                    ("transferred", "transferred"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="member",
            name="joined_by",
            field=models.CharField(
                choices=[
                    ("order", "order"),
                    ("customer", "customer"),
                    ("activity", "activity"),
                    ("import", "import"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                django.db.models.functions.datetime.ExtractMonth("born_on"),
                django.db.models.functions.datetime.ExtractDay("born_on"),
                condition=models.Q(("born_on__isnull", False)),
                name="loyalty_member_birthday",
            ),
        ),
        migrations.AddConstraint(
            model_name="balance",
            constraint=check(
                condition=models.Q(
                    ("available__gte", 0), ("debt__gte", 0), ("held__gte", 0), ("pending__gte", 0)
                ),
                name="loyalty_balance_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="balance",
            constraint=check(
                condition=models.Q(("debt", 0), ("available", 0), _connector="OR"),
                name="loyalty_balance_debt_is_repaid_first",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("program", "external_id"),
                name="loyalty_member_external_id",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(
                condition=models.Q(("email", ""), _negated=True),
                fields=("program", "email"),
                name="loyalty_member_unclaimed_email",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=check(
                condition=models.Q(
                    ("merged_into__isnull", True),
                    models.Q(("merged_into", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="loyalty_member_not_merged_into_itself",
            ),
        ),
        migrations.AddField(
            model_name="adjustment",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="adjustments",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddField(
            model_name="adjustment",
            name="program",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.program",
            ),
        ),
        migrations.AddField(
            model_name="budgetuse",
            name="program",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.program",
            ),
        ),
        migrations.AddField(
            model_name="earninggrant",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddField(
            model_name="earningrule",
            name="program",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="earning_rules",
                to="saleor_loyalty.program",
            ),
        ),
        migrations.AddField(
            model_name="earninggrant",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="grants",
                to="saleor_loyalty.earningrule",
            ),
        ),
        migrations.AddField(
            model_name="budgetuse",
            name="rule",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.earningrule",
            ),
        ),
        migrations.AddField(
            model_name="earningruleversion",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="versions",
                to="saleor_loyalty.earningrule",
            ),
        ),
        migrations.AddField(
            model_name="earninggrant",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.earningruleversion",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="holds",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="program",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.program",
            ),
        ),
        migrations.AddField(
            model_name="entry",
            name="hold",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.hold",
            ),
        ),
        migrations.AddField(
            model_name="ledgerdrift",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddField(
            model_name="lot",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lots",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddField(
            model_name="lot",
            name="program",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.program",
            ),
        ),
        migrations.AddField(
            model_name="entry",
            name="lot",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="saleor_loyalty.lot",
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("leg", 0)),
                fields=["member", "-id"],
                name="loyalty_entry_history",
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("hold__isnull", False)),
                fields=["hold"],
                name="loyalty_entry_hold",
            ),
        ),
        migrations.AddField(
            model_name="programpolicy",
            name="program",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="policies",
                to="saleor_loyalty.program",
            ),
        ),
        migrations.AddIndex(
            model_name="adjustment",
            index=models.Index(
                fields=["program", "requested_by", "requested_on"], name="loyalty_adjustment_day"
            ),
        ),
        migrations.AddIndex(
            model_name="adjustment",
            index=models.Index(
                condition=models.Q(("status", "waiting")),
                fields=["-id"],
                name="loyalty_adjustment_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=models.UniqueConstraint(
                fields=("program", "key"), name="loyalty_adjustment_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=check(
                condition=models.Q(("points", 0), _negated=True), name="loyalty_adjustment_moves"
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=check(
                condition=models.Q(
                    ("decided_by", ""),
                    models.Q(("decided_by", models.F("requested_by")), _negated=True),
                    _connector="OR",
                ),
                name="loyalty_adjustment_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetuse",
            constraint=models.UniqueConstraint(
                condition=models.Q(("rule__isnull", True)),
                fields=("program", "period_start"),
                name="loyalty_budget_of_program",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetuse",
            constraint=models.UniqueConstraint(
                condition=models.Q(("rule__isnull", False)),
                fields=("rule", "period_start"),
                name="loyalty_budget_of_rule",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetuse",
            constraint=check(
                condition=models.Q(("used_points__gte", 0)), name="loyalty_budget_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="earningruleversion",
            constraint=models.UniqueConstraint(
                fields=("rule", "number"), name="loyalty_rule_version_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="earningruleversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("valid_until__isnull", True)),
                fields=("rule",),
                name="loyalty_rule_one_open_version",
            ),
        ),
        migrations.AddIndex(
            model_name="earninggrant",
            index=models.Index(
                fields=["member", "rule", "effective_at"], name="loyalty_grant_of_member"
            ),
        ),
        migrations.AddConstraint(
            model_name="earninggrant",
            constraint=models.UniqueConstraint(fields=("rule", "cause"), name="loyalty_grant_once"),
        ),
        migrations.AddConstraint(
            model_name="earninggrant",
            constraint=check(
                condition=models.Q(("granted__gte", 0), ("granted__lte", models.F("wanted"))),
                name="loyalty_grant_within_wish",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("held__gt", 0)),
                fields=["expires_at"],
                name="loyalty_hold_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.UniqueConstraint(fields=("program", "key"), name="loyalty_hold_key"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=check(
                condition=models.Q(("captured__gte", 0), ("held__gte", 0), ("returned__gte", 0)),
                name="loyalty_hold_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=check(
                condition=models.Q(
                    (
                        "points__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("held"), "+", models.F("captured")
                        ),
                    ),
                    ("captured__gte", models.F("returned")),
                ),
                name="loyalty_hold_within_its_points",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerdrift",
            index=models.Index(
                condition=models.Q(("repaired_at__isnull", True)),
                fields=["-id"],
                name="loyalty_drift_open",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(
                    ("pending__gt", 0), ("available__gt", 0), ("held__gt", 0), _connector="OR"
                ),
                fields=["member"],
                name="loyalty_lot_open",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("order_id", ""), _negated=True),
                fields=["order_id"],
                name="loyalty_lot_order",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("available__gt", 0), ("expires_at__isnull", False)),
                fields=["expires_at", "id"],
                name="loyalty_lot_expiring",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("matures_at__isnull", False), ("pending__gt", 0)),
                fields=["matures_at", "id"],
                name="loyalty_lot_maturing",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("available__gt", 0), ("inactivity_months__isnull", False)),
                fields=["id"],
                name="loyalty_lot_by_inactivity",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=check(
                condition=models.Q(
                    ("available__gte", 0),
                    ("expired__gte", 0),
                    ("held__gte", 0),
                    ("pending__gte", 0),
                ),
                name="loyalty_lot_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=check(
                condition=models.Q(
                    ("expires_at__isnull", True),
                    ("inactivity_months__isnull", True),
                    _connector="OR",
                ),
                name="loyalty_lot_one_way_to_expire",
            ),
        ),
        migrations.AddConstraint(
            model_name="programpolicy",
            constraint=models.UniqueConstraint(
                condition=models.Q(("valid_until__isnull", True)),
                fields=("program",),
                name="loyalty_policy_one_open_per_program",
            ),
        ),
    ]
