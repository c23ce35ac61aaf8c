"""The rewards that rules give for orders, as the orders are now."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from saleor_loyalty.flows.rule_gifts import (
    RuleGift,
    gift_key,
    give_rule_gifts,
    take_back_rule_gifts,
)
from saleor_loyalty.flows.settlement import Settlement, gifts_in
from saleor_loyalty.orders.models import SettledOrder


def settle_rule_gifts(
    settlements: Sequence[Settlement],
    *,
    before: Mapping[str, SettledOrder],
    member_ids: Mapping[str, int],
    now: datetime,
) -> None:
    """Give what rules give for orders that earn, and take back what orders brought no more.

    An order that was cancelled or paid back in full brings nothing, nor does one that changed so
    that the rule holds no more. `before`: how the orders were settled last. The caller holds
    the members' locks. No query where no rule gives a reward.
    """
    gifts: list[RuleGift] = []
    gone: set[str] = set()
    losing: set[int] = set()
    for settlement in settlements:
        order = settlement.facts
        member_id = member_ids.get(order.order_id)
        if member_id is None or settlement.terms is None:
            continue
        cause = f"order:{order.order_id}"
        kept = gifts_in(settlement.breakdown) if settlement.keeps_gifts else []
        gifts += [
            RuleGift(
                member_id=member_id,
                program_id=settlement.terms.program_id,
                reward_id=row["reward"],
                rule_id=row["rule"],
                rule_name=row["name"],
                cause=cause,
                channel_id=order.channel_id,
                currency=order.currency,
            )
            for row in kept
        ]
        row_before = before.get(order.order_id)
        earlier = gifts_in(row_before.breakdown) if row_before is not None else []
        lost = {row["rule"] for row in earlier} - {row["rule"] for row in kept}
        if lost:
            gone |= {gift_key(rule_id, cause) for rule_id in lost}
            losing.add(member_id)
    take_back_rule_gifts(member_ids=losing, keys=gone, spared=_codes_in(settlements), now=now)
    give_rule_gifts(gifts=gifts, now=now)


def _codes_in(settlements: Sequence[Settlement]) -> set[str]:
    """Return the codes and gift cards that orders have which are not cancelled."""
    orders = [one.facts for one in settlements if one.facts.is_placed]
    codes = {order.voucher_code for order in orders if order.voucher_code}
    return codes | {card_id for order in orders for card_id, _ in order.gift_cards_used}
