"""Reads of the ledger."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet, Sum

from saleor_loyalty.points.models import Balance, Entry, Hold, Lot
from saleor_loyalty.points.rules import Bucket, LotTerms, Purse, order_points
from saleor_loyalty.points.wallets import HoldState, HoldUse, LotState


def purse_of(balance: Balance) -> Purse:
    """Return what a balance's row says."""
    return Purse(
        pending=balance.pending,
        available=balance.available,
        held=balance.held,
        debt=balance.debt,
    )


def balances_of(*, member_ids: Iterable[int], using: str = "default") -> dict[int, Balance]:
    """Return the balances of members, by member id; who has none yet has nothing. One query."""
    ids = list(member_ids)
    found = Balance.objects.using(using).in_bulk(ids)
    return {pk: found.get(pk) or Balance(member_id=pk) for pk in ids}


def purses_of(*, member_ids: Iterable[int], using: str = "default") -> dict[int, Purse]:
    """Return what members have, by member id. One query."""
    found = balances_of(member_ids=member_ids, using=using)
    return {pk: purse_of(balance) for pk, balance in found.items()}


def history_of(*, member_id: int, using: str = "default") -> QuerySet[Entry]:
    """Return a member's postings, newest first, each by its first entry."""
    return Entry.objects.using(using).filter(member_id=member_id, leg=0)


def legs_of_postings(
    *, postings: Iterable[tuple[int, str]], using: str = "default"
) -> dict[tuple[int, str], list[Entry]]:
    """Return all entries of postings, by (programme id, key). One query."""
    wanted = set(postings)
    rows = Entry.objects.using(using).filter(
        program__in={program_id for program_id, _ in wanted},
        idempotency_key__in={key for _, key in wanted},
    )
    found: dict[tuple[int, str], list[Entry]] = defaultdict(list)
    for entry in rows.order_by("leg"):
        found[entry.program_id, entry.idempotency_key].append(entry)
    return found


def open_lots_of(*, member_ids: Iterable[int], using: str = "default") -> QuerySet[Lot]:
    """Return the lots of members that hold pending or available points, soonest-expiring first."""
    lots = Lot.objects.using(using).filter(Q(pending__gt=0) | Q(available__gt=0))
    return lots.filter(member__in=list(member_ids)).order_by("expires_at", "id")


def lot_states(wanted: Q) -> dict[int, list[LotState]]:
    """Return lots as wallets want them, by member id. One query."""
    found: dict[int, list[LotState]] = defaultdict(list)
    for lot in Lot.objects.filter(wanted).order_by():
        found[lot.member_id].append(
            LotState(
                id=lot.pk,
                terms=LotTerms(
                    inactivity_months=lot.inactivity_months, notice_days=lot.notice_days
                ),
                earned_at=lot.earned_at,
                order_id=lot.order_id,
                pending=lot.pending,
                available=lot.available,
                held=lot.held,
                expired=lot.expired,
                matures_at=lot.matures_at,
                expires_at=lot.expires_at,
            )
        )
    return found


def hold_states(*, keys: Iterable[tuple[int, str]]) -> dict[int, list[HoldState]]:
    """Return holds by (programme id, key) as wallets want them, by member id.

    Two queries: the holds, and which lots they used, from the entries.
    """
    wanted = set(keys)
    if not wanted:
        return {}
    holds = {
        hold.pk: hold
        for hold in Hold.objects.filter(
            program__in={program_id for program_id, _ in wanted}, key__in={key for _, key in wanted}
        )
        if (hold.program_id, hold.key) in wanted
    }
    uses: dict[int, dict[int, HoldUse]] = defaultdict(lambda: defaultdict(HoldUse))
    moves = Entry.objects.filter(hold__in=holds).order_by()
    for hold_id, lot_id, source, target, points in moves.values_list(
        "hold", "lot", "source", "target"
    ).annotate(Sum("points")):
        use = uses[hold_id][lot_id]
        use.held += points * ((target == Bucket.HELD.value) - (source == Bucket.HELD.value))
        use.captured += points * ((target == Bucket.SPENT.value) - (source == Bucket.SPENT.value))
    found: dict[int, list[HoldState]] = defaultdict(list)
    for hold in holds.values():
        found[hold.member_id].append(
            HoldState(
                id=hold.pk,
                key=hold.key,
                expires_at=hold.expires_at,
                points=hold.points,
                held=hold.held,
                captured=hold.captured,
                returned=hold.returned,
                uses=dict(uses[hold.pk]),
            )
        )
    return found


@dataclass
class OrderPostings:
    """What an order's entries add up to, and the postings that made it."""

    points: int = 0
    keys: set[str] = field(default_factory=set)


def posted_for_orders(*, order_ids: Iterable[str]) -> dict[str, OrderPostings]:
    """Return what the ledger holds for orders, by order id. One query."""
    found: dict[str, OrderPostings] = defaultdict(OrderPostings)
    entries = Entry.objects.filter(order_id__in=list(order_ids)).exclude(order_id="")
    for order_id, key, source, target, points in entries.values_list(
        "order_id", "idempotency_key", "source", "target", "points"
    ):
        found[order_id].keys.add(key)
        found[order_id].points += order_points(
            source=Bucket(source), target=Bucket(target), points=points
        )
    return found
