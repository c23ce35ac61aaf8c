"""Playing a history: day by day, through the code that settles the shop's own orders."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import connection

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.orders.facts import OrderFacts, OrderLine, OrderState
from saleor_loyalty.points.models import Balance, Hold, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture, Posting
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.points.sweeps import expire_due, mature_due
from saleor_loyalty.programs.calendar import (
    Period,
    end_of_day,
    local_date,
    period_end,
    start_of_day,
)
from saleor_loyalty.replay.drafts import CHANNEL, Draft, found
from saleor_loyalty.replay.history import History, Purchase
from saleor_loyalty.replay.scratch import Scratch

BATCH = 500
REFUND_AFTER = timedelta(days=14)
INSTANT = timedelta(microseconds=1)

Progress = Callable[[int], None]


class RedeemShareInvalid(LoyaltyError):
    """The share of points that is spent is not 0 to 1."""

    code = "redeem_share_invalid"


@dataclass(frozen=True, kw_only=True)
class Played:
    """What was played: the programme and its zone, and the first and last day."""

    program_id: int
    time_zone: str
    first_day: date
    last_day: date


def play(
    history: History,
    draft: Draft,
    *,
    scratch: Scratch,
    redeem_share: Decimal = Decimal(0),
    on_progress: Progress = lambda _: None,
) -> Played:
    """Play a history as if the drafted programme had held from its beginning.

    Each day begins with what the nightly tasks do (points mature, points expire), then its
    orders are settled, paid in full and sent at once; then those whose refund is due, two
    weeks after they were placed. The clock stands at the history's own days and stops at the
    end of its last month; refunds that would come later come on that last day. At each month's
    end members have spent `redeem_share` of the points they ever could use, as far as they are
    there. `on_progress` is told how many orders are done.

    Raises:
        RedeemShareInvalid: the share is not 0 to 1.
        ProgramInvalid, PolicyInvalid, RuleInvalid, ConditionInvalid: the draft makes no sense.

    """
    if not (redeem_share.is_finite() and 0 <= redeem_share <= 1):
        raise RedeemShareInvalid(field="redeem", share=str(redeem_share))
    calendar = _Calendar(history, time_zone=draft.time_zone)
    since = start_of_day(calendar.first, time_zone=draft.time_zone) - timedelta(days=1)
    with scratch.transaction():
        program_id = found(draft, now=since)
    makers = _FactsMaker(history, account_since=since)
    done, analyze_at = 0, BATCH
    for day in calendar.days():
        morning = start_of_day(day, time_zone=draft.time_zone)
        evening = end_of_day(day, time_zone=draft.time_zone) - INSTANT
        is_month_end = day == period_end(day, Period.MONTH)
        is_quiet = not (calendar.orders[day] or calendar.refunds[day])
        if is_quiet and not draft.needs_nights and not (is_month_end and redeem_share):
            continue
        with scratch.transaction():
            if draft.needs_nights:
                mature_due(now=morning)
                expire_due(now=morning)
            for batch in _batches(calendar.orders[day]):
                now = batch[-1].placed_at
                settle(facts=[makers.placed(one) for one in batch], now=now)
                done += len(batch)
            for batch in _batches(calendar.refunds[day]):
                settle(facts=[makers.refunded(one) for one in batch], now=evening)
            if is_month_end and redeem_share:
                _redeem(program_id=program_id, share=redeem_share, day=day, now=evening)
        on_progress(done)
        if done >= analyze_at:
            scratch.analyze()
            analyze_at = 3 * done
    return Played(
        program_id=program_id,
        time_zone=draft.time_zone,
        first_day=calendar.first,
        last_day=calendar.last,
    )


class _Calendar:
    """Which orders are placed and which are refunded on which day."""

    def __init__(self, history: History, *, time_zone: str) -> None:
        days = [local_date(one.placed_at, time_zone=time_zone) for one in history.purchases]
        self.first = days[0]
        self.last = period_end(days[-1], Period.MONTH)
        self.orders: dict[date, list[Purchase]] = defaultdict(list)
        self.refunds: dict[date, list[Purchase]] = defaultdict(list)
        for day, purchase in zip(days, history.purchases, strict=True):
            self.orders[day].append(purchase)
            if purchase.refunded > 0:
                self.refunds[min(day + REFUND_AFTER, self.last)].append(purchase)

    def days(self) -> Iterator[date]:
        """Yield every day from the first to the last."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


