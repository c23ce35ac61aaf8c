"""What conditions of earning rules have in common, in pure Python; see `kinds` for each of them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
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
