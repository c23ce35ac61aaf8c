"""What the mails about events show: links, cards, tickets, and no more than is there."""

import pytest

from saleor_loyalty.emails.editing import check_texts
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.rendering import OwnTexts
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.samples import SAMPLES
from saleor_loyalty.emails.specs import Block
from saleor_loyalty.emails.texts import TextInvalid
from saleor_loyalty.emails.trials import Page as Trial
from saleor_loyalty.emails.trials import try_email
from tests.emails.mails import SHOP, Page, mail, sparse_mail

EVENT_KINDS = [kind for kind in EmailKind if kind.value.startswith("event_")]
INVITATION, CONFIRMED = EmailKind.EVENT_INVITATION, EmailKind.EVENT_CONFIRMED
EVENT = SAMPLES[INVITATION]["event"]


def links(rendered):
    """Where the links of a mail lead, beside those at its foot and to the map."""
    rest = ("https://aurora.example/preferences/t", "https://aurora.example/stop/t")
    found = [one["href"] for one in Page(rendered.html).all("a")]
    return [one for one in found if one not in rest and "maps.example" not in one]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (INVITATION, ["accept", "decline"]),
        (CONFIRMED, ["ticket", "event"]),
        (EmailKind.EVENT_WAITING, ["event"]),
        (EmailKind.EVENT_OFFERED, ["accept", "decline"]),
        (EmailKind.EVENT_LEFT, ["event"]),
        (EmailKind.EVENT_REMINDER, ["ticket", "event"]),
        (EmailKind.EVENT_CHANGED, ["event"]),
    ],
)
def test_a_mail_leads_to_what_one_can_do(kind, names):
    rendered = mail(kind)

    expected = [SAMPLES[kind]["links"][name] for name in names]
    assert links(rendered) == expected
    assert all(address in rendered.text for address in expected)


def test_without_its_choice_an_invitation_leads_to_the_event_by_its_button():
    own = OwnTexts(blocks=("event",))

    assert links(mail(INVITATION, own=own)) == [SAMPLES[INVITATION]["links"]["event"]]


@pytest.mark.parametrize("known", [{}, {"accept": "", "event": "", "ticket": ""}, ""])
@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_there_is_no_button_that_leads_nowhere(kind, known):
    rendered = mail(kind, links=known)

    to_shop = [] if KINDS[kind].link else [SHOP.url]
    assert links(rendered) == to_shop
    assert 'href=""' not in rendered.html
    assert 'src=""' not in rendered.html
    for line in rendered.text.splitlines():
        assert not line.endswith(":")


def test_the_shops_own_address_of_the_button_wins():
    own = OwnTexts(parts={"button_url": "https://aurora.example/vip"})

    assert links(mail(INVITATION, own=own))[-1] == "https://aurora.example/vip"
    assert links(mail(INVITATION, own=own, links={})) == ["https://aurora.example/vip"]


def test_the_card_tells_what_there_is_to_know():
    page = str(Page(mail(INVITATION, "nb").html))

    for words in (
        "Vintersmaking",
        "Fem kaffer fra fem fjell",
        "torsdag 3. desember 2026",
        "18:00–20:30 CET",
        "Aurora Coffee, Ilica 5, Zagreb",
        "100 poeng per plass",
        "+50 poeng",
        "opptil 2",
        "engelsk og kroatisk",
        "Fra 18 år",
    ):
        assert words in page


def test_the_card_does_without_what_is_not_known():
    bare = {
        **EVENT,
        "story": {"": ""},
        "place": {"": ""},
        "place_url": "",
        "image_url": "",
        "age_note": {"": ""},
        "languages": [],
        "price_points": 0,
        "award_points": 0,
        "guests_allowed": 0,
    }

    rendered = mail(INVITATION, event=bare, event_place={"": ""})

    headers = rendered.html.count('<th scope="row"')
    assert headers == 1
    assert not Page(rendered.html).all("img")
    assert "Where" not in rendered.text


def test_a_sparse_sample_has_a_card_of_what_every_event_has():
    page = str(Page(sparse_mail(INVITATION).html))

    assert "Winter tasting When Thursday, December 3, 2026 6:00" in page
    assert not {"Where", "Price", "Languages", "note"} & set(page.split())


def test_an_online_event_is_online():
    online = {**EVENT, "place_kind": "online", "place": {"": ""}, "place_url": ""}
    room = {**online, "place_url": "https://video.example/room"}

    assert "- Where: Online\n" in mail(CONFIRMED, event=online).text
    assert "- Where: https://video.example/room\n" in mail(CONFIRMED, event=room).text
    assert '<a href="https://video.example/room">Online</a>' in mail(CONFIRMED, event=room).html
    assert "door" not in mail(CONFIRMED, event=room).text
    assert 'class="qr"' not in mail(CONFIRMED, event=room).html
    assert "ABCD 1234 EFGH 5678" in mail(CONFIRMED, event=room).text


