"""Mails to members whose next order is late: the second one ever, or one of their rhythm."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.nudge_members import nudge_members
from saleor_loyalty.mailings.operations import change_kind
from saleor_loyalty.mailings.rules import KindTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from tests.factories import CHANNEL, NOW, START, make_member, make_program, make_user
from tests.tiers.ladders import make_ladder

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ZONE = "Pacific/Auckland"
TODAY = date(2026, 6, 16)  # there, at NOW
KINDS = (EmailKind.SECOND_PURCHASE, EmailKind.WIN_BACK)


@pytest.fixture
def program(db):
    return sending(make_program(time_zone=ZONE))


@pytest.fixture
def ada(program):
    return make_member(program, user=make_user())


def sending(program, *kinds, **terms):
    for kind in kinds or KINDS:
        change_kind(
            program_id=program.pk, kind=kind, terms=KindTerms(**{"is_on": True, **terms}), now=START
        )
    return program


def bought(member, *days_ago, **values):
    """Settled orders of a member, so many days before today; return the last one's id."""
    for number in days_ago:
        on = TODAY - number * DAY
        order_id = f"{member.pk}-{SettledOrder.objects.count()}"
        defaults = {
            "order_placed_at": datetime(on.year, on.month, on.day, 15, tzinfo=ZoneInfo(ZONE)),
            "outcome": "earned",
            "currency": "USD",
            "earned_points": 100,
            "spent_amount": 10,
            "settled_at": NOW,
        }
        SettledOrder.objects.create(
            order_id=order_id, program=member.program, member=member, **{**defaults, **values}
        )
    return order_id


def keys():
    return list(EmailMessage.objects.order_by("id").values_list("key", flat=True))


def test_who_ordered_once_is_reminded_after_thirty_days_at_the_next_hour(ada):
    order_id = bought(ada, 30)

    assert nudge_members(now=NOW) == 1

    (mail,) = EmailMessage.objects.all()
    assert mail.key == f"second_purchase:{order_id}"
    assert (mail.kind, mail.facts["last_ordered_on"]) == ("second_purchase", "2026-05-17")
    assert mail.due_at == datetime(2026, 6, 16, 9, tzinfo=ZoneInfo(ZONE))
    assert mail.expires_at == mail.due_at + 14 * DAY


def test_in_the_evening_it_is_due_the_next_morning(program, ada):
    make_ladder(program)
    bought(ada, 31)

    nudge_members(now=datetime(2026, 6, 16, 18, tzinfo=ZoneInfo(ZONE)))

    mail = EmailMessage.objects.get()
    assert mail.due_at == datetime(2026, 6, 17, 9, tzinfo=ZoneInfo(ZONE))
    assert mail.facts["next_tier_name"] == {"": "Silver"}


@pytest.mark.parametrize(("days_ago", "count"), [(29, 0), (30, 1), (44, 1), (45, 0), (4000, 0)])
def test_a_second_order_is_late_for_fourteen_days(ada, days_ago, count):
    bought(ada, days_ago)

    assert nudge_members(now=NOW) == count


@pytest.mark.parametrize(("days_ago", "count"), [(39, 0), (40, 1), (54, 1), (55, 0)])
def test_who_ordered_often_is_won_back_by_their_own_rhythm(ada, days_ago, count):
    order_id = bought(ada, days_ago + 70, days_ago + 60, days_ago + 40, days_ago + 20, days_ago)

    assert nudge_members(now=NOW) == count
    assert keys() == [f"win_back:{order_id}"] * count


def test_the_longest_silence_is_a_year(ada):
    bought(ada, 379 + 900, 379)

    assert nudge_members(now=NOW) == 1


def test_runs_of_months_write_once_for_each_last_order(ada):
    first, now = bought(ada, 20), NOW - 20 * DAY
    while now < NOW + 60 * DAY:
        nudge_members(now=now)
        now += 23 * HOUR
    bought(ada, -61)
    while now < NOW + 290 * DAY:
        nudge_members(now=now)
        now += 23 * HOUR

    assert keys()[0] == f"second_purchase:{first}"
    assert [key.split(":")[0] for key in keys()] == ["second_purchase", "win_back"]
    assert EmailMessage.objects.first().facts["last_ordered_on"] == "2026-08-16"


def test_after_three_days_of_nothing_it_comes_still(ada):
    bought(ada, 30)

    assert nudge_members(now=NOW + 3 * DAY) == 1


@pytest.mark.parametrize("outcome", ["unpaid", "no_rate", "not_a_member", "earned"])
def test_who_has_a_newer_order_is_left_in_peace(ada, outcome):
    bought(ada, 30)
    bought(ada, 3, outcome=outcome, returned_points=100)

    assert nudge_members(now=NOW) == 0


