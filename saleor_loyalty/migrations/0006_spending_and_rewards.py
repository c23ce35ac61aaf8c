"""Points that pay at checkout; the catalogue of rewards and what was redeemed."""

import django.db.models.deletion
from django.db import migrations, models

from saleor_loyalty.constraints import check


class Migration(migrations.Migration):
    """Makes the tables."""

    dependencies = [
        ("saleor_loyalty", "0005_tiers"),
    ]

    operations = [
        migrations.AddField(
            model_name="program",
            name="spending",
            field=models.JSONField(default=dict),
        ),
        migrations.CreateModel(
            name="Redemption",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("fixed_discount", "fixed_discount"),
                            ("percentage_discount", "percentage_discount"),
                            ("free_shipping", "free_shipping"),
                            ("free_product", "free_product"),
                            ("gift_card", "gift_card"),
                            ("product_access", "product_access"),
                            ("donation", "donation"),
                            ("experience", "experience"),
                        ],
                        max_length=32,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("content", models.JSONField(default=dict)),
                ("price_points", models.BigIntegerField()),
                ("is_gift", models.BooleanField(default=False)),
                ("reason", models.TextField(blank=True, default="")),
                ("actor", models.CharField(blank=True, default="", max_length=64)),
                ("channel_id", models.PositiveIntegerField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("used", "used"),
                            ("expired", "expired"),
                            ("ordered", "ordered"),
                            ("in_progress", "in_progress"),
                            ("done", "done"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=16,
                    ),
                ),
                ("is_issued", models.BooleanField(default=False)),
                ("code", models.CharField(blank=True, default="", max_length=32)),
                ("issued_id", models.CharField(blank=True, default="", max_length=64)),
                ("valid_until", models.DateTimeField(null=True)),
                ("order_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("asked_at", models.DateTimeField(null=True)),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
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
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RedemptionStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("used", "used"),
                            ("expired", "expired"),
                            ("ordered", "ordered"),
                            ("in_progress", "in_progress"),
                            ("done", "done"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("actor", models.CharField(blank=True, default="", max_length=64)),
                ("note", models.TextField(blank=True, default="")),
                (
                    "redemption",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="saleor_loyalty.redemption",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Reward",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("fixed_discount", "fixed_discount"),
                            ("percentage_discount", "percentage_discount"),
                            ("free_shipping", "free_shipping"),
                            ("free_product", "free_product"),
                            ("gift_card", "gift_card"),
                            ("product_access", "product_access"),
                            ("donation", "donation"),
                            ("experience", "experience"),
                        ],
                        max_length=32,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True, default="")),
                ("terms", models.TextField(blank=True, default="")),
                ("image_url", models.CharField(blank=True, default="", max_length=500)),
                ("image_alt", models.CharField(blank=True, default="", max_length=255)),
                ("content", models.JSONField(default=dict)),
                ("price_points", models.BigIntegerField()),
                ("position", models.PositiveIntegerField(default=0)),
                ("is_active", models.BooleanField(default=True)),
                ("starts_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("stock", models.PositiveIntegerField(null=True)),
                ("limit_count", models.PositiveIntegerField(null=True)),
                (
                    "limit_period",
                    models.CharField(
                        choices=[
                            ("day", "day"),
                            ("week", "week"),
                            ("month", "month"),
                            ("quarter", "quarter"),
                            ("year", "year"),
                            ("lifetime", "lifetime"),
                        ],
                        default="lifetime",
                        max_length=16,
                    ),
                ),
                ("gift_count", models.PositiveIntegerField(null=True)),
                (
                    "gift_period",
                    models.CharField(
                        choices=[
                            ("day", "day"),
                            ("week", "week"),
                            ("month", "month"),
                            ("quarter", "quarter"),
                            ("year", "year"),
                            ("lifetime", "lifetime"),
                        ],
                        default="month",
                        max_length=16,
                    ),
                ),
                ("valid_days", models.PositiveIntegerField(null=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rewards",
                        to="saleor_loyalty.program",
                    ),
                ),
                ("tiers", models.ManyToManyField(related_name="+", to="saleor_loyalty.tier")),
            ],
            options={
                "ordering": ("position", "pk"),
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="redemption",
            name="reward",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="redemptions",
                to="saleor_loyalty.reward",
            ),
        ),
        migrations.CreateModel(
            name="RewardTranslation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("language_code", models.CharField(max_length=35)),
                ("name", models.CharField(blank=True, default="", max_length=120)),
                ("description", models.TextField(blank=True, default="")),
                ("terms", models.TextField(blank=True, default="")),
                (
                    "reward",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="translations",
                        to="saleor_loyalty.reward",
                    ),
                ),
            ],
            options={
                "ordering": ("reward", "language_code"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RewardVoucher",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("terms", models.CharField(max_length=64)),
                ("voucher_id", models.CharField(blank=True, default="", max_length=64)),
                (
                    "reward",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.reward",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Spending",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("user_id", models.PositiveBigIntegerField()),
                ("checkout_id", models.CharField(max_length=64)),
                ("channel_id", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "held"),
                            ("captured", "captured"),
                            ("released", "released"),
                        ],
                        max_length=16,
                    ),
                ),
                ("points", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("amount", models.DecimalField(decimal_places=3, max_digits=20)),
                (
                    "means",
                    models.CharField(
                        choices=[
                            ("automatic", "automatic"),
                            ("gift_card", "gift_card"),
                            ("voucher", "voucher"),
                        ],
                        max_length=16,
                    ),
                ),
                ("means_id", models.CharField(blank=True, default="", max_length=64)),
                ("code", models.CharField(max_length=32)),
                ("number", models.PositiveIntegerField(default=1)),
                ("order_id", models.CharField(blank=True, default="", max_length=64)),
                ("captured_points", models.BigIntegerField(default=0)),
                (
                    "captured_amount",
                    models.DecimalField(decimal_places=3, default=0, max_digits=20),
                ),
                ("returned_points", models.BigIntegerField(default=0)),
                ("point_value", models.DecimalField(decimal_places=6, max_digits=20)),
                ("terms", models.JSONField()),
                ("is_shut", models.BooleanField(default=False)),
                (
                    "released_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("removed", "removed"),
                            ("checkout_gone", "checkout_gone"),
                            ("code_gone", "code_gone"),
                            ("expired", "expired"),
                            ("not_allowed", "not_allowed"),
                            ("not_used", "not_used"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("checked_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="spendings",
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
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="reward",
            constraint=check(
                condition=models.Q(("price_points__gt", 0)), name="loyalty_reward_price"
            ),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("state__in", ["in_progress", "open", "ordered"])),
                fields=["program", "id"],
                name="loyalty_redemption_live",
            ),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("state", "open"), ("valid_until__isnull", False)),
                fields=["valid_until"],
                name="loyalty_redemption_expiring",
            ),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("is_issued", False)),
                fields=["id"],
                name="loyalty_redemption_unissued",
            ),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("order_id", ""), _negated=True),
                fields=["order_id"],
                name="loyalty_redemption_order",
            ),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("issued_id", ""), _negated=True),
                fields=["issued_id"],
                name="loyalty_redemption_issued",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(
                fields=("member", "key"), name="loyalty_redemption_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(
                condition=models.Q(("code", ""), _negated=True),
                fields=("code",),
                name="loyalty_redemption_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=check(
                condition=models.Q(
                    ("price_points__gte", 0),
                    models.Q(
                        models.Q(("is_gift", False), ("price_points__gt", 0)),
                        ("is_gift", True),
                        _connector="OR",
                    ),
                ),
                name="loyalty_redemption_price",
            ),
        ),
        migrations.AddConstraint(
            model_name="rewardtranslation",
            constraint=models.UniqueConstraint(
                fields=("reward", "language_code"), name="loyalty_reward_translation"
            ),
        ),
        migrations.AddConstraint(
            model_name="rewardvoucher",
            constraint=models.UniqueConstraint(
                fields=("reward", "terms"), name="loyalty_reward_voucher"
            ),
        ),
        migrations.AddIndex(
            model_name="spending",
            index=models.Index(
                condition=models.Q(("state", "held")),
                fields=["expires_at"],
                name="loyalty_spending_held",
            ),
        ),
        migrations.AddIndex(
            model_name="spending",
            index=models.Index(
                condition=models.Q(("order_id", ""), _negated=True),
                fields=["order_id"],
                name="loyalty_spending_order",
            ),
        ),
        migrations.AddIndex(
            model_name="spending",
            index=models.Index(fields=["means", "means_id"], name="loyalty_spending_means"),
        ),
        migrations.AddIndex(
            model_name="spending",
            index=models.Index(
                condition=models.Q(("is_shut", False), models.Q(("state", "held"), _negated=True)),
                fields=["id"],
                name="loyalty_spending_to_shut",
            ),
        ),
        migrations.AddConstraint(
            model_name="spending",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "held")),
                fields=("checkout_id",),
                name="loyalty_spending_one_a_checkout",
            ),
        ),
        migrations.AddConstraint(
            model_name="spending",
            constraint=models.UniqueConstraint(fields=("code",), name="loyalty_spending_code"),
        ),
        migrations.AddConstraint(
            model_name="spending",
            constraint=check(
                condition=models.Q(
                    ("points__gt", 0),
                    ("captured_points__gte", 0),
                    ("captured_points__lte", models.F("points")),
                    ("returned_points__gte", 0),
                    ("returned_points__lte", models.F("captured_points")),
                ),
                name="loyalty_spending_within_points",
            ),
        ),
    ]
