import io
import os
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F, Q, Sum

from saleor_loyalty.flows import import_staging
from saleor_loyalty.flows.import_balances import ImportRefused, ImportReport, import_balances
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.opening_rows import FileUnreadable
from saleor_loyalty.management.progress import Progress
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import Purse, Shortfall
from saleor_loyalty.points.sweeps import expire_due
from saleor_loyalty.programs.operations import ProgramNotFound
from tests.factories import NOW, make_member, make_posting, make_program, make_user
from tests.threads import in_threads

HEADER = "email,external_id,points,earned_on,expires_on,source\n"


@pytest.fixture
def program(db):
    return make_program()


def run(program, text, *, is_applied=True, errors=None, **values):
    """Import a text, with the header before it if it has none; note errors as (line, code)."""
    if isinstance(text, str):
        text = (text if text.startswith("email") else HEADER + text).encode()
    return import_balances(
        program_id=program.pk,
        file=io.BytesIO(text),
        now=NOW,
        is_applied=is_applied,
        on_error=lambda error: None if errors is None else errors.append((error.line, error.code)),
        on_progress=lambda *_: None,
        **values,
    )


def assert_adds_up():
    """The balance is the sum of the lots and of the entries; each lot is that of its entries."""
    for balance in Balance.objects.all():
        lots = Lot.objects.filter(member=balance.member_id).aggregate(points=Sum("available"))
        assert (lots["points"] or 0) == balance.available
    for lot in Lot.objects.all():
        entries = Entry.objects.filter(lot=lot)
        given = entries.filter(target="available").aggregate(points=Sum("points"))["points"] or 0
        taken = entries.filter(source="available").aggregate(points=Sum("points"))["points"] or 0
        assert given - taken == lot.available
    assert not Entry.objects.filter(~Q(lot=None), ~Q(lot__member=F("member"))).exists()


def available():
    """What each member has, by address and external id."""
    return {
        (balance.member.email, balance.member.external_id): balance.available
        for balance in Balance.objects.select_related("member")
    }


def is_empty():
    return not (Member.objects.exists() or Entry.objects.exists() or Lot.objects.exists())


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(program):
    make_user("grace@example.com")
    known = make_member(program, user=make_user("ada@example.com"))

    report = run(
        program,
        "Ada@Example.com,,100,2025-03-01,2027-12-31,\n"
        ",C-2,20,2025-03-02,2027-01-31,\n"
        "grace@example.com,C-3,3,2025-03-03,,\n",
        is_applied=False,
    )

    assert report == ImportReport(
        rows=3,
        bad_rows=0,
        known_rows=0,
        new_rows=3,
        points=123,
        members_known=1,
        members_by_account=1,
        members_new=1,
        points_by_expiry={"2027": 120, "never": 3},
    )
    assert Member.objects.get() == known
    assert Entry.objects.count() == Lot.objects.count() == Balance.objects.count() == 0


def test_an_import_writes_member_lot_entry_and_balance_by_the_programmes_days(db):
    program = make_program(time_zone="Europe/Oslo")

    run(program, "ada@example.com,C-1,120,2025-03-01,2027-12-31,old shop\n")

    member = Member.objects.get()
    assert (member.email, member.external_id, member.joined_by) == (
        "ada@example.com",
        "C-1",
        "import",
    )
    earned_at = datetime(2025, 2, 28, 23, tzinfo=UTC)
    assert member.joined_at == earned_at
    lot = Lot.objects.get()
    assert (lot.member, lot.available, lot.pending, lot.held, lot.expired) == (member, 120, 0, 0, 0)
    assert (lot.earned_at, lot.expires_at) == (earned_at, datetime(2027, 12, 31, 23, tzinfo=UTC))
    assert (lot.notice_days, lot.inactivity_months, lot.matures_at) == (30, None, None)
    entry = Entry.objects.get()
    assert (entry.source, entry.target, entry.points, entry.lot, entry.leg) == (
        "issued",
        "available",
        120,
        lot,
        0,
    )
    assert (entry.reason, entry.details, entry.is_qualifying) == (
        "opening_balance",
        {"source": "old shop"},
        False,
    )
    assert (entry.effective_at, entry.created_at) == (earned_at, NOW)
    assert purses_of(member_ids=[member.pk]) == {member.pk: Purse(available=120)}
    assert_adds_up()


