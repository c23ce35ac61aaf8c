"""The page that asks how it was."""

from datetime import timedelta

import pytest
from django.http import QueryDict

from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.events.models import Invitation
from tests.pages.conftest import Form, tables, words_of
from tests.pages.guests import go

DAY = timedelta(days=1)


@pytest.fixture
def came(invitation, event):
    Invitation.objects.update(answer="accepted", checked_in_at=event.starts_at)


@pytest.fixture
def feedback(front, invitation, event):
    """Visit the member's link the day after the event; with a body, by POST."""

    def feedback(body=None, *, query="", days=1):
        form = None if body is None else QueryDict(body)
        now = event.ends_at + days * DAY
        return go(
            front, LinkPurpose.FEEDBACK, invitation, form=form, query=QueryDict(query), now=now
        )

    return feedback


def chosen(page):
    return [value for name, value in Form(page.html).fields if name == "score"]


def said(invitation):
    invitation.refresh_from_db()
    return invitation.feedback_score, invitation.feedback_text


@pytest.mark.usefixtures("came")
@pytest.mark.parametrize(
    ("query", "scores"),
    [("score=4", ["4"]), ("", []), ("score=6", []), ("score=x", []), ("score=4&score=²", [])],
)
def test_an_address_may_choose_and_says_nothing(feedback, invitation, query, scores):
    before = tables()

    page = feedback(query=query)

    assert page.status == 200
    assert chosen(page) == scores
    assert "Wonderful 5/5 Good 4/5 All right 3/5 Not so good 2/5 Disappointing" in words_of(page)
    assert tables() == before


@pytest.mark.usefixtures("came")
def test_a_post_says_how_it_was_and_a_second_one_replaces_it(feedback, invitation, event):
    page = feedback("score=4&text=Warm%0D%0Aand+kind")

    assert "Thank you, that helps us. You can still change it below." in words_of(page)
    assert said(invitation) == (4, "Warm\nand kind")
    assert chosen(page) == ["4"]
    assert 'href="https://aurora.example/"' in page.html
    assert 'href="https://aurora.example/"' not in feedback().html

    page = feedback("score=2&text=", query="score=5")

    assert said(invitation) == (2, "")
    assert chosen(feedback()) == ["2"]
    assert chosen(feedback(query="score=5")) == ["5"]


@pytest.mark.usefixtures("came")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "Please choose how it was."),
        ("text=Lovely", "Please choose how it was."),
        ("score=0", "Please choose how it was."),
        ("score=6", "Please choose how it was."),
        (f"score=4&text={'x' * 1001}", "Please use 1,000 letters at most."),
    ],
)
def test_what_cannot_be_is_refused_and_stays(feedback, body, words):
    before = tables()

    page = feedback(body)

    assert page.status == 422
    assert words in words_of(page)
    assert Form(page.html).sent()["text"] == (QueryDict(body).get("text") or "")
    assert tables() == before


@pytest.mark.usefixtures("came")
@pytest.mark.parametrize("body", [None, "score=4"])
def test_before_the_end_nobody_is_asked(feedback, event, body):
    before = tables()

    page = feedback(body, days=-0.001)

    assert page.status == (200 if body is None else 422)
    assert "Tasting Please come back after the event. Visit Aurora Coffee" in words_of(page)
    assert "<form" not in page.html
    assert tables() == before
    assert "<form" in feedback(days=0).html


@pytest.mark.parametrize("body", [None, "score=4"])
def test_who_did_not_come_is_not_asked(feedback, body):
    before = tables()

    page = feedback(body)

    assert page.status == (200 if body is None else 422)
    assert "It seems that we did not see you there." in words_of(page)
    assert "<form" not in page.html
    assert tables() == before


@pytest.mark.usefixtures("came")
@pytest.mark.parametrize("body", [None, "score=4"])
def test_long_after_nobody_is_asked(feedback, body):
    before = tables()

    page = feedback(body, days=61)

    assert "That is long ago" in words_of(page)
    assert "<form" not in page.html
    assert tables() == before
