"""Stopping marketing: by a mail program's one click, by the button, and back."""

from datetime import timedelta

import pytest
from django.http import QueryDict

from saleor_loyalty.emails.links import LinkPurpose, MemberLink, sign
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.mailings.models import Consent, MemberPreferences
from saleor_loyalty.mailings.operations import PreferenceChanges, change_preferences
from saleor_loyalty.mailings.rules import ConsentSource
from tests.factories import NOW, make_member, make_user
from tests.pages.conftest import tables, token_of, words_of


@pytest.fixture
def agreed(member):
    """The member agreed to marketing a month ago, and stopped a kind of service mail."""
    return choose(member, accepts_marketing=True, stopped=[EmailKind.TIER_AT_RISK])


def choose(member, *, now=NOW - timedelta(days=30), **changes):
    return change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(**changes),
        source=ConsentSource.STOREFRONT,
        now=now,
    )


def history():
    rows = Consent.objects.order_by("pk")
    return [(row.is_given, row.source, row.wording) for row in rows]


@pytest.mark.usefixtures("agreed")
def test_the_page_asks_before_it_stops(unsubscribe):
    page = unsubscribe()

    assert page.status == 200
    assert "Stop these messages?" in words_of(page)
    assert page.html.count('<button class="button" type="submit">Stop these messages</button>') == 1
    assert MemberPreferences.objects.get().accepts_marketing is True


@pytest.mark.usefixtures("agreed")
@pytest.mark.parametrize("body", ["List-Unsubscribe=One-Click", "", "x=1&undo=0", "undo"])
def test_a_post_stops_marketing_at_once_and_nothing_else(unsubscribe, member, body):
    page = unsubscribe(body)

    assert page.status == 200
    assert "These messages are stopped" in words_of(page)
    row = MemberPreferences.objects.get()
    assert (row.accepts_marketing, row.consent_source, row.consented_at) == (
        False,
        "one_click",
        NOW,
    )
    assert row.stopped == ["tier_at_risk"]
    assert history() == [(True, "storefront", ""), (False, "one_click", "")]


@pytest.mark.usefixtures("agreed")
def test_a_repeat_changes_nothing(unsubscribe):
    unsubscribe("")
    before = tables()

    page = unsubscribe("List-Unsubscribe=One-Click", now=NOW + timedelta(days=3))

    assert page.status == 200
    assert tables() == before


def test_who_never_chose_is_noted_as_having_said_no(unsubscribe):
    unsubscribe("")

    assert history() == [(False, "one_click", "")]
    assert MemberPreferences.objects.get().accepts_marketing is False


@pytest.mark.usefixtures("agreed")
def test_the_page_leads_on_to_the_page_of_preferences(unsubscribe, visit, member):
    page = unsubscribe("")

    start = "https://shop.example/plugins/saleor.loyalty/preferences/"
    token = page.html.partition(start)[2].partition('"')[0]
    assert visit(LinkPurpose.PREFERENCES, token).status == 200


@pytest.mark.usefixtures("agreed")
def test_a_stop_can_be_taken_back_by_its_own_link(unsubscribe):
    assert 'name="undo" value="1"' in unsubscribe("").html
    assert 'name="undo" value="1"' in unsubscribe().html

    page = unsubscribe("undo=1", now=NOW + timedelta(minutes=5))

    assert "You get these messages again" in words_of(page)
    assert MemberPreferences.objects.get().accepts_marketing is True
    assert history()[2:] == [(True, "preference_page", "Undo: send me these messages again")]


@pytest.mark.usefixtures("agreed")
def test_taking_back_twice_changes_nothing(unsubscribe):
    unsubscribe("")
    unsubscribe("undo=1")
    before = tables()

    page = unsubscribe("undo=1")

    assert "You get these messages again" in words_of(page)
    assert tables() == before


@pytest.mark.usefixtures("agreed")
def test_no_other_link_takes_a_stop_back(unsubscribe, visit, member):
    unsubscribe("")
    other = sign(MemberLink(member.pk, EmailKind.WIN_BACK), purpose=LinkPurpose.UNSUBSCRIBE)
    before = tables()

    page = visit(LinkPurpose.UNSUBSCRIBE, other, method="POST", form=QueryDict("undo=1"))

    assert "These messages are stopped" in words_of(page)
    assert "undo" not in page.html
    assert tables() == before


def test_nobody_agrees_by_taking_back_what_they_never_agreed_to(unsubscribe):
    assert "undo" not in unsubscribe("").html
    before = tables()

    unsubscribe("undo=1")

    assert tables() == before
    assert MemberPreferences.objects.get().accepts_marketing is False


def test_nobody_agrees_by_taking_back_what_they_had_refused(unsubscribe, member):
    choose(member, accepts_marketing=False)
    MemberPreferences.objects.all().delete()
    unsubscribe("")
    before = tables()

    unsubscribe("undo=1")

    assert history() == [(False, "storefront", ""), (False, "one_click", "")]
    assert tables() == before


@pytest.mark.usefixtures("agreed")
def test_a_stop_of_long_ago_is_not_taken_back(unsubscribe):
    unsubscribe("")
    before = tables()

    page = unsubscribe("undo=1", now=NOW + timedelta(days=1))

    assert "These messages are stopped" in words_of(page)
    assert tables() == before


@pytest.mark.usefixtures("agreed")
def test_a_stop_from_elsewhere_is_not_taken_back(unsubscribe, member):
    choose(member, accepts_marketing=False, now=NOW)
    before = tables()

    page = unsubscribe("undo=1")

    assert "These messages are stopped" in words_of(page)
    assert tables() == before


@pytest.mark.usefixtures("agreed")
def test_an_undo_without_a_stop_does_nothing(unsubscribe):
    before = tables()

    page = unsubscribe("undo=1")

    assert page.status == 200
    assert tables() == before


@pytest.mark.usefixtures("agreed")
def test_others_are_left_alone(unsubscribe, program):
    grace = make_member(program, user=make_user("grace@example.com"))
    choose(grace, accepts_marketing=True)

    unsubscribe("")

    assert MemberPreferences.objects.get(pk=grace.pk).accepts_marketing is True


@pytest.mark.usefixtures("agreed")
def test_the_link_itself_is_not_kept(unsubscribe, member):
    unsubscribe("")

    assert token_of(member, LinkPurpose.UNSUBSCRIBE) not in str(tables())
    assert Consent.objects.first().actor.startswith("link:")
