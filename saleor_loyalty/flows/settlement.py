"""What an order should be worth: from its facts, and what held at its own time."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderFacts, OrderState
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.programs.queries import TermsIndex
from saleor_loyalty.programs.rules import Enrollment, ProgramTerms, Rate, points_for


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What the ledger should hold for an order now: `earned` less `returned` points."""

    facts: OrderFacts
    outcome: Outcome
    terms: ProgramTerms | None = None
    rate: Rate | None = None
    user_id: int | None = None
    merchandise: Decimal = Decimal(0)
    earned: int = 0
    returned: int = 0

    @property
    def net(self) -> int:
        """Return the points the order should be worth to the member now."""
        return self.earned - self.returned


def settlement_of(
    order: OrderFacts,
    *,
    before: SettledOrder | None,
    terms: TermsIndex,
    members: Mapping[tuple[int, int], Member],
) -> Settlement:
    """Work out what an order should be worth, from its facts and what held when it was placed.

    An order that was settled for a member stays with that member and programme.
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
    merchandise = order.merchandise(rate.price_basis)
    earned = points_for(merchandise, points_per_unit=rate.points_per_unit)
    is_cancelled = order.state is OrderState.CANCELLED
    return Settlement(
        facts=order,
        outcome=Outcome.CANCELLED if is_cancelled else Outcome.EARNED,
        terms=program,
        rate=rate,
        user_id=order.user_id,
        merchandise=merchandise,
        earned=earned,
        returned=order.points_to_return(earned),
    )


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
