"""What is true no more is not told."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import send_again
from saleor_loyalty.emails.rules import Drop, EmailKind, Go, Why
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.nudge_members import nudge_members
from saleor_loyalty.flows.warn_of_expiry import warn_of_expiry
from saleor_loyalty.mailings.operations import change_kind
from saleor_loyalty.mailings.rules import KindTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.rules import LotTerms
from saleor_loyalty.programs.calendar import end_of_day
from saleor_loyalty.tiers.models import TierStanding
from tests.factories import NOW, START, make_member, make_posting, make_program, make_user
from tests.flows.test_mail_approval import choose, decide, mail
from tests.flows.test_nudges import bought
from tests.tiers.ladders import make_ladder

DAY = timedelta(days=1)
OVERTAKEN = Drop(why=Why.OVERTAKEN)
ZONE = "Pacific/Auckland"
MORNING = datetime(2026, 6, 16, 0, 0, tzinfo=UTC)  # noon there


@pytest.fixture
def program(db):
    program = make_program(time_zone=ZONE)
    for kind in (EmailKind.WIN_BACK, EmailKind.SECOND_PURCHASE):
        change_kind(program_id=program.pk, kind=kind, terms=KindTerms(is_on=True), now=START)
    return program


@pytest.fixture
def ada(program):
    member = make_member(program, user=make_user())
    choose(member, accepts_marketing=True)
    return member


def give(member, points, *, days, key="lot"):
    lot = LotTerms(expires_at=end_of_day(date(2026, 6, 16) + days * DAY, time_zone=ZONE))
    post(postings=[make_posting(member, points, key=key, lot=lot)], now=NOW)


def spend(member, points):
    post(postings=[make_posting(member, -points, key="spent")], now=NOW)


@pytest.mark.parametrize("days_ago", [(30,), (65, 50)])
def test_who_ordered_since_is_not_missed(ada, days_ago):
    bought(ada, *days_ago)
    nudge_members(now=NOW)
    bought(ada, 0, outcome="unpaid")

    assert decide(now=MORNING) == [OVERTAKEN]
    row = EmailMessage.objects.get()
    assert (row.status, row.why, row.sent_at) == ("suppressed", "overtaken", None)


@pytest.mark.parametrize("outcome", [None, "cancelled"])
def test_who_did_not_is(ada, outcome):
    bought(ada, 30)
    nudge_members(now=NOW)
    if outcome:
        bought(ada, 0, outcome=outcome)

    assert isinstance(decide(now=MORNING)[0], Go)


def test_an_order_of_who_was_merged_counts_too(program, ada):
    ben = make_member(program, user=make_user("ben@example.com"))
    bought(ada, 30)
    nudge_members(now=NOW)
    bought(ben, 2)
    merge_members(member_id=ada.pk, into_id=ben.pk, actor="", now=NOW)

    assert decide(now=MORNING) == [OVERTAKEN]


@pytest.mark.parametrize("days", [5, 20])
def test_points_that_were_spent_do_not_expire(ada, days):
    give(ada, 100, days=days)
    give(ada, 50, days=46, key="later")
    warn_of_expiry(now=NOW)
    spend(ada, 100)

    assert decide(now=MORNING) == [OVERTAKEN]


def test_points_of_which_some_are_left_expire(ada):
    give(ada, 100, days=20)
    give(ada, 50, days=45, key="later")
    warn_of_expiry(now=NOW)
    spend(ada, 149)

    assert isinstance(decide(now=MORNING)[0], Go)


def test_a_notice_is_not_sent_again_when_its_points_are_gone(ada):
    give(ada, 100, days=5)
    warn_of_expiry(now=NOW)
    assert isinstance(decide(now=MORNING)[0], Go)
    EmailMessage.objects.update(status="sent")
    spend(ada, 100)

    send_again(email_id=EmailMessage.objects.get().pk, now=MORNING)

    assert decide(now=MORNING) == [OVERTAKEN]


@pytest.fixture
def at_risk(program):
    """A member in Silver until the year's end who was warned today."""
    make_ladder(program, notice_days=30)
    member = make_member(program, user=make_user())
    Member.objects.update(joined_at=START)
    post(postings=[make_posting(member, 1000, effective_at=START, is_qualifying=True)], now=START)
    TierStanding.objects.create(
        member=member,
        program=program,
        tier=(silver := member.program.tiers.get(name="Silver")),
        earned=silver,
        since=START,
        kept_on=date(2026, 12, 31),
        is_warned=True,
        version=program.ladder.version,
    )
    EmailMessage.objects.all().delete()
    facts = {"missing_by": "2026-12-31"}
    row = mail(member, EmailKind.TIER_AT_RISK)
    row.facts |= facts
    row.save()
    return member


def test_a_tier_that_is_about_to_end_is_told_of(at_risk):
    assert isinstance(decide(now=MORNING)[0], Go)


@pytest.mark.parametrize(
    "changes",
    [
        {"is_warned": False},
        {"kept_on": date(2027, 12, 31)},
        {"grace_on": date(2027, 1, 14)},
        {"kept_on": None},
    ],
)
def test_a_tier_that_was_kept_since_is_not(at_risk, changes):
    TierStanding.objects.update(**changes)

    assert decide(now=MORNING) == [OVERTAKEN]


def test_who_stands_nowhere_any_more_has_nothing_to_lose(at_risk):
    TierStanding.objects.all().delete()

    assert decide(now=MORNING) == [OVERTAKEN]


def test_thanks_are_never_late(ada):
    mail(ada, EmailKind.THANK_YOU)
    bought(ada, 0)

    assert isinstance(decide(now=MORNING)[0], Go)


def test_thirty_mails_take_as_many_queries_as_one(program):
    counts = []
    for number in range(31):
        member = make_member(program, user=make_user(f"{number}@x.org"))
        choose(member, accepts_marketing=True)
        for kind in (EmailKind.WIN_BACK, EmailKind.POINTS_EXPIRING, EmailKind.TIER_AT_RISK):
            mail(member, kind)
        other = make_member(program, user=make_user(f"{number}@y.org"))
        Member.objects.filter(pk=member.pk).update(merged_into=other)
        choose(other, accepts_marketing=True)
        if number in (0, 30):
            with CaptureQueriesContext(connection) as queries:
                decisions = decide(now=MORNING)
            counts.append(len(queries) - len(decisions))

    assert len(decisions) == 90
    assert counts[0] == counts[1]
