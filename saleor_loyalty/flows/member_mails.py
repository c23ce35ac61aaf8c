"""Mails about what happened to members: they joined, moved up or are about to fall, got a reward."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind, EmailRequest, EmailStatus
from saleor_loyalty.flows.mail_desk import Desk, open_desk
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.points.models import Lot
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.rewards.models import Redemption, RewardTranslation
from saleor_loyalty.tiers.models import TierChange
from saleor_loyalty.tiers.rules import ChangeKind

GATHERED_FOR = timedelta(hours=1)
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
    """Queue what members should hear of points that they can use from now on; return how many.

    One mail a day: it waits an hour, and tells the sum of what came until then; what comes after it
    is told the day after. What repaid a debt cannot be used, so nothing is said of it. The caller
    holds the members' locks.
    """
    if not lots:
        return 0
    desk = open_desk(member_ids={lot.member_id for lot in lots}, now=now, with_tiers=False)
    points: dict[Member, int] = {}
    for lot in lots:
        member = desk.members[lot.member_id]
        points[member] = points.get(member, 0) + lot.pending
    waiting = _waiting_since(points, desk)
    requests = []
    for member, matured in points.items():
        available = desk.purses[member.pk].available
        today = local_date(now, time_zone=member.program.time_zone)
        days = (today, today + timedelta(days=1))
        keys = [f"points_available:{member.pk}:{day.isoformat()}" for day in days]
        mail = next(
            (waiting[key] for key in keys if key in waiting and _can_grow(waiting[key])), None
        )
        told = min(matured + (mail.facts["points_matured"] if mail else 0), available)
        if mail is not None:
            mail.facts = {**mail.facts, **desk.facts(member), "points_matured": told}
            mail.save(update_fields=["facts"])
        elif told > 0:
            is_late = keys[0] in waiting
            due_at = desk.at_hour(EmailKind.POINTS_AVAILABLE, member, on=days[1])
            requests.append(
                desk.request(
                    EmailKind.POINTS_AVAILABLE,
                    member,
                    key=keys[is_late],
                    facts={"points_matured": told},
                    due_at=due_at if is_late else now + GATHERED_FOR,
                )
            )
    return desk.queue(requests)


def _waiting_since(members: Iterable[Member], desk: Desk) -> dict[str, EmailMessage]:
    """Lock the mails of today and tomorrow about points that can be used; return them by key."""
    rows = EmailMessage.objects.select_for_update().filter(
        member_id__in=[member.pk for member in members],
        kind=EmailKind.POINTS_AVAILABLE.value,
        created_at__gt=desk.now - timedelta(days=2),
    )
    return {row.key: row for row in rows.order_by("pk")}


def _can_grow(mail: EmailMessage) -> bool:
    return mail.status == EmailStatus.QUEUED.value and mail.attempts == 0


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
