"""Who is let in by a link, what the others read, and what browsers are told."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from saleor_loyalty.emails.links import (
    LinkExpired,
    LinkInvalid,
    LinkPurpose,
    MemberLink,
    preferences_token,
    read,
    sign,
)
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.mailings.models import Consent, MemberPreferences
from saleor_loyalty.mailings.operations import PreferenceChanges, change_preferences
from saleor_loyalty.mailings.rules import ConsentSource
from saleor_loyalty.members.models import Member
from saleor_loyalty.pages.layout import render_page
from tests.factories import NOW, make_member, make_user
from tests.pages.conftest import Form, tables, token_of, words_of

OTHER = {
    LinkPurpose.PREFERENCES: LinkPurpose.UNSUBSCRIBE,
    LinkPurpose.UNSUBSCRIBE: LinkPurpose.PREFERENCES,
}
BOTH = pytest.mark.parametrize("purpose", list(OTHER))


@BOTH
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "nonsense",
        lambda token: token[:-1],
        lambda token: token[:20],
        lambda token: "9" + token,
        lambda token: token.replace("~", ":"),
        lambda token: token + "\x00",
        lambda token: "~" * 10_000,
    ],
)
def test_a_forged_or_cut_link_leads_nowhere(visit, member, purpose, method, spoil):
    before = tables()

    page = visit(purpose, spoil(token_of(member, purpose)), method=method)

    assert page.status == 404
    assert words_of(page).startswith("This link does not work – Aurora Coffee")
    assert "example.com" not in page.html
    assert tables() == before


@BOTH
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_is_good_for_one_purpose_alone(visit, member, purpose, method):
    before = tables()

    page = visit(purpose, token_of(member, OTHER[purpose]), method=method)

    assert page.status == 404
    assert tables() == before


@BOTH
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", ""])
def test_other_methods_are_refused(visit, member, purpose, method):
    before = tables()

    page = visit(purpose, token_of(member, purpose), method=method)

    assert page.status == 405
    assert page.headers["Allow"] == "GET, HEAD, POST"
    assert tables() == before


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_link_to_preferences_expires_and_says_what_to_do(visit, member, method):
    with freeze_time(NOW - timedelta(days=366)):
        token = token_of(member, LinkPurpose.PREFERENCES)
    before = tables()

    with freeze_time(NOW):
        page = visit(LinkPurpose.PREFERENCES, token, method=method)

    assert page.status == 410
    assert "use the link at the foot of a newer message" in words_of(page)
    assert 'href="https://aurora.example/"' in page.html
    assert tables() == before


def test_the_link_to_unsubscribe_works_for_ever(visit, member):
    with freeze_time(NOW - timedelta(days=3650)):
        token = token_of(member, LinkPurpose.UNSUBSCRIBE)

    with freeze_time(NOW):
        page = visit(LinkPurpose.UNSUBSCRIBE, token, method="POST")

    assert page.status == 200
    assert MemberPreferences.objects.get().accepts_marketing is False
    assert "/preferences/" not in page.html


def test_who_may_unsubscribe_may_choose_as_long_as_by_the_mails_own_link(member):
    with freeze_time(NOW):
        unsubscribing = token_of(member, LinkPurpose.UNSUBSCRIBE)
        own = token_of(member, LinkPurpose.PREFERENCES)
    with freeze_time(NOW + timedelta(days=364)):
        theirs = preferences_token(unsubscribing)

    assert theirs == own
    with freeze_time(NOW + timedelta(days=366)):
        assert preferences_token(unsubscribing) == ""
        with pytest.raises(LinkExpired):
            read(theirs, purpose=LinkPurpose.PREFERENCES)
    with pytest.raises(LinkInvalid):
        preferences_token(own)


@BOTH
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing(visit, member, purpose, method):
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(accepts_marketing=True),
        source=ConsentSource.STOREFRONT,
        now=NOW,
    )
    before = tables()

    with CaptureQueriesContext(connection) as queries:
        page = visit(purpose, token_of(member, purpose), method=method)

    assert page.status == 200
    assert tables() == before
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


@BOTH
def test_a_deleted_account_left_nothing(visit, member, user, people, purpose):
    token = token_of(member, purpose)
    del people[user.pk]
    user.delete()
    before = tables()

    for method in ("GET", "POST"):
        page = visit(purpose, token, method=method)

        assert page.status == 200
        assert "This account was deleted." in words_of(page)
        assert "<form" not in page.html
    assert tables() == before


def test_a_member_who_never_was_is_as_one_who_is_gone(visit, member):
    token = sign(MemberLink(member.pk + 1), purpose=LinkPurpose.UNSUBSCRIBE)

    page = visit(LinkPurpose.UNSUBSCRIBE, token, method="POST")

    assert "This account was deleted." in words_of(page)
    assert not MemberPreferences.objects.exists()


@BOTH
def test_a_merged_member_comes_as_the_other_one(visit, member, program, people, purpose):
    grace = make_user("grace@example.com")
    people[grace.pk] = Person(email="grace@example.com", language_code="en")
    into = make_member(program, user=grace)
    token = token_of(member, purpose)
    merge_members(member_id=member.pk, into_id=into.pk, actor="", now=NOW)

    page = visit(purpose, token, method="GET")

    assert page.status == 200
    if purpose is LinkPurpose.PREFERENCES:
        assert "g***@example.com" in page.html
        form = Form(page.html).sent(born_on="1990-04-01", marketing="on")
        visit(purpose, token, method="POST", form=form)
        assert Member.objects.get(pk=into.pk).born_on.isoformat() == "1990-04-01"
        assert Member.objects.get(pk=member.pk).born_on is None
    else:
        visit(purpose, token, method="POST")
    assert [consent.member_id for consent in Consent.objects.all()] == [into.pk]
    assert [row.member_id for row in MemberPreferences.objects.all()] == [into.pk]


def test_an_imported_member_without_an_account_has_a_page(visit, program):
    member = Member.objects.create(
        program=program, email="ada@old.example", joined_at=NOW, joined_by="import"
    )

    page = visit(LinkPurpose.PREFERENCES, token_of(member, LinkPurpose.PREFERENCES))

    assert "For a***@old.example, as a member of Aurora Club." in words_of(page)


def test_an_account_that_is_not_active_can_still_stop(unsubscribe, preferences, people, user):
    del people[user.pk]

    page = unsubscribe("")

    assert "You get no more greetings, ideas and offers of Aurora Club." in words_of(page)
    assert Consent.objects.get().is_given is False
    assert "As a member of Aurora Club." in words_of(preferences())


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("hr-HR,hr;q=0.9,en;q=0.5", "hr"),
        ("no", "nb"),
        ("de,nb;q=0.5", "nb"),
        ("en-US,hr;q=0.5", "en"),
        ("de", "en"),
        ("", "en"),
        ("*;q=x, ,;", "en"),
    ],
)
def test_a_stranger_is_answered_in_a_language_of_their_browser(visit, db, accepted, language):
    page = visit(LinkPurpose.PREFERENCES, "nonsense", accept_language=accepted)

    assert f'<html lang="{language}">' in page.html


@pytest.mark.parametrize(
    ("chosen", "account", "language"),
    [("", "nb", "nb"), ("hr", "nb", "hr"), ("", "pt-br", "en"), ("", "", "en")],
)
def test_a_member_is_answered_in_their_language(
    preferences, unsubscribe, member, user, people, chosen, account, language
):
    people[user.pk] = replace(people[user.pk], language_code=account)
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(language_code=chosen),
        source=ConsentSource.STOREFRONT,
        now=NOW,
    )

    pages = [preferences(accept_language="de"), unsubscribe(accept_language="de")]

    assert all(f'<html lang="{language}">' in page.html for page in pages)


@BOTH
@pytest.mark.parametrize("is_good", [True, False])
def test_pages_keep_their_address_secret_and_run_no_script(visit, member, purpose, is_good):
    page = visit(purpose, token_of(member, purpose) if is_good else "nonsense")

    (style,) = re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert page.headers == {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'none'; form-action 'self';"
            " base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex",
    }
    assert not re.search(r"<script|\son\w+=|style=|javascript:|http-equiv", page.html)


@pytest.mark.parametrize(
    ("logo", "source"),
    [
        ("https://cdn.example:8443/a/logo.png?x=1", "https://cdn.example:8443"),
        ("https://cdn.example; script-src *//x.png", "'none'"),
        ("javascript:alert(1)", "'none'"),
        ("", "'none'"),
    ],
)
def test_the_logo_may_be_loaded_and_no_other_picture(front, logo, source):
    shop = replace(front, identity=replace(front.identity, logo_url=logo))

    page = render_page("link_invalid.html", front=shop, language="en")

    policy = page.headers["Content-Security-Policy"].split("; ")
    assert f"img-src {source}" in policy
    assert len(policy) == 6


def test_the_shops_own_words_are_text(front):
    evil = '"><script>alert(1)</script>'
    identity = replace(front.identity, name=evil, postal_address=evil, logo_url=evil)

    page = render_page("link_invalid.html", front=replace(front, identity=identity), language="en")

    assert "<script" not in page.html
