"""Pending points made available by hand, and debts forgiven."""

from datetime import datetime

from django.db import transaction

from saleor_loyalty.adjustments.rules import check_adjustment
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.member_mails import tell_of_matured_points
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Lot
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Forgive
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.points.sweeps import maturing


@transaction.atomic
def release_points(*, member_id: int, actor: str, now: datetime, order_id: str = "") -> Member:
    """Make a member's pending points available at once: all of them, or an order's.

    Without any nothing happens, so a repeat does nothing.

    Raises:
        MemberNotFound: there is no such member.

    """
    member = _locked(member_id)
    lots = Lot.objects.filter(member=member, pending__gt=0)
    if order_id:
        lots = lots.filter(order_id=order_id)
    ready = list(lots.order_by("pk"))
    post(postings=[maturing(lot, at=now, actor=actor) for lot in ready], now=now)
    tell_of_matured_points(ready, now=now)
    return member


@transaction.atomic
def forgive_debt(*, member_id: int, note: str, actor: str, now: datetime) -> Member:
    """Forgive all that a member owes. Without a debt nothing happens, so a repeat does nothing.

    Raises:
        MemberNotFound, AdjustmentInvalid: the note is empty or too long.

    """
    check_adjustment(note=note, idempotency_key=None)
    member = _locked(member_id)
    debt = Balance.objects.filter(member=member).values_list("debt", flat=True).first()
    if debt:
        post(
            postings=[
                Forgive(
                    program_id=member.program_id,
                    member_id=member.pk,
                    key=f"forgive:{member.pk}:{now.timestamp()}",
                    reason=Reason.DEBT_FORGIVEN,
                    effective_at=now,
                    note=note.strip(),
                    actor=actor,
                    points=debt,
                )
            ],
            now=now,
        )
    return member


def _locked(member_id: int) -> Member:
    lock_members(member_ids={member_id})
    member = Member.objects.filter(pk=member_id).first()
    if member is None:
        raise MemberNotFound(field="member_id")
    return member
