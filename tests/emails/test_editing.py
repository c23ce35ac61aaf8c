from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saleor_loyalty.emails.editing import (
    LONGEST,
    OwnTextsIndex,
    TextVersionNotFound,
    check_texts,
    restore_texts,
    save_texts,
)
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.models import EmailText
from saleor_loyalty.emails.rendering import OwnTexts, ShopIdentity, render
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.samples import SAMPLES
from saleor_loyalty.emails.texts import TextInvalid
from tests.emails.mails import mail
from tests.factories import NOW
from tests.threads import in_threads

THANKS = EmailKind.THANK_YOU


def save(parts=None, blocks=None, *, kind=THANKS, language="en", channel=None, now=NOW):
    return save_texts(
        kind=kind,
        language_code=language,
        channel_id=channel,
        parts=parts or {},
        blocks=blocks,
        actor="user:5",
        now=now,
    )


def found(language="en", channel=None, kind=THANKS):
    return OwnTextsIndex([kind]).find(kind, language_code=language, channel_id=channel)


def refusal(parts=None, blocks=None, **values):
    """Why something is refused; nothing is saved then."""
    before = EmailText.objects.count()
    with pytest.raises(TextInvalid) as refused:
        save(parts, blocks, **values)
    assert EmailText.objects.count() == before
    return {"field": refused.value.field, **refused.value.data}


@pytest.mark.django_db
def test_what_is_saved_counts_from_then_on():
    saved = save({"subject": "  Hi[, {first_name}]! ", "button": " "}, ["order", "points"])

    assert (saved.version, saved.is_current, saved.actor) == (1, True, "user:5")
    assert (saved.parts, saved.blocks) == (
        {"subject": "Hi[, {first_name}]!"},
        ["order", "points"],
    )
    own = found()
    rendered = mail(own=own)
    assert rendered.subject == "Hi, Ada!"
    assert rendered.text.startswith("Thank you, Ada!\n")
    assert "Your tier" not in rendered.text


@pytest.mark.django_db
def test_every_change_is_a_version_and_one_counts():
    first = save({"subject": "One"})
    second = save({"subject": "Two"}, now=NOW + timedelta(days=1))

    first.refresh_from_db()
    assert (first.version, first.is_current, first.parts) == (1, False, {"subject": "One"})
    assert (second.version, second.is_current) == (2, True)
    assert second.created_at == NOW + timedelta(days=1)
    assert found().parts == {"subject": "Two"}


@pytest.mark.django_db
def test_saving_what_counts_already_changes_nothing():
    first = save({"subject": "One"}, ["order"])

    again = save({"subject": " One ", "body": ""}, ["order"], now=NOW + timedelta(days=1))

    assert again == first
    assert EmailText.objects.count() == 1


@pytest.mark.django_db
def test_an_empty_version_is_a_reset():
    save({"subject": "One"}, ["order"])

    reset = save({})

    assert (reset.version, reset.parts, reset.blocks) == (2, {}, None)
    own = found()
    assert (own.parts, own.blocks, set(own.languages)) == ({}, None, set())
    assert mail(own=own).subject == "Thank you, Ada! Your order has earned you 1,200 points"


@pytest.mark.django_db
def test_an_older_version_can_count_again():
    first = save({"subject": "One"}, [])
    save({"subject": "Two"})

    restored = restore_texts(text_id=first.pk, actor="app:1", now=NOW + timedelta(days=2))

    assert (restored.version, restored.parts, restored.blocks) == (3, {"subject": "One"}, [])
    assert (restored.actor, restored.is_current) == ("app:1", True)
    assert EmailText.objects.filter(is_current=True).count() == 1
    assert restore_texts(text_id=first.pk, actor="app:1", now=NOW) == restored


@pytest.mark.django_db
def test_a_version_that_cannot_be_used_any_more_is_not_restored():
    old = save({"subject": "One"})
    EmailText.objects.filter(pk=old.pk).update(parts={"subject": "{gone}"}, is_current=False)

    with pytest.raises(TextInvalid):
        restore_texts(text_id=old.pk, actor="user:5", now=NOW)
    with pytest.raises(TextVersionNotFound):
        restore_texts(text_id=old.pk + 1, actor="user:5", now=NOW)

    assert EmailText.objects.count() == 1


@pytest.mark.django_db
def test_the_channels_own_words_come_before_those_of_all_part_by_part():
    save({"subject": "All", "heading": "All", "body": "All"}, ["order"])
    save({"subject": "Channel"}, channel=3)
    save({"heading": "Other"}, channel=4)

    own = found(channel=3)
    assert own.parts == {"subject": "Channel", "heading": "All", "body": "All"}
    assert own.blocks == ["order"]
    assert found().parts == {"subject": "All", "heading": "All", "body": "All"}
    assert found(channel=5).parts == found().parts


