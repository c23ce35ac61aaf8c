"""Settling: from the current facts of orders to what the ledger should hold for them."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from saleor_loyalty.emails.operations import queue_emails
from saleor_loyalty.emails.rules import EmailRequest
from saleor_loyalty.flows.thank_you import thank_you_email
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.orders.facts import OrderFacts, OrderState
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.operations import claim_due, clear_due, postpone, save_settled
from saleor_loyalty.orders.queries import settled_orders
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.queries import OrderPostings, posted_for_orders, purses_of
from saleor_loyalty.points.rules import Posting, Reason, Shortfall
from saleor_loyalty.programs.queries import TermsIndex, load_terms
from saleor_loyalty.programs.rules import Enrollment, ProgramTerms, Rate, points_for

logger = logging.getLogger(__name__)

LoadFacts = Callable[[Sequence[str]], Mapping[str, OrderFacts]]


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


@dataclass
class SettleReport:
    """What a round of settling did, in numbers of orders."""

    claimed: int = 0
    settled: int = 0
    failed: int = 0
    queued_emails: int = 0

    def add(self, other: "SettleReport") -> None:
        """Add another round's numbers."""
        self.claimed += other.claimed
        self.settled += other.settled
        self.failed += other.failed
        self.queued_emails += other.queued_emails


def settle_due_orders(*, load_facts: LoadFacts, now: datetime, limit: int = 200) -> SettleReport:
    """Settle a batch of due orders in one transaction.

    `load_facts` reads the current facts of orders; what it leaves out exists no more. If the
    batch fails, its orders are settled one by one, so that one bad order holds up no other;
    a bad one stays due, with its error, and is tried again later and later.
    """
    batch_order_ids: tuple[str, ...] = ()

    def remember(order_ids: Sequence[str]) -> Mapping[str, OrderFacts]:
        nonlocal batch_order_ids
        batch_order_ids = tuple(order_ids)
        return load_facts(order_ids)

    try:
        return _settle_batch(load_facts=remember, now=now, limit=limit)
    except Exception:
        if not batch_order_ids:
            raise
        logger.exception("Settling a batch failed; settling its orders one by one")
    report = SettleReport()
    for order_id in batch_order_ids:
        try:
            report.add(_settle_batch(load_facts=load_facts, now=now, limit=limit, only=order_id))
        except Exception as error:  # whatever is wrong with one order must not stop the others
            logger.exception("Order %s could not be settled", order_id)
            postpone(order_id=order_id, error=f"{type(error).__name__}: {error}", now=now)
            report.claimed += 1
            report.failed += 1
    return report


@transaction.atomic
def _settle_batch(
    *, load_facts: LoadFacts, now: datetime, limit: int, only: str | None = None
) -> SettleReport:
    batch = claim_due(limit=limit, now=now, order_id=only)
    if not batch.order_ids:
        return SettleReport()
    facts = load_facts(batch.order_ids)
    report = settle(facts=list(facts.values()), now=now)
    report.claimed = len(batch.order_ids)
    clear_due(batch=batch)
    return report


@transaction.atomic
def settle(*, facts: Sequence[OrderFacts], now: datetime) -> SettleReport:
    """Post the difference between what the ledger holds for orders and what it should.

    The caller holds the orders' locks. A bounded number of statements for any number of orders;
    a repeat with the same facts posts nothing. Mails are queued in the same transaction.
    """
    order_ids = [order.order_id for order in facts]
    before = settled_orders(order_ids=order_ids)
    posted = posted_for_orders(order_ids=order_ids)
    terms = load_terms(
        channel_ids={order.channel_id for order in facts},
        program_ids={row.program_id for row in before.values() if row.program_id is not None},
    )
    members = members_of(user_ids={order.user_id for order in facts if order.user_id is not None})
    settlements = [
        settlement_of(
            order, before=before.get(order.order_id), terms=terms, members=members, now=now
        )
        for order in facts
        if _is_news(order, before)
    ]
    member_ids = _member_ids(settlements, before=before, members=members)
    postings = [
        posting
        for settlement in settlements
        if (posting := _posting(settlement, posted=posted, member_ids=member_ids)) is not None
    ]
    post(postings=postings, now=now)
    save_settled(
        settled=[_settled_row(settlement, member_ids, now=now) for settlement in settlements]
    )
    news = [
        settlement
        for settlement in settlements
        if _is_newly_earned(settlement, before=before.get(settlement.facts.order_id))
    ]
    emails = _thank_yous(news, member_ids, now=now)
    queue_emails(requests=emails, now=now)
    return SettleReport(settled=len(settlements), queued_emails=len(emails))


def settlement_of(
    order: OrderFacts,
    *,
    before: SettledOrder | None,
    terms: TermsIndex,
    members: Mapping[tuple[int, int], Member],
    now: datetime,
) -> Settlement:
    """Work out what an order should be worth, from its facts and what held at its own time.

    An order that was settled for a member stays with that member and programme. `now` matters
    to a guest's order alone: whether its account came in time.
    """
    if before is not None and before.member_id is not None and before.program_id is not None:
        program = terms.by_program[before.program_id]
        is_settled = True
    else:
        found = terms.by_channel.get(order.channel_id)
        if found is None or not found.is_active:
            return Settlement(facts=order, outcome=Outcome.NO_PROGRAM)
        program = found
        is_settled = False
    rate = program.rate_at(currency=order.currency, moment=order.created_at)
    refusal = _why_not_paid(order, rate=rate)
    if refusal is None and not is_settled:
        refusal = _why_not_theirs(order, before=before, program=program, members=members, now=now)
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
    order: OrderFacts,
    *,
    before: SettledOrder | None,
    program: ProgramTerms,
    members: Mapping[tuple[int, int], Member],
    now: datetime,
) -> Outcome | None:
    """Return why a paid order does not earn for its customer, or None."""
    was_guest = order.is_guest or (
        before is not None and before.outcome == Outcome.NO_ACCOUNT.value
    )
    is_too_late = was_guest and now >= order.guest_claim_ends_at(program.guest_order_days)
    if order.user_id is None or is_too_late:
        return Outcome.NO_ACCOUNT
    if program.enrollment is Enrollment.ON_REQUEST:
        member = members.get((program.program_id, order.user_id))
        if member is None or member.joined_at > order.created_at:
            return Outcome.NOT_A_MEMBER
    return None


