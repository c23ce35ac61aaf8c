"""Mails about points that will expire: the first notice, and the last chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from django.db import connection

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.calendar_mails import dated, for_programs, tell_all
from saleor_loyalty.flows.mail_desk import Desk, open_desk
from saleor_loyalty.flows.mail_freshness import notice_facts
from saleor_loyalty.mailings.models import MemberPreferences
from saleor_loyalty.mailings.notices import Notice, NoticeTerms
from saleor_loyalty.mailings.rules import WEEK, MailingTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.expiring import OF_MEMBERS, OF_PROGRAM, ends_of
from saleor_loyalty.programs.calendar import end_of_day, local_date, start_of_day
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.queries import load_terms

FIRST, LAST = EmailKind.POINTS_EXPIRING, EmailKind.POINTS_EXPIRING_LAST
USUAL_DAYS_BEFORE = 30
LAST_DAYS_BEFORE = 7
NEVER = date.min

# Points that came after what was told, and end before it: not again within a week, for who earns daily.
IS_NEWER = "usable_at > told.told_at AND told.told_at < %(a_week_ago)s"

NEWER = f"""
SELECT DISTINCT ends.member_id FROM ({OF_MEMBERS}) AS ends
JOIN {MemberPreferences._meta.db_table} AS told ON told.member_id = ends.member_id
WHERE last_on <= %(until)s AND {IS_NEWER}
"""
DUE = f"""
SELECT DISTINCT member.id
FROM ({OF_PROGRAM}) AS ends
JOIN {Member._meta.db_table} AS member ON member.id = ends.member_id
LEFT JOIN {MemberPreferences._meta.db_table} AS told ON told.member_id = member.id
WHERE member.merged_into_id IS NULL AND (member.user_id IS NOT NULL OR member.email <> '')
  AND (
    last_on <= %(first)s AND last_on > coalesce(told.told_until, '-infinity')
    OR last_on <= %(last)s AND last_on > coalesce(told.told_last_until, '-infinity')
    OR last_on <= greatest(%(first)s, %(last)s) AND {IS_NEWER}
  )
ORDER BY member.id
"""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Which notices a programme gives today; None: not that one."""

    today: date
    first: NoticeTerms | None
    last: NoticeTerms | None
    now: datetime

    @property
    def covers_until(self) -> date:
        found = [one.covers_until(self.today) for one in (self.first, self.last) if one]
        return max(found)


def warn_of_expiry(*, now: datetime) -> int:
    """Queue the notices of points that expire within the days before; return how many.

    A notice covers some more days than make it due, and is not repeated for what it covered. The
    first comes as many days before as the kind says, or else the programme's policy; the last a
    week before. Who gets the last one hears of the same points, and on the same day, no other.
    A day is one of the programme's zone. It may run at any time, often, also after days of nothing.
    """
    return for_programs(kinds=(FIRST, LAST), work=partial(_warn, now=now))


def _warn(program: Program, terms: MailingTerms, *, now: datetime) -> int:
    plan = _plan(program, terms, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            DUE,
            {
                "program": program.pk,
                "until": plan.covers_until,
                "now": now,
                "first": plan.first.due_until(plan.today) if plan.first else NEVER,
                "last": plan.last.due_until(plan.today) if plan.last else NEVER,
                "a_week_ago": now - WEEK,
            },
        )
        due = [member_id for (member_id,) in cursor.fetchall()]
    return tell_all(due, partial(_tell, plan=plan, program=program), what=FIRST.value)


def _plan(program: Program, terms: MailingTerms, *, now: datetime) -> _Plan:
    first, last = terms.kind(FIRST), terms.kind(LAST)
    days_before = first.days_before
    if first.is_on and days_before is None:
        policy = load_terms(program_ids=[program.pk]).by_program[program.pk].policy_at(now)
        days_before = policy.longest_notice_days or None
    return _Plan(
        today=local_date(now, time_zone=program.time_zone),
        first=NoticeTerms.first(days_before or USUAL_DAYS_BEFORE) if first.is_on else None,
        last=NoticeTerms.last(last.days_before or LAST_DAYS_BEFORE) if last.is_on else None,
        now=now,
    )


