"""Writes of points that are applied to checkouts. The caller has locked the member."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from saleor_loyalty.codes import new_code
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Authorize, Posting, Void
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.spending import Means, SpendingTerms
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.rules import Offer, Release, SpendingState


@dataclass(frozen=True, kw_only=True)
class CheckoutKey:
    """Which checkout points are applied to, and whose it is."""

    checkout_id: str
    channel_id: int
    currency: str
    user_id: int


def hold_key(spending: Spending) -> str:
    """Return the key of the hold of an application: each amount has its own."""
    return f"checkout:{spending.pk}:{spending.number}"


@transaction.atomic
def hold(
    *,
    member: Member,
    checkout: CheckoutKey,
    offer: Offer,
    means: Means,
    point_value: Decimal,
    terms: SpendingTerms,
    now: datetime,
) -> Spending:
    """Hold points for a checkout that has none yet, under a new secret code."""
    spending = Spending.objects.create(
        program_id=member.program_id,
        member=member,
        user_id=checkout.user_id,
        checkout_id=checkout.checkout_id,
        channel_id=checkout.channel_id,
        state=SpendingState.HELD.value,
        points=offer.points,
        currency=checkout.currency,
        amount=offer.amount,
        means=means.value,
        code=new_code(),
        point_value=point_value,
        terms=terms.as_json(),
        created_at=now,
        checked_at=now,
        expires_at=now + timedelta(minutes=terms.hold_minutes),
    )
    post(postings=[_authorize(spending, now=now)], now=now)
    return spending


@transaction.atomic
def replace(
    *,
    spending: Spending,
    offer: Offer,
    point_value: Decimal,
    terms: SpendingTerms,
    now: datetime,
) -> Spending:
    """Hold another number of points for the same checkout: the old ones go back in the same step.

    Their time begins anew, by the terms of now.
    """
    postings: list[Posting] = [_void(spending, now=now, because="")]
    spending.number += 1
    spending.points, spending.amount = offer.points, offer.amount
    spending.point_value, spending.terms = point_value, terms.as_json()
    spending.expires_at = now + timedelta(minutes=terms.hold_minutes)
    spending.save()
    post(postings=[*postings, _authorize(spending, now=now)], now=now)
    return spending


@transaction.atomic
def shrink(*, spending: Spending, offer: Offer, now: datetime) -> Spending:
    """Give back what an application holds beyond an offer; its time goes on."""
    surplus = spending.points - offer.points
    if surplus > 0:
        posting = _void(
            spending, now=now, because="surplus", key=f"fitted:{offer.points}", points=surplus
        )
        post(postings=[posting], now=now)
    spending.points, spending.amount = offer.points, offer.amount
    spending.save()
    return spending


@transaction.atomic
def release(*, spending: Spending, because: Release, now: datetime) -> Spending:
    """Give all held points back to the member; what carried them is gone from the shop."""
    post(postings=[_void(spending, now=now, because=because.value)], now=now)
    spending.state = SpendingState.RELEASED.value
    spending.released_because = because.value
    spending.is_shut = True
    spending.closed_at = now
    spending.save()
    return spending


def locked(spending_id: int) -> Spending | None:
    """Lock the member and then the row of an application, and return it as it is now.

    None where its points are not held any more.
    """
    member_id = Spending.objects.filter(pk=spending_id).values_list("member", flat=True).first()
    if member_id is None:
        return None
    lock_members(member_ids={member_id})
    rows = Spending.objects.select_for_update().filter(state=SpendingState.HELD.value)
    return rows.filter(pk=spending_id).first()


def _authorize(spending: Spending, *, now: datetime) -> Authorize:
    return Authorize(
        program_id=spending.program_id,
        member_id=spending.member_id,
        key=hold_key(spending),
        reason=Reason.HELD,
        effective_at=now,
        details=_details(spending),
        points=spending.points,
    )


def _void(
    spending: Spending,
    *,
    now: datetime,
    because: str,
    key: str = "released",
    points: int | None = None,
) -> Void:
    return Void(
        program_id=spending.program_id,
        member_id=spending.member_id,
        key=f"{hold_key(spending)}:{key}",
        points=points,
        reason=Reason.RELEASED,
        effective_at=now,
        details={"because": because} if because else {},
        hold_key=hold_key(spending),
    )


def _details(spending: Spending) -> Mapping[str, Any]:
    return {"amount": money_text(spending.amount), "currency": spending.currency}


def money_text(amount: Decimal) -> str:
    """Return an amount as entries keep it."""
    return f"{amount:.3f}"
