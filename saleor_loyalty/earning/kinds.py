"""The kinds of conditions of earning rules, in pure Python: one small class each.

A new one needs no more than a class here: staff's API and the validation know it by its `kind`.
"""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from saleor_loyalty.earning.conditions import (
    KINDS,
    ItemCondition,
    MemberCondition,
    MomentCondition,
    OrderCondition,
    Situation,
)
from saleor_loyalty.orders.facts import OrderFacts, OrderLine

__all__ = ["KINDS"]


class InTier(MemberCondition):
    """The tier that the member was in at the time."""

    kind = "tier"
    id_type = "LoyaltyTier"

    def matches(self, situation: Situation) -> bool:
        """Compare the tier's id."""
        return situation.tier is not None and situation.tier.tier_id in self.values


class InChannel(OrderCondition):
    """The order's channel."""

    kind = "channel"
    id_type = "Channel"

    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Compare the channel's id."""
        return str(order.channel_id) in self.values


class InCountry(OrderCondition):
    """The country it goes to (or is billed to): two letters, ISO 3166-1."""

    kind = "country"

    def check_value(self, value: str) -> None:
        """Want two capital letters."""
        if not (len(value) == 2 and value.isascii() and value.isupper()):  # noqa: PLR2004
            self.refuse(f"{value!r} is not a country code of two capital letters")

    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Compare the country's code."""
        return order.country in self.values


class InCustomerGroup(OrderCondition):
    """A group that the customer belongs to."""

    kind = "customer_group"
    id_type = "Group"

    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Compare the groups' ids."""
        return not order.customer_group_ids.isdisjoint(self.values)


class IsReturningCustomer(OrderCondition):
    """The customer ordered before; with `exclude`: their first order."""

    kind = "returning_customer"
    takes_values = False

    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Look for an earlier order."""
        return order.earlier_orders > 0


class HasVoucher(OrderCondition):
    """A voucher was used; with values: one of these codes."""

    kind = "voucher"

    def check(self) -> None:
        """Take any values, and none."""

    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Compare the code."""
        return order.voucher_code in self.values if self.values else bool(order.voucher_code)


class AmountCondition(OrderCondition):
    """A condition on what the rule's items cost: "EUR 50". One value a currency."""

    def check_value(self, value: str) -> None:
        """Want a currency and an amount."""
        if _amount(value) is None:
            self.refuse(f"{value!r} is not a currency and an amount, like 'EUR 50'")

    def limit(self, currency: str) -> Decimal | None:
        """Return the amount in a currency, or None."""
        return dict(found for value in self.values if (found := _amount(value))).get(currency)


class CostsAtLeast(AmountCondition):
    """The rule's items cost at least so much: "EUR 50". One value a currency; others never match."""

    kind = "minimum_amount"

    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Compare the amount in the order's currency."""
        limit = self.limit(order.currency)
        return limit is not None and situation.amount >= limit


class CostsAtMost(AmountCondition):
    """The rule's items cost at most so much: "EUR 500". One value a currency; others never match."""

    kind = "maximum_amount"

    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Compare the amount in the order's currency."""
        limit = self.limit(order.currency)
        return limit is not None and situation.amount <= limit


class IsProduct(ItemCondition):
    """Certain products."""

    kind = "product"
    id_type = "Product"

    def matches(self, line: OrderLine) -> bool:
        """Compare the product's id."""
        return line.product_id in self.values


class InCategory(ItemCondition):
    """Products of certain categories, and of those below them."""

    kind = "category"
    id_type = "Category"

    def matches(self, line: OrderLine) -> bool:
        """Compare the categories' ids."""
        return not line.category_ids.isdisjoint(self.values)


class InCollection(ItemCondition):
    """Products of certain collections."""

    kind = "collection"
    id_type = "Collection"

    def matches(self, line: OrderLine) -> bool:
        """Compare the collections' ids."""
        return not line.collection_ids.isdisjoint(self.values)


class IsProductType(ItemCondition):
    """Products of certain types."""

    kind = "product_type"
    id_type = "ProductType"

    def matches(self, line: OrderLine) -> bool:
        """Compare the type's id."""
        return line.product_type_id in self.values


class HasMetadata(ItemCondition):
    """Products or variants with certain public metadata: "key" or "key=value"."""

    kind = "metadata"

    def matches(self, line: OrderLine) -> bool:
        """Compare keys, or keys and values."""
        known = {key for key, _ in line.metadata} | {
            f"{key}={value}" for key, value in line.metadata
        }
        return not known.isdisjoint(self.values)


class IsDiscounted(ItemCondition):
    """Items that cost less than their full price; with `exclude`: only those at full price."""

    kind = "discounted"
    takes_values = False

    def matches(self, line: OrderLine) -> bool:
        """Compare the price with the full one."""
        return line.is_discounted


class OnWeekday(MomentCondition):
    """Days of the week: "monday" to "sunday"."""

    kind = "weekday"
    DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

    def check_value(self, value: str) -> None:
        """Want a day's name."""
        if value not in self.DAYS:
            self.refuse(f"{value!r} is not a day of the week in English, like 'monday'")

    def matches(self, local_time: datetime) -> bool:
        """Compare the weekday."""
        return self.DAYS[local_time.weekday()] in self.values


class OnDate(MomentCondition):
    """Dates, "2026-12-24", or stretches with both ends included, "2026-12-01/2026-12-24"."""

    kind = "date"

    def check_value(self, value: str) -> None:
        """Want one or two dates in order."""
        found = _dates(value)
        if found is None or found[0] > found[1]:
            self.refuse(f"{value!r} is not a date or a stretch like '2026-12-01/2026-12-24'")

    def matches(self, local_time: datetime) -> bool:
        """Look for a stretch that the date is in."""
        stretches = filter(None, map(_dates, self.values))
        return any(first <= local_time.date() <= last for first, last in stretches)


def _amount(text: str) -> tuple[str, Decimal] | None:
    currency, _, number = text.partition(" ")
    try:
        amount = Decimal(number)
    except InvalidOperation:
        return None
    is_currency = len(currency) == 3 and currency.isascii() and currency.isupper()  # noqa: PLR2004
    return (currency, amount) if is_currency and amount.is_finite() and amount >= 0 else None


def _dates(text: str) -> tuple[date, date] | None:
    first, _, last = text.partition("/")
    try:
        return date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        return None
