from gettext import GNUTranslations
from io import BytesIO

import pytest

from dev import catalogues


def strings(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_every_text_is_in_every_catalogue(language):
    wanted = {message.id for message in catalogues.collect() if message.id}
    catalog = catalogues.read(language)
    listed = {message.id for message in catalog if message.id}

    assert listed == wanted


@pytest.mark.parametrize("language", ["hr", "nb"])
def test_every_text_is_translated_with_all_its_variables(language):
    for message in catalogues.read(language):
        if not message.id:
            continue
        assert all(strings(message)), message.id
        assert not message.fuzzy, message.id
        assert not list(message.check(catalogues.read(language))), message.id


def texts_in(compiled: bytes) -> dict:
    """The texts of a compiled catalogue, without its header, which names babel's version."""
    texts = dict(GNUTranslations(BytesIO(compiled))._catalog)
    texts.pop("", None)
    return texts


@pytest.mark.parametrize("language", ["hr", "nb"])
def test_compiled_catalogues_are_up_to_date(language):
    compiled = catalogues.catalogue_path(language).with_suffix(".mo").read_bytes()

    assert texts_in(compiled) == texts_in(catalogues.compiled(catalogues.read(language)))
    assert len(texts_in(compiled)) > 20
