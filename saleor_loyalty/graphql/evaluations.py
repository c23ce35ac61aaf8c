"""What an order that nobody placed yet would earn, and to which tier it would lead."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone
from promise import Promise

from saleor_loyalty.earning.evaluation import Evaluation, evaluate
from saleor_loyalty.earning.rules import RuleVersion
from saleor_loyalty.earning.usage import Customer, usage_of
from saleor_loyalty.flows.settlement import cause_of
from saleor_loyalty.graphql.loaders import (
    BudgetUseLoader,
    CustomerFactsByUserIdLoader,
    GrantsByMemberIdLoader,
    MembersByUserIdLoader,
    ProgramByChannelIdLoader,
    RulesByProgramIdLoader,
    TermsByProgramIdLoader,
)
from saleor_loyalty.graphql.tier_loaders import (
    LadderByProgramIdLoader,
    LookByMemberIdLoader,
    MemberTierLoader,
    TierByIdLoader,
)
from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.rules import Enrollment, ProgramTerms, Rate
from saleor_loyalty.shop.customers import CustomerFacts
from saleor_loyalty.tiers.evaluation import Standing
from saleor_loyalty.tiers.goals import tier_reached
from saleor_loyalty.tiers.history import History
from saleor_loyalty.tiers.rules import Ladder, Metric


class Terms:
    """A channel's programme with its terms and the rules that hold now."""

    def __init__(self, program: Program, terms: ProgramTerms, rules: list[RuleVersion]) -> None:
        self.program = program
        self.terms = terms
        self.rules = rules

    def rate_for(self, currency: str) -> Rate | None:
        """Return the rate of a currency that holds now."""
        return self.terms.rate_at(currency=currency, moment=timezone.now())


def terms_of_channel(channel_id: int, info: Any) -> Any:
    """Return (a promise of) the active programme of a channel with its terms; None without."""
    context = info.context

    def with_program(program: Program | None) -> Any:
        if program is None:
            return None
        return Promise.all(
            [
                TermsByProgramIdLoader(context).load(program.pk),
                RulesByProgramIdLoader(context).load(program.pk),
            ]
        ).then(lambda loaded: Terms(program, *loaded))

    return ProgramByChannelIdLoader(context).load(channel_id).then(with_program)


def customer_of(user_id: int | None, info: Any) -> Any:
    """Return (a promise of) what rules ask of a customer; of a guest nothing is known."""
    if user_id is None:
        return Promise.resolve(CustomerFacts())
    return CustomerFactsByUserIdLoader(info.context).load(user_id)


def evaluation_of(found: Terms, order: OrderFacts, info: Any) -> Any:
    """Return (a promise of) what an order would earn, within the caps that its customer has left."""
    rate = found.rate_for(order.currency)

    cause = cause_of(
        order, terms=found.terms, customer=Customer(found.program.pk, order.user_id or 0)
    )

    def grants_of(member: Any) -> Any:
        if member is None or not any(one.definition.has_limits_of_a_member for one in found.rules):
            return []
        return GrantsByMemberIdLoader(info.context).load(member.pk)

    def limited(loaded: list[Any]) -> Evaluation:
        grants, tier, *used = loaded
        usage = usage_of(
            cause=cause,
            rules=found.rules,
            grants=grants,
            used=dict(zip(budgets, used, strict=True)),
        )
        return evaluate(
            order,
            rate=rate,
            policy=cause.policy,
            rules=found.rules,
            time_zone=found.terms.time_zone,
            tier=tier,
            usage=usage,
        )

    budgets = [
        (one.rule_id, one.definition.budget_period)
        for one in found.rules
        if one.definition.budget_points is not None
    ]
    if cause.policy.budget_points is not None:
        budgets.append((0, cause.policy.budget_period))
    member = member_of(found, order, info)
    tier = member.then(lambda one: one and MemberTierLoader(info.context).load(one.pk))
    used = [
        BudgetUseLoader(info.context).load((found.program.pk, rule_id, period))
        for rule_id, period in budgets
    ]
    return Promise.all([member.then(grants_of), tier, *used]).then(limited)


def member_of(found: Terms, order: OrderFacts, info: Any) -> Any:
    """Return (a promise of) the member that an order's customer is, or None."""
    if order.user_id is None:
        return Promise.resolve(None)
    members = MembersByUserIdLoader(info.context).load(order.user_id)
    return members.then(
        lambda some: next((one for one in some if one.program_id == found.program.pk), None)
    )


def tier_reached_by(found: Terms, order: OrderFacts, evaluation: Evaluation, info: Any) -> Any:
    """Return (a promise of) the tier that an order would lift its customer to, or None."""
    if order.user_id is None:
        return None
    program = found.program
    today = local_date(order.placed_at, time_zone=program.time_zone)

    def with_member(member: Any) -> Any:
        if member is not None:
            return LookByMemberIdLoader(info.context).load(member.pk).then(reached)
        if found.terms.enrollment_at(order.placed_at) is not Enrollment.AUTOMATIC:
            return None
        ladder = LadderByProgramIdLoader(info.context).load(program.pk)
        return ladder.then(lambda one: one and lifted(one, Standing(), History(), today))

    def reached(loaded: Any) -> Any:
        if loaded is None:
            return None
        ladder, look = loaded
        return lifted(ladder, look.before, look.history, look.joined_on)

    def lifted(ladder: Ladder, standing: Standing, history: History, joined_on: date) -> Any:
        gain = {
            Metric.POINTS: {"": Decimal(evaluation.points)},
            Metric.AMOUNT: {order.currency: evaluation.merchandise},
            Metric.ORDERS: {"": Decimal(evaluation.merchandise > 0)},
        }[ladder.terms.metric]
        tier = tier_reached(
            standing, history, gain, ladder=ladder, joined_on=joined_on, today=today
        )
        return tier and TierByIdLoader(info.context).load(tier.tier_id)

    return member_of(found, order, info).then(with_member)
