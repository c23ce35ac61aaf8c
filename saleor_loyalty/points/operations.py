"""The one write path of points."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.points.models import Balance, Entry
from saleor_loyalty.points.rules import Posting, Purse, legs_of


class IdempotencyConflict(LoyaltyError):
    """A key was used before with other data."""

    code = "idempotency_conflict"


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What a call of `post` did: the keys that were new, and each member's purse now."""

    new_keys: frozenset[str]
    purses: dict[int, Purse]


@transaction.atomic
def post(*, postings: Sequence[Posting], now: datetime) -> Posted:
    """Move points: all of the postings, or none of them.

    Locks the members' balances in order of their ids, then writes entries and balances, in five
    statements however many postings there are. A posting whose key exists is left out when
    it asks for the same, so a repeat does nothing.

    Raises:
        IdempotencyConflict: a key exists with other data (here or in a concurrent call).
        InsufficientPoints, PointsInvalid: see `legs_of`.

    """
    purses = _lock_purses(sorted({posting.member_id for posting in postings}))
    written = _written_fingerprints(postings)
    entries: list[Entry] = []
    new_keys: set[str] = set()
    for posting in postings:
        identity = (posting.program_id, posting.key)
        fingerprint = posting.fingerprint()
        if identity in written:
            if written[identity] != fingerprint:
                raise IdempotencyConflict(field="idempotency_key", key=posting.key)
            continue
        written[identity] = fingerprint
        new_keys.add(posting.key)
        for number, leg in enumerate(legs_of(posting, purse=purses[posting.member_id])):
            purses[posting.member_id] = purses[posting.member_id].after(leg)
            entries.append(
                Entry(
                    program_id=posting.program_id,
                    member_id=posting.member_id,
                    idempotency_key=posting.key,
                    leg=number,
                    fingerprint=fingerprint,
                    source=leg.source.value,
                    target=leg.target.value,
                    points=leg.points,
                    reason=posting.reason.value,
                    order_id=posting.order_id,
                    note=posting.note,
                    actor=posting.actor,
                    details=dict(posting.details),
                    effective_at=posting.effective_at,
                    created_at=now,
                )
            )
    _write(entries, purses)
    return Posted(new_keys=frozenset(new_keys), purses=purses)


def _lock_purses(member_ids: Sequence[int]) -> dict[int, Purse]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Balance._meta.db_table} (member_id, available, debt)
            SELECT member_id, 0, 0 FROM unnest(%s::bigint[]) AS member_id
            ON CONFLICT DO NOTHING
            """,
            [list(member_ids)],
        )
    balances = Balance.objects.select_for_update().filter(member__in=member_ids)
    return {
        balance.member_id: Purse(available=balance.available, debt=balance.debt)
        for balance in balances.order_by("member_id")
    }


def _written_fingerprints(postings: Sequence[Posting]) -> dict[tuple[int, str], str]:
    rows = Entry.objects.filter(
        program__in={posting.program_id for posting in postings},
        idempotency_key__in={posting.key for posting in postings},
    ).values_list("program_id", "idempotency_key", "fingerprint")
    return {(program_id, key): fingerprint for program_id, key, fingerprint in rows}


def _write(entries: Sequence[Entry], purses: dict[int, Purse]) -> None:
    if not entries:
        return
    try:
        with transaction.atomic():
            Entry.objects.bulk_create(entries)
    except IntegrityError as error:
        if "loyalty_entry_posted_once" in str(error):
            raise IdempotencyConflict(field="idempotency_key") from error
        raise
    touched = sorted({entry.member_id for entry in entries})
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Balance._meta.db_table} AS balance
            SET available = new.available, debt = new.debt
            FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
                AS new (member_id, available, debt)
            WHERE balance.member_id = new.member_id
            """,
            [
                touched,
                [purses[member_id].available for member_id in touched],
                [purses[member_id].debt for member_id in touched],
            ],
        )
