"""What orders did to redemptions: codes that they used, and codes that they gave back."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models.functions import Coalesce

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.rewards.models import Redemption
from saleor_loyalty.rewards.redemptions import locked_redemptions, move_on, note_step
from saleor_loyalty.rewards.rules import BY_VOUCHER, RedemptionState, RewardContent, RewardKind

logger = logging.getLogger(__name__)

VOUCHERS = frozenset(kind.value for kind in BY_VOUCHER)
# A code that an order took in the instant that its time ran out was used all the same.
USABLE = frozenset({RedemptionState.OPEN.value, RedemptionState.EXPIRED.value})


@transaction.atomic
def settle_rewards(*, orders: Sequence[OrderFacts], now: datetime) -> None:
    """Mark the redemptions that orders used, and open those again that cancelled orders gave back.

    An order uses a redemption by its voucher code, by a gift card that paid for it, or by a product
    that only who redeemed access may order. The first order counts, also before it is paid. A
    code comes back with an order that was cancelled or given up unpaid, unless it is over; what a
    gift card paid does not come back in the shop, so it stays used. A repeat with the same facts changes nothing. One query where no redemption is concerned.
    """
    wanted = [order for order in orders if not order.is_replacement]
    pks = _concerned(wanted)
    if not pks:
        return
    rows = locked_redemptions(pks)
    owners = _owners(wanted) if any(_is_access(one) for one in rows) else {}
    used: list[Redemption] = []
    back: list[Redemption] = []
    again: list[Redemption] = []
    for order in sorted(wanted, key=lambda one: (one.placed_at, one.order_id)):
        mine = [one for one in rows if one.order_id == order.order_id]
        found = _by_code(order, rows) + _by_access(order, rows, owners=owners)
        if order.is_placed:
            for one in found:
                _use(one, order, used=used, now=now)
            continue
        for one in mine if not order.is_draft else ():
            if one.state == RedemptionState.USED.value and _comes_back(one, now=now):
                one.order_id, one.state = "", RedemptionState.OPEN.value
                one.is_issued = one.kind not in VOUCHERS
                back.append(one)
        # A draft, or an order that is no more, may have left its code shut in the shop.
        again += [
            one
            for one in found
            if one.state == RedemptionState.OPEN.value and one.kind in VOUCHERS and one not in back
        ]
    back = [one for one in back if one not in used]  # another order of the batch may have taken it
    move_on(used, RedemptionState.USED, now=now)
    move_on(back, RedemptionState.OPEN, now=now)
    Redemption.objects.filter(pk__in=[one.pk for one in again if one not in used]).update(
        is_issued=False
    )


def _concerned(orders: Sequence[OrderFacts]) -> set[int]:
    """Return the redemptions that orders may have to do with. One query, an index each."""
    rows = Redemption.objects.order_by()
    user_ids = {order.user_id for order in orders if order.user_id is not None}
    members = Member.objects.filter(user__in=user_ids).order_by()
    parts = [
        rows.filter(order_id__in=[order.order_id for order in orders]).exclude(order_id=""),
        rows.filter(
            kind=RewardKind.PRODUCT_ACCESS.value,
            state=RedemptionState.OPEN.value,
            member__in=members.values(owner=Coalesce("merged_into", "pk")),
        ),
    ]
    codes = {order.voucher_code for order in orders if order.voucher_code}
    cards = {card_id for order in orders for card_id, _ in order.gift_cards_used}
    if codes:
        parts.append(rows.filter(code__in=codes).exclude(code=""))
    if cards:
        parts.append(rows.filter(issued_id__in=cards).exclude(issued_id=""))
    first, *others = (part.values_list("pk", flat=True) for part in parts)
    return set(first.union(*others))


def _owners(orders: Iterable[OrderFacts]) -> dict[int, set[int]]:
    """Return the members that the customers of orders are by now, by user id. One query."""
    found: dict[int, set[int]] = defaultdict(set)
    user_ids = {order.user_id for order in orders if order.user_id is not None}
    rows = Member.objects.filter(user__in=user_ids)
    for user_id, pk, merged_into in rows.values_list("user", "pk", "merged_into"):
        found[user_id].add(merged_into or pk)
    return found


def _by_code(order: OrderFacts, rows: Sequence[Redemption]) -> list[Redemption]:
    """Return the redemptions whose voucher an order has, or whose gift card paid for it."""
    cards = {card_id for card_id, paid in order.gift_cards_used if paid > Decimal(0)}
    return [
        one
        for one in rows
        if (one.kind in VOUCHERS and one.code and one.code == order.voucher_code)
        or (one.kind == RewardKind.GIFT_CARD.value and one.issued_id in cards)
    ]


def _by_access(
    order: OrderFacts, rows: Sequence[Redemption], *, owners: Mapping[int, Collection[int]]
) -> list[Redemption]:
    """Return the customer's redemptions that let them order the products of an order.

    The oldest first, and no more than the products need; what the order used before counts.
    """
    if order.user_id is None or not order.is_placed:
        return []
    mine = [
        one
        for one in rows
        if _is_access(one)
        and one.member_id in owners.get(order.user_id, ())
        and (one.order_id == order.order_id or _opens(one, order))
    ]
    left = {line.product_id for line in order.lines if line.product_id}
    found = []
    for one in sorted(mine, key=lambda one: (one.order_id != order.order_id, one.pk)):
        products = left & set(RewardContent.from_json(one.content).product_ids)
        if products:
            left -= products
            found.append(one)
    return found


def _is_access(one: Redemption) -> bool:
    return one.kind == RewardKind.PRODUCT_ACCESS.value


def _opens(one: Redemption, order: OrderFacts) -> bool:
    """Tell whether access that is open still was needed for an order."""
    until = RewardContent.from_json(one.content).exclusive_until
    return (
        one.state == RedemptionState.OPEN.value
        and one.created_at <= order.placed_at
        and (until is None or order.placed_at < until)
    )


def _use(one: Redemption, order: OrderFacts, *, used: list[Redemption], now: datetime) -> None:
    if one.order_id == order.order_id:
        return
    if one.state in USABLE or (one.state == RedemptionState.USED.value and not one.order_id):
        one.order_id, one.state = order.order_id, RedemptionState.USED.value
        one.is_issued, one.asked_at = True, None
        used.append(one)
        return
    if (one.state, one.kind) == (RedemptionState.USED, RewardKind.GIFT_CARD):
        return  # what was left on it
    logger.warning("Order %s used redemption %s, which is %s", order.number, one.pk, one.state)
    if one.state == RedemptionState.CANCELLED.value and not one.order_id:
        one.order_id = order.order_id
        one.save(update_fields=["order_id"])
        note_step(one, note=f"Order {order.number} used it after it was cancelled.", now=now)


def _comes_back(one: Redemption, *, now: datetime) -> bool:
    is_over = one.valid_until is not None and one.valid_until <= now
    return one.kind != RewardKind.GIFT_CARD.value and not is_over
