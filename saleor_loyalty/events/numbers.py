"""What an event brought: how many came of those who were invited, in points and in revenue."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.db import connections
from django.db.models import Avg, Count, Q, Sum

from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.rules import Answer, Source
from saleor_loyalty.orders.rules import Outcome

REVENUE_COUNTS_FOR = timedelta(days=30)
CALLED = (Source.WAVE.value, Source.STAFF.value)
CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class EventNumbers:
    """The numbers of an event: members but where seats are named.

    `opened`: looked at their page. `accepted`, `waiting`, `offered`: as it is now. `came` are those who were let in,
    `came_seats` with their guests. `points_paid`: held or spent for seats now. `revenue`: money by currency
    of orders that attendees placed in the 30 days after the end, as the programme settled them.
    """

    invited: int = 0
    asked: int = 0
    opened: int = 0
    accepted: int = 0
    accepted_seats: int = 0
    waiting: int = 0
    offered: int = 0
    declined: int = 0
    cancelled: int = 0
    came: int = 0
    came_seats: int = 0
    walk_ins: int = 0
    no_shows: int = 0
    points_given: int = 0
    points_paid: int = 0
    feedbacks: int = 0
    feedback_average: Decimal | None = None
    revenue: Mapping[str, Decimal] = field(default_factory=dict)


def numbers_of(event_ids: Collection[int], *, using: str = "default") -> dict[int, EventNumbers]:
    """Return the numbers of events, by event id. Two queries, however many they are."""
    rows = Invitation.objects.using(using).filter(event__in=event_ids).order_by()
    came = Q(checked_in_at__isnull=False)
    found = rows.values("event").annotate(
        invited=Count("pk", filter=Q(source__in=CALLED)),
        asked=Count("pk", filter=Q(source=Source.ASKED.value)),
        walk_ins=Count("pk", filter=Q(source=Source.WALK_IN.value)),
        opened=Count("pk", filter=Q(opened_at__isnull=False)),
        **{
            answer.value: Count("pk", filter=Q(answer=answer.value))
            for answer in (
                Answer.ACCEPTED,
                Answer.WAITING,
                Answer.OFFERED,
                Answer.DECLINED,
                Answer.CANCELLED,
            )
        },
        accepted_seats=Sum("seats", filter=Q(answer=Answer.ACCEPTED.value), default=0),
        came=Count("pk", filter=came),
        came_seats=Sum("checked_in_seats", filter=came, default=0),
        no_shows=Count("pk", filter=Q(is_no_show=True)),
        points_given=Sum("awarded_points", default=0),
        points_paid=Sum("price_points", default=0),
        feedbacks=Count("feedback_score"),
        average=Avg("feedback_score"),
    )
    revenue = _revenue(event_ids, using=using)
    numbers = {pk: EventNumbers(revenue=revenue.get(pk, {})) for pk in event_ids}
    for row in found:
        pk, average = row.pop("event"), row.pop("average")
        numbers[pk] = EventNumbers(
            **row,
            feedback_average=None if average is None else Decimal(str(average)).quantize(CENT),
            revenue=revenue.get(pk, {}),
        )
    return numbers


def _revenue(event_ids: Collection[int], *, using: str) -> dict[int, dict[str, Decimal]]:
    """Return what attendees spent in the time that counts after events, by event id and currency."""
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT invitation.event_id, settled.currency, SUM(settled.spent_amount)
            FROM saleor_loyalty_invitation AS invitation
            JOIN saleor_loyalty_event AS event ON event.id = invitation.event_id
            JOIN saleor_loyalty_settledorder AS settled
              ON settled.member_id = invitation.member_id
             AND settled.order_placed_at >= event.ends_at
             AND settled.order_placed_at < event.ends_at + make_interval(days => %s)
            WHERE invitation.event_id = ANY(%s)
              AND invitation.checked_in_at IS NOT NULL
              AND settled.outcome = %s
            GROUP BY 1, 2
            """,
            [REVENUE_COUNTS_FOR.days, list(event_ids), Outcome.EARNED.value],
        )
        for event_id, currency, amount in cursor.fetchall():
            found[event_id][currency] = amount
    return found
