"""Whether points on a checkout may pay for the order that it is to become."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, Value
from saleor.checkout.models import Checkout
from saleor.payment.models import TransactionItem

from saleor_loyalty.flows.redeem_at_checkout import most_of
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.shop.checkout_costs import Priced, current_costs
from saleor_loyalty.shop.gift_cards import CAN_PAY
from saleor_loyalty.shop.refusals import Refusal
from saleor_loyalty.shop.spending import is_of
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.rules import SpendingState


def points_refusal(checkout_info: Any, lines: Sequence[Any], now: datetime) -> Refusal | None:
    """Return why points on a checkout must not pay for its order, or None. One query without any."""
    checkout = checkout_info.checkout
    carried = points_behind(checkout)
    for spending, is_payment in carried:
        if spending.checkout_id != str(checkout.pk) or not is_of(spending, checkout):
            return Refusal("A code on this checkout belongs to somebody else. Remove it.")
        if spending.state != SpendingState.HELD.value or is_payment:
            return Refusal(
                "The points on this checkout are not set aside any more. Apply them again.",
                is_code_good=False,
            )
        if checkout.last_change > spending.checked_at and not _still_fits(
            spending, checkout_info, lines, now=now
        ):
            return Refusal("The points on this checkout do not fit it any more. Apply them again.")
    return None


def points_behind(checkout: Checkout) -> list[tuple[Spending, bool]]:
    """Return the applications of points behind a checkout's codes, and whether as a payment.

    Saleor 3.23 also takes gift cards as payments by transactions; those of points do not pay that way.
    """
    on_it = Checkout.gift_cards.through.objects.filter(checkout=checkout.pk)
    cards = on_it.annotate(is_payment=Value(False)).values_list("giftcard_id", "is_payment")
    if CAN_PAY:
        payments = TransactionItem.objects.filter(checkout=checkout.pk, gift_card__isnull=False)
        cards = cards.union(
            payments.annotate(is_payment=Value(True)).values_list("gift_card_id", "is_payment")
        )
    kinds = [(str(pk), is_payment) for pk, is_payment in cards]
    if not kinds and not checkout.voucher_code:
        return []
    rows = Spending.objects.filter(
        Q(means=Means.GIFT_CARD.value, means_id__in=[pk for pk, _ in kinds])
        | Q(means=Means.VOUCHER.value, code=checkout.voucher_code or "")
    )
    return [(row, (row.means_id, True) in kinds) for row in rows]


def _still_fits(
    spending: Spending, checkout_info: Any, lines: Sequence[Any], *, now: datetime
) -> bool:
    """Tell whether points pay no more of a checkout than they may, though it changed."""
    terms = spending.spending_terms
    costs = current_costs(Priced(checkout_info, lines), terms=terms, own=spending, now=now)
    payable = costs.payable(terms, means=Means(spending.means))
    return min(spending.amount, payable.left) <= most_of(payable, spending).amount
