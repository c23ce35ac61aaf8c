"""Writing what became of wallets: entries, lots, holds and balances, in one statement."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.points.models import Balance, Entry, Hold, Lot
from saleor_loyalty.points.postings import Posting
from saleor_loyalty.points.rules import Leg
from saleor_loyalty.points.wallets import HoldState, LotState, Wallet


class IdempotencyConflict(LoyaltyError):
    """A key was used before with other data."""

    code = "idempotency_conflict"


Row = tuple[Any, ...]
EntryRow = Row

# The columns of each table and their types, in the order of a row's values.
ENTRY = {
    "program_id": "bigint",
    "member_id": "bigint",
    "idempotency_key": "text",
    "leg": "smallint",
    "fingerprint": "text",
    "source": "text",
    "target": "text",
    "points": "bigint",
    "lot_id": "bigint",
    "hold_id": "bigint",
    "is_qualifying": "boolean",
    "reason": "text",
    "order_id": "text",
    "note": "text",
    "actor": "text",
    "details": "text[]::jsonb",
    "effective_at": "timestamptz",
    "created_at": "timestamptz",
}
NEW_LOT = {
    "id": "bigint",
    "program_id": "bigint",
    "member_id": "bigint",
    "order_id": "text",
    "earned_at": "timestamptz",
    "inactivity_months": "smallint",
    "notice_days": "smallint",
    "pending": "bigint",
    "available": "bigint",
    "held": "bigint",
    "expired": "bigint",
    "matures_at": "timestamptz",
    "expires_at": "timestamptz",
}
CHANGED_LOT = {
    name: NEW_LOT[name]
    for name in ("id", "pending", "available", "held", "expired", "matures_at", "expires_at")
}
NEW_HOLD = {
    "id": "bigint",
    "program_id": "bigint",
    "member_id": "bigint",
    "key": "text",
    "expires_at": "timestamptz",
    "created_at": "timestamptz",
    "points": "bigint",
    "held": "bigint",
    "captured": "bigint",
    "returned": "bigint",
}
CHANGED_HOLD = {name: NEW_HOLD[name] for name in ("id", "held", "captured", "returned")}
BALANCE = {
    "member_id": "bigint",
    "pending": "bigint",
    "available": "bigint",
    "held": "bigint",
    "debt": "bigint",
    "last_activity_at": "timestamptz",
}


def entry_rows(
    posting: Posting, legs: Iterable[Leg], *, fingerprint: str, now: datetime
) -> list[EntryRow]:
    """Return the entries of a posting, a row a leg.

    A leg with a reason of its own (a debt repaid or forgiven) is not the order's doing.
    """
    return [
        (
            posting.program_id,
            posting.member_id,
            posting.key,
            number,
            fingerprint,
            leg.source.value,
            leg.target.value,
            leg.points,
            leg.lot_id,
            leg.hold_id,
            posting.is_qualifying and leg.reason is None,
            (leg.reason or posting.reason).value,
            "" if leg.reason else posting.order_id,
            posting.note,
            posting.actor,
            json.dumps(dict(posting.details)),
            posting.effective_at,
            now,
        )
        for number, leg in enumerate(legs)
    ]


def write(
    *,
    rows: Sequence[EntryRow],
    wallets: Mapping[int, Wallet],
    program_ids: Mapping[int, int],
    now: datetime,
) -> None:
    """Write entries and the wallets they made, in one statement.

    The caller holds the members' locks.

    Raises:
        IdempotencyConflict: an entry's key was written meanwhile for another member.

    """
    new_lots: list[Row] = []
    changed_lots: list[Row] = []
    new_holds: list[Row] = []
    changed_holds: list[Row] = []
    for member_id, wallet in wallets.items():
        owner = (program_ids[member_id], member_id)
        for pk in wallet.touched_lots:
            lot = wallet.lots[pk]
            (new_lots if lot.is_new else changed_lots).append(_lot_row(lot, owner))
        for key in wallet.touched_holds:
            hold = wallet.holds[key]
            (new_holds if hold.is_new else changed_holds).append(_hold_row(hold, owner, now))
    balances = [_balance_row(member_id, wallet) for member_id, wallet in wallets.items()]
    parts = (
        _insert("new_lots", Lot, NEW_LOT, new_lots),
        _update("changed_lots", Lot, CHANGED_LOT, changed_lots),
        _insert("new_holds", Hold, NEW_HOLD, new_holds),
        _update("changed_holds", Hold, CHANGED_HOLD, changed_holds),
        _upsert_balances(balances),
        _insert("entries", Entry, ENTRY, rows),
    )
    filled = [part for part in parts if part is not None]
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH {', '.join(sql for sql, _ in filled)} SELECT",
                [value for _, values in filled for value in values],
            )
    except IntegrityError as error:
        if "loyalty_entry_posted_once" in str(error):
            raise IdempotencyConflict(field="idempotency_key") from error
        raise


def _lot_row(lot: LotState, owner: tuple[int, int]) -> Row:
    state = (lot.pending, lot.available, lot.held, lot.expired, lot.matures_at, lot.expires_at)
    if not lot.is_new:
        return (lot.id, *state)
    born = (lot.order_id, lot.earned_at, lot.terms.inactivity_months, lot.terms.notice_days)
    return (lot.id, *owner, *born, *state)


def _hold_row(hold: HoldState, owner: tuple[int, int], now: datetime) -> Row:
    state = (hold.held, hold.captured, hold.returned)
    if not hold.is_new:
        return (hold.id, *state)
    return (hold.id, *owner, hold.key, hold.expires_at, now, hold.points, *state)


def _balance_row(member_id: int, wallet: Wallet) -> Row:
    purse = wallet.purse
    return (
        member_id,
        purse.pending,
        purse.available,
        purse.held,
        purse.debt,
        wallet.last_activity_at,
    )


FEW_ROWS = 3
Part = tuple[str, list[Any]]


def _source(columns: Mapping[str, str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """Return rows as a table of SQL's: a few as they are, many column by column.

    Arrays are several times faster for hundreds of rows, plain values for a single award.
    """
    names = f"AS new ({', '.join(columns)})"
    if len(rows) <= FEW_ROWS:
        row = ", ".join(f"%s::{type_.replace('[]', '')}" for type_ in columns.values())
        return f"(VALUES {', '.join([f'({row})'] * len(rows))}) {names}", [
            value for one in rows for value in one
        ]
    arrays = ", ".join(f"%s::{type_}[]" for type_ in columns.values())
    return f"unnest({arrays}) {names}", [list(column) for column in zip(*rows, strict=True)]


def _insert(
    name: str, model: type[Any], columns: Mapping[str, str], rows: Sequence[Row]
) -> Part | None:
    if not rows:
        return None
    source, values = _source(columns, rows)
    sql = (
        f"{name} AS (INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
        f" SELECT * FROM {source})"
    )
    return sql, values


def _update(
    name: str, model: type[Any], columns: Mapping[str, str], rows: Sequence[Row]
) -> Part | None:
    if not rows:
        return None
    changes = ", ".join(f"{column} = new.{column}" for column in columns if column != "id")
    source, values = _source(columns, rows)
    sql = (
        f"{name} AS (UPDATE {model._meta.db_table} AS old SET {changes}"
        f" FROM {source} WHERE old.id = new.id)"
    )
    return sql, values


def _upsert_balances(rows: Sequence[Row]) -> Part:
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in BALANCE if name != "member_id")
    source, values = _source(BALANCE, rows)
    sql = (
        f"balances AS (INSERT INTO {Balance._meta.db_table} ({', '.join(BALANCE)})"
        f" SELECT * FROM {source} ON CONFLICT (member_id) DO UPDATE SET {changes})"
    )
    return sql, values
