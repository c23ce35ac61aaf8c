"""What Saleor says of rewards at the moment of truth: is there stock, may this checkout order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from saleor.channel.models import Channel
from saleor.checkout.models import Checkout
from saleor.giftcard.models import GiftCard
from saleor.payment.models import TransactionItem

from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program, ProgramChannel
from saleor_loyalty.rewards.models import Redemption, Reward
from saleor_loyalty.rewards.redemptions import ask_for
from saleor_loyalty.rewards.rules import RedemptionState, RewardContent, RewardKind
from saleor_loyalty.shop.availability import available_variants
from saleor_loyalty.shop.gift_cards import CAN_PAY
from saleor_loyalty.shop.refusals import Refusal

NOT_YOURS = (
    "A code on this checkout belongs to another account. Sign in with the account that it was "
    "made for, or remove the code."
)
NOT_GOOD = "A code on this checkout is not good any more. Remove it to place the order."
NOT_IN_IT = (
    "The free product of a code on this checkout is not in it. Put it in, or remove the code."
)
BUSY = "A code on this checkout is being changed just now. Try again."
NO_ACCESS = "Something in this checkout is only for members who have access to it."

# Since Saleor 3.23 gift cards also pay by transactions, and are not on the checkout then.
AUTHORIZED_CARDS = (
    f"""
  UNION SELECT card.code FROM {GiftCard._meta.db_table} AS card
  JOIN {TransactionItem._meta.db_table} AS payment ON payment.gift_card_id = card.id
  WHERE payment.checkout_id = %(checkout)s AND payment.authorized_value > 0"""
    if CAN_PAY
    else ""
)

# In one statement: the redemptions whose codes or gift cards are on a checkout, and whether they
# are its customer's; the products that only some may order there; the customer's own access.
LOOK = f"""
WITH mine AS (
  SELECT COALESCE(merged_into_id, id) AS id FROM {Member._meta.db_table} WHERE user_id = %(user)s
)
SELECT 'code', state, valid_until, member_id IN (SELECT id FROM mine), content, kind, code, id
FROM {Redemption._meta.db_table}
WHERE code <> '' AND code = ANY(ARRAY(
  SELECT card.code FROM {GiftCard._meta.db_table} AS card
  JOIN {Checkout.gift_cards.through._meta.db_table} AS link ON link.giftcard_id = card.id
  WHERE link.checkout_id = %(checkout)s{AUTHORIZED_CARDS}
) || %(codes)s::varchar[])
UNION ALL
SELECT 'exclusive', '', NULL, NULL, reward.content, '', '', NULL
FROM {Reward._meta.db_table} AS reward
JOIN {Program._meta.db_table} AS program ON program.id = reward.program_id AND program.is_active
JOIN {ProgramChannel._meta.db_table} AS served
  ON served.program_id = program.id AND served.channel_id = %(channel)s AND served.valid_until IS NULL
WHERE reward.kind = '{RewardKind.PRODUCT_ACCESS.value}' AND reward.is_active AND reward.deleted_at IS NULL
UNION ALL
SELECT 'access', '', valid_until, NULL, content, '', '', id
FROM {Redemption._meta.db_table}
WHERE member_id IN (SELECT id FROM mine) AND kind = '{RewardKind.PRODUCT_ACCESS.value}'
  AND state = '{RedemptionState.OPEN.value}' AND (valid_until IS NULL OR valid_until > %(now)s)
"""


@dataclass(frozen=True)
class _Row:
    """A row of what `LOOK` finds."""

    what: str
    state: str
    valid_until: datetime | None
    is_theirs: bool | None
    text: Any
    kind: str
    code: str
    pk: int | None

    @property
    def content(self) -> RewardContent:
        return RewardContent.from_json(
            self.text if isinstance(self.text, dict) else json.loads(self.text)
        )

    def is_good(self, *, now: datetime) -> bool:
        """Tell whether a code may still be used: what is left on a gift card that paid before may."""
        good = {RedemptionState.OPEN.value}
        if self.kind == RewardKind.GIFT_CARD.value:
            good.add(RedemptionState.USED.value)
        return self.state in good and (self.valid_until is None or self.valid_until > now)


def reward_refusal(checkout_info: Any, lines: Sequence[Any], now: datetime) -> Refusal | None:
    """Return why rewards keep a checkout from becoming an order, or None.

    A code or gift card of a reward is good for its member alone, while it is open; products that
    are a reward to have access to are for who has it. What is used by the order that comes now cannot
    be cancelled for a moment. One query, and a statement where there is something of ours.
    """
    checkout = checkout_info.checkout
    rows = _rows(checkout, now=now)
    codes = [row for row in rows if row.what == "code"]
    bad = {row.code for row in codes if not row.is_good(now=now)}
    if bad:
        return Refusal(NOT_GOOD, is_code_good=checkout.voucher_code not in bad)
    if not all(row.is_theirs for row in codes):
        return Refusal(NOT_YOURS)
    variant_ids = {str(line.variant.pk) for line in lines if line.variant}
    free = {row.content.variant_id for row in codes if row.kind == RewardKind.FREE_PRODUCT.value}
    if free - variant_ids:  # deleted in the shop, its voucher would be good for anything
        return Refusal(NOT_IN_IT)
    exclusive = _exclusive(rows, now=now) & {str(line.product.pk) for line in lines if line.product}
    access = [
        row for row in rows if row.what == "access" and exclusive & {*row.content.product_ids}
    ]
    if exclusive - {pk for row in access for pk in row.content.product_ids}:
        return Refusal(NO_ACCESS)
    asked = {row.pk for row in codes + access if row.pk is not None}
    if asked and not ask_for(asked, now=now):
        return Refusal(BUSY)
    return None


def _rows(checkout: Checkout, *, now: datetime) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            LOOK,
            {
                "user": checkout.user_id,
                "checkout": checkout.pk,
                "codes": [checkout.voucher_code] if checkout.voucher_code else [],
                "channel": checkout.channel_id,
                "now": now,
            },
        )
        return [_Row(*row) for row in cursor.fetchall()]


def _exclusive(rows: Sequence[_Row], *, now: datetime) -> set[str]:
    """Return the products that only who has access may order."""
    found: set[str] = set()
    for row in rows:
        if row.what == "exclusive":
            content = row.content
            if content.exclusive_until is None or now < content.exclusive_until:
                found |= set(content.product_ids)
    return found


def in_stock(variant_id: str, channel_id: int) -> bool:
    """Tell whether a variant is on sale in a channel, and at least one piece of it can be had.

    See `available_variants`.
    """
    channel = Channel.objects.filter(pk=channel_id).first()
    return channel is not None and variant_id in available_variants([variant_id], channel.slug)
