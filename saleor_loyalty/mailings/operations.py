"""Writes of programmes' mailings, members' preferences and their days."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction

from saleor_loyalty.emails.names import has_address
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.mailings.models import Consent, MemberPreferences, PersonalDay, ProgramMailing
from saleor_loyalty.mailings.rules import (
    CHOICES,
    MAX_DAY_NAME_LENGTH,
    MAX_PERSONAL_DAYS,
    ConsentSource,
    DayKind,
    KindTerms,
    MailingTerms,
    PersonalDayInvalid,
    PreferencesInvalid,
    check_kind,
    check_mailing,
    check_time_zone,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program

MAX_LANGUAGE_LENGTH = 35
LEAP_YEAR = 2000


@dataclass(frozen=True, kw_only=True)
class MailingChanges:
    """What to change of how a programme sends mails; None stays."""

    quiet_from: int | None = None
    quiet_until: int | None = None
    weekly_limit: int | None = None
    milestones: Collection[int] | None = None


@transaction.atomic
def change_mailing(*, program_id: int, changes: MailingChanges, now: datetime) -> MailingTerms:
    """Change the limits of a programme's mails.

    Raises:
        MailingInvalid: a part makes no sense.

    """
    terms = _locked_terms(program_id)
    values = {
        name: value
        for name in ("quiet_from", "quiet_until", "weekly_limit")
        if (value := getattr(changes, name)) is not None
    }
    terms = replace(terms, **values)
    if changes.milestones is not None:
        terms = replace(terms, milestones=tuple(sorted(set(changes.milestones))))
    check_mailing(terms)
    _save(program_id, terms, now=now)
    return terms


@transaction.atomic
def change_kind(
    *, program_id: int, kind: EmailKind, terms: KindTerms, now: datetime
) -> MailingTerms:
    """Set how a programme sends a kind of mail.

    Raises:
        MailingInvalid: a part makes no sense.

    """
    check_kind(kind, terms)
    mailing = _locked_terms(program_id)
    mailing = replace(mailing, kinds={**mailing.kinds, kind: terms})
    _save(program_id, mailing, now=now)
    return mailing


def _locked_terms(program_id: int) -> MailingTerms:
    Program.objects.select_for_update().get(pk=program_id)
    row = ProgramMailing.objects.filter(pk=program_id).first()
    return MailingTerms.from_json(row.terms) if row else MailingTerms()


def _save(program_id: int, terms: MailingTerms, *, now: datetime) -> None:
    ProgramMailing.objects.update_or_create(
        program_id=program_id, defaults={"terms": terms.as_json(), "updated_at": now}
    )


@dataclass(frozen=True, kw_only=True)
class PreferenceChanges:
    """What a member changes; None stays.

    `stopped` are all the kinds that they want no more, as members choose them; `switched` changes
    some alone, to on (True) or off.
    """

    accepts_marketing: bool | None = None
    stopped: Collection[EmailKind] | None = None
    switched: Mapping[EmailKind, bool] | None = None
    language_code: str | None = None
    time_zone: str | None = None


@transaction.atomic
def change_preferences(
    *,
    member_id: int,
    changes: PreferenceChanges,
    source: ConsentSource,
    now: datetime,
    actor: str = "",
    wording: str = "",
) -> MemberPreferences:
    """Change what a member chose; a change of consent leaves a row that proves it.

    A repeat changes nothing.

    Raises:
        PreferencesInvalid: a kind that is none to choose, no language code, or no time zone.

    """
    _check(changes)
    member_id = _locked_owner(member_id)
    MemberPreferences.objects.bulk_create(
        [MemberPreferences(member_id=member_id)], ignore_conflicts=True
    )
    row = MemberPreferences.objects.select_for_update().get(pk=member_id)
    if changes.accepts_marketing is not None and (
        changes.accepts_marketing != row.accepts_marketing or row.consented_at is None
    ):
        row.accepts_marketing = changes.accepts_marketing
        row.consented_at, row.consent_source = now, source.value
        Consent.objects.create(
            member_id=member_id,
            is_given=changes.accepts_marketing,
            source=source.value,
            wording=wording,
            actor=actor,
            created_at=now,
        )
    if changes.stopped is not None:
        row.stopped = sorted(kind.value for kind in set(changes.stopped))
    if changes.switched is not None:
        off = {kind.value for kind, is_on in changes.switched.items() if not is_on}
        row.stopped = sorted(set(row.stopped) - {kind.value for kind in changes.switched} | off)
    if changes.language_code is not None:
        row.language_code = changes.language_code
    if changes.time_zone is not None:
        row.time_zone = changes.time_zone
    row.save()
    return row


def _locked_owner(member_id: int) -> int:
    """Lock a member, and return the id of who they are by now: of one that was merged, the other."""
    member = Member.objects.select_for_update(of=("self",), no_key=True).get(pk=member_id)
    return _locked_owner(member.merged_into_id) if member.merged_into_id else member.pk


def _check(changes: PreferenceChanges) -> None:
    if not set(changes.stopped or ()) <= set(CHOICES):
        raise PreferencesInvalid(field="stopped", problem="has a kind that cannot be chosen alone")
    if not set(changes.switched or ()) <= set(CHOICES):
        raise PreferencesInvalid(field="kinds", problem="has a kind that cannot be chosen alone")
    code = changes.language_code or ""
    if len(code) > MAX_LANGUAGE_LENGTH or (not code.replace("-", "").isalnum() and code):
        raise PreferencesInvalid(field="language_code", problem="is not a language code")
    check_time_zone(changes.time_zone or "")


@dataclass(frozen=True, kw_only=True)
class DayInput:
    """A day as a member tells it."""

    kind: DayKind
    name: str
    month: int
    day: int


@transaction.atomic
def set_personal_days(
    *, member_id: int, days: Collection[DayInput], now: datetime
) -> list[PersonalDay]:
    """Replace the days that a member told us of; what stays the same keeps its place.

    Raises:
        PersonalDayInvalid: too many, no name or too long, or no day of any year.

    """
    _check_days(days)
    member_id = _locked_owner(member_id)
    rows = {
        (row.kind, row.name, row.month, row.day): row
        for row in PersonalDay.objects.filter(member=member_id)
    }
    wanted = {(one.kind.value, one.name.strip(), one.month, one.day) for one in days}
    gone = [row.pk for key, row in rows.items() if key not in wanted]
    PersonalDay.objects.filter(pk__in=gone).delete()
    taken = {row.slot for key, row in rows.items() if key in wanted}
    free = (slot for slot in range(1, MAX_PERSONAL_DAYS + 1) if slot not in taken)
    PersonalDay.objects.bulk_create(
        PersonalDay(
            member_id=member_id,
            slot=next(free),
            kind=kind,
            name=name,
            month=month,
            day=day,
            told_at=now,
        )
        for kind, name, month, day in sorted(wanted - set(rows))
    )
    return list(PersonalDay.objects.filter(member=member_id))


def _check_days(days: Collection[DayInput]) -> None:
    if len(days) > MAX_PERSONAL_DAYS:
        raise PersonalDayInvalid(field="days", problem=f"must be at most {MAX_PERSONAL_DAYS}")
    for one in days:
        name = one.name.strip()
        if not 1 <= len(name) <= MAX_DAY_NAME_LENGTH or not name.isprintable():
            problem = f"must have 1 to {MAX_DAY_NAME_LENGTH} printable characters"
            raise PersonalDayInvalid(field="name", problem=problem)
        if has_address(name):
            raise PersonalDayInvalid(field="name", problem="must not have an address in it")
        try:
            date(LEAP_YEAR, one.month, one.day)
        except ValueError as error:
            raise PersonalDayInvalid(field="day", problem="is in no year") from error


@transaction.atomic
def merge_preferences(*, member_id: int, into_id: int, actor: str, now: datetime) -> None:
    """Let a member have what one who is merged into them chose, where they chose nothing.

    A no to marketing, or to a kind, of either one counts; a yes only if the other said nothing. The days are
    those of both, as long as there is room. The caller holds the locks of both.
    """
    rows = MemberPreferences.objects.select_for_update().in_bulk([member_id, into_id])
    other = rows.get(member_id)
    if other is not None:
        mine = rows.get(into_id) or MemberPreferences(member_id=into_id)
        _merge_choices(mine, other, actor=actor, now=now)
        mine.save()
        other.delete()
    _merge_days(member_id, into_id)


def _merge_choices(
    mine: MemberPreferences, other: MemberPreferences, *, actor: str, now: datetime
) -> None:
    is_no = other.consented_at is not None and not other.accepts_marketing
    if other.consented_at is not None and (mine.consented_at is None or is_no):
        mine.accepts_marketing = other.accepts_marketing
        mine.consented_at, mine.consent_source = other.consented_at, other.consent_source
        Consent.objects.create(
            member_id=mine.member_id,
            is_given=other.accepts_marketing,
            source=other.consent_source,
            wording=f"As member {other.member_id}, who was merged into this one.",
            actor=actor,
            created_at=now,
        )
    mine.stopped = sorted({*mine.stopped, *other.stopped})
    mine.language_code = mine.language_code or other.language_code
    mine.time_zone = mine.time_zone or other.time_zone
    for told in ("told_until", "told_last_until"):
        days = (getattr(mine, told), getattr(other, told))
        setattr(mine, told, None if None in days else min(days))  # rather twice than a surprise


def _merge_days(member_id: int, into_id: int) -> None:
    mine = list(PersonalDay.objects.filter(member=into_id))
    known = {(day.kind, day.name, day.month, day.day) for day in mine}
    taken = {day.slot for day in mine}
    for day in PersonalDay.objects.filter(member=member_id).order_by("slot"):
        free = next((one for one in range(1, MAX_PERSONAL_DAYS + 1) if one not in taken), None)
        if free is None or (day.kind, day.name, day.month, day.day) in known:
            day.delete()
            continue
        taken.add(free)
        day.member_id, day.slot = into_id, free
        day.save(update_fields=["member", "slot"])
