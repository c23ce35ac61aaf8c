"""How many points may pay for a checkout, what an order used of them, and what comes back.

Pure Python. Money is exact; it is rounded down to what the currency can be paid in, so that
points are never worth more than the programme says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.spending import Means, Returning, SpendingTerms


class SpendingState(StrEnum):
    """Where points are that were applied to a checkout."""

    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"


class Release(StrEnum):
    """Why points went back from a checkout to the member.

    REMOVED: by loyalty's own mutation. CODE_GONE: their code was taken off the checkout by other
    means. EXPIRED: their time was over. NOT_ALLOWED: they may pay for nothing of it any more.
    NOT_USED: an order came of the checkout without them.
    """

    REMOVED = "removed"
    CHECKOUT_GONE = "checkout_gone"
    CODE_GONE = "code_gone"
    EXPIRED = "expired"
    NOT_ALLOWED = "not_allowed"
    NOT_USED = "not_used"


class Limit(StrEnum):
    """Why fewer points pay than were asked for, or none.

    BALANCE: the member has no more. STEP: they pay in multiples, and what is too little for the
    smallest coin pays nothing. MINIMUM: below it none pay. MAXIMUM_SHARE: of what they may pay for.
    EXCLUDED_ITEMS: items, or shipping, that they may not pay for. ORDER_TOTAL: there is no more to pay. CLOSED:
    points do not pay in this programme or channel. NO_VALUE: they are worth nothing in this currency.
    """

    BALANCE = "balance"
    STEP = "step"
    MINIMUM = "minimum"
    MAXIMUM_SHARE = "maximum_share"
    EXCLUDED_ITEMS = "excluded_items"
    ORDER_TOTAL = "order_total"
    CLOSED = "closed"
    NO_VALUE = "no_value"


class NothingToApply(LoyaltyError):
    """Not one point may pay for a checkout; `limits` say why."""

    code = "nothing_to_apply"


@dataclass(frozen=True, kw_only=True)
class Item:
    """A line of a checkout.

    `price` is its total with taxes after all discounts, `base_price` before a voucher on the
    whole order, with or without taxes as the shop enters its prices. The ids are Saleor's, as
    text; `category_ids` are the product's category and all above it.
    """

    price: Decimal
    base_price: Decimal
    is_gift_card: bool = False
    product_id: str = ""
    category_ids: frozenset[str] = frozenset()
    collection_ids: frozenset[str] = frozenset()

    def is_payable(self, terms: SpendingTerms) -> bool:
        """Tell whether points may pay for it. Gift cards are money: never."""
        return not (
            self.is_gift_card
            or self.product_id in terms.excluded_product_ids
            or not self.category_ids.isdisjoint(terms.excluded_category_ids)
            or not self.collection_ids.isdisjoint(terms.excluded_collection_ids)
        )


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a checkout costs. `shipping` is with taxes; `unit` is the currency's smallest coin.

    `left` is what is to be paid with taxes after all but the points that were applied.
    """

    items: tuple[Item, ...]
    shipping: Decimal
    left: Decimal
    unit: Decimal = Decimal("0.01")

    def payable(self, terms: SpendingTerms, *, means: Means) -> "Payable":
        """Return what points may pay for, by a means.

        A voucher takes its money off the lines' base prices, and pays for no shipping.
        """
        payable = [item for item in self.items if item.is_payable(terms)]
        if means is Means.VOUCHER:
            everything = sum((item.base_price for item in self.items), Decimal(0))
            items = sum((item.base_price for item in payable), Decimal(0))
            return Payable(items=items, shipping=Decimal(0), left=everything, unit=self.unit)
        return Payable(
            items=sum((item.price for item in payable), Decimal(0)),
            shipping=self.shipping if terms.on_shipping else Decimal(0),
            left=self.left,
            unit=self.unit,
        )


@dataclass(frozen=True, kw_only=True)
class Payable:
    """What points may pay for: `items` and `shipping`, at most what is `left` to pay."""

    items: Decimal
    shipping: Decimal
    left: Decimal
    unit: Decimal = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """How many points pay, for how much money, and what kept it from being more."""

    points: int = 0
    amount: Decimal = Decimal(0)
    limits: tuple[Limit, ...] = ()


