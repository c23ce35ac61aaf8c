"""Applying points to a checkout, and taking them off again."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as replace_terms
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from saleor_loyalty.flows.join_program import NoProgram, NotAMember
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.points.postings import check_points
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.queries import load_terms
from saleor_loyalty.programs.rules import ProgramTerms
from saleor_loyalty.programs.spending import Means, SpendingTerms
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.operations import (
    CheckoutKey,
    hold,
    locked,
    release,
    replace,
    shrink,
)
from saleor_loyalty.spending.queries import held_on
from saleor_loyalty.spending.rules import (
    Costs,
    NothingToApply,
    Offer,
    Payable,
    Release,
    offer_of,
)

Bind = Callable[[Spending], None]


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What is on a checkout now: of the points that were asked for, and why not all of them."""

    spending: Spending
    offer: Offer


@dataclass(frozen=True, kw_only=True)
class Spender:
    """Who may spend points on a checkout, by which terms."""

    member: Member
    program: ProgramTerms
    terms: SpendingTerms


def spender_of(*, user_id: int | None, channel_id: int, now: datetime) -> Spender:
    """Return the member whose points can pay in a channel.

    Raises:
        NoProgram: no active programme serves the channel.
        NotAMember: nobody is logged in there, or they take no part.

    """
    found = load_terms(channel_ids=[channel_id]).serving(channel_id=channel_id, moment=now)
    if found is None:
        raise NoProgram(field="id")
    members = members_of(user_ids=[user_id]) if user_id is not None else {}
    member = members.get((found.program_id, user_id or 0))
    if member is None:
        raise NotAMember(field="id")
    spending = Program.objects.values_list("spending", flat=True).get(pk=found.program_id)
    return Spender(member=member, program=found, terms=SpendingTerms.from_json(spending))


@transaction.atomic
def apply_points(
    *,
    spender: Spender,
    checkout: CheckoutKey,
    costs: Costs,
    points: int,
    means: Means,
    bind: Bind,
    now: datetime,
) -> Applied:
    """Hold points for a checkout, in place of those that it had, and bind them to it.

    Fewer are held where limits say so, never more. The caller has locked the checkout; `bind` puts the money
    on it, in the same transaction. `means` is for a checkout that has no points yet.

    Raises:
        PointsInvalid: below 1, or more than a thousand million.
        NothingToApply: not one point may pay; what was applied before stays.

    """
    check_points(points)
    lock_members(member_ids={spender.member.pk})
    before = held_on(checkout_ids=[checkout.checkout_id]).get(checkout.checkout_id)
    rate = spender.program.rate_at(currency=checkout.currency, moment=now)
    point_value = rate.point_value if rate else Decimal(0)
    payable = costs.payable(spender.terms, means=Means(before.means) if before else means)
    offer = offer_of(
        asked=points,
        available=spendable(spender.member, before),
        payable=payable,
        terms=spender.terms,
        point_value=point_value,
        is_open=checkout.channel_id not in spender.terms.closed_channel_ids,
    )
    if offer.points == 0:
        raise NothingToApply(field="points", limits=offer.limits)
    if before is not None:
        spending = replace(
            spending=before,
            offer=offer,
            point_value=point_value,
            terms=spender.terms,
            now=now,
        )
    else:
        spending = hold(
            member=spender.member,
            checkout=checkout,
            offer=offer,
            means=means,
            point_value=point_value,
            terms=spender.terms,
            now=now,
        )
    bind(spending)
    spending.save()
    return Applied(spending=spending, offer=offer)


def spendable(member: Member, before: Spending | None) -> int:
    """Return the points that a member can spend on a checkout, with those that it has already.

    What the member owes is repaid from the latter first, should they be let go.
    """
    purse = purses_of(member_ids=[member.pk])[member.pk]
    return max(purse.available + (before.points if before else 0) - purse.debt, 0)


@transaction.atomic
def fit_points(
    *,
    spending_id: int,
    costs: Costs,
    bind: Bind,
    unbind: Bind,
    seen_at: datetime,
    now: datetime,
) -> Spending | None:
    """Bring points into line with a checkout that changed: the surplus goes back, no more is taken.

    By the terms and the value that they were applied with, whatever staff changed since. The
    caller has locked the checkout, which last changed at `seen_at`. None: nothing is held any more.
    """
    spending = locked(spending_id)
    if spending is None:
        return None
    spending.checked_at = max(spending.checked_at, seen_at)
    most = most_of(costs.payable(spending.spending_terms, means=Means(spending.means)), spending)
    if most.points == 0:
        unbind(spending)
        return release(spending=spending, because=Release.NOT_ALLOWED, now=now)
    if most.amount < spending.amount:
        shrink(spending=spending, offer=most, now=now)
        bind(spending)
    spending.save()
    return spending


def most_of(payable: Payable, spending: Spending) -> Offer:
    """Return how many of the points on a checkout may pay for it as it is now."""
    return offer_of(
        asked=spending.points,
        available=spending.points,
        payable=payable,
        terms=replace_terms(spending.spending_terms, is_on=True, minimum_points=1),
        point_value=spending.point_value,
    )


@transaction.atomic
def release_points(
    *, spending_id: int, because: Release, unbind: Bind, now: datetime
) -> Spending | None:
    """Give held points back and take them off the shop; None where none are held any more.

    The caller has locked the checkout, if there still is one.
    """
    spending = locked(spending_id)
    if spending is None:
        return None
    unbind(spending)
    return release(spending=spending, because=because, now=now)
