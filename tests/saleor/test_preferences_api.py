"""Preferences on the API: what members choose, with a login and by a link, and what staff record."""

import datetime

import pytest
from django.utils import timezone
from saleor.account.models import User

from saleor_loyalty.emails.links import PREFERENCES_LAST, LinkPurpose, MemberLink, sign
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.mailings.models import Consent, MemberPreferences, PersonalDay
from saleor_loyalty.mailings.operations import PreferenceChanges, change_kind, change_preferences
from saleor_loyalty.mailings.rules import ConsentSource, KindTerms
from saleor_loyalty.members.models import Member
from tests.saleor.conftest import ask
from tests.saleor.test_graphql import global_id, member_of, queries_of

CHOSEN = """maskedEmail acceptsMarketing consentedAt consentSource languageCode timeZone
  kinds { kind name purpose isOn }"""
MINE = f"""{{ me {{ loyalty {{ preferences {{ {CHOSEN} }}
  personalDays {{ id kind name month day }} }} }} }}"""
UPDATE = f"""mutation($channel: String!, $input: LoyaltyPreferencesInput!) {{
  loyaltyPreferencesUpdate(channel: $channel, input: $input) {{
    preferences {{ {CHOSEN} }} member {{ preferences {{ acceptsMarketing }} }}
    errors {{ field code message }} }} }}"""
BY_TOKEN = f"""query($token: String!) {{
  loyaltyPreferencesByToken(token: $token) {{ {CHOSEN} }} }}"""
UPDATE_BY_TOKEN = f"""mutation($token: String!, $input: LoyaltyPreferencesInput!) {{
  loyaltyPreferencesUpdateByToken(token: $token, input: $input) {{
    preferences {{ {CHOSEN} }} errors {{ field code message }} }} }}"""
DAYS = """mutation($channel: String!, $days: [LoyaltyPersonalDayInput!]!) {
  loyaltyPersonalDaysUpdate(channel: $channel, days: $days) {
    member { personalDays { kind name month day } } errors { field code message } } }"""
RECORD = """mutation($member: ID!, $isGiven: Boolean!, $source: LoyaltyConsentRecordSourceEnum!,
                     $wording: String) {
  loyaltyConsentRecord(member: $member, isGiven: $isGiven, source: $source, wording: $wording) {
    member { consents(first: 5) { totalCount edges { node {
      isGiven source wording actor createdAt } } } preferences { acceptsMarketing } }
    errors { field code message } } }"""
NOW = timezone.now()


@pytest.fixture
def member(program, customer_user):
    """The customer, who takes part."""
    return member_of(program, customer_user)


@pytest.fixture
def token(member):
    """The token of a link in a mail to the customer."""
    return sign(MemberLink(member.pk, EmailKind.WELCOME), purpose=LinkPurpose.PREFERENCES)


@pytest.fixture
def catalogues(monkeypatch):
    """Catalogues that have everything, marked with their language."""
    monkeypatch.setattr(
        "saleor_loyalty.emails.defaults.translate",
        lambda sentence, *, language: (f"{language}: {sentence}", False),
    )


def update(client, slug="main", **values):
    answer = ask(client, UPDATE, {"channel": slug, "input": values})
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyPreferencesUpdate"]


def update_by_token(client, token, **values):
    answer = ask(client, UPDATE_BY_TOKEN, {"token": token, "input": values})
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyPreferencesUpdateByToken"]


def set_days(client, *days, slug="main"):
    answer = ask(client, DAYS, {"channel": slug, "days": days})
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyPersonalDaysUpdate"]


def record(client, who, *, is_given=True, **values):
    variables = {
        "member": global_id("LoyaltyMember", who.pk),
        "isGiven": is_given,
        "source": "STAFF",
        "wording": "News and offers by mail",
        **values,
    }
    return ask(client, RECORD, variables)["data"]["loyaltyConsentRecord"]


@pytest.mark.usefixtures("member")
def test_who_chose_nothing_sees_what_comes_and_that_they_never_agreed(user_api_client):
    loyalty = ask(user_api_client, MINE)["data"]["me"]["loyalty"]

    preferences = loyalty["preferences"]
    assert loyalty["personalDays"] == []
    assert preferences["maskedEmail"] == "t***@example.com"
    assert (preferences["acceptsMarketing"], preferences["consentedAt"]) == (False, None)
    assert (preferences["consentSource"], preferences["languageCode"]) == (None, None)
    assert preferences["timeZone"] is None
    assert [one["kind"] for one in preferences["kinds"]] == [
        "WELCOME",
        "THANK_YOU",
        "POINTS_AVAILABLE",
        "POINTS_EXPIRING",
        "REFUND_EXPLAINED",
        "REWARD_ISSUED",
        "TIER_REACHED",
        "TIER_AT_RISK",
        "EVENT_INVITATION",
        "EVENT_REMINDER",
        "EVENT_THANKS",
    ]
    assert preferences["kinds"][0] == {
        "kind": "WELCOME",
        "name": "Welcome",
        "purpose": "SERVICE",
        "isOn": True,
    }