def offer_of(
    *,
    asked: int | None,
    available: int,
    payable: Payable,
    terms: SpendingTerms,
    point_value: Decimal,
    is_open: bool = True,
) -> Offer:
    """Work out how many points pay of those that were asked for (None: as many as possible).

    `point_value` is money per point, `is_open` whether points pay in the channel at all. The same for
    the preview and for the mutation.
    """
    if not terms.is_on or not is_open:
        return Offer(limits=(Limit.CLOSED,))
    if point_value <= 0:
        return Offer(limits=(Limit.NO_VALUE,))
    limits: list[Limit] = []
    wanted = asked
    if wanted is None or wanted > available:
        limits += [Limit.BALANCE] if wanted is not None else []
        wanted = available
    most, why = _most(payable, terms)
    value = Fraction(point_value)
    highest = _points_for(most, value, unit=payable.unit)
    if wanted > highest:
        wanted = highest
        limits.append(why)
    whole = wanted - wanted % terms.step_points
    amount = min(_floor(whole * value, payable.unit), most)
    if terms.step_points == 1:
        whole = min(whole, ceil(Fraction(amount) / value))
    if whole < wanted:
        limits.append(Limit.STEP)
    if whole < terms.minimum_points:
        return Offer(limits=(*limits, Limit.MINIMUM))
    return Offer(points=whole, amount=amount, limits=tuple(limits))


def _most(payable: Payable, terms: SpendingTerms) -> tuple[Decimal, Limit]:
    """Return the most money that points may pay, and what keeps it from being more."""
    allowed = payable.items + payable.shipping
    share = _floor(Fraction(allowed) * terms.maximum_percent / 100, payable.unit)
    most = max(min(share, payable.left), Decimal(0))
    if most == payable.left:
        return most, Limit.ORDER_TOTAL
    if share < allowed:
        return most, Limit.MAXIMUM_SHARE
    return most, Limit.EXCLUDED_ITEMS


def _points_for(amount: Decimal, value: Fraction, *, unit: Decimal) -> int:
    """Return the points that an amount costs.

    All of it may be paid where that wastes less than the smallest coin; else what is left of it is
    less than a point's value.
    """
    exact = Fraction(amount) / value
    points = ceil(exact)
    return points if points * value - Fraction(amount) < Fraction(unit) else int(exact)


def _floor(exact: Fraction, unit: Decimal) -> Decimal:
    coins = (exact / Fraction(unit)).__floor__()
    return coins * unit


def points_of(amount: Decimal, *, points: int, whole: Decimal) -> int:
    """Return how many of the points, which were worth `whole`, an amount used: rounded up."""
    if whole <= 0 or amount >= whole:
        return points if amount > 0 else 0
    return ceil(points * Fraction(amount) / Fraction(whole))


@dataclass(frozen=True, kw_only=True)
class Undone:
    """What was undone of an order that points paid a part of.

    `paid_with_points` and `cash` are what it cost in points' money and in other money; `cash_returned` is what went
    back of the latter; `goods_share` the share of the goods that came back, by their price.
    """

    paid_with_points: Decimal
    cash: Decimal
    cash_returned: Decimal
    goods_share: Fraction
    is_cancelled: bool = False


def points_back(points: int, undone: Undone, *, returning: Returning) -> int:
    """Return how many of the points that an order used are the member's again, in all.

    Where the shop knows which goods came back, these decide, and points and money together never
    give back more than these were worth; else the money that went back decides. A cancelled order
    gives back all.
    """
    if undone.is_cancelled:
        return points
    paid, cash = Fraction(undone.paid_with_points), Fraction(undone.cash)
    returned = min(Fraction(undone.cash_returned), cash)
    goods = min(undone.goods_share, Fraction(1))
    if goods <= 0:
        share = returned / cash if cash > 0 else Fraction(0)
        if returning is not Returning.PROPORTIONAL:
            share = Fraction(share.__floor__())
        return (points * share).__floor__()
    share = _part(goods * (paid + cash) - returned, paid)
    if returning is Returning.PROPORTIONAL:
        share = min(goods, share)
    elif returning is Returning.POINTS_LAST:
        share = _part(goods * (paid + cash) - cash, paid)
    return (points * share).__floor__()


def _part(amount: Fraction, whole: Fraction) -> Fraction:
    return min(max(amount, Fraction(0)) / whole, Fraction(1)) if whole > 0 else Fraction(0)


def goods_share(lines: Sequence[tuple[Decimal, int, int]]) -> Fraction:
    """Return which share of an order's goods came back.

    `lines` are (what the line cost, its quantity, how many of them came back). Goods that cost nothing
    count by their number, if no other came.
    """
    known = [(Fraction(cost), quantity, back) for cost, quantity, back in lines if quantity > 0]
    whole = sum((cost for cost, _, _ in known), Fraction(0))
    if whole > 0:
        return sum((cost * min(back, of) / of for cost, of, back in known), Fraction(0)) / whole
    pieces = sum(of for _, of, _ in known)
    return Fraction(sum(min(back, of) for _, of, back in known), pieces) if pieces else Fraction(0)
