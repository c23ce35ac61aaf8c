"""Mails about what happened to members: they joined, moved up or are about to fall, got a reward."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.mail_desk import Desk, open_desk
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.points.models import Lot
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.rewards.models import Redemption, RewardTranslation
from saleor_loyalty.tiers.models import TierChange
from saleor_loyalty.tiers.rules import ChangeKind

LAST_DAY = timedelta(microseconds=1)  # what is good until an instant, is good on the day before it
MOVED = frozenset({ChangeKind.ROSE.value, ChangeKind.ASSIGNED.value})
AT_RISK = frozenset({ChangeKind.WARNED.value, ChangeKind.GRACE.value})


def tell_of_joining(*, member: Member, now: datetime) -> int:
    """Queue the welcome of a new member, once ever; return how many mails."""
    desk = open_desk(member_ids=[member.pk], now=now)
    mine = desk.members[member.pk]
    return desk.queue([desk.request(EmailKind.WELCOME, mine, key=f"welcome:{mine.pk}", facts={})])


def tell_of_tiers(
    changes: Sequence[TierChange], *, now: datetime, but: Collection[int] = ()
) -> int:
    """Queue what members should hear of changes of their tiers; return how many mails.

    That is a higher tier, and one that is about to end. Nobody is congratulated on a tier that
    everybody has, and nobody who was imported on the one that they came with. `but`: members who
    hear of it in another mail.
    """
    told = [
        change
        for change in changes
        if change.kind in MOVED | AT_RISK and change.member_id not in but
    ]
    if not told:
        return 0
    desk = open_desk(member_ids={change.member_id for change in told}, now=now)
    return desk.queue(tier_email(change, desk) for change in told)


def tier_email(change: TierChange, desk: Desk) -> EmailRequest | None:
    """Return the mail about a change of a tier, or None: once a tier and year, or end of it."""
    member = desk.members[change.member_id]
    if change.kind in AT_RISK:
        facts = desk.tier_facts(member, to_keep=True)
        if not facts["missing_by"] or not facts["tier_name"]:
            return None
        return desk.request(
            EmailKind.TIER_AT_RISK,
            member,
            key=f"tier_at_risk:{member.pk}:{change.to_tier_id}:{facts['missing_by']}",
            facts={**facts, "benefits": desk.benefits(change.to_tier_id)},
        )
    if not _is_welcome(change, member, desk):
        return None
    return desk.request(
        EmailKind.TIER_REACHED,
        member,
        key=f"tier_reached:{member.pk}:{change.to_tier_id}:{change.since.year}",
        facts={"benefits": desk.benefits(change.to_tier_id)},
    )


def _is_welcome(change: TierChange, member: Member, desk: Desk) -> bool:
    """Tell whether a change leads to a higher tier that is an honour."""
    ladder = desk.ladders.get(member.program_id)
    if ladder is None:
        return False
    before, after = ladder.tier(change.from_tier_id), ladder.tier(change.to_tier_id)
    if after is None or ladder.rank(after) <= ladder.rank(before):
        return False
    needed = after.thresholds.needed(ladder.terms.metric)
    is_everybodys = needed is not None and not any(needed.values())
    came_with_it = before is None and member.joined_by == JoinedBy.IMPORT.value
    return not is_everybodys and not came_with_it


def tell_of_matured_points(lots: Sequence[Lot], *, now: datetime) -> int:
    """Queue what members should hear of points that they can use from now on, once a day."""
    if not lots:
        return 0
    points: dict[int, int] = {}
    desk = open_desk(member_ids={lot.member_id for lot in lots}, now=now, with_tiers=False)
    for lot in lots:
        owner = desk.members[lot.member_id].pk
        points[owner] = points.get(owner, 0) + lot.pending
    requests = []
    for owner, matured in points.items():
        member = next(one for one in desk.members.values() if one.pk == owner)
        today = local_date(now, time_zone=member.program.time_zone)
        requests.append(
            desk.request(
                EmailKind.POINTS_AVAILABLE,
                member,
                key=f"points_available:{owner}:{today.isoformat()}",
                facts={"points_matured": matured},
            )
        )
    return desk.queue(requests)


def tell_of_rewards(redemptions: Sequence[Redemption], *, now: datetime) -> int:
    """Queue the mails of rewards that can be used from now on, each once; return how many."""
    issued = [one for one in redemptions if one.is_issued]
    if not issued:
        return 0
    desk = open_desk(member_ids={one.member_id for one in issued}, now=now, with_tiers=False)
    names: dict[int, dict[str, str]] = {}
    rows = RewardTranslation.objects.filter(reward__in={one.reward_id for one in issued})
    for row in rows:
        names.setdefault(row.reward_id, {})[row.language_code] = row.name
    return desk.queue(reward_email(one, desk, names=names.get(one.reward_id, {})) for one in issued)


def reward_email(
    redemption: Redemption, desk: Desk, *, names: dict[str, str]
) -> EmailRequest | None:
    """Return the mail of one reward."""
    member = desk.members[redemption.member_id]
    return desk.request(
        EmailKind.REWARD_ISSUED,
        member,
        key=f"reward_issued:{redemption.pk}",
        channel_id=redemption.channel_id,
        facts={
            "currency": redemption.currency,
            **reward_facts(redemption, time_zone=member.program.time_zone, names=names),
        },
    )


def reward_facts(
    redemption: Redemption, *, time_zone: str, names: dict[str, str]
) -> dict[str, object]:
    """Return what a mail tells of a reward; `names` are those in other languages."""
    until = redemption.valid_until
    last_on = local_date(until - LAST_DAY, time_zone=time_zone).isoformat() if until else ""
    return {
        "reward_name": {"": redemption.name, **{code: one for code, one in names.items() if one}},
        "reward_code": redemption.code,
        "reward_until": last_on,
        "reward_price": redemption.price_points,
        "reward_image": redemption.reward.image_url,
    }
