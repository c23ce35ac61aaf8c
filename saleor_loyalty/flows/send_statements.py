"""Statements of a month, and the year in review."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from django.db import connection
from django.db.models import Exists, OuterRef

from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.calendar_mails import (
    dated,
    for_programs,
    has_had,
    members_to_tell,
    next_at_hour,
    tell_all,
)
from saleor_loyalty.flows.mail_desk import USEFUL_FOR, Desk, open_desk
from saleor_loyalty.mailings.rules import MailingTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.queries import kept_orders
from saleor_loyalty.points.models import Entry
from saleor_loyalty.programs.calendar import local_date, start_of_day
from saleor_loyalty.programs.models import Program

MONTHLY, YEARLY = EmailKind.STATEMENT_MONTHLY, EmailKind.STATEMENT_YEARLY
LAST_DAY_OF_MONTHLY = 5
LAST_DAY_OF_YEARLY = 15

# What was moved in from elsewhere was not earned, and a debt that was forgiven is no gain. What came
# back of what was spent or taken lowers it.
SUMS = f"""
WITH owned AS (
  SELECT id AS member_id, coalesce(merged_into_id, id) AS owner FROM {Member._meta.db_table}
  WHERE id = ANY(%(members)s) OR merged_into_id = ANY(%(members)s)
), moved AS (
  SELECT owner,
    sum(CASE WHEN source = 'issued' THEN points WHEN target = 'revoked' THEN -points ELSE 0 END) AS earned,
    sum(CASE WHEN target = 'spent' THEN points WHEN source = 'spent' THEN -points ELSE 0 END) AS spent,
    sum(CASE WHEN target = 'expired' THEN points WHEN source = 'expired' THEN -points ELSE 0 END) AS expired
  FROM {Entry._meta.db_table} JOIN owned USING (member_id)
  WHERE created_at >= %(begins_at)s AND created_at < %(ends_at)s
    AND reason NOT IN ('merged', 'opening_balance', 'debt_forgiven')
  GROUP BY owner
), bought AS (
  SELECT owner, count(*) AS orders FROM {SettledOrder._meta.db_table} JOIN owned USING (member_id)
  WHERE order_placed_at >= %(begins_at)s AND order_placed_at < %(ends_at)s AND outcome = 'earned'
    AND (earned_points = 0 OR returned_points < earned_points)
  GROUP BY owner
)
SELECT owner, coalesce(orders, 0), greatest(coalesce(earned, 0), 0), greatest(coalesce(spent, 0), 0),
  greatest(coalesce(expired, 0), 0)
FROM moved FULL JOIN bought USING (owner)
"""


@dataclass(frozen=True, kw_only=True)
class _Period:
    """What a statement is about: a month ("2026-05") or a year, from an instant to an instant."""

    kind: EmailKind
    name: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """What happened to a member in a period."""

    orders: int = 0
    earned: int = 0
    spent: int = 0
    expired: int = 0

    def is_worth_telling(self, kind: EmailKind) -> bool:
        """Tell whether there is something to say: a year is worth a look if it brought something."""
        brought = self.orders > 0 or self.earned > 0
        return brought or (kind is MONTHLY and (self.spent > 0 or self.expired > 0))


def send_statements(*, now: datetime) -> int:
    """Queue the statements of the month before, and in January of the year; return how many.

    The month's until the 5th, the year's until the 15th, in the programme's zone, each once, at the next hour
    of its kind. Points count when they were written, so that each is in one statement and none is lost;
    orders when they were placed.
    """
    return for_programs(kinds=(MONTHLY, YEARLY), work=partial(_send, now=now))


def _send(program: Program, terms: MailingTerms, *, now: datetime) -> int:
    today = local_date(now, time_zone=program.time_zone)
    return sum(
        _send_period(program, period, now=now)
        for period in _periods(today, time_zone=program.time_zone)
        if terms.kind(period.kind).is_on
    )


def _periods(today: date, *, time_zone: str) -> list[_Period]:
    """Return the periods that are to be told of on a day."""
    first = today.replace(day=1)
    month = (first - timedelta(days=1)).replace(day=1)
    year = date(today.year - 1, 1, 1)
    found = []
    if today.day <= LAST_DAY_OF_MONTHLY:
        found.append((MONTHLY, month.isoformat()[:7], month))
    if today.month == 1 and today.day <= LAST_DAY_OF_YEARLY:
        found.append((YEARLY, str(year.year), year))
    ends_at = start_of_day(first, time_zone=time_zone)
    return [
        _Period(
            kind=kind,
            name=name,
            begins_at=start_of_day(begins_on, time_zone=time_zone),
            ends_at=ends_at,
        )
        for kind, name, begins_on in found
    ]


def _send_period(program: Program, period: _Period, *, now: datetime) -> int:
    entries = Entry.objects.filter(created_at__gte=period.begins_at, created_at__lt=period.ends_at)
    orders = kept_orders().filter(
        order_placed_at__gte=period.begins_at, order_placed_at__lt=period.ends_at
    )
    members = members_to_tell(program).filter(
        Exists(entries.filter(member=OuterRef("pk")))
        | Exists(entries.filter(member__merged_into=OuterRef("pk")))
        | Exists(orders.filter(member=OuterRef("pk"))),
        ~has_had(period.kind, period.name),
        joined_at__lt=period.ends_at,
    )
    ids = list(members.order_by("pk").values_list("pk", flat=True))
    return tell_all(ids, partial(_tell, period=period, now=now), what=period.kind.value)


def _tell(member_ids: Sequence[int], *, period: _Period, now: datetime) -> int:
    """Queue the statements of some members; a bounded number of queries."""
    sums = {
        pk: one
        for pk, one in _sums(member_ids, period=period).items()
        if one.is_worth_telling(period.kind)
    }
    desk = open_desk(member_ids=sums, now=now)
    return desk.queue(_email(desk.members[pk], one, desk, period) for pk, one in sums.items())


def _sums(member_ids: Sequence[int], *, period: _Period) -> Mapping[int, _Sums]:
    with connection.cursor() as cursor:
        cursor.execute(
            SUMS,
            {
                "members": list(member_ids),
                "begins_at": period.begins_at,
                "ends_at": period.ends_at,
            },
        )
        return {
            owner: _Sums(orders=orders, earned=int(earned), spent=int(spent), expired=int(expired))
            for owner, orders, earned, spent, expired in cursor.fetchall()
        }


def _email(member: Member, sums: _Sums, desk: Desk, period: _Period) -> EmailRequest | None:
    due_at = next_at_hour(period.kind, member, desk)
    joined_on = local_date(member.joined_at, time_zone=member.program.time_zone)
    return dated(
        period.kind,
        member,
        desk,
        key=f"statement:{member.pk}:{period.name}",
        facts={
            "period": period.name,
            "orders": sums.orders,
            "points_earned": sums.earned,
            "points_spent": sums.spent,
            "points_expired": sums.expired,
            "joined_on": joined_on.isoformat(),
        },
        due_at=due_at,
        until=due_at + USEFUL_FOR,
    )
