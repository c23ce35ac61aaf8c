"""Points for days that came: birthdays, and days that members told the shop of."""

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import batched
from zoneinfo import ZoneInfo

from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat

from saleor_loyalty.earning.models import EarningGrant
from saleor_loyalty.earning.rules import Trigger
from saleor_loyalty.flows.reward_activities import MEMBERS_A_CALL, Activity, reward_activities
from saleor_loyalty.mailings.models import PersonalDay
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.calendar import days_kept_on, end_of_day, local_date
from saleor_loyalty.programs.models import Program

logger = logging.getLogger(__name__)

DAYS_BACK = 7
TOLD_DAYS_BEFORE = 14


def birthday_cause(member_id: int, year: int) -> str:
    """Return what a birthday is called, by rules and by mails."""
    return f"birthday:{member_id}:{year}"


def personal_day_cause(day: PersonalDay, year: int) -> str:
    """Return what a member's day is called, by rules and by mails."""
    return f"personal_day:{day.member_id}:{day.slot}:{year}"


def reward_birthdays(*, now: datetime) -> int:
    """Award the birthdays of today and of the last days, each once a year; return their number.

    A day is one of the programme's zone. Who was born on 29 February has it on the 28th in
    other years. Looking a week back makes up for days on which nothing ran. Whose account was
    deleted has no birthday any more.
    """
    rewarded = 0
    Member.objects.filter(user=None, email="").exclude(born_on=None).update(born_on=None)
    for program in Program.objects.filter(is_active=True):
        today = local_date(now, time_zone=program.time_zone)
        try:
            for back in range(DAYS_BACK):
                rewarded += _reward_birthdays_on(program, today - timedelta(days=back), now=now)
        except Exception:  # whatever is wrong with one programme must not stop the others
            logger.exception("The birthdays of programme %s could not be rewarded", program.pk)
    return rewarded


def _reward_birthdays_on(program: Program, on: date, *, now: datetime) -> int:
    members = Member.objects.filter(
        program=program,
        merged_into=None,
        born_on__month=on.month,
        born_on__day__in=days_kept_on(on),
        joined_at__lte=now,
    )
    rewarded = 0
    for some in batched(members.order_by("pk").iterator(), MEMBERS_A_CALL):
        had = _had(some, "birthday", year=on.year)
        activities = [
            Activity(
                member=member,
                cause=birthday_cause(member.pk, on.year),
                trigger=Trigger.BIRTHDAY,
                moment=_moment(on, program, now=now),
            )
            for member in some
            if member.pk not in had
        ]
        rewarded += _reward(activities, now=now)
    return rewarded


def reward_personal_days(*, now: datetime) -> int:
    """Award members' days of today and of the last days; return their number.

    As birthdays are, each once a year. A day counts if it was told at least 14 days before it
    came. Who changes days earns no second time: it is the day's place among the member's that is
    rewarded once a year, whatever day it is.
    """
    rewarded = 0
    for program in Program.objects.filter(is_active=True):
        today = local_date(now, time_zone=program.time_zone)
        try:
            for back in range(DAYS_BACK):
                rewarded += _reward_days_on(program, today - timedelta(days=back), now=now)
        except Exception:  # whatever is wrong with one programme must not stop the others
            logger.exception("The days of members of programme %s failed", program.pk)
    return rewarded


def _reward_days_on(program: Program, on: date, *, now: datetime) -> int:
    told_on = on - timedelta(days=TOLD_DAYS_BEFORE)
    days = PersonalDay.objects.filter(
        member__program=program,
        member__merged_into=None,
        member__joined_at__lte=now,
        month=on.month,
        day__in=days_kept_on(on),
        told_at__lt=end_of_day(told_on, time_zone=program.time_zone),
    ).exclude(member__user=None, member__email="")
    rewarded = 0
    for some in batched(
        days.select_related("member").order_by("member", "slot").iterator(), MEMBERS_A_CALL
    ):
        had = _had([day.member for day in some], "personal_day", year=on.year)
        activities = [
            Activity(
                member=day.member,
                cause=personal_day_cause(day, on.year),
                trigger=Trigger.PERSONAL_DAY,
                moment=_moment(on, program, now=now),
            )
            for day in some
            if day.member_id not in had
        ]
        rewarded += _reward(activities, now=now)
    return rewarded


def _had(members: Sequence[Member], what: str, *, year: int) -> set[int | None]:
    """Return the members who had such days rewarded in a year as somebody who was merged into them.

    Their grants came with them, under the other's name. A member who was merged is rather left
    out for a year than rewarded twice.
    """
    ids = [member.pk for member in members]
    grants = EarningGrant.objects.filter(
        member__in=ids, cause__startswith=f"{what}:", cause__endswith=f":{year}"
    )
    own = Concat(Value(f"{what}:"), Cast(F("member_id"), CharField()), Value(":"))
    others = grants.annotate(own=own).exclude(cause__startswith=F("own"))
    return set(others.values_list("member_id", flat=True))


def _moment(on: date, program: Program, *, now: datetime) -> datetime:
    return min(now, datetime(on.year, on.month, on.day, 12, tzinfo=ZoneInfo(program.time_zone)))


def _reward(activities: Sequence[Activity], *, now: datetime) -> int:
    points = reward_activities(activities=activities, now=now)
    return sum(1 for given in points.values() if given)
