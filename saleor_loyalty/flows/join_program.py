"""Joining a programme by one's own wish."""

import logging
from datetime import date, datetime, timedelta

from django.db import transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.member_mails import tell_of_joining, tell_of_tiers
from saleor_loyalty.flows.reward_activities import reward_sign_ups
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.queries import load_terms

logger = logging.getLogger(__name__)

OLDEST_YEARS = 130
NEW_FOR = timedelta(days=1)


class NotAMember(LoyaltyError):
    """The customer takes no part in the programme."""

    code = "not_a_member"


class BirthdayInvalid(LoyaltyError):
    """A birthday lies in the future, or too far in the past."""

    code = "birthday_invalid"


class NoProgram(LoyaltyError):
    """The channel has no active programme."""

    code = "no_program"


def join_program(*, user_id: int, channel_id: int, now: datetime) -> Member:
    """Make a customer a member of the channel's programme; a member stays one as they are.

    Signing up is rewarded in a transaction of its own, since its locks come before members in
    the order of locks; should it fail, the sweep rewards it. Imported members did not sign up.

    Raises:
        NoProgram: no active programme serves the channel.

    """
    terms = load_terms(channel_ids=[channel_id]).serving(channel_id=channel_id, moment=now)
    if terms is None:
        raise NoProgram(field="channel")
    membership = Membership(terms.program_id, user_id)
    member = enroll(joined={membership: now}, by=JoinedBy.CUSTOMER)[membership]
    is_new = member.joined_by == JoinedBy.CUSTOMER.value and now - member.joined_at < NEW_FOR
    if member.joined_by != JoinedBy.IMPORT.value:
        try:
            reward_sign_ups(members=[member], now=now, tells=not is_new)
        except LoyaltyError:
            logger.exception("Member %s was not rewarded for joining", member.pk)
    changes = evaluate_tiers(member_ids=[member.pk], now=now)
    if is_new:
        tell_of_joining(member=member, now=now)
    else:
        tell_of_tiers(changes, now=now)
    return member


@transaction.atomic
def set_birthday(*, user_id: int, channel_id: int, born_on: date | None, now: datetime) -> Member:
    """Set or forget the birthday of the channel's programme's member.

    Raises:
        NoProgram: no active programme serves the channel.
        NotAMember: the customer takes no part in it.
        BirthdayInvalid: in the future, or more than 130 years ago.

    """
    terms = load_terms(channel_ids=[channel_id]).serving(channel_id=channel_id, moment=now)
    if terms is None:
        raise NoProgram(field="channel")
    member = members_of(user_ids=[user_id]).get((terms.program_id, user_id))
    if member is None:
        raise NotAMember(field="channel")
    check_birthday(born_on, time_zone=terms.time_zone, now=now)
    member.born_on = born_on
    member.save(update_fields=["born_on"])
    return member


def check_birthday(born_on: date | None, *, time_zone: str, now: datetime) -> None:
    """Check a birthday that a member tells us in a zone; None is none.

    Raises:
        BirthdayInvalid: in the future, or more than 130 years ago.

    """
    if born_on is None:
        return
    today = local_date(now, time_zone=time_zone)
    if born_on > today or born_on.year < today.year - OLDEST_YEARS:
        raise BirthdayInvalid(field="born_on")
