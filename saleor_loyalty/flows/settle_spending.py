"""What an order means for the points that paid a part of it: spent, and given back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from saleor_loyalty.orders.facts import OrderFacts, OrderState
from saleor_loyalty.points.postings import Capture, GiveBack, Posting, Void
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.operations import hold_key, money_text
from saleor_loyalty.spending.rules import (
    Release,
    SpendingState,
    Undone,
    goods_share,
    points_back,
    points_of,
)


def with_points(order: OrderFacts, spendings: Iterable[Spending]) -> OrderFacts:
    """Return an order's facts with what points paid told apart from other gift cards.

    What points took off by a voucher is in the prices of its lines already.
    """
    by_cards = Decimal(0)
    known = Decimal(0)
    cards = dict(order.gift_cards_used)
    for one in spendings:
        if one.means == Means.GIFT_CARD.value:
            by_cards += amount_used(one, order)
            known += cards.get(one.means_id, Decimal(0))
    return replace(
        order,
        paid_with_points=order.paid_with_points + by_cards,
        paid_with_gift_cards=order.paid_with_gift_cards - known,
    )


def amount_used(spending: Spending, order: OrderFacts) -> Decimal:
    """Return the money of an application that an order used.

    What was settled once stays known, though the shop may forget it with a deleted gift card. Where it was
    forgotten before, what the order's lines cost beyond all else is theirs.
    """
    if spending.order_id == order.order_id:
        return spending.captured_amount
    used = Decimal(0)
    if spending.means == Means.GIFT_CARD.value:
        used = dict(order.gift_cards_used).get(spending.means_id, Decimal(0))
        if used == 0 and spending.checkout_id == order.checkout_id:
            used = max(order.unexplained, Decimal(0))
    elif spending.code == order.voucher_code:
        used = order.voucher_amount
    return min(used, spending.amount)


def settle_spendings(
    *,
    orders: Mapping[str, OrderFacts],
    spendings: Mapping[str, Sequence[Spending]],
    now: datetime,
) -> list[Posting]:
    """Note what orders used and what comes back, and return the postings for it.

    The caller has locked the orders and the members, and posts them in the same transaction. A
    repeat with the same facts asks for nothing. What an order used of points that are not held any
    more is left alone, and logged.
    """
    ids = [one.pk for some in spendings.values() for one in some]
    rows = {row.pk: row for row in Spending.objects.select_for_update().filter(pk__in=ids)}
    postings: list[Posting] = []
    for order_id, some in spendings.items():
        for row in (rows[one.pk] for one in some):
            before = (row.state, row.returned_points)
            postings += _postings(row, orders[order_id], now=now)
            if before != (row.state, row.returned_points):
                row.is_shut = False
                row.save()
    return postings


def _postings(row: Spending, order: OrderFacts, *, now: datetime) -> list[Posting]:
    postings: list[Posting] = []
    if row.state == SpendingState.HELD.value:
        postings += _captured(row, order, now=now)
    if row.state == SpendingState.CAPTURED.value and row.order_id == order.order_id:
        postings += _returned(row, order, now=now)
    return postings


def _captured(row: Spending, order: OrderFacts, *, now: datetime) -> list[Posting]:
    if order.is_draft:  # staff may write any code on a draft: it is used when it is placed
        return []
    used = amount_used(row, order)
    points = points_of(used, points=row.points, whole=row.amount)
    key = hold_key(row)
    if points == 0:
        row.state = SpendingState.RELEASED.value
        row.released_because = Release.NOT_USED.value
        row.closed_at = now
        return [_released(row, now=now, because=Release.NOT_USED.value)]
    row.state = SpendingState.CAPTURED.value
    row.order_id = order.order_id
    row.captured_points, row.captured_amount = points, used
    row.closed_at = now
    postings: list[Posting] = [
        Capture(
            program_id=row.program_id,
            member_id=row.member_id,
            key=f"{key}:spent",
            reason=Reason.SPENT,
            effective_at=order.placed_at,
            order_id=order.order_id,
            details={
                "amount": money_text(used),
                "currency": row.currency,
                "order_number": order.number,
            },
            is_activity=True,
            hold_key=key,
            points=points,
        )
    ]
    if points < row.points:
        postings.append(_released(row, now=now, because="surplus"))
    return postings


def _released(row: Spending, *, now: datetime, because: str) -> Void:
    key = hold_key(row)
    return Void(
        program_id=row.program_id,
        member_id=row.member_id,
        key=f"{key}:released",
        reason=Reason.RELEASED,
        effective_at=now,
        details={"because": because},
        hold_key=key,
    )


def _returned(row: Spending, order: OrderFacts, *, now: datetime) -> list[Posting]:
    undone = Undone(
        paid_with_points=row.captured_amount,
        cash=order.total,
        cash_returned=order.cash_returned,
        goods_share=goods_share(
            [(line.gross, line.quantity, line.quantity_returned) for line in order.lines]
        ),
        is_cancelled=order.state is OrderState.CANCELLED
        or order.is_expired
        or _is_forgotten(row, order),
    )
    back = points_back(row.captured_points, undone, returning=row.spending_terms.returning)
    points = back - row.returned_points
    if points <= 0:
        return []
    row.returned_points = back
    key = hold_key(row)
    return [
        GiveBack(
            program_id=row.program_id,
            member_id=row.member_id,
            key=f"{key}:back:{back}",
            reason=Reason.RETURNED,
            effective_at=now,
            order_id=order.order_id,
            details={"order_number": order.number},
            hold_key=key,
            points=points,
        )
    ]


def _is_forgotten(row: Spending, order: OrderFacts) -> bool:
    """Tell whether the shop charges for all of an order again, as if its gift card had paid nothing.

    Saleor forgets gift cards when staff edit an order that waits for confirmation.
    """
    is_by_card = row.means == Means.GIFT_CARD.value
    return is_by_card and order.unexplained <= 0
