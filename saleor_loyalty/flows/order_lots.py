"""The lots that an order's points become: when each part matures and when it expires."""

from datetime import datetime, timedelta
from fractions import Fraction

from saleor_loyalty.flows.settlement import Settlement
from saleor_loyalty.points.rules import LotTerms
from saleor_loyalty.programs.calendar import end_of_day, local_date
from saleor_loyalty.programs.policies.rules import Maturing, Policy

OwnTerms = tuple[int | None, int | None]  # a rule's own maturing_days and expiry_days


def order_matures_at(settlement: Settlement) -> datetime | None:
    """Return when an order's points mature by the programme's policy; None: not known yet."""
    order = settlement.facts
    return settlement.policy.matures_at(
        paid_at=order.paid_at or order.placed_at, fulfilled_at=order.fulfilled_at
    )


def lots_of(settlement: Settlement, *, points: int, now: datetime) -> list[tuple[LotTerms, int]]:
    """Share points out over the lots that an order's rules ask for: one for all that agree.

    Rules without terms of their own follow the programme's policy of the order's time.
    """
    groups: dict[OwnTerms, int] = {}
    for row in settlement.breakdown:
        own = (row["maturing_days"], row["expiry_days"])
        groups[own] = groups.get(own, 0) + row["granted"]
    positive = {own: granted for own, granted in groups.items() if granted > 0}
    if not positive:
        positive = {(None, None): 1}
    total = sum(positive.values())
    lots: list[tuple[LotTerms, int]] = []
    shared = granted_so_far = 0
    for own, granted in sorted(positive.items(), key=lambda item: item[0] != (None, None)):
        granted_so_far += granted
        upto = (Fraction(points) * granted_so_far / total).__floor__()
        if upto > shared:
            lots.append((_terms(settlement, own, now=now), upto - shared))
        shared = upto
    return lots


def _terms(settlement: Settlement, own: OwnTerms, *, now: datetime) -> LotTerms:
    order, policy = settlement.facts, settlement.policy
    assert settlement.terms is not None
    maturing_days, expiry_days = own
    is_pending = policy.maturing is not Maturing.AT_ONCE
    matures_at = order_matures_at(settlement)
    if maturing_days is not None:
        is_pending = maturing_days > 0
        matures_at = (order.paid_at or order.placed_at) + timedelta(days=maturing_days)
    return expiring(
        policy,
        earned_at=order.placed_at,
        now=now,
        time_zone=settlement.terms.time_zone,
        expiry_days=expiry_days,
        is_pending=is_pending,
        matures_at=matures_at,
    )


def expiring(
    policy: Policy,
    *,
    earned_at: datetime,
    now: datetime,
    time_zone: str,
    expiry_days: int | None = None,
    is_pending: bool = False,
    matures_at: datetime | None = None,
) -> LotTerms:
    """Return a lot's terms: expiring by the policy, or `expiry_days` after it was earned.

    In either case nobody hears of an expiry later than the policy's longest notice.
    """
    notice_days = policy.longest_notice_days
    if expiry_days is None:
        expires_at = policy.expires_at(earned_at=earned_at, written_at=now, time_zone=time_zone)
        inactivity_months = policy.inactivity_months
    else:
        on = local_date(earned_at, time_zone=time_zone) + timedelta(days=expiry_days)
        noticed_on = local_date(now, time_zone=time_zone) + timedelta(days=notice_days)
        expires_at = end_of_day(max(on, noticed_on), time_zone=time_zone)
        inactivity_months = None
    return LotTerms(
        is_pending=is_pending,
        matures_at=matures_at if is_pending else None,
        expires_at=expires_at,
        inactivity_months=inactivity_months,
        notice_days=notice_days,
    )
