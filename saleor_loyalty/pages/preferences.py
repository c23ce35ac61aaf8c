"""The page where a member chooses: which messages, in which language, and days to be thought of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton, get_month_names
from django.utils import translation
from django.utils.translation import gettext

from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.languages import LANGUAGES, translate
from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.emails.locales import current_locale
from saleor_loyalty.emails.rules import EmailKind, Purpose, purpose_of
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.member_choices import save_choices
from saleor_loyalty.mailings.models import PersonalDay
from saleor_loyalty.mailings.operations import LEAP_YEAR
from saleor_loyalty.mailings.queries import mailings_of
from saleor_loyalty.mailings.rules import (
    CHOICES,
    MAX_DAY_NAME_LENGTH,
    MAX_PERSONAL_DAYS,
    DayKind,
    MailingTerms,
    choice_of,
)
from saleor_loyalty.pages.layout import Page, Shopfront, Visit, render_page
from saleor_loyalty.pages.preference_form import Sent, Typed, is_whole, note_refusal, read_form
from saleor_loyalty.pages.visitors import Visitor, find_visitor, nobody, receive

PAST = frozenset({EmailKind.WELCOME})  # who is here has had it


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Something to choose: what is sent, what is read, whether it is chosen, and whether it was."""

    value: str
    name: str
    is_on: bool
    was_on: bool = False
    language: str = ""


def preferences_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer a visit of the page of preferences; a POST saves all of it or nothing."""
    return receive(
        visit,
        purpose=LinkPurpose.PREFERENCES,
        front=front,
        answer=lambda visitor: _answer(visit, visitor, front=front),
    )


def consent_wording(visitor: Visitor, *, front: Shopfront) -> str:
    """Return what a member agrees to on the page, in the language that they read it in."""
    with translation.override(visitor.language):
        return gettext(
            "Yes, %(shop)s may send me greetings, ideas and offers of %(program)s by e-mail."
            " I can stop this at any time."
        ) % {"shop": front.identity.name, "program": visitor.member.program.name}


def kinds_to_choose(terms: MailingTerms) -> list[EmailKind]:
    """Return the kinds that a programme sends, in any form, as members choose them."""
    sent = {choice_of(kind) for kind in EmailKind if terms.kind(kind).is_on}
    return [kind for kind in CHOICES if kind in sent - PAST]


def _answer(visit: Visit, visitor: Visitor, *, front: Shopfront) -> Page:
    if visit.method != "POST":
        return _show(visitor, front=front)
    if not is_whole(visit.form):
        return _show(visitor, front=front, status=400)
    sent = read_form(
        visit.form,
        languages=[one.value for one in _languages(visitor, chosen="")],
        time_zone=visitor.member.program.time_zone,
        now=visit.now,
    )
    if sent.changes is not None:
        try:
            save_choices(
                member_id=visitor.member.pk,
                changes=sent.changes,
                wording=consent_wording(visitor, front=front),
                now=visit.now,
            )
        except LoyaltyError as error:
            note_refusal(sent, error)
    now_is = find_visitor(visitor.member.pk, front=front)
    if now_is is None:
        return nobody(visit, front=front)
    if sent.errors:
        return _show(now_is, front=front, sent=sent, status=422)
    return _show(now_is, front=front, is_saved=True)


def _show(
    visitor: Visitor,
    *,
    front: Shopfront,
    sent: Sent | None = None,
    status: int = 200,
    is_saved: bool = False,
) -> Page:
    member, choices = visitor.member, visitor.choices
    terms = mailings_of(program_ids=[member.program_id])[member.program_id]
    kinds = kinds_to_choose(terms)
    on_now = {kind for kind in kinds if kind not in choices.stopped}
    typed = (
        sent.typed
        if sent
        else Typed(
            accepts_marketing=choices.accepts_marketing,
            kinds=on_now,
            language_code=choices.language_code,
            born_on=member.born_on.isoformat() if member.born_on else "",
        )
    )
    with translation.override(visitor.language):
        choice = [
            (
                purpose_of(kind),
                Choice(
                    value=kind.value,
                    name=translate(KINDS[kind].name, language=visitor.language)[0],
                    is_on=kind in typed.kinds,
                    was_on=kind in on_now,
                ),
            )
            for kind in kinds
        ]
        days = list(PersonalDay.objects.filter(member=member))
        shown_days = list(_days(days, typed))
        return render_page(
            "preferences.html",
            front=front,
            language=visitor.language,
            status=status,
            address=visitor.address,
            program=member.program.name,
            wording=consent_wording(visitor, front=front),
            typed=typed,
            had_marketing=choices.accepts_marketing,
            marketing=[one for purpose, one in choice if purpose is Purpose.MARKETING],
            service=[one for purpose, one in choice if purpose is Purpose.SERVICE],
            languages=_languages(visitor, chosen=typed.language_code),
            days=shown_days,
            has_days=bool(days) or terms.kind(EmailKind.PERSONAL_DAY).is_on,
            has_room=len(days) < MAX_PERSONAL_DAYS,
            day_kinds=_day_kinds(typed.day_kind),
            months=_months(typed.day_month),
            name_length=MAX_DAY_NAME_LENGTH,
            errors=sent.errors if sent else {},
            is_broken=status == 400,  # noqa: PLR2004 -- HTTP
            is_saved=is_saved,
        )


def _languages(visitor: Visitor, *, chosen: str) -> list[Choice]:
    """Return the languages to choose from, by their own names; first the account's."""
    account = gettext("As in your account")
    if visitor.account_language:
        account = f"{account} ({_own_name(visitor.account_language)})"
    codes = set(LANGUAGES) | ({visitor.choices.language_code} - {""})
    named = sorted((_own_name(code), code) for code in codes)
    return [
        Choice(value="", name=account, is_on=not chosen),
        *(
            Choice(value=code, name=name, is_on=code == chosen, language=code)
            for name, code in named
        ),
    ]


def _own_name(code: str) -> str:
    try:
        name = Locale.parse(code, sep="-").get_display_name() or code
    except (UnknownLocaleError, ValueError):
        return code
    return name[:1].upper() + name[1:]


def _days(days: Iterable[PersonalDay], typed: Typed) -> Iterable[Choice]:
    names = _names_of_kinds()
    for day in days:
        on = format_skeleton("MMMMd", date(LEAP_YEAR, day.month, day.day), locale=current_locale())
        yield Choice(
            value=str(day.pk),
            name=f"{day.name} ({names[DayKind(day.kind)]}, {on})",
            is_on=day.pk in typed.removed_days,
        )


def _day_kinds(chosen: DayKind) -> list[Choice]:
    return [
        Choice(value=kind.value, name=name, is_on=kind is chosen)
        for kind, name in _names_of_kinds().items()
    ]


def _names_of_kinds() -> dict[DayKind, str]:
    return {
        DayKind.ANNIVERSARY: gettext("Anniversary"),
        DayKind.BIRTHDAY: gettext("Birthday"),
        DayKind.NAME_DAY: gettext("Name day"),
        DayKind.OTHER: gettext("Another day"),
    }


def _months(chosen: str) -> list[Choice]:
    names = get_month_names("wide", context="stand-alone", locale=current_locale())
    return [
        Choice(value=str(number), name=names[number], is_on=str(number) == chosen)
        for number in range(1, 13)
    ]
