"""Merging two members of one person into one."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from saleor_loyalty.adjustments.models import Adjustment
from saleor_loyalty.earning.models import EarningGrant
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.grant_benefits import identity_of
from saleor_loyalty.flows.merge_invitations import release_prices, take_over_invitations
from saleor_loyalty.mailings.operations import merge_preferences
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.models import Balance, Lot
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Award, Posting
from saleor_loyalty.points.rules import Bucket, LotTerms, Reason
from saleor_loyalty.points.transfers import MoveDebt, MoveExpired, MoveOut
from saleor_loyalty.rewards.models import Redemption
from saleor_loyalty.rewards.rules import RedemptionState, RewardKind
from saleor_loyalty.tiers.models import BenefitGrant, TierStanding
from saleor_loyalty.tiers.queries import ladders_of
from saleor_loyalty.tiers.rules import ChangeKind, Window

# What a tier that was earned is kept by, and what staff assigned.
PROMISE = ("earned_id", "kept_on", "needed", "qualified_from", "version", "grace_on", "is_warned")
ASSIGNMENT = ("assigned_id", "assigned_on", "is_pinned")


class MergeImpossible(LoyaltyError):
    """Two members cannot be merged; `problem` says why."""

    code = "merge_impossible"


@transaction.atomic
def merge_members(*, member_id: int, into_id: int, actor: str, now: datetime) -> Member:
    """Merge a member into another of the same programme, with all points, debts and dates.

    Lots keep their dates; orders, also those placed later by the merged account, count for the
    other member from now on. It is done once: a repeat changes nothing. Both histories show it.

    Raises:
        MemberNotFound: one of them is not there.
        MergeImpossible: the same member, another programme, merged elsewhere, or points on hold.

    """
    lock_members(member_ids={member_id, into_id})
    found = Member.objects.in_bulk([member_id, into_id])
    for pk, field in ((member_id, "member_id"), (into_id, "into_id")):
        if pk not in found:
            raise MemberNotFound(field=field)
    member, into = found[member_id], found[into_id]
    if member.merged_into_id == into.pk:
        return into
    prices = release_prices(member, into, now=now)
    _check(member, into)
    member.merged_into = into
    member.merged_at = now
    member.merged_by = actor
    member.save(update_fields=["merged_into", "merged_at", "merged_by"])
    Member.objects.filter(merged_into=member).update(merged_into=into)
    _take_over(member, into)
    merge_preferences(member_id=member.pk, into_id=into.pk, actor=actor, now=now)
    move_points(member, into, actor=actor, now=now)
    take_over_invitations(member, into, prices=prices, now=now)
    _take_over_tier(member, into)
    _free_from_years(into)
    evaluate_tiers(member_ids=[into.pk], now=now, because=ChangeKind.MERGED, actor=actor)
    return into


def _check(member: Member, into: Member) -> None:
    problem = ""
    if member.pk == into.pk:
        problem = "A member cannot be merged into itself"
    elif member.program_id != into.program_id:
        problem = "The members are of different programmes"
    elif member.merged_into_id is not None or into.merged_into_id is not None:
        problem = "One of the members was merged before"
    elif Balance.objects.filter(member=member, held__gt=0).exists():
        problem = "Some points are held for a checkout; try again when it is done"
    if problem:
        raise MergeImpossible(field="member_id", problem=problem)


def _take_over(member: Member, into: Member) -> None:
    """Let the other member answer for the orders and limits of a merged one."""
    _take_over_orders(member, into)
    _take_over_redemptions(member, into)
    EmailMessage.objects.filter(member_id=member.pk).update(member_id=into.pk)
    Adjustment.objects.filter(member=member, status="waiting").update(member=into)
    if into.born_on is None and member.born_on is not None:
        into.born_on = member.born_on
    into.joined_at = min(into.joined_at, member.joined_at)
    into.save(update_fields=["born_on", "joined_at"])


def _take_over_tier(member: Member, into: Member) -> None:
    """Let the other member have what was promised and assigned, and the benefits given already.

    What was earned counts for them anyway.
    """
    TierStanding.objects.filter(member=into).update(is_published=False)
    standing = TierStanding.objects.filter(member=member).first()
    if standing is None:
        return
    if standing.assigned_id is not None or standing.earned_id is not None:
        target, _ = TierStanding.objects.get_or_create(
            member=into, defaults={"program_id": into.program_id, "since": into.joined_at}
        )
        names = [*PROMISE] if _promises_more(standing, target) else []
        if target.assigned_id is None:
            names += ASSIGNMENT
        for name in names:
            setattr(target, name, getattr(standing, name))
        target.save()
    standing.delete()
    _take_over_grants(member, into)


def _take_over_grants(member: Member, into: Member) -> None:
    """Let the other member have the benefits that a merged one got, each once.

    Of what both got, a code that was issued stays good and is shown, under the next number; one
    that was not is needed no more.
    """
    had = {identity_of(grant)[1:] for grant in BenefitGrant.objects.filter(member=into)}
    for grant in BenefitGrant.objects.filter(member=member):
        is_double = identity_of(grant)[1:] in had
        if is_double and grant.issued_at is None:
            grant.delete()
            continue
        if is_double and not grant.code:  # a welcome: both were given
            continue
        while identity_of(grant)[1:] in had:
            grant.number += 1
        had.add(identity_of(grant)[1:])
        grant.member = into
        grant.save(update_fields=["member", "number"])


def _take_over_redemptions(member: Member, into: Member) -> None:
    """Let the other member have what a merged one redeemed and was given.

    The points for it stay with the hold they were spent from. Where both used a key, the merged
    member's gets another: who asks with it means the other member's. Gift cards are bound to the
    other account soon after.
    """
    rows = Redemption.objects.filter(member=member)
    # In the order in which others lock them.
    pks = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
    cards = rows.filter(pk__in=pks, kind=RewardKind.GIFT_CARD.value).exclude(code="")
    cards.filter(state__in=[RedemptionState.OPEN.value, RedemptionState.USED.value]).update(
        is_issued=False
    )
    for one in rows.filter(key__in=Redemption.objects.filter(member=into).values("key")):
        one.key = f"merged:{one.pk}"
        one.save(update_fields=["key"])
    rows.update(member=into)


def _free_from_years(into: Member) -> None:
    """Let the other member keep what was promised where years begin on the day of joining.

    That day may be another one now: what was earned in one year may be parted by two.
    """
    ladder = ladders_of(program_ids=[into.program_id]).get(into.program_id)
    if ladder is not None and ladder.terms.window is Window.MEMBERSHIP_YEAR:
        TierStanding.objects.filter(member=into).update(needed=None)


def _promises_more(standing: TierStanding, target: TierStanding) -> bool:
    """Tell whether a standing's earned tier is the higher one, or the same for longer."""
    ladder = ladders_of(program_ids=[target.program_id]).get(target.program_id)
    if ladder is None:
        return False
    mine, other = (
        (ladder.rank(ladder.tier(one.earned_id)), one.grace_on or one.kept_on or date.max)
        for one in (standing, target)
    )
    return mine > other