@pytest.mark.django_db
def test_a_languages_own_words_come_before_those_of_its_base():
    save(
        {"subject": "pt", "heading": "pt", "body": "pt", "closing": "pt"}, ["order"], language="pt"
    )
    save({"subject": "pt 3", "heading": "pt 3", "body": "pt 3"}, language="pt", channel=3)
    save({"subject": "br", "heading": "br"}, [], language="pt-BR")
    save({"subject": "br 3"}, language="pt-br", channel=3)

    own = found("PT-br", channel=3)

    assert own.parts == {"subject": "br 3", "heading": "br", "body": "pt 3", "closing": "pt"}
    assert own.blocks == []
    assert set(own.languages) == {"pt", "pt-br"}
    assert found("pt", channel=3).parts == {
        "subject": "pt 3",
        "heading": "pt 3",
        "body": "pt 3",
        "closing": "pt",
    }
    assert found("en", channel=3).parts == {}


@pytest.mark.django_db
def test_other_kinds_are_not_touched():
    save({"subject": "Hi"}, kind=EmailKind.WELCOME)

    assert found().parts == {}
    assert found(kind=EmailKind.WELCOME).parts == {"subject": "Hi"}


@pytest.mark.django_db
def test_all_words_of_a_round_are_one_query(django_assert_num_queries):
    for kind in EmailKind:
        save({"heading": "Hi"}, kind=kind)

    with django_assert_num_queries(1):
        index = OwnTextsIndex(list(EmailKind))
        for kind in EmailKind:
            index.find(kind, language_code="en", channel_id=3)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("parts", "field", "problem"),
    [
        ({"subject": "a\nb"}, "subject", "must be one line"),
        ({"heading": "a\u2028b"}, "heading", "must be one line"),
        ({"subject": "a\x00b"}, "subject", "has characters that cannot be printed"),
        ({"body": "a\u202eb"}, "body", "has characters that cannot be printed"),
        ({"subject": "x" * 201}, "subject", "must have at most 200 characters"),
        ({"body": "x" * 5001}, "body", "must have at most 5000 characters"),
        ({"nonsense": "x"}, "nonsense", "is no part of a mail"),
        ({"name": "x"}, "name", "is no part of a mail"),
        ({"reason": "x"}, "reason", "is no part of a mail"),
        ({"body": "{first_name}"}, "body", "{first_name} may be empty: put it in an optional part"),
        ({"body": "{reward_code}"}, "body", "this mail has no {reward_code}"),
        ({"body": "[{secret}]"}, "body", "this mail has no {secret}"),
        ({"body": "{"}, "body", "a { that does not begin a {variable} (character 1)"),
        ({"closing": "["}, "closing", "a [ without its ] (character 1)"),
        ({"button_url": "javascript:alert(1)"}, "button_url", "must be an address of a page"),
        ({"button_url": "data:text/html,x"}, "button_url", "must be an address of a page"),
        ({"button_url": "//evil.example"}, "button_url", "must be an address of a page"),
        ({"button_url": "https://"}, "button_url", "must be an address of a page"),
        ({"button_url": 'https://a.example/"onclick='}, "button_url", "must be an address"),
        ({"button_url": "https://a.example/{first_name}"}, "button_url", "must be an address"),
        ({"button_url": "https://a.example/ b"}, "button_url", "must be an address of a page"),
        ({"button_url": "https://[a"}, "button_url", "is no address of a page"),
        ({"button_url": "https://a.example/\nb"}, "button_url", "must be one line"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_not_saved(parts, field, problem):
    data = refusal({"heading": "fine", **parts})

    assert data["field"] == field
    assert data["problem"].startswith(problem)


@pytest.mark.django_db
@pytest.mark.parametrize("blocks", [["order", "order"], ["reward"], ["../layout"], [""], ["ORDER"]])
def test_blocks_are_those_of_the_kind_each_once(blocks):
    assert refusal({}, blocks) == {
        "field": "blocks",
        "problem": "may be points, order, tier, each once, in any order",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["", "-", "x" * 36, "e n", "en_US", "../en", "ен", "en\n"])
def test_a_language_is_a_language_code(code):
    assert refusal({"heading": "Hi"}, language=code)["field"] == "language_code"


INJECTIONS = [
    "{{ shop.url }}",
    "{% include 'layout.txt' %}",
    "{% load static %}",
    "{{ settings.SECRET_KEY }}",
    "{first_name.__class__}",
    "{points_balance!r}",
    "{points_balance:>9999999}",
    "{0}",
    "{}",
    "%(first_name)s {",
    "${x}",
    "#{x}",
    "%}",
]
HARMLESS = [
    "<script>alert(1)</script>",
    "</mj-text></mj-column><mj-raw>x</mj-raw>",
    "<mj-include path='/etc/passwd' />",
    "<!-- x -->",
    "<![[CDATA[[x]]]]>",
    "&lt;b&gt; &nbsp; &",
    "%(first_name)s %s $(x) \\N",
    "' onload='x",
    '" style="x',
]


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["subject", "preheader", "heading", "body", "closing", "button"])
@pytest.mark.parametrize("text", INJECTIONS)
def test_no_code_gets_into_a_text(part, text):
    assert refusal({part: text})["field"] == part


@pytest.mark.django_db
@pytest.mark.parametrize("text", HARMLESS)
def test_what_looks_like_code_is_text(text):
    save(dict.fromkeys(("subject", "preheader", "heading", "body", "closing", "button"), text))

    rendered = mail(own=found())
    written = text.replace("[[", "[").replace("]]", "]")

    assert rendered.subject == written
    assert rendered.text.count(written) == 4
    assert "<script" not in rendered.html
    assert "<mj-" not in rendered.html
    assert "root:" not in rendered.html
    assert "' onload='" not in rendered.html
    assert '" style="x' not in rendered.html


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(list(EmailKind)), st.text(alphabet="[]{}<>&%\"'a_ \n-!", max_size=40))
def test_what_is_not_refused_can_be_sent(kind, text):
    parts = {"body": text, "heading": text}
    try:
        check_texts(kind, parts=parts, blocks=None, language_code="en")
    except TextInvalid:
        return

    assert mail(kind, own=OwnTexts(parts=parts, languages={"en"})).html