def test_the_same_file_again_changes_nothing_and_one_with_more_lines_adds_those(program):
    text = "ada@example.com,,100,2025-03-01,,\nada@example.com,,50,2025-04-01,,\n"
    run(program, text)

    again = run(program, text)
    more = run(program, f"new@example.com,,7,2025-05-01,,\n{text}")

    assert (again.new_rows, again.known_rows, again.points) == (0, 2, 0)
    assert (more.new_rows, more.known_rows, more.points) == (1, 2, 7)
    assert available() == {("ada@example.com", ""): 150, ("new@example.com", ""): 7}
    assert_adds_up()


def test_the_same_file_is_known_even_when_a_member_has_another_address_by_now(program):
    text = "ada@example.com,,100,2025-03-01,,\n"
    user = make_user("ada@example.com")
    run(program, text)
    user.email = "countess@example.com"
    user.save()

    again = run(program, text)

    assert (again.known_rows, again.members_new) == (1, 0)
    assert Member.objects.get().user == user
    assert Balance.objects.get().available == 100


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ada,,1,2025-03-01,,", "email_invalid"),
        ("a@b..c,,1,2025-03-01,,", "email_invalid"),
        (f"{'a' * 250}@example.com,,1,2025-03-01,,", "email_invalid"),
        (",,1,2025-03-01,,", "no_member"),
        (f",{'x' * 101},1,2025-03-01,,", "too_long"),
        (',"a\nb",1,2025-03-01,,', "control_character"),
        (",\x00,1,2025-03-01,,", "control_character"),
        (",C,,2025-03-01,,", "points_invalid"),
        (",C,0,2025-03-01,,", "points_invalid"),
        (",C,-5,2025-03-01,,", "points_invalid"),
        (",C,1.5,2025-03-01,,", "points_invalid"),
        (",C,1e3,2025-03-01,,", "points_invalid"),
        (",C,١٢,2025-03-01,,", "points_invalid"),
        (",C,1000000001,2025-03-01,,", "points_invalid"),
        (f",C,{'9' * 5000},2025-03-01,,", "points_invalid"),
        (",C,1,,,", "date_invalid"),
        (",C,1,2025-02-29,,", "date_invalid"),
        (",C,1,20250301,,", "date_invalid"),
        (",C,1,01.03.2025,,", "date_invalid"),
        (",C,1,0001-01-01,,", "date_invalid"),
        (",C,1,2026-06-16,,", "date_in_future"),
        (",C,1,2025-03-01,2026-06-14,", "date_past"),
        (",C,1,2025-03-01,2026-07-14,", "date_too_near"),
        (",C,1,2025-03-01,9999-12-31,", "date_invalid"),
        (",C,1,2025-03-01,soon,", "date_invalid"),
        (",C,1,2025-03-01", "wrong_number_of_values"),
        (",C,1,2025-03-01,,,extra", "wrong_number_of_values"),
    ],
)
def test_a_wrong_line_is_named_and_refuses_the_whole_file(program, line, code):
    errors = []

    with pytest.raises(ImportRefused) as refused:
        run(program, f"good@example.com,,1,2025-03-01,,\n{line}\n", errors=errors)

    assert errors == [(3, code)]
    assert refused.value.data == {"errors": 1, "rows": 2}
    assert is_empty()


def test_all_that_is_wrong_is_said_at_once_and_wrong_lines_can_be_left_out(program):
    errors = []

    report = run(
        program,
        "nobody,,x,2027-01-01,,\nada@example.com,,5,2025-03-01,,\n\n,,1,2025-03-01,,\n",
        errors=errors,
        skips_bad=True,
    )

    assert errors == [
        (2, "email_invalid"),
        (2, "points_invalid"),
        (2, "date_in_future"),
        (5, "no_member"),
    ]
    assert (report.rows, report.bad_rows, report.new_rows) == (3, 2, 1)
    assert available() == {("ada@example.com", ""): 5}