class _FactsMaker:
    """Makes of purchases what settling needs to know of orders."""

    def __init__(self, history: History, *, account_since: datetime) -> None:
        self.user_ids = history.customers
        self.account_since = account_since
        self.earlier: dict[str, int] = {}
        counts: dict[str, int] = defaultdict(int)
        for purchase in history.purchases:
            self.earlier[purchase.order] = counts[purchase.customer]
            counts[purchase.customer] += 1

    def placed(self, purchase: Purchase) -> OrderFacts:
        """Return the facts of an order as it was placed, paid and sent."""
        return self._facts(purchase, refunded=Decimal(0))

    def refunded(self, purchase: Purchase) -> OrderFacts:
        """Return the facts of an order after its refund."""
        return self._facts(purchase, refunded=purchase.refunded)

    def _facts(self, purchase: Purchase, *, refunded: Decimal) -> OrderFacts:
        amount, placed_at = purchase.amount, purchase.placed_at.astimezone(UTC)
        return OrderFacts(
            order_id=purchase.order,
            number=purchase.order[:32],
            channel_id=CHANNEL,
            currency=purchase.currency,
            state=OrderState.PLACED,
            is_replacement=False,
            is_import=False,
            placed_at=placed_at,
            user_id=self.user_ids[purchase.customer],
            account_since=self.account_since,
            email="",  # so nobody is thanked
            first_name="",
            language_code="en",
            shipping=Decimal(0),
            total=amount,
            is_fully_charged=not refunded,
            charged=amount - refunded,
            refunded=refunded,
            charged_back=Decimal(0),
            lines=tuple(
                OrderLine(
                    name="",
                    variant_name="",
                    quantity=1,
                    net=item.amount,
                    gross=item.amount,
                    category_ids=frozenset({item.category} if item.category else ()),
                )
                for item in purchase.items
            ),
            paid_at=placed_at,
            fulfilled_at=placed_at,
            earlier_orders=self.earlier[purchase.order],
        )


def _batches(purchases: Sequence[Purchase]) -> Iterator[Sequence[Purchase]]:
    for start in range(0, len(purchases), BATCH):
        yield purchases[start : start + BATCH]


# What each member would still spend to have spent a share of what they ever could use.
WANTED = f"""
SELECT balance.member_id, least(
  balance.available,
  floor(%(share)s * (balance.available + expired.points + spent.points))::bigint - spent.points
)
FROM {Balance._meta.db_table} AS balance
JOIN LATERAL (
  SELECT coalesce(sum(lot.expired), 0)::bigint AS points
  FROM {Lot._meta.db_table} AS lot WHERE lot.member_id = balance.member_id AND lot.expired > 0
) AS expired ON true
JOIN LATERAL (
  SELECT coalesce(sum(hold.captured - hold.returned), 0)::bigint AS points
  FROM {Hold._meta.db_table} AS hold WHERE hold.member_id = balance.member_id
) AS spent ON true
WHERE balance.available > 0
ORDER BY balance.member_id
"""


def _redeem(*, program_id: int, share: Decimal, day: date, now: datetime) -> None:
    """Spend what members want to by the assumption: hold it, and capture it at once."""
    with connection.cursor() as cursor:
        cursor.execute(WANTED, {"share": share})
        wanted = [(member_id, points) for member_id, points in cursor.fetchall() if points > 0]
    for start in range(0, len(wanted), BATCH):
        postings: list[Posting] = []
        for member_id, points in wanted[start : start + BATCH]:
            key = f"replay:{day}:{member_id}"
            common = {"program_id": program_id, "member_id": member_id, "effective_at": now}
            hold = Authorize(key=key, points=points, reason=Reason.HELD, **common)
            capture = Capture(key=f"{key}:spent", hold_key=key, reason=Reason.SPENT, **common)
            postings += [hold, capture]
        post(postings=postings, now=now)
