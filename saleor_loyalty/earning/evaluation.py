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
    MemberCondition,
    MemberTier,
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
    """What one rule gave: wanted, granted, and why less.

    `rule` None: the programme's rate, or with a `tier` what the member's tier adds to it.
    `granted` may be below 0 for a multiplier below 1. `gifts`: 1 where the rule gives a reward, and
    no limit of its own keeps it from that.
    """

    rule: RuleVersion | None
    tier: MemberTier | None = None
    wanted: int
    granted: int
    why: str = ""
    gifts: int = 0


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
    """What a member got by a rule: in its cap's period, and when last. Budget: what is left.

    Of a rule that gives rewards `times` are the gifts.
    """

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
    tier: MemberTier | None = None,
    usage: Usage | None = None,
) -> Evaluation:
    """Work out what an order earns.

    `rules` are those that held when it was placed, in any order; `tier` is what its customer was
    in then. `usage`: what was used of caps and budgets; None looks at none of them.
    """
    lines = _earning_lines(order, rate=rate, policy=policy)
    gains = _gains(
        order, lines, rate=rate, rules=rules, time_zone=time_zone, tier=tier, usage=usage
    )
    parts = _rounded(gains, policy=policy)
    if usage is not None and usage.program_left is not None:
        parts = _within_budget(parts, left=usage.program_left)
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


@dataclass(frozen=True, kw_only=True)
class _Gained:
    """What a rule gives after its own limits; what it wanted, and which limit cut it."""

    rule: RuleVersion | None
    gain: Gain
    wanted: Fraction
    why: str = ""
    tier: MemberTier | None = None
    gifts: int = 0

    @property
    def total(self) -> Fraction:
        return sum(self.gain.values(), Fraction(0))


def _gains(
    order: OrderFacts,
    lines: Sequence[_EarningLine],
    *,
    rate: Rate,
    rules: Sequence[RuleVersion],
    time_zone: str,
    tier: MemberTier | None,
    usage: Usage | None,
) -> list[_Gained]:
    """Return what the rate, the tier and each rule give, in the order of the rules.

    The tier multiplies what the rate gives. Limits of a rule count before others build on what it gives, or are compared with it.
    """
    per_unit = Fraction(rate.points_per_unit)
    base: Gain = {number: line.amount * per_unit for number, line in enumerate(lines)}
    gains = [_Gained(rule=None, gain=base, wanted=sum(base.values(), Fraction(0)))]
    if tier is not None and tier.factor != 1:
        extra = {key: gain * (Fraction(tier.factor) - 1) for key, gain in base.items()}
        gains.append(
            _Gained(rule=None, tier=tier, gain=extra, wanted=sum(extra.values(), Fraction(0)))
        )
    best: list[_Gained] = []
    for rule in sorted(rules, key=lambda one: (one.position, one.rule_id)):
        if not rule.held_at(order.placed_at) or not rule.definition.is_on_orders:
            continue
        matching = _matching_lines(rule, order, lines, time_zone=time_zone, tier=tier)
        if matching is None:
            continue
        gain = _gain(rule, order, lines, matching=matching, before=gains)
        gained = _limited(rule, gain, usage=usage, moment=order.placed_at)
        if rule.definition.stacking is Stacking.BEST:
            best.append(gained)
            continue
        gains.append(gained)
        if rule.definition.stacking is Stacking.STOP:
            break
    if best:
        gains.append(max(best, key=lambda one: one.total))
    return gains


def _limited(rule: RuleVersion, gain: Gain, *, usage: Usage | None, moment: datetime) -> _Gained:
    """Cut what a rule gives to what its caps and budget leave, the same share of each line."""
    if rule.definition.gives_reward:
        before = (usage or Usage()).by_rule.get(rule.rule_id, RuleUsage())
        gifts, why = limit_of_rule(rule, 1, usage=before, moment=moment)
        return _Gained(rule=rule, gain={}, wanted=Fraction(0), why=why, gifts=gifts)
    wanted = sum(gain.values(), Fraction(0))
    if usage is None or wanted <= 0:
        return _Gained(rule=rule, gain=gain, wanted=wanted)
    before = usage.by_rule.get(rule.rule_id, RuleUsage())
    whole = wanted.__ceil__()
    granted, why = limit_of_rule(rule, whole, usage=before, moment=moment)
    if granted < whole:
        gain = {key: one * granted / wanted for key, one in gain.items()}
    return _Gained(rule=rule, gain=gain, wanted=wanted, why=why)


