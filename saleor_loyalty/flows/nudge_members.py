"""Mails to members whose next order is late: the second one ever, or one of their rhythm."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from django.db import connection
from django.db.models import Exists, F, OuterRef

from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.calendar_mails import (
    dated,
    for_programs,
    is_written,
    members_to_tell,
    next_at_hour,
    tell_all,
)
from saleor_loyalty.flows.mail_desk import USEFUL_FOR, Desk, open_desk
from saleor_loyalty.mailings.rhythm import (
    LONGEST_SILENCE_DAYS,
    SHORTEST_GAP_DAYS,
    second_purchase_on,
    typical_gap_days,
    win_back_on,
)
from saleor_loyalty.mailings.rules import MailingTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.queries import kept_orders, placed_orders
from saleor_loyalty.programs.calendar import add_months, local_date, start_of_day
from saleor_loyalty.programs.models import Program

SECOND_PURCHASE, WIN_BACK = EmailKind.SECOND_PURCHASE, EmailKind.WIN_BACK
DAYS_LATE = 14
MONTHS_OF_CUSTOMERS = 24

# How many customers came back in some time, and after how many days half of them.
TYPICAL = f"""
WITH days AS (
  SELECT DISTINCT member_id, (order_placed_at AT TIME ZONE %(zone)s)::date AS ordered_on,
    min(earlier_orders) OVER (PARTITION BY member_id) AS before
  FROM {SettledOrder._meta.db_table}
  WHERE program_id = %(program)s AND member_id IS NOT NULL AND outcome = 'earned'
    AND (earned_points = 0 OR returned_points < earned_points)
), numbered AS (
  SELECT ordered_on, before, row_number() OVER orders AS number, ordered_on - lag(ordered_on) OVER orders AS gap
  FROM days WINDOW orders AS (PARTITION BY member_id ORDER BY ordered_on)
)
SELECT count(*), coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY gap), 0)
FROM numbered WHERE number = 2 AND before = 0 AND ordered_on >= %(since)s
"""


@dataclass(frozen=True, kw_only=True)
class _Order:
    order_id: str
    ordered_on: date
    earlier: int


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Which nudges a programme sends, and after how many days a second order is late."""

    terms: MailingTerms
    typical_days: int
    today: date
    now: datetime

    def kind_of(self, orders: Sequence[_Order], *, is_first: bool) -> EmailKind | None:
        """Return the mail that is due to a member with these orders, or None."""
        if is_first:
            kind, due_on = SECOND_PURCHASE, self._second_on(orders[0])
        else:
            kind, due_on = WIN_BACK, win_back_on([one.ordered_on for one in orders])
        is_due = due_on is not None and 0 <= (self.today - due_on).days <= DAYS_LATE
        return kind if is_due and self.terms.kind(kind).is_on else None

    def _second_on(self, order: _Order) -> date | None:
        return second_purchase_on(order.ordered_on, self.typical_days)


def nudge_members(*, now: datetime) -> int:
    """Queue mails to members who have not ordered for longer than they do; return how many.

    Who ordered once is reminded when others order again, whoever ordered more by their own rhythm
    (`mailings.rhythm`). Only in the 14 days after that day, so that switching it on does not write to
    everybody of the last ten years; once for each last order. Who has an order on its way, paid
    or not, is left in peace. They come at the next hour of their kind.
    """
    return for_programs(kinds=(SECOND_PURCHASE, WIN_BACK), work=partial(_nudge, now=now))


def _nudge(program: Program, terms: MailingTerms, *, now: datetime) -> int:
    today = local_date(now, time_zone=program.time_zone)
    plan = _Plan(
        terms=terms,
        typical_days=_typical_days(program, today=today)
        if terms.kind(SECOND_PURCHASE).is_on
        else 0,
        today=today,
        now=now,
    )
    earliest = today - timedelta(days=LONGEST_SILENCE_DAYS + DAYS_LATE)
    latest = today - timedelta(days=SHORTEST_GAP_DAYS)
    begins_at = start_of_day(earliest, time_zone=program.time_zone)
    ends_at = start_of_day(latest + timedelta(days=1), time_zone=program.time_zone)
    placed = placed_orders().filter(member=OuterRef("pk"))
    last = kept_orders().filter(
        ~is_written("win_back", F("order_id")),
        ~is_written("second_purchase", F("order_id")),
        member=OuterRef("pk"),
        order_placed_at__gte=begins_at,
        order_placed_at__lt=ends_at,
    )
    members = members_to_tell(program).filter(
        Exists(last), ~Exists(placed.filter(order_placed_at__gte=ends_at))
    )
    ids = list(members.order_by("pk").values_list("pk", flat=True))
    return tell_all(ids, partial(_tell, plan=plan, program=program), what=WIN_BACK.value)


def _typical_days(program: Program, *, today: date) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            TYPICAL,
            {
                "program": program.pk,
                "zone": program.time_zone,
                "since": add_months(today, -MONTHS_OF_CUSTOMERS),
            },
        )
        customers, median_days = cursor.fetchone()
    return typical_gap_days(customers=customers, median_days=median_days)


def _tell(member_ids: Sequence[int], *, plan: _Plan, program: Program) -> int:
    """Queue what is due to some members; a bounded number of queries."""
    kept, placed = _orders(member_ids, program=program)
    due: dict[int, tuple[EmailKind, _Order]] = {}
    for member_id, orders in kept.items():
        last = orders[-1]
        if placed[member_id][-1] != last:
            continue
        is_first = len(placed[member_id]) == 1 and not last.earlier
        kind = plan.kind_of(orders, is_first=is_first)
        if kind is not None:
            due[member_id] = (kind, last)
    desk = open_desk(member_ids=due, now=plan.now)
    return desk.queue(
        _email(kind, desk.members[member_id], desk, last=last)
        for member_id, (kind, last) in due.items()
    )


def _orders(
    member_ids: Sequence[int], *, program: Program
) -> tuple[dict[int, list[_Order]], dict[int, list[_Order]]]:
    """Return the orders that members kept, and all that they placed, oldest first. Two queries."""
    found = []
    for orders in (kept_orders(), placed_orders()):
        by_member: dict[int, list[_Order]] = defaultdict(list)
        rows = orders.filter(member__in=member_ids).order_by("order_placed_at", "order_id")
        for member_id, order_id, placed_at, earlier in rows.values_list(
            "member_id", "order_id", "order_placed_at", "earlier_orders"
        ):
            on = local_date(placed_at, time_zone=program.time_zone)
            by_member[member_id or 0].append(
                _Order(order_id=order_id, ordered_on=on, earlier=earlier)
            )
        found.append(by_member)
    kept, placed = found
    return kept, placed


def _email(kind: EmailKind, member: Member, desk: Desk, *, last: _Order) -> EmailRequest | None:
    due_at = next_at_hour(kind, member, desk)
    return dated(
        kind,
        member,
        desk,
        key=f"{kind.value}:{last.order_id}",
        facts={"last_ordered_on": last.ordered_on.isoformat()},
        due_at=due_at,
        until=due_at + USEFUL_FOR,
    )
