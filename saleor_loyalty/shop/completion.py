"""The last look at a checkout before it becomes an order: are its codes its customer's.

Saleor asks its plugins once more before it creates an order; what is refused here was put on the
checkout by somebody whom it does not belong to, or is not good any more.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from saleor_loyalty.shop.points_refusal import points_refusal
from saleor_loyalty.shop.reward_checks import reward_refusal

Refusal = Callable[[Any, Sequence[Any], datetime], str | None]

# Each looks at a checkout (Saleor's checkout info and line infos) and returns why it must not be
# completed, in words for the shopper, or None.
REFUSALS: tuple[Refusal, ...] = (points_refusal, reward_refusal)


def refusal_of(checkout_info: Any, lines: Sequence[Any], *, now: datetime) -> str | None:
    """Return why a checkout must not become an order now, in words for the shopper, or None."""
    for refusal in REFUSALS:
        words = refusal(checkout_info, lines, now)
        if words is not None:
            return words
    return None
