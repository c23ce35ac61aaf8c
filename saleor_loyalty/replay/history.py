"""A purchase history from a file, in pure Python: lines become purchases, or are listed as bad."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from saleor_loyalty.errors import LoyaltyError

COLUMNS = ("order", "customer", "time", "amount", "currency", "refunded", "cost", "category")
NEEDED = ("customer", "time", "amount")
DELIMITERS = (",", ";", "\t", "|")
MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3}0*)?")
CURRENCY = re.compile(r"[A-Z]{3}")
MAX_ORDER_LENGTH = 64
FIRST_YEAR = 1970
LENGTH_OF_A_DATE = len("2026-01-01")


class HistoryInvalid(LoyaltyError):
    """A file is no purchase history; `problem` says why."""

    code = "history_invalid"


class _Bad(Exception):
    """A line makes no sense; the message says why."""


@dataclass(frozen=True)
class BadLine:
    """A line that was left out, and why; lines count from 1."""

    number: int
    problem: str
    text: str


@dataclass(frozen=True)
class Item:
    """A line of a purchase; `category` is empty where it is not known."""

    amount: Decimal
    category: str = ""


@dataclass(kw_only=True)
class Purchase:
    """An order of the history. Money is in `currency`, with taxes; `cost` None: not known."""

    order: str
    customer: str
    placed_at: datetime
    currency: str
    items: list[Item]
    refunded: Decimal
    cost: Decimal | None

    @property
    def amount(self) -> Decimal:
        """Return what was bought for, before refunds."""
        return sum((item.amount for item in self.items), Decimal(0))

    @property
    def revenue(self) -> Decimal:
        """Return what was paid and not paid back."""
        return self.amount - self.refunded

    @property
    def margin(self) -> Decimal | None:
        """Return the revenue less its cost; goods that were paid back for came back whole."""
        if self.cost is None:
            return None
        amount = self.amount
        kept = self.cost * self.revenue / amount if amount else self.cost
        return self.revenue - kept


@dataclass(kw_only=True)
class History:
    """The purchases of a file in the order of their times, and what was left out of it."""

    purchases: list[Purchase] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)
    lines: int = 0
    columns: tuple[str, ...] = ()

    @property
    def customers(self) -> dict[str, int]:
        """Return a number above 0 for each customer, in the order of their first purchases."""
        found: dict[str, int] = {}
        for purchase in self.purchases:
            found.setdefault(purchase.customer, len(found) + 1)
        return found


def read_history(
    path: Path,
    *,
    time_zone: str,
    now: datetime,
    columns: Sequence[str] = (),
    currency: str = "",
) -> History:
    """Read a purchase history; what makes no sense is listed in `bad_lines` and left out.

    The first line names the columns, in any case and order; unknown ones are left out. With
    `columns` (`_` for one to leave out) there need be none, and a first line that is no
    purchase is taken for a heading. Columns are separated by commas, semicolons, tabs, bars or,
    where there is none of these, white space. Lines with the same `order` are one order;
    without that column each line is one, named by its number. Dates and times without a zone
    are in `time_zone`, dates at noon. `currency` (ISO 4217) is that of lines that have none.
    Nothing may lie after `now`.

    Raises:
        HistoryInvalid: not a text in UTF-8 or UTF-16, a column is missing, or no line is good.

    """
    text = _text_of(path)
    rows = list(_rows(text))
    if not rows:
        raise HistoryInvalid(problem="is empty")
    if columns:
        names = tuple(name.strip().lower() for name in columns)
    else:
        names = tuple(name.strip().lower() for name in rows.pop(0)[1])
    _check_columns(names, given=bool(columns), currency=currency)
    history = History(lines=len(rows), columns=tuple(set(names) & set(COLUMNS)))
    reader = _Reader(zone=ZoneInfo(time_zone), now=now, currency=currency)
    for place, (number, cells) in enumerate(rows):
        values = dict(zip(names, cells, strict=False))
        try:
            reader.read(number, values, is_complete=len(cells) >= len(names))
        except _Bad as bad:
            if columns and place == 0 and not MONEY.fullmatch(values.get("amount", "").strip()):
                history.lines -= 1  # a heading
                continue
            history.bad_lines.append(BadLine(number, str(bad), " ".join(cells)[:200]))
    history.purchases = sorted(reader.purchases.values(), key=lambda one: one.placed_at)
    if not history.purchases:
        why = "".join(f"; line {bad.number} {bad.problem}" for bad in history.bad_lines[:1])
        raise HistoryInvalid(problem=f"has no good line{why}")
    return history


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HistoryInvalid(problem=f"cannot be read: {error.strerror}") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise HistoryInvalid(
            problem=f"is not {encoding[:6].rstrip('-').upper()} at byte {error.start}"
        ) from error


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not empty, with their numbers."""
    lines = list(io.StringIO(text, newline=None))
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    if delimiter not in first:
        numbered = enumerate(lines, start=1)
        yield from ((number, line.split()) for number, line in numbered if line.strip())
        return
    reader = csv.reader(lines, delimiter=delimiter)
    before = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = [f"({error})"]
        if any(cell.strip() for cell in cells):
            yield before + 1, cells
        before = reader.line_num


