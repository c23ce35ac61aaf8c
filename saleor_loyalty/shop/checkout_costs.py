"""What checkouts of Saleor cost, as points see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from inspect import signature
from typing import Any

from babel.numbers import get_currency_precision
from saleor.checkout.base_calculations import calculate_base_line_total_price
from saleor.checkout.calculations import fetch_checkout_data
from saleor.checkout.fetch import fetch_checkout_info, fetch_checkout_lines
from saleor.checkout.models import Checkout
from saleor.product import ProductTypeKind

from saleor_loyalty.programs.spending import SpendingTerms
from saleor_loyalty.shop.products import product_facts
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.rules import Costs, Item


@dataclass(frozen=True)
class Priced:
    """A checkout with current prices."""

    info: Any
    lines: Sequence[Any]
    manager: Any = None

    @property
    def checkout(self) -> Checkout:
        """Return the checkout itself."""
        return self.info.checkout


def price(checkout: Checkout, *, manager: Any) -> Priced:
    """Bring a checkout's prices up to date. It may ask a tax app: call it without any lock."""
    lines, _ = fetch_checkout_lines(checkout)
    info = fetch_checkout_info(checkout, lines, manager)
    more = {"requestor": None} if "requestor" in signature(fetch_checkout_data).parameters else {}
    fetched = fetch_checkout_data(info, manager, lines, **more)
    if hasattr(fetched, "get"):
        fetched.get()
    return Priced(info, lines, manager)


def costs_of(
    checkout_info: Any,
    lines: Sequence[Any],
    *,
    other_gift_cards: Decimal,
    category_ids: Mapping[int, frozenset[str]],
) -> Costs:
    """Return what a checkout with current prices costs, as points see it.

    `other_gift_cards` is what the cards on it have left but for that of points; `category_ids` those of its
    products and all above them, by product.
    """
    checkout = checkout_info.checkout
    return Costs(
        items=tuple(
            Item(
                price=line.line.total_price_gross_amount,
                base_price=calculate_base_line_total_price(line).amount,
                is_gift_card=line.product_type.kind == ProductTypeKind.GIFT_CARD,
                product_id=str(line.product.pk),
                category_ids=category_ids.get(line.product.pk, frozenset()),
                collection_ids=frozenset(str(one.pk) for one in line.collections),
            )
            for line in lines
        ),
        shipping=checkout.shipping_price_gross_amount,
        left=max(checkout.total_gross_amount - other_gift_cards, Decimal(0)),
        unit=smallest_coin(checkout.currency),
    )


def smallest_coin(currency: str) -> Decimal:
    """Return the smallest amount that can be paid in a currency."""
    return Decimal(1).scaleb(-get_currency_precision(currency))


def current_costs(
    priced: Priced, *, terms: SpendingTerms, own: Spending | None, now: datetime
) -> Costs:
    """Return what a checkout costs without its own points. One query, three more for categories."""
    cards = priced.checkout.gift_cards.active(date=now.date())
    if own is not None:
        cards = cards.exclude(code=own.code)
    balances = cards.values_list("current_balance_amount", flat=True)
    categories: dict[int, frozenset[str]] = {}
    if terms.excluded_category_ids:
        products = product_facts({line.product.pk for line in priced.lines})
        categories = {pk: product.category_ids for pk, product in products.items()}
    return costs_of(
        priced.info,
        priced.lines,
        other_gift_cards=sum(balances, Decimal(0)),
        category_ids=categories,
    )
