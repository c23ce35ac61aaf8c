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
    member_ids = {posting.member_id for posting in postings}
    lock_members(member_ids=member_ids)
    found = _read(postings)
    written, new_ids = found.fingerprints, found.new_ids
    fresh: list[tuple[Posting, str]] = []
    for posting in postings:
        identity = (posting.program_id, posting.key)
        fingerprint = posting.fingerprint()
        if identity not in written:
            written[identity] = fingerprint
            fresh.append((posting, fingerprint))
        elif written[identity] != fingerprint:
            raise IdempotencyConflict(field="idempotency_key", key=posting.key)
    wallets = _load_wallets(
        found.balances, member_ids=member_ids, fresh=[posting for posting, _ in fresh]
    )
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
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {Member._meta.db_table} WHERE id = ANY(%s)"
            " ORDER BY id FOR NO KEY UPDATE",
            [list(member_ids)],
        )


@transaction.atomic
def schedule_maturity(*, matures_at: Mapping[str, datetime | None]) -> None:
    """Set when the pending points of orders (by id) mature; None: not known yet, or any more.

    A date that is known stays.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Lot._meta.db_table} AS lot SET matures_at = known.matures_at
            FROM unnest(%s::text[], %s::timestamptz[]) AS known (order_id, matures_at)
            WHERE lot.order_id = known.order_id AND lot.pending > 0
              AND (lot.matures_at IS NULL) <> (known.matures_at IS NULL)
            """,
            [list(matures_at), list(matures_at.values())],
        )


# Of the postings' members: balances; of their keys: fingerprints that are written; and new ids
# for lots and holds. All in one statement, because a single award is mostly round trips.
READ = f"""
SELECT 'balance', member_id, pending, available, held, debt, last_activity_at, NULL
FROM {Balance._meta.db_table} WHERE member_id = ANY(%(members)s)
UNION ALL
SELECT entry.idempotency_key, entry.program_id, NULL, NULL, NULL, NULL, NULL, entry.fingerprint
FROM unnest(%(programs)s::bigint[], %(keys)s::text[]) AS asked (program_id, idempotency_key)
JOIN {Entry._meta.db_table} AS entry USING (program_id, idempotency_key)
WHERE entry.leg = 0
UNION ALL
SELECT 'id', nextval(pg_get_serial_sequence('{Lot._meta.db_table}', 'id')),
  NULL, NULL, NULL, NULL, NULL, NULL
FROM generate_series(1, %(wanted)s)
"""


@dataclass(frozen=True)
class _Found:
    """What is there before postings are carried out. `new_ids` are in falling order."""

    balances: dict[int, Balance]
    fingerprints: dict[tuple[int, str], str]
    new_ids: list[int]


def _read(postings: Sequence[Posting]) -> _Found:
    identities = {(posting.program_id, posting.key) for posting in postings}
    with connection.cursor() as cursor:
        cursor.execute(
            READ,
            {
                "members": list({posting.member_id for posting in postings}),
                "programs": [program_id for program_id, _ in identities],
                "keys": [key for _, key in identities],
                "wanted": sum(posting.new_rows() for posting in postings),
            },
        )
        rows = cursor.fetchall()
    balances, fingerprints, new_ids = {}, {}, []
    for kind, number, *amounts, last_activity_at, fingerprint in rows:
        if fingerprint is not None:
            fingerprints[number, kind] = fingerprint
        elif kind == "id":
            new_ids.append(number)
        else:
            balances[number] = Balance(number, *amounts, last_activity_at)
    return _Found(balances, fingerprints, sorted(new_ids, reverse=True))


def _load_wallets(
    balances: Mapping[int, Balance], *, member_ids: set[int], fresh: Sequence[Posting]
) -> dict[int, Wallet]:
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