def test_an_expiry_at_exactly_the_longest_notice_and_points_earned_today_are_fine(program):
    run(program, ",C,1000000000,2026-06-15,2026-07-15,\n")

    assert Lot.objects.get().expires_at == datetime(2026, 7, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfemail,points,earned_on\nada@example.com,5,2025-03-01\n",
        b"Email;Points;Earned_on\r\nada@example.com;5;2025-03-01\r\n\r\n",
        b"earned_on\tpoints\temail\n2025-03-01\t5\t ADA@example.com ",
        b'"email","points","earned_on"\n"ada@example.com","5","2025-03-01"\n',
        b"email,points,earned_on,state\nada@example.com,5,2025-03-01,available\n",
    ],
)
def test_the_usual_forms_of_csv_are_read(program, content):
    run(program, content)

    assert available() == {("ada@example.com", ""): 5}


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (
            b"email,points,earned_on\na@example.com,5,2025-03-01\nj\xf6rg@x.de,1,2025-03-01",
            3,
            "UTF",
        ),
        ("email,points".encode("utf-16"), 1, "UTF"),
        (b"", 1, "columns"),
        (b"email,points,earned_on,colour\n", 1, "colour"),
        (b"email,points,points,earned_on\n", 1, "twice"),
        (b"email,earned_on\n", 1, "points"),
        (b"points,earned_on\n", 1, "email"),
        (b'email,points,earned_on\n"a@example.com"x,5,2025-03-01\n', 2, "CSV"),
        (b'email,points,earned_on\n\n"a@example.com,5,2025-03-01\n', 3, "CSV"),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_line(program, content, line, word):
    with pytest.raises(FileUnreadable) as refused:
        run(program, content, skips_bad=True)

    assert refused.value.data["line"] == line
    assert word in refused.value.data["problem"]
    assert is_empty()


def test_an_unknown_programme_is_refused(db):
    with pytest.raises(ProgramNotFound):
        import_balances(
            program_id=404,
            file=io.BytesIO(b""),
            now=NOW,
            on_error=lambda _: None,
            on_progress=lambda *_: None,
        )


def test_lines_that_say_the_same_are_a_mistake_unless_allowed_and_then_count_each(program):
    text = ",C,5,2025-03-01,,a\n,C,5,2025-03-01,,b\n"
    errors = []

    with pytest.raises(ImportRefused):
        run(program, text, errors=errors)
    assert errors == [(3, "line_twice")]
    assert is_empty()

    run(program, text, allows_twice=True)
    run(program, text, allows_twice=True)
    assert available() == {("", "C"): 10}
    assert Lot.objects.count() == 2


def test_only_points_that_are_available_are_brought_along(program):
    errors = []

    run(
        program,
        "email,points,earned_on,state\na@example.com,1,2025-03-01,pending\n"
        "a@example.com,2,2025-03-01,held\na@example.com,4,2025-03-01,available\n",
        errors=errors,
        skips_bad=True,
    )

    assert errors == [(2, "state_invalid"), (3, "state_invalid")]
    assert available() == {("a@example.com", ""): 4}


def test_members_are_found_by_external_id_then_account_then_address_of_an_earlier_import(program):
    by_id = make_member(program)
    by_account = make_member(program, user=make_user("ada@example.com"))
    run(program, "grace@example.com,,1,2025-01-01,,\n")
    by_address = Member.objects.get(email="grace@example.com")
    Member.objects.filter(pk=by_id.pk).update(external_id="C-1")

    report = run(
        program,
        "new.address@example.com,C-1,10,2025-03-01,,\n"
        "ada@example.com,C-2,20,2025-03-01,,\n"
        "GRACE@example.com,C-3,30,2025-03-01,,\n",
    )

    assert (report.members_known, report.members_new, report.members_by_account) == (3, 0, 0)
    purses = purses_of(member_ids=[by_id.pk, by_account.pk, by_address.pk])
    assert [purse.available for purse in purses.values()] == [10, 20, 31]
    names = Member.objects.order_by("pk").values_list("external_id", flat=True)
    assert list(names) == ["C-1", "C-2", "C-3"]


