"""Joining a programme by one's own wish."""

from datetime import datetime

from django.db import transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.programs.queries import load_terms


class NoProgram(LoyaltyError):
    """The channel has no active programme."""

    code = "no_program"


@transaction.atomic
def join_program(*, user_id: int, channel_id: int, now: datetime) -> Member:
    """Make a customer a member of the channel's programme; a member stays one as they are.

    Raises:
        NoProgram: no active programme serves the channel.

    """
    terms = load_terms(channel_ids=[channel_id]).serving(channel_id=channel_id, moment=now)
    if terms is None:
        raise NoProgram(field="channel")
    membership = Membership(terms.program_id, user_id)
    return enroll(joined={membership: now}, by=JoinedBy.CUSTOMER)[membership]
