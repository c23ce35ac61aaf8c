"""How programmes send mails, what members chose, and the days that they told us of."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.mailings.rules import (
    MAX_DAY_NAME_LENGTH,
    MAX_PERSONAL_DAYS,
    ConsentSource,
    DayKind,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program

SOURCES = [(source.value, source.value) for source in ConsentSource]


class ProgramMailing(models.Model):
    """How a programme sends mails: `terms` are `MailingTerms` as plain data."""

    program = models.OneToOneField(
        Program, primary_key=True, related_name="mailing", on_delete=models.CASCADE
    )
    terms = models.JSONField(default=dict)
    updated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"mails of programme {self.program_id}"


class MemberPreferences(models.Model):
    """What a member chose, as `Choices`, and since when marketing is agreed to or not.

    `told_until` and `told_last_until`: points that expire up to this day were told of, in the
    first notice and in the last, of which the latest was at `told_at`.
    """

    member = models.OneToOneField(
        Member, primary_key=True, related_name="preferences", on_delete=models.PROTECT
    )
    accepts_marketing = models.BooleanField(default=False)
    consented_at = models.DateTimeField(null=True)
    consent_source = models.CharField(max_length=16, choices=SOURCES, blank=True, default="")
    stopped = models.JSONField(default=list)
    language_code = models.CharField(max_length=35, blank=True, default="")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    told_until = models.DateField(null=True)
    told_last_until = models.DateField(null=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"preferences of member {self.member_id}"


class Consent(models.Model):
    """A member agreed to marketing, or took it back: when, where and by whose hand.

    `wording` is what they read, where the source tells. The last row is what counts.
    """

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey(Member, related_name="consents", on_delete=models.PROTECT)
    is_given = models.BooleanField()
    source = models.CharField(max_length=16, choices=SOURCES)
    wording = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"member {self.member_id} {'agreed' if self.is_given else 'took it back'}"


class PersonalDay(models.Model):
    """A day that a member told us of: an anniversary, a birthday of the family.

    It comes every year; of 29 February it is the 28th in other years. `slot` is its place
    among the member's: what programmes give for personal days, they give once a year and slot.
    """

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey(
        Member, related_name="personal_days", on_delete=models.PROTECT, db_index=False
    )
    slot = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in DayKind])
    name = models.CharField(max_length=MAX_DAY_NAME_LENGTH)
    month = models.PositiveSmallIntegerField()
    day = models.PositiveSmallIntegerField()
    told_at = models.DateTimeField()

    class Meta:
        ordering = ("month", "day", "slot")
        default_permissions = ()
        indexes = (models.Index(fields=["month", "day"], name="loyalty_personal_day"),)
        constraints = (
            models.UniqueConstraint(fields=["member", "slot"], name="loyalty_personal_day_slot"),
            check(
                name="loyalty_personal_day_in_year",
                condition=models.Q(
                    month__gte=1,
                    month__lte=12,
                    day__gte=1,
                    day__lte=31,
                    slot__gte=1,
                    slot__lte=MAX_PERSONAL_DAYS,
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} of member {self.member_id}"
