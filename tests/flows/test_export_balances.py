import csv
import io
from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command

from saleor_loyalty.flows.export_balances import ExportKind, export_balances
from saleor_loyalty.flows.import_balances import import_balances
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize
from saleor_loyalty.points.rules import LotTerms, Reason
from tests.factories import NOW, make_member, make_posting, make_program, make_user

END = datetime(2027, 6, 30, 22, tzinfo=UTC)  # of 30 June in Oslo


@pytest.fixture
def program(db):
    return make_program(time_zone="Europe/Oslo")


def export(program, kind="lots"):
    """Return the rows that an export writes, and the text itself."""
    parts = []
    count = export_balances(
        program_id=program.pk,
        kind=ExportKind(kind),
        write=parts.append,
        on_progress=lambda *_: None,
    )
    text = b"".join(parts)
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert len(rows) == count
    return rows, text


def import_into(program, text):
    errors = []
    report = import_balances(
        program_id=program.pk,
        file=io.BytesIO(text),
        now=NOW,
        is_applied=True,
        skips_bad=True,
        on_error=errors.append,
        on_progress=lambda *_: None,
    )
    return report, [(error.line, error.code) for error in errors]


def test_lots_are_written_in_the_columns_of_an_import(program):
    member = make_member(program, user=make_user())
    Member.objects.filter(pk=member.pk).update(external_id="C-1")
    lot = LotTerms(expires_at=END, notice_days=30)
    post(postings=[make_posting(member, 120, lot=lot)], now=NOW)

    rows, text = export(program)

    assert text.splitlines()[0] == b"email,external_id,points,earned_on,expires_on,source,state"
    assert rows == [
        {
            "email": "ada@example.com",
            "external_id": "C-1",
            "points": "120",
            "earned_on": "2026-06-15",
            "expires_on": "2027-06-30",
            "source": "Aurora Club",
            "state": "available",
        }
    ]


def test_lots_with_the_same_dates_are_one_row_and_each_state_is_another(program):
    member = make_member(program)
    hold = Authorize(
        program_id=program.pk,
        member_id=member.pk,
        key="hold",
        points=30,
        reason=Reason.HELD,
        effective_at=NOW,
    )
    postings = [
        make_posting(member, 20, key="a"),
        make_posting(member, 50, key="b"),
        make_posting(member, 9, key="c", lot=LotTerms(is_pending=True)),
        hold,
        make_posting(member, 4, key="d", lot=LotTerms(inactivity_months=12)),
    ]
    post(postings=postings, now=NOW)

    rows, _ = export(program)

    assert [(row["points"], row["state"], row["expires_on"]) for row in rows] == [
        ("4", "available", ""),
        ("40", "available", "never"),
        ("30", "held", "never"),
        ("9", "pending", "never"),
    ]


def test_an_export_imported_elsewhere_gives_the_same_balances_and_dates(program):
    earned = datetime(2025, 3, 1, 10, tzinfo=UTC)
    names = ["ada@example.com", "=cmd@example.com", "-grace@example.com"]
    for number, name in enumerate(names):
        member = Member.objects.create(
            program=program, email=name, external_id=f"'+{number}", joined_at=NOW, joined_by="order"
        )
        postings = [
            make_posting(member, 100 + number, key=f"a{number}", lot=LotTerms(expires_at=END)),
            make_posting(member, 7, key=f"b{number}", effective_at=earned),
            make_posting(member, 7, key=f"c{number}", effective_at=earned),
            make_posting(member, -3, key=f"d{number}"),
        ]
        post(postings=postings, now=NOW)
    other = make_program(time_zone="Europe/Oslo", channel_ids=[8])

    _, text = export(program)
    report, errors = import_into(other, text)

    assert errors == []
    assert report.points == 3 * 111 + 3

    def balances(of):
        found = Balance.objects.filter(member__program=of)
        return sorted(found.values_list("member__email", "member__external_id", "available"))

    def points_by_dates(of):
        found = {}
        for lot in Lot.objects.filter(program=of).select_related("member"):
            key = (lot.member.email, local(lot.earned_at), lot.expires_at)
            found[key] = found.get(key, 0) + lot.available
        return found

    assert balances(other) == balances(program)
    assert points_by_dates(other) == points_by_dates(program)
    assert import_into(other, export(other)[1].replace(b"Aurora", b"Other"))[0].new_rows == 0


def local(moment):
    return date.fromordinal(moment.toordinal() + (moment.hour >= 22))


def test_texts_that_look_like_formulas_get_a_quote(program):
    names = ["=1+1", "+1", "-1", "@x", "'=1", "\t=1", "plain", "'plain", "a=b"]
    for number, name in enumerate(names):
        member = Member.objects.create(
            program=program, external_id=name, joined_at=NOW, joined_by="order"
        )
        post(postings=[make_posting(member, 1, key=f"{number}", note=name)], now=NOW)

    for kind, column in (("lots", "external_id"), ("members", "external_id"), ("entries", "note")):
        rows, _ = export(program, kind)
        assert [row[column] for row in rows] == [
            "'=1+1",
            "'+1",
            "'-1",
            "'@x",
            "''=1",
            "'\t=1",
            "plain",
            "'plain",
            "a=b",
        ]


def test_members_and_entries_are_exported_with_their_numbers(program):
    member = make_member(program, user=make_user())
    other = make_member(make_program(channel_ids=[8]))
    postings = [
        make_posting(member, 120, note='he said "hi",\nthen left'),
        make_posting(other, 1),
    ]
    post(postings=postings, now=NOW)
    empty = make_member(program)

    members, _ = export(program, "members")
    entries, _ = export(program, "entries")

    assert [(row["member_id"], row["email"], row["has_account"]) for row in members] == [
        (str(member.pk), "ada@example.com", "t"),
        (str(empty.pk), "", "f"),
    ]
    assert [(row["available_points"], row["joined_on"]) for row in members] == [
        ("120", "2026-06-15"),
        ("0", "2026-06-15"),
    ]
    assert len(entries) == 1
    assert entries[0]["note"] == 'he said "hi",\nthen left'
    assert entries[0]["effective_at"] == "2026-06-15T12:00:00Z"
    assert (entries[0]["source"], entries[0]["target"], entries[0]["points"]) == (
        "issued",
        "available",
        "120",
    )


def test_an_empty_programme_is_a_header(program):
    rows, text = export(program)

    assert rows == []
    assert text == b"email,external_id,points,earned_on,expires_on,source,state\n"


def test_the_command_writes_a_file_or_standard_output(program, tmp_path, capsys):
    member = make_member(program, user=make_user("é@example.com"))
    post(postings=[make_posting(member, 5)], now=NOW)
    path = tmp_path / "lots.csv"

    call_command("loyalty_export", str(path), program=program.pk)
    call_command("loyalty_export", "-", "--kind=lots", program=program.pk)

    told = capsys.readouterr()
    assert told.out == path.read_text()
    assert path.read_text().splitlines()[1] == (
        "é@example.com,,5,2026-06-15,never,Aurora Club,available"
    )
    assert "1 rows" in told.err
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_says_what_it_cannot_do_and_leaves_no_file(program, tmp_path):
    with pytest.raises(CommandError, match="There is no programme 404"):
        call_command("loyalty_export", str(tmp_path / "x.csv"), program=404)
    with pytest.raises(CommandError, match="No such file"):
        call_command("loyalty_export", str(tmp_path / "none" / "x.csv"), program=program.pk)

    assert list(tmp_path.iterdir()) == []