def _check_columns(names: Sequence[str], *, given: bool, currency: str) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        where = "--columns" if given else "the first line"
        raise HistoryInvalid(problem=f"needs the columns {', '.join(missing)}; {where} has none")
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise HistoryInvalid(problem=f"has the column {twice[0]} twice")
    if "currency" not in names and not currency:
        raise HistoryInvalid(problem="needs a column currency, or the option --currency")
    if currency and not CURRENCY.fullmatch(currency):
        raise HistoryInvalid(problem=f"--currency {currency!r} is not three capital letters")


class _Reader:
    """Makes purchases of lines, one after the other."""

    def __init__(self, *, zone: ZoneInfo, now: datetime, currency: str) -> None:
        self.zone = zone
        self.now = now
        self.currency = currency
        self.purchases: dict[str, Purchase] = {}

    def read(self, number: int, values: Mapping[str, str], *, is_complete: bool) -> None:
        """Add a line to its purchase, or raise."""
        if not is_complete:
            raise _Bad("has too few columns")
        values = {name: value.strip() for name, value in values.items()}
        order = values.get("order", str(number))
        if not 1 <= len(order) <= MAX_ORDER_LENGTH or not order.isprintable():
            raise _Bad(f"has an order that is not 1 to {MAX_ORDER_LENGTH} plain characters")
        if not values["customer"]:
            raise _Bad("has no customer")
        amount = _money(values["amount"], "amount")
        refunded = _money(values.get("refunded") or "0", "refunded")
        cost = _money(values["cost"], "cost") if values.get("cost") else None
        if refunded > amount:
            raise _Bad("has more refunded than paid")
        currency = values.get("currency", "").upper() or self.currency
        if not CURRENCY.fullmatch(currency):
            raise _Bad(f"has the currency {currency!r}, which is not three letters")
        item = Item(amount, values.get("category", ""))
        placed_at = self._time(values["time"])
        known = self.purchases.get(order)
        if known is None:
            self.purchases[order] = Purchase(
                order=order,
                customer=values["customer"],
                placed_at=placed_at,
                currency=currency,
                items=[item],
                refunded=refunded,
                cost=cost,
            )
            return
        same = (values["customer"], placed_at, currency)
        if (known.customer, known.placed_at, known.currency) != same:
            raise _Bad(f"has the order {order} of another customer, time or currency")
        known.items.append(item)
        known.refunded += refunded
        known.cost = None if known.cost is None or cost is None else known.cost + cost

    def _time(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise _Bad(f"has the time {text!r}, which is not like 2026-01-31 or 20260131") from None
        if len(text) <= LENGTH_OF_A_DATE:
            moment = moment.replace(hour=12)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        if moment.year < FIRST_YEAR:
            raise _Bad(f"lies before {FIRST_YEAR}")
        if moment > self.now:
            raise _Bad("lies in the future")
        return moment


def _money(text: str, name: str) -> Decimal:
    if not MONEY.fullmatch(text):
        raise _Bad(f"has the {name} {text!r}, which is not like 12.50")
    return Decimal(text)
