"""From a mail's kind, language and facts to its subject, plain text and HTML."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.template import Context, Engine, VariableDoesNotExist
from django.template.exceptions import TemplateDoesNotExist, TemplateSyntaxError
from django.utils import translation
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from mjml import mjml2html

from saleor_loyalty.emails.formats import first_name_of, values_of
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.languages import (
    FALLBACK_LANGUAGE,
    language_for,
    spoken,
    translate,
)
from saleor_loyalty.emails.palette import palette_of
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.specs import WITH_BUTTONS, Block, KindSpec, Sentences
from saleor_loyalty.emails.texts import fill, parse
from saleor_loyalty.errors import LoyaltyError

ROOM = Path(__file__).parent
_LINE_BREAKS = re.compile(r"[ \t\r\n\v\f\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNWRITABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST_SUBJECT = 250

BROKEN = (
    TemplateDoesNotExist,
    TemplateSyntaxError,
    VariableDoesNotExist,
    KeyError,
    ValueError,
    TypeError,
)


class TemplateBroken(LoyaltyError):
    """A mail could not be rendered; the data say which and why."""

    code = "email_template_broken"


@dataclass(frozen=True, kw_only=True)
class ShopIdentity:
    """How the shop presents itself in a mail; empty where it has not said.

    `accent_color` is #rrggbb; `postal_address` has a line a line.
    """

    name: str
    url: str = ""
    logo_url: str = ""
    accent_color: str = ""
    postal_address: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnTexts:
    """What the shop wrote itself: texts by part, in a language, and its choice of blocks.

    What is missing is as it comes. `languages`: all those in which it wrote something.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    blocks: Sequence[str] | None = None
    languages: Collection[str] = ()


# Returns what the shop wrote of a kind of mail for a reader's language (Saleor's code).
FindTexts = Callable[[EmailKind, str], OwnTexts]


@dataclass(frozen=True, kw_only=True)
class RenderedEmail:
    """What the recipient gets. `subject` is one line; `text` stands for itself.

    `untranslated` are the sentences that the language lacks, and that are in English.
    """

    subject: str
    text: str
    html: str
    language: str
    untranslated: tuple[str, ...] = ()


class _Missing(str):
    """Stands for a variable that a template asked for and the facts lack: an error."""

    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        return True

    def __mod__(self, name: object) -> str:
        raise KeyError(f"unknown variable {name}")


def make_engine(templates: Path) -> Engine:
    """Return the engine for a folder of templates; unknown variables are errors."""
    return Engine(
        dirs=[str(templates)],
        autoescape=True,
        string_if_invalid=_Missing("%s"),
        builtins=[
            "django.templatetags.i18n",
            "saleor_loyalty.emails.formats",
            "saleor_loyalty.emails.event_formats",
        ],
    )


ENGINE = make_engine(ROOM / "templates")


def render(
    *,
    kind: EmailKind,
    language_code: str,
    facts: Mapping[str, Any],
    shop: ShopIdentity,
    own: OwnTexts | None = None,
    preferences_url: str = "",
    unsubscribe_url: str = "",
    pictures: Mapping[str, str] | None = None,
    engine: Engine = ENGINE,
) -> RenderedEmail:
    """Render a mail in the recipient's language, in the shop's own words where it wrote some.

    `pictures` are addresses of pictures by product id.

    Raises:
        TemplateBroken: a template is missing or wrong, or asks for what the facts lack.

    """
    own = own or OwnTexts()
    language = language_for(language_code, also=own.languages)
    facts = {
        "first_name": "",
        **facts,
        "shop_name": shop.name,
    }
    facts["first_name"] = first_name_of(str(facts["first_name"] or ""))
    try:
        with translation.override(spoken(language)):
            writer = _Writer(KINDS[kind], own, language, *values_of(facts))
            subject = _one_line(writer.part("subject"))
            links = facts.get("links") or {}
            blocks = own.blocks if own.blocks is not None else KINDS[kind].blocks
            values = {
                **facts,
                "shop": shop,
                "palette": palette_of(shop.accent_color),
                "language": language,
                "subject": subject,
                "links": links,
                "button_url": own.parts.get("button_url")
                or _target(KINDS[kind], links, shop, blocks),
                "is_button_quiet": any(block in WITH_BUTTONS for block in blocks),
                "preferences_url": preferences_url,
                "unsubscribe_url": unsubscribe_url,
                "pictures": pictures or {},
            }
            text, mjml = (
                _writable(
                    engine.get_template(f"layout.{form}").render(
                        Context(
                            {
                                **values,
                                **writer.words(is_html=form == "mjml"),
                                "blocks": [f"blocks/{block}.{form}" for block in blocks],
                            },
                            autoescape=form == "mjml",
                        )
                    )
                )
                for form in ("txt", "mjml")
            )
        html = mjml2html(mjml)
    except BROKEN as error:
        raise TemplateBroken(
            kind=kind.value, language=language, problem=f"{type(error).__name__}: {error}"
        ) from error
    return RenderedEmail(
        subject=subject,
        text=_tidy(text),
        html=html,
        language=language,
        untranslated=tuple(writer.untranslated),
    )


