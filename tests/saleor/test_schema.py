"""Our part of Saleor's schema, as a whole."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    build_client_schema,
    get_named_type,
    parse,
    validate,
)
from graphql.utils.introspection_query import introspection_query
from saleor.graphql.api import schema
from saleor.graphql.query_cost_map import COST_MAP

from saleor_loyalty.graphql.schema import COSTS
from tests.saleor.conftest import ask

OUR_FIELDS = {
    "Query": [
        "loyaltyProgram",
        "loyaltyPrograms",
        "loyaltyMember",
        "loyaltyMembers",
        "loyaltyEmails",
        "loyaltyEmailAddressFailures",
        "loyaltyEmailTexts",
        "loyaltyPreferencesByToken",
        "loyaltyEarningRules",
        "loyaltyAdjustments",
        "loyaltyRewards",
        "loyaltyRedemptions",
        "loyaltyEvents",
        "loyaltyEvent",
        "loyaltyStaffEvents",
        "loyaltyEventWavePreview",
    ],
    "Mutation": [
        "loyaltyProgramCreate",
        "loyaltyProgramUpdate",
        "loyaltyJoin",
        "loyaltyPointsAdjust",
        "loyaltyAdjustmentApprove",
        "loyaltyAdjustmentReject",
        "loyaltyPointsRelease",
        "loyaltyDebtForgive",
        "loyaltyActivityReport",
        "loyaltyBirthdayUpdate",
        "loyaltyMembersMerge",
        "loyaltyEarningRuleCreate",
        "loyaltyEarningRuleUpdate",
        "loyaltyEarningRuleDelete",
        "loyaltyEarningRulePreview",
        "loyaltyTierLadderUpdate",
        "loyaltyTierCreate",
        "loyaltyTierUpdate",
        "loyaltyTierReorder",
        "loyaltyTierDelete",
        "loyaltyTierPreview",
        "loyaltyTierAssign",
        "loyaltyTierAssignmentEnd",
        "loyaltyRewardCreate",
        "loyaltyRewardUpdate",
        "loyaltyRewardReorder",
        "loyaltyRewardDelete",
        "loyaltyRewardRedeem",
        "loyaltyRewardGive",
        "loyaltyRedemptionCancel",
        "loyaltyRedemptionAdvance",
        "loyaltyPreferencesUpdate",
        "loyaltyPreferencesUpdateByToken",
        "loyaltyPersonalDaysUpdate",
        "loyaltyConsentRecord",
        "loyaltyMailingUpdate",
        "loyaltyEmailSettingUpdate",
        "loyaltyEmailTextsUpdate",
        "loyaltyEmailTextsReset",
        "loyaltyEmailTextsRestore",
        "loyaltyEmailPreview",
        "loyaltyEmailTestSend",
        "loyaltyEmailSendAgain",
        "loyaltyEmailAddressClear",
        "loyaltyEmailBounceReport",
        "loyaltyEventCreate",
        "loyaltyEventUpdate",
        "loyaltyEventPublish",
        "loyaltyEventCancel",
        "loyaltyEventDelete",
        "loyaltyEventDoorChange",
        "loyaltyEventInvite",
        "loyaltyInvitationRemove",
        "loyaltyEventCheckIn",
        "loyaltyEventWalkIn",
        "loyaltyInvitationRespond",
        "loyaltyEventJoin",
        "loyaltyEventLeave",
        "loyaltyEventFeedback",
    ],
    "User": ["loyalty"],
    "Order": ["loyalty"],
    "Checkout": ["loyalty"],
    "ProductVariant": ["loyaltyPoints"],
}


def our_types():
    return {
        name: type_
        for name, type_ in schema.get_type_map().items()
        if name.startswith("Loyalty") or name in ("OrderLoyalty", "CheckoutLoyalty")
    }


def test_our_fields_are_in_saleors_introspection(api_client):
    data = ask(api_client, introspection_query)["data"]

    introspected = build_client_schema(data)
    for type_name, fields in OUR_FIELDS.items():
        assert set(fields) <= set(introspected.get_type(type_name).fields)


def test_our_fields_are_in_the_schema_that_saleor_prints():
    out = StringIO()

    call_command("get_graphql_schema", stdout=out)

    printed = out.getvalue()
    for fields in OUR_FIELDS.values():
        for field in fields:
            assert field in printed


def test_no_field_of_ours_is_forgotten():
    for type_name in ("Query", "Mutation"):
        ours = {
            name for name in schema.get_type(type_name).fields if name.lower().startswith("loyalty")
        }
        assert ours == set(OUR_FIELDS[type_name])


def test_everything_of_ours_is_described():
    for name, type_ in our_types().items():
        if name.endswith(("Connection", "Edge")) or is_payload(type_):
            continue
        for field_name, field in getattr(type_, "fields", {}).items():
            assert field.description, f"{name}.{field_name}"


def test_every_field_that_reads_has_a_cost():
    for type_name, fields in OUR_FIELDS.items():
        for field in fields:
            assert COST_MAP[type_name][field]["complexity"] >= 1
    for name, type_ in our_types().items():
        if not isinstance(type_, GraphQLObjectType) or is_payload(type_):
            continue
        if name.endswith(("Connection", "Edge")):
            continue
        for field_name, field in type_.fields.items():
            if isinstance(get_named_type(field.type), GraphQLObjectType):
                assert field_name in COSTS.get(name, {}), f"{name}.{field_name}"


def is_payload(type_) -> bool:
    return "errors" in getattr(type_, "fields", {})


def test_every_cost_belongs_to_a_field():
    for type_name, fields in COSTS.items():
        assert set(fields) <= set(schema.get_type(type_name).fields), type_name


@pytest.mark.usefixtures("program")
def test_an_expensive_query_is_refused_by_its_cost(superuser_api_client, settings):
    settings.GRAPHQL_QUERY_MAX_COMPLEXITY = 500

    answer = ask(
        superuser_api_client,
        """{ loyaltyMembers(first: 50) { edges { node {
              entries(first: 100) { edges { node { id } } } } } } }""",
    )

    assert answer["errors"][0]["extensions"]["exception"]["code"] == "QueryCostError"


def test_inputs_take_money_and_points_as_numbers():
    points = schema.get_type("LoyaltyPointsAdjustInput")

    assert isinstance(points, GraphQLInputObjectType)
    assert str(points.fields["points"].type) == "Int!"


def documents() -> list[tuple[str, str]]:
    root = Path(__file__).parent.parent.parent
    return [
        (path.name, block)
        for path in (root / "README.md", *sorted((root / "docs").rglob("*.md")))
        for block in re.findall(r"```graphql\n(.*?)```", path.read_text(), re.DOTALL)
    ]


@pytest.mark.parametrize(("file", "document"), documents())
def test_the_documents_of_the_docs_are_valid(file, document):
    assert validate(schema, parse(document)) == []


def test_the_docs_have_documents():
    assert len(documents()) >= 12
