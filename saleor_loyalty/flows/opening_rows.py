"""A file of opening balances: its lines, each read and checked by itself. No database here."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import BinaryIO, NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.points.rules import MAX_POINTS

COLUMNS = ("email", "external_id", "points", "earned_on", "expires_on", "source", "state")
REQUIRED = ("points", "earned_on")
DELIMITERS = (",", ";", "\t")
NEVER = "never"
AVAILABLE = "available"
FIRST_DATE = date(1970, 1, 1)
LAST_DATE = date(2199, 12, 31)
MAX_EMAIL_LENGTH = 254
MAX_TEXT_LENGTH = 100
MAX_DIGITS = 20
MAX_SHOWN = 40
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
# Nearly every address there is; only the others need the long look of Django's validator.
PLAIN_EMAIL = re.compile(
    r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@[a-z0-9]{1,63}(?:\.[a-z0-9]{1,63})*\.[a-z]{2,63}"
)
# What a spreadsheet would take for a formula; an export puts a quote before it.
QUOTED_FORMULA = re.compile(r"'+[=+@\t\r-]")


class FileUnreadable(LoyaltyError):
    """The file is no CSV in UTF-8 with the right columns; `line` and `problem` say where and why."""

    code = "file_unreadable"


class OpeningRow(NamedTuple):
    """Points that a member brings along. `expires_on` None: by the programme's policy.

    `email` is in lower case; it or `external_id` may be empty, not both.
    """

    line: int
    external_id: str
    email: str
    points: int
    earned_on: date
    expires_on: date | None
    is_never: bool
    source: str


class LineError(NamedTuple):
    """What is wrong with a line: the `column`, a stable `code`, and the `problem` in words."""

    line: int
    column: str
    code: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class DateLimits:
    """Which dates make sense: earned until `today`, expiring on `earliest_expiry` or later."""

    today: date
    earliest_expiry: date


class OpeningFile:
    """A file of opening balances, read as it is asked for. `bytes_read` tells how far it is."""

    def __init__(self, file: BinaryIO, *, limits: DateLimits) -> None:
        self.bytes_read = 0
        self._file = file
        self._limits = limits

    def rows(self) -> Iterator[OpeningRow | list[LineError]]:
        """Yield each line that is not empty: as a row, or all that is wrong with it.

        Raises:
            FileUnreadable: it is no CSV in UTF-8, or its first line does not name the columns.

        """
        lines = self._lines()
        first = next(lines, "")
        delimiter = max(DELIMITERS, key=first.count)
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        line = 0
        try:
            columns = _columns(next(reader, []))
            line = reader.line_num
            for values in reader:
                if any(values):
                    yield _row(values, columns, line=line + 1, limits=self._limits)
                line = reader.line_num
        except csv.Error as error:
            raise FileUnreadable(line=line + 1, problem=f"is no CSV: {error}") from error

    def _lines(self) -> Iterator[str]:
        for number, raw in enumerate(self._file, start=1):
            self.bytes_read += len(raw)
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise FileUnreadable(line=number, problem="is not UTF-8") from error


def _columns(header: Iterable[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    if not any(columns):
        raise FileUnreadable(line=1, problem="does not name the columns")
    for name in columns:
        if name not in COLUMNS:
            raise FileUnreadable(
                line=1, problem=f"has the unknown column {name!r}; known are {', '.join(COLUMNS)}"
            )
        if columns.count(name) > 1:
            raise FileUnreadable(line=1, problem=f"has the column {name!r} twice")
    for name in REQUIRED:
        if name not in columns:
            raise FileUnreadable(line=1, problem=f"has no column {name!r}")
    if "email" not in columns and "external_id" not in columns:
        raise FileUnreadable(line=1, problem="has neither a column 'email' nor 'external_id'")
    return columns


def _row(
    values: list[str], columns: list[str], *, line: int, limits: DateLimits
) -> OpeningRow | list[LineError]:
    if len(values) != len(columns):
        problem = f"must have {len(columns)} values, not {len(values)}"
        return [LineError(line, "", "wrong_number_of_values", problem)]
    texts = {
        name: _plain(value.strip()) for name, value in zip(columns, values, strict=True) if value
    }
    look = _Look(line, texts)
    until = texts.get("expires_on", "")
    row = OpeningRow(
        line=line,
        external_id=look.text("external_id"),
        email=look.email(),
        points=look.points(),
        earned_on=look.earned_on(limits),
        expires_on=look.expires_on(limits),
        is_never=until.lower() == NEVER,
        source=look.text("source"),
    )
    look.state()
    return look.errors or row


class _Look:
    """A look at one line: reads its values and notes all that is wrong."""

    def __init__(self, line: int, texts: Mapping[str, str]) -> None:
        self.errors: list[LineError] = []
        self._line = line
        self._texts = texts

    def _note(self, column: str, code: str, problem: str) -> None:
        self.errors.append(LineError(self._line, column, code, problem))

    def text(self, column: str) -> str:
        text = self._texts.get(column, "")
        if len(text) > MAX_TEXT_LENGTH:
            self._note(column, "too_long", f"must have at most {MAX_TEXT_LENGTH} characters")
        if CONTROL_CHARACTERS.search(text):
            self._note(column, "control_character", "must not have line breaks and the like")
        return text

    def email(self) -> str:
        email = self._texts.get("email", "").lower()
        if not email:
            if not self._texts.get("external_id"):
                self._note("email", "no_member", "and external_id must not both be empty")
        elif len(email) > MAX_EMAIL_LENGTH or not _is_email(email):
            self._note("email", "email_invalid", f"is no e-mail address: {email[:MAX_SHOWN]!r}")
        return email

    def points(self) -> int:
        text = self._texts.get("points", "")
        is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        points = int(text) if is_number else 0
        if not 1 <= points <= MAX_POINTS:
            problem = f"must be a whole number from 1 to {MAX_POINTS}, not {text[:MAX_SHOWN]!r}"
            self._note("points", "points_invalid", problem)
        return points

    def earned_on(self, limits: DateLimits) -> date:
        on = self._date("earned_on")
        if on is not None and on > limits.today:
            self._note("earned_on", "date_in_future", f"{on} has not come yet")
        return on or limits.today

    def expires_on(self, limits: DateLimits) -> date | None:
        text = self._texts.get("expires_on", "")
        if not text or text.lower() == NEVER:
            return None
        on = self._date("expires_on")
        if on is not None and on < limits.today:
            self._note("expires_on", "date_past", f"{on} is past")
        elif on is not None and on < limits.earliest_expiry:
            problem = f"{on} is before {limits.earliest_expiry}: members are to be warned in time"
            self._note("expires_on", "date_too_near", problem)
        return on

    def _date(self, column: str) -> date | None:
        text = self._texts.get(column, "")
        on = _date_of(text)
        if on is None:
            problem = f"must be a date from {FIRST_DATE} to {LAST_DATE}, not {text[:MAX_SHOWN]!r}"
            self._note(column, "date_invalid", problem)
        return on

    def state(self) -> None:
        state = self._texts.get("state", "").lower()
        if state not in ("", AVAILABLE):
            problem = f"only points that are {AVAILABLE} can be brought along, not {state!r}"
            self._note("state", "state_invalid", problem)


def _is_email(text: str) -> bool:
    if PLAIN_EMAIL.fullmatch(text):
        return True
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=10_000)
def _date_of(text: str) -> date | None:
    if not DATE.fullmatch(text):
        return None
    try:
        on = date.fromisoformat(text)
    except ValueError:
        return None
    return on if FIRST_DATE <= on <= LAST_DATE else None


def _plain(text: str) -> str:
    """Take away the quote that an export put before what looks like a formula."""
    return text[1:] if text[:1] == "'" and QUOTED_FORMULA.match(text) else text
