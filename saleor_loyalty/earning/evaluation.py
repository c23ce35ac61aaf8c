"""What an order earns by the programme's rate and its rules: one pure function.

Settling, the preview in a checkout and on a product, and the dry run of a rule all ask here.
Amounts are exact fractions until they are rounded once, by the programme's rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from saleor_loyalty.earning.conditions import (
    ItemCondition,
    MomentCondition,
    OrderCondition,
    Situation,
)
from saleor_loyalty.earning.rules import Action, Limit, RuleVersion, Stacking, Trigger
from saleor_loyalty.orders.facts import OrderFacts, OrderLine
from saleor_loyalty.programs.policies.rules import Policy, Rounding, RoundingScope
from saleor_loyalty.programs.rules import Rate

MAX_POINTS_OF_AN_ORDER = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one rule gave (`rule` None: the programme's rate): wanted, granted, and why less.

    `points` may be below 0 for a multiplier below 1.
    """

    rule: RuleVersion | None
    wanted: int
    granted: int
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an order earns, part by part; `merchandise` is the money that earned."""

    merchandise: Decimal
    parts: tuple[Part, ...]

    @property
    def points(self) -> int:
        """Return the points granted: 0 to a hundred million."""
        return min(max(sum(part.granted for part in self.parts), 0), MAX_POINTS_OF_AN_ORDER)


@dataclass(frozen=True, kw_only=True)
class RuleUsage:
    """What a member got by a rule: in its cap's period, and when last. Budget: what is left."""

    points: int = 0
    times: int = 0
    last_at: datetime | None = None
    budget_left: int | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What was used of caps and budgets before; `program_left` None: no budget."""

    by_rule: Mapping[int, RuleUsage] = field(default_factory=dict)
    program_left: int | None = None


@dataclass(frozen=True)
class _EarningLine:
    line: OrderLine | None  # None: shipping
    amount: Fraction

    @property
    def quantity(self) -> int:
        return self.line.quantity if self.line else 0


def evaluate(
    order: OrderFacts,
    *,
    rate: Rate,
    policy: Policy,
    rules: Sequence[RuleVersion],
    time_zone: str,
    usage: Usage | None = None,
) -> Evaluation:
    """Work out what an order earns.

    `rules` are those that held when it was placed, in any order. `usage`: what was used of
    caps and budgets; None looks at none of them.
    """
    lines = _earning_lines(order, rate=rate, policy=policy)
    gains = _gains(order, lines, rate=rate, rules=rules, time_zone=time_zone)
    parts = _rounded(gains, policy=policy)
    if usage is not None:
        parts = _limited(parts, usage=usage, moment=order.placed_at)
    merchandise = sum((line.amount for line in lines), Fraction(0))
    return Evaluation(merchandise=_decimal(merchandise), parts=tuple(parts))


def _earning_lines(order: OrderFacts, *, rate: Rate, policy: Policy) -> list[_EarningLine]:
    """Return what earns, without the share that gift cards or points paid if that earns not."""
    unpaid = Decimal(0)
    if not policy.on_gift_cards:
        unpaid += order.paid_with_gift_cards
    if not policy.on_points:
        unpaid += order.paid_with_points
    whole = order.total + order.paid_with_gift_cards + order.paid_with_points
    share = Fraction(whole - unpaid) / Fraction(whole) if whole > 0 else Fraction(1)
    found = [
        _EarningLine(
            line,
            Fraction(line.price(rate.price_basis, on_full_price=policy.on_full_price)) * share,
        )
        for line in order.lines
        if line.is_merchandise
    ]
    if policy.on_shipping:
        shipping = order.shipping_net if rate.price_basis == "net" else order.shipping
        found.append(_EarningLine(None, Fraction(shipping) * share))
    return found


# What a rule gives, line by line; under None what is the order's as a whole.
Gain = dict[int | None, Fraction]


def _gains(
    order: OrderFacts,
    lines: Sequence[_EarningLine],
    *,
    rate: Rate,
    rules: Sequence[RuleVersion],
    time_zone: str,
) -> list[tuple[RuleVersion | None, Gain]]:
    per_unit = Fraction(rate.points_per_unit)
    base: Gain = {number: line.amount * per_unit for number, line in enumerate(lines)}
    gains: list[tuple[RuleVersion | None, Gain]] = [(None, base)]
    best: list[tuple[RuleVersion, Gain]] = []
    for rule in sorted(rules, key=lambda one: (one.position, one.rule_id)):
        if not rule.held_at(order.placed_at) or not rule.definition.is_on_orders:
            continue
        matching = _matching_lines(rule, order, lines, time_zone=time_zone)
        if matching is None:
            continue
        gain = _gain(rule, order, lines, matching=matching, before=gains)
        if rule.definition.stacking is Stacking.BEST:
            best.append((rule, gain))
            continue
        gains.append((rule, gain))
        if rule.definition.stacking is Stacking.STOP:
            break
    if best:
        gains.append(max(best, key=lambda one: sum(one[1].values())))
    return gains


def _matching_lines(
    rule: RuleVersion,
    order: OrderFacts,
    lines: Sequence[_EarningLine],
    *,
    time_zone: str,
) -> list[int] | None:
    """Return the numbers of the lines that a rule counts; None: it does not apply."""
    definition = rule.definition
    if definition.trigger is Trigger.FIRST_ORDER and order.earlier_orders > 0:
        return None
    about_items = [one for one in definition.conditions if isinstance(one, ItemCondition)]
    matching = [
        number
        for number, line in enumerate(lines)
        if not about_items
        or (line.line is not None and all(one.holds_for(line.line) for one in about_items))
    ]
    if not matching:
        return None
    amount = _decimal(sum((lines[number].amount for number in matching), Fraction(0)))
    situation = Situation(order, order.placed_at.astimezone(ZoneInfo(time_zone)), amount)
    others = (
        one for one in definition.conditions if isinstance(one, OrderCondition | MomentCondition)
    )
    return matching if all(one.holds(situation) for one in others) else None


def _gain(
    rule: RuleVersion,
    order: OrderFacts,
    lines: Sequence[_EarningLine],
    *,
    matching: Sequence[int],
    before: Sequence[tuple[RuleVersion | None, Gain]],
) -> Gain:
    definition = rule.definition
    if definition.action is Action.FIXED_POINTS:
        return {None: Fraction(definition.points)}
    if definition.action is Action.POINTS_PER_ITEM:
        return {number: Fraction(definition.points * lines[number].quantity) for number in matching}
    if definition.action is Action.POINTS_PER_UNIT:
        per_unit = Fraction(definition.rates.get(order.currency, Decimal(0)))
        return {number: lines[number].amount * per_unit for number in matching}
    extra = Fraction(definition.factor) - 1
    counted = before if definition.stacking is Stacking.MULTIPLY else before[:1]
    return {
        number: extra * sum((gain.get(number, Fraction(0)) for _, gain in counted), Fraction(0))
        for number in matching
    }


def _rounded(gains: Sequence[tuple[RuleVersion | None, Gain]], *, policy: Policy) -> list[Part]:
    """Round to whole points: the one place where earning rounds.

    By order: the sum is rounded, and each rule gets what it adds to the rounded sum. By line:
    every line of every rule by itself, but never less in all than the order's sum rounded down,
    so that no currency and no basket of small things earns nothing by rounding.
    """
    parts: list[Part] = []
    so_far = Fraction(0)
    for rule, gain in gains:
        exact = sum(gain.values(), Fraction(0))
        if policy.rounding_scope is RoundingScope.LINE:
            points = sum(_round(one, policy.rounding) for one in gain.values())
        else:
            points = _round(so_far + exact, policy.rounding) - _round(so_far, policy.rounding)
        so_far += exact
        parts.append(Part(rule=rule, wanted=points, granted=points))
    missing = _round(so_far, Rounding.DOWN) - sum(part.granted for part in parts)
    if missing > 0:
        points = parts[0].granted + missing
        parts[0] = replace(parts[0], wanted=points, granted=points)
    return parts


def _round(exact: Fraction, rounding: Rounding) -> int:
    return (exact + Fraction(1, 2) if rounding is Rounding.HALF_UP else exact).__floor__()


def _limited(parts: Sequence[Part], *, usage: Usage, moment: datetime) -> list[Part]:
    """Cut what caps and budgets do not allow; each part says why."""
    limited: list[Part] = []
    left = usage.program_left
    for part in parts:
        granted, why = part.granted, ""
        if part.rule is not None and granted > 0:
            granted, why = limit_of_rule(
                part.rule,
                granted,
                usage=usage.by_rule.get(part.rule.rule_id, RuleUsage()),
                moment=moment,
            )
        if left is not None and granted > left:
            granted, why = max(left, 0), Limit.PROGRAM_BUDGET
        left = left - granted if left is not None else None
        limited.append(replace(part, granted=granted, why=why))
    return limited


def limit_of_rule(
    rule: RuleVersion, points: int, *, usage: RuleUsage, moment: datetime
) -> tuple[int, str]:
    """Return how much of some points a rule may give, and which `Limit` cut them ("": none)."""
    definition = rule.definition
    if definition.cooldown_days and usage.last_at is not None:
        waited = abs((moment - usage.last_at).total_seconds())
        if waited < definition.cooldown_days * 86400:
            return 0, Limit.COOLDOWN
    if definition.cap_times is not None and usage.times >= definition.cap_times:
        return 0, Limit.CAP_TIMES
    why = ""
    for name, left in (
        (Limit.MAXIMUM_POINTS, definition.maximum_points),
        (
            Limit.CAP_POINTS,
            None if definition.cap_points is None else definition.cap_points - usage.points,
        ),
        (Limit.RULE_BUDGET, usage.budget_left),
    ):
        if left is not None and points > left:
            points, why = max(left, 0), name
    return points, why


def _decimal(exact: Fraction) -> Decimal:
    """Return money as a decimal, exact to a thousandth, rounded down."""
    scaled = Decimal(exact.numerator * 1000) / Decimal(exact.denominator)
    return scaled.to_integral_value(rounding=ROUND_FLOOR) / 1000
