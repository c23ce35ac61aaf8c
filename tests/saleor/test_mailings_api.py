"""How programmes send their mails, on the API."""

import pytest
from django.utils import timezone

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.mailings.models import ProgramMailing
from saleor_loyalty.mailings.operations import change_kind
from saleor_loyalty.mailings.queries import mailings_of
from saleor_loyalty.mailings.rules import KindTerms
from saleor_loyalty.programs.models import Program
from tests.factories import make_program
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, queries_of
from tests.tiers.ladders import make_ladder

KIND = """kind name purpose isOn transport delayHours sendHour daysBefore tiers { name }
  channels { slug } languageCodes"""
MAILING = f"quietFrom quietUntil weeklyLimit milestones kinds {{ {KIND} }}"
READ = f"""query($first: Int!) {{ loyaltyPrograms(first: $first) {{ edges {{ node {{
  mailing {{ {MAILING} }} }} }} }} }}"""
UPDATE = f"""mutation($program: ID!, $input: LoyaltyMailingInput!) {{
  loyaltyMailingUpdate(program: $program, input: $input) {{
    loyaltyProgram {{ mailing {{ {MAILING} }} }} errors {{ field code message }} }} }}"""
SET = f"""mutation($program: ID!, $kind: LoyaltyEmailKindEnum!, $input: LoyaltyEmailSettingInput!) {{
  loyaltyEmailSettingUpdate(program: $program, kind: $kind, input: $input) {{
    loyaltyProgram {{ mailing {{ {MAILING} }} }} errors {{ field code message }} }} }}"""


def update(client, program_id, **values):
    variables = {"program": global_id("LoyaltyProgram", program_id), "input": values}
    answer = ask(client, UPDATE, variables)
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyMailingUpdate"]


def set_kind(client, program_id, kind="BIRTHDAY", **values):
    variables = {
        "program": global_id("LoyaltyProgram", program_id),
        "kind": kind,
        "input": values,
    }
    answer = ask(client, SET, variables)
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyEmailSettingUpdate"]


def kind_of(payload, kind):
    kinds = payload["loyaltyProgram"]["mailing"]["kinds"]
    return next(one for one in kinds if one["kind"] == kind)


def terms_of(program):
    return mailings_of(program_ids=[program.pk])[program.pk]


def test_staff_see_all_kinds_as_they_come(loyalty_staff, program):
    edges = ask(loyalty_staff, READ, {"first": 1})["data"]["loyaltyPrograms"]["edges"]

    mailing = edges[0]["node"]["mailing"]
    assert (mailing["quietFrom"], mailing["quietUntil"], mailing["weeklyLimit"]) == (21, 8, 2)
    assert mailing["milestones"] == [10, 25, 50, 100]
    assert [one["kind"] for one in mailing["kinds"]] == [kind.name for kind in EmailKind]
    assert mailing["kinds"][0] == {
        "kind": "WELCOME",
        "name": "Welcome",
        "purpose": "SERVICE",
        "isOn": True,
        "transport": "EMAIL",
        "delayHours": 0,
        "sendHour": 9,
        "daysBefore": None,
        "tiers": [],
        "channels": [],
        "languageCodes": [],
    }
    off = {one["kind"] for one in mailing["kinds"] if not one["isOn"]}
    marketing = {one["kind"] for one in mailing["kinds"] if one["purpose"] == "MARKETING"}
    assert off == marketing - {"EVENT_INVITATION"}


def test_names_are_in_the_language_asked_for(loyalty_staff, program, monkeypatch):
    monkeypatch.setattr(
        "saleor_loyalty.emails.defaults.translate",
        lambda sentence, *, language: (f"{language}: {sentence}", False),
    )
    document = """{ loyaltyPrograms(first: 1) { edges { node { mailing { kinds {
      name(languageCode: NB) } } } } } }"""

    edges = ask(loyalty_staff, document)["data"]["loyaltyPrograms"]["edges"]

    assert edges[0]["node"]["mailing"]["kinds"][0]["name"] == "nb: Welcome"


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("who", ["api_client", "user_api_client", "staff_api_client"])
def test_nobody_else_sees_them(who, request):
    client = request.getfixturevalue(who)
    document = '{ loyaltyProgram(channel: "main") { mailing { quietFrom } } }'

    answer = ask(client, document)

    assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


def test_staff_change_the_limits_and_nothing_else(loyalty_staff, program):
    set_kind(loyalty_staff, program.pk, isOn=True)

    payload = update(loyalty_staff, program.pk, quietFrom=22, milestones=[50, 5, 50])
    nothing = update(loyalty_staff, program.pk)

    mailing = payload["loyaltyProgram"]["mailing"]
    assert payload["errors"] == []
    assert (mailing["quietFrom"], mailing["quietUntil"], mailing["weeklyLimit"]) == (22, 8, 2)
    assert mailing["milestones"] == [5, 50]
    assert kind_of(payload, "BIRTHDAY")["isOn"] is True
    assert nothing == payload


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"quietFrom": 24}, "quietFrom"),
        ({"quietUntil": -1}, "quietUntil"),
        ({"weeklyLimit": 51}, "weeklyLimit"),
        ({"milestones": [1]}, "milestones"),
        ({"milestones": list(range(2, 23))}, "milestones"),
    ],
)
def test_limits_that_make_no_sense_are_refused_and_change_nothing(
    loyalty_staff, program, values, field
):
    payload = update(loyalty_staff, program.pk, **values)

    assert [(one["field"], one["code"]) for one in payload["errors"]] == [(field, "INVALID")]
    assert ProgramMailing.objects.count() == 0


