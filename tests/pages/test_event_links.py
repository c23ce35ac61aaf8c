"""Who is let in by a link about an event, and that looking does nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from saleor_loyalty.emails.links import LinkPurpose, MemberLink, sign, sign_door, sign_invitation
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.pages.layout import Visit
from saleor_loyalty.pages.ticket import ticket_picture
from tests.events.parties import come
from tests.factories import NOW, make_member, make_user
from tests.pages.conftest import Form, tables, words_of
from tests.pages.guests import PAGES, go

ALL = pytest.mark.parametrize("purpose", list(PAGES))
METHODS = pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])


def visit(front, purpose, token, *, now=NOW, **values):
    return PAGES[purpose](Visit(token=token, now=now, **values), front=front)


@ALL
@METHODS
@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "nonsense",
        lambda token: token[:-1],
        lambda token: "9" + token,
        lambda token: token.replace("~", ":"),
        lambda token: token + "\x00",
        lambda token: "~" * 10_000,
    ],
)
def test_a_forged_or_cut_link_leads_nowhere(front, invitation, purpose, method, spoil):
    token = sign_invitation(invitation.pk, purpose=purpose)
    before = tables()

    page = visit(front, purpose, spoil(token), method=method)

    assert page.status == 404
    assert words_of(page).startswith("This link does not work – Aurora Coffee")
    assert "Tasting" not in page.html
    assert tables() == before


@ALL
@METHODS
def test_a_link_is_good_for_one_purpose_alone(front, member, invitation, purpose, method):
    others = [
        sign_invitation(invitation.pk, purpose=one) for one in LinkPurpose if one is not purpose
    ]
    others += [sign(MemberLink(invitation.pk), purpose=LinkPurpose.PREFERENCES)]
    others += [sign_door(invitation.pk, 0)]
    before = tables()

    for token in others:
        page = visit(front, purpose, token, method=method, form=QueryDict("form=accept&end=1"))

        assert page.status == 404
    assert tables() == before


@ALL
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", ""])
def test_other_methods_are_refused(front, invitation, purpose, method):
    before = tables()

    page = visit(front, purpose, sign_invitation(invitation.pk, purpose=purpose), method=method)

    assert page.status == 405
    assert page.headers["Allow"] == "GET, HEAD, POST"
    assert tables() == before


@ALL
@METHODS
def test_a_link_that_is_too_old_says_so(front, invitation, purpose, method):
    with freeze_time(NOW - timedelta(days=401)):
        token = sign_invitation(invitation.pk, purpose=purpose)
    before = tables()

    with freeze_time(NOW):
        page = visit(front, purpose, token, method=method)

    assert page.status == 410
    assert "It was for an event that is long over." in words_of(page)
    assert tables() == before


@ALL
@METHODS
def test_a_deleted_account_left_nothing(front, invitation, user, people, purpose, method):
    people.clear()
    user.delete()
    before = tables()

    page = go(front, purpose, invitation, method=method)

    assert page.status == 200
    assert "This account was deleted." in words_of(page)
    assert tables() == before


@ALL
def test_a_merged_member_comes_as_the_other_one(front, member, program, people, event, purpose):
    grace = make_user("grace@example.com")
    people[grace.pk] = Person(email="grace@example.com", first_name="Grace", language_code="nb")
    into = make_member(program, user=grace)
    invitation = come(member, event)
    merge_members(member_id=member.pk, into_id=into.pk, actor="", now=NOW)

    page = go(front, purpose, invitation)

    assert page.status == 200
    assert '<html lang="nb">' in page.html
    go(front, LinkPurpose.DECLINE, invitation, form=QueryDict())
    invitation.refresh_from_db()
    assert (invitation.member_id, invitation.answer) == (into.pk, "cancelled")


@ALL
@METHODS
def test_of_two_invitations_of_a_merged_member_one_is_gone(
    front, member, program, people, event, invitation, purpose, method
):
    into = make_member(program, user=make_user("grace@example.com"))
    come(into, event)
    merge_members(member_id=member.pk, into_id=into.pk, actor="", now=NOW)
    before = tables()

    page = go(front, purpose, invitation, method=method)

    assert page.status == 410
    assert "Please use the link in your newest message about it." in words_of(page)
    assert tables() == before


@ALL
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("answer", ["invited", "accepted"])
def test_looking_changes_nothing(front, member, event, invitation, purpose, method, answer):
    if answer == "accepted":
        come(member, event)
    Invitation.objects.update(opened_at=NOW - timedelta(days=1))
    before = tables()

    with CaptureQueriesContext(connection) as queries:
        page = go(front, purpose, invitation, method=method)

    assert page.status == 200
    assert tables() == before
    first_words = {query["sql"].split()[0] for query in queries}
    may_note = purpose is LinkPurpose.ACCEPT and method == "GET"
    assert first_words == ({"SELECT", "UPDATE"} if may_note else {"SELECT"})


def test_the_first_look_is_noted_but_not_by_who_only_asks_for_headers(accepting, invitation):
    accepting(method="HEAD")
    invitation.refresh_from_db()
    assert invitation.opened_at is None

    accepting()
    accepting(now=NOW + timedelta(days=1))

    invitation.refresh_from_db()
    assert invitation.opened_at == NOW


@ALL
def test_names_and_texts_are_text(front, member, program, people, user, event, purpose):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    people[user.pk] = Person(email="ada@example.com", first_name=evil, last_name=evil)
    invitation = come(member, event, evil[:90])
    Invitation.objects.update(dietary=evil, access=evil, checked_in_at=NOW, feedback_text=evil)
    event.title = event.story = event.place = event.age_note = event.cancel_reason = evil
    event.languages = [evil]
    event.image_alt = evil
    event.image_url = f"https://cdn.example/{evil}"
    event.place_url = f"https://maps.example/{evil}"
    event.save()

    for state in ("published", "cancelled"):
        event.state = state
        event.save()
        page = go(front, purpose, invitation)

        assert "<script" not in page.html
        assert "<img src=x" not in page.html
        assert "alert(1)" in page.html


@ALL
def test_pages_about_events_keep_their_address_secret_and_run_no_script(front, invitation, purpose):
    page = go(front, purpose, invitation)

    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "Permissions-Policy" not in page.headers
    assert page.cookie is None


def test_the_events_picture_may_be_loaded(accepting, event):
    event.image_url = "https://cdn.example/tasting.jpg"
    event.image_alt = "Cups"
    event.save()

    page = accepting()

    assert "img-src https://cdn.example;" in page.headers["Content-Security-Policy"]
    assert ("img", {"class": "picture", "src": event.image_url, "alt": "Cups"}) in Form(
        page.html
    ).tags


@METHODS
def test_a_picture_of_no_ticket_is_none(front, invitation, user, people, method):
    token = sign_invitation(invitation.pk, purpose=LinkPurpose.TICKET)
    other = sign_invitation(invitation.pk, purpose=LinkPurpose.ACCEPT)

    pages = [
        ticket_picture(Visit(token=one, now=NOW, method=method), front=front)
        for one in (other, token[:-1])
    ]

    assert [page.status for page in pages] == [404, 404]
    assert not any(page.file for page in pages)
