"""The little language that the texts of mails are written in, in pure Python.

A text has {variables}, and [optional parts] that are left out when a variable in them is
empty: "Thank you[, {first_name}]!". `[[` and `]]` stand for brackets. There is nothing else: no
code, no attributes, no nesting, so that whoever may edit texts can do nothing but write. Parsing
and filling take time in proportion to the text's length.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from saleor_loyalty.errors import LoyaltyError

_TOKEN = re.compile(r"\[\[|\]\]|[\[\]{}]|[^\[\]{}]+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class TextInvalid(LoyaltyError):
    """A text of a mail cannot be used; `field` names it and `problem` says where and why."""

    code = "email_text_invalid"


@dataclass(frozen=True)
class Word:
    """A piece of a text as it stands."""

    text: str


@dataclass(frozen=True)
class Variable:
    """A place where a variable's value goes."""

    name: str


@dataclass(frozen=True)
class Optional:
    """A part that is left out when a variable in it is empty."""

    parts: tuple[Word | Variable, ...]


Part = Word | Variable | Optional


@lru_cache(maxsize=2048)
def parse(text: str) -> tuple[Part, ...]:
    """Return the parts of a text.

    Raises:
        TextInvalid: braces or brackets that do not belong together, or nested ones.

    """
    parts: list[Part] = []
    optional: list[Word | Variable] | None = None
    pieces = list(_TOKEN.finditer(text))
    skipped = 0
    for number, piece in enumerate(pieces):
        if skipped:
            skipped -= 1
            continue
        sign, where = piece.group(), piece.start() + 1
        into: list[Part] | list[Word | Variable] = parts if optional is None else optional
        match sign:
            case "[[" | "]]":
                into.append(Word(sign[0]))
            case "[":
                if optional is not None:
                    raise _invalid("an optional part cannot have another in it", where)
                optional = []
            case "]":
                parts.append(_closed(optional, where))
                optional = None
            case "{":
                into.append(Variable(_name(pieces[number + 1 : number + 3], where)))
                skipped = 2
            case "}":
                raise _invalid("a } without its {", where)
            case _:
                into.append(Word(sign))
    if optional is not None:
        raise _invalid("a [ without its ]", len(text))
    return tuple(parts)


def _closed(optional: list[Word | Variable] | None, where: int) -> Optional:
    if optional is None:
        raise _invalid("a ] without its [", where)
    if not any(isinstance(part, Variable) for part in optional):
        raise _invalid("an optional part needs a variable; write [[ for a bracket", where)
    return Optional(tuple(optional))


def _name(pieces: Sequence[re.Match[str]], where: int) -> str:
    """Return the name of a variable from what follows its brace."""
    match [piece.group() for piece in pieces]:
        case [name, "}"] if _NAME.fullmatch(name):
            return name
    raise _invalid("a { that does not begin a {variable}", where)


def _invalid(problem: str, where: int) -> TextInvalid:
    return TextInvalid(problem=f"{problem} (character {where})")


def variables_in(parts: Collection[Part]) -> set[str]:
    """Return the names of the variables in a text."""
    names: set[str] = set()
    for part in parts:
        if isinstance(part, Optional):
            names |= variables_in(part.parts)
        elif isinstance(part, Variable):
            names.add(part.name)
    return names


def required_in(parts: Collection[Part]) -> set[str]:
    """Return the names of the variables that a text cannot do without."""
    return {part.name for part in parts if isinstance(part, Variable)}


def fill(
    parts: Collection[Part],
    values: Mapping[str, str],
    *,
    empty: Collection[str] = (),
    escape: Callable[[str], str] = str,
) -> str:
    """Return a text with its variables' values; `escape` makes both fit for where it goes.

    Optional parts are left out for what has no value, and for what is in `empty`, as 0 points. A
    full stop after a value that ends in one, as Croatian dates do, is not written twice.

    Raises:
        KeyError: a variable outside of optional parts that there is no value of.

    """
    filled: list[str] = []
    is_stopped = False
    for part in _flat(parts, values, empty):
        if isinstance(part, Variable):
            text = values[part.name]
            is_stopped = text.endswith(".")
        else:
            is_double = is_stopped and part.text.startswith(".") and not part.text.startswith("..")
            text = part.text[1:] if is_double else part.text
            is_stopped = False
        filled.append(escape(text))
    return "".join(filled)


def _flat(
    parts: Collection[Part], values: Mapping[str, str], empty: Collection[str]
) -> Iterator[Word | Variable]:
    """Yield the parts that are written."""
    for part in parts:
        if not isinstance(part, Optional):
            yield part
        elif all(name in values and name not in empty for name in variables_in(part.parts)):
            yield from part.parts
