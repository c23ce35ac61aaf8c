"""Conditions of earning rules, in pure Python: one small class each.

A new one needs no more than a class here: staff's API and the validation know it by its `kind`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import ClassVar

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.orders.facts import OrderFacts, OrderLine

MAX_VALUES = 1000
KINDS: dict[str, type["Condition"]] = {}


class ConditionInvalid(LoyaltyError):
    """A condition of a rule makes no sense."""

    code = "condition_invalid"


class About(StrEnum):
    """What a condition looks at: the order, its items, the moment, or the member."""

    ORDER = "order"
    ITEMS = "items"
    MOMENT = "moment"
    MEMBER = "member"


@dataclass(frozen=True, kw_only=True)
class MemberTier:
    """The tier that a member was in, and how often the programme's rate counted in it."""

    tier_id: str
    name: str
    factor: Decimal = Decimal(1)


@dataclass(frozen=True)
class Situation:
    """What conditions are asked about: an order (None for other causes) and the local time.

    `amount` is what the rule's items cost, in the order's currency; `tier` is None for who had none.
    """

    order: OrderFacts | None
    local_time: datetime
    amount: Decimal = Decimal(0)
    tier: MemberTier | None = None


@dataclass(frozen=True)
class Condition(ABC):
    """Something that must hold (or, with `exclude`, must not) for a rule to apply.

    `values` are texts, as each kind explains; one of them is enough. `id_type`: the values are
    ids of that type of Saleor's.
    """

    values: tuple[str, ...] = ()
    exclude: bool = False

    kind: ClassVar[str]
    about: ClassVar[About]
    id_type: ClassVar[str | None] = None
    takes_values: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        """Make the kind known."""
        if hasattr(cls, "kind"):
            KINDS[cls.kind] = cls

    def check(self) -> None:
        """Check that the values make sense.

        Raises:
            ConditionInvalid: they do not, with `problem`.

        """
        if self.takes_values and not 1 <= len(self.values) <= MAX_VALUES:
            self.refuse(f"needs 1 to {MAX_VALUES} values")
        if not self.takes_values and self.values:
            self.refuse("takes no values")
        for value in self.values:
            self.check_value(value)

    def check_value(self, value: str) -> None:
        """Check one value."""
        if not value:
            self.refuse("needs values that are not empty")

    def refuse(self, problem: str) -> None:
        """Raise with what is wrong.

        Raises:
            ConditionInvalid: always.

        """
        raise ConditionInvalid(field="conditions", kind=self.kind, problem=problem)


class OrderCondition(Condition):
    """A condition on the order as a whole."""

    about = About.ORDER

    def holds(self, situation: Situation) -> bool:
        """Tell whether it holds; without an order it never does."""
        if situation.order is None:
            return False
        return self.matches(situation.order, situation) is not self.exclude

    @abstractmethod
    def matches(self, order: OrderFacts, situation: Situation) -> bool:
        """Tell whether the order is such."""


class ItemCondition(Condition):
    """A condition on the items: the rule counts only the lines that match."""

    about = About.ITEMS

    def holds_for(self, line: OrderLine) -> bool:
        """Tell whether a line counts."""
        return self.matches(line) is not self.exclude

    @abstractmethod
    def matches(self, line: OrderLine) -> bool:
        """Tell whether the line is such."""


class MomentCondition(Condition):
    """A condition on the time, in the programme's zone."""

    about = About.MOMENT

    def holds(self, situation: Situation) -> bool:
        """Tell whether it holds."""
        return self.matches(situation.local_time) is not self.exclude

    @abstractmethod
    def matches(self, local_time: datetime) -> bool:
        """Tell whether the time is such."""


class MemberCondition(Condition):
    """A condition on who it is about."""

    about = About.MEMBER

    def holds(self, situation: Situation) -> bool:
        """Tell whether it holds."""
        return self.matches(situation) is not self.exclude

    @abstractmethod
    def matches(self, situation: Situation) -> bool:
        """Tell whether the member is such."""


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
