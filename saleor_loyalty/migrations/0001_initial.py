"""The first tables.

Depends on nothing of Saleor but its user model, by the setting: so it applies on every version.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from saleor_loyalty.constraints import check


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderSweep",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("swept_until", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Program",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("points_name", models.CharField(blank=True, default="", max_length=60)),
                ("time_zone", models.CharField(default="UTC", max_length=64)),
                (
                    "enrollment",
                    models.CharField(
                        choices=[("automatic", "automatic"), ("on_request", "on_request")],
                        default="automatic",
                        max_length=16,
                    ),
                ),
                ("guest_order_days", models.PositiveIntegerField(default=30)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("pk",),
                "permissions": (("manage_loyalty", "Manage loyalty."),),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DueOrder",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("order_id", models.CharField(max_length=64)),
                ("marked_at", models.DateTimeField()),
                ("retry_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True, default="")),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
                "indexes": [models.Index(fields=["order_id"], name="loyalty_due_order")],
            },
        ),
        migrations.CreateModel(
            name="EmailMessage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=200)),
                ("kind", models.CharField(choices=[("thank_you", "thank_you")], max_length=32)),
                ("channel_id", models.PositiveIntegerField(null=True)),
                ("recipient", models.EmailField(max_length=254)),
                ("language_code", models.CharField(max_length=35)),
                ("facts", models.JSONField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("sending", "sending"),
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("doubtful", "doubtful"),
                            ("expired", "expired"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("handed_over_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "queued")),
                        fields=["due_at"],
                        name="loyalty_email_due",
                    ),
                    models.Index(
                        condition=models.Q(("status", "sending")),
                        fields=["claimed_at"],
                        name="loyalty_email_claimed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("key",), name="loyalty_email_queued_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Member",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("joined_at", models.DateTimeField()),
                (
                    "joined_by",
                    models.CharField(
                        choices=[("order", "order"), ("customer", "customer")], max_length=16
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="members",
                        to="saleor_loyalty.program",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("idempotency_key", models.CharField(max_length=200)),
                ("leg", models.PositiveSmallIntegerField()),
                ("fingerprint", models.CharField(max_length=64)),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("available", "available"),
                            ("pending", "pending"),
                            ("held", "held"),
                            ("debt", "debt"),
                            ("issued", "issued"),
                            ("spent", "spent"),
                            ("expired", "expired"),
                            ("revoked", "revoked"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "target",
                    models.CharField(
                        choices=[
                            ("available", "available"),
                            ("pending", "pending"),
                            ("held", "held"),
                            ("debt", "debt"),
                            ("issued", "issued"),
                            ("spent", "spent"),
                            ("expired", "expired"),
                            ("revoked", "revoked"),
                        ],
                        max_length=16,
                    ),
                ),
                ("points", models.BigIntegerField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("order_earned", "order_earned"),
                            ("order_refunded", "order_refunded"),
                            ("order_cancelled", "order_cancelled"),
                            ("order_changed", "order_changed"),
                            ("adjustment", "adjustment"),
                        ],
                        max_length=32,
                    ),
                ),
                ("order_id", models.CharField(blank=True, default="", max_length=64)),
                ("note", models.TextField(blank=True, default="")),
                ("actor", models.CharField(blank=True, default="", max_length=64)),
                ("details", models.JSONField(default=dict)),
                ("effective_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="saleor_loyalty.member",
                    ),
                ),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.program",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EarningRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("points_per_unit", models.DecimalField(decimal_places=4, max_digits=12)),
                ("point_value", models.DecimalField(decimal_places=6, max_digits=20)),
                (
                    "price_basis",
                    models.CharField(choices=[("net", "net"), ("gross", "gross")], max_length=8),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rates",
                        to="saleor_loyalty.program",
                    ),
                ),
            ],
            options={
                "ordering": ("currency", "valid_from"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ProgramChannel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channel_id", models.PositiveIntegerField()),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="channels",
                        to="saleor_loyalty.program",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ProgramPeriod",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "enrollment",
                    models.CharField(
                        choices=[("automatic", "automatic"), ("on_request", "on_request")],
                        max_length=16,
                    ),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="periods",
                        to="saleor_loyalty.program",
                    ),
                ),
            ],
            options={
                "ordering": ("valid_from",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SettledOrder",
            fields=[
                ("order_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("order_number", models.CharField(blank=True, default="", max_length=32)),
                ("order_placed_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("earned", "earned"),
                            ("cancelled", "cancelled"),
                            ("unpaid", "unpaid"),
                            ("replacement", "replacement"),
                            ("no_account", "no_account"),
                            ("no_program", "no_program"),
                            ("no_rate", "no_rate"),
                            ("not_a_member", "not_a_member"),
                        ],
                        max_length=16,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                (
                    "merchandise_amount",
                    models.DecimalField(decimal_places=3, default=0, max_digits=20),
                ),
                (
                    "points_per_unit",
                    models.DecimalField(decimal_places=4, default=0, max_digits=12),
                ),
                (
                    "price_basis",
                    models.CharField(
                        blank=True,
                        choices=[("net", "net"), ("gross", "gross")],
                        default="",
                        max_length=8,
                    ),
                ),
                ("earned_points", models.BigIntegerField(default=0)),
                ("returned_points", models.BigIntegerField(default=0)),
                ("settled_at", models.DateTimeField()),
                (
                    "member",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.member",
                    ),
                ),
                (
                    "program",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.program",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                (
                    "member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="balance",
                        serialize=False,
                        to="saleor_loyalty.member",
                    ),
                ),
                ("available", models.BigIntegerField(default=0)),
                ("debt", models.BigIntegerField(default=0)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    check(
                        condition=models.Q(("available__gte", 0)),
                        name="loyalty_balance_available_not_negative",
                    ),
                    check(
                        condition=models.Q(("debt__gte", 0)),
                        name="loyalty_balance_debt_not_negative",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(
                fields=("program", "user"), name="loyalty_member_once_per_program"
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["member", "-id"], name="loyalty_entry_history"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("order_id", ""), _negated=True),
                fields=["order_id"],
                name="loyalty_entry_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                fields=("program", "idempotency_key", "leg"), name="loyalty_entry_posted_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=check(
                condition=models.Q(("points__gt", 0)), name="loyalty_entry_points_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=check(
                condition=models.Q(("source", models.F("target")), _negated=True),
                name="loyalty_entry_moves",
            ),
        ),
        migrations.AddConstraint(
            model_name="earningrate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("valid_until__isnull", True)),
                fields=("program", "currency"),
                name="loyalty_rate_one_open_per_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="earningrate",
            constraint=check(
                condition=models.Q(("points_per_unit__gte", 0)),
                name="loyalty_rate_points_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="earningrate",
            constraint=check(
                condition=models.Q(("point_value__gte", 0)), name="loyalty_rate_value_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="earningrate",
            constraint=check(
                condition=models.Q(
                    ("valid_until__isnull", True),
                    ("valid_until__gte", models.F("valid_from")),
                    _connector="OR",
                ),
                name="loyalty_rate_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="programchannel",
            constraint=models.UniqueConstraint(
                condition=models.Q(("valid_until__isnull", True)),
                fields=("channel_id",),
                name="loyalty_channel_one_program_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="programperiod",
            constraint=models.UniqueConstraint(
                condition=models.Q(("valid_until__isnull", True)),
                fields=("program",),
                name="loyalty_period_one_open_per_program",
            ),
        ),
        migrations.AddIndex(
            model_name="settledorder",
            index=models.Index(
                condition=models.Q(("outcome", "no_account")),
                fields=["order_placed_at"],
                name="loyalty_settled_no_account",
            ),
        ),
    ]