@pytest.mark.usefixtures("member", "catalogues")
def test_a_member_chooses_and_the_yes_is_proved(user_api_client):
    payload = update(
        user_api_client,
        acceptsMarketing=True,
        kinds=[{"kind": "THANK_YOU", "isOn": False}],
        languageCode="NB",
        timeZone="Europe/Oslo",
    )

    assert payload["errors"] == []
    assert payload["member"] == {"preferences": {"acceptsMarketing": True}}
    chosen = payload["preferences"]
    assert (chosen["acceptsMarketing"], chosen["consentSource"]) == (True, "STOREFRONT")
    assert (chosen["languageCode"], chosen["timeZone"]) == ("NB", "Europe/Oslo")
    assert chosen["kinds"][0]["name"] == "nb: Welcome"
    assert [one["kind"] for one in chosen["kinds"] if not one["isOn"]] == ["THANK_YOU"]
    consent = Consent.objects.get()
    assert (consent.is_given, consent.source) == (True, "storefront")
    assert consent.actor == f"user:{user_api_client.user.pk}"


@pytest.mark.usefixtures("member")
def test_a_repeat_proves_nothing_twice_and_what_is_left_out_stays(user_api_client):
    first = update(
        user_api_client,
        acceptsMarketing=True,
        kinds=[{"kind": "THANK_YOU", "isOn": False}],
        languageCode="HR",
        timeZone="Europe/Zagreb",
    )

    again = update(user_api_client, acceptsMarketing=True)
    other = update(
        user_api_client,
        kinds=[{"kind": "WELCOME", "isOn": False}, {"kind": "THANK_YOU", "isOn": True}],
        languageCode=None,
        timeZone=None,
    )

    assert again == first
    assert Consent.objects.count() == 1
    stopped = [one["kind"] for one in other["preferences"]["kinds"] if not one["isOn"]]
    assert stopped == ["WELCOME"]
    assert other["preferences"]["acceptsMarketing"] is True
    assert (other["preferences"]["languageCode"], other["preferences"]["timeZone"]) == (None, None)


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"timeZone": "Mars/Olympus"}, "timeZone", "INVALID"),
        ({"kinds": [{"kind": "THANK_YOU_FIRST", "isOn": False}]}, "kinds", "INVALID"),
        ({"slug": "nowhere"}, "channel", "NOT_FOUND"),
    ],
)
def test_nonsense_is_refused_typed_and_changes_nothing(user_api_client, values, field, code):
    payload = update(user_api_client, acceptsMarketing=True, **values)

    assert [(one["field"], one["code"]) for one in payload["errors"]] == [(field, code)]
    assert payload["preferences"] is None
    assert MemberPreferences.objects.count() == 0
    assert Consent.objects.count() == 0


@pytest.mark.usefixtures("program")
def test_who_is_no_member_has_no_preferences(user_api_client, channel_PLN):
    for slug, code in (("main", "NOT_A_MEMBER"), (channel_PLN.slug, "NO_PROGRAM")):
        payload = update(user_api_client, slug, acceptsMarketing=True)
        assert [(one["field"], one["code"]) for one in payload["errors"]] == [("channel", code)]
    assert MemberPreferences.objects.count() == 0
    assert Member.objects.count() == 0


def test_kinds_that_the_programme_does_not_send_are_not_asked_about(
    user_api_client, member, program
):
    off = (EmailKind.THANK_YOU, EmailKind.WELCOME)
    for kind in off:
        change_kind(program_id=program.pk, kind=kind, terms=KindTerms(is_on=False), now=NOW)
    change_kind(
        program_id=program.pk, kind=EmailKind.WIN_BACK, terms=KindTerms(is_on=True), now=NOW
    )

    preferences = ask(user_api_client, MINE)["data"]["me"]["loyalty"]["preferences"]

    kinds = {one["kind"]: one["purpose"] for one in preferences["kinds"]}
    assert "WELCOME" not in kinds
    assert kinds["THANK_YOU"] == "SERVICE"  # its special forms are sent
    assert kinds["WIN_BACK"] == "MARKETING"