def test_staff_set_all_of_a_kind(loyalty_staff, program, channel_USD):
    tier = make_ladder(program)[1]

    payload = set_kind(
        loyalty_staff,
        program.pk,
        isOn=True,
        transport="EVENT",
        delayHours=3,
        sendHour=10,
        daysBefore=14,
        tiers=[global_id("LoyaltyTier", tier.pk)] * 2,
        channels=[global_id("Channel", channel_USD.pk)],
        languageCodes=["NB", "HR"],
    )

    assert payload["errors"] == []
    assert kind_of(payload, "BIRTHDAY") == {
        "kind": "BIRTHDAY",
        "name": "Birthday greetings",
        "purpose": "MARKETING",
        "isOn": True,
        "transport": "EVENT",
        "delayHours": 3,
        "sendHour": 10,
        "daysBefore": 14,
        "tiers": [{"name": tier.name}],
        "channels": [{"slug": channel_USD.slug}],
        "languageCodes": ["NB", "HR"],
    }


def test_only_what_is_given_changes_and_null_days_are_the_policys(loyalty_staff, program):
    set_kind(loyalty_staff, program.pk, isOn=True, delayHours=3, daysBefore=14)

    kept = set_kind(loyalty_staff, program.pk, sendHour=7, isOn=None)
    gone = set_kind(loyalty_staff, program.pk, daysBefore=None)
    other = kind_of(gone, "WELCOME")

    shown = kind_of(kept, "BIRTHDAY")
    assert (shown["isOn"], shown["delayHours"], shown["sendHour"]) == (True, 3, 7)
    assert shown["daysBefore"] == 14
    assert kind_of(gone, "BIRTHDAY")["daysBefore"] is None
    assert (other["isOn"], other["sendHour"]) == (True, 9)


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"delayHours": -1}, "delayHours", "INVALID"),
        ({"sendHour": 24}, "sendHour", "INVALID"),
        ({"daysBefore": 0}, "daysBefore", "INVALID"),
        ({"tiers": ["TG95YWx0eVRpZXI6NDA0"]}, "tiers", "NOT_FOUND"),
        ({"tiers": ["nonsense"]}, "tiers", "GRAPHQL_ERROR"),
        ({"channels": ["Q2hhbm5lbDo0MDQ="]}, "channels", "INVALID"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_and_changes_nothing(
    loyalty_staff, program, values, field, code
):
    payload = set_kind(loyalty_staff, program.pk, isOn=True, **values)

    assert [(one["field"], one["code"]) for one in payload["errors"]] == [(field, code)]
    assert payload["errors"][0]["message"]
    assert ProgramMailing.objects.count() == 0


def test_tiers_and_channels_of_others_are_refused(loyalty_staff, program, channel_PLN):
    other = make_program()
    tier = make_ladder(other)[0]
    gone = make_ladder(program)[0]
    type(gone).objects.filter(pk=gone.pk).update(deleted_at=timezone.now())

    for values, field in (
        ({"tiers": [global_id("LoyaltyTier", tier.pk)]}, "tiers"),
        ({"tiers": [global_id("LoyaltyTier", gone.pk)]}, "tiers"),
        ({"channels": [global_id("Channel", channel_PLN.pk)]}, "channels"),
    ):
        payload = set_kind(loyalty_staff, program.pk, **values)
        assert [one["field"] for one in payload["errors"]] == [field]
    assert terms_of(program).kind(EmailKind.BIRTHDAY).tier_ids == ()


def test_a_programme_that_is_not_there_is_a_typed_error(loyalty_staff, program):
    for payload in (update(loyalty_staff, 404, quietFrom=1), set_kind(loyalty_staff, 404)):
        assert [(one["field"], one["code"]) for one in payload["errors"]] == [
            ("program", "NOT_FOUND")
        ]
    assert ProgramMailing.objects.count() == 0


def test_mailings_take_as_many_queries_for_3_programmes_as_for_1(
    loyalty_staff, program, channel_USD
):
    now = timezone.now()
    for name in ("Second", "Third"):
        Program.objects.create(name=name, created_at=now, updated_at=now)
    for one in Program.objects.all():
        tiers = make_ladder(one)
        terms = KindTerms(is_on=True, tier_ids=(tiers[0].pk,), channel_ids=(channel_USD.pk,))
        change_kind(program_id=one.pk, kind=EmailKind.WELCOME, terms=terms, now=now)

    one, three = (queries_of(loyalty_staff, READ, {"first": n}) for n in (1, 3))

    assert three == one