def test_a_ticket_can_be_shown_and_read_out():
    rendered = mail(CONFIRMED)

    (qr,) = [one for one in Page(rendered.html).all("img") if one.get("class") == "qr"]
    assert qr["alt"] == "QR code of your ticket: ABCD 1234 EFGH 5678"
    assert qr["src"] == SAMPLES[CONFIRMED]["links"]["ticket_picture"]
    assert qr["src"].startswith("data:image/png;base64,")
    for words in ("2 seats", "ABCD 1234 EFGH 5678", "You bring Grace Hopper."):
        assert words in str(Page(rendered.html))
    for words in ("2 seats · 200 points", "ABCD 1234 EFGH 5678", "You bring Grace Hopper."):
        assert words in rendered.text


@pytest.mark.parametrize("kind", [CONFIRMED, EmailKind.EVENT_REMINDER, EmailKind.EVENT_WAITING])
def test_of_what_is_free_no_mail_tells_a_price(kind):
    free = {**EVENT, "price_points": 0, "award_points": 0}

    rendered = mail(kind, event=free, event_price=0, event_award=0, cancel_until="")

    assert "points" not in rendered.text


def test_who_waits_is_told_what_they_will_spend():
    assert "You spend 200 points only once you" in mail(EmailKind.EVENT_WAITING).text


def test_a_story_keeps_its_paragraphs():
    story = {"": "Five coffees.\n\nBring a coat.\nAnd a cup. " + "word " * 60}

    rendered = mail(INVITATION, event={**EVENT, "story": story})

    assert "Five coffees.\n\nBring a coat.\nAnd a cup. word" in rendered.text
    assert "word …" in rendered.text
    assert "Five coffees.<br><br>Bring a coat.<br>And a cup." in rendered.html.replace(" /", "")


def test_without_a_code_there_is_no_picture_of_it():
    rendered = mail(CONFIRMED, code="", links={"ticket_picture": "https://shop.example/qr.png"})

    assert "qr.png" not in rendered.html
    assert "door" not in rendered.text


def test_each_score_of_the_feedback_is_one_click():
    rendered = mail(EmailKind.EVENT_THANKS)

    found = [one for one in Page(rendered.html).all("a") if one.get("class") == "score"]
    assert [one["href"][-8:] for one in found] == [f"?score={number}" for number in range(1, 6)]
    assert found[2]["aria-label"] == "3 of 5"


def test_a_mail_with_a_choice_has_one_button_that_stands_out():
    assert mail(INVITATION).html.count("background:#4b3fb5") == 2  # a cell, and the link in it
    assert mail(EmailKind.EVENT_WAITING).html.count("background:#4b3fb5") == 2


def test_a_change_says_what_was_and_what_is():
    kind = EmailKind.EVENT_CHANGED
    when = "The new time: Thursday, December 3, 2026 at 6:00\N{NARROW NO-BREAK SPACE}PM GMT+1."
    place = "The new place: Aurora Coffee, Ilica 5, Zagreb. Before: Aurora Roastery"

    both, moved = mail(kind).text, mail(kind, moved_place="").text

    assert when in both
    assert place in both
    assert when in moved
    assert "The new place" not in moved


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_what_guests_and_staff_write_stays_text(kind):
    evil = "<b>x</b>{first_name}\r\nBcc: y@example.com"
    facts = {
        "event": {**EVENT, "title": {"": evil}, "story": {"": evil}, "place": {"": evil}},
        "event_title": {"": evil},
        "event_place": {"": evil},
        "guests": [evil],
        "cancel_reason": evil,
    }

    rendered = mail(kind, **facts)

    assert len(rendered.subject.splitlines()) == 1
    assert "<b>x</b>" not in rendered.html


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_a_shop_writes_its_own_words_with_every_variable(kind):
    spec = KINDS[kind]
    sure = " ".join(f"{{{name}}}" for name in spec.always)
    maybe = "".join(f"[ {{{name}}}]" for name in spec.maybe)

    check_texts(kind, parts={"body": sure + maybe}, blocks=spec.blocks, language_code="en")

    assert {"event_title", "event_start"} <= set(spec.sure)


def test_a_block_of_another_mail_is_refused():
    with pytest.raises(TextInvalid) as error:
        check_texts(EmailKind.EVENT_LEFT, parts={}, blocks=[Block.TICKET.value], language_code="en")

    assert (error.value.field, error.value.data["problem"]) == ("blocks", "this mail has none")


def test_a_trial_of_a_mail_that_was_sent_leads_nowhere_of_the_members(db):
    told = {name: fact for name, fact in SAMPLES[CONFIRMED].items() if name != "links"}

    tried = try_email(
        kind=CONFIRMED,
        language_code="en",
        channel_id=None,
        facts=told,
        page=Trial(shop=SHOP),
    )

    assert links(tried) == [SAMPLES[CONFIRMED]["links"][name] for name in ("ticket", "event")]
