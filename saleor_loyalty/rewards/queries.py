"""Reads of the catalogue, of what was redeemed, and of what all of it would cost."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance
from saleor_loyalty.programs.calendar import Period, local_date, period_start, start_of_day
from saleor_loyalty.programs.models import Program
from saleor_loyalty.rewards.models import Redemption, RedemptionStep, Reward, RewardTranslation
from saleor_loyalty.rewards.rules import LIVE, RedemptionState, RewardKind, RewardState
from saleor_loyalty.tiers.models import Tier, TierStanding

COUNTED_BY_CALENDAR = tuple(period for period in Period if period is not Period.LIFETIME)


def rewards_of(*, program_ids: Iterable[int], using: str = "default") -> dict[int, list[Reward]]:
    """Return the catalogues of programmes, in their order, by programme id. One query.

    Also what is switched off or not on at the moment: see `is_on_show`.
    """
    rows = Reward.objects.using(using).filter(program__in=list(program_ids), deleted_at=None)
    found: dict[int, list[Reward]] = defaultdict(list)
    for reward in rows.order_by("position", "pk"):
        found[reward.program_id].append(reward)
    return found


def is_on_show(reward: Reward, *, now: datetime) -> bool:
    """Tell whether shoppers see a reward: it is there, switched on and within its dates."""
    return (
        reward.is_active
        and reward.deleted_at is None
        and (reward.starts_at is None or reward.starts_at <= now)
        and (reward.ends_at is None or now < reward.ends_at)
    )


def state_of(reward: Reward, *, tier_ids: Collection[int]) -> RewardState:
    """Return what decides whether a reward may be redeemed; `tier_ids` as of `tier_ids_of`."""
    return RewardState(
        is_active=reward.is_active and reward.deleted_at is None,
        starts_at=reward.starts_at,
        ends_at=reward.ends_at,
        tier_ids=frozenset(tier_ids),
        stock=reward.stock,
        limit_count=reward.limit_count,
        price_points=reward.price_points,
    )


def tier_ids_of(*, reward_ids: Iterable[int], using: str = "default") -> dict[int, frozenset[int]]:
    """Return the tiers that rewards are for, by reward id; none: for everybody. Two queries.

    The tier that took the place of a deleted one is among them. Deleted ones stay among them too:
    a reward that was for some is not for everybody because their tier is gone.
    """
    links = list(
        Reward.tiers.through.objects.using(using)
        .filter(reward__in=list(reward_ids))
        .values_list("reward", "tier")
    )
    if not links:
        return {}
    replaced = dict(
        Tier.objects.using(using)
        .filter(program__rewards__in={pk for pk, _ in links}, replaced_by__isnull=False)
        .order_by()
        .values_list("pk", "replaced_by")
    )
    found: dict[int, set[int]] = defaultdict(set)
    for reward_id, linked in links:
        tier_id: int | None = linked
        while tier_id is not None and tier_id not in found[reward_id]:
            found[reward_id].add(tier_id)
            tier_id = replaced.get(tier_id)
    return {pk: frozenset(tiers) for pk, tiers in found.items()}


def tiers_of_members(*, member_ids: Iterable[int], using: str = "default") -> dict[int, int | None]:
    """Return the tier that members are in now, by member id; who has none is left out. One query."""
    rows = TierStanding.objects.using(using).filter(member__in=list(member_ids))
    return dict(rows.values_list("member", "tier"))


def redeemed_of(
    *, members: Collection[Member], now: datetime, using: str = "default"
) -> dict[tuple[int, int], int]:
    """Return how many members redeemed of each reward in its limit's period. One query.

    By (member id, reward id); none is left out. What was cancelled does not count, nor do gifts.
    `members` come with their programme, in whose zone periods are.
    """
    in_period = Q(reward__limit_period=Period.LIFETIME.value, member__in=[m.pk for m in members])
    for zone, ids in _by_zone(members).items():
        for period in COUNTED_BY_CALENDAR:
            in_period |= Q(
                reward__limit_period=period.value,
                member__in=ids,
                created_at__gte=_period_began(period, time_zone=zone, now=now),
            )
    rows = Redemption.objects.using(using).filter(in_period, is_gift=False)
    counts = rows.exclude(state=RedemptionState.CANCELLED.value).order_by()
    return {
        (member_id, reward_id): count
        for member_id, reward_id, count in counts.values_list("member", "reward").annotate(
            Count("pk")
        )
    }


def gifts_of(
    *, rewards: Collection[Reward], zones: Mapping[int, str], now: datetime, using: str = "default"
) -> dict[int, int]:
    """Return how often rewards were given in the period of their gifts, by reward id. One query.

    `zones`: programmes' time zones by their id. What was cancelled does not count.
    """
    in_period = Q(pk__in=[])
    for reward in rewards:
        wanted = Q(reward=reward.pk)
        period = Period(reward.gift_period)
        if period is not Period.LIFETIME:
            began = _period_began(period, time_zone=zones[reward.program_id], now=now)
            wanted &= Q(created_at__gte=began)
        in_period |= wanted
    rows = Redemption.objects.using(using).filter(in_period, is_gift=True)
    counts = rows.exclude(state=RedemptionState.CANCELLED.value).order_by()
    return dict(counts.values_list("reward").annotate(Count("pk")))


def _by_zone(members: Collection[Member]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for member in members:
        found[member.program.time_zone].append(member.pk)
    return found


def _period_began(period: Period, *, time_zone: str, now: datetime) -> datetime:
    on = period_start(local_date(now, time_zone=time_zone), period)
    return start_of_day(on, time_zone=time_zone)


def translations_of(
    *, reward_ids: Iterable[int], using: str = "default"
) -> dict[int, dict[str, RewardTranslation]]:
    """Return the translations of rewards by language, by reward id. One query."""
    found: dict[int, dict[str, RewardTranslation]] = defaultdict(dict)
    for row in RewardTranslation.objects.using(using).filter(reward__in=list(reward_ids)):
        found[row.reward_id][row.language_code] = row
    return found


def redemptions_of(
    *, member_id: int, states: Sequence[RedemptionState] = (), using: str = "default"
) -> QuerySet[Redemption]:
    """Return what a member redeemed and was given, newest first; those in `states` if any."""
    rows = Redemption.objects.using(using).filter(member=member_id)
    return rows.filter(state__in=[state.value for state in states]) if states else rows


def all_redemptions(
    *,
    program_id: int | None = None,
    member_id: int | None = None,
    states: Sequence[RedemptionState] = (),
    kinds: Sequence[RewardKind] = (),
    search: str = "",
    using: str = "default",
) -> QuerySet[Redemption]:
    """Return redemptions by programme, member, states, kinds and words, newest first.

    Each word is a part of the reward's name or of the customer's address or name, or a code.
    """
    rows = Redemption.objects.using(using).all()
    if member_id is not None:
        rows = redemptions_of(member_id=member_id, using=using)
    if program_id is not None:
        rows = rows.filter(program=program_id)
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    if kinds:
        rows = rows.filter(kind__in=[kind.value for kind in kinds])
    for word in search.split():
        rows = rows.filter(
            Q(name__icontains=word)
            | Q(code__iexact=word)
            | Q(member__user__email__icontains=word)
            | Q(member__user__first_name__icontains=word)
            | Q(member__user__last_name__icontains=word)
            | Q(member__email__icontains=word)
        )
    return rows


def steps_of(
    *, redemption_ids: Iterable[int], using: str = "default"
) -> dict[int, list[RedemptionStep]]:
    """Return what happened to redemptions, oldest first, by redemption id. One query."""
    rows = RedemptionStep.objects.using(using).filter(redemption__in=list(redemption_ids))
    found: dict[int, list[RedemptionStep]] = defaultdict(list)
    for step in rows.order_by("id"):
        found[step.redemption_id].append(step)
    return found


@dataclass(frozen=True, kw_only=True)
class Liability:
    """What a programme owes its members: points by bucket, and what was redeemed and is not over.

    `debt` is what members owe it.
    """

    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0
    open_rewards: int = 0
    open_gifts: int = 0
    open_points: int = 0

    @property
    def outstanding(self) -> int:
        """All points that members may still spend."""
        return self.pending + self.available + self.held


def liability_of(*, program_ids: Collection[int], using: str = "default") -> dict[int, Liability]:
    """Return what programmes owe their members, by programme id. One query."""
    balances = (
        Balance.objects.filter(member__program=OuterRef("pk"))
        .order_by()
        .values("member__program")
        .annotate(
            sums=JSONObject(
                **{name: Sum(name) for name in ("pending", "available", "held", "debt")}
            )
        )
    )
    live = (
        Redemption.objects.filter(
            program=OuterRef("pk"), state__in=sorted(state.value for state in LIVE)
        )
        .order_by()
        .values("program")
        .annotate(
            sums=JSONObject(
                open_rewards=Count("pk"),
                open_gifts=Count("pk", filter=Q(is_gift=True)),
                open_points=Sum("price_points", filter=Q(is_gift=False)),
            )
        )
    )
    rows = Program.objects.using(using).filter(pk__in=program_ids).order_by()
    return {
        pk: Liability(**_numbers(points), **_numbers(rewards))
        for pk, points, rewards in rows.values_list(
            "pk", Subquery(balances.values("sums")), Subquery(live.values("sums"))
        )
    }


def _numbers(sums: Mapping[str, int | None] | None) -> dict[str, int]:
    """Return sums of which there may be none, or that are of nothing."""
    return {name: number or 0 for name, number in (sums or {}).items()}
