"""What members want to hear and in which language: told after a login, by a link in a mail, or to staff."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from saleor_loyalty.emails.links import LinkPurpose, read
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.join_program import NoProgram, NotAMember
from saleor_loyalty.flows.member_choices import owner_of
from saleor_loyalty.mailings.operations import (
    DayInput,
    PreferenceChanges,
    change_preferences,
    set_personal_days,
)
from saleor_loyalty.mailings.rules import ConsentSource, PreferencesInvalid
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.programs.queries import load_terms

MAX_WORDING_LENGTH = 5000


def member_in_channel(*, user_id: int, channel_id: int, now: datetime) -> Member:
    """Return the customer's membership of the programme that serves a channel.

    Raises:
        NoProgram: no active programme serves the channel.
        NotAMember: the customer takes no part in it.

    """
    terms = load_terms(channel_ids=[channel_id]).serving(channel_id=channel_id, moment=now)
    if terms is None:
        raise NoProgram(field="channel")
    member = members_of(user_ids=[user_id]).get((terms.program_id, user_id))
    if member is None:
        raise NotAMember(field="channel")
    return member


def member_of_link(token: str, *, using: str = "default") -> Member:
    """Return the member whom a link to the page of preferences is for, by now. One query.

    Raises:
        LinkInvalid, LinkExpired.
        NotAMember: their account was deleted; nothing is kept of them.

    """
    link = read(token, purpose=LinkPurpose.PREFERENCES)
    member = owner_of(member_id=link.member_id, using=using)
    if member is None:
        raise NotAMember(field="token")
    return member


@transaction.atomic
def change_own_preferences(
    *, user_id: int, channel_id: int, changes: PreferenceChanges, now: datetime
) -> Member:
    """Change what the member of a channel's programme chose; a repeat changes nothing.

    Raises:
        NoProgram, NotAMember, PreferencesInvalid: see `member_in_channel`, `change_preferences`.

    """
    member = member_in_channel(user_id=user_id, channel_id=channel_id, now=now)
    change_preferences(
        member_id=member.pk,
        changes=changes,
        source=ConsentSource.STOREFRONT,
        actor=f"user:{user_id}",
        now=now,
    )
    return member


@transaction.atomic
def change_preferences_by_link(*, token: str, changes: PreferenceChanges, now: datetime) -> Member:
    """Change what the member whom a link is for chose; a repeat changes nothing.

    Raises:
        LinkInvalid, LinkExpired, NotAMember, PreferencesInvalid.

    """
    member = member_of_link(token)
    change_preferences(
        member_id=member.pk, changes=changes, source=ConsentSource.PREFERENCE_PAGE, now=now
    )
    return member


@transaction.atomic
def set_own_days(
    *, user_id: int, channel_id: int, days: Collection[DayInput], now: datetime
) -> Member:
    """Replace the days that the member of a channel's programme told us of.

    Raises:
        NoProgram, NotAMember, PersonalDayInvalid.

    """
    member = member_in_channel(user_id=user_id, channel_id=channel_id, now=now)
    set_personal_days(member_id=member.pk, days=days, now=now)
    return member


@transaction.atomic
def record_consent(
    *,
    member_id: int,
    is_given: bool,
    source: ConsentSource,
    wording: str,
    actor: str,
    now: datetime,
) -> Member:
    """Record that a member told staff yes or no to marketing; the same again records nothing.

    Raises:
        MemberNotFound: there is no such member.
        PreferencesInvalid: the wording is too long.

    """
    if len(wording) > MAX_WORDING_LENGTH:
        problem = f"must have at most {MAX_WORDING_LENGTH} characters"
        raise PreferencesInvalid(field="wording", problem=problem)
    found = Member.objects.filter(pk=member_id).select_related("merged_into").first()
    if found is None:
        raise MemberNotFound(field="member")
    member = found.merged_into or found
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(accepts_marketing=is_given),
        source=source,
        wording=wording.strip(),
        actor=actor,
        now=now,
    )
    return member
