"""What a programme holds, as CSV: lots that another can import, members, or all entries."""

from collections.abc import Callable
from enum import StrEnum

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.operations import ProgramNotFound

PROGRESS_EVERY = 10_000


class ExportKind(StrEnum):
    """What is exported."""

    LOTS = "lots"
    MEMBERS = "members"
    ENTRIES = "entries"


def export_balances(
    *,
    program_id: int,
    kind: ExportKind,
    write: Callable[[bytes], object],
    on_progress: Callable[[str, int, int], None],
) -> int:
    """Write a programme's lots, members or entries as CSV in UTF-8; return the number of rows.

    It is what held at one instant, and streamed: memory does not grow with it. Texts that a
    spreadsheet would take for a formula get a quote, which an import takes away. `lots` are the
    import's columns: what a member has by dates, lots with the same dates in one row.

    Raises:
        ProgramNotFound

    """
    program = Program.objects.filter(pk=program_id).first()
    if program is None:
        raise ProgramNotFound(field="program")
    values: dict[str, int | str] = {
        "program": program.pk,
        "zone": program.time_zone,
        "name": program.name,
    }
    statement = {
        ExportKind.LOTS: _lots,
        ExportKind.MEMBERS: _members,
        ExportKind.ENTRIES: _entries,
    }[kind]()
    written = -1  # the header is no row
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({statement}) AS row", values)
        total = cursor.fetchone()[0]
        with cursor.copy(
            f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, HEADER, ENCODING 'UTF8')", values
        ) as copy:
            for row in copy:
                write(bytes(row))
                written += 1
                if written % PROGRESS_EVERY == 0:
                    on_progress("writing", written, max(total, written))
    on_progress("writing", written, written)
    return written


def _text(expression: str) -> str:
    """Return SQL for a text, with a quote before it where it begins like a formula."""
    return rf"nullif(regexp_replace({expression}, '^(''*[=+@\t\r-])', '''\1'), '')"


def _instant(expression: str) -> str:
    return f"""to_char({expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


def _date(expression: str) -> str:
    return f"to_char({expression} AT TIME ZONE %(zone)s, 'YYYY-MM-DD')"


def _who() -> str:
    return f"""{_text("coalesce(account.email, member.email)")} AS email,
      {_text("member.external_id")} AS external_id"""


def _account() -> str:
    return f"LEFT JOIN {get_user_model()._meta.db_table} AS account ON account.id = member.user_id"


def _lots() -> str:
    # A lot ends with a day: its last instant is on the last date.
    return f"""
    SELECT email, external_id, points, earned_on, expires_on, source, state FROM (
      SELECT member.id, {_who()}, sum(part.points)::bigint AS points,
        {_date("lot.earned_at")} AS earned_on,
        CASE WHEN lot.expires_at IS NOT NULL
            THEN {_date("(lot.expires_at - interval '1 microsecond')")}
          WHEN lot.inactivity_months IS NULL THEN 'never' END AS expires_on,
        {_text("%(name)s::text")} AS source, part.state
      FROM {Lot._meta.db_table} AS lot
      JOIN {Member._meta.db_table} AS member ON member.id = lot.member_id
      {_account()}
      CROSS JOIN LATERAL (VALUES
        ('available', lot.available), ('held', lot.held), ('pending', lot.pending)
      ) AS part (state, points)
      WHERE lot.program_id = %(program)s AND part.points > 0
      GROUP BY 1, 2, 3, 5, 6, 7, 8
    ) AS held ORDER BY id, earned_on, expires_on NULLS FIRST, state
    """


def _members() -> str:
    return f"""
    SELECT member.id AS member_id, {_who()}, member.user_id IS NOT NULL AS has_account,
      {_date("member.joined_at")} AS joined_on, member.joined_by, member.born_on,
      member.merged_into_id AS merged_into,
      coalesce(balance.available, 0) AS available_points,
      coalesce(balance.pending, 0) AS pending_points, coalesce(balance.held, 0) AS held_points,
      coalesce(balance.debt, 0) AS debt_points,
      {_instant("balance.last_activity_at")} AS last_activity_at
    FROM {Member._meta.db_table} AS member
    LEFT JOIN {Balance._meta.db_table} AS balance ON balance.member_id = member.id
    {_account()}
    WHERE member.program_id = %(program)s ORDER BY member.id
    """


def _entries() -> str:
    return f"""
    SELECT entry.id AS entry_id, entry.member_id, {_who()}, entry.reason, entry.source, entry.target,
      entry.points, {_instant("entry.effective_at")} AS effective_at,
      {_instant("entry.created_at")} AS created_at, {_text("entry.order_id")} AS order_id,
      {_text("entry.note")} AS note, {_text("entry.actor")} AS actor,
      {_text("entry.idempotency_key")} AS idempotency_key, entry.leg, entry.lot_id, entry.hold_id
    FROM {Entry._meta.db_table} AS entry
    JOIN {Member._meta.db_table} AS member ON member.id = entry.member_id
    {_account()}
    WHERE entry.program_id = %(program)s ORDER BY entry.id
    """
