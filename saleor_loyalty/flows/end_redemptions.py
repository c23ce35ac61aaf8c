"""What was redeemed or given is cancelled, begun with, or fulfilled by hand."""

from datetime import datetime

from django.db import transaction

from saleor_loyalty.flows.merge_members import move_points
from saleor_loyalty.flows.redeem_rewards import RedemptionInvalid, details_of, hold_key_of
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Hold
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import GiveBack
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.rewards.models import Redemption
from saleor_loyalty.rewards.redemptions import (
    Close,
    RedemptionClosed,
    RedemptionNotFound,
    is_asked_for,
    locked_redemptions,
    locked_rewards,
    move_on,
    return_stock,
)
from saleor_loyalty.rewards.rules import (
    LIVE,
    RedemptionState,
    RewardKind,
)

MAX_NOTE_LENGTH = 1000


@transaction.atomic
def cancel_redemption(
    *,
    redemption_id: int,
    member_id: int | None = None,
    note: str,
    actor: str,
    close: Close,
    now: datetime,
) -> Redemption:
    """Cancel what was not used: the points return to their lots, and it to its stock.

    With a `member_id` only that member's, and not what staff have begun with. A gift brings no
    points. `close` shuts the code in the shop. Cancelled again nothing happens.

    Raises:
        RedemptionInvalid: a note of more than 1000 characters.
        RedemptionNotFound: there is none, or it is another member's.
        RedemptionClosed: it was used, fulfilled, or is over, or a checkout with it is just becoming
            an order.

    """
    _check_note(note)
    redemption, holder = _locked_redemption(redemption_id, member_id=member_id)
    state = RedemptionState(redemption.state)
    if state is RedemptionState.CANCELLED:
        return redemption
    if state not in LIVE or (member_id is not None and state is RedemptionState.IN_PROGRESS):
        raise RedemptionClosed(field="id", state=state.value)
    if state is RedemptionState.OPEN and _is_over(redemption, now=now):
        raise RedemptionClosed(field="id", state=RedemptionState.EXPIRED.value)
    if is_asked_for(redemption, now=now):
        raise RedemptionClosed(field="id", state=RedemptionState.USED.value)
    if redemption.code and redemption.pk not in close([redemption]):
        raise RedemptionClosed(field="id", state=RedemptionState.USED.value)
    redemption.is_issued = True
    move_on([redemption], RedemptionState.CANCELLED, actor=actor, note=note.strip(), now=now)
    return_stock(redemption.reward)
    if holder is not None:
        _give_back(redemption, holder, actor=actor, now=now)
    return redemption


@transaction.atomic
def advance_redemption(
    *, redemption_id: int, state: RedemptionState, note: str, actor: str, now: datetime
) -> Redemption:
    """Note that staff began with an experience, or fulfilled it. The same again does nothing.

    Raises:
        RedemptionNotFound: there is none.
        RedemptionInvalid: it is no experience, another state is asked for, or a note of more
            than 1000 characters.
        RedemptionClosed: it was cancelled or fulfilled before.

    """
    _check_note(note)
    redemption = next(iter(locked_redemptions([redemption_id])), None)
    if redemption is None:
        raise RedemptionNotFound(field="id")
    if redemption.kind != RewardKind.EXPERIENCE.value:
        raise RedemptionInvalid(field="id", problem="must be of an experience")
    if state not in {RedemptionState.IN_PROGRESS, RedemptionState.DONE}:
        raise RedemptionInvalid(field="state", problem="must be IN_PROGRESS or DONE")
    if redemption.state == state.value:
        return redemption
    if RedemptionState(redemption.state) not in LIVE:
        raise RedemptionClosed(field="id", state=redemption.state)
    move_on([redemption], state, actor=actor, note=note.strip(), now=now)
    return redemption


def _check_note(note: str) -> None:
    if len(note) > MAX_NOTE_LENGTH:
        raise RedemptionInvalid(
            field="note", problem=f"must have at most {MAX_NOTE_LENGTH} characters"
        )


def _give_back(redemption: Redemption, holder: Member, *, actor: str, now: datetime) -> None:
    """Return the points to the lots they came from; of a merged member, they move on at once."""
    hold_key = hold_key_of(redemption)
    giving_back = GiveBack(
        program_id=redemption.program_id,
        member_id=holder.pk,
        key=f"{hold_key}:back",
        hold_key=hold_key,
        reason=Reason.RETURNED,
        effective_at=now,
        note=redemption.name,
        actor=actor,
        details=details_of(redemption),
    )
    post(postings=[giving_back], now=now)
    if holder.merged_into is not None:
        move_points(holder, holder.merged_into, actor="", now=now)


def _is_over(redemption: Redemption, *, now: datetime) -> bool:
    return redemption.valid_until is not None and redemption.valid_until <= now


def _locked_redemption(
    redemption_id: int, *, member_id: int | None
) -> tuple[Redemption, Member | None]:
    """Lock a redemption, its members and its reward, and return it with who paid for it.

    Who paid may be a member that was merged since: the points return by that member's lots.
    """
    found = Redemption.objects.filter(pk=redemption_id).first()
    if found is None:
        raise RedemptionNotFound(field="id")
    holds = Hold.objects.filter(program=found.program_id, key=hold_key_of(found))
    hold = holds.select_related("member__merged_into").first()
    holder = hold.member if hold is not None else None
    lock_members(
        member_ids={found.member_id}
        | {one.pk for one in (holder, holder and holder.merged_into) if one is not None}
    )
    locked_rewards([found.reward_id])
    (redemption,) = locked_redemptions([redemption_id])
    if redemption.member_id != found.member_id:  # merged while we waited
        return _locked_redemption(redemption_id, member_id=member_id)
    if member_id is not None:
        asking = Member.objects.filter(pk=member_id).first()
        if asking is None or (asking.merged_into_id or asking.pk) != redemption.member_id:
            raise RedemptionNotFound(field="id")
    return redemption, holder