def test_who_has_an_account_becomes_a_member_by_it_whatever_its_case(program):
    user = make_user("Ada@Example.com")

    report = run(program, "ada@example.com,C-1,10,2025-03-01,,\nada@example.com,,5,2024-03-01,,\n")

    member = Member.objects.get()
    assert (member.user, member.email, member.external_id) == (user, "", "C-1")
    assert member.joined_at == datetime(2024, 3, 1, tzinfo=UTC)
    assert (report.members_by_account, Balance.objects.get().available) == (1, 15)


def test_an_account_that_is_not_active_or_not_the_only_one_gets_nothing(program):
    user = make_user("gone@example.com")
    user.is_active = False
    user.save()
    make_user("two@example.com")
    make_user("TWO@example.com")

    run(program, "gone@example.com,,1,2025-03-01,,\ntwo@example.com,,2,2025-03-01,,\n")

    assert available() == {("gone@example.com", ""): 1, ("two@example.com", ""): 2}
    assert not Member.objects.exclude(user=None).exists()


def test_points_of_a_merged_member_go_to_the_one_it_lives_on_in(program):
    run(program, ",C-1,10,2025-03-01,,\n")
    into = make_member(program)
    merge_members(
        member_id=Member.objects.get(external_id="C-1").pk, into_id=into.pk, actor="", now=NOW
    )

    run(program, ",C-1,10,2025-03-01,,\n,C-1,7,2025-04-01,,\n")

    assert Balance.objects.get(member=into).available == 17
    assert_adds_up()


def test_an_address_of_two_members_in_the_file_is_a_mistake(program):
    errors = []

    run(
        program,
        "a@example.com,C-1,1,2025-03-01,,\na@example.com,C-2,1,2025-03-01,,\n"
        "b@example.com,C-3,1,2025-03-01,,\nc@example.com,C-3,1,2025-03-02,,\n"
        "d@example.com,C-4,1,2025-03-01,,\n",
        errors=errors,
        skips_bad=True,
    )

    assert errors == [
        (2, "address_of_several"),
        (3, "address_of_several"),
        (4, "several_addresses"),
        (5, "several_addresses"),
    ]
    assert available() == {("d@example.com", "C-4"): 1}


def test_an_address_of_another_member_of_the_programme_is_a_mistake(program):
    run(program, ",C-1,1,2025-03-01,,\nada@example.com,C-2,1,2025-03-01,,\n")
    make_member(program, user=make_user("grace@example.com"))
    errors = []

    with pytest.raises(ImportRefused):
        run(
            program,
            "grace@example.com,C-1,1,2025-04-01,,\nada@example.com,C-9,1,2025-04-01,,\n",
            errors=errors,
        )

    assert errors == [(2, "address_of_another"), (3, "external_id_of_another")]
    assert Entry.objects.count() == 2


def test_an_imported_member_that_joined_anew_before_being_claimed_is_no_mistake(program):
    run(program, "ada@example.com,C-1,1,2025-03-01,,\n")
    imported = Member.objects.get()
    make_member(program, user=make_user("ada@example.com"))

    run(program, "ada@example.com,C-1,2,2025-04-01,,\n")

    assert Balance.objects.get(member=imported).available == 3


def test_other_programmes_do_not_mix(program):
    other = make_program(channel_ids=[8])
    run(program, "ada@example.com,C-1,1,2025-03-01,,\n")

    run(other, "ada@example.com,C-1,1,2025-03-01,,\n")

    assert list(Entry.objects.order_by("id").values_list("program", "points")) == [
        (program.pk, 1),
        (other.pk, 1),
    ]
    assert Member.objects.count() == 2


