"""The life of a redemption: its row, the steps it takes, and the locks they are taken under."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.calendar import end_of_day, local_date
from saleor_loyalty.rewards.models import Redemption, RedemptionStep, Reward
from saleor_loyalty.rewards.rules import (
    BY_CODE,
    FIRST_STATES,
    Obstacle,
    RedemptionState,
    RewardKind,
)


class RedemptionNotFound(LoyaltyError):
    """There is no redemption with that id, or it is another member's."""

    code = "redemption_not_found"


class RedemptionClosed(LoyaltyError):
    """A redemption cannot change like that any more; `state` says where it is."""

    code = "redemption_closed"


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A code that the shop made, and the id of what it made there, as text.

    `currency`: the one that it was made in, where the redemption had none.
    """

    code: str
    issued_id: str = ""
    currency: str = ""


# Makes codes in the shop, by redemption id; what it leaves out cannot be issued (yet). One that
# has a code is made good again, unless an order or a checkout has it.
Issue = Callable[[Sequence[Redemption]], Mapping[int, Issued]]
# Shuts codes in the shop, for good; returns the ids of those that were not used meanwhile.
Close = Callable[[Sequence[Redemption]], frozenset[int]]


# What an order may be paid with: of a gift card also what is left on it.
PAYS = Q(state=RedemptionState.OPEN.value) | Q(
    state=RedemptionState.USED.value, kind=RewardKind.GIFT_CARD.value
)
# A checkout that was about to become an order has become one by then, or will not.
ASKED_FOR = timedelta(minutes=2)


def is_asked_for(redemption: Redemption, *, now: datetime) -> bool:
    """Tell whether a checkout with it is just becoming an order."""
    return redemption.asked_at is not None and redemption.asked_at > now - ASKED_FOR


def ask_for(pks: Collection[int], *, now: datetime) -> bool:
    """Note that a checkout with some redemptions becomes an order.

    False: one of them changed since, or is changing just now. It waits for no lock: who calls holds locks of the shop's, which others wait for.
    """
    free = Redemption.objects.select_for_update(of=("self",), skip_locked=True).filter(
        PAYS, pk__in=pks
    )
    return Redemption.objects.filter(pk__in=free.values("pk")).update(asked_at=now) == len(pks)


def obstacle_of_gift(reward: Reward, *, now: datetime) -> Obstacle | None:
    """Return why a reward cannot be given now, or None: it is off, over or out of stock."""
    if not reward.is_active or reward.deleted_at is not None:
        return Obstacle.NOT_ACTIVE
    if reward.ends_at is not None and now >= reward.ends_at:
        return Obstacle.OVER
    return Obstacle.OUT_OF_STOCK if reward.stock == 0 else None


def new_redemption(
    *,
    reward: Reward,
    member: Member,
    key: str,
    channel_id: int,
    currency: str,
    time_zone: str,
    now: datetime,
) -> Redemption:
    """Return the row of a reward that a member redeems now; nothing is written.

    A code is good to the end of a day in the programme's zone.
    """
    kind = RewardKind(reward.kind)
    valid_until = None
    if kind in BY_CODE and reward.valid_days is not None:
        last_day = local_date(now, time_zone=time_zone) + timedelta(days=reward.valid_days)
        valid_until = end_of_day(last_day, time_zone=time_zone)
    return Redemption(
        reward=reward,
        program_id=reward.program_id,
        member=member,
        key=key,
        kind=kind.value,
        name=reward.name,
        content=reward.content,
        price_points=reward.price_points,
        channel_id=channel_id,
        currency=currency,
        state=FIRST_STATES.get(kind, RedemptionState.OPEN).value,
        is_issued=kind not in BY_CODE,
        valid_until=valid_until,
        created_at=now,
        changed_at=now,
    )


def add_redemptions(redemptions: Sequence[Redemption], *, now: datetime) -> list[Redemption]:
    """Write new redemptions, with the first step of each. Two statements; none for none."""
    written = Redemption.objects.bulk_create(redemptions)
    RedemptionStep.objects.bulk_create(
        [
            RedemptionStep(
                redemption=one, state=one.state, at=now, actor=one.actor, note=one.reason
            )
            for one in written
        ]
    )
    return written


def move_on(
    redemptions: Collection[Redemption],
    state: RedemptionState,
    *,
    now: datetime,
    actor: str = "",
    note: str = "",
) -> None:
    """Bring redemptions into a state and note the step, with what was changed on the rows.

    The caller holds their locks. Two statements; none for none.
    """
    for one in redemptions:
        one.state = state.value
        one.changed_at = now
    changed = ["state", "changed_at", "order_id", "is_issued", "asked_at"]
    Redemption.objects.bulk_update(redemptions, changed)
    _note_steps(redemptions, actor=actor, note=note, now=now)


def note_step(redemption: Redemption, *, note: str, now: datetime) -> None:
    """Note something about a redemption that changes no state."""
    _note_steps([redemption], actor="", note=note, now=now)


def _note_steps(redemptions: Iterable[Redemption], *, actor: str, note: str, now: datetime) -> None:
    RedemptionStep.objects.bulk_create(
        [
            RedemptionStep(redemption=one, state=one.state, at=now, actor=actor, note=note)
            for one in redemptions
        ]
    )


def note_issued(redemptions: Sequence[Redemption], issued: Mapping[int, Issued]) -> int:
    """Write the codes that the shop made; return how many. One statement."""
    done = [one for one in redemptions if one.pk in issued]
    for one in done:
        made = issued[one.pk]
        one.code, one.issued_id, one.is_issued = made.code, made.issued_id, True
        one.currency = one.currency or made.currency
    Redemption.objects.bulk_update(done, ["code", "issued_id", "is_issued", "currency"])
    return len(done)


def locked_redemptions(pks: Collection[int], *, skip_locked: bool = False) -> list[Redemption]:
    """Lock redemptions in order of their ids; return them with member, reward and programme."""
    rows = Redemption.objects.select_for_update(of=("self",), skip_locked=skip_locked)
    return list(rows.filter(pk__in=pks).select_related("member", "reward__program").order_by("pk"))


def locked_rewards(pks: Collection[int]) -> dict[int, Reward]:
    """Lock rewards in order of their ids and return them, each with its programme.

    Members are locked before rewards, and rewards before redemptions.
    """
    rows = Reward.objects.select_for_update(of=("self",), no_key=True)
    found = rows.filter(pk__in=pks).select_related("program").order_by("pk")
    return {reward.pk: reward for reward in found}


def return_stock(reward: Reward, count: int = 1) -> None:
    """Put what was not used back in stock. The caller holds the reward's lock."""
    if reward.stock is not None:
        reward.stock += count
        reward.save(update_fields=["stock"])


def take_stock(reward: Reward, count: int = 1) -> None:
    """Take from the stock what is redeemed. The caller holds the reward's lock and has looked."""
    if reward.stock is not None:
        reward.stock -= count
        reward.save(update_fields=["stock"])