def _tell(member_ids: Sequence[int], *, plan: _Plan, program: Program) -> int:
    """Queue the notices of some members, and note what they were told; a bounded number of queries."""
    told = _locked_preferences(member_ids)
    ends = ends_of(member_ids=member_ids, until=plan.covers_until, now=plan.now)
    warned = _warned_today(member_ids, plan=plan, program=program)
    for member_id in _with_newer_points(member_ids, plan=plan):
        told[member_id].told_until = told[member_id].told_last_until = None
    notices: list[tuple[EmailKind, int, Notice]] = []
    for member_id in member_ids:
        row = told[member_id]
        last = _notice(plan.last, ends.get(member_id), plan=plan, told_until=row.told_last_until)
        if last is not None:
            notices.append((LAST, member_id, last))
            row.told_last_until = last.until
            row.told_until = max(row.told_until or last.until, last.until)
            continue
        first = _notice(plan.first, ends.get(member_id), plan=plan, told_until=row.told_until)
        if first is not None and member_id not in warned:
            notices.append((FIRST, member_id, first))
            row.told_until = first.until
    if not notices:
        return 0
    changed = [told[member_id] for _, member_id, _ in notices]
    for row in changed:
        row.told_at = plan.now
    MemberPreferences.objects.bulk_update(changed, ["told_until", "told_last_until", "told_at"])
    desk = open_desk(
        member_ids={member_id for _, member_id, _ in notices}, now=plan.now, with_tiers=False
    )
    return desk.queue(
        _email(kind, desk.members[member_id], notice, desk, today=plan.today)
        for kind, member_id, notice in notices
    )


def _locked_preferences(member_ids: Sequence[int]) -> dict[int, MemberPreferences]:
    """Return members' rows with what they were told; who has none gets one. Others wait."""
    MemberPreferences.objects.bulk_create(
        [MemberPreferences(member_id=pk) for pk in member_ids], ignore_conflicts=True
    )
    rows = MemberPreferences.objects.select_for_update().filter(pk__in=member_ids).order_by("pk")
    return {row.pk: row for row in rows}


def _with_newer_points(member_ids: Sequence[int], *, plan: _Plan) -> list[int]:
    """Return the members to whom points came since they were told, which end as soon."""
    with connection.cursor() as cursor:
        cursor.execute(
            NEWER,
            {
                "members": list(member_ids),
                "until": plan.covers_until,
                "now": plan.now,
                "a_week_ago": plan.now - WEEK,
            },
        )
        return [member_id for (member_id,) in cursor.fetchall()]


def _warned_today(member_ids: Sequence[int], *, plan: _Plan, program: Program) -> set[int | None]:
    """Return the members who get the last notice today: another one has to wait."""
    mails = EmailMessage.objects.filter(
        member_id__in=member_ids,
        kind=LAST.value,
        created_at__gte=start_of_day(plan.today, time_zone=program.time_zone),
    )
    return set(mails.order_by().values_list("member_id", flat=True))


def _notice(
    terms: NoticeTerms | None,
    ends: Mapping[date, int] | None,
    *,
    plan: _Plan,
    told_until: date | None,
) -> Notice | None:
    if terms is None or not ends:
        return None
    return terms.notice(ends, today=plan.today, told_until=told_until)


def _email(
    kind: EmailKind, member: Member, notice: Notice, desk: Desk, *, today: date
) -> EmailRequest | None:
    expires_on = notice.expires_on
    return dated(
        kind,
        member,
        desk,
        key=f"{kind.value}:{member.pk}:{today.isoformat()}",
        facts={
            **notice_facts(notice.days, today=today),
            "expiring_until": notice.until.isoformat(),
        },
        due_at=desk.at_hour(kind, member, on=today),
        until=end_of_day(expires_on, time_zone=member.program.time_zone),
    )
