"""Notices of points that will expire: the first one, and the last chance."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows import warn_of_expiry as flow
from saleor_loyalty.flows.forget_accounts import forget_accounts
from saleor_loyalty.flows.mail_freshness import refresh_notices
from saleor_loyalty.flows.warn_of_expiry import warn_of_expiry
from saleor_loyalty.mailings.models import MemberPreferences
from saleor_loyalty.mailings.operations import change_kind
from saleor_loyalty.mailings.rules import KindTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.expiring import ends_of
from saleor_loyalty.points.models import Balance, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.rules import LotTerms, lapses_at
from saleor_loyalty.programs.calendar import end_of_day, local_date
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from tests.factories import NOW, make_member, make_posting, make_program, make_user

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST, LAST = EmailKind.POINTS_EXPIRING, EmailKind.POINTS_EXPIRING_LAST
ZONE = "Pacific/Auckland"
TODAY = date(2026, 6, 16)  # there, at NOW


@pytest.fixture
def program(db):
    return make_program(time_zone=ZONE)


@pytest.fixture
def ada(program):
    return make_member(program, user=make_user())


def give(member, points, *, last_on, now=NOW, **terms):
    """Points that can be used until the end of a local day."""
    zone = member.program.time_zone
    lot = LotTerms(expires_at=end_of_day(last_on, time_zone=zone), **terms)
    key = f"give:{member.pk}:{last_on}:{points}:{Lot.objects.count()}"
    post(postings=[make_posting(member, points, key=key, lot=lot)], now=now)


def mails(kind=None):
    rows = EmailMessage.objects.order_by("id")
    return list(rows.filter(kind=kind.value) if kind else rows)


def set_kind(program, kind, **terms):
    terms = KindTerms(**{"is_on": True, **terms})
    change_kind(program_id=program.pk, kind=kind, terms=terms, now=NOW)


def told(member):
    row = MemberPreferences.objects.get(member=member)
    return row.told_until, row.told_last_until


def run(*, since, until, every=HOUR):
    """Run again and again, as the beat does."""
    while since < until:
        warn_of_expiry(now=since)
        since += every


def test_a_first_notice_tells_what_expires_when_and_comes_at_its_hour(ada):
    give(ada, 100, last_on=TODAY + 30 * DAY)
    give(ada, 40, last_on=TODAY + 30 * DAY)
    give(ada, 7, last_on=TODAY + 45 * DAY)
    give(ada, 1, last_on=TODAY + 46 * DAY)

    assert warn_of_expiry(now=NOW) == 1

    (mail,) = mails()
    assert (mail.kind, mail.key) == (FIRST.value, f"points_expiring:{ada.pk}:2026-06-16")
    assert mail.facts["points_expiring"] == 147
    assert (mail.facts["expires_on"], mail.facts["days_left"]) == ("2026-07-16", 30)
    assert mail.facts["expiring"] == [
        {"on": "2026-07-16", "points": 140},
        {"on": "2026-07-31", "points": 7},
    ]
    assert mail.facts["points_balance"] == 148
    assert mail.due_at == datetime(2026, 6, 16, 9, tzinfo=ZoneInfo(ZONE))
    assert mail.expires_at == datetime(2026, 7, 17, tzinfo=ZoneInfo(ZONE))
    assert told(ada) == (TODAY + 45 * DAY, None)


@pytest.mark.parametrize(("days", "count"), [(0, 1), (30, 1), (31, 0), (-1, 0)])
def test_the_days_before_are_inclusive(program, ada, days, count):
    set_kind(program, LAST, is_on=False)
    give(ada, 100, last_on=TODAY + days * DAY)

    assert warn_of_expiry(now=NOW) == count
    assert MemberPreferences.objects.count() == count


def test_points_that_end_today_are_told_of_until_the_day_is_over(ada):
    give(ada, 100, last_on=TODAY)
    midnight = datetime(2026, 6, 17, tzinfo=ZoneInfo(ZONE))

    assert warn_of_expiry(now=midnight) == 0
    assert warn_of_expiry(now=midnight - timedelta(seconds=1)) == 1
    (mail,) = mails()
    assert (mail.due_at, mail.expires_at) == (midnight - timedelta(seconds=1), midnight)
    assert (mail.kind, mail.facts["days_left"]) == (LAST.value, 0)


def test_runs_of_months_tell_each_of_two_lots_once_first_and_once_last(ada):
    give(ada, 100, last_on=TODAY + 40 * DAY)
    give(ada, 50, last_on=TODAY + 70 * DAY)

    run(since=NOW, until=NOW + 75 * DAY, every=6 * HOUR)

    found = [(one.kind, one.facts["points_expiring"], one.facts["days_left"]) for one in mails()]
    assert found == [
        (FIRST.value, 100, 30),
        (LAST.value, 100, 7),
        (FIRST.value, 50, 30),
        (LAST.value, 50, 7),
    ]
    assert {one.due_at.astimezone(ZoneInfo(ZONE)).hour for one in mails()} == {9}


def test_who_has_points_of_every_day_is_not_written_to_every_day(ada):
    for number in range(60):
        give(ada, 10, last_on=TODAY + number * DAY)

    for number in range(60):
        warn_of_expiry(now=NOW + number * DAY)

    firsts, lasts = mails(FIRST), mails(LAST)
    assert (len(firsts), len(lasts)) == (2, 14)
    assert sum(one.facts["points_expiring"] for one in lasts) == 600
    assert len({local_date(one.created_at, time_zone=ZONE) for one in mails()}) == 16
    assert all(len(one.facts["expiring"]) <= 6 for one in mails())


def test_who_gets_the_last_chance_directly_gets_no_first_notice_of_the_same_points(ada):
    give(ada, 100, last_on=TODAY + 7 * DAY)

    run(since=NOW, until=NOW + 9 * DAY)

    assert [one.kind for one in mails()] == [LAST.value]
    assert told(ada) == (TODAY + 7 * DAY, TODAY + 7 * DAY)


def test_a_first_notice_waits_for_the_day_after_a_last_one(ada):
    give(ada, 100, last_on=TODAY + 5 * DAY)
    give(ada, 50, last_on=TODAY + 20 * DAY)

    run(since=NOW, until=NOW + 2 * DAY)

    assert [(one.kind, local_date(one.due_at, time_zone=ZONE)) for one in mails()] == [
        (LAST.value, TODAY),
        (FIRST.value, TODAY + DAY),
    ]
    assert mails(FIRST)[0].facts["points_expiring"] == 50


def test_after_three_days_of_nothing_the_notice_comes_at_once(ada):
    give(ada, 100, last_on=TODAY + 32 * DAY)
    warn_of_expiry(now=NOW)
    later = datetime(2026, 6, 21, 14, 20, tzinfo=ZoneInfo(ZONE))

    assert warn_of_expiry(now=later) == 1

    (mail,) = mails()
    assert (mail.due_at, mail.facts["days_left"]) == (later, 27)


def test_the_kind_says_how_many_days_before_else_the_policy(program, ada):
    give(ada, 100, last_on=TODAY + 60 * DAY)
    warn_of_expiry(now=NOW)
    assert mails() == []

    changes = ProgramChanges(policy={"notice_days": [60, 7]})
    update_program(program_id=program.pk, changes=changes, now=NOW - DAY)
    warn_of_expiry(now=NOW - DAY)
    assert mails() == []
    assert warn_of_expiry(now=NOW) == 1

    set_kind(program, LAST, days_before=60)
    assert warn_of_expiry(now=NOW) == 1
    assert [one.kind for one in mails()] == [FIRST.value, LAST.value]


def test_a_policy_without_notice_means_thirty_days(program, ada):
    changes = ProgramChanges(policy={"notice_days": []})
    update_program(program_id=program.pk, changes=changes, now=NOW)
    give(ada, 100, last_on=TODAY + 30 * DAY)

    assert warn_of_expiry(now=NOW) == 1


def test_nothing_is_written_for_kinds_and_programmes_that_are_off(program, ada):
    give(ada, 100, last_on=TODAY + 5 * DAY)
    set_kind(program, FIRST, is_on=False)
    set_kind(program, LAST, is_on=False)
    assert warn_of_expiry(now=NOW) == 0

    set_kind(program, LAST)
    update_program(program_id=program.pk, changes=ProgramChanges(is_active=False), now=NOW)
    assert warn_of_expiry(now=NOW) == 0

    assert EmailMessage.objects.count() == MemberPreferences.objects.count() == 0


def test_merged_and_deleted_members_and_points_for_ever_are_left_alone(program, ada):
    gone, merged = make_member(program), make_member(program, user=make_user("b@example.com"))
    for member in (gone, merged):
        give(member, 100, last_on=TODAY + 5 * DAY)
    Member.objects.filter(pk=merged.pk).update(merged_into=ada)
    post(postings=[make_posting(ada, 100, key="for-ever")], now=NOW)

    assert warn_of_expiry(now=NOW) == 0


def test_pending_and_held_points_are_not_told_of(ada):
    give(ada, 100, last_on=TODAY + 5 * DAY, is_pending=True, matures_at=NOW + DAY)

    assert warn_of_expiry(now=NOW) == 0


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Europe/Zagreb"])
@pytest.mark.parametrize("earned_at", [NOW, datetime(2026, 3, 1, 9, 30, tzinfo=UTC)])
@pytest.mark.parametrize("active_at", [None, datetime(2026, 4, 30, 23, 30, tzinfo=UTC)])
@pytest.mark.parametrize("notice_days", [0, 200])
def test_points_that_wait_for_activity_end_when_the_sweep_takes_them(
    db, zone, earned_at, active_at, notice_days
):
    member = make_member(make_program(time_zone=zone), user=make_user())
    lot = LotTerms(inactivity_months=6, notice_days=notice_days)
    post(postings=[make_posting(member, 100, lot=lot, effective_at=earned_at)], now=NOW)
    Balance.objects.filter(member=member).update(last_activity_at=active_at)
    lapses = lapses_at(
        last_activity_at=active_at,
        earned_at=earned_at,
        usable_at=None,
        months=6,
        notice_days=notice_days,
        time_zone=zone,
    )
    last_on = local_date(lapses - timedelta(microseconds=1), time_zone=zone)

    far = date(2030, 1, 1)
    assert ends_of(member_ids=[member.pk], until=far, now=NOW) == {member.pk: {last_on: 100}}
    assert ends_of(member_ids=[member.pk], until=last_on - DAY, now=NOW) == {}
    assert ends_of(member_ids=[member.pk], until=far, now=lapses) == {}


def test_activity_moves_the_notice(ada):
    lot = LotTerms(inactivity_months=6)
    post(postings=[make_posting(ada, 100, lot=lot)], now=NOW)
    noticed_at = datetime(2026, 11, 16, 5, tzinfo=ZoneInfo(ZONE))
    Balance.objects.update(last_activity_at=NOW + 3 * DAY)

    assert warn_of_expiry(now=noticed_at) == 0
    assert warn_of_expiry(now=noticed_at + 3 * DAY) == 1
    assert mails()[0].facts["expires_on"] == "2026-12-19"


def test_days_are_counted_across_a_change_of_clocks(program):
    zone = "America/Los_Angeles"
    ada = make_member(make_program(name="West", channel_ids=[8], time_zone=zone), user=make_user())
    give(ada, 100, last_on=date(2026, 11, 3), now=NOW)  # clocks go back on 1 November
    late = datetime(2026, 10, 26, 23, 59, tzinfo=ZoneInfo(zone))
    set_kind(ada.program, FIRST, is_on=False)

    assert warn_of_expiry(now=late) == 0
    assert warn_of_expiry(now=late + timedelta(minutes=1)) == 1

    (mail,) = mails()
    assert mail.due_at == datetime(2026, 10, 27, 9, tzinfo=ZoneInfo(zone))
    assert mail.expires_at == datetime(2026, 11, 4, 8, tzinfo=UTC)
    assert mail.facts["days_left"] == 7


def test_a_second_mail_of_the_same_day_is_not_written_even_if_it_was_forgotten(ada):
    give(ada, 100, last_on=TODAY + 5 * DAY)
    warn_of_expiry(now=NOW)
    MemberPreferences.objects.all().delete()
    forget_accounts(now=NOW)

    warn_of_expiry(now=NOW)

    assert len(mails()) == 1


def test_what_is_wrong_with_one_member_or_programme_stops_no_other(
    program, ada, caplog, monkeypatch
):
    other = make_program(name="Other", channel_ids=[8])
    members = [make_member(other, user=make_user(f"{number}@example.com")) for number in range(5)]
    for member in (ada, *members):
        give(member, 100, last_on=TODAY + 5 * DAY)
    email = flow._email

    def broken(kind, member, *args, **values):
        if member == members[2]:
            raise ValueError
        return email(kind, member, *args, **values)

    monkeypatch.setattr(flow, "_email", broken)
    assert warn_of_expiry(now=NOW) == 5
    assert f"of {members[2].pk} could not be written" in caplog.text
    assert not MemberPreferences.objects.filter(member=members[2]).exists()

    monkeypatch.undo()
    plan = flow._plan

    def broken_plan(one, *args, **values):
        if one == program:
            raise ValueError
        return plan(one, *args, **values)

    monkeypatch.setattr(flow, "_plan", broken_plan)
    assert warn_of_expiry(now=NOW) == 1
    assert f"of programme {program.pk} failed" in caplog.text


def test_thirty_members_take_as_many_queries_as_one(program, ada):
    counts = []
    for number in range(30):
        give(make_member(program, user=make_user(f"{number}@x.org")), 5, last_on=TODAY + 5 * DAY)
        if number in (0, 29):
            with CaptureQueriesContext(connection) as queries:
                warn_of_expiry(now=NOW)
            counts.append(len(queries))

    assert len(mails()) == 30
    assert counts[0] == counts[1]


def test_points_that_come_after_a_notice_and_end_before_what_it_told_are_told_of(ada):
    give(ada, 100, last_on=TODAY + 20 * DAY)
    give(ada, 100, last_on=TODAY + 40 * DAY)
    warn_of_expiry(now=NOW)
    give(ada, 5000, last_on=TODAY + 25 * DAY)
    Lot.objects.filter(available=5000).update(earned_at=NOW + DAY)

    found = [warn_of_expiry(now=NOW + days * DAY) for days in (1, 6, 8, 9)]

    assert found == [0, 0, 1, 0]
    assert mails()[-1].facts["points_expiring"] == 5200


def test_a_notice_tells_what_is_left_when_it_leaves(ada):
    give(ada, 500, last_on=TODAY + 10 * DAY)
    give(ada, 1, last_on=TODAY + 20 * DAY)
    warn_of_expiry(now=NOW)
    message = EmailMessage.objects.get()
    spend = make_posting(ada, -450, key="spend")
    post(postings=[spend], now=NOW)

    with CaptureQueriesContext(connection):
        changed = refresh_notices([message], owners={message.pk: ada}, now=NOW + 2 * DAY)

    assert changed == [message]
    assert message.facts["points_expiring"] == 51
    assert message.facts["days_left"] == 8
    assert [one["points"] for one in message.facts["expiring"]] == [50, 1]
