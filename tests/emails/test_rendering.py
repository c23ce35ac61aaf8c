from html.parser import HTMLParser

import pytest

from saleor_loyalty.emails.rendering import (
    ShopIdentity,
    TemplateBroken,
    language_for,
    make_engine,
    render,
)
from saleor_loyalty.emails.rules import EmailKind, retry_delay

SHOP = ShopIdentity(name="Aurora Coffee", url="https://aurora.example/")
FACTS = {
    "first_name": "Ada",
    "program_name": "Aurora Club",
    "points_name": "",
    "order_number": "41",
    "ordered_on": "2026-11-21",
    "lines": [
        {"name": "Monkey mug", "variant_name": "Large", "quantity": 2, "total": "1040.00"},
        {"name": "Beans", "variant_name": "", "quantity": 1, "total": "9.50"},
    ],
    "currency": "EUR",
    "shipping": "5.00",
    "total": "1054.50",
    "points_earned": 1200,
    "points_balance": 1500,
    "balance_value": "15.00",
}


class Text(HTMLParser):
    """The words that a reader of an HTML page sees."""

    def __init__(self, html):
        super().__init__()
        self.words = []
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "title")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "title")

    def handle_data(self, data):
        if not self.hidden:
            self.words += data.split()

    def __str__(self):
        return " ".join(self.words)


def thank_you(language="en", shop=SHOP, **facts):
    return render(
        kind=EmailKind.THANK_YOU, language_code=language, facts={**FACTS, **facts}, shop=shop
    )


def test_the_plain_text_stands_for_itself():
    assert (
        thank_you().text
        == """\
Dear Ada,

thank you for your order 41 of November 21, 2026 at Aurora Coffee. We are glad to have you with us.

What you bought

- 2 × Monkey mug (Large): €1,040.00
- 1 × Beans: €9.50
- Shipping: €5.00

Order total: €1,054.50

With this order you have earned 1,200 points.
Your balance is now 1,500 points. That is worth €15.00.

Visit Aurora Coffee: https://aurora.example/

--
Aurora Coffee
You receive this message because you are a member of Aurora Club and placed this order at Aurora Coffee.
"""
    )


def test_the_page_says_the_same():
    html = thank_you().html

    words = str(Text(html))
    for said in (
        "Thank you, Ada!",
        "order 41 of November 21, 2026",
        "1,200 points",
        "Your balance is now 1,500 points. That is worth €15.00.",
        "2 × Monkey mug Large €1,040.00",
        "Order total €1,054.50",
        "Visit Aurora Coffee",
    ):
        assert said in words
    assert 'lang="en"' in html
    assert 'name="color-scheme" content="light dark"' in html
    assert "prefers-color-scheme: dark" in html


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("en", "Thank you, Ada! Your order has earned you 1,200 points", "€1,040.00"),
        ("nb", "Takk, Ada! Bestillingen ga deg 1\N{NO-BREAK SPACE}200 poeng", "21. november 2026"),
        ("hr", "Hvala, Ada! Narudžbom ste zaradili 1.200 bodova", "21. studenoga 2026."),
    ],
)
def test_words_numbers_and_dates_are_in_the_readers_language(language, subject, words):
    mail = thank_you(language)

    assert mail.subject.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}") == subject
    assert words in mail.text
    assert mail.language == language
    assert f'lang="{language}"' in mail.html


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("en", 1, "1 point."),
        ("hr", 1, "1 bod."),
        ("hr", 3, "3 boda."),
        ("hr", 11, "11 bodova."),
        ("nb", 1, "1 poeng."),
    ],
)
def test_points_have_their_plural_forms(language, number, words):
    assert words in thank_you(language, points_earned=number).text


def test_a_programmes_own_name_for_its_points_is_used_as_it_is():
    assert "1.200 Stars" in thank_you("hr", points_name="Stars").text


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


def test_an_unknown_name_is_left_out_gracefully():
    mail = thank_you(first_name="")

    assert mail.subject == "Thank you! Your order has earned you 1,200 points"
    assert mail.text.startswith("Hello,\n")


