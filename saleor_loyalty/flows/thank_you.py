"""The thank-you for an order."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.points.rules import Purse
from saleor_loyalty.programs.rules import ProgramTerms, Rate

THANKS_FOR = timedelta(days=14)


def thank_you_email(
    *,
    order: OrderFacts,
    terms: ProgramTerms,
    rate: Rate,
    points_earned: int,
    purse: Purse,
    now: datetime,
) -> EmailRequest | None:
    """Return the thank-you for a paid order, or None where it would come as a surprise.

    That is: an imported order, one placed more than two weeks ago, one paid back already, and one without an
    address. Its key is the order's, so an order is thanked for once, ever.
    """
    is_returned = order.points_to_return(1) == 1
    if order.is_import or not order.email or is_returned or now - order.placed_at > THANKS_FOR:
        return None
    worth = max(purse.total, 0) * rate.point_value
    return EmailRequest(
        key=f"thank_you:{order.order_id}",
        kind=EmailKind.THANK_YOU,
        channel_id=order.channel_id,
        recipient=order.email,
        language_code=order.language_code,
        expires_at=order.placed_at + THANKS_FOR,
        facts={
            "first_name": order.first_name,
            "program_name": terms.name,
            "points_name": terms.points_name,
            "order_number": order.number,
            "ordered_on": order.placed_at.astimezone(ZoneInfo(terms.time_zone)).date().isoformat(),
            "lines": [
                {
                    "name": line.name,
                    "variant_name": line.variant_name,
                    "quantity": line.quantity,
                    "total": str(line.gross),
                }
                for line in order.lines
            ],
            "currency": order.currency,
            "shipping": _money(order.shipping),
            "paid_with_points": _money(order.paid_with_points),
            "paid_with_gift_cards": _money(order.paid_with_gift_cards),
            "total": str(order.total),
            "points_earned": points_earned,
            "points_balance": purse.total,
            "points_pending": purse.pending,
            "balance_value": str(worth) if worth else "",
        },
    )


def _money(amount: Decimal) -> str:
    return str(amount) if amount else ""
