"""What a reward must say, and why a member cannot redeem it now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from saleor_loyalty.rewards.checks import (
    RewardInvalid,
    RewardTexts,
    RewardValues,
    check_reward,
    check_translation,
)
from saleor_loyalty.rewards.rules import (
    Obstacle,
    RewardContent,
    RewardKind,
    RewardState,
    obstacle_of,
)

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TEN = {"USD": Decimal(10)}
GOOD = {
    RewardKind.FIXED_DISCOUNT: {"amounts": TEN, "minimum_amounts": TEN},
    RewardKind.PERCENTAGE_DISCOUNT: {"percentage": Decimal("12.5"), "costs": TEN},
    RewardKind.FREE_SHIPPING: {},
    RewardKind.FREE_PRODUCT: {"variant_id": "7"},
    RewardKind.GIFT_CARD: {"amounts": TEN},
    RewardKind.PRODUCT_ACCESS: {"product_ids": ("3",), "exclusive_until": NOW},
    RewardKind.DONATION: {"amounts": TEN},
    RewardKind.EXPERIENCE: {"costs": {"USD": Decimal(80)}},
}
EVERYTHING = {
    "amounts": TEN,
    "minimum_amounts": TEN,
    "percentage": Decimal(5),
    "variant_id": "7",
    "product_ids": ("3",),
    "exclusive_until": NOW,
    "costs": TEN,
}


def check(kind=RewardKind.FIXED_DISCOUNT, *, content=None, **values):
    given = RewardContent(**(GOOD[kind] if content is None else content))
    values = {"name": "Ten off", "price_points": 1000, "content": given, **values}
    check_reward(kind=kind, values=RewardValues(**values), currencies={"USD", "JPY"})


def refusal(*args, **values):
    with pytest.raises(RewardInvalid) as refused:
        check(*args, **values)
    return refused.value.field, refused.value.data["problem"]


@pytest.mark.parametrize("kind", RewardKind)
def test_a_reward_with_what_its_kind_needs_is_fine(kind):
    check(kind)


NEEDED = {
    RewardKind.FIXED_DISCOUNT: "amounts",
    RewardKind.PERCENTAGE_DISCOUNT: "percentage",
    RewardKind.FREE_PRODUCT: "variant_id",
    RewardKind.GIFT_CARD: "amounts",
    RewardKind.PRODUCT_ACCESS: "product_ids",
    RewardKind.DONATION: "amounts",
}


@pytest.mark.parametrize("kind", NEEDED)
def test_a_kind_without_what_it_needs_is_refused(kind):
    assert refusal(kind, content={}) == (NEEDED[kind], f"is required for {kind.value}")


TAKEN = {
    RewardKind.FIXED_DISCOUNT: {"amounts", "minimum_amounts"},
    RewardKind.PERCENTAGE_DISCOUNT: {"percentage", "minimum_amounts", "costs"},
    RewardKind.FREE_SHIPPING: {"minimum_amounts", "costs"},
    RewardKind.FREE_PRODUCT: {"variant_id", "minimum_amounts", "costs"},
    RewardKind.GIFT_CARD: {"amounts"},
    RewardKind.PRODUCT_ACCESS: {"product_ids", "exclusive_until", "costs"},
    RewardKind.DONATION: {"amounts"},
    RewardKind.EXPERIENCE: {"costs"},
}


@pytest.mark.parametrize("kind", RewardKind)
@pytest.mark.parametrize("part", EVERYTHING)
def test_a_kind_takes_its_own_content_and_nothing_else(kind, part):
    content = {**GOOD[kind], part: EVERYTHING[part]}

    if part in TAKEN[kind]:
        check(kind, content=content)
    else:
        assert refusal(kind, content=content) == (part, f"is not for {kind.value}")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "   "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"description": "x" * 5001}, "description"),
        ({"terms": "x" * 5001}, "terms"),
        ({"image_url": "javascript:alert(1)"}, "image_url"),
        ({"image_url": "https://x.example/" + "y" * 500}, "image_url"),
        ({"image_alt": "x" * 256}, "image_alt"),
        ({"price_points": 0}, "price_points"),
        ({"price_points": 100_000_001}, "price_points"),
        ({"position": -1}, "position"),
        ({"stock": -1}, "stock"),
        ({"limit_count": 0}, "limit_count"),
        ({"gift_count": 0}, "gift_count"),
        ({"valid_days": 0}, "valid_days"),
        ({"valid_days": 3651}, "valid_days"),
        ({"starts_at": NOW, "ends_at": NOW}, "ends_at"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_their_name(values, field):
    assert refusal(**values)[0] == field


def test_the_last_values_that_make_sense_are_taken():
    check(
        name="x" * 120,
        image_url="https://cdn.example/mug.png",
        image_alt="x" * 255,
        price_points=100_000_000,
        stock=0,
        limit_count=1,
        gift_count=1,
        valid_days=3650,
        starts_at=NOW,
        ends_at=NOW + timedelta(microseconds=1),
    )


@pytest.mark.parametrize("kind", [RewardKind.DONATION, RewardKind.EXPERIENCE])
def test_days_of_validity_are_for_codes_alone(kind):
    assert refusal(kind, valid_days=30)[0] == "valid_days"


@pytest.mark.parametrize(
    "amounts",
    [
        {"EUR": Decimal(10)},
        {"USD": Decimal(0)},
        {"USD": Decimal(-1)},
        {"USD": Decimal("NaN")},
        {"USD": Decimal("10.005")},
        {"JPY": Decimal("10.5")},
        {"USD": Decimal(100_000_001)},
    ],
)
@pytest.mark.parametrize("part", ["amounts", "minimum_amounts"])
def test_money_is_in_the_programmes_currencies_and_can_be_paid(part, amounts):
    content = {"amounts": TEN, part: amounts}

    assert refusal(content=content)[0] == part


def test_money_of_some_currencies_is_enough():
    check(content={"amounts": {"JPY": Decimal(1500)}})


@pytest.mark.parametrize("percentage", ["0", "0.001", "100.01", "12.345", "Infinity"])
def test_a_percentage_is_a_hundredth_to_a_hundred(percentage):
    content = {"percentage": Decimal(percentage)}

    assert refusal(RewardKind.PERCENTAGE_DISCOUNT, content=content)[0] == "percentage"


@pytest.mark.parametrize("percentage", ["0.01", "100"])
def test_the_least_and_the_whole_percentage_are_taken(percentage):
    check(RewardKind.PERCENTAGE_DISCOUNT, content={"percentage": Decimal(percentage)})


def test_products_are_named_once_and_not_too_many():
    for product_ids in (("3", "3"), tuple(map(str, range(501)))):
        content = {"product_ids": product_ids}
        assert refusal(RewardKind.PRODUCT_ACCESS, content=content)[0] == "product_ids"


@pytest.mark.parametrize(
    "texts",
    [
        {"language_code": ""},
        {"language_code": "x" * 36},
        {"language_code": "nb", "name": "x" * 121},
        {"language_code": "nb", "terms": "x" * 5001},
    ],
)
def test_translations_name_their_language_and_are_not_too_long(texts):
    with pytest.raises(RewardInvalid) as refused:
        check_translation(RewardTexts(**texts))

    assert refused.value.field == "translations"


SILVER, GOLD = 1, 2
FREE_FOR_ALL = RewardState(
    is_active=True,
    starts_at=NOW,
    ends_at=NOW + DAY,
    tier_ids=frozenset({GOLD}),
    stock=1,
    limit_count=2,
    price_points=1000,
)


def obstacle(*, tier_id=GOLD, redeemed=1, available=1000, now=NOW, **changes):
    return obstacle_of(
        reward=replace(FREE_FOR_ALL, **changes),
        tier_id=tier_id,
        redeemed=redeemed,
        available=available,
        now=now,
    )


def test_a_member_with_just_enough_can_redeem_the_last_one_from_the_first_instant_on():
    assert obstacle() is None
    assert obstacle(now=NOW + DAY - timedelta(microseconds=1)) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"is_active": False}, Obstacle.NOT_ACTIVE),
        ({"now": NOW - timedelta(microseconds=1)}, Obstacle.NOT_STARTED),
        ({"now": NOW + DAY}, Obstacle.OVER),
        ({"tier_id": SILVER}, Obstacle.TIER),
        ({"tier_id": None}, Obstacle.TIER),
        ({"stock": 0}, Obstacle.OUT_OF_STOCK),
        ({"redeemed": 2}, Obstacle.LIMIT),
        ({"redeemed": 3}, Obstacle.LIMIT),
        ({"available": 999}, Obstacle.POINTS),
        ({"available": 0, "redeemed": 2, "stock": 0}, Obstacle.OUT_OF_STOCK),
        ({"available": 0, "tier_id": None}, Obstacle.TIER),
    ],
)
def test_what_keeps_a_member_from_redeeming_is_told(values, expected):
    assert obstacle(**values) is expected


def test_what_has_no_limit_is_no_obstacle():
    no_limits = {
        "starts_at": None,
        "ends_at": None,
        "tier_ids": frozenset(),
        "stock": None,
        "limit_count": None,
    }

    assert obstacle(tier_id=None, redeemed=10**6, **no_limits) is None
