"""What ladders, tiers and benefits may say, and what is refused."""

from dataclasses import replace
from decimal import Decimal

import pytest

from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind, check_benefits, factor_of
from saleor_loyalty.tiers.checks import check_ladder, check_terms, check_texts, thresholds_of
from saleor_loyalty.tiers.rules import (
    Keeping,
    LadderInvalid,
    LadderTerms,
    Metric,
    MovingUp,
    Thresholds,
    TierInvalid,
    Window,
)
from tests.tiers.ladders import CIRCLE, GOLD, SILVER, tier

TERMS = LadderTerms()
PERK = Benefit(key="tasting", kind=BenefitKind.PERK, name="Tastings")
SHIPPING = Benefit(key="post", kind=BenefitKind.FREE_SHIPPING, uses=2, period=Period.MONTH)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"window": Window.ROLLING_DAYS}, "window_length"),
        ({"window": Window.ROLLING_MONTHS, "window_length": 121}, "window_length"),
        ({"window_length": 30}, "window_length"),
        (
            {
                "window": Window.ROLLING_DAYS,
                "window_length": 30,
                "moving_up": MovingUp.AT_PERIOD_END,
            },
            "moving_up",
        ),
        ({"window": Window.LIFETIME}, "keeping"),
        ({"keeping": Keeping.MONTHS}, "keep_months"),
        ({"keep_months": 3}, "keep_months"),
        ({"grace_days": -1}, "grace_days"),
        ({"notice_days": 366}, "notice_days"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(changes, field):
    with pytest.raises(LadderInvalid) as refused:
        check_terms(replace(TERMS, **changes))

    assert refused.value.field == field


def test_terms_survive_being_plain_data():
    terms = LadderTerms(window=Window.ROLLING_DAYS, window_length=90, keeping=Keeping.FOREVER)

    check_terms(terms)

    assert LadderTerms.from_json(terms.as_json()) == terms


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "x" * 61}, "name"),
        ({"slug": "-gold"}, "slug"),
        ({"slug": "x" * 61}, "slug"),
        ({"description": "x" * 2001}, "description"),
        ({"color": "#12345"}, "color"),
        ({"icon_url": "ftp://example.com/x"}, "icon_url"),
        ({"icon_url": "https://"}, "icon_url"),
        ({"icon_url": "https://example.com/" + "x" * 500}, "icon_url"),
    ],
)
def test_texts_that_make_no_sense_are_refused_by_name(changes, field):
    texts = {"name": "Gold", "slug": "gold", "color": "#C0A060", "icon_url": "https://a.example/x"}
    check_texts(**texts)

    with pytest.raises(TierInvalid) as refused:
        check_texts(**{**texts, **changes})

    assert refused.value.field == field


@pytest.mark.parametrize(
    "given",
    [
        {"points": -1},
        {"points": 2_000_000_001},
        {"orders": -1},
        {"amounts": {"USD": "-0.01"}},
        {"amounts": {"USD": "1.0001"}},
        {"amounts": {"USD": "NaN"}},
        {"amounts": {"USD": "many"}},
        {"amounts": {"USD": "0", "EUR": "1"}},
    ],
)
def test_thresholds_that_make_no_sense_are_refused(given):
    with pytest.raises(TierInvalid) as refused:
        thresholds_of(**{"points": None, "orders": None, "amounts": {}, **given})

    assert refused.value.field == "threshold"


def test_thresholds_survive_being_plain_data():
    given = thresholds_of(points=100, orders=None, amounts={"USD": "10.5", "EUR": "9"})

    assert given == Thresholds(points=100, amounts={"USD": Decimal("10.5"), "EUR": Decimal(9)})
    assert Thresholds.from_json(given.as_json()) == given


def refusal_of(tiers, *, currencies=("USD",), complete=None, **terms):
    with pytest.raises(TierInvalid) as refused:
        check_ladder(
            terms=replace(TERMS, **terms), tiers=tiers, currencies=currencies, complete=complete
        )
    return refused.value.data["problem"]


def test_a_higher_tier_needs_more_and_one_by_invitation_nothing():
    money = Thresholds(amounts={"USD": Decimal(10)})
    silver, gold = tier(SILVER, 100), tier(GOLD, 100)

    assert "must be above that of Silver" in refusal_of([gold, silver])
    assert "does not say how many orders" in refusal_of([silver], metric=Metric.ORDERS)
    assert "missing for EUR" in refusal_of(
        [tier(SILVER, 0, thresholds=money)], metric=Metric.AMOUNT, currencies=("EUR", "USD")
    )
    assert "more than 20" in refusal_of([tier(number, number) for number in range(21)])
    check_ladder(terms=TERMS, tiers=[silver, tier(CIRCLE, None)], currencies=())


@pytest.mark.parametrize(
    ("benefits", "words"),
    [
        ([replace(PERK, key="No Key")], "small letters"),
        ([PERK, PERK], "twice"),
        ([replace(PERK, name=" ")], "needs a name"),
        ([replace(PERK, name="x" * 121)], "120 characters"),
        ([replace(PERK, text="x" * 2001)], "2000 characters"),
        ([replace(PERK, points=5)], "takes no points"),
        ([replace(PERK, period=Period.MONTH)], "takes no period"),
        ([replace(PERK, url="javascript:x")], "http"),
        ([replace(SHIPPING, uses=None)], "needs uses of 1 to 50"),
        ([replace(SHIPPING, uses=51)], "needs uses"),
        ([replace(SHIPPING, period=Period.WEEK)], "needs a period"),
        (
            [Benefit(key="m", kind=BenefitKind.EARN_MULTIPLIER, factor=Decimal(1))],
            "changes nothing",
        ),
        (
            [Benefit(key="m", kind=BenefitKind.EARN_MULTIPLIER, factor=Decimal("1.001"))],
            "2 decimals",
        ),
        (
            [Benefit(key=key, kind=BenefitKind.WELCOME_POINTS, points=5) for key in ("one", "two")],
            "welcome_points twice",
        ),
        ([replace(PERK, key=f"k{number}") for number in range(31)], "30 at most"),
    ],
)
def test_benefits_that_make_no_sense_are_refused_with_words(benefits, words):
    with pytest.raises(TierInvalid) as refused:
        check_benefits(benefits)

    assert words in refused.value.data["problem"]


def test_benefits_survive_being_plain_data_and_one_may_multiply():
    double = Benefit(key="more", kind=BenefitKind.EARN_MULTIPLIER, factor=Decimal("1.5"))
    some = [double, SHIPPING, replace(PERK, url="tel:+4712345678")]

    check_benefits(some)

    assert [Benefit.from_json(one.as_json()) for one in some] == some
    assert (factor_of(some), factor_of([PERK])) == (Decimal("1.5"), Decimal(1))
