"""The gettext catalogues of the mails: collected from templates and code, merged, compiled."""

import io
import sys
from datetime import datetime, timezone
from gettext import GNUTranslations
from pathlib import Path
from typing import Dict, Iterator, List

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from dev.places import REPO

PACKAGE = REPO / "saleor_loyalty"
LOCALES = PACKAGE / "locale"
SOURCE_LANGUAGE = "en"
LANGUAGES = ("en", "hr", "nb")
KEYWORDS = {
    "gettext": None,
    "_": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def collect() -> Catalog:
    """Return all texts that templates and code mark for translation."""
    from django.utils.translation.template import templatize

    catalog = Catalog(project="saleor-loyalty", charset="utf-8")
    for path, source in _sources(templatize):
        found = extract("python", io.BytesIO(source.encode()), KEYWORDS)
        for _, message, _, context in found:
            catalog.add(message, context=context, locations=[(path, 0)])
    return catalog


def _sources(templatize) -> Iterator[tuple]:
    for path in sorted(PACKAGE.rglob("*")):
        name = str(path.relative_to(REPO))
        if path.suffix == ".py":
            yield name, path.read_text()
        elif "templates" in path.parts and path.is_file():
            # What is left of a template is no Python, so its indentation means nothing.
            lines = templatize(path.read_text(), origin=name).splitlines()
            yield name, "\n".join(line.strip() for line in lines)


def catalogue_path(language: str) -> Path:
    """Return where a language's texts are."""
    return LOCALES / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """Return a language's catalogue, empty if there is none yet."""
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """Return a catalogue as gettext reads it."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def main() -> None:
    """Bring every catalogue up to date."""
    texts = collect()
    for language in LANGUAGES:
        catalog = read(language)
        catalog.update(texts, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.fuzzy = False
        catalog.header_comment = f"# Texts of saleor-loyalty, in {language}."
        catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=timezone.utc)
        path = catalogue_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=100, omit_header=False, sort_by_file=True)
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        lacking = untranslated(catalog) if language != SOURCE_LANGUAGE else []
        print(f"{language}: {len(catalog)} texts, {len(lacking)} not translated")
        for text in lacking:
            print(f"   falls back to English: {text}")


def untranslated(catalog: Catalog) -> List[str]:
    """Return the texts, or their singular, that a catalogue has no translation of."""
    return [
        _texts(message.id)[0]
        for message in catalog
        if message.id and (message.fuzzy or not all(_strings(message)))
    ]


def problems() -> List[str]:
    """Return what is wrong with the catalogues: texts that they lack, and what is not compiled."""
    wanted = {_texts(message.id)[0] for message in collect() if message.id}
    found = []
    for language in LANGUAGES:
        catalog = read(language)
        listed = {_texts(message.id)[0] for message in catalog if message.id}
        lacking = sorted(wanted - listed)
        if language != SOURCE_LANGUAGE:
            lacking += untranslated(catalog)
        found += [f"{language} falls back to English: {text}" for text in lacking]
        found += [
            f"{language} has what is said no more: {text}" for text in sorted(listed - wanted)
        ]
        path = catalogue_path(language).with_suffix(".mo")
        if not path.exists() or texts_in(path.read_bytes()) != texts_in(compiled(catalog)):
            found.append(f"{language} is not compiled: run `make messages`")
    return found


def texts_in(mo: bytes) -> Dict[object, str]:
    """Return the texts of a compiled catalogue, without its header, which names babel's version."""
    texts = dict(GNUTranslations(io.BytesIO(mo))._catalog)  # noqa: SLF001 -- it has no other way
    texts.pop("", None)
    return texts


def check() -> int:
    """Say what is wrong with the catalogues; return the exit code."""
    found = problems()
    print("\n".join(found) or "all catalogues are complete and compiled")
    return 1 if found else 0


def _texts(text) -> tuple:
    return text if isinstance(text, tuple) else (text,)


def _strings(message) -> tuple:
    return message.string if isinstance(message.string, tuple) else (message.string,)


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv else main())
