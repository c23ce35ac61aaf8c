"""Why a checkout must not become an order."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A refusal, in words for the shopper.

    `is_code_good`: the voucher code on the checkout is good still, for somebody or for another order;
    where Saleor took it before it asked, it is given back.
    """

    words: str
    is_code_good: bool = True