def _is_news(order: OrderFacts, before: Mapping[str, SettledOrder]) -> bool:
    """Drafts and the like leave no trace until they become a sale."""
    return order.state is not OrderState.OPEN or order.order_id in before


def _member_ids(
    settlements: Iterable[Settlement],
    *,
    before: Mapping[str, SettledOrder],
    members: Mapping[tuple[int, int], Member],
) -> dict[str, int]:
    """Return the member of each order that has one; an award makes its customer a member."""
    known: dict[str, int] = {}
    joining: dict[str, Membership] = {}
    joined: dict[Membership, datetime] = {}
    for settlement in settlements:
        order = settlement.facts
        row = before.get(order.order_id)
        if row is not None and row.member_id is not None:
            known[order.order_id] = row.member_id
        elif settlement.terms is not None and settlement.user_id is not None:
            membership = Membership(settlement.terms.program_id, settlement.user_id)
            member = members.get((membership.program_id, membership.user_id))
            if member is not None:
                known[order.order_id] = member.pk
            elif settlement.net > 0:
                joining[order.order_id] = membership
                joined[membership] = min(joined.get(membership, order.created_at), order.created_at)
    new = enroll(joined=joined, by=JoinedBy.ORDER) if joined else {}
    return known | {order_id: new[membership].pk for order_id, membership in joining.items()}


def _posting(
    settlement: Settlement,
    *,
    posted: Mapping[str, OrderPostings],
    member_ids: Mapping[str, int],
) -> Posting | None:
    order = settlement.facts
    held = posted.get(order.order_id, OrderPostings())
    difference = settlement.net - held.points
    if difference == 0 or order.order_id not in member_ids or settlement.terms is None:
        return None
    return Posting(
        program_id=settlement.terms.program_id,
        member_id=member_ids[order.order_id],
        key=f"order:{order.order_id}:{len(held.keys) + 1}",
        points=difference,
        reason=_reason(settlement, difference=difference),
        effective_at=order.created_at,
        order_id=order.order_id,
        details=_details(settlement),
        shortfall=Shortfall.DEBT,
    )


def _reason(settlement: Settlement, *, difference: int) -> Reason:
    if difference > 0:
        return Reason.ORDER_EARNED
    if settlement.outcome is Outcome.CANCELLED:
        return Reason.ORDER_CANCELLED
    if settlement.returned > 0:
        return Reason.ORDER_REFUNDED
    return Reason.ORDER_CHANGED


def _details(settlement: Settlement) -> dict[str, object]:
    """Return the breakdown that an entry keeps, so that its number explains itself."""
    order = settlement.facts
    details: dict[str, object] = {
        "order_number": order.number,
        "currency": order.currency,
        "earned": settlement.earned,
        "returned": settlement.returned,
    }
    if settlement.rate is not None:
        details |= {
            "merchandise": str(settlement.merchandise),
            "price_basis": settlement.rate.price_basis.value,
            "points_per_unit": str(settlement.rate.points_per_unit),
            "total": str(order.total),
            "charged": str(order.charged),
        }
    return details


def _settled_row(
    settlement: Settlement, member_ids: Mapping[str, int], *, now: datetime
) -> SettledOrder:
    order = settlement.facts
    return SettledOrder(
        order_id=order.order_id,
        order_number=order.number,
        order_created_at=order.created_at,
        program_id=settlement.terms.program_id if settlement.terms else None,
        member_id=member_ids.get(order.order_id),
        outcome=settlement.outcome.value,
        currency=order.currency,
        merchandise_amount=settlement.merchandise,
        points_per_unit=settlement.rate.points_per_unit if settlement.rate else 0,
        price_basis=settlement.rate.price_basis.value if settlement.rate else "",
        earned_points=settlement.earned,
        returned_points=settlement.returned,
        settled_at=now,
    )


def _is_newly_earned(settlement: Settlement, *, before: SettledOrder | None) -> bool:
    return settlement.outcome is Outcome.EARNED and (
        before is None or before.outcome != Outcome.EARNED.value
    )


def _thank_yous(
    settlements: Sequence[Settlement], member_ids: Mapping[str, int], *, now: datetime
) -> list[EmailRequest]:
    purses = purses_of(member_ids=set(member_ids.values())) if settlements else {}
    requests = []
    for settlement in settlements:
        member_id = member_ids.get(settlement.facts.order_id)
        if member_id is None or settlement.terms is None or settlement.rate is None:
            continue
        request = thank_you_email(
            order=settlement.facts,
            terms=settlement.terms,
            rate=settlement.rate,
            points_earned=settlement.net,
            purse=purses[member_id],
            now=now,
        )
        if request is not None:
            requests.append(request)
    return requests
