import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_loyalty.emails.languages import language_for
from saleor_loyalty.emails.rendering import (
    OwnTexts,
    ShopIdentity,
    TemplateBroken,
    make_engine,
    render,
    split_paragraphs,
)
from saleor_loyalty.emails.rules import EmailKind, retry_delay
from saleor_loyalty.emails.samples import SAMPLES
from tests.emails.mails import LANGUAGES, SHOP, Page, mail

NBSP = "\N{NO-BREAK SPACE}"
FACTS = SAMPLES[EmailKind.THANK_YOU]
CASES = [(kind, language) for kind in EmailKind for language in LANGUAGES]


def plain(text):
    """A text with ordinary blanks."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace(NBSP, " ")


def words(text):
    """The words of a text, without what only plain text has."""
    bare = re.sub(r"https?://\S+", " ", plain(text))
    return {word.strip(".,:;!?()–-−+·") for word in bare.split()} - {""}


@pytest.mark.parametrize(("kind", "language"), CASES)
def test_the_page_and_the_plain_text_say_the_same(kind, language):
    rendered = mail(kind, language)

    page = words(str(Page(rendered.html)))
    assert words(rendered.text) <= page
    preheader = re.search(r"<div[^>]*display:none[^>]*>([^<]*)</div>", rendered.html)
    assert page <= words(rendered.text) | words(preheader[1] if preheader else "")


@pytest.mark.parametrize(("kind", "language"), CASES)
def test_a_page_can_be_read_aloud(kind, language):
    rendered = mail(kind, language, pictures={"1": "https://aurora.example/1.png"})

    page = Page(rendered.html)
    assert page.all("html")[0]["lang"] == language
    assert f"<title>{rendered.subject}</title>" in rendered.html.replace("&#x27;", "'")
    assert all("alt" in image for image in page.all("img"))
    assert len(page.all("h1")) == 1
    assert next(tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")) == "h1"
    assert not page.all("h3")
    assert all(header["scope"] == "row" for header in page.all("th"))
    for table in re.findall(r"<table[^>]*>", rendered.html):
        rest = rendered.html.split(table, 1)[1].split("</table>", 1)[0]
        assert 'role="presentation"' in table or "<th " in rest
    links = re.findall(
        r"<a (?:[^>]*aria-label=\"([^\"]*)\")?[^>]*>(.*?)</a>", rendered.html, re.DOTALL
    )
    assert links
    assert all(len((label or link).strip()) > 3 for label, link in links)
    assert 'name="color-scheme" content="light dark"' in rendered.html
    assert "prefers-color-scheme: dark" in rendered.html


@pytest.mark.parametrize(
    ("language", "subject", "price", "date"),
    [
        (
            "en",
            "Thank you, Ada! Your order has earned you 1,200 points",
            "€1,040.00",
            "November 21, 2026",
        ),
        ("nb", "Takk, Ada! Bestillingen ga deg 1 200 poeng", "1 040,00 €", "21. november 2026"),
        (
            "hr",
            "Hvala, Ada! Narudžbom ste zaradili 1.200 bodova",
            "1.040,00 €",
            "21. studenoga 2026.",
        ),
    ],
)
def test_words_numbers_and_dates_are_in_the_readers_language(language, subject, price, date):
    rendered = mail(EmailKind.THANK_YOU, language)

    assert plain(rendered.subject) == subject
    assert price in plain(rendered.text)
    assert date in plain(rendered.text)
    assert rendered.language == language
    assert f'lang="{language}"' in rendered.html


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("nb", "nb"),
        ("NB", "nb"),
        ("en-gb", "en"),
        ("hr-hr", "hr"),
        ("nn", "nb"),
        ("no", "nb"),
        ("de", "en"),
        ("", "en"),
    ],
)
def test_a_language_without_catalogue_falls_back_to_english(code, language):
    assert language_for(code) == language


def test_a_language_that_the_shop_wrote_in_serves_its_readers():
    assert language_for("de-at", also={"de"}) == "de"
    assert language_for("pt-br", also={"pt-br", "pt"}) == "pt-br"


def test_a_programmes_own_name_for_its_points_is_used_as_it_is():
    rendered = mail(EmailKind.THANK_YOU, "hr", points_name="Zvjezdice")

    assert "1.200 Zvjezdice" in rendered.subject
    assert "1.900 Zvjezdice" in rendered.text


def test_an_unknown_name_is_left_out_gracefully():
    rendered = mail(first_name="")

    assert rendered.subject == "Thank you! Your order has earned you 1,200 points"
    assert rendered.text.startswith("Thank you!\n")
    late = mail(EmailKind.WIN_BACK, first_name="")
    assert (late.subject, late.text.splitlines()[0]) == ("We miss you", "We miss you")


def test_an_order_without_points_says_nothing_of_earning():
    rendered = mail(points_earned=0, shipping="", balance_value="", points_pending=0)

    assert rendered.subject == "Thank you, Ada!"
    assert "earned" not in rendered.text
    assert "Shipping" not in rendered.text + rendered.html
    assert "worth" not in rendered.text + rendered.html


def test_nothing_is_said_of_a_balance_of_nothing():
    rendered = mail(EmailKind.WIN_BACK, points_balance=0, balance_value="")

    assert "balance" not in rendered.text
    assert "balance" not in str(Page(rendered.html))


def test_a_debt_is_told():
    rendered = mail(EmailKind.REFUND_EXPLAINED, points_balance=-120, balance_value="")

    assert "Your balance: -120 points.\n" in rendered.text.replace("is now", ":").replace(" :", ":")


@pytest.mark.parametrize("percent", [0, 3, 50, 99, 100])
def test_the_bar_is_as_full_as_it_should_be(percent):
    html = mail(tier_percent=percent).html

    assert (f'width="{percent}%"' in html) == (percent > 0)
    assert ('class="bar-rest"' in html) == (percent < 100)


def test_on_the_highest_tier_there_is_no_bar():
    top = mail(tier_percent=None, next_tier_name="", missing="", missing_by="")

    assert "Your tier: Silver.\n" in top.text
    assert 'class="bar' not in top.html


def test_without_a_tier_yet_the_next_one_is_told():
    rendered = mail(tier_name="", tier_percent=0)

    assert "\nYour next tier: Gold. 1,900 points to go until you reach Gold.\n" in rendered.text
    assert "Your next tier Gold" in str(Page(rendered.html))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Another 1,200 points will be yours to use later."),
        ("nb", "Ytterligere 1 200 poeng kan du bruke senere."),
        ("hr", "Još 1.200 bodova moći ćete koristiti kasnije."),
    ],
)
def test_points_that_are_pending_are_told_apart_from_the_balance(language, said):
    rendered = mail(EmailKind.THANK_YOU, language, points_pending=1200, points_balance=0)

    assert said in plain(rendered.text)
    assert said in plain(str(Page(rendered.html)))
    assert "yours to use later" not in mail().text


@pytest.mark.parametrize(
    ("language", "card", "points"),
    [
        ("en", "Paid with gift cards: −€7.00", "Paid with points: −€2.50"),
        ("nb", "Betalt med gavekort: −7,00 €", "Betalt med poeng: −2,50 €"),
        ("hr", "Plaćeno poklon-karticama: −7,00 €", "Plaćeno bodovima: −2,50 €"),
    ],
)
def test_what_points_and_gift_cards_paid_makes_the_sum_come_out(language, card, points):
    rendered = mail(
        EmailKind.THANK_YOU,
        language,
        paid_with_gift_cards="7.00",
        paid_with_points="2.50",
        total="1045.00",
    )

    assert f"- {card}\n- {points}\n" in plain(rendered.text)
    html = plain(str(Page(rendered.html)))
    assert card.replace(":", "") in html
    assert points.replace(":", "") in html


def test_without_storefront_there_is_no_button_and_with_a_logo_an_image():
    bare = mail(shop=ShopIdentity(name="Aurora"))
    logo = mail(shop=ShopIdentity(name="Aurora", logo_url="https://aurora.example/l.png"))

    assert "Visit" not in bare.text + bare.html
    assert [image["alt"] for image in Page(logo.html).all("img")] == ["Aurora"]
    assert "Storgata" not in bare.text + bare.html
    assert "Storgata 1\n0155 Oslo\n" in mail().text


def test_pictures_of_products_are_shown_beside_them():
    html = mail(pictures={"2": "https://aurora.example/b.png?a=1&b=2"}).html

    (picture,) = Page(html).all("img")
    assert (picture["src"], picture["alt"]) == ("https://aurora.example/b.png?a=1&b=2", "")


def test_service_mails_lead_to_preferences_and_marketing_can_be_stopped():
    service, marketing = mail(EmailKind.THANK_YOU), mail(EmailKind.BIRTHDAY)

    for rendered in (service, marketing):
        assert (
            "Choose which messages you get: https://aurora.example/preferences/t" in rendered.text
        )
        assert 'href="https://aurora.example/preferences/t"' in rendered.html
    assert "Stop these messages: https://aurora.example/stop/t" in marketing.text
    assert "Stop these messages" not in service.text + service.html


def test_what_customers_and_staff_type_cannot_break_out():
    nasty = '<script>alert(1)</script> & "O\'Brien" {{ shop }} {first_name} [x] </mj-text>'

    rendered = mail(
        lines=[{**FACTS["lines"][0], "name": nasty, "variant_name": nasty}],
        shop=ShopIdentity(name=nasty, url="https://x.example/", postal_address=nasty),
        program_name=nasty,
        points_name=nasty,
        tier_name={"": nasty},
        order_number=nasty,
    )

    assert "<script>" not in rendered.html
    assert "</mj-text>" not in rendered.html
    assert rendered.text.count(nasty) > 5
    assert nasty in str(Page(rendered.html))


def test_the_shops_own_words_are_words_and_nothing_else():
    own = OwnTexts(
        parts={
            "body": "<b>Hi</b> {{ shop.url }}{first_name}\n\nline one\nline two\n\n[{points_pending}]"
        }
    )

    with pytest.raises(Exception, match="character"):
        mail(own=own)
    own = OwnTexts(
        parts={"body": "<b>Hi</b> {first_name}\n \nline one\nline two\n\n[{points_pending}]"}
    )
    rendered = mail(own=own)

    assert "\n\n<b>Hi</b> Ada\n\nline one\nline two\n\nWith this order" in rendered.text
    assert "&lt;b&gt;Hi&lt;/b&gt; Ada" in rendered.html
    assert "line one<br" in rendered.html


def test_paragraphs_are_what_has_empty_lines_between():
    assert split_paragraphs("\n a\r\nb\r\n\r\n\r\nc \n\t\nd\n") == ["a\nb", "c", "d"]
    assert split_paragraphs(" \n\n ") == []


def test_the_shop_chooses_blocks_and_their_order():
    own = OwnTexts(blocks=("order", "points"))

    text = mail(own=own).text

    assert text.index("What you bought") < text.index("With this order")
    assert "Your tier" not in text
    assert "What you bought" not in mail(own=OwnTexts(blocks=())).text


def test_the_button_leads_where_the_shop_says():
    own = OwnTexts(parts={"button": "Go", "button_url": "https://aurora.example/new?a=1&b=2"})

    rendered = mail(own=own)

    assert "\nGo: https://aurora.example/new?a=1&b=2\n" in rendered.text
    assert 'href="https://aurora.example/new?a=1&amp;b=2"' in rendered.html


NAMES = [
    "Ada\r\nBcc: everybody@example.com",
    "Ada\nSubject: x",
    "Bcc: x",
    "Ada\x00",
    "Ada\x0b\x0c\x1c\x85\u2028\u2029Eve",
    "\N{RIGHT-TO-LEFT OVERRIDE}adA",
    "A\N{ZERO WIDTH SPACE}da",
    "😀" * 40,
    "Visit www.evil.example",
    "x" * 5000,
    "Ada " * 1250,
    "{points_balance}",
    "[x]",
    "=?utf-8?q?x?=",
    "</title><script>",
]


@pytest.mark.parametrize("name", NAMES, ids=[f"{one[:12]!r}" for one in NAMES])
@pytest.mark.parametrize("kind", EmailKind)
def test_no_name_makes_a_subject_more_than_one_short_line(kind, name):
    rendered = mail(kind, first_name=name)

    assert len(rendered.subject.splitlines()) == 1
    assert rendered.subject.isprintable()
    assert len(rendered.subject) <= 250
    assert "evil" not in rendered.subject + rendered.text + rendered.html
    assert "<script>" not in rendered.html
    assert "\x00" not in rendered.text + rendered.html


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80))
def test_any_name_at_all_makes_a_mail(name):
    rendered = mail(EmailKind.BIRTHDAY, first_name=name)

    assert rendered.subject.isprintable()
    assert len(rendered.subject.splitlines()) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_whatever_people_type_makes_a_mail(typed):
    rendered = mail(
        EmailKind.THANK_YOU_TIER,
        tier_name={"": f"T{typed}"},
        lines=[{**FACTS["lines"][0], "name": typed, "variant_name": typed}],
        order_number=f"4{typed}",
        shop=ShopIdentity(name=f"S{typed}", url="https://x.example/", postal_address=typed),
    )

    assert len(rendered.subject.splitlines()) == 1


def test_a_subject_is_one_line_whatever_is_in_it():
    rendered = mail(
        EmailKind.REWARD_ISSUED, reward_name={"": "10\r\nBcc: x\x85y\u2028z\x0bw" + "v" * 400}
    )

    assert rendered.subject.startswith("Ada, here is your reward: 10 Bcc: x y z wvvv")
    assert len(rendered.subject) == 250
    assert rendered.subject.endswith("…")


def test_a_heading_is_one_line_and_is_escaped():
    rendered = mail(EmailKind.TIER_REACHED, tier_name={"": "Go\n<i>ld"})

    assert rendered.text.startswith("Welcome to Go <i>ld, Ada!\n")
    assert "<h1>Welcome to Go &lt;i&gt;ld, Ada!</h1>" in rendered.html


def broken(tmp_path, *, txt="Hi", mjml="<mjml><mj-body></mj-body></mjml>"):
    (tmp_path / "layout.txt").write_text(txt)
    (tmp_path / "layout.mjml").write_text(mjml)
    return render(
        kind=EmailKind.THANK_YOU,
        language_code="en",
        facts=FACTS,
        shop=SHOP,
        engine=make_engine(tmp_path),
    )


@pytest.mark.parametrize(
    "source",
    ["{{ nobody_knows_this }}", "{% if %}", "{{ total|money:nothing }}", "{% include 'gone' %}"],
)
def test_a_broken_template_is_a_clear_error(tmp_path, source):
    assert broken(tmp_path).text == "Hi\n"

    with pytest.raises(TemplateBroken) as error:
        broken(tmp_path, txt=source)

    assert error.value.data["kind"] == "thank_you"
    assert error.value.data["problem"]


def test_broken_mjml_is_a_clear_error(tmp_path):
    with pytest.raises(TemplateBroken):
        broken(tmp_path, mjml="<mjml><mj-body><mj-text></mjml>")


def test_facts_that_lack_what_is_sure_are_a_clear_error():
    facts = {name: value for name, value in FACTS.items() if name != "order_number"}

    with pytest.raises(TemplateBroken) as error:
        render(kind=EmailKind.THANK_YOU, language_code="en", facts=facts, shop=SHOP)

    assert error.value.data["problem"] == "KeyError: 'order_number'"


def test_retries_wait_longer_and_longer_up_to_two_hours():
    assert [retry_delay(n).total_seconds() // 60 for n in (1, 2, 3, 7, 8, 99)] == [
        1,
        2,
        4,
        64,
        120,
        120,
    ]
