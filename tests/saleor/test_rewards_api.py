"""The catalogue of rewards on the API: what staff set up, what shoppers and members see."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from saleor.account.models import User
from saleor.warehouse.models import Stock

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import LotTerms, Reason
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.rules import RateInput
from saleor_loyalty.rewards.models import Reward, RewardTranslation
from saleor_loyalty.rewards.rules import RedemptionState, RewardContent, RewardKind
from saleor_loyalty.tiers.models import TierStanding
from tests.factories import make_program
from tests.rewards.shelf import make_redemption, make_reward
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, member_of
from tests.tiers.ladders import make_ladder

ALL = """id kind name description terms imageUrl imageAlt percentage variantId productIds
  amounts { amount currency } minimumAmounts { amount currency } costs { amount currency }
  exclusiveUntil pricePoints position isActive startsAt endsAt stock isInStock limitCount
  limitPeriod giftCount giftPeriod giftsGiven validDays isForTiers tiers { name }
  translation(languageCode: NB) { name description terms }"""
CREATE = f"""mutation($program: ID!, $kind: LoyaltyRewardKindEnum!, $input: LoyaltyRewardInput!) {{
  loyaltyRewardCreate(program: $program, kind: $kind, input: $input) {{
    reward {{ {ALL} }} errors {{ field code message }} }} }}"""
UPDATE = f"""mutation($id: ID!, $input: LoyaltyRewardInput!) {{
  loyaltyRewardUpdate(id: $id, input: $input) {{
    reward {{ {ALL} }} errors {{ field code message }} }} }}"""
DELETE = """mutation($id: ID!) { loyaltyRewardDelete(id: $id) {
  reward { name } errors { field code } } }"""
REORDER = """mutation($program: ID!, $rewards: [ID!]!) {
  loyaltyRewardReorder(program: $program, rewards: $rewards) {
    rewards { name position } errors { field code message } } }"""
SHELF = """{ loyaltyProgram(channel: "main") { rewards {
  name kind pricePoints amounts { amount currency } tiers { name } isForTiers isInStock
  translation(languageCode: NB) { name } affordable missingPoints obstacle } } }"""
STAFF_SHELF = f"query($program: ID!) {{ loyaltyRewards(program: $program) {{ {ALL} }} }}"
LIABILITY = """{ loyaltyPrograms(first: 5) { edges { node { liability {
  availablePoints pendingPoints heldPoints outstandingPoints debtPoints
  amounts { amount currency } openRewards openGifts openRewardPoints } } } } }"""
TEN = {"USD": Decimal(10)}
USD_TEN = [{"currency": "usd", "amount": 10}]
LONG_AGO = timezone.now() - datetime.timedelta(days=30)


def create(client, program, kind="FIXED_DISCOUNT", **values):
    given = {"name": "Ten off", "pricePoints": 1000, **values}
    if kind in {"FIXED_DISCOUNT", "GIFT_CARD", "DONATION"}:
        given.setdefault("amounts", USD_TEN)
    variables = {
        "program": global_id("LoyaltyProgram", program.pk),
        "kind": kind,
        "input": given,
    }
    return ask(client, CREATE, variables)["data"]["loyaltyRewardCreate"]


def update(client, reward, **values):
    variables = {"id": global_id("LoyaltyReward", reward.pk), "input": values}
    return ask(client, UPDATE, variables)["data"]["loyaltyRewardUpdate"]


def shelf(client):
    return ask(client, SHELF)["data"]["loyaltyProgram"]["rewards"]


def give_points(member, points, **lot):
    posting = Award(
        program_id=member.program_id,
        member_id=member.pk,
        key=f"given-{member.pk}-{points}-{lot}",
        points=points,
        reason=Reason.ADJUSTMENT,
        effective_at=timezone.now(),
        lot=LotTerms(**lot),
    )
    post(postings=[posting], now=timezone.now())


@pytest.fixture
def member(program, customer_user):
    """The customer, with 600 points."""
    member = member_of(program, customer_user)
    give_points(member, 600)
    return member


@pytest.fixture
def ten_off(program):
    return make_reward(program, content=content(amounts=TEN), now=LONG_AGO)


def content(**parts):
    return RewardContent(**parts)


def usd_reward(program, kind=RewardKind.EXPERIENCE, **values) -> Reward:
    return make_reward(program, kind, now=LONG_AGO, **values)


def test_staff_create_a_reward_with_all_that_it_has(loyalty_staff, program, variant):
    gold = make_ladder(program)[1]

    payload = create(
        loyalty_staff,
        program,
        "FREE_PRODUCT",
        name="A mug",
        description="Blue",
        terms="While there are any",
        imageUrl="https://cdn.example/mug.png",
        imageAlt="A blue mug",
        pricePoints=2500,
        variantId=global_id("ProductVariant", variant.pk),
        minimumAmounts=[{"currency": "USD", "amount": 20}],
        costs=[{"currency": "USD", "amount": 4.5}],
        tiers=[global_id("LoyaltyTier", gold.pk)],
        startsAt="2026-01-01T00:00:00+01:00",
        endsAt="2036-01-01T00:00:00",
        stock=50,
        limitCount=1,
        limitPeriod="YEAR",
        giftCount=5,
        giftPeriod="QUARTER",
        validDays=60,
        translations=[{"languageCode": "NB", "name": "Et krus"}],
    )

    assert payload["errors"] == []
    reward = payload["reward"]
    assert reward.pop("id") == global_id("LoyaltyReward", Reward.objects.get().pk)
    assert reward == {
        "kind": "FREE_PRODUCT",
        "name": "A mug",
        "description": "Blue",
        "terms": "While there are any",
        "imageUrl": "https://cdn.example/mug.png",
        "imageAlt": "A blue mug",
        "percentage": None,
        "variantId": global_id("ProductVariant", variant.pk),
        "productIds": [],
        "amounts": [],
        "minimumAmounts": [{"amount": 20.0, "currency": "USD"}],
        "costs": [{"amount": 4.5, "currency": "USD"}],
        "exclusiveUntil": None,
        "pricePoints": 2500,
        "position": 0,
        "isActive": True,
        "startsAt": "2025-12-31T23:00:00+00:00",
        "endsAt": "2036-01-01T00:00:00+00:00",
        "stock": 50,
        "isInStock": True,
        "limitCount": 1,
        "limitPeriod": "YEAR",
        "giftCount": 5,
        "giftPeriod": "QUARTER",
        "giftsGiven": 0,
        "validDays": 60,
        "isForTiers": True,
        "tiers": [{"name": "Gold"}],
        "translation": {
            "name": "Et krus",
            "description": "Blue",
            "terms": "While there are any",
        },
    }


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("PERCENTAGE_DISCOUNT", {"percentage": 12.5}),
        ("FREE_SHIPPING", {"validDays": 30}),
        ("GIFT_CARD", {}),
        ("DONATION", {}),
        ("EXPERIENCE", {"costs": USD_TEN}),
    ],
)
def test_every_kind_can_be_made_with_its_own_content(loyalty_staff, program, kind, values):
    payload = create(loyalty_staff, program, kind, **values)

    assert payload["errors"] == []
    assert payload["reward"]["kind"] == kind


def test_access_names_products_that_are_there(loyalty_staff, program, product):
    known, unknown = (global_id("Product", pk) for pk in (product.pk, product.pk + 1000))

    made = create(
        loyalty_staff,
        program,
        "PRODUCT_ACCESS",
        productIds=[known],
        exclusiveUntil="2036-01-01T00:00:00Z",
    )
    refused = create(loyalty_staff, program, "PRODUCT_ACCESS", productIds=[known, unknown])

    assert made["errors"] == []
    assert made["reward"]["productIds"] == [known]
    assert made["reward"]["exclusiveUntil"] == "2036-01-01T00:00:00+00:00"
    assert [(one["field"], one["code"]) for one in refused["errors"]] == [
        ("productIds", "NOT_FOUND")
    ]
    assert Reward.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "values", "field", "words"),
    [
        ("EXPERIENCE", {"name": " "}, "name", "1 to 120"),
        ("EXPERIENCE", {"pricePoints": 0}, "pricePoints", "1 to"),
        ("EXPERIENCE", {"amounts": USD_TEN}, "amounts", "not for"),
        ("EXPERIENCE", {"validDays": 3}, "validDays", "codes"),
        ("EXPERIENCE", {"imageUrl": "javascript:x"}, "imageUrl", "http"),
        ("EXPERIENCE", {"stock": -1}, "stock", "0 to"),
        ("EXPERIENCE", {"limitCount": 0}, "limitCount", "1 to"),
        ("EXPERIENCE", {"tiers": ["TG95YWx0eVRpZXI6MQ=="]}, "tiers", "programme"),
        ("EXPERIENCE", {"tiers": ["x"]}, "tiers", "Invalid ID"),
        ("FIXED_DISCOUNT", {"amounts": []}, "amounts", "required"),
        ("FIXED_DISCOUNT", {"amounts": [*USD_TEN, *USD_TEN]}, "amounts", "twice"),
        ("FIXED_DISCOUNT", {"amounts": [{"currency": "EUR", "amount": 1}]}, "amounts", "EUR"),
        ("FIXED_DISCOUNT", {"amounts": [{"currency": "USD", "amount": 1e300}]}, "amounts", "USD"),
        ("PERCENTAGE_DISCOUNT", {"percentage": 101}, "percentage", "0.01 to 100"),
        ("FREE_PRODUCT", {}, "variantId", "required"),
        ("FREE_PRODUCT", {"variantId": "UHJvZHVjdFZhcmlhbnQ6MA=="}, "variantId", "no"),
        (
            "EXPERIENCE",
            {"translations": [{"languageCode": "NB", "name": "x" * 121}]},
            "translations",
            "120",
        ),
        (
            "EXPERIENCE",
            {"startsAt": "2030-01-01T00:00:00Z", "endsAt": "2029-01-01T00:00:00"},
            "endsAt",
            "after",
        ),
    ],
)
def test_a_bad_reward_is_refused_with_words_and_nothing_is_written(
    loyalty_staff, program, kind, values, field, words
):
    payload = create(loyalty_staff, program, kind, **values)

    assert [error["field"] for error in payload["errors"]] == [field]
    assert words in payload["errors"][0]["message"]
    assert (Reward.objects.count(), RewardTranslation.objects.count()) == (0, 0)


def test_an_update_sets_what_is_given_null_takes_limits_away_and_the_kind_stays(
    loyalty_staff, program, ten_off
):
    update(loyalty_staff, ten_off, stock=5, limitCount=2, endsAt="2036-01-01T00:00:00Z")

    payload = update(
        loyalty_staff, ten_off, stock=None, endsAt=None, name=None, amounts=None, isActive=None
    )
    refused = update(loyalty_staff, ten_off, percentage=5, stock=9)

    assert payload["errors"] == []
    reward = payload["reward"]
    assert (reward["stock"], reward["limitCount"], reward["endsAt"]) == (None, 2, None)
    assert (reward["name"], reward["isActive"]) == ("Ten off", True)
    assert reward["amounts"] == [{"amount": 10.0, "currency": "USD"}]
    assert [one["field"] for one in refused["errors"]] == ["percentage"]
    assert Reward.objects.get().stock is None


def test_rewards_are_reordered_and_deleted(loyalty_staff, program):
    made = [usd_reward(program, name=name) for name in "abc"]
    ids = [global_id("LoyaltyReward", one.pk) for one in made]
    variables = {"program": global_id("LoyaltyProgram", program.pk)}

    def reorder(rewards):
        answer = ask(loyalty_staff, REORDER, {**variables, "rewards": rewards})
        return answer["data"]["loyaltyRewardReorder"]

    assert [one["name"] for one in reorder([ids[2], ids[0], ids[1]])["rewards"]] == ["c", "a", "b"]
    assert [one["field"] for one in reorder(ids[:2])["errors"]] == ["rewards"]
    deleted = ask(loyalty_staff, DELETE, {"id": ids[0]})["data"]["loyaltyRewardDelete"]
    again = ask(loyalty_staff, DELETE, {"id": ids[0]})["data"]["loyaltyRewardDelete"]

    assert deleted == {"reward": {"name": "a"}, "errors": []}
    assert again["errors"] == [{"field": "id", "code": "NOT_FOUND"}]
    listed = ask(loyalty_staff, STAFF_SHELF, variables)["data"]["loyaltyRewards"]
    assert [(one["name"], one["position"]) for one in listed] == [("c", 0), ("b", 2)]


def test_guests_see_what_is_on_and_nothing_about_themselves(api_client, program, ten_off):
    now, day = timezone.now(), datetime.timedelta(days=1)
    usd_reward(program, name="Off", is_active=False)
    usd_reward(program, name="Soon", starts_at=now + day)
    usd_reward(program, name="Over", ends_at=now - day)
    usd_reward(program, name="Gone", stock=0)

    ten, gone = shelf(api_client)

    assert ten == {
        "name": "Ten off",
        "kind": "FIXED_DISCOUNT",
        "pricePoints": 1000,
        "amounts": [{"amount": 10.0, "currency": "USD"}],
        "tiers": [],
        "isForTiers": False,
        "isInStock": True,
        "translation": None,
        "affordable": None,
        "missingPoints": None,
        "obstacle": None,
    }
    assert (gone["name"], gone["isInStock"]) == ("Gone", False)


def test_who_is_no_member_and_apps_see_nothing_about_themselves_either(
    user_api_client, app_api_client, ten_off
):
    for client in (user_api_client, app_api_client):
        (reward,) = shelf(client)
        assert (reward["affordable"], reward["missingPoints"], reward["obstacle"]) == (None,) * 3


def test_members_see_what_they_can_redeem_and_what_they_lack(
    user_api_client, program, member, ten_off
):
    usd_reward(program, name="Tour", price_points=600)
    usd_reward(program, name="Dear", price_points=601)
    usd_reward(program, name="Gone", price_points=1, stock=0)
    once = usd_reward(program, name="Once", price_points=1, limit_count=1)
    make_redemption(member, once, now=timezone.now())

    seen = {
        one["name"]: (one["affordable"], one["missingPoints"], one["obstacle"])
        for one in shelf(user_api_client)
    }

    assert seen == {
        "Ten off": (False, 400, "POINTS"),
        "Tour": (True, 0, None),
        "Dear": (False, 1, "POINTS"),
        "Gone": (True, 0, "OUT_OF_STOCK"),
        "Once": (True, 0, "LIMIT"),
    }


def test_rewards_of_tiers_tell_others_so(user_api_client, program, member):
    silver, gold = make_ladder(program)
    for tier in (silver, gold):
        usd_reward(program, name=tier.name, price_points=1, tier_ids=frozenset({tier.pk}))
    TierStanding.objects.create(member=member, program=program, tier=silver, since=timezone.now())

    seen = [(one["tiers"], one["obstacle"]) for one in shelf(user_api_client)]

    assert seen == [([{"name": "Silver"}], None), ([{"name": "Gold"}], "TIER")]


def test_points_of_another_programme_do_not_count(user_api_client, program, member, channel_PLN):
    other = make_program(name="Other", channel_ids=[channel_PLN.pk])
    usd_reward(other, price_points=5)

    answer = ask(
        user_api_client,
        '{ loyaltyProgram(channel: "c-pln") { rewards { affordable missingPoints obstacle } } }',
    )

    assert answer["data"]["loyaltyProgram"]["rewards"] == [
        {"affordable": None, "missingPoints": None, "obstacle": None}
    ]


@pytest.mark.parametrize(
    "field", ["stock", "costs { amount }", "giftCount", "giftPeriod", "giftsGiven"]
)
def test_what_only_staff_know_is_kept_from_shoppers(user_api_client, ten_off, field):
    answer = ask(
        user_api_client, f'{{ loyaltyProgram(channel: "main") {{ rewards {{ {field} }} }} }}'
    )

    code = answer["errors"][0]["extensions"]["exception"]["code"]
    assert code == "PermissionDenied"


def test_a_free_product_is_in_stock_where_the_shop_has_a_piece(
    api_client, program, channel_PLN, variant_with_many_stocks
):
    variant_id = str(variant_with_many_stocks.pk)
    mug = make_reward(
        program, RewardKind.FREE_PRODUCT, content=content(variant_id=variant_id), now=LONG_AGO
    )

    def seen(channel: str) -> list[bool]:
        document = """query($channel: String) { loyaltyProgram(channel: "main") {
          rewards { isInStock(channel: $channel) } } }"""
        rewards = ask(api_client, document, {"channel": channel})["data"]["loyaltyProgram"]
        return [one["isInStock"] for one in rewards["rewards"]]

    assert [seen(slug) for slug in ("main", channel_PLN.slug, "nowhere\0")] == [
        [True],
        [False],
        [False],
    ]
    Stock.objects.update(quantity=0)
    assert seen("main") == [False]
    variant_with_many_stocks.track_inventory = False
    variant_with_many_stocks.save()
    assert seen("main") == [True]
    Reward.objects.filter(pk=mug.pk).update(stock=0)
    assert seen("main") == [False]


def test_the_liability_is_kept_from_shoppers(user_api_client, program):
    answer = ask(
        user_api_client,
        '{ loyaltyProgram(channel: "main") { liability { availablePoints } } }',
    )

    assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


def test_staff_see_how_many_gifts_were_given(loyalty_staff, program, member):
    reward = usd_reward(program)
    for key in "12":
        make_redemption(member, reward, key=key, now=timezone.now(), is_gift=True, price_points=0)

    answer = ask(loyalty_staff, STAFF_SHELF, {"program": global_id("LoyaltyProgram", program.pk)})

    assert [one["giftsGiven"] for one in answer["data"]["loyaltyRewards"]] == [2]


def test_staff_read_what_all_points_would_cost(loyalty_staff, program, member, channel_PLN):
    give_points(member, 40, is_pending=True)
    give_points(member_of(program, User.objects.create(email="b@example.com")), 3_000_000_000 // 3)
    rates = [
        RateInput(currency=code, points_per_unit=Decimal(10), point_value=Decimal(value))
        for code, value in (("USD", "0.01"), ("PLN", "0.04"))
    ]
    update_program(program_id=program.pk, changes=ProgramChanges(rates=rates), now=timezone.now())
    reward = usd_reward(program)
    make_redemption(member, reward)
    make_redemption(member, reward, key="2", is_gift=True, price_points=0)
    make_redemption(member, reward, key="3", state=RedemptionState.DONE.value)

    node = ask(loyalty_staff, LIABILITY)["data"]["loyaltyPrograms"]["edges"][0]["node"]

    assert node["liability"] == {
        "availablePoints": 1_000_000_600.0,
        "pendingPoints": 40.0,
        "heldPoints": 0.0,
        "outstandingPoints": 1_000_000_640.0,
        "debtPoints": 0.0,
        "amounts": [
            {"amount": 40_000_025.6, "currency": "PLN"},
            {"amount": 10_000_006.4, "currency": "USD"},
        ],
        "openRewards": 2,
        "openGifts": 1,
        "openRewardPoints": 1000.0,
    }


def queries_of(client, document, variables=None) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = ask(client, document, variables)
    assert "errors" not in answer, answer
    return len(captured)


def test_a_catalogue_takes_as_many_queries_for_3_as_for_1(
    user_api_client, loyalty_staff, program, member
):
    silver, gold = make_ladder(program)
    TierStanding.objects.create(member=member, program=program, tier=gold, since=timezone.now())
    variables = {"program": global_id("LoyaltyProgram", program.pk)}
    queries_of(user_api_client, SHELF)  # the shop's own settings are read once and kept
    counted = []
    for number in range(3):
        reward = usd_reward(program, tier_ids=frozenset({silver.pk, gold.pk}), limit_count=1)
        RewardTranslation.objects.create(reward=reward, language_code="nb", name="Tur")
        make_redemption(member, reward, key=str(number), now=timezone.now())
        counted.append(
            (queries_of(user_api_client, SHELF), queries_of(loyalty_staff, STAFF_SHELF, variables))
        )

    assert counted[2] == counted[0]
    assert Member.objects.count() == 1