@pytest.mark.usefixtures("catalogues")
def test_names_are_in_the_language_asked_for_else_the_accounts(user_api_client, member):
    User.objects.filter(pk=member.user_id).update(language_code="hr")
    document = """{ me { loyalty { preferences { kinds {
      name asked: name(languageCode: NB) } } } } }"""

    kinds = ask(user_api_client, document)["data"]["me"]["loyalty"]["preferences"]["kinds"]

    assert kinds[0] == {"name": "hr: Welcome", "asked": "nb: Welcome"}


def test_a_member_tells_days_and_replaces_them(user_api_client, member):
    mia = {"kind": "BIRTHDAY", "name": "Mia", "month": 2, "day": 29}
    wedding = {"kind": "ANNIVERSARY", "name": "Wedding", "month": 1, "day": 5}

    both = set_days(user_api_client, mia, wedding)
    kept = PersonalDay.objects.get(name="Mia").pk
    one = set_days(user_api_client, mia)

    assert both == {"member": {"personalDays": [wedding, mia]}, "errors": []}
    assert one["member"]["personalDays"] == [mia]
    assert PersonalDay.objects.get().pk == kept
    days = ask(user_api_client, MINE)["data"]["me"]["loyalty"]["personalDays"]
    assert days == [{"id": global_id("LoyaltyPersonalDay", kept), **mia}]


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize(
    ("day", "field"),
    [
        ({"month": 2, "day": 30}, "day"),
        ({"month": 13, "day": 1}, "day"),
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\nb"}, "name"),
    ],
)
def test_days_of_no_year_are_refused_and_the_old_ones_stay(user_api_client, day, field):
    mia = {"kind": "BIRTHDAY", "name": "Mia", "month": 2, "day": 29}
    set_days(user_api_client, mia)

    payload = set_days(user_api_client, {**mia, **day})

    assert [(one["field"], one["code"]) for one in payload["errors"]] == [(field, "INVALID")]
    assert PersonalDay.objects.get().name == "Mia"


@pytest.mark.usefixtures("member")
def test_eleven_days_are_one_too_many(user_api_client):
    days = [{"kind": "OTHER", "name": f"n{n}", "month": 1, "day": n} for n in range(1, 12)]

    payload = set_days(user_api_client, *days)

    assert [(one["field"], one["code"]) for one in payload["errors"]] == [("days", "INVALID")]
    assert PersonalDay.objects.count() == 0


@pytest.mark.usefixtures("catalogues")
def test_a_link_shows_and_changes_without_a_login(api_client, member, token):
    before = ask(api_client, BY_TOKEN, {"token": token})["data"]["loyaltyPreferencesByToken"]
    payload = update_by_token(api_client, token, acceptsMarketing=True, languageCode="HR")

    assert before["maskedEmail"] == "t***@example.com"
    assert before["acceptsMarketing"] is False
    assert payload["errors"] == []
    assert payload["preferences"]["consentSource"] == "PREFERENCE_PAGE"
    assert payload["preferences"]["kinds"][0]["name"] == "hr: Welcome"
    consent = Consent.objects.get()
    assert (consent.member_id, consent.source, consent.actor) == (member.pk, "preference_page", "")


def bad_tokens(member):
    link = MemberLink(member.pk)
    good = sign(link, purpose=LinkPurpose.PREFERENCES)
    other = sign(MemberLink(member.pk + 1), purpose=LinkPurpose.PREFERENCES)
    return {
        "forged": other.split("~")[0] + "~" + good.split("~", 1)[1],
        "cut": good[:-3],
        "of another purpose": sign(link, purpose=LinkPurpose.UNSUBSCRIBE),
        "empty": "",
        "nonsense": "ž~š~đ",
    }


@pytest.mark.parametrize("what", ["forged", "cut", "of another purpose", "empty", "nonsense"])
def test_a_link_that_is_not_ours_shows_and_changes_nothing(api_client, member, what):
    token = bad_tokens(member)[what]

    shown = ask(api_client, BY_TOKEN, {"token": token})
    payload = update_by_token(api_client, token, acceptsMarketing=True)

    assert shown["data"]["loyaltyPreferencesByToken"] is None
    assert shown["errors"][0]["extensions"]["code"] == "LINK_INVALID"
    assert shown["errors"][0]["message"] == "This link is not one of ours, or not complete."
    assert [(one["field"], one["code"]) for one in payload["errors"]] == [("token", "LINK_INVALID")]
    assert MemberPreferences.objects.count() == 0


