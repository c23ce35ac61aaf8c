"""What an order should be worth: from its facts, and what held at its own time."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from saleor_loyalty.earning.conditions import MemberTier
from saleor_loyalty.earning.evaluation import Evaluation, Part, evaluate
from saleor_loyalty.earning.rules import RuleVersion
from saleor_loyalty.earning.usage import Cause, Customer, UsageBook
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderFacts, OrderState
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.programs.policies.rules import Policy
from saleor_loyalty.programs.queries import TermsIndex
from saleor_loyalty.programs.rules import Enrollment, ProgramTerms, Rate


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What the ledger should hold for an order now: `earned` less `returned` points.

    `breakdown` explains what was earned, a row a rule (see `breakdown_of`).
    """

    facts: OrderFacts
    outcome: Outcome
    terms: ProgramTerms | None = None
    rate: Rate | None = None
    user_id: int | None = None
    merchandise: Decimal = Decimal(0)
    earned: int = 0
    returned: int = 0
    digest: str = ""
    breakdown: Sequence[Mapping[str, Any]] = ()

    @property
    def net(self) -> int:
        """Return the points the order should be worth to the member now."""
        return self.earned - self.returned

    @property
    def keeps_gifts(self) -> bool:
        """Whether what rules give for the order is the customer's: until all of it went back."""
        return self.outcome is Outcome.EARNED and self.facts.points_to_return(1) == 0

    @property
    def spent(self) -> Decimal:
        """Return the money that the order still counts for; none unless it earns."""
        if self.outcome is not Outcome.EARNED:
            return Decimal(0)
        return self.facts.still_spent(self.merchandise)

    @property
    def policy(self) -> Policy:
        """Return the policy of the order's own time."""
        assert self.terms is not None
        return self.terms.policy_at(self.facts.placed_at)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A paid order, and the programme, rate and customer that it earns for."""

    facts: OrderFacts
    terms: ProgramTerms
    rate: Rate
    customer: Customer
    member_id: int | None = None

    @property
    def cause(self) -> Cause:
        """Return the order as a cause of awards."""
        return cause_of(self.facts, terms=self.terms, customer=self.customer)


def claim_of(
    order: OrderFacts,
    *,
    before: SettledOrder | None,
    terms: TermsIndex,
    members: Mapping[tuple[int, int], Member],
) -> Claim | Settlement:
    """Work out whether an order earns and for whom, by what held when it was placed.

    An order that was settled for a member stays with that member and programme. What earns
    nothing is settled at once.
    """
    if before is not None and before.member_id is not None and before.program_id is not None:
        program = terms.by_program[before.program_id]
        is_settled = True
    else:
        found = terms.serving(channel_id=order.channel_id, moment=order.placed_at)
        if found is None:
            return Settlement(facts=order, outcome=Outcome.NO_PROGRAM)
        program = found
        is_settled = False
    rate = program.rate_at(currency=order.currency, moment=order.placed_at)
    refusal = _why_not_paid(order, rate=rate)
    if refusal is None and not is_settled:
        refusal = _why_not_theirs(order, program=program, members=members)
    if refusal is not None or rate is None:
        return Settlement(facts=order, outcome=refusal or Outcome.NO_RATE, terms=program)
    customer = customer_of(order, program_id=program.program_id, before=before)
    assert customer is not None
    member = members.get((program.program_id, order.user_id or 0))
    member_id = member.pk if member else None
    return Claim(
        facts=order,
        terms=program,
        rate=rate,
        customer=customer,
        member_id=before.member_id if before and before.member_id else member_id,
    )


def settlement_of(
    claim: Claim,
    *,
    before: SettledOrder | None,
    rules: Sequence[RuleVersion],
    book: UsageBook,
    tier: MemberTier | None = None,
) -> Settlement:
    """Work out what a paid order should be worth. `tier`: the member's when it was placed.

    While what it earns by has not changed, its award stays as it was made, whatever became
    of rules, products and groups since; else it is made anew by the rules of the order's time.
    """
    order = claim.facts
    rules = [rule for rule in rules if rule.held_at(order.placed_at)]
    digest = digest_of(order)
    is_cancelled = order.state is OrderState.CANCELLED
    by_rule = {rule.version_id: rule for rule in rules}
    cause = claim.cause
    if before is not None and before.facts_digest == digest and before.price_basis:
        earned, merchandise = before.earned_points, before.merchandise_amount
        breakdown: Sequence[Mapping[str, Any]] = before.breakdown
    else:
        if before is not None:
            book.forget(cause, _by_rule_id(rules), points=_counted(before))
            before = None
        evaluation = evaluate(
            order,
            rate=claim.rate,
            policy=cause.policy,
            rules=rules,
            time_zone=claim.terms.time_zone,
            tier=tier,
            usage=book.usage(cause, _by_rule_id(rules).values()),
        )
        earned, merchandise = evaluation.points, evaluation.merchandise
        breakdown = breakdown_of(evaluation)
    returned = order.points_to_return(earned)
    settlement = Settlement(
        facts=order,
        outcome=Outcome.CANCELLED if is_cancelled else Outcome.EARNED,
        terms=claim.terms,
        rate=claim.rate,
        user_id=order.user_id,
        merchandise=merchandise,
        earned=earned,
        returned=returned,
        digest=digest,
        breakdown=breakdown,
    )
    was, is_now = before is not None and _counted(before) > 0, settlement.net > 0
    if was and not is_now and before is not None:
        book.forget(cause, _by_rule_id(rules), points=_counted(before))
    elif is_now and not was:
        book.note(cause, _parts(breakdown, by_rule), points=earned)
    elif earned == 0 and gifts_in(breakdown):
        _settle_gifts_alone(settlement, cause, book, by_rule)
    return settlement


def _settle_gifts_alone(
    settlement: Settlement, cause: Cause, book: UsageBook, by_rule: Mapping[int, RuleVersion]
) -> None:
    """Keep account of the gifts of an order that earns no points. A repeat changes nothing."""
    if settlement.keeps_gifts:
        book.note(cause, _parts(settlement.breakdown, by_rule), points=0)
    else:
        book.forget(cause, _by_rule_id(tuple(by_rule.values())), points=0)


def gifts_in(breakdown: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of a breakdown by which a rule gives a reward."""
    return [row for row in breakdown if row.get("gifts")]


