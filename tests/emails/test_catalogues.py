import pytest

from dev import catalogues


def strings(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


def test_every_text_is_in_every_catalogue_translated_and_compiled():
    assert catalogues.problems() == []


@pytest.mark.parametrize(("language", "forms"), [("hr", 3), ("nb", 2)])
def test_every_text_is_translated_with_all_its_variables(language, forms):
    for message in catalogues.read(language):
        if not message.id:
            continue
        assert not list(message.check(catalogues.read(language))), message.id
        if isinstance(message.id, tuple):
            assert len(strings(message)) == forms
        wanted = message.id[0] if isinstance(message.id, tuple) else message.id
        for text in strings(message):
            assert text == text.strip() or wanted != wanted.strip(), message.id
            assert "  " not in text, message.id


@pytest.fixture
def a_copy(tmp_path, monkeypatch):
    """Catalogues that may be spoilt."""
    for language in catalogues.LANGUAGES:
        path = catalogues.catalogue_path(language)
        copy = tmp_path / language / "LC_MESSAGES" / path.name
        copy.parent.mkdir(parents=True)
        copy.write_bytes(path.read_bytes())
        copy.with_suffix(".mo").write_bytes(path.with_suffix(".mo").read_bytes())
    monkeypatch.setattr(catalogues, "LOCALES", tmp_path)
    return tmp_path


def test_a_text_without_translation_is_named(a_copy):
    path = a_copy / "hr" / "LC_MESSAGES" / "django.po"
    path.write_text(path.read_text().replace('msgstr "Dostava"', 'msgstr ""'))

    assert catalogues.problems() == [
        "hr falls back to English: Shipping",
        "hr is not compiled: run `make messages`",
    ]


def test_a_plural_that_lacks_a_form_is_named(a_copy):
    path = a_copy / "hr" / "LC_MESSAGES" / "django.po"
    path.write_text(path.read_text().replace('"%(number)s narudžbe"', '""'))

    assert "hr falls back to English: %(number)s order" in catalogues.problems()


def test_a_text_that_a_catalogue_does_not_have_is_named(a_copy):
    path = a_copy / "nb" / "LC_MESSAGES" / "django.po"
    path.write_text(path.read_text().replace('msgid "Shipping"', 'msgid "Sipping"'))

    found = catalogues.problems()

    assert "nb falls back to English: Shipping" in found
    assert "nb has what is said no more: Sipping" in found


def test_a_catalogue_that_was_not_compiled_is_named(a_copy):
    (a_copy / "nb" / "LC_MESSAGES" / "django.mo").unlink()

    assert catalogues.problems() == ["nb is not compiled: run `make messages`"]
