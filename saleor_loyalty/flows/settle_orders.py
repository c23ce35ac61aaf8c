"""Settling: from the current facts of orders to what the ledger should hold for them."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from saleor_loyalty.earning.queries import rules_of
from saleor_loyalty.earning.usage import Customer, UsageBook, open_book
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.order_mails import tell_of_orders
from saleor_loyalty.flows.order_postings import postings_of, schedule_maturity_of
from saleor_loyalty.flows.settle_rewards import settle_rewards
from saleor_loyalty.flows.settle_rule_gifts import settle_rule_gifts
from saleor_loyalty.flows.settle_spending import settle_spendings, with_points
from saleor_loyalty.flows.settlement import (
    Claim,
    Settlement,
    cause_of,
    claim_of,
    customer_of,
    release,
    settlement_of,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.orders.facts import OrderFacts, OrderState
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.operations import claim_due, clear_due, postpone, save_settled
from saleor_loyalty.orders.queries import settled_orders
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.queries import posted_for_orders
from saleor_loyalty.programs.queries import TermsIndex, load_terms
from saleor_loyalty.programs.rules import ProgramTerms
from saleor_loyalty.spending.queries import spendings_of_orders
from saleor_loyalty.tiers.queries import Presence, tiers_at

logger = logging.getLogger(__name__)

LoadFacts = Callable[[Sequence[str]], Mapping[str, OrderFacts]]


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
    orders = sorted((order for order in facts), key=lambda order: (order.placed_at, order.order_id))
    spendings = spendings_of_orders(orders=orders)
    orders = [with_points(order, spendings.get(order.order_id, ())) for order in orders]
    paid_by_points = {order.order_id: order for order in orders if order.order_id in spendings}
    order_ids = [order.order_id for order in orders]
    before = settled_orders(order_ids=order_ids)
    orders = [order for order in orders if _is_news(order, before)]
    posted = posted_for_orders(order_ids=order_ids)
    terms = load_terms(
        channel_ids={order.channel_id for order in orders},
        program_ids={row.program_id for row in before.values() if row.program_id is not None},
    )
    members = members_of(user_ids={order.user_id for order in orders if order.user_id is not None})
    settlements = _settlements(orders, before=before, terms=terms, members=members, now=now)
    member_ids = _unmerged(
        _member_ids(settlements.all, before=before, members=members),
        others={one.member_id for some in spendings.values() for one in some},
    )
    postings = [
        posting
        for settlement in settlements.all
        for posting in postings_of(settlement, posted=posted, member_ids=member_ids, now=now)
    ]
    postings += settle_spendings(orders=paid_by_points, spendings=spendings, now=now)
    post(postings=postings, now=now)
    schedule_maturity_of(settlements.all, now=now)
    settlements.book.close(
        member_ids={
            customer: member_ids[order_id]
            for settlement in settlements.all
            if (order_id := settlement.facts.order_id) in member_ids
            and (terms_then := settlement.terms) is not None
            and (customer := _customer(settlement, before=before, terms=terms_then)) is not None
        },
        now=now,
    )
    save_settled(
        settled=[_settled_row(settlement, member_ids, now=now) for settlement in settlements.all]
    )
    settle_rule_gifts(settlements.all, before=before, member_ids=member_ids, now=now)
    settle_rewards(orders=facts, now=now)
    changes = evaluate_tiers(member_ids=set(member_ids.values()), now=now)
    queued = tell_of_orders(
        settlements.all,
        before=before,
        member_ids=member_ids,
        postings=postings,
        changes=changes,
        now=now,
    )
    return SettleReport(settled=len(settlements.all), queued_emails=queued)


@dataclass(frozen=True)
class _Settlements:
    all: list[Settlement]
    book: UsageBook


def _settlements(
    orders: Sequence[OrderFacts],
    *,
    before: Mapping[str, SettledOrder],
    terms: TermsIndex,
    members: Mapping[tuple[int, int], Member],
    now: datetime,
) -> _Settlements:
    """Settle orders in the order in which they were placed, under the locks of their limits."""
    claims = [
        claim_of(order, before=before.get(order.order_id), terms=terms, members=members)
        for order in orders
    ]
    rules = rules_of(
        program_ids=terms.by_program,
        since=min((order.placed_at for order in orders), default=now),
    )
    book = open_book(
        causes=[
            cause_of(one.facts, terms=one.terms, customer=customer)
            for one in claims
            if one.terms is not None
            and (customer := _customer(one, before=before, terms=one.terms)) is not None
        ],
        rules=rules,
    )
    tiers = tiers_at(
        presences={
            _presence(one) for one in claims if isinstance(one, Claim) and one.member_id is not None
        }
    )
    found: list[Settlement] = []
    for one in claims:
        row = before.get(one.facts.order_id)
        mine = rules.get(one.terms.program_id, []) if one.terms is not None else []
        if isinstance(one, Claim):
            tier = tiers.get(_presence(one)) if one.member_id is not None else None
            found.append(settlement_of(one, before=row, rules=mine, book=book, tier=tier))
            continue
        if row is not None and one.terms is not None:
            release(one.facts, before=row, terms=one.terms, rules=mine, book=book)
        found.append(one)
    return _Settlements(found, book)


def _presence(claim: Claim) -> Presence:
    assert claim.member_id is not None
    return Presence(claim.member_id, claim.facts.placed_at)


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
                joined[membership] = min(joined.get(membership, order.placed_at), order.placed_at)
    new = enroll(joined=joined, by=JoinedBy.ORDER) if joined else {}
    return known | {order_id: new[membership].pk for order_id, membership in joining.items()}


def _settled_row(
    settlement: Settlement, member_ids: Mapping[str, int], *, now: datetime
) -> SettledOrder:
    order = settlement.facts
    return SettledOrder(
        order_id=order.order_id,
        order_number=order.number,
        order_placed_at=order.placed_at,
        program_id=settlement.terms.program_id if settlement.terms else None,
        member_id=member_ids.get(order.order_id),
        outcome=settlement.outcome.value,
        channel_id=order.channel_id,
        earlier_orders=order.earlier_orders,
        currency=order.currency,
        merchandise_amount=settlement.merchandise,
        points_per_unit=settlement.rate.points_per_unit if settlement.rate else 0,
        price_basis=settlement.rate.price_basis.value if settlement.rate else "",
        earned_points=settlement.earned,
        returned_points=settlement.returned,
        spent_amount=settlement.spent,
        facts_digest=settlement.digest,
        breakdown=list(settlement.breakdown),
        settled_at=now,
    )


def _customer(
    one: Claim | Settlement, *, before: Mapping[str, SettledOrder], terms: ProgramTerms
) -> Customer | None:
    row = before.get(one.facts.order_id)
    return customer_of(one.facts, program_id=terms.program_id, before=row)


def _unmerged(member_ids: Mapping[str, int], *, others: Collection[int]) -> dict[str, int]:
    """Lock the members of orders, and others with them.

    Who was merged meanwhile is the member they were merged into.
    """
    lock_members(member_ids={*member_ids.values(), *others})
    merged = {
        member.pk: member.merged_into_id or member.pk
        for member in Member.objects.filter(pk__in=set(member_ids.values()))
    }
    return {order_id: merged[pk] for order_id, pk in member_ids.items()}