def test_a_debt_is_repaid_first(program):
    member = make_member(program, user=make_user())
    post(
        postings=[make_posting(member, -100, key="debt", shortfall=Shortfall.DEBT)],
        now=NOW,
    )
    text = "ada@example.com,,70,2025-03-01,,old\nada@example.com,,50,2025-04-01,,old\n"

    run(program, text)
    again = run(program, text)

    assert again.known_rows == 2
    assert purses_of(member_ids=[member.pk]) == {member.pk: Purse(available=20)}
    reasons = Entry.objects.order_by("id").values_list("reason", "points")
    assert list(reasons) == [
        ("adjustment", 100),
        ("opening_balance", 70),
        ("debt_repaid", 70),
        ("opening_balance", 50),
        ("debt_repaid", 30),
    ]
    assert_adds_up()


def test_without_a_date_the_policy_says_when_points_expire_and_in_time_to_be_told(db):
    program = make_program(policy={"expiry": "after_earning", "expiry_months": 24})

    report = run(
        program,
        ",C,1,2025-12-01,,\n,C,2,2020-01-01,,\n,C,4,2020-01-01,never,\n,C,8,2020-01-01,2030-01-01,\n",
    )

    lots = Lot.objects.order_by("available").values_list("expires_at", flat=True)
    assert list(lots) == [
        datetime(2027, 12, 2, tzinfo=UTC),
        datetime(2026, 7, 16, tzinfo=UTC),
        None,
        datetime(2030, 1, 2, tzinfo=UTC),
    ]
    assert report.points_by_expiry == {"2026": 2, "2027": 1, "2030": 8, "never": 4}


def test_where_points_expire_by_inactivity_an_import_is_a_sign_of_life(db):
    program = make_program(policy={"expiry": "after_activity", "expiry_months": 12})
    debtor = make_member(program, user=make_user())
    idle = make_member(program, user=make_user("grace@example.com"))
    long_ago = NOW - timedelta(days=300)
    postings = [
        make_posting(debtor, -3, key="debt", shortfall=Shortfall.DEBT),
        make_posting(idle, 1, is_activity=True, effective_at=long_ago),
    ]
    post(postings=postings, now=NOW)

    report = run(
        program,
        ",C,10,2019-01-01,,\nada@example.com,,10,2019-01-01,,\ngrace@example.com,,10,2019-01-01,,\n",
    )

    assert report.points_by_expiry == {"by inactivity": 30}
    imported = Lot.objects.filter(earned_at__year=2019)
    assert list(imported.values_list("inactivity_months", "expires_at")) == [(12, None)] * 3
    assert set(Balance.objects.values_list("last_activity_at", flat=True)) == {NOW}
    assert expire_due(now=NOW + timedelta(days=300)) == 0


def test_many_lots_of_many_members_add_up_over_the_edges_of_chunks(program, monkeypatch):
    monkeypatch.setattr(import_staging, "WRITE_CHUNK", 7)
    monkeypatch.setattr(import_staging, "LOCK_CHUNK", 3)
    members = [make_member(program, user=make_user(f"u{n}@example.com")) for n in range(8)]
    in_debt = members[3]
    post(postings=[make_posting(in_debt, -900, key="x", shortfall=Shortfall.DEBT)], now=NOW)
    day = date(2025, 1, 1)
    text = "".join(
        f"u{n % 12}@example.com,,{n + 1},{day + timedelta(days=n % 5)},,\n" for n in range(100)
    )

    report = run(program, text)

    assert (report.new_rows, report.points, report.members_new) == (100, 5050, 4)
    owed = 900 - sum(n + 1 for n in range(100) if n % 12 == 3)
    assert purses_of(member_ids=[in_debt.pk])[in_debt.pk] == Purse(debt=owed)
    everybody = Balance.objects.aggregate(points=Sum("available"))["points"]
    assert everybody == 5050 - (900 - owed)
    assert_adds_up()


@pytest.mark.django_db(transaction=True)
def test_the_same_file_at_the_same_instant_is_written_once():
    program = make_program()
    text = "".join(f"u{n}@example.com,C-{n},10,2025-03-01,,\n" for n in range(50))

    results = in_threads(4, lambda _: run(program, text))

    assert sorted(report.new_rows for report in results) == [0, 0, 0, 50]
    assert Balance.objects.aggregate(points=Sum("available"))["points"] == 500
    assert_adds_up()


