"""What time and the queue ask of redemptions: codes are issued, codes are over, codes are shut."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet

from saleor_loyalty.flows.member_mails import tell_of_rewards
from saleor_loyalty.programs.models import Program
from saleor_loyalty.rewards.models import Redemption
from saleor_loyalty.rewards.redemptions import (
    PAYS,
    Close,
    Issue,
    is_asked_for,
    locked_redemptions,
    move_on,
    note_issued,
)
from saleor_loyalty.rewards.rules import RedemptionState, RewardKind

logger = logging.getLogger(__name__)

BATCH = 200
Work = Callable[[Sequence[int]], int]


def issue_redemptions(*, issue: Issue, now: datetime, limit: int = BATCH) -> int:
    """Give codes to what has none yet, or whose code an order gave back; return how many.

    Gift cards of merged members are bound to the accounts of those who have them now.

    In rounds of `limit`: what the shop leaves out waits for another time and holds up nothing,
    and so does one that it fails for. Programmes that are off or serve no channel are not looked at.
    """
    able = Program.objects.filter(is_active=True, channels__valid_until=None)
    waiting = Redemption.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=now),
        PAYS,
        is_issued=False,
        program__in=able.values("pk"),
    )

    def work(pks: Sequence[int]) -> int:
        rows = [
            one
            for one in locked_redemptions(pks, skip_locked=True)
            if not one.is_issued and _is_issuable(one)
        ]
        issued = note_issued(rows, issue(rows)) if rows else 0
        open_now = [one for one in rows if one.state == RedemptionState.OPEN.value]
        tell_of_rewards(open_now, now=now)
        return issued

    return _in_rounds(waiting, work, limit=limit)


def expire_redemptions(*, close: Close, now: datetime) -> int:
    """End the codes that are over; return how many. Neither points nor stock come back.

    One that was used meanwhile is left to the settling of its order.
    """
    over = Redemption.objects.filter(state=RedemptionState.OPEN.value, valid_until__lte=now)

    def work(pks: Sequence[int]) -> int:
        rows = [
            one
            for one in locked_redemptions(pks, skip_locked=True)
            if one.state == RedemptionState.OPEN.value and not is_asked_for(one, now=now)
        ]
        shut = _shut(rows, close)
        # A gift card may have paid by a way that names no order.
        paid = [one for one in rows if one not in shut and one.kind == RewardKind.GIFT_CARD.value]
        move_on(shut, RedemptionState.EXPIRED, now=now)
        move_on(paid, RedemptionState.USED, now=now)
        return len(shut)

    return _in_rounds(over, work)


def close_cancelled(*, close: Close, now: datetime) -> int:
    """Shut the codes of gifts that were cancelled with their order; return how many."""
    open_still = Redemption.objects.filter(
        state=RedemptionState.CANCELLED.value, is_issued=False
    ).exclude(code="")

    def work(pks: Sequence[int]) -> int:
        rows = locked_redemptions(pks, skip_locked=True)
        close(rows)
        return Redemption.objects.filter(pk__in=[one.pk for one in rows]).update(
            is_issued=True, changed_at=now
        )

    return _in_rounds(open_still, work)


def _is_issuable(one: Redemption) -> bool:
    is_used_card = (one.state, one.kind) == (RedemptionState.USED, RewardKind.GIFT_CARD)
    return one.state == RedemptionState.OPEN.value or is_used_card


def _shut(rows: Sequence[Redemption], close: Close) -> list[Redemption]:
    """Shut the codes of redemptions; return those that were not used meanwhile."""
    unused = close([one for one in rows if one.code])
    return [one for one in rows if not one.code or one.pk in unused]


def _in_rounds(queryset: QuerySet[Redemption], work: Work, *, limit: int = BATCH) -> int:
    """Work on all redemptions of a query, some at a time, each time in one transaction."""
    done, after_id = 0, 0
    while True:
        rows = queryset.filter(pk__gt=after_id).order_by("pk")
        pks = list(rows.values_list("pk", flat=True)[:limit])
        if not pks:
            return done
        after_id = pks[-1]
        done += _in_halves(pks, work)


def _in_halves(pks: Sequence[int], work: Work) -> int:
    """Work on some together; where that fails, one half after the other, down to the bad one."""
    try:
        with transaction.atomic():
            return work(pks)
    except OperationalError:  # the database's trouble, or another's lock: not the redemptions'
        raise
    except Exception:
        if len(pks) == 1:
            logger.exception("Redemption %s could not be brought in step with the shop", pks[0])
            return 0
    middle = len(pks) // 2
    return _in_halves(pks[:middle], work) + _in_halves(pks[middle:], work)
