"""Trying an earning rule on an order of the past, writing nothing."""

from dataclasses import dataclass, replace
from datetime import datetime

from saleor_loyalty.earning.conditions import MemberTier
from saleor_loyalty.earning.evaluation import Evaluation, evaluate
from saleor_loyalty.earning.queries import rules_of
from saleor_loyalty.earning.rules import RuleDefinition, RuleVersion, check_rule
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.programs.queries import load_terms
from saleor_loyalty.programs.rules import Rate
from saleor_loyalty.tiers.queries import Presence, tiers_at

LAST = 2**31


class OrderNotFound(LoyaltyError):
    """There is no such order, or the programme has no rate for its currency."""

    code = "order_not_found"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What an order would earn without a rule and with it, at today's `rate`."""

    rate: Rate
    without: Evaluation
    with_rule: Evaluation


def try_rule(
    *,
    program_id: int,
    order: OrderFacts | None,
    name: str,
    definition: RuleDefinition,
    now: datetime,
    position: int | None = None,
    replaces: int | None = None,
) -> Tried:
    """Work out what an order would earn by today's rules, without a rule and with it.

    The order's own date counts for conditions on dates. `replaces`: the id of a rule that the
    tried one would take the place of. Caps and budgets are not looked at.

    Raises:
        ProgramNotFound, OrderNotFound, RuleInvalid, ConditionInvalid.

    """
    terms = load_terms(program_ids=[program_id]).by_program.get(program_id)
    if terms is None:
        raise ProgramNotFound(field="program")
    rate = terms.rate_at(currency=order.currency, moment=now) if order else None
    if order is None or rate is None:
        raise OrderNotFound(field="order")
    currencies = {one.currency for one in terms.rates if one.held_at(now)}
    check_rule(name=name, definition=definition, currencies=currencies)
    rules = [
        replace(one, valid_from=order.placed_at, valid_until=None)
        for one in rules_of(program_ids=[program_id], since=now).get(program_id, [])
        if one.held_at(now)
    ]
    old = next((one for one in rules if one.rule_id == replaces), None)
    tried = RuleVersion(
        version_id=0,
        rule_id=old.rule_id if old else 0,
        number=old.number + 1 if old else 1,
        name=name,
        position=position if position is not None else old.position if old else LAST,
        definition=definition,
        valid_from=order.placed_at,
    )
    others = [one for one in rules if one is not old]
    tier = _tier_of_customer(order, program_id=program_id)

    def earned(some: list[RuleVersion]) -> Evaluation:
        return evaluate(
            order,
            rate=rate,
            policy=terms.policy_at(now),
            rules=some,
            time_zone=terms.time_zone,
            tier=tier,
        )

    return Tried(rate=rate, without=earned(rules), with_rule=earned([*others, tried]))


def _tier_of_customer(order: OrderFacts, *, program_id: int) -> MemberTier | None:
    """Return the tier that the order's customer was in when it was placed."""
    if order.user_id is None:
        return None
    member = members_of(user_ids=[order.user_id]).get((program_id, order.user_id))
    if member is None:
        return None
    presence = Presence(member.pk, order.placed_at)
    return tiers_at(presences=[presence]).get(presence)