def test_who_has_an_order_on_its_way_is_not_won_back(ada):
    bought(ada, 65, 50)
    bought(ada, 20, outcome="unpaid")

    assert nudge_members(now=NOW) == 0


@pytest.mark.parametrize("outcome", ["cancelled", "replacement"])
def test_a_cancelled_order_and_a_replacement_are_no_order(ada, outcome):
    bought(ada, 30)
    bought(ada, 35, 3, outcome=outcome)

    assert nudge_members(now=NOW) == 1


def test_who_gave_all_back_is_not_asked_how_they_like_it(ada):
    bought(ada, 30, returned_points=100)

    assert nudge_members(now=NOW) == 0


def test_a_first_order_after_one_that_went_back_is_not_the_first(ada):
    bought(ada, 60, returned_points=100)
    bought(ada, 30)

    assert nudge_members(now=NOW) == 0


def test_the_typical_gap_is_that_of_the_programmes_customers(program, ada):
    for number in range(20):
        member = make_member(program, user=make_user(f"{number}@example.com"))
        bought(member, 300, 300, 300 - 18 - number % 2, 5)
    bought(ada, 19)

    assert nudge_members(now=NOW) == 1
    assert keys()[0].startswith(f"second_purchase:{ada.pk}")


def test_customers_of_long_ago_do_not_count(program, ada):
    for number in range(20):
        member = make_member(program, user=make_user(f"{number}@example.com"))
        bought(member, 1000, 980)
    bought(ada, 20)

    assert nudge_members(now=NOW) == 0


def test_days_are_those_of_the_programmes_zone(program):
    west = sending(make_program(name="West", channel_ids=[8], time_zone="America/Los_Angeles"))
    ada = make_member(west, user=make_user())
    placed_at = datetime(2026, 2, 7, 7, 30, tzinfo=UTC)  # the 6th there; clocks change on 8 March
    bought(ada, 0, order_placed_at=placed_at)

    assert nudge_members(now=datetime(2026, 3, 8, 7, 59, tzinfo=UTC)) == 0
    assert nudge_members(now=datetime(2026, 3, 8, 8, 0, tzinfo=UTC)) == 1
    mail = EmailMessage.objects.get()
    assert mail.facts["last_ordered_on"] == "2026-02-06"
    assert mail.due_at == datetime(2026, 3, 8, 16, tzinfo=UTC)


def test_nothing_is_written_for_what_is_off(program, ada):
    ben = make_member(program, user=make_user("ben@example.com"))
    bought(ada, 30)
    bought(ben, 65, 50)
    sending(program, EmailKind.SECOND_PURCHASE, is_on=False)
    nudge_members(now=NOW)
    assert [key.split(":")[0] for key in keys()] == ["win_back"]

    sending(program)
    update_program(program_id=program.pk, changes=ProgramChanges(is_active=False), now=NOW)
    assert nudge_members(now=NOW) == 0


def test_merged_and_deleted_members_are_left_alone(program, ada):
    gone, merged = make_member(program), make_member(program, user=make_user("b@example.com"))
    bought(gone, 30)
    bought(merged, 30)
    Member.objects.filter(pk=merged.pk).update(merged_into=ada)

    assert nudge_members(now=NOW) == 0


def test_thirty_members_take_as_many_queries_as_one(program):
    counts = []
    for number in range(30):
        bought(make_member(program, user=make_user(f"{number}@x.org")), 30)
        if number in (0, 29):
            with CaptureQueriesContext(connection) as queries:
                nudge_members(now=NOW)
            counts.append(len(queries))

    assert len(keys()) == 30
    assert counts[0] == counts[1]


def test_who_ordered_before_the_programme_began_did_not_order_for_the_first_time(ada):
    bought(ada, 30, earlier_orders=4)

    assert nudge_members(now=NOW) == 0


def test_who_was_merged_is_not_nudged_again_for_the_same_order(program, ada):
    into = make_member(program, user=make_user("b@example.com"))
    bought(ada, 30)
    nudge_members(now=NOW)
    merge_members(member_id=ada.pk, into_id=into.pk, actor="", now=NOW)

    assert nudge_members(now=NOW + HOUR) == 0


def test_a_nudge_comes_by_the_channel_of_the_last_order(program, ada):
    update_program(program_id=program.pk, changes=ProgramChanges(channel_ids=[CHANNEL, 8]), now=NOW)
    bought(ada, 30, channel_id=8)

    nudge_members(now=NOW)

    assert EmailMessage.objects.get().channel_id == 8


def test_a_delay_counts_from_the_hour_that_it_would_have_come(program, ada):
    sending(program, EmailKind.SECOND_PURCHASE, delay_hours=48)
    bought(ada, 30)

    nudge_members(now=NOW)

    due_on = EmailMessage.objects.get().due_at.astimezone(ZoneInfo(ZONE)).date()
    assert due_on == TODAY + 2 * DAY