@dataclass
class _Writer:
    """Writes the words of one mail."""

    spec: KindSpec
    own: OwnTexts
    language: str
    values: Mapping[str, str]
    empty: Collection[str]
    untranslated: list[str] = field(default_factory=list)

    def words(self, *, is_html: bool) -> dict[str, object]:
        """Return the texts of a mail's body, by the names that the layout uses."""
        return {
            "preheader": self.part("preheader"),
            "heading": self.part("heading"),
            "paragraphs": self.paragraphs("body", is_html=is_html),
            "closing": self.paragraphs("closing", is_html=is_html),
            "button": self.part("button"),
            "reason": self._fill(self._translated(self.spec.reason), is_html=is_html),
        }

    def part(self, name: str) -> str:
        """Return a text of one line, plain."""
        text = self.own.parts.get(name) or self._translated(getattr(self.spec, name))
        return _LINE_BREAKS.sub(" ", self._fill(text, is_html=False))

    def paragraphs(self, name: str, *, is_html: bool) -> list[str]:
        """Return a text of some paragraphs, without those that have nothing to say."""
        own = self.own.parts.get(name)
        if own:
            some = [self._fill(text, is_html=is_html) for text in split_paragraphs(own)]
        else:
            some = [
                self._joined(sentences, is_html=is_html) for sentences in getattr(self.spec, name)
            ]
        return [one for one in some if one.strip()]

    def _joined(self, sentences: Sentences, *, is_html: bool) -> str:
        filled = (self._fill(self._translated(one), is_html=is_html) for one in sentences)
        joined = " ".join(one for one in filled if one.strip())
        return mark_safe(joined) if is_html else joined  # noqa: S308 -- each is escaped

    def _translated(self, sentence: str) -> str:
        served_by = language_for(self.language)
        text, is_missing = translate(sentence, language=served_by)
        is_missing |= served_by == FALLBACK_LANGUAGE != self.language.split("-")[0]
        if is_missing and sentence and sentence not in self.untranslated:
            self.untranslated.append(sentence)
        return text

    def _fill(self, text: str, *, is_html: bool) -> str:
        filled = fill(
            parse(text), self.values, empty=self.empty, escape=_escaped if is_html else str
        )
        if text.startswith("["):  # the part with the name may have been left out
            filled = filled[:1].upper() + filled[1:]
        return mark_safe(filled) if is_html else filled  # noqa: S308 -- all of it is escaped


def _target(
    spec: KindSpec, links: Mapping[str, str], shop: ShopIdentity, blocks: Collection[str]
) -> str:
    """Return where the button of a kind leads; nowhere when its link is not there, or is that of a block's button."""
    if Block.ANSWERS in blocks and spec.link and links.get(spec.link) == links.get("accept"):
        return ""
    return links.get(spec.link, "") if spec.link else shop.url


def _escaped(text: str) -> str:
    """Return a text for HTML, with its line breaks."""
    escaped: SafeString = escape(text)
    return escaped.replace("\n", "<br />")


def split_paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text: empty lines are between them."""
    normal = text.replace("\r\n", "\n").strip()
    return [one.strip() for one in re.split(r"\n[ \t]*\n", normal) if one.strip()]


def _one_line(text: str) -> str:
    """Return a text that can be a header: one line without control characters, and not endless."""
    line = _CONTROL.sub("", _LINE_BREAKS.sub(" ", text)).strip()
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1] + "…"


def _writable(text: str) -> str:
    """Return a text without the characters that XML cannot have, as some that people paste."""
    return _UNWRITABLE.sub("", text)


def _tidy(text: str) -> str:
    """Drop trailing blanks and runs of empty lines, which template tags leave behind."""
    lines: list[str] = []
    for line in text.splitlines():
        stripped = line.rstrip()
        if stripped or (lines and lines[-1]):
            lines.append(stripped)
    return "\n".join(lines).strip() + "\n"
