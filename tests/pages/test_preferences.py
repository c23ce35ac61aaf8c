"""The page of preferences: what it shows, saves and refuses."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.http import QueryDict

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.mailings.models import Consent, MemberPreferences, PersonalDay
from saleor_loyalty.mailings.operations import (
    DayInput,
    PreferenceChanges,
    change_kind,
    change_preferences,
    set_personal_days,
)
from saleor_loyalty.mailings.rules import ConsentSource, DayKind, KindTerms
from saleor_loyalty.members.models import Member
from tests.factories import NOW
from tests.pages.conftest import Form, tables, words_of

WEDDING = DayInput(kind=DayKind.ANNIVERSARY, name="Our wedding", month=6, day=14)
WORDING = (
    "Yes, Aurora Coffee may send me greetings, ideas and offers of Aurora Club by e-mail."
    " I can stop this at any time."
)


def send(program, *kinds, is_on=True):
    for kind in kinds:
        change_kind(program_id=program.pk, kind=kind, terms=KindTerms(is_on=is_on), now=NOW)


def choose(member, **changes):
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(**changes),
        source=ConsentSource.STOREFRONT,
        now=NOW - timedelta(days=30),
    )


def tell(member, *days):
    return set_personal_days(member_id=member.pk, days=days, now=NOW)


def kinds_on(page):
    return [value for name, value in Form(page.html).fields if name == "kind"]


def test_it_shows_whose_messages_these_are_without_telling_the_address(preferences):
    page = preferences()

    assert "For a***@example.com, as a member of Aurora Club." in words_of(page)
    assert "ada@example.com" not in page.html


def test_it_lists_the_kinds_that_the_programme_sends(preferences, program):
    send(program, EmailKind.BIRTHDAY, EmailKind.WIN_BACK)
    send(program, EmailKind.TIER_AT_RISK, is_on=False)

    page = preferences()

    assert kinds_on(page) == [
        "birthday",
        "win_back",
        "event_invitation",
        "thank_you",
        "points_available",
        "points_expiring",
        "refund_explained",
        "reward_issued",
        "tier_reached",
        "event_reminder",
        "event_thanks",
    ]
    assert "Thanks for your orders" in words_of(page)


def test_a_kind_is_there_to_choose_when_only_a_special_form_of_it_is_sent(preferences, program):
    send(program, EmailKind.THANK_YOU, EmailKind.POINTS_EXPIRING, is_on=False)

    assert {"thank_you", "points_expiring"} <= set(kinds_on(preferences()))


def test_sending_the_page_as_it_is_changes_no_choice(preferences, member, program):
    send(program, EmailKind.BIRTHDAY)
    choose(member, accepts_marketing=True, stopped=[EmailKind.TIER_AT_RISK], language_code="en")
    tell(member, WEDDING)
    before = tables()

    page = preferences(Form(preferences().html).sent())

    assert page.status == 200
    assert tables() == before


def test_who_never_chose_is_not_noted_as_having_said_no(preferences):
    preferences(Form(preferences().html).sent(language="nb"))

    assert not Consent.objects.exists()
    assert MemberPreferences.objects.get().consented_at is None


def test_it_saves_what_is_chosen_and_says_so(preferences, member, program):
    send(program, EmailKind.BIRTHDAY, EmailKind.WIN_BACK, EmailKind.PERSONAL_DAY)
    choose(member, stopped=[EmailKind.TIER_AT_RISK])
    form = Form(preferences().html)

    page = preferences(
        form.sent(
            marketing="on",
            kind=["birthday", "thank_you", "tier_at_risk"],
            language="hr",
            born_on="1990-04-01",
            day_kind="anniversary",
            day_name=" Our wedding ",
            day_day="14",
            day_month="6",
        )
    )

    assert page.status == 200
    assert '<p class="news-flash good" role="status">' in page.html
    assert '<html lang="hr">' in page.html
    row = MemberPreferences.objects.get()
    assert (row.accepts_marketing, row.language_code) == (True, "hr")
    assert set(row.stopped) == {
        "win_back",
        "personal_day",
        "points_available",
        "points_expiring",
        "refund_explained",
        "reward_issued",
        "tier_reached",
        "event_invitation",
        "event_reminder",
        "event_thanks",
    }
    assert Member.objects.get(pk=member.pk).born_on == date(1990, 4, 1)
    day = PersonalDay.objects.get()
    assert (day.kind, day.name, day.month, day.day) == ("anniversary", "Our wedding", 6, 14)
    shown = Form(page.html)
    assert ("born_on", "1990-04-01") in shown.fields
    assert ("language", "hr") in shown.fields
    assert ("day_name", "") in shown.fields


def test_consent_is_kept_with_the_words_that_were_read(preferences):
    page = preferences()
    preferences(Form(page.html).sent(marketing="on", language="nb"))

    assert WORDING in page.html
    consent = Consent.objects.get()
    assert (consent.is_given, consent.source, consent.wording, consent.created_at) == (
        True,
        "preference_page",
        WORDING,
        NOW,
    )


def test_consent_can_be_taken_back(preferences, member):
    choose(member, accepts_marketing=True)
    form = Form(preferences().html)

    preferences(form.sent(without=[("marketing", "on")]))

    assert MemberPreferences.objects.get().accepts_marketing is False
    assert Consent.objects.first().source == "preference_page"


def test_a_page_that_was_open_for_long_undoes_nothing(preferences, unsubscribe, member, program):
    send(program, EmailKind.BIRTHDAY)
    choose(member, accepts_marketing=True)
    form = Form(preferences().html)
    unsubscribe("")
    choose(member, stopped=[EmailKind.TIER_REACHED])
    send(program, EmailKind.WIN_BACK)
    tell(member, WEDDING)

    preferences(form.sent(language="nb"))

    row = MemberPreferences.objects.get()
    assert row.accepts_marketing is False
    assert row.stopped == ["tier_reached"]
    assert row.language_code == "nb"
    assert PersonalDay.objects.count() == 1


def test_days_are_listed_and_forgotten_one_by_one(preferences, member):
    tell(member, WEDDING, replace(WEDDING, kind=DayKind.BIRTHDAY, name="Max", month=2, day=29))
    page = preferences()
    max_day, wedding = PersonalDay.objects.all()

    assert "Max (Birthday, February 29)" in words_of(page)
    assert "Our wedding (Anniversary, June 14)" in words_of(page)
    preferences(Form(page.html).sent(remove_day=[str(max_day.pk), "999999", "x", "9" * 40]))

    assert list(PersonalDay.objects.all()) == [wedding]


def test_nobody_forgets_the_days_of_others(preferences, member, program):
    other = Member.objects.create(
        program=program, email="x@y.example", joined_at=NOW, joined_by="import"
    )
    (theirs,) = tell(other, WEDDING)
    tell(member, replace(WEDDING, name="Mine"))

    preferences(Form(preferences().html).sent(remove_day=str(theirs.pk)))

    assert PersonalDay.objects.count() == 2


def test_days_are_asked_for_where_they_are_greeted(preferences, program):
    assert "day_name" not in preferences().html

    send(program, EmailKind.PERSONAL_DAY)

    assert "day_name" in preferences().html


def test_the_birthday_can_be_forgotten(preferences, member):
    Member.objects.update(born_on=date(1990, 4, 1))

    preferences(Form(preferences().html).sent(born_on=""))

    assert Member.objects.get().born_on is None


WRONG = [
    ({"language": "xx"}, "language", "Please choose one of these languages."),
    ({"born_on": "2026-06-16"}, "born_on", "Please enter a day in the past"),
    ({"born_on": "1890-01-01"}, "born_on", "Please enter a day in the past"),
    ({"born_on": "first of May"}, "born_on", "Please enter a date"),
    ({"born_on": "2026-02-30"}, "born_on", "Please enter a date"),
    ({"day_day": "14", "day_month": "6"}, "day_name", "Please give the day a name."),
    ({"day_name": "Max", "day_day": "14"}, "day_day", "Please give a day and a month."),
    ({"day_name": "Max", "day_month": "6"}, "day_day", "Please give a day and a month."),
    (
        {"day_name": "Max", "day_day": "30", "day_month": "2"},
        "day_day",
        "There is no such day in any year.",
    ),
    (
        {"day_name": "Max", "day_day": "99999", "day_month": "2"},
        "day_day",
        "Please give a day and a month.",
    ),
    (
        {"day_name": "M" * 61, "day_day": "1", "day_month": "2"},
        "day_name",
        "Please use 60 letters at most",
    ),
    (
        {"day_name": "M\u202ex", "day_day": "1", "day_month": "2"},
        "day_name",
        "Please use 60 letters at most",
    ),
]


@pytest.mark.parametrize(("typed", "field", "words"), WRONG)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_saved(
    preferences, member, program, typed, field, words
):
    send(program, EmailKind.BIRTHDAY, EmailKind.PERSONAL_DAY)
    form = Form(preferences().html)
    before = tables()

    page = preferences(
        form.sent(marketing="on", kind=["birthday"], **{"born_on": "1990-04-01", **typed})
    )

    assert page.status == 422
    assert tables() == before
    assert words in words_of(page)
    shown = Form(page.html)
    (wrong,) = [attrs for _, attrs in shown.tags if attrs.get("id") == field]
    assert wrong["aria-invalid"] == "true"
    said = {attrs["id"] for _, attrs in shown.tags if attrs.get("class", "").startswith("error")}
    assert said & set(wrong["aria-describedby"].split())
    assert f'<a href="#{field}">' in page.html
    assert "Saved" not in words_of(page)
    assert ("marketing", "on") in shown.fields
    assert [value for name, value in shown.fields if name == "kind"] == ["birthday"]
    for name, value in typed.items():
        if name != "language":
            assert (name, value) in shown.fields


def test_an_eleventh_day_has_no_room(preferences, member):
    tell(member, *[replace(WEDDING, day=day) for day in range(1, 10)])
    form = Form(preferences().html)
    tell(member, *[replace(WEDDING, day=day) for day in range(1, 11)])
    before = tables()

    page = preferences(form.sent(day_name="Max", day_day="1", day_month="2"))

    assert page.status == 422
    assert "There is no room for another day." in words_of(page)
    assert tables() == before
    assert 'id="day_name"' not in preferences().html


@pytest.mark.parametrize(
    "form", ["", "marketing=on", "form=preferences&kind=thank_you&marketing=on", "end=1"]
)
def test_a_form_that_did_not_arrive_whole_changes_nothing(preferences, member, form):
    choose(member, accepts_marketing=True)
    before = tables()

    page = preferences(QueryDict(form))

    assert page.status == 400
    assert "Nothing was saved: not all of the page arrived." in words_of(page)
    assert tables() == before


def test_names_and_what_is_typed_are_text(preferences, member, people, user):
    evil = "<script>alert(1)</script>\"'"
    tell(member, WEDDING)
    PersonalDay.objects.update(name=evil)  # the front door would refuse it
    people[user.pk] = replace(people[user.pk], email=f"<script>@{evil}.example")
    member.program.name = evil
    member.program.save()

    page = preferences()
    refused = preferences(
        Form(page.html).sent(day_name=evil, born_on=evil, day_day=evil, language=evil)
    )

    for one in (page, refused):
        assert "<script" not in one.html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;" in one.html
    assert refused.status == 422


def test_the_language_in_use_can_be_kept_though_we_have_no_catalogue_of_it(preferences, member):
    choose(member, language_code="de")
    page = preferences()

    assert '<option value="de" lang="de" selected>Deutsch</option>' in page.html
    preferences(Form(page.html).sent(born_on="1990-04-01"))

    assert MemberPreferences.objects.get().language_code == "de"


def test_languages_go_by_their_own_names(preferences):
    words = words_of(preferences())

    assert "As in your account (English)" in words
    assert "English Hrvatski Norsk bokmål" in words


def test_all_is_saved_or_nothing(preferences, member, program):
    """The day is refused in the operation, after consent and birthday were written."""
    send(program, EmailKind.PERSONAL_DAY)
    form = Form(preferences().html)
    before = tables()

    preferences(
        form.sent(marketing="on", born_on="1990-04-01", day_name="Max", day_day="31", day_month="2")
    )

    assert tables() == before


def test_every_field_has_a_label_and_every_reference_leads_somewhere(preferences, member, program):
    send(program, EmailKind.BIRTHDAY, EmailKind.PERSONAL_DAY)
    tell(member, WEDDING)
    form = Form(preferences().html)

    page = preferences(form.sent(language="xx", born_on="x", day_day="x", day_name=""))

    tags = Form(page.html).tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    labels = {attrs["for"] for tag, attrs in tags if tag == "label" and "for" in attrs}
    named = {
        attrs["id"]
        for tag, attrs in tags
        if tag in ("input", "select") and attrs.get("type") != "hidden" and "id" in attrs
    }
    assert named == labels
    for _, attrs in tags:
        for name in ("aria-describedby", "aria-labelledby"):
            assert set(attrs.get(name, "").split()) <= set(ids)
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids
