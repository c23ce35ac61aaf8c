"""The gettext catalogues of the mails: collected from templates and code, merged, compiled."""

import io
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator

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
            yield name, templatize(path.read_text(), origin=name)


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
        missing = [
            message.id
            for message in catalog
            if message.id and not any(_strings(message)) and language != SOURCE_LANGUAGE
        ]
        print(f"{language}: {len(catalog)} texts, {len(missing)} not translated")


def _strings(message) -> tuple:
    return message.string if isinstance(message.string, tuple) else (message.string,)


if __name__ == "__main__":
    main()
