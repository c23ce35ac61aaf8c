import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from saleor_loyalty.points import verification
from saleor_loyalty.points.models import Balance, Entry, Hold, LedgerDrift, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture, GiveBack
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import LedgerDrifted, Purse, Reason, Shortfall
from saleor_loyalty.points.verification import Drift, find_drift, repair, verify
from tests.factories import NOW, make_member, make_posting, make_program
from tests.threads import in_threads


@pytest.fixture
def member(db):
    """120 points in two lots, 30 of them held, 10 spent."""
    member = make_member()
    post(
        postings=[
            make_posting(member, 100, key="first"),
            make_posting(member, 20, key="second"),
            hold(member, 40),
            on_hold(Capture, member, 10),
        ],
        now=NOW,
    )
    return member


def hold(member, points):
    return Authorize(**common(member), key="checkout", points=points)


def on_hold(kind, member, points, key="part"):
    return kind(**common(member), key=key, hold_key="checkout", points=points)


def common(member):
    return {
        "program_id": member.program_id,
        "member_id": member.pk,
        "reason": Reason.ADJUSTMENT,
        "effective_at": NOW,
    }


def purse(member):
    return purses_of(member_ids=[member.pk])[member.pk]


def tamper(sql, *values):
    """Run SQL past the ledger's guards, as somebody with the keys of the database could."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def tamper_entry(member, source, target, points, *, lot=None, hold=None):
    Entry.objects.create(
        program_id=member.program_id,
        member=member,
        idempotency_key=f"tampered {source} {target}",
        leg=0,
        fingerprint="",
        source=source,
        target=target,
        points=points,
        lot=lot,
        hold=hold,
        reason="adjustment",
        effective_at=NOW,
        created_at=NOW,
    )


def command(*arguments):
    """Run the command; return its exit code and what it printed."""
    out = StringIO()
    try:
        call_command("loyalty_verify", *arguments, stdout=out, stderr=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def rows():
    return [
        (row.what, row.is_value, row.should_be, row.repaired_at is not None)
        for row in LedgerDrift.objects.order_by("what", "id")
    ]


def test_a_ledger_that_was_only_posted_to_is_clean(member):
    post(postings=[make_posting(member, -200, key="debt", shortfall=Shortfall.DEBT)], now=NOW)

    assert find_drift() == []
    assert verify(now=NOW) == []
    assert command() == (0, "Clean: every balance, lot and hold is what the entries say.\n")
    assert LedgerDrift.objects.count() == 0


@pytest.mark.parametrize("bucket", ["pending", "available", "held", "debt"])
def test_a_balance_that_is_not_the_sum_of_its_entries_is_found(member, bucket):
    Balance.objects.update(available=0)
    true = {"pending": 0, "available": 80, "held": 30, "debt": 0}

    Balance.objects.update(**{bucket: 7})

    expected = {("balance.available", 0, 80), (f"balance.{bucket}", 7, true[bucket])}
    if bucket == "available":
        expected = {("balance.available", 7, 80)}
    assert {(one.what, one.is_value, one.should_be) for one in find_drift()} == expected


@pytest.mark.parametrize("bucket", ["pending", "available", "held", "expired"])
def test_a_lot_that_is_not_the_sum_of_its_entries_is_found(member, bucket):
    lot = Lot.objects.first()
    true = {"pending": 0, "available": 60, "held": 30, "expired": 0}

    Lot.objects.filter(pk=lot.pk).update(**{bucket: 7})

    assert find_drift() == [
        Drift(
            member_id=member.pk, what=f"lot {lot.pk}.{bucket}", is_value=7, should_be=true[bucket]
        )
    ]


@pytest.mark.parametrize(
    ("column", "is_value", "should_be"),
    [("points", 41, 40), ("held", 29, 30), ("captured", 9, 10), ("returned", 1, 0)],
)
def test_a_hold_that_is_not_the_sum_of_its_entries_is_found(member, column, is_value, should_be):
    Hold.objects.update(**{column: is_value})

    [drift] = find_drift()

    assert drift.what == f"hold {Hold.objects.get().pk}.{column}"
    assert (drift.is_value, drift.should_be) == (is_value, should_be)


def test_a_drift_stops_postings_until_it_is_repaired(member):
    Balance.objects.update(available=99)
    with pytest.raises(LedgerDrifted):
        post(postings=[make_posting(member, -1, key="take")], now=NOW)

    left = repair(drifts=verify(now=NOW), now=NOW)
    post(postings=[make_posting(member, -1, key="take")], now=NOW)

    assert left == find_drift() == []
    assert purse(member) == Purse(available=79, held=30)


def test_repair_writes_every_cache_anew_and_no_entry(member):
    entries = Entry.objects.count()
    Balance.objects.update(available=1, held=2, pending=3)
    Lot.objects.update(available=4, held=5, expired=6)
    Hold.objects.update(held=7, captured=8, returned=6)

    repair(drifts=find_drift(), now=NOW)

    assert Entry.objects.count() == entries
    assert purse(member) == Purse(available=80, held=30)
    assert sorted(Lot.objects.values_list("available", "held", "expired")) == [
        (20, 0, 0),
        (60, 30, 0),
    ]
    assert Hold.objects.values_list("held", "captured", "returned").get() == (30, 10, 0)


def test_a_balance_that_is_gone_is_written_again(member):
    Balance.objects.all().delete()

    assert repair(drifts=find_drift(), now=NOW) == []

    assert purse(member) == Purse(available=80, held=30)


def test_an_award_that_was_deleted_is_corrected_by_an_entry(member):
    tamper("DELETE FROM saleor_loyalty_entry WHERE idempotency_key = 'first'")

    left = repair(drifts=find_drift(), now=NOW)

    correction = Entry.objects.get(reason="correction")
    assert (correction.source, correction.target, correction.points) == ("issued", "available", 40)
    assert left == []
    assert purse(member) == Purse(available=20, held=30)


def test_repairing_twice_corrects_once(member):
    tamper("DELETE FROM saleor_loyalty_entry WHERE idempotency_key = 'first'")
    drifts = find_drift()

    repair(drifts=drifts, now=NOW)
    repair(drifts=drifts, now=NOW)

    assert Entry.objects.filter(reason="correction").count() == 1


def test_a_hold_that_spent_and_returned_too_much_is_corrected(member):
    lot, used = Lot.objects.first(), Hold.objects.get()
    tamper_entry(member, "held", "spent", 50, lot=lot, hold=used)
    tamper_entry(member, "spent", "available", 70, lot=lot, hold=used)

    left = repair(drifts=find_drift(), now=NOW)
    post(postings=[hold_again(member)], now=NOW)

    assert left == find_drift() == []
    assert purse(member) == Purse(available=149, held=1)


def hold_again(member):
    return Authorize(**common(member), key="again", points=1)


def test_a_hold_goes_on_after_its_repair(member):
    tamper("DELETE FROM saleor_loyalty_entry WHERE idempotency_key = 'part'")
    repair(drifts=find_drift(), now=NOW)

    post(postings=[on_hold(Capture, member, 40, key="all")], now=NOW)
    post(postings=[on_hold(GiveBack, member, 15, key="undo")], now=NOW)

    assert purse(member) == Purse(available=95)
    assert find_drift() == []


def test_points_in_no_lot_get_one_and_debt_beside_points_is_repaid(member):
    tamper_entry(member, "issued", "available", 25)
    tamper_entry(member, "debt", "revoked", 50)
    found = {(one.what, one.is_value, one.should_be) for one in find_drift()}

    left = repair(drifts=find_drift(), now=NOW)
    post(postings=[make_posting(member, -1, key="take")], now=NOW)

    assert ("available outside lots", 25, 0) in found
    assert ("available beside debt", 50, 0) in found
    assert left == find_drift() == []
    assert purse(member) == Purse(available=54, held=30)


def test_held_points_of_no_hold_are_released(member):
    lot = Lot.objects.first()
    tamper_entry(member, "available", "held", 9, lot=lot)

    left = repair(drifts=find_drift(), now=NOW)

    assert left == []
    assert purse(member) == Purse(available=80, held=30)


def test_what_is_owed_is_never_below_zero(member):
    tamper_entry(member, "issued", "debt", 9)

    assert repair(drifts=find_drift(), now=NOW) == []

    assert purse(member) == Purse(available=80, held=30, debt=0)


def test_many_members_are_repaired_some_at_a_time(db, monkeypatch):
    monkeypatch.setattr(verification, "MEMBERS_AT_ONCE", 2)
    program = make_program()
    members = [make_member(program) for _ in range(5)]
    post(postings=[make_posting(one, 5, key=f"give-{one.pk}") for one in members], now=NOW)
    Balance.objects.update(available=1)
    Lot.objects.update(available=2)

    left = repair(drifts=find_drift(), now=NOW)

    assert left == find_drift() == []
    assert {purse(one).available for one in members} == {5}


def test_findings_are_kept_once_and_closed_when_they_are_gone(member):
    Balance.objects.update(available=99)

    verify(now=NOW)
    verify(now=NOW)
    found = rows()
    repair(drifts=verify(now=NOW), now=NOW)

    assert found == [("balance.available", 99, 80, False)]
    assert rows() == [("balance.available", 99, 80, True)]


def test_a_finding_that_somebody_put_right_is_closed_by_the_next_verify(member):
    Balance.objects.update(available=99)
    verify(now=NOW)
    Balance.objects.update(available=80)

    assert verify(now=NOW) == []

    assert rows() == [("balance.available", 99, 80, True)]


def test_a_drift_is_an_error_in_the_log(member, caplog):
    Balance.objects.update(available=99)

    verify(now=NOW)

    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert f"member {member.pk}: balance.available is 99, should be 80" in record.getMessage()


def test_the_command_prints_what_drifts_and_exits_with_1(member):
    Balance.objects.update(available=99)

    code, printed = command()

    assert code == 1
    assert printed.splitlines() == [
        f"{'member':>6}  {'what':17}  is  should be",
        f"{member.pk:>6}  balance.available  99         80",
        "1 numbers drift; --repair writes them anew.",
    ]
    assert purse(member).available == 99


def test_the_command_repairs_when_asked(member):
    Balance.objects.update(available=99)

    code, printed = command("--repair")

    assert (code, printed.splitlines()[-1]) == (0, "1 numbers repaired.")
    assert purse(member).available == 80
    assert command()[0] == 0


def test_one_programme_is_verified_alone(member):
    other = make_member(make_program(channel_ids=[8]))
    post(postings=[make_posting(other, 5)], now=NOW)
    Balance.objects.update(pending=1)

    code, printed = command("--program", str(other.program_id))

    assert code == 1
    assert [line.split()[0] for line in printed.splitlines()[1:-1]] == [str(other.pk)]


def test_a_programme_that_is_not_there_is_refused_and_nothing_is_written(member):
    Balance.objects.update(available=99)

    with pytest.raises(CommandError, match="There is no programme 77"):
        command("--program", "77", "--repair")

    assert purse(member).available == 99
    assert LedgerDrift.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_postings_at_the_same_time_are_no_drift():
    member = make_member()
    post(postings=[make_posting(member, 1, key="give")], now=NOW)

    def work(number):
        if number % 2:
            return [find_drift() for _ in range(20)]
        for turn in range(20):
            post(postings=[make_posting(member, 1, key=f"{number}-{turn}")], now=NOW)
        return [[]]

    results = in_threads(8, work)

    assert [found for result in results for found in result if found] == []
