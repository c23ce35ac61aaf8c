"""What members and shops complain of elsewhere, and what happens here instead."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from saleor_loyalty.adjustments.rules import AdjustmentReason
from saleor_loyalty.flows.adjust_points import adjust_points
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.join_program import join_program
from saleor_loyalty.flows.review_tiers import review_all_tiers, review_due_tiers
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize, Capture
from saleor_loyalty.points.rules import Purse, Reason
from saleor_loyalty.tiers.models import TierChange, TierStanding
from tests.factories import CHANNEL, NOW, make_posting, make_program, make_user, refunded
from tests.flows.test_settle_orders import Orders, balance_of, settle
from tests.flows.test_tiers import big, story, tier_of
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder

NEW_YEARS_EVE = datetime(2026, 12, 31, 20, 0, tzinfo=UTC)


@pytest.fixture
def orders():
    return Orders()


@pytest.fixture
def program(db):
    program = make_program()
    make_ladder(program)
    return program


@pytest.fixture
def ada(program):
    return make_user()


def one_day_after_another(start, end):
    on = start
    while on < end:
        yield on
        on += timedelta(days=1)


def test_spending_points_does_not_drop_a_tier(program, ada, orders):
    settle(orders, big(user_id=ada.pk))
    member = Member.objects.get()
    common = {"program_id": program.pk, "member_id": member.pk, "effective_at": NOW}

    post(
        postings=[
            Authorize(**common, key="hold", points=1000, reason=Reason.HELD),
            Capture(**common, key="spent", hold_key="hold", reason=Reason.SPENT),
        ],
        now=NOW,
    )
    evaluate_tiers(member_ids=[member.pk], now=NOW)
    review_all_tiers(now=NOW + timedelta(days=30))

    assert balance_of(ada) == Purse(available=0)
    assert (tier_of(ada), story()) == ("Silver", [("rose", None, "Silver")])


def test_a_correction_of_the_balance_does_not_change_a_tier_by_accident(ada, orders):
    settle(orders, big(user_id=ada.pk))
    adjust_points(
        member_id=Member.objects.get().pk,
        points=-700,
        reason=AdjustmentReason.OTHER,
        note="given twice",
        actor="user:1",
        now=NOW,
    )

    review_all_tiers(now=NOW + timedelta(days=30))

    assert balance_of(ada) == Purse(available=300)
    assert story() == [("rose", None, "Silver")]


def test_nobody_is_lowered_without_a_warning_and_a_date(ada, orders):
    settle(orders, big(user_id=ada.pk))

    for now in one_day_after_another(NOW, NOW + timedelta(days=700)):
        review_due_tiers(now=now)

    told = list(TierChange.objects.order_by("id").values_list("kind", "since", "until_on"))
    assert [(kind, since.date(), until) for kind, since, until in told] == [
        ("rose", date(2026, 6, 15), date(2027, 12, 31)),
        ("warned", date(2027, 12, 1), date(2027, 12, 31)),
        ("grace", date(2028, 1, 1), date(2028, 1, 14)),
        ("fell", date(2028, 1, 15), None),
    ]


def test_the_tier_of_anybody_is_explained_by_one_row(ada, orders):
    settle(orders, big("small", user_id=ada.pk, amount="40"))
    settle(orders, big("large", user_id=ada.pk, amount="460"))

    standing = TierStanding.objects.get()
    change = TierChange.objects.filter(to_tier=standing.tier).latest("id")

    assert (standing.tier.name, standing.kept_on) == ("Gold", change.until_on)
    assert standing.since == change.since
    assert (change.details["had"], change.details["needed"]) == ({"": "5000"}, {"": "5000"})
    assert (change.details["first"], change.details["last"]) == ("2026-01-01", "2026-06-15")


@pytest.mark.parametrize(("written", "right"), [("Gold", "Silver"), (None, "Silver")])
def test_a_wrong_tier_does_not_stay_unnoticed_for_longer_than_a_night(
    program, ada, orders, written, right
):
    settle(orders, big(user_id=ada.pk))
    wrong = program.tiers.filter(name=written).first()
    TierStanding.objects.update(tier=wrong)

    assert review_all_tiers(now=NOW + timedelta(days=1)) == 1

    assert tier_of(ada) == right
    assert story()[-1] == ("ladder_changed", written, right)


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_do_not_raise_a_member_twice():
    program = make_program()
    make_ladder(program)
    ada = make_user()
    member = join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)

    def earn(number):
        with transaction.atomic():
            award = make_posting(member, 600, key=f"order-{number}", is_qualifying=True)
            post(postings=[award], now=NOW)
            return len(evaluate_tiers(member_ids=[member.pk], now=NOW))

    changes = in_threads(4, earn)

    assert sorted(changes) == [0, 0, 0, 1]
    assert (tier_of(ada), story()) == ("Silver", [("rose", None, "Silver")])


def test_a_refund_in_the_new_year_is_taken_from_the_year_of_the_order(ada, orders):
    settle(orders, big("old", user_id=ada.pk, placed_at=NEW_YEARS_EVE), now=NEW_YEARS_EVE)
    new_year = NEW_YEARS_EVE + timedelta(days=10)
    settle(orders, big("new", user_id=ada.pk, placed_at=new_year), now=new_year)
    assert TierStanding.objects.get().kept_on == date(2028, 12, 31)

    back = big("old", user_id=ada.pk, placed_at=NEW_YEARS_EVE, **refunded("110"))
    settle(orders, back, now=new_year + timedelta(days=5))

    assert TierStanding.objects.get().kept_on == date(2028, 12, 31)
    assert story() == [("rose", None, "Silver"), ("renewed", "Silver", "Silver")]


def test_an_order_of_the_old_year_that_is_settled_late_counts_for_the_old_year(ada, orders):
    settle(orders, big("old", user_id=ada.pk, amount="60", placed_at=NEW_YEARS_EVE - timedelta(1)))
    later = NEW_YEARS_EVE + timedelta(days=3)
    settle(orders, big("new", user_id=ada.pk, amount="60", placed_at=later), now=later)
    assert tier_of(ada) is None

    late = big("late", user_id=ada.pk, amount=str(Decimal(40)), placed_at=NEW_YEARS_EVE)
    settle(orders, late, now=later)

    standing = TierStanding.objects.get()
    assert (standing.tier.name, standing.kept_on) == ("Silver", date(2027, 12, 31))
