"""Statements of a month, and the year in review."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.send_statements import send_statements
from saleor_loyalty.mailings.operations import change_kind
from saleor_loyalty.mailings.rules import KindTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture, GiveBack
from saleor_loyalty.points.rules import LotTerms, Reason, Shortfall
from saleor_loyalty.points.sweeps import expire_due
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from tests.factories import NOW, START, make_member, make_posting, make_program, make_user

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ZONE = "Pacific/Auckland"
KINDS = (EmailKind.STATEMENT_MONTHLY, EmailKind.STATEMENT_YEARLY)


@pytest.fixture
def program(db):
    return sending(make_program(time_zone=ZONE))


@pytest.fixture
def ada(program):
    return member_of(program)


def sending(program, *kinds, **terms):
    for kind in kinds or KINDS:
        change_kind(
            program_id=program.pk, kind=kind, terms=KindTerms(**{"is_on": True, **terms}), now=START
        )
    return program


def member_of(program, email="ada@example.com"):
    member = make_member(program, user=make_user(email))
    Member.objects.filter(pk=member.pk).update(joined_at=at(2026, 1, 5))
    return Member.objects.get(pk=member.pk)


def at(*parts, zone=ZONE):
    return datetime(*parts, tzinfo=ZoneInfo(zone))


def give(member, points, *, on, **values):
    key = f"give:{member.pk}:{on}:{points}"
    post(postings=[make_posting(member, points, key=key, **values)], now=on)


def spend(member, points, *, on, back=0):
    common = {"program_id": member.program_id, "member_id": member.pk, "effective_at": on}
    hold = f"hold:{on}"
    wishes = [
        Authorize(**common, key=hold, reason=Reason.HELD, points=points),
        Capture(**common, key=f"{hold}:c", reason=Reason.SPENT, hold_key=hold),
    ]
    if back:
        wishes.append(
            GiveBack(**common, key=f"{hold}:b", reason=Reason.RETURNED, hold_key=hold, points=back)
        )
    for wish in wishes:
        post(postings=[wish], now=on)


def bought(member, *placed_at, **values):
    for moment in placed_at:
        defaults = {"outcome": "earned", "currency": "USD", "earned_points": 100}
        SettledOrder.objects.create(
            order_id=f"{member.pk}-{SettledOrder.objects.count()}",
            program=member.program,
            member=member,
            order_placed_at=moment,
            settled_at=moment,
            **{**defaults, **values},
        )


def told():
    names = ("orders", "points_earned", "points_spent", "points_expired")
    rows = EmailMessage.objects.order_by("id").values_list("facts", flat=True)
    return [(facts["period"], *(facts[name] for name in names)) for facts in rows]


def test_a_month_is_summed_up_to_the_last_instant_of_the_programmes_zone(ada):
    give(ada, 1, on=at(2026, 5, 1) - timedelta(seconds=1))
    give(ada, 20, on=at(2026, 5, 1))
    give(ada, 300, on=at(2026, 6, 1) - timedelta(seconds=1))
    give(ada, 4000, on=at(2026, 6, 1))
    bought(ada, at(2026, 4, 30, 23), at(2026, 5, 1), at(2026, 5, 31, 23, 59), at(2026, 6, 1))
    bought(ada, at(2026, 5, 9), outcome="cancelled")
    bought(ada, at(2026, 5, 9), returned_points=100)
    spend(ada, 50, on=at(2026, 5, 31, 23), back=20)

    assert send_statements(now=at(2026, 6, 1, 5)) == 1

    (mail,) = EmailMessage.objects.all()
    assert (mail.kind, mail.key) == ("statement_monthly", f"statement:{ada.pk}:2026-05")
    assert told() == [("2026-05", 2, 320, 30, 0)]
    assert mail.facts["points_balance"] == 4291
    assert mail.facts["joined_on"] == "2026-01-05"
    assert (mail.due_at, mail.expires_at) == (at(2026, 6, 1, 9), at(2026, 6, 15, 9))


def test_points_that_went_back_or_expired_are_told(ada):
    give(ada, 100, on=at(2026, 5, 2), order_id="o1")
    give(ada, -30, on=at(2026, 5, 3), order_id="o1", reason=Reason.ORDER_REFUNDED)
    expires_at = at(2026, 5, 20)
    give(ada, 40, on=at(2026, 5, 4), lot=LotTerms(expires_at=expires_at))
    expire_due(now=expires_at)

    send_statements(now=at(2026, 6, 1, 5))

    assert told() == [("2026-05", 0, 110, 0, 40)]


def test_what_was_moved_in_or_forgiven_was_not_earned(ada):
    give(ada, 500, on=at(2026, 5, 2), reason=Reason.OPENING_BALANCE)
    give(ada, -600, on=at(2026, 5, 3), shortfall=Shortfall.FORGIVE)
    spent_on = at(2026, 5, 4)
    give(ada, 70, on=spent_on)
    spend(ada, 10, on=spent_on)

    send_statements(now=at(2026, 6, 1, 5))

    assert told() == [("2026-05", 0, 0, 10, 0)]


def test_a_month_in_which_nothing_happened_is_not_told(ada):
    give(ada, 100, on=at(2026, 4, 30))
    give(ada, 100, on=at(2026, 6, 1))
    bought(ada, at(2026, 6, 1))

    assert send_statements(now=at(2026, 6, 1, 5)) == 0
    assert EmailMessage.objects.count() == 0


@pytest.mark.parametrize(
    ("now", "count"),
    [
        (at(2026, 5, 31, 23, 59), 0),
        (at(2026, 6, 1), 1),
        (at(2026, 6, 5, 23, 59), 1),
        (at(2026, 6, 6), 0),
    ],
)
def test_it_is_written_on_the_first_five_days(ada, now, count):
    give(ada, 100, on=at(2026, 5, 2))

    assert send_statements(now=now) == count


def test_runs_of_every_hour_of_a_year_write_each_statement_once(ada):
    for month in (3, 4, 12):
        give(ada, month, on=at(2026, month, 10))
    now = at(2026, 3, 30).astimezone(UTC)
    while now < at(2027, 2, 10):
        send_statements(now=now)
        now += 7 * HOUR

    assert [row[:1] + row[2:3] for row in told()] == [
        ("2026-03", 3),
        ("2026-04", 4),
        ("2026-12", 12),
        ("2026", 19),
    ]


@pytest.mark.parametrize(
    ("now", "count"),
    [
        (at(2026, 12, 31, 23, 59), 0),
        (at(2027, 1, 1), 1),
        (at(2027, 1, 15, 23, 59), 1),
        (at(2027, 1, 16), 0),
        (at(2027, 2, 1), 0),
    ],
)
def test_the_year_is_told_in_the_first_half_of_january(program, ada, now, count):
    sending(program, EmailKind.STATEMENT_MONTHLY, is_on=False)
    bought(ada, at(2026, 2, 2), at(2026, 12, 31, 23), at(2025, 12, 31, 23))

    assert send_statements(now=now) == count
    assert told() == [("2026", 2, 0, 0, 0)] * count


def test_a_year_that_brought_nothing_is_not_told(program, ada):
    sending(program, EmailKind.STATEMENT_MONTHLY, is_on=False)
    give(ada, 100, on=at(2025, 12, 30))
    spend(ada, 100, on=at(2026, 3, 3))

    assert send_statements(now=at(2027, 1, 2)) == 0


def test_what_a_merged_member_had_counts_for_the_other(program, ada):
    ben = member_of(program, "ben@example.com")
    give(ada, 100, on=at(2026, 5, 2))
    give(ben, 30, on=at(2026, 5, 3))
    spend(ben, 5, on=at(2026, 5, 4))
    bought(ben, at(2026, 5, 3))
    merge_members(member_id=ben.pk, into_id=ada.pk, actor="", now=at(2026, 5, 10))

    send_statements(now=at(2026, 6, 1))

    assert told() == [("2026-05", 1, 130, 5, 0)]
    assert EmailMessage.objects.get().member_id == ada.pk


def test_what_only_a_merged_member_had_is_told_to_the_other(program, ada):
    ben = member_of(program, "ben@example.com")
    give(ben, 30, on=at(2026, 5, 3))
    merge_members(member_id=ben.pk, into_id=ada.pk, actor="", now=at(2026, 6, 1))

    send_statements(now=at(2026, 6, 2))

    assert told() == [("2026-05", 0, 30, 0, 0)]


def test_a_month_with_a_change_of_clocks_in_another_zone(db):
    zone = "America/Los_Angeles"
    program = sending(make_program(time_zone=zone))
    ada = member_of(program)
    give(ada, 1, on=datetime(2026, 11, 1, 6, 59, tzinfo=UTC))
    give(ada, 20, on=datetime(2026, 11, 1, 7, 0, tzinfo=UTC))  # midnight, summer time
    give(ada, 300, on=datetime(2026, 12, 1, 7, 59, tzinfo=UTC))
    give(ada, 4000, on=datetime(2026, 12, 1, 8, 0, tzinfo=UTC))  # midnight, winter time

    send_statements(now=at(2026, 12, 1, 18, 23, zone=zone))

    assert told() == [("2026-11", 0, 320, 0, 0)]
    assert EmailMessage.objects.get().due_at == at(2026, 12, 2, 9, zone=zone)


def test_nothing_is_written_for_what_is_off_or_for_who_is_gone(program, ada):
    gone = member_of(program, "gone@example.com")
    give(gone, 100, on=at(2026, 12, 2))
    Member.objects.filter(pk=gone.pk).update(user=None)
    give(ada, 100, on=at(2026, 12, 2))
    sending(program, EmailKind.STATEMENT_YEARLY, is_on=False)
    assert send_statements(now=at(2027, 1, 1)) == 1

    update_program(program_id=program.pk, changes=ProgramChanges(is_active=False), now=NOW)
    sending(program)
    assert send_statements(now=at(2027, 1, 1)) == 0
    assert [row[0] for row in told()] == ["2026-12"]


def test_thirty_members_take_as_many_queries_as_one(program):
    counts = []
    for number in range(30):
        give(member_of(program, f"{number}@x.org"), 5, on=at(2026, 5, 2))
        if number in (0, 29):
            with CaptureQueriesContext(connection) as queries:
                send_statements(now=at(2026, 6, 1))
            counts.append(len(queries))

    assert len(told()) == 30
    assert counts[0] == counts[1]
