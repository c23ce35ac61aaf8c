"""How a programme lets points pay at checkout, in pure Python."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from saleor_loyalty.programs.policies.rules import PolicyInvalid, typed_values

MAX_STEP = 1_000_000
MAX_MINIMUM = 100_000_000
MAX_HOLD_MINUTES = 60 * 24 * 30
MAX_EXCLUDED = 500


class Means(StrEnum):
    """What carries the points on a checkout of the shop.

    GIFT_CARD: a gift card that only the member can use, a means of payment: it goes together with vouchers
    and can pay for shipping. VOUCHER: a single-use voucher, a discount: it lowers the tax base
    and takes the checkout's only place for a voucher. AUTOMATIC: a gift card where the shop's
    version and channel can, else a voucher.
    """

    AUTOMATIC = "automatic"
    GIFT_CARD = "gift_card"
    VOUCHER = "voucher"


class Returning(StrEnum):
    """How points come back when a part of an order does.

    PROPORTIONAL: the same share as of the goods. POINTS_FIRST: what was paid with points comes
    back before money. POINTS_LAST: after it.
    """

    PROPORTIONAL = "proportional"
    POINTS_FIRST = "points_first"
    POINTS_LAST = "points_last"


@dataclass(frozen=True, kw_only=True)
class SpendingTerms:
    """How points pay. The defaults let them pay for everything but gift cards.

    Points are applied in multiples of `step_points`, at least `minimum_points`, and pay at most
    `maximum_percent` of what they may pay for: lines that are not excluded (`excluded_*_ids` are Saleor's, as
    text; a category excludes those below it; gift cards never count) and shipping if
    `on_shipping`. `closed_channel_ids`: channels of the programme where points do not pay.
    They are held for `hold_minutes` after they were applied last.
    """

    is_on: bool = True
    means: Means = Means.AUTOMATIC
    minimum_points: int = 1
    step_points: int = 1
    maximum_percent: int = 100
    on_shipping: bool = True
    hold_minutes: int = 60
    returning: Returning = Returning.PROPORTIONAL
    closed_channel_ids: tuple[int, ...] = ()
    excluded_product_ids: tuple[str, ...] = ()
    excluded_category_ids: tuple[str, ...] = ()
    excluded_collection_ids: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the terms as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the terms that plain data describes; what is missing is at its default."""
        return cls(**typed_values(cls, data))


LIMITS = {
    "minimum_points": (1, MAX_MINIMUM),
    "step_points": (1, MAX_STEP),
    "maximum_percent": (1, 100),
    "hold_minutes": (1, MAX_HOLD_MINUTES),
}
LISTS = (
    "closed_channel_ids",
    "excluded_product_ids",
    "excluded_category_ids",
    "excluded_collection_ids",
)


def check_spending(terms: SpendingTerms) -> None:
    """Check that terms make sense.

    Raises:
        PolicyInvalid: the first part that does not, with `field` and `problem`.

    """
    for name, (least, most) in LIMITS.items():
        if not least <= getattr(terms, name) <= most:
            raise PolicyInvalid(field=name, problem=f"must be {least} to {most}")
    for name in LISTS:
        if len(getattr(terms, name)) > MAX_EXCLUDED:
            raise PolicyInvalid(field=name, problem=f"must be {MAX_EXCLUDED} at most")
