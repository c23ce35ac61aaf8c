"""The mails that settling orders causes: thanks, refunds explained, and tiers that changed."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.mail_desk import Desk, open_desk
from saleor_loyalty.flows.member_mails import tell_of_tiers
from saleor_loyalty.flows.settlement import Settlement
from saleor_loyalty.flows.thank_you import UPWARD, is_thanked, thank_you_email
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.points.postings import GiveBack, Posting
from saleor_loyalty.tiers.models import TierChange

TELLS_OF_TIER = frozenset({EmailKind.THANK_YOU_FIRST, EmailKind.THANK_YOU_TIER})


def tell_of_orders(
    settlements: Sequence[Settlement],
    *,
    before: Mapping[str, SettledOrder],
    member_ids: Mapping[str, int],
    postings: Collection[Posting],
    changes: Sequence[TierChange],
    now: datetime,
) -> int:
    """Queue what members should hear of orders that were settled; return how many mails.

    Who is thanked for an order that brought a tier hears of the tier in that mail, if its form says so.
    """
    back: dict[str, list[GiveBack]] = defaultdict(list)
    for posting in postings:
        if isinstance(posting, GiveBack) and posting.order_id:
            back[posting.order_id].append(posting)
    mine = [one for one in settlements if one.facts.order_id in member_ids]
    thanked = [
        one
        for one in mine
        if _is_newly_earned(one, before=before.get(one.facts.order_id))
        and is_thanked(one.facts, now=now)
    ]
    refunded = [
        one
        for one in mine
        if _points_taken(one, before=before.get(one.facts.order_id)) or back.get(one.facts.order_id)
    ]
    if not thanked and not refunded:
        return tell_of_tiers(changes, now=now)
    desk = open_desk(
        member_ids={member_ids[one.facts.order_id] for one in [*thanked, *refunded]}, now=now
    )
    last = {member_ids[one.facts.order_id]: one for one in thanked}
    thanks = [
        _thank_you(
            one,
            desk,
            member_ids=member_ids,
            changes=changes if one is last[member_ids[one.facts.order_id]] else (),
        )
        for one in thanked
    ]
    refunds = [
        _refund(one, desk, before=before, member_ids=member_ids, back=back[one.facts.order_id])
        for one in refunded
    ]
    told = {one.member_id for one in thanks if one is not None and one.kind in TELLS_OF_TIER}
    rest = [one for one in changes if not (one.kind in UPWARD and one.member_id in told)]
    return tell_of_tiers(rest, now=now) + desk.queue([*thanks, *refunds])


def _is_newly_earned(settlement: Settlement, *, before: SettledOrder | None) -> bool:
    return settlement.outcome is Outcome.EARNED and (
        before is None or before.outcome != Outcome.EARNED.value
    )


def _points_taken(settlement: Settlement, *, before: SettledOrder | None) -> int:
    """Return how many points went back with the order since it was settled last."""
    if before is None or before.outcome != Outcome.EARNED.value:
        return 0
    if settlement.outcome not in (Outcome.EARNED, Outcome.CANCELLED):
        return 0
    return max(settlement.returned - before.returned_points, 0)


def _thank_you(
    settlement: Settlement,
    desk: Desk,
    *,
    member_ids: Mapping[str, int],
    changes: Sequence[TierChange],
) -> EmailRequest | None:
    if settlement.terms is None or settlement.rate is None:
        return None
    member = desk.members[member_ids[settlement.facts.order_id]]
    return thank_you_email(
        order=settlement.facts,
        member=member,
        terms=settlement.terms,
        rate=settlement.rate,
        points_earned=settlement.net,
        desk=desk,
        changes=[change for change in changes if change.member_id == member.pk],
    )


def _refund(
    settlement: Settlement,
    desk: Desk,
    *,
    before: Mapping[str, SettledOrder],
    member_ids: Mapping[str, int],
    back: Sequence[GiveBack],
) -> EmailRequest | None:
    """Return the mail that explains what a refund did to the points; once for each step of it.

    `refunded` is the money that went back so far, the points are those of this step.
    """
    order = settlement.facts
    if order.is_import or not order.email:
        return None
    taken = _points_taken(settlement, before=before.get(order.order_id))
    returned = order.cash_returned
    step = hashlib.sha256(" ".join(sorted(one.key for one in back)).encode()).hexdigest()[:12]
    return desk.request(
        EmailKind.REFUND_EXPLAINED,
        desk.members[member_ids[order.order_id]],
        key=f"refund:{order.order_id}:{settlement.returned}:{step}",
        facts={
            "currency": order.currency,
            "first_name": order.first_name,
            "order_number": order.number,
            "refunded": str(returned) if returned else "",
            "points_taken": taken,
            "points_given_back": sum(one.points or 0 for one in back),
        },
        channel_id=order.channel_id,
        recipient=order.email,
        language_code=order.language_code,
        order_id=order.order_id,
    )
