"""From a mail's kind, language and facts to its subject, plain text and HTML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template import Context, Engine, VariableDoesNotExist
from django.template.exceptions import TemplateDoesNotExist, TemplateSyntaxError
from django.utils import translation
from mjml import mjml2html

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.errors import LoyaltyError

ROOM = Path(__file__).parent
LOCALES = ROOM.parent / "locale"
LANGUAGES = frozenset(path.name for path in LOCALES.iterdir() if path.is_dir())
FALLBACK_LANGUAGE = "en"
NEAREST_LANGUAGE = {"no": "nb", "nn": "nb"}
_LINE_BREAKS = re.compile(r"[ \t\r\n\v\f\x85\u2028\u2029]+")


BROKEN = (
    TemplateDoesNotExist,
    TemplateSyntaxError,
    VariableDoesNotExist,
    KeyError,
    ValueError,
    TypeError,
)


class TemplateBroken(LoyaltyError):
    """A mail's template could not be rendered; the data say which and why."""

    code = "email_template_broken"


@dataclass(frozen=True, kw_only=True)
class ShopIdentity:
    """How the shop presents itself in a mail; empty where it has not said."""

    name: str
    url: str = ""
    logo_url: str = ""


@dataclass(frozen=True, kw_only=True)
class RenderedEmail:
    """What the recipient gets. `subject` is one line; `text` stands for itself."""

    subject: str
    text: str
    html: str
    language: str


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
        builtins=["django.templatetags.i18n", "saleor_loyalty.emails.formats"],
    )


ENGINE = make_engine(ROOM / "templates")


def language_for(language_code: str) -> str:
    """Return the language of our catalogues that serves a code best, else English."""
    code = language_code.lower()
    base = code.split("-")[0]
    for candidate in (code, base, NEAREST_LANGUAGE.get(base)):
        if candidate in LANGUAGES:
            return candidate
    return FALLBACK_LANGUAGE


def render(
    *,
    kind: EmailKind,
    language_code: str,
    facts: Mapping[str, Any],
    shop: ShopIdentity,
    engine: Engine = ENGINE,
) -> RenderedEmail:
    """Render a mail in the recipient's language.

    Raises:
        TemplateBroken: a template is missing or wrong, or asks for what the facts lack.

    """
    language = language_for(language_code)
    values = {**facts, "shop": shop, "language": language}
    try:
        with translation.override(language):
            subject = _render(engine, f"{kind.value}.subject.txt", values, autoescape=False)
            text = _render(engine, f"{kind.value}.txt", values, autoescape=False)
            mjml = _render(engine, f"{kind.value}.mjml", values | {"subject": subject.strip()})
        html = mjml2html(mjml)
    except BROKEN as error:
        raise TemplateBroken(
            kind=kind.value, language=language, problem=f"{type(error).__name__}: {error}"
        ) from error
    return RenderedEmail(
        subject=_LINE_BREAKS.sub(" ", subject).strip(),
        text=_tidy(text),
        html=html,
        language=language,
    )


def _render(
    engine: Engine, name: str, values: Mapping[str, Any], *, autoescape: bool = True
) -> str:
    template = engine.get_template(name)
    return template.render(Context(dict(values), autoescape=autoescape))


def _tidy(text: str) -> str:
    """Drop trailing blanks and runs of empty lines, which template tags leave behind."""
    lines: list[str] = []
    for line in text.splitlines():
        stripped = line.rstrip()
        if stripped or (lines and lines[-1]):
            lines.append(stripped)
    return "\n".join(lines).strip() + "\n"
