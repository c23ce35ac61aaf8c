"""Who belongs to an event's audience: members as rules want them, read in batches."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from decimal import Decimal

from django.db.models import Sum

from saleor_loyalty.events.models import Event
from saleor_loyalty.events.rules import Audience, Guest, belongs
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.tiers.benefits import BenefitKind
from saleor_loyalty.tiers.models import Tier
from saleor_loyalty.tiers.queries import ladders_of, standing_of, standings_of

# Returns channel (by id) and country of orders, by order id (text); what is gone is left out.
OrderPlaces = Callable[[Collection[str]], Mapping[str, tuple[int, str]]]


def no_places(_: Collection[str]) -> Mapping[str, tuple[int, str]]:
    """Tell nothing of orders: for where an audience does not ask."""
    return {}


def tiers_in_force(members: Collection[Member], *, using: str = "default") -> dict[int, Tier]:
    """Return the tiers that are in force for members, by member id. Four queries."""
    ladders = ladders_of(program_ids={member.program_id for member in members}, using=using)
    rows = standings_of(member_ids={member.pk for member in members}, using=using)
    tier_ids = {tier.tier_id for one in ladders.values() for tier in one.tiers}
    tiers = Tier.objects.using(using).in_bulk(tier_ids)
    found = {}
    for member in members:
        row, ladder = rows.get(member.pk), ladders.get(member.program_id)
        tier_id = standing_of(row).tier_id(ladder) if row and ladder else None
        if tier_id is not None and tier_id in tiers:
            found[member.pk] = tiers[tier_id]
    return found


def early_of(tier: Tier | None) -> timedelta:
    """Return how much earlier than others a tier's members may answer."""
    benefits = tier.benefits if tier else []
    early = [
        one["days"] for one in benefits if one["kind"] == BenefitKind.EARLY_ACCESS and "days" in one
    ]
    return timedelta(days=max(early, default=0))


def guests_of(
    members: Collection[Member],
    *,
    audience: Audience,
    places: OrderPlaces = no_places,
    using: str = "default",
) -> dict[int, Guest]:
    """Return members as an audience wants them, by member id. Five queries, and those of `places`."""
    ids = [member.pk for member in members]
    tiers = tiers_in_force(members, using=using) if audience.tier_ids else {}
    orders = SettledOrder.objects.using(using).filter(member__in=ids, outcome=Outcome.EARNED.value)
    last = {
        member_id: (order_id, placed_at)
        for member_id, order_id, placed_at in orders.order_by("member_id", "-order_placed_at")
        .distinct("member_id")
        .values_list("member_id", "order_id", "order_placed_at")
    }
    where: Mapping[str, tuple[int, str]] = {}
    if audience.channel_ids or audience.countries:
        where = places([order_id for order_id, _ in last.values()])
    spent: dict[int, dict[str, Decimal]] = defaultdict(dict)
    if audience.minimum_spent:
        sums = orders.order_by().values_list("member_id", "currency").annotate(Sum("spent_amount"))
        for member_id, currency, amount in sums:
            spent[member_id or 0][currency] = amount
    found = {}
    for pk in ids:
        order_id, placed_at = last.get(pk, ("", None))
        channel_id, country = where.get(order_id, (None, ""))
        tier = tiers.get(pk)
        found[pk] = Guest(
            member_id=pk,
            tier_id=tier.pk if tier else None,
            channel_id=channel_id,
            country=country,
            spent=spent[pk],
            last_ordered_at=placed_at,
        )
    return found


def is_welcome(event: Event, member: Member, *, places: OrderPlaces = no_places) -> bool:
    """Tell whether a member belongs to an event's audience."""
    audience = Audience.from_json(event.audience)
    guest = guests_of([member], audience=audience, places=places)[member.pk]
    return member.program_id == event.program_id and belongs(guest, audience)