def release(
    order: OrderFacts,
    *,
    before: SettledOrder,
    terms: ProgramTerms,
    rules: Sequence[RuleVersion],
    book: UsageBook,
) -> None:
    """Give back what an order used of caps and budgets, now that it earns nothing any more."""
    customer = customer_of(order, program_id=terms.program_id, before=before)
    if customer is None or not (_counted(before) or gifts_in(before.breakdown)):
        return
    cause = cause_of(order, terms=terms, customer=customer)
    held = [rule for rule in rules if rule.held_at(order.placed_at)]
    book.forget(cause, _by_rule_id(held), points=_counted(before))


def customer_of(
    order: OrderFacts, *, program_id: int, before: SettledOrder | None
) -> Customer | None:
    """Return whom an order's caps count for: its account, or the member whose account is gone."""
    if order.user_id is not None:
        return Customer(program_id, order.user_id)
    if before is not None and before.member_id is not None:
        return Customer(program_id, -before.member_id)
    return None


def cause_of(order: OrderFacts, *, terms: ProgramTerms, customer: Customer) -> Cause:
    """Return an order as a cause of awards."""
    return Cause(
        name=f"order:{order.order_id}",
        moment=order.placed_at,
        customer=customer,
        policy=terms.policy_at(order.placed_at),
        time_zone=terms.time_zone,
    )


def _counted(before: SettledOrder) -> int:
    """Return what an order's award used of the budget: all of it until all went back."""
    return before.earned_points if before.earned_points > before.returned_points else 0


def _by_rule_id(rules: Sequence[RuleVersion]) -> dict[int, RuleVersion]:
    return {rule.rule_id: rule for rule in rules}


def digest_of(order: OrderFacts) -> str:
    """Return a digest of what an order earns by: what was bought for how much, and how paid.

    It names the order's own lines, not products, which may be deleted. What gift cards paid is
    left out: it never changes, but goes unknown when a gift card is deleted.
    """
    bought = [
        [line.line_id, line.quantity, line.net, line.gross, line.full_net, line.full_gross]
        for line in order.lines
        if line.is_merchandise
    ]
    paid = [order.shipping, order.voucher_code, order.paid_with_points]
    text = json.dumps([order.currency, bought, paid], default=lambda money: f"{money:.3f}")
    return hashlib.sha256(text.encode()).hexdigest()


def breakdown_of(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return an evaluation as plain data: for each rule what it wanted, granted, and why less.

    `rule` and `version` are None for the programme's own rate, and for what the `tier` adds to it.
    A rule that gives a `reward` says so, and whether it does: `gifts` is 1 or 0.
    """
    return [
        {
            "rule": part.rule.rule_id if part.rule else None,
            "version": part.rule.version_id if part.rule else None,
            "number": part.rule.number if part.rule else None,
            "name": part.rule.name if part.rule else part.tier.name if part.tier else "",
            "wanted": part.wanted,
            "granted": part.granted,
            "why": part.why,
            "maturing_days": part.rule.definition.maturing_days if part.rule else None,
            "expiry_days": part.rule.definition.expiry_days if part.rule else None,
            **({"tier": part.tier.tier_id} if part.tier else {}),
            **(
                {"reward": part.rule.definition.reward_id, "gifts": part.gifts}
                if part.rule and part.rule.definition.gives_reward
                else {}
            ),
        }
        for part in evaluation.parts
    ]


def _parts(
    breakdown: Sequence[Mapping[str, Any]], by_version: Mapping[int, RuleVersion]
) -> list[Part]:
    return [
        Part(
            rule=by_version[row["version"]],
            wanted=row["wanted"],
            granted=row["granted"],
            gifts=row.get("gifts", 0),
        )
        for row in breakdown
        if row["version"] in by_version
    ]


def _why_not_paid(order: OrderFacts, *, rate: Rate | None) -> Outcome | None:
    """Return why an order earns for nobody, or None."""
    if order.is_replacement:
        return Outcome.REPLACEMENT
    if rate is None:
        return Outcome.NO_RATE
    if order.state is OrderState.OPEN or not order.is_paid:
        return Outcome.UNPAID
    return None


def _why_not_theirs(
    order: OrderFacts, *, program: ProgramTerms, members: Mapping[tuple[int, int], Member]
) -> Outcome | None:
    """Return why a paid order does not earn for its customer, or None."""
    if order.user_id is None or not order.came_in_time(program.guest_order_days):
        return Outcome.NO_ACCOUNT
    if program.enrollment_at(order.placed_at) is Enrollment.ON_REQUEST:
        member = members.get((program.program_id, order.user_id))
        if member is None or member.joined_at > order.placed_at:
            return Outcome.NOT_A_MEMBER
    return None
