"""Mails of many kinds: the log with reasons, the shop's own texts, preferences, consent, days."""

import django.db.models.deletion
from django.db import migrations, models

from saleor_loyalty.constraints import check

# Thank-yous of before say in their keys which order they are about.
REMEMBER = """
UPDATE saleor_loyalty_emailmessage AS mail
SET order_id = settled.order_id, member_id = settled.member_id, program_id = settled.program_id
FROM saleor_loyalty_settledorder AS settled
WHERE mail.key = 'thank_you:' || settled.order_id AND settled.member_id IS NOT NULL
"""


class Migration(migrations.Migration):
    """Makes the tables, and tells mails of before whose they are."""

    dependencies = [
        ("saleor_loyalty", "0006_spending_and_rewards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("is_given", models.BooleanField()),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("storefront", "storefront"),
                            ("preference_page", "preference_page"),
                            ("one_click", "one_click"),
                            ("staff", "staff"),
                            ("complaint", "complaint"),
                            ("import", "import"),
                        ],
                        max_length=16,
                    ),
                ),
                ("wording", models.TextField(blank=True, default="")),
                ("actor", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EmailAddressFailure",
            fields=[
                ("address", models.EmailField(max_length=254, primary_key=True, serialize=False)),
                ("error", models.TextField()),
                ("failures", models.PositiveIntegerField(default=1)),
                ("failed_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("-failed_at",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EmailText",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("welcome", "welcome"),
                            ("thank_you", "thank_you"),
                            ("thank_you_first", "thank_you_first"),
                            ("thank_you_tier", "thank_you_tier"),
                            ("thank_you_milestone", "thank_you_milestone"),
                            ("points_available", "points_available"),
                            ("points_expiring", "points_expiring"),
                            ("points_expiring_last", "points_expiring_last"),
                            ("refund_explained", "refund_explained"),
                            ("reward_issued", "reward_issued"),
                            ("tier_reached", "tier_reached"),
                            ("tier_at_risk", "tier_at_risk"),
                            ("birthday", "birthday"),
                            ("personal_day", "personal_day"),
                            ("second_purchase", "second_purchase"),
                            ("win_back", "win_back"),
                            ("statement_monthly", "statement_monthly"),
                            ("statement_yearly", "statement_yearly"),
                        ],
                        max_length=32,
                    ),
                ),
                ("language_code", models.CharField(max_length=35)),
                ("channel_id", models.PositiveIntegerField(null=True)),
                ("version", models.PositiveIntegerField()),
                ("is_current", models.BooleanField()),
                ("parts", models.JSONField(default=dict)),
                ("blocks", models.JSONField(null=True)),
                ("actor", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="MemberPreferences",
            fields=[
                (
                    "member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="preferences",
                        serialize=False,
                        to="saleor_loyalty.member",
                    ),
                ),
                ("accepts_marketing", models.BooleanField(default=False)),
                ("consented_at", models.DateTimeField(null=True)),
                (
                    "consent_source",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("storefront", "storefront"),
                            ("preference_page", "preference_page"),
                            ("one_click", "one_click"),
                            ("staff", "staff"),
                            ("complaint", "complaint"),
                            ("import", "import"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("stopped", models.JSONField(default=list)),
                ("language_code", models.CharField(blank=True, default="", max_length=35)),
                ("time_zone", models.CharField(blank=True, default="", max_length=64)),
                ("told_until", models.DateField(null=True)),
                ("told_last_until", models.DateField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="PersonalDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("slot", models.PositiveSmallIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("anniversary", "anniversary"),
                            ("birthday", "birthday"),
                            ("name_day", "name_day"),
                            ("other", "other"),
                        ],
                        max_length=16,
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("month", models.PositiveSmallIntegerField()),
                ("day", models.PositiveSmallIntegerField()),
                ("told_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("month", "day", "slot"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ProgramMailing",
            fields=[
                (
                    "program",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="mailing",
                        serialize=False,
                        to="saleor_loyalty.program",
                    ),
                ),
                ("terms", models.JSONField(default=dict)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.RemoveIndex(
            model_name="emailmessage",
            name="loyalty_email_due",
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="again_of",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="saleor_loyalty.emailmessage",
            ),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="approved_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="attempted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="member_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="order_id",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="priority",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="program_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="subject",
            field=models.CharField(blank=True, default="", max_length=255),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="transport",
            field=models.CharField(
                choices=[("email", "email"), ("event", "event")], default="email", max_length=16
            ),
        ),
        migrations.AddField(
            model_name="emailmessage",
            name="why",
            field=models.CharField(
                blank=True,
                choices=[
                    ("switched_off", "switched_off"),
                    ("not_targeted", "not_targeted"),
                    ("no_address", "no_address"),
                    ("address_failed", "address_failed"),
                    ("opted_out", "opted_out"),
                    ("no_consent", "no_consent"),
                    ("not_confirmed", "not_confirmed"),
                    ("quiet_hours", "quiet_hours"),
                    ("weekly_limit", "weekly_limit"),
                    ("overtaken", "overtaken"),
                ],
                default="",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="settledorder",
            name="channel_id",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="settledorder",
            name="earlier_orders",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="emailmessage",
            name="kind",
            field=models.CharField(
                choices=[
                    ("welcome", "welcome"),
                    ("thank_you", "thank_you"),
                    ("thank_you_first", "thank_you_first"),
                    ("thank_you_tier", "thank_you_tier"),
                    ("thank_you_milestone", "thank_you_milestone"),
                    ("points_available", "points_available"),
                    ("points_expiring", "points_expiring"),
                    ("points_expiring_last", "points_expiring_last"),
                    ("refund_explained", "refund_explained"),
                    ("reward_issued", "reward_issued"),
                    ("tier_reached", "tier_reached"),
                    ("tier_at_risk", "tier_at_risk"),
                    ("birthday", "birthday"),
                    ("personal_day", "personal_day"),
                    ("second_purchase", "second_purchase"),
                    ("win_back", "win_back"),
                    ("statement_monthly", "statement_monthly"),
                    ("statement_yearly", "statement_yearly"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="emailmessage",
            name="language_code",
            field=models.CharField(blank=True, default="", max_length=35),
        ),
        migrations.AlterField(
            model_name="emailmessage",
            name="recipient",
            field=models.EmailField(blank=True, default="", max_length=254),
        ),
        migrations.AlterField(
            model_name="emailmessage",
            name="status",
            field=models.CharField(
                choices=[
                    ("queued", "queued"),
                    ("sending", "sending"),
                    ("sent", "sent"),
                    ("failed", "failed"),
                    ("doubtful", "doubtful"),
                    ("expired", "expired"),
                    ("suppressed", "suppressed"),
                ],
                default="queued",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="emailmessage",
            index=models.Index(
                condition=models.Q(("status", "queued")),
                fields=["priority", "due_at", "id"],
                name="loyalty_email_due",
            ),
        ),
        migrations.AddIndex(
            model_name="emailmessage",
            index=models.Index(fields=["member_id", "-id"], name="loyalty_email_member"),
        ),
        migrations.AddIndex(
            model_name="emailmessage",
            index=models.Index(
                condition=models.Q(("order_id", ""), _negated=True),
                fields=["order_id"],
                name="loyalty_email_order",
            ),
        ),
        migrations.AddIndex(
            model_name="emailmessage",
            index=models.Index(fields=["attempted_at"], name="loyalty_email_attempted"),
        ),
        migrations.AddField(
            model_name="consent",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consents",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddConstraint(
            model_name="emailtext",
            constraint=models.UniqueConstraint(
                condition=models.Q(("channel_id__isnull", False), ("is_current", True)),
                fields=("kind", "language_code", "channel_id"),
                name="loyalty_email_text_of_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="emailtext",
            constraint=models.UniqueConstraint(
                condition=models.Q(("channel_id__isnull", True), ("is_current", True)),
                fields=("kind", "language_code"),
                name="loyalty_email_text_of_all",
            ),
        ),
        migrations.AddField(
            model_name="personalday",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="personal_days",
                to="saleor_loyalty.member",
            ),
        ),
        migrations.AddIndex(
            model_name="personalday",
            index=models.Index(fields=["month", "day"], name="loyalty_personal_day"),
        ),
        migrations.AddConstraint(
            model_name="personalday",
            constraint=models.UniqueConstraint(
                fields=("member", "slot"), name="loyalty_personal_day_slot"
            ),
        ),
        migrations.AddConstraint(
            model_name="personalday",
            constraint=check(
                condition=models.Q(
                    ("day__gte", 1),
                    ("day__lte", 31),
                    ("month__gte", 1),
                    ("month__lte", 12),
                    ("slot__gte", 1),
                    ("slot__lte", 10),
                ),
                name="loyalty_personal_day_in_year",
            ),
        ),
        migrations.RunSQL(REMEMBER, migrations.RunSQL.noop),
    ]
