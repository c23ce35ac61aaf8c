"""Giving vouchers once a period, and issuing their codes whatever is wrong with some of them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError

from saleor_loyalty.flows.grant_benefits import IssueReport, grant_due_benefits, issue_benefits
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.models import ProgramChannel
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import BenefitGrant, TierStanding
from tests.factories import NOW, make_member, make_program, make_user
from tests.tiers.ladders import make_tier

SHIPPING = Benefit(key="shipping", kind=BenefitKind.FREE_SHIPPING, uses=1, period=Period.MONTH)


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def gold(program):
    return make_tier(program, "Gold", 5000, benefits=[SHIPPING])


def put_into(tier, count):
    members = []
    for number in range(count):
        user = make_user(f"member{number}-{tier.pk}@example.com")
        members.append(make_member(tier.program, user=user))
        TierStanding.objects.create(
            member=members[-1],
            program_id=tier.program_id,
            tier=tier,
            since=NOW,
            is_published=True,
        )
    return members


def issue(grants):
    return {grant.pk: f"CODE-{grant.pk}" for grant in grants}


def codes() -> list[str]:
    return list(BenefitGrant.objects.values_list("code", flat=True))


def test_members_get_a_voucher_once_a_period(gold):
    put_into(gold, 2)

    assert [grant_due_benefits(now=NOW) for _ in range(2)] == [2, 0]
    assert grant_due_benefits(now=NOW + timedelta(days=20)) == 2

    starts = BenefitGrant.objects.values_list("period_start", flat=True)
    assert list(starts) == [date(2026, 6, 1)] * 2 + [date(2026, 7, 1)] * 2
    last = BenefitGrant.objects.last()
    assert (last.valid_from, last.valid_until) == (
        datetime(2026, 7, 1, tzinfo=UTC),
        datetime(2026, 8, 1, tzinfo=UTC),
    )


def test_whose_account_was_deleted_gets_no_more_and_who_has_none_yet_does(gold):
    deleted, unclaimed = put_into(gold, 2)
    deleted.user.delete()
    unclaimed.user.delete()
    unclaimed.user = None
    unclaimed.email = "imported@example.com"
    unclaimed.save()

    assert grant_due_benefits(now=NOW) == 1

    assert BenefitGrant.objects.get().member == unclaimed


def test_codes_are_issued_a_few_at_a_time_and_each_once(gold):
    put_into(gold, 3)
    grant_due_benefits(now=NOW)
    first, second, third = BenefitGrant.objects.values_list("pk", flat=True)

    report = issue_benefits(issue=issue, now=NOW, limit=2)
    assert report == IssueReport(issued=2, waiting=0, last_id=second)
    report = issue_benefits(issue=issue, now=NOW, after_id=second, limit=2)
    assert report == IssueReport(issued=1, waiting=0, last_id=third)
    assert issue_benefits(issue=issue, now=NOW) == IssueReport()

    assert codes() == [f"CODE-{pk}" for pk in (first, second, third)]
    assert BenefitGrant.objects.first().issued_at == NOW


def test_what_the_shop_leaves_out_waits(gold):
    put_into(gold, 2)
    grant_due_benefits(now=NOW)
    first, second = BenefitGrant.objects.values_list("pk", flat=True)

    report = issue_benefits(issue=lambda grants: {second: "CODE"}, now=NOW)

    assert report == IssueReport(issued=1, waiting=1, last_id=second)
    assert BenefitGrant.objects.get(pk=first).issued_at is None
    assert codes() == ["", "CODE"]


def test_one_that_fails_does_not_fail_the_others(gold, caplog):
    put_into(gold, 5)
    grant_due_benefits(now=NOW)
    bad = BenefitGrant.objects.all()[3].pk

    def fail_for_one(grants):
        if bad in {grant.pk for grant in grants}:
            raise ValueError("unreadable")
        return issue(grants)

    report = issue_benefits(issue=fail_for_one, now=NOW)

    assert (report.issued, report.waiting) == (4, 1)
    assert codes().count("") == 1
    assert f"Benefit {bad} could not be issued" in caplog.text


def test_trouble_with_the_database_is_nobodys_fault(gold):
    put_into(gold, 2)
    grant_due_benefits(now=NOW)
    calls = []

    def gone(grants):
        calls.append(len(grants))
        raise OperationalError("server closed the connection")

    with pytest.raises(OperationalError):
        issue_benefits(issue=gone, now=NOW)

    assert calls == [2]
    assert codes() == ["", ""]


def test_what_cannot_be_used_is_not_looked_at(program, gold):
    put_into(gold, 1)
    grant_due_benefits(now=NOW)

    later = NOW + timedelta(days=60)
    assert issue_benefits(issue=issue, now=later) == IssueReport()
    ProgramChannel.objects.update(valid_until=NOW)
    assert issue_benefits(issue=issue, now=NOW) == IssueReport()
    ProgramChannel.objects.update(valid_until=None)
    program.is_active = False
    program.save()
    assert issue_benefits(issue=issue, now=NOW) == IssueReport()

    assert codes() == [""]


def test_whoever_is_merged_into_a_member_is_to_be_published_anew(program, gold):
    (into,) = put_into(gold, 1)
    member = make_member(program, user=make_user("other@example.com"))

    merge_members(member_id=member.pk, into_id=into.pk, actor="user:5", now=NOW)

    assert TierStanding.objects.filter(member=into, is_published=True).count() == 0


def test_of_what_two_merged_members_got_codes_stay_and_no_more_are_made(program, gold):
    members = put_into(gold, 2)
    grant_due_benefits(now=NOW)
    issue_benefits(issue=issue, now=NOW)
    grant_due_benefits(now=NOW + timedelta(days=20))
    before = codes()

    merge_members(member_id=members[0].pk, into_id=members[1].pk, actor="user:1", now=NOW)

    rows = BenefitGrant.objects.values_list("member", "period_start", "number", "code")
    june, july = date(2026, 6, 1), date(2026, 7, 1)
    assert sorted(rows) == [
        (members[1].pk, june, 1, before[1]),
        (members[1].pk, june, 2, before[0]),
        (members[1].pk, july, 1, ""),
    ]
