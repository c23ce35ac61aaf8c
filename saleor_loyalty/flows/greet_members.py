"""Greetings on members' birthdays, and on the days that they told the shop of."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import F

from saleor_loyalty.earning.models import EarningGrant
from saleor_loyalty.earning.rules import Action
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.calendar_mails import (
    dated,
    for_programs,
    had_as_another,
    has_had,
    is_written,
    members_to_tell,
    tell_all,
)
from saleor_loyalty.flows.mail_desk import Desk, open_desk
from saleor_loyalty.flows.member_mails import reward_facts
from saleor_loyalty.flows.reward_days import birthday_cause, personal_day_cause
from saleor_loyalty.flows.rule_gifts import gift_key
from saleor_loyalty.mailings.models import PersonalDay
from saleor_loyalty.mailings.rules import MailingTerms
from saleor_loyalty.programs.calendar import days_kept_on, end_of_day, local_date, start_of_day
from saleor_loyalty.programs.models import Program
from saleor_loyalty.rewards.models import Redemption, RewardTranslation
from saleor_loyalty.rewards.rules import RedemptionState

BIRTHDAY, PERSONAL_DAY = EmailKind.BIRTHDAY, EmailKind.PERSONAL_DAY
DAYS_LATE = 1
# What a day brings is there by then: its points, and the codes of its rewards.
WRITTEN_BEFORE = timedelta(hours=1)
GONE = (RedemptionState.CANCELLED.value, RedemptionState.EXPIRED.value)


@dataclass(frozen=True, kw_only=True)
class _Day:
    """A day that comes for a member: what rules and the mail call it."""

    member_id: int
    cause: str
    facts: Mapping[str, str] = field(default_factory=dict)


def greet_members(*, now: datetime) -> int:
    """Queue the greetings of today, and of yesterday where nothing ran; return how many.

    They are written in the hour before they are due, so that they tell what the day brings: call it
    after the day's rewards were given. Each comes once a year, on the day at the kind's hour, or at
    once if that is over, until the end of the next day. A day is one of the programme's zone; that
    of 29 February is the 28th in other years. Who joined or told the day on the day itself, or
    later, has to wait a year.
    """
    return for_programs(kinds=(BIRTHDAY, PERSONAL_DAY), work=partial(_greet, now=now))


def _greet(program: Program, terms: MailingTerms, *, now: datetime) -> int:
    today = local_date(now, time_zone=program.time_zone)
    greeted = 0
    for on in (today - timedelta(days=late) for late in range(DAYS_LATE, -1, -1)):
        for kind, find, tell in (
            (BIRTHDAY, _born_on, _tell_birthdays),
            (PERSONAL_DAY, _days_on, _tell_days),
        ):
            if terms.kind(kind).is_on:
                ids = find(program, on)
                work = partial(tell, on=on, now=now)
                greeted += tell_all(ids, work, what=kind.value)
    return greeted


def _born_on(program: Program, on: date) -> list[int]:
    members = members_to_tell(program).filter(
        ~has_had(BIRTHDAY, str(on.year)),
        born_on__month=on.month,
        born_on__day__in=days_kept_on(on),
        joined_at__lt=start_of_day(on, time_zone=program.time_zone),
    )
    return list(members.order_by("pk").values_list("pk", flat=True))


def _days_on(program: Program, on: date) -> list[int]:
    begins_at = start_of_day(on, time_zone=program.time_zone)
    days = PersonalDay.objects.filter(
        ~is_written("personal_day", F("member_id"), F("slot"), str(on.year)),
        ~had_as_another(PERSONAL_DAY, str(on.year), member="member_id"),
        member__in=members_to_tell(program).filter(joined_at__lt=begins_at),
        month=on.month,
        day__in=days_kept_on(on),
        told_at__lt=begins_at,
    )
    return list(days.order_by("pk").values_list("pk", flat=True))


def _tell_birthdays(member_ids: Sequence[int], *, on: date, now: datetime) -> int:
    days = [_Day(member_id=pk, cause=birthday_cause(pk, on.year)) for pk in member_ids]
    return _tell(BIRTHDAY, days, on=on, now=now)


def _tell_days(day_ids: Sequence[int], *, on: date, now: datetime) -> int:
    days = [
        _Day(
            member_id=day.member_id,
            cause=personal_day_cause(day, on.year),
            facts={"day_name": day.name},
        )
        for day in PersonalDay.objects.filter(pk__in=day_ids).order_by("pk")
    ]
    return _tell(PERSONAL_DAY, days, on=on, now=now)


def _tell(kind: EmailKind, days: Sequence[_Day], *, on: date, now: datetime) -> int:
    """Queue the greetings of some days; a bounded number of queries."""
    desk = open_desk(member_ids={day.member_id for day in days}, now=now, with_tiers=False)
    due = [
        day
        for day in days
        if desk.at_hour(kind, desk.members[day.member_id], on=on) - WRITTEN_BEFORE <= now
    ]
    presents = _presents(due, desk) if due else {}
    return desk.queue(_email(kind, day, desk, on=on, presents=presents) for day in due)


def _email(
    kind: EmailKind,
    day: _Day,
    desk: Desk,
    *,
    on: date,
    presents: Mapping[str, Mapping[str, Any]],
) -> EmailRequest | None:
    member = desk.members[day.member_id]
    return dated(
        kind,
        member,
        desk,
        key=day.cause,
        facts={**presents.get(day.cause, {}), **day.facts},
        due_at=desk.at_hour(kind, member, on=on),
        until=end_of_day(on + timedelta(days=DAYS_LATE), time_zone=member.program.time_zone),
    )


def _presents(days: Sequence[_Day], desk: Desk) -> dict[str, dict[str, Any]]:
    """Return what rules gave for days, as facts by cause: points, and the first reward."""
    owners = {day.cause: desk.members[day.member_id] for day in days}
    grants = EarningGrant.objects.filter(
        member__in={member.pk for member in owners.values()}, cause__in=owners, granted__gt=0
    )
    facts: dict[str, dict[str, Any]] = defaultdict(dict)
    causes: dict[str, str] = {}
    for cause, rule_id, granted, action in grants.order_by("pk").values_list(
        "cause", "rule", "granted", "version__definition__action"
    ):
        if action == Action.GIVE_REWARD.value:
            causes[gift_key(rule_id, cause)] = cause
        else:
            facts[cause]["gift_points"] = facts[cause].get("gift_points", 0) + granted
    rewards = list(
        Redemption.objects.filter(
            member__in={member.pk for member in owners.values()}, key__in=causes
        )
        .exclude(state__in=GONE)
        .select_related("reward")
        .order_by("-pk")
    )
    names: dict[int, dict[str, str]] = defaultdict(dict)
    for row in RewardTranslation.objects.filter(reward__in={one.reward_id for one in rewards}):
        names[row.reward_id][row.language_code] = row.name
    for one in rewards:
        cause = causes[one.key]
        zone = owners[cause].program.time_zone
        facts[cause] |= reward_facts(one, time_zone=zone, names=names[one.reward_id])
    return facts
