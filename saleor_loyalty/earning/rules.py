"""What an earning rule says, in pure Python. Versions of it are data."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from saleor_loyalty.earning.conditions import About, Condition
from saleor_loyalty.earning.kinds import KINDS
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.calendar import Period

MAX_NAME_LENGTH = 120
MAX_ACTIVITY_LENGTH = 60
MAX_RULE_POINTS = 100_000_000
MAX_FACTOR = Decimal(100)
MAX_CONDITIONS = 20
MAX_DAYS = 3650
MAX_POSITION = 10_000


class Trigger(StrEnum):
    """What a rule waits for. An activity is whatever the shop reports, such as a review.

    PERSONAL_DAY: a day that the member told the shop of, at least two weeks before it came.
    """

    ORDER = "order"
    FIRST_ORDER = "first_order"
    SIGN_UP = "sign_up"
    BIRTHDAY = "birthday"
    PERSONAL_DAY = "personal_day"
    ACTIVITY = "activity"


ON_ORDERS = frozenset({Trigger.ORDER, Trigger.FIRST_ORDER})


class Action(StrEnum):
    """What a rule gives. GIVE_REWARD: a reward of the catalogue, as a gift, and no points."""

    POINTS_PER_UNIT = "points_per_unit"
    FIXED_POINTS = "fixed_points"
    POINTS_PER_ITEM = "points_per_item"
    MULTIPLIER = "multiplier"
    GIVE_REWARD = "give_reward"


class Stacking(StrEnum):
    """How a rule goes together with others.

    ADD: what it gives is added; a multiplier works on what the programme's rate alone gives.
    MULTIPLY: a multiplier works on all that was given before it. BEST: of all rules that say so
    only the one that gives most counts. STOP: as ADD, and no later rule counts.
    """

    ADD = "add"
    MULTIPLY = "multiply"
    BEST = "best"
    STOP = "stop"


class Limit(StrEnum):
    """What can cut an award."""

    COOLDOWN = "cooldown"
    CAP_TIMES = "cap_times"
    CAP_POINTS = "cap_points"
    MAXIMUM_POINTS = "maximum_points"
    RULE_BUDGET = "rule_budget"
    PROGRAM_BUDGET = "program_budget"


class RuleInvalid(LoyaltyError):
    """A part of an earning rule makes no sense; `field` names it."""

    code = "rule_invalid"


@dataclass(frozen=True, kw_only=True)
class RuleDefinition:
    """All that a rule says.

    `rates` are points per unit of money, by currency; `points` those of a fixed action or of an
    item; `factor` a multiplier's (0 and more: 0 takes the items out of earning). `reward_id`: the
    reward that it gives, in place of points.
    `maximum_points`: the most it gives at once. `cap_points` and `cap_times`: the most a member
    gets a `cap_period`, in the programme's zone; `cooldown_days`: how long a member waits
    between two times. `budget_points`: the most all members get a `budget_period`; staff are
    warned at `budget_alert_percent`. `maturing_days` and `expiry_days`, from the order or
    activity on, stand in place of the programme's policy.
    """

    trigger: Trigger = Trigger.ORDER
    activity: str = ""
    action: Action
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    points: int = 0
    factor: Decimal = Decimal(1)
    reward_id: int | None = None
    conditions: tuple[Condition, ...] = ()
    stacking: Stacking = Stacking.ADD
    maximum_points: int | None = None
    cooldown_days: int = 0
    cap_points: int | None = None
    cap_times: int | None = None
    cap_period: Period = Period.MONTH
    budget_points: int | None = None
    budget_period: Period = Period.MONTH
    budget_alert_percent: int = 80
    maturing_days: int | None = None
    expiry_days: int | None = None

    @property
    def is_on_orders(self) -> bool:
        """Whether orders earn by it."""
        return self.trigger in ON_ORDERS

    @property
    def gives_reward(self) -> bool:
        """Whether it gives a reward and no points."""
        return self.action is Action.GIVE_REWARD

    @property
    def has_limits_of_a_member(self) -> bool:
        """Whether what a member got before matters."""
        return bool(self.cooldown_days or self.cap_points or self.cap_times)

    def as_json(self) -> dict[str, Any]:
        """Return the definition as plain data."""
        data: dict[str, Any] = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name != "conditions"
        }
        data["rates"] = {currency: str(rate) for currency, rate in self.rates.items()}
        data["factor"] = str(self.factor)
        data["conditions"] = [
            {"kind": one.kind, "values": list(one.values), "exclude": one.exclude}
            for one in self.conditions
        ]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RuleDefinition":
        """Return the definition that plain data describes; what is missing is at its default."""
        values = dict(data)
        for name, enum in (
            ("trigger", Trigger),
            ("action", Action),
            ("stacking", Stacking),
            ("cap_period", Period),
            ("budget_period", Period),
        ):
            if name in values:
                values[name] = enum(values[name])
        if "rates" in values:
            values["rates"] = {key: Decimal(rate) for key, rate in values["rates"].items()}
        if "factor" in values:
            values["factor"] = Decimal(values["factor"])
        values["conditions"] = tuple(
            KINDS[one["kind"]](values=tuple(one["values"]), exclude=one["exclude"])
            for one in values.get("conditions", ())
        )
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class RuleVersion:
    """A rule as it stood for a time (`valid_until` exclusive)."""

    version_id: int
    rule_id: int
    number: int
    name: str
    position: int
    definition: RuleDefinition
    valid_from: datetime
    valid_until: datetime | None = None

    def held_at(self, moment: datetime) -> bool:
        """Tell whether it held at an instant."""
        return self.valid_from <= moment and (self.valid_until is None or moment < self.valid_until)


def check_rule(*, name: str, definition: RuleDefinition, currencies: Collection[str]) -> None:
    """Check that a rule makes sense. `currencies` are those of the programme's rates.

    Raises:
        RuleInvalid: the first part that does not, with `field` and `problem`.
        ConditionInvalid: a condition that does not.

    """
    if not 1 <= len(name.strip()) <= MAX_NAME_LENGTH:
        raise RuleInvalid(field="name", problem=f"must have 1 to {MAX_NAME_LENGTH} characters")
    _check_trigger(definition)
    _check_action(definition, currencies=currencies)
    _check_limits(definition)
    if len(definition.conditions) > MAX_CONDITIONS:
        raise RuleInvalid(field="conditions", problem=f"must be {MAX_CONDITIONS} at most")
    for condition in definition.conditions:
        condition.check()
        if not definition.is_on_orders and condition.about in {About.ORDER, About.ITEMS}:
            raise RuleInvalid(
                field="conditions",
                problem=f"of kind {condition.kind} look at an order; this rule waits for none",
            )


def _check_trigger(definition: RuleDefinition) -> None:
    is_activity = definition.trigger is Trigger.ACTIVITY
    if is_activity and not 1 <= len(definition.activity) <= MAX_ACTIVITY_LENGTH:
        raise RuleInvalid(
            field="activity",
            problem=f"must name the activity in 1 to {MAX_ACTIVITY_LENGTH} characters",
        )
    if definition.activity and not is_activity:
        raise RuleInvalid(field="activity", problem="is for rules with the trigger ACTIVITY alone")
    without_order = {Action.FIXED_POINTS, Action.GIVE_REWARD}
    if not definition.is_on_orders and definition.action not in without_order:
        raise RuleInvalid(
            field="action", problem="must be fixed points or a reward where there is no order"
        )
    if not definition.is_on_orders and definition.stacking is not Stacking.ADD:
        raise RuleInvalid(field="stacking", problem="must be ADD where there is no order")


def _check_action(definition: RuleDefinition, *, currencies: Collection[str]) -> None:
    action = definition.action
    if action is Action.POINTS_PER_UNIT:
        _check_rates(definition.rates, currencies=currencies)
    elif definition.rates:
        raise RuleInvalid(field="rates", problem="are for points per unit of money alone")
    gives_points = action in {Action.FIXED_POINTS, Action.POINTS_PER_ITEM}
    if gives_points and not 1 <= definition.points <= MAX_RULE_POINTS:
        raise RuleInvalid(field="points", problem=f"must be 1 to {MAX_RULE_POINTS}")
    if not gives_points and definition.points:
        raise RuleInvalid(field="points", problem="are for fixed points and points per item alone")
    if action is Action.MULTIPLIER:
        _check_factor(definition.factor)
    elif definition.factor != 1:
        raise RuleInvalid(field="factor", problem="is for multipliers alone")
    elif definition.stacking is Stacking.MULTIPLY:
        raise RuleInvalid(field="stacking", problem="MULTIPLY is for multipliers alone")
    if definition.gives_reward:
        _check_reward(definition)
    elif definition.reward_id is not None:
        raise RuleInvalid(field="reward", problem="is for rules that give one alone")


def _check_reward(definition: RuleDefinition) -> None:
    if definition.reward_id is None:
        raise RuleInvalid(field="reward", problem="must be named")
    if definition.stacking is not Stacking.ADD:
        raise RuleInvalid(field="stacking", problem="must be ADD where a reward is given")
    for name in ("maximum_points", "cap_points", "budget_points", "maturing_days", "expiry_days"):
        if getattr(definition, name) is not None:
            raise RuleInvalid(field=name, problem="is about points; this rule gives a reward")


def _check_rates(rates: Mapping[str, Decimal], *, currencies: Collection[str]) -> None:
    missing = sorted(set(currencies) - set(rates))
    unknown = sorted(set(rates) - set(currencies))
    if missing:
        raise RuleInvalid(
            field="rates",
            problem=f"are missing for {', '.join(missing)}: shoppers there would earn nothing",
        )
    if unknown:
        raise RuleInvalid(
            field="rates", problem=f"name {', '.join(unknown)}, which the programme has no rate for"
        )
    for currency, rate in rates.items():
        if not (rate.is_finite() and 0 < rate <= MAX_RULE_POINTS and rate == round(rate, 4)):
            raise RuleInvalid(
                field="rates", problem=f"for {currency} must be above 0, with 4 decimals at most"
            )


def _check_factor(factor: Decimal) -> None:
    if not (factor.is_finite() and 0 <= factor <= MAX_FACTOR and factor == round(factor, 4)):
        raise RuleInvalid(
            field="factor", problem=f"must be 0 to {MAX_FACTOR}, with 4 decimals at most"
        )
    if factor == 1:
        raise RuleInvalid(field="factor", problem="of 1 changes nothing")


def _check_limits(definition: RuleDefinition) -> None:
    for name, least, most in (
        ("maximum_points", 1, MAX_RULE_POINTS),
        ("cap_points", 1, MAX_RULE_POINTS),
        ("cap_times", 1, 100_000),
        ("budget_points", 1, 10**15),
        ("budget_alert_percent", 1, 100),
        ("cooldown_days", 0, MAX_DAYS),
        ("maturing_days", 0, MAX_DAYS),
        ("expiry_days", 1, MAX_DAYS),
    ):
        value = getattr(definition, name)
        if value is not None and not least <= value <= most:
            raise RuleInvalid(field=name, problem=f"must be {least} to {most}")
    if definition.action is Action.MULTIPLIER and definition.factor < 1 and _has_limits(definition):
        raise RuleInvalid(
            field="factor", problem="below 1 takes points away; caps and budgets do not go with it"
        )


def _has_limits(definition: RuleDefinition) -> bool:
    limits = (definition.maximum_points, definition.cap_points, definition.budget_points)
    return any(limit is not None for limit in limits) or definition.has_limits_of_a_member
