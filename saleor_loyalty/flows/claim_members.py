"""Imported members find their accounts."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction

from saleor_loyalty.flows.merge_members import MergeImpossible, merge_members
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.tiers.models import TierStanding

CHUNK = 5_000
ATTEMPTS = 3

# Who was imported and has no account yet.
UNCLAIMED = Member.objects.filter(user=None, merged_into=None).exclude(email="")


def confirmed_accounts() -> str:
    """Return a query for (id, email) of the accounts that may be given points, in lower case.

    An account that is not confirmed may be a stranger's who typed somebody else's address, and
    gets nothing. Plain Django has no such field: being active is all there is to know. An address
    that several accounts have, each in another case, is nobody's: whoever joins this must count.
    """
    user = get_user_model()
    is_confirmed = ""
    if any(field.name == "is_confirmed" for field in user._meta.get_fields()):
        is_confirmed = "AND is_confirmed"
    return f"""
    SELECT id, lower(email) AS email FROM {user._meta.db_table}
    WHERE is_active {is_confirmed} AND email <> ''
    """


def claim_members(now: datetime) -> int:
    """Give imported members the confirmed accounts that have their addresses by now.

    Who is a member with that account already gets what was imported, by a merge. Returns how many
    were claimed. A repeat does nothing; it may run at any time, often. In chunks, each a
    transaction of its own.
    """
    return sum(_claim(chunk, now=now) for chunk in _claimable())


def _claimable() -> Iterator[dict[int, int]]:
    """Yield the accounts of members who can be claimed, by member id, some at a time."""
    if not UNCLAIMED.exists():  # as nearly always: accounts need no look
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT member.id, min(account.id)
            FROM {Member._meta.db_table} AS member
            JOIN ({confirmed_accounts()}) AS account ON account.email = member.email
            WHERE member.user_id IS NULL AND member.merged_into_id IS NULL AND member.email <> ''
            GROUP BY member.id HAVING count(*) = 1 ORDER BY member.id
            """
        )
        found = cursor.fetchall()
    for start in range(0, len(found), CHUNK):
        yield dict(found[start : start + CHUNK])


def _claim(accounts: dict[int, int], *, now: datetime) -> int:
    for _ in range(ATTEMPTS):
        try:
            claimed, rest = _take_accounts(accounts)
        except IntegrityError:
            continue  # somebody joined with their account at this very moment: look again
        return claimed + sum(
            _merge(member_id, into_id, now=now) for member_id, into_id in rest.items()
        )
    return 0  # the next call has another try


@transaction.atomic
def _take_accounts(accounts: dict[int, int]) -> tuple[int, dict[int, int]]:
    """Give members their accounts; return how many, and who the others are members as already."""
    lock_members(member_ids=set(accounts))
    unclaimed = UNCLAIMED.filter(pk__in=accounts).in_bulk()
    known = members_of(user_ids=accounts.values())
    plain: dict[int, int] = {}
    rest: dict[int, int] = {}
    for pk, member in unclaimed.items():
        other = known.get((member.program_id, accounts[pk]))
        if other is None:
            plain[pk] = accounts[pk]
        else:
            rest[pk] = other.pk
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Member._meta.db_table} AS member SET user_id = account.user_id, email = ''
            FROM unnest(%s::bigint[], %s::bigint[]) AS account (member_id, user_id)
            WHERE member.id = account.member_id
            """,
            [list(plain), list(plain.values())],
        )
    TierStanding.objects.filter(member__in=plain).update(is_published=False)
    return len(plain), rest


@transaction.atomic
def _merge(member_id: int, into_id: int, *, now: datetime) -> int:
    try:
        merge_members(member_id=member_id, into_id=into_id, actor="", now=now)
    except MergeImpossible:  # points on hold, or merged meanwhile: the next call looks again
        return 0
    Member.objects.filter(pk=member_id).update(email="")
    return 1
