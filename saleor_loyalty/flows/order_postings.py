"""What an order's settlement asks of the ledger."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from saleor_loyalty.flows.order_lots import lots_of, order_matures_at
from saleor_loyalty.flows.settlement import Settlement
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.points.operations import schedule_maturity
from saleor_loyalty.points.postings import Award, Posting, Take
from saleor_loyalty.points.queries import OrderPostings
from saleor_loyalty.points.rules import Reason, Shortfall
from saleor_loyalty.programs.policies.rules import Maturing, WhenShort


def postings_of(
    settlement: Settlement,
    *,
    posted: Mapping[str, OrderPostings],
    member_ids: Mapping[str, int],
    now: datetime,
) -> list[Posting]:
    """Return what brings the ledger to what an order is worth now; nothing if it is there."""
    order = settlement.facts
    held = posted.get(order.order_id, OrderPostings())
    difference = settlement.net - held.points
    if difference == 0 or order.order_id not in member_ids or settlement.terms is None:
        return []
    common: dict[str, Any] = {
        "program_id": settlement.terms.program_id,
        "member_id": member_ids[order.order_id],
        "reason": _reason(settlement, difference=difference),
        "effective_at": order.placed_at,
        "order_id": order.order_id,
        "details": _details(settlement),
        "is_qualifying": True,
    }
    key = f"order:{order.order_id}:{len(held.keys) + 1}"
    if difference < 0:
        owes = settlement.policy.when_short is WhenShort.OWE
        return [
            Take(
                **common,
                key=key,
                points=-difference,
                shortfall=Shortfall.DEBT if owes else Shortfall.FORGIVE,
            )
        ]
    lots = lots_of(settlement, points=difference, now=now)
    return [
        Award(
            **common,
            key=key if number == 0 else f"{key}.{number}",
            points=points,
            lot=lot,
            is_activity=True,
        )
        for number, (lot, points) in enumerate(lots)
    ]


def schedule_maturity_of(settlements: Iterable[Settlement], *, now: datetime) -> None:
    """Set when points mature that wait for their order to be fulfilled.

    Once it is; and no more when it is not any more, as when a fulfilment was cancelled. Rules
    with days of their own wait for no fulfilment: then the order is left alone.
    """
    waiting = [
        settlement
        for settlement in settlements
        if settlement.terms is not None
        and settlement.policy.maturing is Maturing.AFTER_FULFILLMENT
        and all(row["maturing_days"] is None for row in settlement.breakdown)
    ]
    if waiting:
        schedule_maturity(matures_at={one.facts.order_id: order_matures_at(one) for one in waiting})


def _reason(settlement: Settlement, *, difference: int) -> Reason:
    if difference > 0:
        return Reason.ORDER_EARNED
    if settlement.outcome is Outcome.CANCELLED:
        return Reason.ORDER_CANCELLED
    if settlement.returned > 0:
        return Reason.ORDER_REFUNDED
    return Reason.ORDER_CHANGED


def _details(settlement: Settlement) -> dict[str, object]:
    """Return the breakdown that an entry keeps, so that its number explains itself."""
    order = settlement.facts
    details: dict[str, object] = {
        "order_number": order.number,
        "currency": order.currency,
        "earned": settlement.earned,
        "returned": settlement.returned,
    }
    if settlement.rate is not None:
        details |= {
            "merchandise": str(settlement.merchandise),
            "price_basis": settlement.rate.price_basis.value,
            "points_per_unit": str(settlement.rate.points_per_unit),
            "total": str(order.total),
            "charged": str(order.charged),
            "rules": list(settlement.breakdown),
        }
    return details