def _matching_lines(
    rule: RuleVersion,
    order: OrderFacts,
    lines: Sequence[_EarningLine],
    *,
    time_zone: str,
    tier: MemberTier | None,
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
    situation = Situation(order, order.placed_at.astimezone(ZoneInfo(time_zone)), amount, tier)
    others = (
        one
        for one in definition.conditions
        if isinstance(one, OrderCondition | MomentCondition | MemberCondition)
    )
    return matching if all(one.holds(situation) for one in others) else None


def _gain(
    rule: RuleVersion,
    order: OrderFacts,
    lines: Sequence[_EarningLine],
    *,
    matching: Sequence[int],
    before: Sequence[_Gained],
) -> Gain:
    definition = rule.definition
    if definition.gives_reward:
        return {}
    if definition.action is Action.FIXED_POINTS:
        return {None: Fraction(definition.points)}
    if definition.action is Action.POINTS_PER_ITEM:
        return {number: Fraction(definition.points * lines[number].quantity) for number in matching}
    if definition.action is Action.POINTS_PER_UNIT:
        per_unit = Fraction(definition.rates.get(order.currency, Decimal(0)))
        return {number: lines[number].amount * per_unit for number in matching}
    extra = Fraction(definition.factor) - 1
    is_of_all = definition.stacking is Stacking.MULTIPLY
    counted = before if is_of_all else before[:1]
    keys: list[int | None] = list(matching)
    if is_of_all and len(matching) == len(lines):
        keys.append(None)  # what the order got as a whole is multiplied with all of its lines
    return {
        key: extra * sum((one.gain.get(key, Fraction(0)) for one in counted), Fraction(0))
        for key in keys
    }


def _rounded(gains: Sequence[_Gained], *, policy: Policy) -> list[Part]:
    """Round to whole points: the one place where earning rounds.

    By order: the sum is rounded, and each rule gets what it adds to the rounded sum. By line:
    every line of every rule by itself, but never less in all than the order's sum rounded down,
    so that no currency and no basket of small things earns nothing by rounding.
    """
    parts: list[Part] = []
    so_far = Fraction(0)
    for one in gains:
        if policy.rounding_scope is RoundingScope.LINE:
            points = sum(_round(gain, policy.rounding) for gain in one.gain.values())
        else:
            upto = _round(so_far + one.total, policy.rounding)
            points = upto - _round(so_far, policy.rounding)
        so_far += one.total
        wanted = max(_round(one.wanted, policy.rounding), points) if one.why else points
        parts.append(
            Part(
                rule=one.rule,
                tier=one.tier,
                wanted=wanted,
                granted=points,
                why=one.why,
                gifts=one.gifts,
            )
        )
    missing = _round(so_far, Rounding.DOWN) - sum(part.granted for part in parts)
    if missing > 0:
        points = parts[0].granted + missing
        parts[0] = replace(parts[0], wanted=points, granted=points)
    return parts


def _within_budget(parts: Sequence[Part], *, left: int) -> list[Part]:
    """Cut what the programme's budget does not allow, from the last part on."""
    excess = sum(part.granted for part in parts) - max(left, 0)
    kept: list[Part] = []
    for part in reversed(parts):
        cut = min(max(part.granted, 0), max(excess, 0))
        excess -= cut
        kept.append(
            replace(part, granted=part.granted - cut, why=Limit.PROGRAM_BUDGET) if cut else part
        )
    return kept[::-1]


def _round(exact: Fraction, rounding: Rounding) -> int:
    return (exact + Fraction(1, 2) if rounding is Rounding.HALF_UP else exact).__floor__()


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