@pytest.mark.django_db(transaction=True)
def test_members_who_get_and_spend_points_meanwhile_lose_none():
    program = make_program()
    members = [make_member(program, user=make_user(f"u{n}@example.com")) for n in range(10)]
    text = "".join(f"u{n % 10}@example.com,,{n + 1},2025-03-01,,\n" for n in range(100))

    def work(number):
        if number == 0:
            return run(program, text)
        for member in members:
            post(postings=[make_posting(member, 5, key=f"give-{number}-{member.pk}")], now=NOW)
            post(postings=[make_posting(member, -2, key=f"take-{number}-{member.pk}")], now=NOW)
        return None

    results = in_threads(5, work)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert Balance.objects.aggregate(points=Sum("available"))["points"] == 5050 + 10 * 4 * 3
    assert_adds_up()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "balances.csv"
    path.write_text(
        HEADER + "'=ada@example.com,'=1+1,5,2025-03-01,,\n,C,6,2025-03-01,2030-01-01,\n"
    )
    return path


def test_the_command_checks_and_with_apply_writes(program, file, capsys):
    call_command("loyalty_import", file, program=program.pk)
    dry = capsys.readouterr()
    assert is_empty()

    call_command("loyalty_import", file, program=program.pk, apply=True)
    told = capsys.readouterr()

    assert available() == {("=ada@example.com", "=1+1"): 5, ("", "C"): 6}
    assert "Nothing was written. Add --apply to write." in dry.out
    assert "2 are new" in dry.out
    assert "2 were written" in told.out
    assert "6 2030" in told.out
    assert "writing: 100 %" in told.err


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def write(self, msg, style_func=None, ending=None):
        return super().write(msg + (ending or ""))


def test_on_a_terminal_a_bar_grows_and_ends_with_its_stage():
    terminal = Terminal()
    progress = Progress(terminal)

    progress("writing", 0, 200)
    progress("writing", 1, 200)  # too soon to be shown
    progress("writing", 200, 200)

    assert terminal.getvalue() == (
        f"\r\x1b[K[{'.' * 30}]   0 % writing\r\x1b[K[{'#' * 30}] 100 % writing\n"
    )


def test_the_command_lists_wrong_lines_and_fails(program, tmp_path, capsys):
    path, errors = tmp_path / "bad.csv", tmp_path / "errors.csv"
    path.write_text(HEADER + ",C,0,2025-03-01,,\n" * 25)

    with pytest.raises(CommandError, match="25 of 25 lines are wrong. Nothing was written"):
        call_command("loyalty_import", path, program=program.pk, apply=True, errors=errors)
    with pytest.raises(CommandError, match="25 of 25 lines are wrong. Nothing was written"):
        call_command("loyalty_import", path, program=program.pk)

    lines = errors.read_text().splitlines()
    assert (len(lines), lines[0]) == (26, "line,column,code,problem")
    assert lines[1] == (
        "2,points,points_invalid,\"must be a whole number from 1 to 1000000000, not '0'\""
    )
    told = capsys.readouterr().err
    assert "line 21: points must be" in told
    assert "line 22" not in told
    assert "... and more" in told
    assert is_empty()


def test_the_command_says_what_it_cannot_do(program, file, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)
    with pytest.raises(CommandError, match="must be a file, not a pipe"):
        call_command("loyalty_import", pipe, program=program.pk)
    os.close(writer)
    with pytest.raises(CommandError, match="There is no programme 404"):
        call_command("loyalty_import", file, program=404)
    with pytest.raises(CommandError, match="No such file"):
        call_command("loyalty_import", tmp_path / "none.csv", program=program.pk)
    with pytest.raises(CommandError, match="must be another file"):
        call_command("loyalty_import", file, program=program.pk, errors=file)
    file.write_text("nonsense\n")
    with pytest.raises(CommandError, match="Line 1 has the unknown column 'nonsense'"):
        call_command("loyalty_import", file, program=program.pk)

    assert is_empty()
