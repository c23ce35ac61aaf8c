"""The languages of our catalogues, and which one serves a reader."""

from collections.abc import Collection
from functools import cache
from gettext import GNUTranslations
from pathlib import Path

LOCALES = Path(__file__).parent.parent / "locale"
LANGUAGES = frozenset(path.name for path in LOCALES.iterdir() if path.is_dir())
FALLBACK_LANGUAGE = "en"
NEAREST_LANGUAGE = {"no": "nb", "nn": "nb"}


def language_for(language_code: str, *, also: Collection[str] = ()) -> str:
    """Return the language that serves a code (Saleor's: "nb", "pt-br") best, else English.

    `also`: further ones, in which the shop wrote its own texts.
    """
    code = language_code.lower()
    base = code.split("-")[0]
    for candidate in (code, base, NEAREST_LANGUAGE.get(base)):
        if candidate in LANGUAGES or candidate in also:
            assert candidate is not None
            return candidate
    return FALLBACK_LANGUAGE


def spoken(language: str) -> str:
    """Return the language in which numbers, dates and our own words are written for a language."""
    return NEAREST_LANGUAGE.get(language.split("-")[0], language)


@cache
def _catalogue(language: str) -> GNUTranslations:
    path = LOCALES / language / "LC_MESSAGES" / "django.mo"
    if not path.exists():
        return GNUTranslations()
    with path.open("rb") as file:
        return GNUTranslations(file)


def translate(sentence: str, *, language: str) -> tuple[str, bool]:
    """Return a sentence in a language, or as it is, and whether the translation is missing.

    By our own catalogues alone: no other app's may change what a text says.
    """
    if language == FALLBACK_LANGUAGE:
        return sentence, False
    found = _catalogue(language).gettext(sentence) if language in LANGUAGES else sentence
    is_known = language in LANGUAGES and sentence in _catalogue(language)._catalog  # type: ignore[attr-defined]  # noqa: SLF001
    return (found, False) if is_known and found else (sentence, True)
