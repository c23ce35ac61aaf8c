"""Tiers on the API: what storefronts show, and how staff set them up."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from saleor_loyalty.flows.review_tiers import apply_changed_ladders
from saleor_loyalty.plugin.tasks import sweep_orders_task
from saleor_loyalty.tiers.models import Tier, TierChange, TierLadder, TierStanding
from saleor_loyalty.tiers.operations import update_ladder
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, member_of

CREATE = """mutation($program: ID!, $input: LoyaltyTierInput!, $position: Int) {
  loyaltyTierCreate(program: $program, input: $input, position: $position) {
    tier { id name slug description color iconUrl position isInvitationOnly
      threshold { points orders amounts { amount currency } }
      benefits { key kind name text url factor points percentage uses period days
        translation(languageCode: NB) { name text } }
      translation(languageCode: NB) { name description } }
    errors { field code message } } }"""
UPDATE = """mutation($id: ID!, $input: LoyaltyTierInput!, $demotion: LoyaltyTierDemotionEnum) {
  loyaltyTierUpdate(id: $id, input: $input, demotion: $demotion) {
    tier { name slug threshold { points } benefits { key } }
    errors { field code message } } }"""
LADDER = """mutation($program: ID!, $input: LoyaltyTierLadderInput!) {
  loyaltyTierLadderUpdate(program: $program, input: $input) {
    ladder { metric window windowLength movingUp keeping keepMonths falling graceDays noticeDays }
    errors { field code message } } }"""
PREVIEW = """mutation($program: ID!, $input: LoyaltyTierPreviewInput!) {
  loyaltyTierPreview(program: $program, input: $input) {
    preview { warned tiers { name membersBefore membersAfter tier { slug } }
      moves { fromTier { name } toTier { name } toName members examples { id } } }
    errors { field code message } } }"""
STATUS = """{ me { loyalty {
  tier { name since until isGrace warnedFrom isAssigned tier { slug color } benefits { kind name } }
  nextTier { tier { name } missing { points orders amounts { amount currency } } progress by }
  toKeepTier { missing { points } progress countsFrom by }
  tierHistory(first: 5) { totalCount edges { node { kind fromTier { name } toTier { name }
    since until metric counted { points } needed { points } countsFrom countsUntil note } } }
  tierExplanation { change { kind } metric counted { points } countsFrom earnedTier { name }
    assignedTier { name } assignedUntil isPinned dueTier { name } nextLookOn }
  tierVouchers { code benefit { kind } validFrom validUntil }
} } }"""


def program_id(program):
    return global_id("LoyaltyProgram", program.pk)


def create(client, program, name, points, *, position=None, **values):
    given = {"name": name, "threshold": {"points": points}, **values}
    variables = {"program": program_id(program), "input": given, "position": position}
    return ask(client, CREATE, variables)["data"]["loyaltyTierCreate"]


@pytest.fixture
def tiers(loyalty_staff, program):
    """Silver at 100 points, Gold at 1000."""
    return [
        create(loyalty_staff, program, name, points)["tier"]
        for name, points in (("Silver", 100), ("Gold", 1000))
    ]


@pytest.fixture
def climbed(tiers, program, paid_order, customer_user):
    """A customer whose order made them Silver: 86.10 dollars, 861 points."""
    sweep_orders_task()
    return TierStanding.objects.get()


def test_staff_create_a_tier_with_all_that_it_has(loyalty_staff, program):
    payload = create(
        loyalty_staff,
        program,
        "Gold Étoile",
        1000,
        description="For our best",
        color="#C0A060",
        iconUrl="https://cdn.example/gold.svg",
        benefits=[
            {"key": "double", "kind": "EARN_MULTIPLIER", "factor": 2},
            {
                "key": "birthday-cake",
                "kind": "PERK",
                "name": "A cake",
                "text": "On your birthday",
                "url": "https://shop.example/cake",
            },
            {"key": "shipping", "kind": "FREE_SHIPPING", "uses": 3, "period": "MONTH"},
        ],
        translations=[
            {
                "languageCode": "NB",
                "name": "Gull",
                "description": "For de beste",
                "benefits": [{"key": "birthday-cake", "name": "En kake"}],
            }
        ],
    )

    assert payload["errors"] == []
    tier = payload["tier"]
    assert (tier["slug"], tier["position"], tier["threshold"]["points"]) == ("gold-etoile", 0, 1000)
    assert tier["translation"] == {"name": "Gull", "description": "For de beste"}
    double, cake, shipping = tier["benefits"]
    assert (double["factor"], double["translation"]) == (2.0, None)
    assert cake["translation"] == {"name": "En kake", "text": "On your birthday"}
    assert (shipping["uses"], shipping["period"]) == (3, "MONTH")


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": " "}, "name", "1 to 60"),
        ({"slug": "No Slug"}, "slug", "small letters"),
        ({"slug": "silver"}, "slug", "another tier"),
        ({"color": "gold"}, "color", "#C0A060"),
        ({"iconUrl": "javascript:alert(1)"}, "iconUrl", "http"),
        ({"threshold": {"points": -1}}, "threshold", "0 to"),
        ({"threshold": {"points": 100}}, "threshold", "above that of Silver"),
        ({"threshold": {"orders": 3}}, "threshold", "does not say how many points"),
        ({"benefits": [{"key": "x", "kind": "EARN_MULTIPLIER"}]}, "benefits", "needs factor"),
        (
            {"benefits": [{"key": "x", "kind": "PERK", "name": "y", "points": 5}]},
            "benefits",
            "takes no points",
        ),
        (
            {"translations": [{"languageCode": "NB", "benefits": [{"key": "cake", "name": "x"}]}]},
            "translations",
            "'cake'",
        ),
    ],
)
def test_a_bad_tier_is_refused_with_words_and_nothing_is_written(
    loyalty_staff, program, values, field, words
):
    create(loyalty_staff, program, "Silver", 100)

    payload = create(loyalty_staff, program, **{"name": "Gold", "points": 1000, **values})

    assert [error["field"] for error in payload["errors"]] == [field]
    assert words in payload["errors"][0]["message"]
    assert Tier.objects.count() == 1
    assert TierLadder.objects.get().version == 2


def test_the_ladder_is_public_and_reads_in_any_order_of_making(api_client, loyalty_staff, program):
    create(loyalty_staff, program, "Gold", 1000)
    create(loyalty_staff, program, "Silver", 100, position=0)

    answer = ask(
        api_client,
        """{ loyaltyProgram(channel: "main") { tiers { name position } ladder {
              metric window windowLength movingUp keeping keepMonths falling graceDays noticeDays
            } } }""",
    )

    shown = answer["data"]["loyaltyProgram"]
    assert [tier["name"] for tier in shown["tiers"]] == ["Silver", "Gold"]
    assert shown["ladder"] == {
        "metric": "POINTS",
        "window": "CALENDAR_YEAR",
        "windowLength": 0,
        "movingUp": "AT_ONCE",
        "keeping": "NEXT_PERIOD",
        "keepMonths": 0,
        "falling": "TO_METRIC",
        "graceDays": 14,
        "noticeDays": 30,
    }


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"window": "ROLLING_DAYS"}, "windowLength"),
        ({"windowLength": 3}, "windowLength"),
        ({"window": "LIFETIME"}, "keeping"),
        ({"keeping": "MONTHS"}, "keepMonths"),
        ({"graceDays": 400}, "graceDays"),
        ({"metric": "AMOUNT"}, "threshold"),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused(loyalty_staff, program, tiers, values, field):
    answer = ask(loyalty_staff, LADDER, {"program": program_id(program), "input": values})

    errors = answer["data"]["loyaltyTierLadderUpdate"]["errors"]
    assert [error["field"] for error in errors] == [field]
    assert TierLadder.objects.get().terms["window"] == "calendar_year"


def test_tiers_are_reordered_and_deleted(loyalty_staff, program, tiers):
    circle = create(loyalty_staff, program, "Circle", None, isInvitationOnly=True)["tier"]
    document = """mutation($program: ID!, $tiers: [ID!]!) {
      loyaltyTierReorder(program: $program, tiers: $tiers) {
        tiers { name position } errors { field message } } }"""

    def reorder(*some):
        ids = [one["id"] for one in some]
        answer = ask(loyalty_staff, document, {"program": program_id(program), "tiers": ids})
        return answer["data"]["loyaltyTierReorder"]

    silver, gold = tiers
    assert "above that of" in reorder(gold, silver, circle)["errors"][0]["message"]
    assert "each tier" in reorder(silver, gold)["errors"][0]["message"]
    done = reorder(silver, circle, gold)
    assert [tier["name"] for tier in done["tiers"]] == ["Silver", "Circle", "Gold"]
    deleted = ask(
        loyalty_staff,
        """mutation($id: ID!, $to: ID) { loyaltyTierDelete(id: $id, moveTo: $to) {
          tier { name } errors { field message } } }""",
        {"id": circle["id"], "to": gold["id"]},
    )
    assert deleted["data"]["loyaltyTierDelete"]["errors"] == []
    left = Tier.objects.filter(deleted_at=None).values_list("name", "position")
    assert list(left) == [("Silver", 0), ("Gold", 1)]


def test_a_shopper_sees_their_tier_what_is_missing_and_why(user_api_client, climbed):
    loyalty = ask(user_api_client, STATUS)["data"]["me"]["loyalty"]

    year = timezone.now().year
    end = f"{year}-12-31"
    assert loyalty["tier"]["name"] == "Silver"
    assert loyalty["tier"]["until"] == f"{year + 1}-12-31"
    assert loyalty["tier"]["warnedFrom"] == f"{year + 1}-12-01"
    assert (loyalty["tier"]["isGrace"], loyalty["tier"]["isAssigned"]) == (False, False)
    assert loyalty["nextTier"] == {
        "tier": {"name": "Gold"},
        "missing": {"points": 139, "orders": None, "amounts": []},
        "progress": 86,
        "by": end,
    }
    assert loyalty["toKeepTier"] == {
        "missing": {"points": 100},
        "progress": 0,
        "countsFrom": f"{year + 1}-01-01",
        "by": f"{year + 1}-12-31",
    }
    history = loyalty["tierHistory"]
    assert history["totalCount"] == 1
    change = history["edges"][0]["node"]
    assert (change["kind"], change["fromTier"], change["toTier"]) == (
        "ROSE",
        None,
        {"name": "Silver"},
    )
    assert (change["counted"], change["needed"]) == ({"points": 861}, {"points": 100})
    assert change["countsFrom"] == f"{year}-01-01"
    explanation = loyalty["tierExplanation"]
    assert explanation["change"] == {"kind": "ROSE"}
    assert (explanation["metric"], explanation["counted"]) == ("POINTS", {"points": 861})
    assert explanation["earnedTier"] == explanation["dueTier"] == {"name": "Silver"}
    assert explanation["nextLookOn"] == f"{year + 1}-12-01"


@pytest.mark.parametrize("notice_days", [30, 0])
def test_the_day_of_the_warning_is_the_one_on_which_it_comes(
    user_api_client, tiers, program, paid_order, customer_user, notice_days
):
    terms = {"window": "rolling_days", "window_length": 20, "notice_days": notice_days}
    update_ladder(program_id=program.pk, terms=terms, now=timezone.now())
    sweep_orders_task()

    loyalty = ask(user_api_client, STATUS)["data"]["me"]["loyalty"]

    until = datetime.date.fromisoformat(loyalty["tier"]["until"])
    ten_before = str(until - datetime.timedelta(days=10))
    assert loyalty["tier"]["warnedFrom"] == (ten_before if notice_days else None)
    if notice_days:
        assert loyalty["tierExplanation"]["nextLookOn"] == ten_before


def test_nobody_else_sees_a_shoppers_tier(staff_api_client, climbed, customer_user):
    answer = ask(
        staff_api_client,
        "query($id: ID!) { user(id: $id) { loyalty { tier { name } } } }",
        {"id": global_id("User", customer_user.pk)},
    )

    assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


@pytest.mark.usefixtures("tiers")
def test_a_checkout_says_to_which_tier_it_leads(user_api_client, checkout_with_item, customer_user):
    checkout_with_item.user = customer_user
    checkout_with_item.save(update_fields=["user"])
    document = """query($id: ID!) { checkout(id: $id) {
      loyalty { pointsToEarn tierReached { name } } } }"""

    answer = ask(user_api_client, document, {"id": global_id("Checkout", checkout_with_item.token)})

    shown = answer["data"]["checkout"]["loyalty"]
    assert shown == {"pointsToEarn": 300, "tierReached": {"name": "Silver"}}


@pytest.mark.usefixtures("climbed")
def test_the_multiplier_of_a_tier_shows_in_checkouts_and_on_products(
    user_api_client, loyalty_staff, checkout_with_item, customer_user, variant, tiers
):
    checkout_with_item.user = customer_user
    checkout_with_item.save(update_fields=["user"])
    benefits = [{"key": "x", "kind": "EARN_MULTIPLIER", "factor": 1.5}]
    ask(loyalty_staff, UPDATE, {"id": tiers[0]["id"], "input": {"benefits": benefits}})

    answer = ask(
        user_api_client,
        """query($id: ID!, $variant: ID!) {
          checkout(id: $id) { loyalty { pointsToEarn tierReached { name }
            breakdown { parts { name points tierId } } } }
          productVariant(id: $variant, channel: "main") { loyaltyPoints(channel: "main") {
            points } } }""",
        {
            "id": global_id("Checkout", checkout_with_item.token),
            "variant": global_id("ProductVariant", variant.pk),
        },
    )

    shown = answer["data"]["checkout"]["loyalty"]
    assert (shown["pointsToEarn"], shown["tierReached"]) == (450, {"name": "Gold"})
    assert shown["breakdown"]["parts"] == [
        {"name": "", "points": 300, "tierId": None},
        {"name": "Silver", "points": 150, "tierId": tiers[0]["id"]},
    ]
    assert answer["data"]["productVariant"]["loyaltyPoints"]["points"] == 150


def test_a_preview_says_who_would_move_and_writes_nothing(loyalty_staff, program, tiers, climbed):
    silver, gold = tiers
    given = {
        "tiers": [
            {"tier": silver["id"]},
            {"tier": gold["id"], "threshold": {"points": 500}},
            {"name": "Diamond", "threshold": {"points": 600}},
        ]
    }

    answer = ask(loyalty_staff, PREVIEW, {"program": program_id(program), "input": given})

    payload = answer["data"]["loyaltyTierPreview"]
    assert payload["errors"] == []
    preview = payload["preview"]
    assert [
        (one["name"], one["membersBefore"], one["membersAfter"]) for one in preview["tiers"]
    ] == [
        ("Silver", 1, 0),
        ("Gold", 0, 0),
        ("Diamond", 0, 1),
        ("", 0, 0),
    ]
    assert preview["moves"] == [
        {
            "fromTier": {"name": "Silver"},
            "toTier": None,
            "toName": "Diamond",
            "members": 1,
            "examples": [{"id": global_id("LoyaltyMember", climbed.member_id)}],
        }
    ]
    assert Tier.objects.count() == 2
    assert apply_changed_ladders(now=timezone.now()) == 0
    assert TierChange.objects.count() == 1


def test_a_preview_of_nonsense_is_refused(loyalty_staff, program, tiers):
    silver, gold = tiers

    def fields(**given):
        answer = ask(loyalty_staff, PREVIEW, {"program": program_id(program), "input": given})
        return [error["field"] for error in answer["data"]["loyaltyTierPreview"]["errors"]]

    assert fields(tiers=[{"tier": gold["id"]}, {"tier": silver["id"]}]) == ["threshold"]
    assert fields(tiers=[{"threshold": {"points": 1}}]) == ["tiers"]
    assert fields(removals=[{"tier": gold["id"]}]) == ["removals"]
    assert fields(tiers=[{"tier": silver["id"]}, {"tier": silver["id"]}]) == ["tiers"]


ASSIGN = """mutation($member: ID!, $tier: ID!, $reason: String!, $until: Date, $pinned: Boolean) {
  loyaltyTierAssign(memberId: $member, tier: $tier, reason: $reason, until: $until,
      isPinned: $pinned) {
    member { tier { name until isAssigned } tierHistory(first: 1) { edges { node {
      kind note actor } } } }
    errors { field code message } } }"""


def test_staff_assign_a_tier_with_a_reason_and_an_end(loyalty_staff, tiers, climbed):
    until = (timezone.now() + datetime.timedelta(days=60)).date().isoformat()
    member = global_id("LoyaltyMember", climbed.member_id)
    given = {"member": member, "tier": tiers[1]["id"], "reason": "A friend", "until": until}

    payload = ask(loyalty_staff, ASSIGN, given)["data"]["loyaltyTierAssign"]

    assert payload["errors"] == []
    assert payload["member"]["tier"] == {"name": "Gold", "until": until, "isAssigned": True}
    change = payload["member"]["tierHistory"]["edges"][0]["node"]
    assert change == {
        "kind": "ASSIGNED",
        "note": "A friend",
        "actor": f"user:{loyalty_staff.user.pk}",
    }
    ended = ask(
        loyalty_staff,
        """mutation($member: ID!) { loyaltyTierAssignmentEnd(memberId: $member, reason: "Over") {
          member { tier { name isAssigned } } errors { field } } }""",
        {"member": member},
    )["data"]["loyaltyTierAssignmentEnd"]
    assert ended["member"]["tier"] == {"name": "Silver", "isAssigned": False}


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"reason": " "}, "reason", "INVALID"),
        ({"until": "2020-01-01"}, "until", "INVALID"),
        ({"tier": global_id("LoyaltyTier", 987654)}, "tier", "NOT_FOUND"),
        ({"member": global_id("LoyaltyMember", 987654)}, "memberId", "NOT_FOUND"),
    ],
)
def test_a_bad_assignment_is_refused_and_nothing_is_written(
    loyalty_staff, tiers, climbed, values, field, code
):
    given = {
        "member": global_id("LoyaltyMember", climbed.member_id),
        "tier": tiers[1]["id"],
        "reason": "A friend",
        **values,
    }

    payload = ask(loyalty_staff, ASSIGN, given)["data"]["loyaltyTierAssign"]

    assert [(one["field"], one["code"]) for one in payload["errors"]] == [(field, code)]
    assert TierChange.objects.count() == 1


def test_members_are_listed_by_tier(loyalty_staff, tiers, climbed, program, staff_user):
    member_of(program, staff_user)

    answer = ask(
        loyalty_staff,
        """query($tier: ID!) { loyaltyMembers(first: 5, filter: {tier: $tier}) {
          edges { node { id tier { name } } } } }""",
        {"tier": tiers[0]["id"]},
    )

    edges = answer["data"]["loyaltyMembers"]["edges"]
    assert [edge["node"]["tier"]["name"] for edge in edges] == ["Silver"]


def test_lists_of_members_take_the_same_queries_however_long(loyalty_staff, program, tiers):
    from saleor.account.models import User

    document = """query($first: Int!) { loyaltyMembers(first: $first) { edges { node {
      tier { name until benefits { kind } } nextTier { tier { name } missing { points } }
      toKeepTier { by } tierExplanation { change { kind } dueTier { name } }
      tierVouchers { code } } } } }"""
    for number in range(3):
        user = User.objects.create(email=f"user{number}@example.com")
        member = member_of(program, user)
        TierStanding.objects.create(
            member=member, program=program, tier_id=Tier.objects.first().pk, since=timezone.now()
        )

    def queries(first):
        with CaptureQueriesContext(connection) as captured:
            assert "errors" not in ask(loyalty_staff, document, {"first": first})
        return len(captured)

    assert queries(1) == queries(3)


def test_an_earning_rule_may_ask_for_a_tier(loyalty_staff, program, tiers, climbed):
    from tests.saleor.test_rules_api import create as create_rule

    payload = create_rule(
        loyalty_staff, program, conditions=[{"kind": "TIER", "values": [tiers[0]["id"]]}]
    )

    assert payload["errors"] == []
    shown = payload["earningRule"]["conditions"]
    assert shown == [{"kind": "TIER", "values": [tiers[0]["id"]], "exclude": False}]


def test_money_thresholds_show_what_is_missing_in_each_currency(
    user_api_client, loyalty_staff, program, paid_order
):
    create(
        loyalty_staff,
        program,
        "Gold",
        None,
        threshold={"points": 1, "amounts": [{"currency": "USD", "amount": "210"}]},
    )
    ask(loyalty_staff, LADDER, {"program": program_id(program), "input": {"metric": "AMOUNT"}})
    sweep_orders_task()

    loyalty = ask(user_api_client, STATUS)["data"]["me"]["loyalty"]

    assert loyalty["tier"] is None
    spent = Decimal(paid_order.subtotal_gross_amount)
    assert loyalty["nextTier"]["missing"]["amounts"] == [
        {"amount": float(210 - spent), "currency": "USD"}
    ]
