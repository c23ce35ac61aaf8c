"""Birthdays and members' own days: what rules give for them, and the greetings."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import claim_emails
from saleor_loyalty.emails.rules import EmailKind, EmailStatus
from saleor_loyalty.flows.greet_members import greet_members
from saleor_loyalty.flows.keep_rewards import issue_redemptions
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.reward_days import reward_birthdays, reward_personal_days
from saleor_loyalty.mailings.models import PersonalDay
from saleor_loyalty.mailings.operations import DayInput, change_kind, set_personal_days
from saleor_loyalty.mailings.rules import DayKind, KindTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Entry
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.rewards.models import Redemption, RewardTranslation
from tests.factories import NOW, START, make_member, make_program, make_user
from tests.rewards.desk import issue
from tests.rewards.shelf import make_reward

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ZONE = "Pacific/Auckland"
KINDS = (EmailKind.BIRTHDAY, EmailKind.PERSONAL_DAY)


@pytest.fixture
def program(db):
    return sending(make_program(time_zone=ZONE))


@pytest.fixture
def ada(program):
    return member_of(program)


def sending(program, **terms):
    for kind in KINDS:
        terms = {"is_on": True, **terms}
        change_kind(program_id=program.pk, kind=kind, terms=KindTerms(**terms), now=START)
    return program


def member_of(program, *, email="ada@example.com", born_on=None, joined_at=START):
    member = make_member(program, user=make_user(email))
    member.born_on, member.joined_at = born_on, joined_at
    member.save()
    return member


def tell(member, *days, now=START):
    """Days as the member tells them: (name, month, day)."""
    inputs = [
        DayInput(kind=DayKind.ANNIVERSARY, name=name, month=month, day=day)
        for name, month, day in days
    ]
    return set_personal_days(member_id=member.pk, days=inputs, now=now)


def at(*parts, zone=ZONE):
    return datetime(*parts, tzinfo=ZoneInfo(zone))


def add(program, **values):
    definition = RuleDefinition.from_json({"action": "fixed_points", "points": 25, **values})
    return create_rule(program_id=program.pk, name="Bonus", definition=definition, now=START)


def run_hourly(*, since, until):
    """Run every hour, as the beat does."""
    since = since.astimezone(UTC)
    while since < until:
        reward_birthdays(now=since)
        reward_personal_days(now=since)
        greet_members(now=since)
        since += HOUR


def keys():
    return list(EmailMessage.objects.order_by("id").values_list("key", flat=True))


def test_a_birthday_is_greeted_once_a_year_at_its_hour_of_the_programmes_zone(program):
    ada = member_of(program, born_on=date(1990, 6, 15))

    run_hourly(since=at(2026, 6, 14, 18, 17), until=at(2026, 6, 17, 2))

    mail = EmailMessage.objects.get()
    assert (mail.kind, mail.key) == ("birthday", f"birthday:{ada.pk}:2026")
    assert mail.due_at == at(2026, 6, 15, 9)
    assert mail.created_at == at(2026, 6, 15, 8, 17)
    assert mail.expires_at == at(2026, 6, 17)
    run_hourly(since=at(2027, 6, 14, 22), until=at(2027, 6, 16, 2))
    assert keys() == [f"birthday:{ada.pk}:2026", f"birthday:{ada.pk}:2027"]


def test_a_day_is_greeted_by_its_name_and_two_of_one_day_are_two(program, ada):
    tell(ada, ("Our wedding", 6, 15), ("Mia's birthday", 6, 15), ("Later", 6, 16))

    run_hourly(since=at(2026, 6, 15), until=at(2026, 6, 15, 23))

    names = set(EmailMessage.objects.values_list("key", "facts__day_name"))
    assert names == {
        (f"personal_day:{ada.pk}:2:2026", "Mia's birthday"),
        (f"personal_day:{ada.pk}:3:2026", "Our wedding"),
    }


@pytest.mark.parametrize(
    ("year", "day", "zone"),
    [
        (2027, 28, "Pacific/Auckland"),
        (2027, 28, "America/Los_Angeles"),
        (2028, 29, "Pacific/Auckland"),
        (2028, 29, "America/Los_Angeles"),
        (2100, 28, "Europe/Oslo"),
    ],
)
def test_29_february_is_the_28th_in_other_years(db, zone, year, day):
    program = sending(make_program(time_zone=zone))
    ada = member_of(program, born_on=date(1996, 2, 29))
    tell(ada, ("Leap day", 2, 29))

    run_hourly(since=at(year, 2, 27, 22, zone=zone), until=at(year, 3, 1, 2, zone=zone))

    assert set(EmailMessage.objects.values_list("due_at", flat=True)) == {
        at(year, 2, day, 9, zone=zone)
    }
    assert len(keys()) == 2


def test_an_hour_that_the_clocks_skip_is_no_hole(db):
    zone = "America/Los_Angeles"
    program = sending(make_program(time_zone=zone), send_hour=2)
    member_of(program, born_on=date(1990, 3, 8))  # clocks go forward at 2 on 8 March

    run_hourly(since=at(2026, 3, 8, zone=zone), until=at(2026, 3, 9, zone=zone))

    assert EmailMessage.objects.get().due_at == datetime(2026, 3, 8, 10, tzinfo=UTC)


def test_a_day_later_it_comes_at_once_and_then_no_more(program):
    member_of(program, born_on=date(1990, 6, 15))
    late = at(2026, 6, 16, 23, 30)

    assert greet_members(now=at(2026, 6, 17)) == 0
    assert greet_members(now=late) == 1

    mail = EmailMessage.objects.get()
    assert (mail.due_at, mail.expires_at) == (late, at(2026, 6, 17))
    assert claim_emails(limit=5, now=at(2026, 6, 17)) == []
    assert EmailMessage.objects.get().status == EmailStatus.EXPIRED.value


def test_after_an_outage_of_three_days_yesterday_is_greeted_and_before_is_over(program):
    for day in (12, 13, 14, 15):
        member_of(program, email=f"{day}@example.com", born_on=date(1990, 6, day))

    assert greet_members(now=at(2026, 6, 15, 10)) == 2
    assert greet_members(now=at(2026, 6, 15, 11)) == 0

    days = Member.objects.filter(
        pk__in=EmailMessage.objects.values_list("member_id", flat=True)
    ).values_list("born_on__day", flat=True)
    assert set(days) == {14, 15}


def test_who_joined_or_told_the_day_on_the_day_itself_waits_a_year(program):
    the_day = at(2026, 6, 15)
    member_of(program, email="a@x.org", born_on=date(1990, 6, 15), joined_at=the_day)
    told = member_of(program, email="b@x.org")
    tell(told, ("Late", 6, 15), now=the_day)
    early = member_of(program, email="c@x.org", born_on=date(1990, 6, 15), joined_at=the_day - HOUR)
    tell(early, ("In time", 6, 15), now=the_day - HOUR)

    greet_members(now=at(2026, 6, 15, 9))

    assert keys() == [f"birthday:{early.pk}:2026", f"personal_day:{early.pk}:1:2026"]


def test_merged_members_and_deleted_accounts_are_not_greeted(program, ada):
    gone = member_of(program, email="gone@x.org", born_on=date(1990, 6, 15))
    tell(gone, ("A day", 6, 15))
    gone.user = None
    gone.save()
    merged = member_of(program, email="merged@x.org", born_on=date(1990, 6, 15))
    tell(merged, ("Our wedding", 6, 15))
    merge_members(member_id=merged.pk, into_id=ada.pk, actor="", now=NOW - DAY)

    run_hourly(since=at(2026, 6, 15), until=at(2026, 6, 16))

    assert keys() == [f"birthday:{ada.pk}:2026", f"personal_day:{ada.pk}:1:2026"]


def test_nothing_is_written_for_what_is_off(program, ada):
    member_of(program, email="b@x.org", born_on=date(1990, 6, 15))
    tell(ada, ("Our wedding", 6, 15))
    off = KindTerms(is_on=False)
    change_kind(program_id=program.pk, kind=EmailKind.BIRTHDAY, terms=off, now=NOW)
    greet_members(now=at(2026, 6, 15, 9))
    assert keys() == [f"personal_day:{ada.pk}:1:2026"]

    update_program(program_id=program.pk, changes=ProgramChanges(is_active=False), now=NOW)
    assert greet_members(now=at(2027, 6, 15, 9)) == 0


def test_a_greeting_tells_the_points_and_the_reward_that_the_day_brought(program):
    ada = member_of(program, born_on=date(1990, 6, 15))
    add(program, trigger="birthday")
    add(program, trigger="birthday", points=50)
    add(program, trigger="personal_day", points=1000)
    reward = make_reward(program, name="Ten off", valid_days=10)
    RewardTranslation.objects.create(reward=reward, language_code="nb", name="Ti av")
    add(program, trigger="birthday", action="give_reward", points=0, reward_id=reward.pk)
    run_hourly(since=at(2026, 6, 15, 0, 17), until=at(2026, 6, 15, 1))
    issue_redemptions(issue=issue, now=at(2026, 6, 15, 1))

    run_hourly(since=at(2026, 6, 15, 1, 17), until=at(2026, 6, 15, 12))

    facts = EmailMessage.objects.get(kind="birthday").facts
    assert (facts["gift_points"], facts["points_balance"]) == (75, 75)
    assert facts["reward_name"] == {"": "Ten off", "nb": "Ti av"}
    assert facts["reward_code"] == f"CODE-{Redemption.objects.get().pk}"
    assert facts["reward_until"] == "2026-06-25"
    assert Entry.objects.filter(member=ada).count() == 2


def test_a_greeting_without_a_present_says_nothing_of_one(program):
    member_of(program, born_on=date(1990, 6, 15))

    greet_members(now=at(2026, 6, 15, 9))

    assert {"gift_points", "reward_name"} & set(EmailMessage.objects.get().facts) == set()


def test_personal_days_are_rewarded_once_a_year_and_place(program, ada):
    add(program, trigger="personal_day")
    tell(ada, ("Our wedding", 6, 15), now=at(2026, 6, 1, 23, 59))

    run_hourly(since=at(2026, 6, 14, 22), until=at(2026, 6, 16, 2))
    run_hourly(since=at(2026, 6, 22), until=at(2026, 6, 22, 3))
    tell(ada, ("Our divorce", 8, 20), now=at(2026, 6, 23))
    run_hourly(since=at(2026, 8, 20), until=at(2026, 8, 20, 12))

    entry = Entry.objects.get()
    assert entry.idempotency_key.startswith(f"personal_day:{ada.pk}:1:2026:")
    assert (entry.points, entry.reason) == (25, "activity_earned")
    assert entry.effective_at == at(2026, 6, 15)
    gifts = list(EmailMessage.objects.order_by("id").values_list("key", "facts__gift_points"))
    assert gifts == [(f"personal_day:{ada.pk}:1:2026", 25)]


def test_a_day_counts_that_was_told_two_weeks_before(program, ada):
    add(program, trigger="personal_day")
    tell(ada, ("Told late", 6, 15), now=at(2026, 6, 2))

    assert reward_personal_days(now=at(2026, 6, 15, 12)) == 0
    assert reward_personal_days(now=at(2027, 6, 15, 12)) == 1
    assert Entry.objects.count() == 1


def test_personal_days_of_a_week_of_nothing_are_rewarded_after_it(program, ada):
    add(program, trigger="personal_day")
    tell(ada, ("Six days ago", 6, 9), ("Seven days ago", 6, 8), ("Tomorrow", 6, 16))

    assert reward_personal_days(now=at(2026, 6, 15, 12)) == 1
    assert Entry.objects.get().effective_at == at(2026, 6, 9, 12)


def test_days_of_merged_and_deleted_members_are_not_rewarded(program, ada):
    add(program, trigger="personal_day")
    tell(ada, ("Our wedding", 6, 15))
    Member.objects.filter(pk=ada.pk).update(user=None)

    assert reward_personal_days(now=at(2026, 6, 15, 12)) == 0


def test_one_programme_that_fails_stops_no_other(program, ada, caplog, monkeypatch):
    other = sending(make_program(name="Other", channel_ids=[8], time_zone=ZONE))
    add(other, trigger="personal_day")
    add(program, trigger="personal_day")
    ben = member_of(other, email="ben@x.org")
    for member in (ada, ben):
        tell(member, ("A day", 6, 15))
    from saleor_loyalty.flows import greet_members as greetings
    from saleor_loyalty.flows import reward_days

    def fails_for_first(work):
        def wrapped(one, *args, **values):
            if one == program:
                raise ValueError
            return work(one, *args, **values)

        return wrapped

    monkeypatch.setattr(
        reward_days, "_reward_days_on", fails_for_first(reward_days._reward_days_on)
    )
    monkeypatch.setattr(greetings, "_greet", fails_for_first(greetings._greet))

    assert reward_personal_days(now=at(2026, 6, 15, 12)) == 1
    assert greet_members(now=at(2026, 6, 15, 12)) == 1
    assert EmailMessage.objects.get().member_id == ben.pk
    assert f"programme {program.pk}" in caplog.text


def test_thirty_members_take_as_many_queries_as_one(program):
    reward = make_reward(program)
    add(program, trigger="birthday")
    add(program, trigger="birthday", action="give_reward", points=0, reward_id=reward.pk)
    counts = []
    for number in range(30):
        member = member_of(program, email=f"{number}@x.org", born_on=date(1990, 6, 15))
        tell(member, ("A day", 6, 15))
        if number in (0, 29):
            reward_birthdays(now=at(2026, 6, 15, 8))
            with CaptureQueriesContext(connection) as queries:
                greet_members(now=at(2026, 6, 15, 9))
            counts.append(len(queries))

    assert (
        EmailMessage.objects.exclude(kind="reward_issued").count(),
        PersonalDay.objects.count(),
    ) == (60, 30)
    assert counts[0] == counts[1]


def test_who_was_merged_has_no_second_birthday(program):
    add(program, trigger="birthday")
    ada = member_of(program, born_on=date(1990, 6, 16))
    into = member_of(program, email="b@example.com", born_on=date(1990, 6, 16))
    Member.objects.filter(pk=into.pk).update(born_on=None)
    reward_birthdays(now=NOW)
    greet_members(now=NOW + 12 * HOUR)
    merge_members(member_id=ada.pk, into_id=into.pk, actor="", now=NOW + 13 * HOUR)

    reward_birthdays(now=NOW + 14 * HOUR)
    greet_members(now=NOW + 14 * HOUR)

    assert EmailMessage.objects.filter(kind="birthday").count() == 1
    assert Entry.objects.filter(reason="activity_earned").count() == 1


def test_who_was_merged_has_no_day_twice(program):
    add(program, trigger="personal_day")
    ada, into = member_of(program), member_of(program, email="b@example.com")
    tell(into, ("Other", 1, 1))
    tell(ada, ("Wedding", 6, 16))
    reward_personal_days(now=NOW)
    greet_members(now=NOW + 12 * HOUR)
    merge_members(member_id=ada.pk, into_id=into.pk, actor="", now=NOW + 13 * HOUR)

    reward_personal_days(now=NOW + 14 * HOUR)
    greet_members(now=NOW + 14 * HOUR)

    assert EmailMessage.objects.filter(kind="personal_day").count() == 1
    assert Entry.objects.filter(reason="activity_earned").count() == 1
