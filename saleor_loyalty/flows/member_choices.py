"""What members choose by a link of a mail, without a login: on a page, or a stop by one click."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.join_program import check_birthday
from saleor_loyalty.mailings.models import Consent, PersonalDay
from saleor_loyalty.mailings.operations import (
    DayInput,
    PreferenceChanges,
    change_preferences,
    set_personal_days,
)
from saleor_loyalty.mailings.queries import choices_of
from saleor_loyalty.mailings.rules import ConsentSource, DayKind
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import lock_members

UNDO_LASTS = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ChoiceChanges:
    """What a member changes on the page; kinds, days and consent (None) not in it stay.

    So a page that was open for long undoes nothing that was chosen elsewhere since.
    """

    accepts_marketing: bool | None
    turned_on: Collection[EmailKind]
    turned_off: Collection[EmailKind]
    language_code: str
    born_on: date | None
    removed_days: Collection[int]
    new_day: DayInput | None


def owner_of(*, member_id: int, using: str = "default") -> Member | None:
    """Return a member, or the one whom they were merged into; None: nothing tells who it was."""
    rows = Member.objects.using(using).select_related("program", "merged_into__program")
    member = rows.filter(pk=member_id).first()
    owner = (member.merged_into or member) if member else None
    return owner if owner and (owner.user_id is not None or owner.email) else None


@transaction.atomic
def save_choices(*, member_id: int, changes: ChoiceChanges, wording: str, now: datetime) -> bool:
    """Save what a member chose on the page of preferences; `wording` is what they agreed to.

    All of it or nothing; returns whether there is such a member.

    Raises:
        PreferencesInvalid, PersonalDayInvalid, BirthdayInvalid.

    """
    member = _locked(member_id)
    if member is None:
        return False
    stopped = choices_of(member_ids=[member.pk])[member.pk].stopped
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(
            accepts_marketing=changes.accepts_marketing,
            stopped=(stopped | set(changes.turned_off)) - set(changes.turned_on),
            language_code=changes.language_code,
        ),
        source=ConsentSource.PREFERENCE_PAGE,
        wording=wording,
        now=now,
    )
    check_birthday(changes.born_on, time_zone=member.program.time_zone, now=now)
    Member.objects.filter(pk=member.pk).update(born_on=changes.born_on)
    if changes.removed_days or changes.new_day:
        kept = PersonalDay.objects.filter(member=member).exclude(pk__in=changes.removed_days)
        days = [
            DayInput(kind=DayKind(day.kind), name=day.name, month=day.month, day=day.day)
            for day in kept
        ]
        added = [changes.new_day] if changes.new_day else []
        set_personal_days(member_id=member.pk, days=[*days, *added], now=now)
    return True


@transaction.atomic
def stop_marketing(*, member_id: int, token: str, now: datetime) -> bool:
    """Stop marketing to the member of a link, at once; return whether there is such a member.

    A repeat changes nothing.
    """
    member = _locked(member_id)
    if member is None:
        return False
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(accepts_marketing=False),
        source=ConsentSource.ONE_CLICK,
        actor=_actor(token),
        now=now,
    )
    return True


def can_resume(*, member_id: int, token: str, now: datetime) -> bool:
    """Tell whether a link may take back a stop: its own, of today, of what was agreed to before."""
    last = list(Consent.objects.filter(member=member_id)[:2])
    match last:
        case [stop, before]:
            return (
                not stop.is_given
                and stop.actor == _actor(token)
                and stop.created_at > now - UNDO_LASTS
                and before.is_given
            )
    return False


@transaction.atomic
def resume_marketing(*, member_id: int, token: str, wording: str, now: datetime) -> bool:
    """Take back the stop of a link, where that may be; return whether it was done."""
    member = _locked(member_id)
    if member is None or not can_resume(member_id=member.pk, token=token, now=now):
        return False
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(accepts_marketing=True),
        source=ConsentSource.PREFERENCE_PAGE,
        actor=_actor(token),
        wording=wording,
        now=now,
    )
    return True


def _locked(member_id: int) -> Member | None:
    """Return the owner of a membership, locked; also if it is merged at this very moment."""
    owner = owner_of(member_id=member_id)
    while owner is not None:
        lock_members(member_ids={owner.pk})
        again = owner_of(member_id=member_id)
        if again is None or again.pk == owner.pk:
            return again
        owner = again
    return None


def _actor(token: str) -> str:
    """Return the name of a link in the history of consent; it does not tell the token."""
    return f"link:{hashlib.sha256(token.encode()).hexdigest()[:16]}"
