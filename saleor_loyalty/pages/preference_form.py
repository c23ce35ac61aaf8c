"""What was typed on the page of preferences, and what of it cannot be right."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from django.utils.datastructures import MultiValueDict

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.join_program import BirthdayInvalid, check_birthday
from saleor_loyalty.flows.member_choices import ChoiceChanges
from saleor_loyalty.mailings.operations import DayInput
from saleor_loyalty.mailings.rules import DayKind, PersonalDayInvalid, PreferencesInvalid

LONGEST_TYPED = 200
MOST_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The fields of the page, as they stand in it: the member's own, or what they typed."""

    accepts_marketing: bool
    kinds: Collection[EmailKind]
    language_code: str
    born_on: str
    removed_days: Collection[int] = ()
    day_kind: DayKind = DayKind.ANNIVERSARY
    day_name: str = ""
    day_day: str = ""
    day_month: str = ""


@dataclass(kw_only=True)
class Sent:
    """A form that came back: what was typed, and the changes that it asks for, or its errors.

    `errors` are by field, each a code that `preferences.html` has the words for.
    """

    typed: Typed
    changes: ChoiceChanges | None = None
    errors: dict[str, str] = field(default_factory=dict)


def is_whole(form: MultiValueDict[str, str]) -> bool:
    """Tell whether a form came from the page, all of it: not cut, and not from elsewhere."""
    return form.get("form") == "preferences" and form.get("end") == "1"


def read_form(
    form: MultiValueDict[str, str], *, languages: Collection[str], time_zone: str, now: datetime
) -> Sent:
    """Read the form of the page; `languages` are those that can be chosen, "" the account's."""
    typed = Typed(
        accepts_marketing="marketing" in form,
        kinds=_kinds(form, "kind"),
        language_code=_text(form, "language"),
        born_on=_text(form, "born_on"),
        removed_days=_numbers(form, "remove_day"),
        day_kind=_day_kind(form),
        day_name=_text(form, "day_name"),
        day_day=_text(form, "day_day"),
        day_month=_text(form, "day_month"),
    )
    sent = Sent(typed=typed)
    if typed.language_code not in languages:
        sent.errors["language"] = "unknown"
    born_on = _born_on(sent, time_zone=time_zone, now=now)
    new_day = _new_day(sent)
    if not sent.errors:
        was_on, was_off = _kinds(form, "kind_was_on"), _kinds(form, "kind_was_off")
        had_marketing = form.get("marketing_was") == "on"
        is_change = typed.accepts_marketing != had_marketing
        sent.changes = ChoiceChanges(
            accepts_marketing=typed.accepts_marketing if is_change else None,
            turned_on=was_off & set(typed.kinds),
            turned_off=was_on - set(typed.kinds),
            language_code=typed.language_code,
            born_on=born_on,
            removed_days=typed.removed_days,
            new_day=new_day,
        )
    return sent


def note_refusal(sent: Sent, error: LoyaltyError) -> None:
    """Note beside its field why the changes of a form were refused."""
    match error:
        case PersonalDayInvalid(field="name"):
            sent.errors["day_name"] = "unreadable"
        case PersonalDayInvalid(field="day"):
            sent.errors["day_date"] = "in_no_year"
        case PersonalDayInvalid():
            sent.errors["day_name"] = "too_many"
        case BirthdayInvalid():
            sent.errors["born_on"] = "impossible"
        case PreferencesInvalid():
            sent.errors["language"] = "unknown"


def _born_on(sent: Sent, *, time_zone: str, now: datetime) -> date | None:
    if not sent.typed.born_on:
        return None
    try:
        born_on = date.fromisoformat(sent.typed.born_on)
        check_birthday(born_on, time_zone=time_zone, now=now)
    except ValueError:
        sent.errors["born_on"] = "unreadable"
    except BirthdayInvalid:
        sent.errors["born_on"] = "impossible"
    else:
        return born_on
    return None


def _new_day(sent: Sent) -> DayInput | None:
    typed = sent.typed
    if not (typed.day_name or typed.day_day or typed.day_month):
        return None
    day, month = _number(typed.day_day), _number(typed.day_month)
    if not typed.day_name:
        sent.errors["day_name"] = "missing"
    if day is None or month is None:
        sent.errors["day_date"] = "missing"
    if day is None or month is None or not typed.day_name:
        return None
    return DayInput(kind=typed.day_kind, name=typed.day_name, month=month, day=day)


def _text(form: MultiValueDict[str, str], name: str) -> str:
    return (form.get(name) or "").replace("\0", "").strip()[:LONGEST_TYPED]


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def _numbers(form: MultiValueDict[str, str], name: str) -> frozenset[int]:
    return frozenset(int(one) for one in form.getlist(name) if one.isdecimal() and len(one) < 19)  # noqa: PLR2004 -- what a bigint holds


def _kinds(form: MultiValueDict[str, str], name: str) -> set[EmailKind]:
    known: Mapping[str, EmailKind] = {kind.value: kind for kind in EmailKind}
    return {known[one] for one in form.getlist(name) if one in known}


def _day_kind(form: MultiValueDict[str, str]) -> DayKind:
    known: Mapping[str, DayKind] = {kind.value: kind for kind in DayKind}
    return known.get(form.get("day_kind") or "", DayKind.ANNIVERSARY)
