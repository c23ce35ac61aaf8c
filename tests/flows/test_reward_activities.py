from datetime import UTC, date, datetime, timedelta

import pytest

from saleor_loyalty.earning.models import EarningGrant
from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.join_program import join_program
from saleor_loyalty.flows.reward_activities import (
    ActivityInvalid,
    report_activity,
    reward_late_sign_ups,
)
from saleor_loyalty.flows.reward_days import reward_birthdays
from saleor_loyalty.flows.settle_orders import settle
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.writing import IdempotencyConflict
from tests.factories import CHANNEL, NOW, START, make_member, make_order, make_program, make_user
from tests.threads import in_threads


@pytest.fixture
def program(db):
    return make_program(time_zone="Europe/Oslo")


def add(program, *, now=START, **values):
    definition = RuleDefinition.from_json({"action": "fixed_points", "points": 25, **values})
    return create_rule(program_id=program.pk, name="Bonus", definition=definition, now=now)


def review(member, key="1", **values):
    defaults = {"name": "review", "happened_at": NOW, "now": NOW}
    return report_activity(member_id=member.pk, key=key, **{**defaults, **values})


def test_an_activity_is_rewarded_with_an_explanation_and_its_own_dates(program):
    rule = add(program, trigger="activity", activity="review", expiry_days=30, maturing_days=2)
    member = make_member(program)

    assert review(member) == 25

    entry, lot = Entry.objects.get(), Lot.objects.get()
    assert (entry.reason, entry.is_qualifying) == ("activity_earned", True)
    assert entry.details["rules"][0]["rule"] == rule.pk
    assert (lot.pending, lot.matures_at) == (25, NOW + timedelta(days=2))
    assert lot.expires_at == datetime(2026, 7, 15, 22, tzinfo=UTC)


def test_rules_for_other_activities_and_other_times_give_nothing(program):
    add(program, trigger="activity", activity="survey")
    add(program, now=NOW + timedelta(days=1), trigger="activity", activity="review")
    sunday = {"kind": "weekday", "values": ["sunday"], "exclude": False}
    add(program, trigger="activity", activity="review", conditions=[sunday])
    member = make_member(program)

    assert review(member) == 0
    assert Entry.objects.count() == EarningGrant.objects.count() == 0


def test_a_budget_and_a_cooldown_hold_for_activities_too(program):
    add(program, trigger="activity", activity="review", cooldown_days=7, budget_points=40)
    first, second = make_member(program), make_member(program)

    given = [review(first, "1"), review(first, "2"), review(second, "3"), review(second, "4")]

    assert given == [25, 0, 15, 0]


def test_one_key_for_two_members_is_a_conflict(program):
    add(program, trigger="activity", activity="review")
    review(make_member(program))

    with pytest.raises(IdempotencyConflict):
        review(make_member(program))

    assert Entry.objects.count() == EarningGrant.objects.count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"key": ""},
        {"key": "x" * 101},
        {"name": ""},
        {"name": "x" * 61},
        {"happened_at": NOW + timedelta(hours=1)},
        {"happened_at": NOW.replace(tzinfo=None)},
    ],
)
def test_bad_reports_are_refused_and_write_nothing(program, values):
    add(program, trigger="activity", activity="review")

    with pytest.raises(ActivityInvalid):
        review(make_member(program), **values)

    assert Entry.objects.count() == 0


def test_an_unknown_member_is_refused(db):
    with pytest.raises(MemberNotFound):
        report_activity(member_id=404, name="review", key="1", happened_at=NOW, now=NOW)


def born(program, on, **values):
    member = make_member(program, user=make_user(f"{on}-{Member.objects.count()}@example.com"))
    Member.objects.filter(pk=member.pk).update(born_on=on, joined_at=START, **values)
    return member


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_a_birthday_is_a_day_of_the_programmes_zone(program):
    add(program, trigger="birthday")
    born(program, date(1990, 6, 16))

    assert reward_birthdays(now=at(2026, 6, 15, 21, 59)) == 0
    assert reward_birthdays(now=at(2026, 6, 15, 22, 0)) == 1
    assert reward_birthdays(now=at(2026, 6, 16, 12, 0)) == 0


def test_who_was_born_on_29_february_has_a_birthday_every_year(program):
    add(program, trigger="birthday")
    born(program, date(1996, 2, 29))

    assert reward_birthdays(now=at(2027, 2, 28, 12)) == 1
    assert reward_birthdays(now=at(2028, 2, 28, 12)) == 0
    assert reward_birthdays(now=at(2028, 2, 29, 12)) == 1


def test_birthdays_of_days_on_which_nothing_ran_are_made_up_for(program):
    add(program, trigger="birthday")
    born(program, date(1990, 6, 10))
    born(program, date(1990, 6, 5))

    assert reward_birthdays(now=at(2026, 6, 15, 12)) == 1


def test_who_deleted_the_account_has_no_birthday_any_more(program):
    add(program, trigger="birthday")
    member = born(program, date(1990, 6, 15), user=None)

    assert reward_birthdays(now=at(2026, 6, 15, 12)) == 0
    assert Member.objects.get(pk=member.pk).born_on is None


def test_signing_up_is_rewarded_by_the_rule_of_that_time_only(program):
    early = make_member(program, user=make_user("early@example.com"))
    Member.objects.update(joined_at=NOW - timedelta(days=3))
    add(program, now=NOW - timedelta(days=1), trigger="sign_up")
    settle(facts=[make_order(user_id=make_user().pk)], now=NOW)

    looked_at = [reward_late_sign_ups(now=NOW + timedelta(hours=1)) for _ in range(2)]

    assert looked_at == [1, 0]
    assert EarningGrant.objects.get().member_id != early.pk


def test_an_imported_member_did_not_sign_up(program):
    add(program, trigger="sign_up")
    user = make_user()
    member = make_member(program, user=user)
    Member.objects.filter(pk=member.pk).update(joined_by="import")

    join_program(user_id=user.pk, channel_id=CHANNEL, now=NOW)

    assert reward_late_sign_ups(now=NOW) == 0
    assert Entry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_joining_and_settling_the_same_customers_do_not_deadlock():
    program = make_program()
    add(program, trigger="sign_up", cap_times=1, budget_points=10_000)
    users = [make_user(f"{number}@example.com") for number in range(6)]

    def work(number):
        user = users[number // 2]
        if number % 2:
            join_program(user_id=user.pk, channel_id=CHANNEL, now=NOW)
        else:
            settle(facts=[make_order(f"o{number}", user_id=user.pk)], now=NOW)

    results = in_threads(12, work)
    reward_late_sign_ups(now=NOW)

    assert results == [None] * 12
    assert set(Balance.objects.values_list("available", flat=True)) == {1025}
