"""The last look at a checkout before it becomes an order: are its codes its customer's.

Saleor asks its plugins once more before it creates an order; what is refused here was put on the
checkout by somebody whom it does not belong to, or is not good any more.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from saleor.discount.utils.voucher import (
    get_customer_email_for_voucher_usage,
    release_voucher_code_usage,
)

from saleor_loyalty.shop.points_refusal import points_refusal
from saleor_loyalty.shop.refusals import Refusal
from saleor_loyalty.shop.reward_checks import reward_refusal

# Each looks at a checkout (Saleor's checkout info and line infos).
LOOKS: tuple[Callable[[Any, Sequence[Any], datetime], Refusal | None], ...] = (
    points_refusal,
    reward_refusal,
)


def refusal_of(checkout_info: Any, lines: Sequence[Any], *, now: datetime) -> str | None:
    """Return why a checkout must not become an order now, in words for the shopper, or None."""
    for look in LOOKS:
        refusal = look(checkout_info, lines, now)
        if refusal is not None:
            if refusal.is_code_good:
                _release(checkout_info)
            return refusal.words
    return None


def _release(checkout_info: Any) -> None:
    """Give back the voucher code that a checkout took just before it was refused.

    With payments that are no transactions Saleor takes a single-use code before it asks its
    plugins, and does not give it back when they refuse: the customer would lose it.
    """
    checkout = checkout_info.checkout
    if not checkout.is_voucher_usage_increased or checkout_info.voucher_code is None:
        return
    checkout.is_voucher_usage_increased = False
    checkout.save(update_fields=["is_voucher_usage_increased"])
    release_voucher_code_usage(
        checkout_info.voucher_code,
        checkout_info.voucher,
        get_customer_email_for_voucher_usage(checkout_info),
    )
