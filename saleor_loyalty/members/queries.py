"""Reads of members."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from saleor_loyalty.members.models import Member


def members_of(*, user_ids: Iterable[int], using: str = "default") -> dict[tuple[int, int], Member]:
    """Return the members that these users are, by (programme id, user id). One query.

    Whose membership was merged into another's is that other member.
    """
    members = Member.objects.using(using).filter(user_id__in=list(user_ids))
    return {
        (member.program_id, user_id): member.merged_into or member
        for member in members.select_related("merged_into")
        if (user_id := member.user_id) is not None
    }


def all_members(
    *,
    program_id: int | None = None,
    tier_id: int | None = None,
    search: str = "",
    using: str = "default",
) -> QuerySet[Member]:
    """Return members, of one programme, in one tier, or with a part of their address or name."""
    members = Member.objects.using(using).filter(merged_into=None)
    if program_id is not None:
        members = members.filter(program_id=program_id)
    if tier_id is not None:
        members = members.filter(standing__tier=tier_id)
    for word in search.split():
        members = members.filter(
            Q(user__email__icontains=word)
            | Q(user__first_name__icontains=word)
            | Q(user__last_name__icontains=word)
            | Q(email__icontains=word)
            | Q(external_id=word)
        )
    return members


def members_at(*, address: str, using: str = "default") -> QuerySet[Member, int]:
    """Return the ids of members whose address begins like that."""
    found = Member.objects.using(using).filter(
        Q(user__email__istartswith=address) | Q(email__istartswith=address)
    )
    return found.values_list("pk", flat=True)