def test_a_link_is_good_for_a_year(api_client, member, token, monkeypatch):
    later = timezone.now() + PREFERENCES_LAST + datetime.timedelta(days=1)
    monkeypatch.setattr("django.core.signing.time.time", later.timestamp)

    shown = ask(api_client, BY_TOKEN, {"token": token})
    payload = update_by_token(api_client, token, acceptsMarketing=True)

    assert shown["errors"][0]["extensions"]["code"] == "LINK_EXPIRED"
    assert [one["code"] for one in payload["errors"]] == ["LINK_EXPIRED"]
    assert MemberPreferences.objects.count() == 0


def test_the_link_of_a_merged_member_is_that_of_who_is_left(
    api_client, member, program, token, customer_user2
):
    into = member_of(program, customer_user2)
    Member.objects.filter(pk=member.pk).update(merged_into=into, merged_at=NOW, merged_by="user:1")

    payload = update_by_token(api_client, token, acceptsMarketing=True)

    assert payload["errors"] == []
    assert MemberPreferences.objects.get().member_id == into.pk


def test_of_a_deleted_account_nothing_is_kept(api_client, member, token):
    Member.objects.filter(pk=member.pk).update(user=None)

    shown = ask(api_client, BY_TOKEN, {"token": token})
    payload = update_by_token(api_client, token, acceptsMarketing=True)

    assert shown["errors"][0]["extensions"]["code"] == "NOT_A_MEMBER"
    assert [one["code"] for one in payload["errors"]] == ["NOT_A_MEMBER"]
    assert MemberPreferences.objects.count() == 0


def test_who_was_imported_is_known_by_their_address(api_client, member, token):
    Member.objects.filter(pk=member.pk).update(user=None, email="imported@example.org")

    shown = ask(api_client, BY_TOKEN, {"token": token})["data"]["loyaltyPreferencesByToken"]

    assert shown["maskedEmail"] == "i***@example.org"


def test_staff_record_a_consent_with_its_words(loyalty_staff, member):
    given = record(loyalty_staff, member, source="IMPORT")
    again = record(loyalty_staff, member)
    taken_back = record(loyalty_staff, member, is_given=False, wording="")

    proof = given["member"]["consents"]["edges"][0]["node"]
    assert (proof["isGiven"], proof["source"]) == (True, "IMPORT")
    assert proof["wording"] == "News and offers by mail"
    assert proof["actor"] == f"user:{loyalty_staff.user.pk}"
    assert again["member"] == given["member"]
    assert taken_back["member"]["consents"]["totalCount"] == 2
    assert taken_back["member"]["preferences"] == {"acceptsMarketing": False}


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"member": "TG95YWx0eU1lbWJlcjo0MDQ="}, "member", "NOT_FOUND"),
        ({"member": "nonsense"}, "member", "GRAPHQL_ERROR"),
        ({"wording": "x" * 5001}, "wording", "INVALID"),
    ],
)
def test_a_consent_that_cannot_be_recorded_is_a_typed_error(
    loyalty_staff, member, values, field, code
):
    payload = record(loyalty_staff, member, **values)

    assert [(one["field"], one["code"]) for one in payload["errors"]] == [(field, code)]
    assert Consent.objects.count() == 0


def test_a_source_that_only_members_have_cannot_be_recorded(loyalty_staff, member):
    variables = {"member": global_id("LoyaltyMember", member.pk), "isGiven": True}

    answer = ask(loyalty_staff, RECORD, {**variables, "source": "STOREFRONT"})

    assert "LoyaltyConsentRecordSourceEnum" in answer["errors"][0]["message"]
    assert Consent.objects.count() == 0


def test_a_members_proofs_and_mails_are_for_staff(user_api_client, member):
    for field in ("consents", "emails"):
        document = f"{{ me {{ loyalty {{ {field}(first: 1) {{ totalCount }} }} }} }}"
        answer = ask(user_api_client, document)
        assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


def test_preferences_of_a_list_take_as_many_queries_for_3_as_for_1(
    loyalty_staff, program, customer_user, customer_user2, staff_users
):
    for user in (customer_user, customer_user2, staff_users[0]):
        member = member_of(program, user)
        change_preferences(
            member_id=member.pk,
            changes=PreferenceChanges(accepts_marketing=True),
            source=ConsentSource.STAFF,
            now=NOW,
        )
    document = f"""query($first: Int!) {{ loyaltyMembers(first: $first) {{ edges {{ node {{
        preferences {{ {CHOSEN} }} personalDays {{ name }} }} }} }} }}"""

    one, three = (queries_of(loyalty_staff, document, {"first": n}) for n in (1, 3))

    assert three == one
