"""The thank-you for an order: its form by what the order is to the member, and its facts."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.mail_desk import Desk
from saleor_loyalty.mailings.rules import MailingTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.programs.rules import ProgramTerms, Rate
from saleor_loyalty.tiers.models import TierChange
from saleor_loyalty.tiers.rules import ChangeKind

THANKS_FOR = timedelta(days=14)
UPWARD = frozenset({ChangeKind.ROSE.value})


def is_thanked(order: OrderFacts, *, now: datetime) -> bool:
    """Tell whether an order is thanked for, and not one where that would come as a surprise.

    That is: an imported order, one placed more than two weeks ago, one paid back already, and one
    without an address.
    """
    is_returned = order.points_to_return(1) == 1
    is_old = now - order.placed_at > THANKS_FOR
    return not (order.is_import or not order.email or is_returned or is_old)


def thank_you_email(
    *,
    order: OrderFacts,
    member: Member,
    terms: ProgramTerms,
    rate: Rate,
    points_earned: int,
    desk: Desk,
    changes: Collection[TierChange] = (),
) -> EmailRequest | None:
    """Return the thank-you for a paid order, or None where there is none.

    Its key is the order's, so an order is thanked for once, ever. `changes` are those of the
    member's tier that the order brought.
    """
    if not is_thanked(order, now=desk.now):
        return None
    reached = next((one for one in changes if one.kind in UPWARD), None)
    number = order.earlier_orders + 1
    purse = desk.purses[member.pk]
    worth = max(purse.total, 0) * rate.point_value
    zone = ZoneInfo(terms.time_zone)
    facts: dict[str, Any] = {
        "currency": order.currency,
        "first_name": order.first_name,
        "order_number": order.number,
        "order_count": number,
        "ordered_on": order.placed_at.astimezone(zone).date().isoformat(),
        "lines": [
            {
                "name": line.name,
                "variant_name": line.variant_name,
                "quantity": line.quantity,
                "total": str(line.gross),
                "product_id": line.product_id,
            }
            for line in order.lines
        ],
        "shipping": _money(order.shipping),
        "paid_with_points": _money(order.paid_with_points),
        "paid_with_gift_cards": _money(order.paid_with_gift_cards),
        "total": str(order.total),
        "points_earned": points_earned,
        "balance_value": str(worth) if worth else "",
    }
    if reached is not None:
        facts["benefits"] = desk.benefits(reached.to_tier_id)
        facts["reached_tier"] = desk.tier_names(reached.to_tier_id)
    return desk.request(
        _form(number, is_risen=reached is not None, terms=desk.mailings[member.program_id]),
        member,
        key=f"thank_you:{order.order_id}",
        facts=facts,
        channel_id=order.channel_id,
        recipient=order.email,
        language_code=order.language_code,
        order_id=order.order_id,
        useful_for=order.placed_at + THANKS_FOR - desk.now,
    )


def _form(number: int, *, is_risen: bool, terms: MailingTerms) -> EmailKind:
    """Return the form of a thank-you: what is rarest comes first."""
    if number == 1:
        return EmailKind.THANK_YOU_FIRST
    if is_risen:
        return EmailKind.THANK_YOU_TIER
    return EmailKind.THANK_YOU_MILESTONE if number in terms.milestones else EmailKind.THANK_YOU


def _money(amount: Decimal) -> str:
    return str(amount) if amount else ""
