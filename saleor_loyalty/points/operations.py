"""The one write path of points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.postings import Posting
from saleor_loyalty.points.queries import hold_states, lot_states, purse_of
from saleor_loyalty.points.rules import Purse
from saleor_loyalty.points.wallets import LotState, Wallet
from saleor_loyalty.points.writing import EntryRow, IdempotencyConflict, entry_rows, write


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What a call of `post` did: the keys that were new, and each member's purse now."""

    new_keys: frozenset[str]
    purses: dict[int, Purse]


@transaction.atomic
def post(*, postings: Sequence[Posting], now: datetime) -> Posted:
    """Move points: all of the postings, in their order, or none of them.

    Locks the members in order of their ids, then writes entries, lots, holds and balances, in a
    fixed number of statements however many postings there are. A posting whose key exists is
    left out when it asks for the same, so a repeat does nothing.

    Raises:
        IdempotencyConflict: a key exists with other data (here or in a concurrent call).
        LedgerDrifted: a member's lots and balance disagree.
        InsufficientPoints, PointsInvalid and others: see the postings.

    """
    lock_members(member_ids={posting.member_id for posting in postings})
    written, new_ids = _written_and_new_ids(postings)
    fresh: list[tuple[Posting, str]] = []
    for posting in postings:
        identity = (posting.program_id, posting.key)
        fingerprint = posting.fingerprint()
        if identity not in written:
            written[identity] = fingerprint
            fresh.append((posting, fingerprint))
        elif written[identity] != fingerprint:
            raise IdempotencyConflict(field="idempotency_key", key=posting.key)
    wallets = _load_wallets(postings, fresh=[posting for posting, _ in fresh])
    rows: list[EntryRow] = []
    for posting, fingerprint in fresh:
        wallet = wallets[posting.member_id]
        posting.carry_out(wallet, new_id=new_ids.pop() if posting.new_rows() else 0)
        if posting.is_activity:
            wallet.note_activity(posting.effective_at)
        rows += entry_rows(posting, wallet.take_legs(), fingerprint=fingerprint, now=now)
    if rows:
        owners = {posting.member_id: posting.program_id for posting, _ in fresh}
        write(rows=rows, wallets={pk: wallets[pk] for pk in owners}, program_ids=owners, now=now)
    return Posted(
        new_keys=frozenset(posting.key for posting, _ in fresh),
        purses={member_id: wallet.purse for member_id, wallet in wallets.items()},
    )


def lock_members(*, member_ids: set[int]) -> None:
    """Lock members in order of their ids, until the end of the transaction."""
    locked = Member.objects.select_for_update(no_key=True).filter(pk__in=member_ids)
    list(locked.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def schedule_maturity(*, matures_at: Mapping[str, datetime]) -> None:
    """Set when the pending points of orders (by id) mature, where that was not known yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Lot._meta.db_table} AS lot SET matures_at = known.matures_at
            FROM unnest(%s::text[], %s::timestamptz[]) AS known (order_id, matures_at)
            WHERE lot.order_id = known.order_id AND lot.pending > 0 AND lot.matures_at IS NULL
            """,
            [list(matures_at), list(matures_at.values())],
        )


def _written_and_new_ids(
    postings: Sequence[Posting],
) -> tuple[dict[tuple[int, str], str], list[int]]:
    """Return what is written under the postings' keys, and ids for their lots and holds."""
    wanted = sum(posting.new_rows() for posting in postings)
    identities = {(posting.program_id, posting.key) for posting in postings}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT entry.program_id, entry.idempotency_key, entry.fingerprint
            FROM {Entry._meta.db_table} AS entry
            JOIN unnest(%s::bigint[], %s::text[]) AS asked (program_id, idempotency_key)
              USING (program_id, idempotency_key)
            WHERE entry.leg = 0
            UNION ALL
            SELECT nextval(pg_get_serial_sequence(%s, 'id')), NULL, NULL
            FROM generate_series(1, %s)
            """,
            [
                [program_id for program_id, _ in identities],
                [key for _, key in identities],
                Lot._meta.db_table,
                wanted,
            ],
        )
        rows = cursor.fetchall()
    written = {(program_id, key): fingerprint for program_id, key, fingerprint in rows if key}
    new_ids = sorted((number for number, key, _ in rows if key is None), reverse=True)
    return written, new_ids


def _load_wallets(postings: Sequence[Posting], *, fresh: Sequence[Posting]) -> dict[int, Wallet]:
    member_ids = {posting.member_id for posting in postings}
    balances = Balance.objects.in_bulk(member_ids)
    holds = hold_states(
        keys={(posting.program_id, key) for posting in fresh for key in posting.hold_keys}
    )
    wanting = {posting.member_id for posting in fresh if posting.needs_lots}
    lots: dict[int, list[LotState]] = {}
    if wanting:
        lots = lot_states(
            Q(member__in=wanting) & (Q(pending__gt=0) | Q(available__gt=0) | Q(held__gt=0))
            | Q(
                member__in=wanting,
                order_id__in={posting.order_id for posting in fresh if posting.order_id},
            )
            | Q(
                member__in=wanting,
                pk__in={pk for held in holds.values() for hold in held for pk in hold.uses},
            )
        )
    wallets = {}
    for member_id in member_ids:
        balance = balances.get(member_id) or Balance(member_id=member_id)
        wallets[member_id] = Wallet(
            purse=purse_of(balance),
            last_activity_at=balance.last_activity_at,
            lots=lots.get(member_id, []) if member_id in wanting else None,
            holds=holds.get(member_id, []),
        )
    return wallets
