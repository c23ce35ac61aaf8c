"""Writes of members."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from saleor_loyalty.members.models import Member
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.members.rules import JoinedBy


@dataclass(frozen=True, order=True)
class Membership:
    """Who (`user_id`) takes part in what (`program_id`)."""

    program_id: int
    user_id: int


@transaction.atomic
def enroll(*, joined: Mapping[Membership, datetime], by: JoinedBy) -> dict[Membership, Member]:
    """Make members of those who are none yet, and return all of them.

    `joined` maps a membership to the instant from which it counts; who is a member already
    keeps their row as it is, so a repeat changes nothing. Two statements, however many.
    """
    Member.objects.bulk_create(
        (
            Member(
                program_id=membership.program_id,
                user_id=membership.user_id,
                joined_at=joined[membership],
                joined_by=by.value,
            )
            for membership in sorted(joined)
        ),
        ignore_conflicts=True,
    )
    found = members_of(user_ids=[membership.user_id for membership in joined])
    return {membership: found[membership.program_id, membership.user_id] for membership in joined}