@pytest.mark.django_db
@pytest.mark.parametrize("kind", EmailKind)
def test_every_kind_may_use_all_its_variables(kind):
    spec = KINDS[kind]
    body = " ".join(f"{{{name}}}" for name in spec.always)
    body += "".join(f"[ {{{name}}}]" for name in spec.allowed)

    saved = save({"body": body}, kind=kind)

    assert saved.parts == {"body": body}


@pytest.mark.django_db
@pytest.mark.parametrize(("part", "longest"), LONGEST.items())
def test_a_part_may_be_as_long_as_it_may_be(part, longest):
    text = "https://a.example/" if part == "button_url" else ""
    text += "x" * (longest - len(text))

    assert save({part: text}).parts == {part: text}
    assert refusal({part: text + "x"})["field"] == part


@pytest.mark.django_db
def test_a_text_in_a_language_that_nobody_knows_can_be_sent():
    save({"subject": "nuqneH"}, language="tlh-x9")

    rendered = mail(THANKS, "tlh-x9", own=found("tlh-x9"))

    assert (rendered.subject, rendered.language) == ("nuqneH", "tlh-x9")
    assert "Thank you, Ada!" in rendered.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("channel", [None, 3])
def test_two_who_save_at_once_make_two_versions_of_which_one_counts(channel):
    results = in_threads(6, lambda number: save({"subject": f"{number}"}, channel=channel))

    rows = EmailText.objects.order_by("version")
    assert not [one for one in results if isinstance(one, Exception)]
    assert [row.version for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.is_current for row in rows] == [False] * 5 + [True]


@pytest.mark.django_db(transaction=True)
def test_the_same_saved_twice_at_once_is_one_version():
    results = in_threads(4, lambda _: save({"subject": "Same"}))

    assert len({row.pk for row in results}) == 1
    assert EmailText.objects.count() == 1


def test_what_others_have_of_their_own_changes_nothing_for_a_reader(db):
    save({"heading": "Ahoy"}, kind=EmailKind.THANK_YOU, language="en")
    save({"heading": "Salut"}, kind=EmailKind.WELCOME, language="fr")
    save({"heading": "Bonjour"}, kind=EmailKind.THANK_YOU, language="fr", channel=7)

    index = OwnTextsIndex(list(EmailKind))

    found = index.find(EmailKind.THANK_YOU, language_code="fr", channel_id=1)
    assert found.parts == {"heading": "Ahoy"}


def test_a_reader_of_nynorsk_has_our_bokmal_where_the_shop_wrote_no_nynorsk(db):
    save({"subject": "Velkomen!"}, kind=EmailKind.WELCOME, language="nn")
    save({"heading": "Hei der"}, kind=EmailKind.WELCOME, language="nb")

    own = OwnTextsIndex([EmailKind.WELCOME]).find(
        EmailKind.WELCOME, language_code="nn", channel_id=1
    )
    rendered = render(
        kind=EmailKind.WELCOME,
        language_code="nn",
        facts=SAMPLES[EmailKind.WELCOME],
        shop=ShopIdentity(name="Aurora"),
        own=own,
    )

    assert rendered.subject == "Velkomen!"
    assert rendered.text.startswith("Hei der")
    assert "100 poeng" in rendered.text
    assert rendered.untranslated == ()
