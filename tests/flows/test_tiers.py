"""Tiers in the flows: settling, adjusting, joining, merging, and what a change leaves behind."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from saleor_loyalty.adjustments.rules import AdjustmentReason
from saleor_loyalty.flows.adjust_points import adjust_points
from saleor_loyalty.flows.join_program import join_program
from saleor_loyalty.flows.review_tiers import (
    apply_changed_ladders,
    review_all_tiers,
    review_due_tiers,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Entry
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import BenefitGrant, TierChange, TierStanding
from saleor_loyalty.tiers.operations import TierChanges, update_tier
from saleor_loyalty.tiers.rules import Demotion
from tests.factories import CHANNEL, NOW, line, make_order, make_program, make_user, refunded
from tests.flows.test_settle_orders import Orders, balance_of, settle
from tests.tiers.ladders import make_ladder, make_tier


@pytest.fixture
def orders():
    return Orders()


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ladder(program):
    return make_ladder(program)


@pytest.fixture
def ada(db):
    return make_user()


def tier_of(user) -> str | None:
    standing = TierStanding.objects.filter(member__user=user).select_related("tier").first()
    return standing.tier.name if standing and standing.tier else None


def story() -> list[tuple[str, str | None, str | None]]:
    changes = TierChange.objects.select_related("from_tier", "to_tier").order_by("id")
    return [
        (
            one.kind,
            one.from_tier.name if one.from_tier else None,
            one.to_tier.name if one.to_tier else None,
        )
        for one in changes
    ]


def big(order_id="order-1", amount="100", **values):
    total = Decimal(amount) + 10
    defaults = {"lines": (line(amount, amount),), "total": total, "charged": total}
    return make_order(order_id, **{**defaults, **values})


def test_an_order_that_meets_the_threshold_moves_the_member_up_with_the_reason(ladder, ada, orders):
    settle(orders, big(user_id=ada.pk))

    assert tier_of(ada) == "Silver"
    change = TierChange.objects.get()
    assert (change.kind, change.from_tier, change.to_tier.name) == ("rose", None, "Silver")
    assert (change.since, change.until_on) == (NOW, date(2027, 12, 31))
    assert change.details == {
        "metric": "points",
        "had": {"": "1000"},
        "needed": {"": "1000"},
        "first": "2026-01-01",
        "last": "2026-06-15",
        "grace_on": None,
        "version": 3,
    }


def test_settling_again_changes_nothing(ladder, ada, orders):
    for _ in range(3):
        settle(orders, big(user_id=ada.pk))

    assert story() == [("rose", None, "Silver")]


def test_the_multiplier_counts_for_orders_placed_in_the_tier_and_for_no_other(program, ada, orders):
    benefit = Benefit(key="double", kind=BenefitKind.EARN_MULTIPLIER, factor=Decimal("1.5"))
    make_tier(program, "Silver", 1000, benefits=[benefit])
    settle(orders, big(user_id=ada.pk, placed_at=NOW - timedelta(hours=1)))

    settle(
        orders,
        big("before", user_id=ada.pk, placed_at=NOW - timedelta(seconds=1)),
        big("after", user_id=ada.pk, placed_at=NOW + timedelta(hours=1)),
        now=NOW + timedelta(hours=2),
    )

    points = dict(Entry.objects.filter(leg=0).values_list("order_id", "points"))
    assert points == {"order-1": 1000, "before": 1000, "after": 1500}
    part = Entry.objects.get(order_id="after").details["rules"][1]
    assert (part["name"], part["granted"], part["rule"]) == ("Silver", 500, None)


def test_reaching_a_tier_gives_its_welcome_once_ever(program, ada, orders):
    welcome = Benefit(key="welcome", kind=BenefitKind.WELCOME_POINTS, points=250)
    silver = make_tier(program, "Silver", 1000, benefits=[welcome])
    settle(orders, big(user_id=ada.pk))
    assert balance_of(ada).available == 1250
    order = big(user_id=ada.pk, **{**refunded("110"), "total": Decimal(110)})
    settle(orders, order, now=NOW + timedelta(days=1))
    review_due_tiers(now=NOW + timedelta(days=20))
    assert tier_of(ada) is None

    settle(
        orders,
        big("order-2", user_id=ada.pk, placed_at=NOW + timedelta(days=21)),
        now=NOW + timedelta(days=21),
    )

    assert tier_of(ada) == "Silver"
    assert balance_of(ada).available == 1250
    assert BenefitGrant.objects.get().tier == silver


def test_what_a_tier_gives_does_not_count_towards_tiers(program, ada, orders):
    welcome = Benefit(key="welcome", kind=BenefitKind.WELCOME_POINTS, points=10_000)
    make_tier(program, "Silver", 1000, benefits=[welcome])
    make_tier(program, "Gold", 5000)

    settle(orders, big(user_id=ada.pk))

    assert tier_of(ada) == "Silver"


def test_an_adjustment_counts_for_tiers_only_if_staff_say_so(program, ladder, ada):
    member = join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)

    def adjust(points, *, is_qualifying, now=NOW):
        adjust_points(
            member_id=member.pk,
            points=points,
            reason=AdjustmentReason.GOODWILL,
            note="a parcel was late",
            actor="user:1",
            is_qualifying=is_qualifying,
            now=now,
        )

    adjust(1000, is_qualifying=False)
    assert tier_of(ada) is None
    adjust(1000, is_qualifying=True)
    assert tier_of(ada) == "Silver"
    adjust(-1000, is_qualifying=False)
    assert story() == [("rose", None, "Silver")]


def test_a_member_of_an_open_tier_is_in_it_from_joining_on(program, ada):
    make_tier(program, "Bronze", 0)

    join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)

    assert tier_of(ada) == "Bronze"


@pytest.mark.parametrize("metric", ["amount", "orders"])
def test_money_and_orders_count_until_they_go_back(program, ada, orders, metric):
    make_ladder(program, metric=metric, grace_days=0)
    amount = "100" if metric == "amount" else "1"
    settle(orders, big(user_id=ada.pk, amount=amount))
    assert tier_of(ada) == "Silver"

    total = Decimal(amount) + 10
    back = {"charged": Decimal(0), "refunded": total, "is_fully_charged": False}
    settle(orders, big(user_id=ada.pk, amount=amount, **back))

    assert tier_of(ada) is None


def test_the_database_refuses_to_change_the_history_of_tiers(ladder, ada, orders):
    settle(orders, big(user_id=ada.pk))

    with pytest.raises(Exception, match="immutable"), connection.cursor() as cursor:
        cursor.execute("UPDATE saleor_loyalty_tierchange SET note = 'never happened'")


def test_the_nightly_look_changes_nothing_that_is_right(ladder, ada, orders):
    settle(orders, big(user_id=ada.pk))

    assert review_all_tiers(now=NOW) == 0
    assert review_all_tiers(now=NOW + timedelta(days=200)) == 0


def test_the_nightly_look_finds_what_nobody_noticed(program, ada, orders):
    settle(orders, big(user_id=ada.pk))
    make_ladder(program)

    assert review_all_tiers(now=NOW) == 1

    assert tier_of(ada) == "Silver"


def test_a_changed_ladder_is_applied_to_members_once(program, ada, orders):
    settle(orders, big(user_id=ada.pk))
    silver, _ = make_ladder(program)

    assert apply_changed_ladders(now=NOW) == 1
    assert apply_changed_ladders(now=NOW) == 0
    update_tier(
        tier_id=silver.pk,
        changes=TierChanges(thresholds=make_threshold(2000)),
        now=NOW,
        demotion=Demotion.AT_ONCE,
    )
    assert apply_changed_ladders(now=NOW) == 1

    assert story() == [("rose", None, "Silver"), ("ladder_changed", "Silver", None)]


def make_threshold(points):
    from saleor_loyalty.tiers.rules import Thresholds

    return Thresholds(points=points)


def test_time_warns_and_lowers_at_the_dates_that_were_told(ladder, ada, orders):
    settle(orders, big(user_id=ada.pk))

    def at(*on):
        review_due_tiers(now=datetime(*on, 0, 0, 1, tzinfo=UTC))
        return story()[-1]

    assert at(2027, 11, 30) == ("rose", None, "Silver")
    assert at(2027, 12, 1) == ("warned", "Silver", "Silver")
    assert at(2027, 12, 31) == ("warned", "Silver", "Silver")
    assert at(2028, 1, 1) == ("grace", "Silver", "Silver")
    assert TierChange.objects.first().until_on == date(2028, 1, 14)
    assert at(2028, 1, 14) == ("grace", "Silver", "Silver")
    assert at(2028, 1, 15) == ("fell", "Silver", None)
    assert Member.objects.get().standing.review_at is None