def _take_over_orders(member: Member, into: Member) -> None:
    SettledOrder.objects.filter(member=member).update(member=into)
    EarningGrant.objects.filter(member=member).update(member=into)


@transaction.atomic
def move_points(member: Member, into: Member, *, actor: str, now: datetime) -> int:
    """Move the points and the debt of a merged member to the other; return the number of lots."""
    lock_members(member_ids={member.pk, into.pk})
    balance = Balance.objects.filter(member=member).first() or Balance(member=member)
    target = Balance.objects.filter(member=into).first() or Balance(member=into)
    if balance.last_activity_at and not (
        target.last_activity_at and target.last_activity_at >= balance.last_activity_at
    ):
        Balance.objects.update_or_create(
            member=into, defaults={"last_activity_at": balance.last_activity_at}
        )
    postings: list[Posting] = []
    lots = [
        lot
        for lot in Lot.objects.filter(member=member)
        if lot.pending or lot.available or (lot.expired and lot.order_id)
    ]
    for lot in lots:
        common: dict[str, Any] = {
            "program_id": member.program_id,
            "reason": Reason.MERGED,
            "effective_at": lot.earned_at,
            "order_id": lot.order_id,
            "actor": actor,
            "details": {"from_member": member.pk, "into_member": into.pk},
        }
        moved = f"{lot.pk}:{lot.pending}:{lot.available}:{lot.expired}:{now.timestamp()}"
        postings.append(
            MoveOut(**common, member_id=member.pk, key=f"merge-out:{moved}", lot_id=lot.pk)
        )
        for is_pending, points in ((True, lot.pending), (False, lot.available)):
            if points:
                terms = LotTerms(
                    is_pending=is_pending,
                    matures_at=lot.matures_at,
                    expires_at=lot.expires_at,
                    inactivity_months=lot.inactivity_months,
                    notice_days=lot.notice_days,
                )
                postings.append(
                    Award(
                        **common,
                        member_id=into.pk,
                        key=f"merge-in:{moved}:{is_pending:d}",
                        points=points,
                        lot=terms,
                        from_bucket=Bucket.TRANSFERRED,
                    )
                )
        if lot.expired:
            postings.append(
                MoveExpired(
                    **common,
                    member_id=into.pk,
                    key=f"merge-in:{moved}:expired",
                    points=lot.expired,
                    expires_at=lot.expires_at,
                )
            )
    if balance.debt:
        postings += [
            MoveDebt(
                program_id=member.program_id,
                member_id=pk,
                key=f"merge-debt:{member.pk}:{pk}:{now.timestamp()}",
                reason=Reason.MERGED,
                effective_at=now,
                actor=actor,
                points=points,
            )
            for pk, points in ((member.pk, -balance.debt), (into.pk, balance.debt))
        ]
    post(postings=postings, now=now)
    return len(lots)


def move_late_points(*, now: datetime) -> int:
    """Move what merged members got since, as when a spend of theirs was undone; return lots.

    Also what they came to owe, and orders that were settled for them while they were merged.
    """
    late = Member.objects.filter(
        Q(balance__available__gt=0)
        | Q(balance__pending__gt=0)
        | Q(balance__debt__gt=0)
        | Q(pk__in=SettledOrder.objects.filter(member__merged_into__isnull=False).values("member")),
        merged_into__isnull=False,
    )
    moved = 0
    for member in late.select_related("merged_into"):
        if member.merged_into is not None:
            moved += move_points(member, member.merged_into, actor="", now=now)
            _take_over_orders(member, member.merged_into)
    _move_late_invitations(now=now)
    return moved


def _move_late_invitations(*, now: datetime) -> None:
    """Move the invitations that reached members while they were merged."""
    late = Invitation.objects.filter(member__merged_into__isnull=False).values_list("member")
    for member in Member.objects.filter(pk__in=late).select_related("merged_into").order_by("pk"):
        into = member.merged_into
        if into is not None:
            with transaction.atomic():
                lock_members(member_ids={member.pk, into.pk})
                prices = release_prices(member, into, now=now)
                take_over_invitations(member, into, prices=prices, now=now)
