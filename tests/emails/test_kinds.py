import pytest
from django.utils import translation

from saleor_loyalty.emails.formats import values_of
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.languages import translate
from saleor_loyalty.emails.rendering import ROOM, OwnTexts
from saleor_loyalty.emails.rules import PLAIN_FORM, EmailKind
from saleor_loyalty.emails.samples import SAMPLES, sparse
from saleor_loyalty.emails.specs import Block
from saleor_loyalty.emails.texts import parse, required_in, variables_in
from saleor_loyalty.emails.variables import VARIABLES
from tests.emails.mails import mail, sparse_mail

CLIPPED_BY_GMAIL = 102_000


def texts_of(kind):
    """All that a mail says of itself, by part."""
    spec = KINDS[kind]
    one_line = ("name", "subject", "preheader", "heading", "button", "reason")
    found = [(part, getattr(spec, part)) for part in one_line]
    for part in ("body", "closing"):
        found += [(part, text) for paragraph in getattr(spec, part) for text in paragraph]
    return found


CASES = [(kind, part, text) for kind in EmailKind for part, text in texts_of(kind)]


def test_every_kind_has_a_description_and_a_sample():
    assert set(KINDS) == set(SAMPLES) == set(EmailKind)
    assert set(PLAIN_FORM) | set(PLAIN_FORM.values()) <= set(EmailKind)


@pytest.mark.parametrize(("kind", "part", "text"), CASES)
def test_a_text_has_only_variables_that_its_mail_has(kind, part, text):
    parts = parse(text)

    assert variables_in(parts) <= set(KINDS[kind].allowed)
    assert required_in(parts) <= set(KINDS[kind].always)


@pytest.mark.parametrize("language", ["nb", "hr"])
@pytest.mark.parametrize(("kind", "part", "text"), CASES)
def test_a_translation_has_the_same_variables(kind, part, text, language):
    translated, is_missing = translate(text, language=language)

    parts = parse(translated)
    assert not is_missing
    assert variables_in(parts) == variables_in(parse(text))
    assert required_in(parts) <= set(KINDS[kind].always)


@pytest.mark.parametrize("kind", EmailKind)
def test_a_name_and_a_reason_are_for_every_reader(kind):
    assert variables_in(parse(KINDS[kind].name)) == set()
    assert variables_in(parse(KINDS[kind].reason)) <= {"shop_name", "program_name"}


@pytest.mark.parametrize("kind", EmailKind)
def test_variables_are_known_and_either_sure_or_not(kind):
    spec = KINDS[kind]

    assert set(spec.allowed) <= set(VARIABLES)
    assert len(set(spec.allowed)) == len(spec.allowed)


@pytest.mark.parametrize("kind", EmailKind)
def test_a_sample_tells_all_that_is_sure(kind):
    with translation.override("en"):
        values, empty = values_of({**SAMPLES[kind], "shop_name": "Aurora"})

    assert set(KINDS[kind].always) <= set(values) - empty


@pytest.mark.parametrize("language", ["en", "nb", "hr", "de"])
@pytest.mark.parametrize("kind", EmailKind)
def test_a_mail_of_which_little_is_known_has_no_holes(kind, language):
    rendered = sparse_mail(kind, language)

    assert rendered.subject == rendered.subject.strip() != ""
    for line in (rendered.subject, *rendered.text.splitlines()):
        assert line == line.strip()
        assert "  " not in line
        assert not any(
            sign in line for sign in ("[", "]", "{", "}", " ,", " !", " .", ",,", "None")
        )
        assert not line.startswith((",", ":", ".", "!"))
    assert "\n\n\n" not in rendered.text
    assert rendered.subject[:1].upper() == rendered.subject[:1]
    assert rendered.language == ("en" if language == "de" else language)


@pytest.mark.parametrize("kind", EmailKind)
def test_a_mail_in_another_language_says_which_sentences_it_lacks(kind):
    own = OwnTexts(parts={"subject": "Hallo"}, languages={"de"})

    german, croatian = mail(kind, "de", own=own), mail(kind, "hr")

    spec = KINDS[kind]
    assert german.language == "de"
    assert set(german.untranslated) >= {spec.heading, spec.reason, spec.button}
    assert croatian.untranslated == ()


@pytest.mark.parametrize("kind", EmailKind)
def test_a_mail_of_nothing_but_its_sure_facts_is_what_the_samples_call_sparse(kind):
    facts = sparse(SAMPLES[kind], always=KINDS[kind].always)

    assert all(facts[name] == SAMPLES[kind][name] for name in KINDS[kind].sure)
    assert not any(facts.get(name) for name in KINDS[kind].maybe)


@pytest.mark.parametrize("block", Block)
def test_every_block_has_both_forms(block):
    for form in ("txt", "mjml"):
        assert (ROOM / "templates" / "blocks" / f"{block.value}.{form}").exists()


@pytest.mark.parametrize("language", ["en", "nb", "hr"])
@pytest.mark.parametrize("kind", EmailKind)
def test_gmail_does_not_clip_a_mail(kind, language):
    assert len(mail(kind, language).html.encode()) < CLIPPED_BY_GMAIL


def test_gmail_does_not_clip_the_thanks_for_a_huge_order():
    line = {**SAMPLES[EmailKind.THANK_YOU]["lines"][0], "name": "Äthiopischer Kaffee " * 10}
    pictures = {"1": f"https://shop.example/{'x' * 200}"}

    huge = mail(EmailKind.THANK_YOU_TIER, lines=[line] * 200, pictures=pictures)

    assert len(huge.html.encode()) < CLIPPED_BY_GMAIL
    assert huge.html.count("Äthiopischer Kaffee " * 10) == 40
    assert "and 160 more" in huge.html
    assert huge.text.count("Äthiopischer Kaffee " * 10) == 200
