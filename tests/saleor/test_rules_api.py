"""Earning rules on the API, and what checkouts, products and orders show of them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from saleor.graphql.core.utils import to_global_id_or_none
from saleor.product.models import Collection, CollectionProduct

from saleor_loyalty.earning.models import EarningRule
from saleor_loyalty.plugin.tasks import sweep_orders_task
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, member_of

CREATE = """mutation($program: ID!, $input: LoyaltyEarningRuleInput!) {
  loyaltyEarningRuleCreate(program: $program, input: $input) {
    earningRule { id name position isActive version trigger action points factor stacking
      rates { currency pointsPerUnit } conditions { kind values exclude }
      capPoints capTimes capPeriod cooldownDays budgetPoints budgetUsedPoints maximumPoints
      maturingDays expiryDays }
    errors { field code message } } }"""
UPDATE = """mutation($id: ID!, $input: LoyaltyEarningRuleInput!) {
  loyaltyEarningRuleUpdate(id: $id, input: $input) {
    earningRule { name version isActive points capPoints } errors { field code message } } }"""


def create(client, program, **values):
    values = {"name": "Bonus", "action": "FIXED_POINTS", "points": 50, **values}
    variables = {
        "program": global_id("LoyaltyProgram", program.pk),
        "input": {name: value for name, value in values.items() if value is not None},
    }
    answer = ask(client, CREATE, variables)
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyEarningRuleCreate"]


@pytest.fixture
def collection(product, channel_USD):
    collection = Collection.objects.create(name="Summer", slug="summer-2026")
    CollectionProduct.objects.create(collection=collection, product=product)
    return collection


def test_staff_create_a_rule_and_see_it_listed(loyalty_staff, program, collection):
    summer = global_id("Collection", collection.pk)

    payload = create(
        loyalty_staff,
        program,
        action="MULTIPLIER",
        points=None,
        factor=2,
        conditions=[
            {"kind": "COLLECTION", "values": [summer]},
            {"kind": "WEEKDAY", "values": ["sunday"], "exclude": True},
        ],
        capPoints=500,
        capPeriod="WEEK",
    )

    assert payload["errors"] == []
    rule = payload["earningRule"]
    assert (rule["name"], rule["version"], rule["isActive"]) == ("Bonus", 1, True)
    assert (rule["action"], rule["factor"], rule["points"]) == ("MULTIPLIER", 2.0, 0)
    assert (rule["capPoints"], rule["capPeriod"], rule["budgetUsedPoints"]) == (500, "WEEK", None)
    assert rule["conditions"] == [
        {"kind": "COLLECTION", "values": [summer], "exclude": False},
        {"kind": "WEEKDAY", "values": ["sunday"], "exclude": True},
    ]
    listed = ask(
        loyalty_staff,
        "query($program: ID!) { loyaltyEarningRules(program: $program) { id trigger stacking } }",
        {"program": global_id("LoyaltyProgram", program.pk)},
    )
    assert listed["data"]["loyaltyEarningRules"] == [
        {"id": rule["id"], "trigger": "ORDER", "stacking": "ADD"}
    ]


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": ""}, "name", "1 to 120"),
        ({"points": 0}, "points", "1 to 100000000"),
        ({"action": None}, "action", "needs an action"),
        ({"conditions": [{"kind": "COUNTRY", "values": ["Norway"]}]}, "conditions", "two capital"),
        ({"conditions": [{"kind": "PRODUCT", "values": ["x"]}]}, "conditions", "Product"),
        ({"trigger": "ACTIVITY"}, "activity", "must name the activity"),
        (
            {"action": "POINTS_PER_UNIT", "points": None, "rates": []},
            "rates",
            "missing for USD",
        ),
    ],
)
def test_a_bad_rule_is_refused_with_words_and_nothing_is_written(
    loyalty_staff, program, values, field, words
):
    payload = create(loyalty_staff, program, **values)

    assert [error["field"] for error in payload["errors"]] == [field]
    assert words in payload["errors"][0]["message"]
    assert EarningRule.objects.count() == 0


def test_a_rule_is_changed_switched_off_and_deleted(loyalty_staff, program):
    rule = create(loyalty_staff, program, capPoints=500)["earningRule"]

    def update(**values):
        answer = ask(loyalty_staff, UPDATE, {"id": rule["id"], "input": values})
        return answer["data"]["loyaltyEarningRuleUpdate"]["earningRule"]

    assert update(points=70)["points"] == 70
    assert update(capPoints=None)["capPoints"] is None
    assert update(isActive=False, name="Old")["isActive"] is False
    deleted = ask(
        loyalty_staff,
        "mutation($id: ID!) { loyaltyEarningRuleDelete(id: $id) { errors { code } } }",
        {"id": rule["id"]},
    )
    gone = ask(loyalty_staff, UPDATE, {"id": rule["id"], "input": {"points": 1}})

    assert deleted["data"]["loyaltyEarningRuleDelete"]["errors"] == []
    errors = gone["data"]["loyaltyEarningRuleUpdate"]["errors"]
    assert [error["code"] for error in errors] == ["NOT_FOUND"]


CHECKOUT = """query($id: ID!) { checkout(id: $id) { loyalty { pointsToEarn breakdown {
  merchandise { amount } parts { name wantedPoints points limit ruleVersion } } } } }"""


def test_a_checkout_shows_what_each_rule_gives(
    api_client, loyalty_staff, program, checkout_with_item, collection
):
    create(
        loyalty_staff,
        program,
        name="Summer doubles",
        action="MULTIPLIER",
        points=None,
        factor=2,
        conditions=[
            {"kind": "COLLECTION", "values": [global_id("Collection", collection.pk)]},
            {"kind": "CATEGORY", "values": [_category(checkout_with_item)]},
            {"kind": "PRODUCT_TYPE", "values": [_product_type(checkout_with_item)]},
            {"kind": "MINIMUM_AMOUNT", "values": ["USD 30"]},
        ],
        maximumPoints=250,
    )

    answer = ask(api_client, CHECKOUT, {"id": to_global_id_or_none(checkout_with_item)})

    loyalty = answer["data"]["checkout"]["loyalty"]
    assert loyalty["pointsToEarn"] == 550
    assert loyalty["breakdown"] == {
        "merchandise": {"amount": 30.0},
        "parts": [
            {"name": "", "wantedPoints": 300, "points": 300, "limit": None, "ruleVersion": None},
            {
                "name": "Summer doubles",
                "wantedPoints": 300,
                "points": 250,
                "limit": "MAXIMUM_POINTS",
                "ruleVersion": 1,
            },
        ],
    }


def _category(checkout):
    product = checkout.lines.first().variant.product
    return global_id("Category", product.category_id)


def _product_type(checkout):
    return global_id("ProductType", checkout.lines.first().variant.product.product_type_id)


VARIANT = """query($id: ID!) { productVariant(id: $id, channel: "main") {
  loyaltyPoints(channel: "main") { points breakdown { parts { name points } } } } }"""


def test_a_product_shows_what_one_piece_earns_without_bonuses_for_orders(
    api_client, loyalty_staff, program, variant, collection
):
    only = [{"kind": "COLLECTION", "values": [global_id("Collection", collection.pk)]}]
    create(loyalty_staff, program, name="Welcome", trigger="FIRST_ORDER", points=500)
    create(loyalty_staff, program, name="Each", action="POINTS_PER_ITEM", points=7, conditions=only)

    answer = ask(api_client, VARIANT, {"id": global_id("ProductVariant", variant.pk)})

    assert answer["data"]["productVariant"]["loyaltyPoints"] == {
        "points": 107,
        "breakdown": {"parts": [{"name": "", "points": 100}, {"name": "Each", "points": 7}]},
    }


@pytest.mark.parametrize("who", ["api_client", "user_api_client"])
def test_products_take_as_many_queries_for_3_as_for_1(
    who, request, loyalty_staff, program, customer_user, product_list
):
    member_of(program, customer_user)
    create(loyalty_staff, program, capPoints=500, budgetPoints=1000, trigger="FIRST_ORDER")
    create(loyalty_staff, program, action="POINTS_PER_ITEM", points=3, capTimes=2)
    client = request.getfixturevalue(who)
    document = """query($first: Int!) { productVariants(first: $first, channel: "main") {
      edges { node { loyaltyPoints(channel: "main") { points } } } } }"""

    counts = []
    for first in (1, 1, 3):  # the first one warms Saleor's caches up
        with CaptureQueriesContext(connection) as captured:
            answer = ask(client, document, {"first": first})
        assert "errors" not in answer, answer
        assert len(answer["data"]["productVariants"]["edges"]) == first
        counts.append(len(captured))

    assert counts[1] == counts[2]


def test_a_members_checkout_promises_within_what_a_cap_has_left(
    user_api_client, loyalty_staff, program, customer_user, checkout_with_item
):
    member_of(program, customer_user)
    create(loyalty_staff, program, capPoints=20)
    checkout_with_item.user = customer_user
    checkout_with_item.save()

    answer = ask(user_api_client, CHECKOUT, {"id": to_global_id_or_none(checkout_with_item)})

    parts = answer["data"]["checkout"]["loyalty"]["breakdown"]["parts"]
    assert (parts[1]["wantedPoints"], parts[1]["points"], parts[1]["limit"]) == (
        50,
        20,
        "CAP_POINTS",
    )


def test_without_a_programme_products_show_nothing(api_client, plugin_on, variant):
    answer = ask(api_client, VARIANT, {"id": global_id("ProductVariant", variant.pk)})

    assert answer["data"]["productVariant"]["loyaltyPoints"] is None


PREVIEW = """mutation($program: ID!, $order: ID!, $input: LoyaltyEarningRuleInput!, $rule: ID) {
  loyaltyEarningRulePreview(program: $program, order: $order, input: $input, rule: $rule) {
    preview { pointsWithout pointsWith breakdown { parts { name points } } }
    errors { field code } } }"""


def test_a_rule_is_tried_on_a_past_order_and_nothing_is_written(loyalty_staff, program, paid_order):
    variables = {
        "program": global_id("LoyaltyProgram", program.pk),
        "order": global_id("Order", paid_order.pk),
        "input": {"name": "Plus", "action": "FIXED_POINTS", "points": 40},
    }

    tried = ask(loyalty_staff, PREVIEW, variables)["data"]["loyaltyEarningRulePreview"]
    variables["order"] = global_id("Order", "5b1f9a3c-0000-4000-8000-000000000000")
    unknown = ask(loyalty_staff, PREVIEW, variables)["data"]["loyaltyEarningRulePreview"]

    assert tried["errors"] == []
    assert (tried["preview"]["pointsWithout"], tried["preview"]["pointsWith"]) == (861, 901)
    assert unknown["errors"] == [{"field": "order", "code": "NOT_FOUND"}]
    assert EarningRule.objects.count() == 0


ORDER = """query($id: ID!) { order(id: $id) { loyalty { points breakdown {
  parts { name points ruleId } } } } }"""


def test_what_a_checkout_promised_the_order_shows(
    user_api_client, loyalty_staff, program, paid_order
):
    rule = create(loyalty_staff, program, name="Plus")["earningRule"]
    paid_order.created_at = timezone.now()
    paid_order.save()
    sweep_orders_task()

    order = ask(user_api_client, ORDER, {"id": global_id("Order", paid_order.pk)})

    assert order["data"]["order"]["loyalty"] == {
        "points": 911,
        "breakdown": {
            "parts": [
                {"name": "", "points": 861, "ruleId": None},
                {"name": "Plus", "points": 50, "ruleId": rule["id"]},
            ]
        },
    }


def test_kinds_of_conditions_are_described_in_the_schema(api_client):
    answer = ask(
        api_client,
        '{ __type(name: "LoyaltyConditionKindEnum") { enumValues { name description } } }',
    )

    kinds = {one["name"]: one["description"] for one in answer["data"]["__type"]["enumValues"]}
    assert kinds["CHANNEL"] == "The order's channel."
    assert all(kinds.values())
