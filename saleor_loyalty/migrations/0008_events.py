"""Events, their waves and texts, and each member's invitation, step by step."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from saleor_loyalty.constraints import check


class Migration(migrations.Migration):
    """Makes the tables."""

    dependencies = [
        ("saleor_loyalty", "0007_mails"),
    ]

    operations = [
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
                    ("event_invitation", "event_invitation"),
                    ("event_confirmed", "event_confirmed"),
                    ("event_waiting", "event_waiting"),
                    ("event_offered", "event_offered"),
                    ("event_left", "event_left"),
                    ("event_reminder", "event_reminder"),
                    ("event_changed", "event_changed"),
                    ("event_cancelled", "event_cancelled"),
                    ("event_thanks", "event_thanks"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="emailtext",
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
                    ("event_invitation", "event_invitation"),
                    ("event_confirmed", "event_confirmed"),
                    ("event_waiting", "event_waiting"),
                    ("event_offered", "event_offered"),
                    ("event_left", "event_left"),
                    ("event_reminder", "event_reminder"),
                    ("event_changed", "event_changed"),
                    ("event_cancelled", "event_cancelled"),
                    ("event_thanks", "event_thanks"),
                ],
                max_length=32,
            ),
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("version", models.PositiveIntegerField(default=0)),
                ("history", models.JSONField(default=dict)),
                ("door_number", models.PositiveIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("published", "published"),
                            ("cancelled", "cancelled"),
                            ("done", "done"),
                        ],
                        default="draft",
                        max_length=16,
                    ),
                ),
                ("title", models.CharField(max_length=120)),
                ("story", models.TextField(blank=True, default="")),
                ("image_url", models.CharField(blank=True, default="", max_length=500)),
                ("image_alt", models.CharField(blank=True, default="", max_length=250)),
                (
                    "place_kind",
                    models.CharField(
                        choices=[("store", "store"), ("address", "address"), ("online", "online")],
                        default="store",
                        max_length=16,
                    ),
                ),
                ("place", models.CharField(blank=True, default="", max_length=250)),
                ("place_url", models.CharField(blank=True, default="", max_length=500)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("capacity", models.PositiveIntegerField()),
                ("seats_taken", models.PositiveIntegerField(default=0)),
                ("guests_allowed", models.PositiveSmallIntegerField(default=0)),
                ("audience", models.JSONField(default=dict)),
                ("registration_opens_at", models.DateTimeField(null=True)),
                ("registration_closes_at", models.DateTimeField(null=True)),
                ("price_points", models.BigIntegerField(default=0)),
                ("award_points", models.BigIntegerField(default=0)),
                ("cancel_hours", models.PositiveIntegerField(default=24)),
                ("offer_hours", models.PositiveIntegerField(default=24)),
                ("reminder_hours", models.JSONField(default=list)),
                ("age_note", models.CharField(blank=True, default="", max_length=250)),
                ("languages", models.JSONField(default=list)),
                ("cancel_reason", models.TextField(blank=True, default="")),
                ("moved_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "program",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="saleor_loyalty.program",
                    ),
                ),
            ],
            options={
                "ordering": ("starts_at", "pk"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EventTranslation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("language_code", models.CharField(max_length=35)),
                ("title", models.CharField(blank=True, default="", max_length=120)),
                ("story", models.TextField(blank=True, default="")),
                ("place", models.CharField(blank=True, default="", max_length=250)),
                ("age_note", models.CharField(blank=True, default="", max_length=250)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="translations",
                        to="saleor_loyalty.event",
                    ),
                ),
            ],
            options={
                "ordering": ("event", "language_code"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EventWave",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tier_ids", models.JSONField(default=list)),
                ("opens_at", models.DateTimeField()),
                ("only_if_free", models.BooleanField(default=False)),
                ("most_no_shows", models.PositiveSmallIntegerField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("invited_count", models.PositiveIntegerField(default=0)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waves",
                        to="saleor_loyalty.event",
                    ),
                ),
            ],
            options={
                "ordering": ("opens_at", "pk"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("wave", "wave"),
                            ("asked", "asked"),
                            ("staff", "staff"),
                            ("walk_in", "walk_in"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "answer",
                    models.CharField(
                        choices=[
                            ("invited", "invited"),
                            ("accepted", "accepted"),
                            ("waiting", "waiting"),
                            ("offered", "offered"),
                            ("declined", "declined"),
                            ("cancelled", "cancelled"),
                            ("removed", "removed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("seats", models.PositiveSmallIntegerField(default=1)),
                ("guests", models.JSONField(default=list)),
                ("dietary", models.TextField(blank=True, default="")),
                ("access", models.TextField(blank=True, default="")),
                ("rank", models.IntegerField(default=-1)),
                ("waiting_since", models.DateTimeField(null=True)),
                ("offered_until", models.DateTimeField(null=True)),
                ("hold_number", models.PositiveIntegerField(default=0)),
                ("price_points", models.BigIntegerField(default=0)),
                ("is_captured", models.BooleanField(default=False)),
                ("code", models.CharField(max_length=32, unique=True)),
                ("invited_at", models.DateTimeField()),
                ("opened_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("checked_in_at", models.DateTimeField(null=True)),
                ("checked_in_seats", models.PositiveSmallIntegerField(default=0)),
                ("checked_in_by", models.CharField(blank=True, default="", max_length=64)),
                ("is_no_show", models.BooleanField(default=False)),
                ("feedback_score", models.PositiveSmallIntegerField(null=True)),
                ("feedback_text", models.TextField(blank=True, default="")),
                ("calendar_sequence", models.PositiveIntegerField(default=0)),
                ("told_version", models.PositiveIntegerField(default=0)),
                ("awarded_points", models.BigIntegerField(default=0)),
                ("feedback_at", models.DateTimeField(null=True)),
                ("wound_up_at", models.DateTimeField(null=True)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="saleor_loyalty.event",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="saleor_loyalty.member",
                    ),
                ),
                (
                    "payer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="saleor_loyalty.member",
                    ),
                ),
                (
                    "wave",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="saleor_loyalty.eventwave",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="InvitationStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "answer",
                    models.CharField(
                        choices=[
                            ("invited", "invited"),
                            ("accepted", "accepted"),
                            ("waiting", "waiting"),
                            ("offered", "offered"),
                            ("declined", "declined"),
                            ("cancelled", "cancelled"),
                            ("removed", "removed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("seats", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                ("actor", models.CharField(blank=True, default="", max_length=64)),
                ("note", models.TextField(blank=True, default="")),
                (
                    "invitation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="saleor_loyalty.invitation",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=check(
                condition=models.Q(("seats_taken__lte", models.F("capacity"))),
                name="loyalty_event_seats",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=check(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="loyalty_event_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=check(
                condition=models.Q(("award_points__gte", 0), ("price_points__gte", 0)),
                name="loyalty_event_points",
            ),
        ),
        migrations.AddConstraint(
            model_name="eventtranslation",
            constraint=models.UniqueConstraint(
                fields=("event", "language_code"), name="loyalty_event_translation"
            ),
        ),
        migrations.AddIndex(
            model_name="eventwave",
            index=models.Index(
                condition=models.Q(("sent_at__isnull", True)),
                fields=["opens_at"],
                name="loyalty_wave_due",
            ),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(
                condition=models.Q(("answer", "waiting")),
                fields=["event", "-rank", "waiting_since", "id"],
                name="loyalty_invitation_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(
                condition=models.Q(("answer", "offered")),
                fields=["offered_until"],
                name="loyalty_invitation_offered",
            ),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(
                condition=models.Q(("wound_up_at__isnull", True)),
                fields=["event"],
                name="loyalty_invitation_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                fields=("event", "member"), name="loyalty_invitation_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=check(
                condition=models.Q(
                    models.Q(("answer", "offered"), _negated=True),
                    ("offered_until__isnull", False),
                    _connector="OR",
                ),
                name="loyalty_invitation_offer_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=check(
                condition=models.Q(
                    ("price_points", 0),
                    ("answer", "accepted"),
                    ("is_captured", True),
                    _connector="OR",
                ),
                name="loyalty_invitation_price_of_the_seated",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=check(
                condition=models.Q(
                    ("checked_in_at__isnull", True),
                    ("answer__in", ["accepted", "offered"]),
                    _connector="OR",
                ),
                name="loyalty_invitation_door",
            ),
        ),
    ]