def test_an_order_without_points_says_nothing_of_earning():
    mail = thank_you(points_earned=0, shipping="", balance_value="")

    assert mail.subject == "Thank you, Ada, for your order"
    assert "earned" not in mail.text + mail.html
    assert "Shipping" not in mail.text + mail.html
    assert thank_you(points_earned=0, first_name="").subject == "Thank you for your order"


def test_without_storefront_there_is_no_button_and_with_a_logo_an_image():
    bare = thank_you(shop=ShopIdentity(name="Aurora"))
    logo = thank_you(shop=ShopIdentity(name="Aurora", logo_url="https://aurora.example/l.png"))

    assert "Visit" not in bare.text + bare.html
    assert 'alt="Aurora"' in logo.html


def test_what_customers_and_staff_type_cannot_break_out():
    nasty = '<script>alert(1)</script> & "O\'Brien" {{ shop }} </mj-text>'

    mail = thank_you(first_name=nasty, lines=[{**FACTS["lines"][0], "name": nasty}])

    assert "<script>" not in mail.html
    assert nasty in mail.text
    assert nasty in str(Text(mail.html))


def test_a_subject_is_one_line():
    mail = thank_you(first_name="Ada\r\nBcc: everybody@example.com")

    assert "\n" not in mail.subject
    assert "\r" not in mail.subject


@pytest.mark.parametrize(
    "source",
    ["{{ nobody_knows_this }}", "{% if %}", "{{ total|money:nothing }}", "{% include 'gone' %}"],
)
def test_a_broken_template_is_a_clear_error(tmp_path, source):
    for name in ("thank_you.subject.txt", "thank_you.txt", "thank_you.mjml"):
        (tmp_path / name).write_text(source)

    with pytest.raises(TemplateBroken) as broken:
        render(
            kind=EmailKind.THANK_YOU,
            language_code="en",
            facts=FACTS,
            shop=SHOP,
            engine=make_engine(tmp_path),
        )

    assert broken.value.data["kind"] == "thank_you"
    assert broken.value.data["problem"]


def test_broken_mjml_is_a_clear_error(tmp_path):
    (tmp_path / "thank_you.subject.txt").write_text("Hi")
    (tmp_path / "thank_you.txt").write_text("Hi")
    (tmp_path / "thank_you.mjml").write_text("<mjml><mj-body><mj-text></mjml>")

    with pytest.raises(TemplateBroken):
        render(
            kind=EmailKind.THANK_YOU,
            language_code="en",
            facts=FACTS,
            shop=SHOP,
            engine=make_engine(tmp_path),
        )


def test_retries_wait_longer_and_longer_up_to_two_hours():
    assert [retry_delay(n).total_seconds() // 60 for n in (1, 2, 3, 7, 8, 99)] == [
        1,
        2,
        4,
        64,
        120,
        120,
    ]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Another 1,200 points will be yours to use later."),
        ("nb", "Ytterligere 1 200 poeng kan du bruke senere."),
        ("hr", "Još 1.200 bodova moći ćete koristiti kasnije."),
    ],
)
def test_points_that_are_pending_are_told_apart_from_the_balance(language, words):
    mail = thank_you(language, points_pending=1200, points_balance=0)

    plain = mail.text.replace("\xa0", " ")
    assert words in plain
    assert words in str(Text(mail.html)).replace("\xa0", " ")
    assert "yours to use later" not in thank_you("en").text


@pytest.mark.parametrize(
    ("language", "card", "points"),
    [
        ("en", "Paid with gift cards: −€7.00", "Paid with points: −€2.50"),
        (
            "nb",
            "Betalt med gavekort: −7,00\N{NO-BREAK SPACE}€",
            "Betalt med poeng: −2,50\N{NO-BREAK SPACE}€",
        ),
        (
            "hr",
            "Plaćeno poklon-karticama: −7,00\N{NO-BREAK SPACE}€",
            "Plaćeno bodovima: −2,50\N{NO-BREAK SPACE}€",
        ),
    ],
)
def test_what_points_and_gift_cards_paid_makes_the_sum_come_out(language, card, points):
    mail = thank_you(
        language, paid_with_gift_cards="7.00", paid_with_points="2.50", total="1045.00"
    )

    assert f"- {card}\n- {points}\n" in mail.text
    html = str(Text(mail.html))
    assert " ".join(card.replace(":", "").split()) in html
    assert " ".join(points.replace(":", "").split()) in html
