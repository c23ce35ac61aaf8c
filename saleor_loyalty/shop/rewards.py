"""Rewards as Saleor's own vouchers and gift cards: making their codes, shutting them.

A voucher holds the codes of all who redeemed the same. When a code is over is ours to say: it is
shut then, so that members with other dates share the voucher.
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from saleor.account.models import User
from saleor.channel.models import Channel
from saleor.checkout.models import Checkout
from saleor.discount import DiscountValueType, VoucherType
from saleor.discount.models import Voucher, VoucherChannelListing, VoucherCode
from saleor.giftcard import events
from saleor.giftcard.models import GiftCard
from saleor.order import OrderOrigin, OrderStatus
from saleor.order.models import Order, OrderLine
from saleor.payment.models import TransactionItem

from saleor_loyalty.codes import new_code
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.rewards.models import Redemption, RewardVoucher
from saleor_loyalty.rewards.redemptions import Issued
from saleor_loyalty.rewards.rules import BY_VOUCHER, RedemptionState, RewardContent, RewardKind
from saleor_loyalty.shop.codes import new_voucher_code
from saleor_loyalty.shop.gift_cards import ARE_BOUND, CAN_PAY, owner, take_back_payments
from saleor_loyalty.shop.vouchers import channels_of

logger = logging.getLogger(__name__)

MAX_NAME_LENGTH = 255
PREFIX = "R"
TICK = timedelta(microseconds=1)
VOUCHERS = frozenset(kind.value for kind in BY_VOUCHER)
CARD = RewardKind.GIFT_CARD.value
# Orders that have a code no more; a draft may have it, but has not used it.
GONE = (OrderStatus.CANCELED, OrderStatus.EXPIRED)


def issue(redemptions: Sequence[Redemption]) -> dict[int, Issued]:
    """Make codes for redemptions, by their id; one that has a code is made good again.

    Left out is what cannot be issued: none of the programme's channels takes it, or a gift card
    whose member has no account that it could be bound to. Call it in a transaction, with the
    redemptions locked; a bounded number of queries, and two for each new voucher.
    """
    found = _reopened([one for one in redemptions if one.code and one.kind in VOUCHERS])
    found |= _bound_anew([one for one in redemptions if one.code and one.kind == CARD])
    new = [one for one in redemptions if one.pk not in found]
    found |= _vouchers([one for one in new if one.kind in VOUCHERS])
    found |= _gift_cards([one for one in new if one.kind == CARD and not one.code])
    found |= {
        one.pk: Issued(code=one.code or new_voucher_code(PREFIX))
        for one in new
        if one.kind == RewardKind.PRODUCT_ACCESS.value
    }
    return found


def close(redemptions: Sequence[Redemption]) -> frozenset[int]:
    """Shut the codes of redemptions for good; return the ids of those that were not used.

    Call it in a transaction, with the redemptions locked.
    """
    unused = _close_vouchers([one for one in redemptions if one.kind in VOUCHERS])
    unused |= _close_cards([one for one in redemptions if one.kind == CARD])
    return frozenset(unused) | {
        one.pk
        for one in redemptions
        if one.kind == RewardKind.PRODUCT_ACCESS.value and not _has_ordered(one)
    }


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a reward's voucher is worth where; other terms need a voucher of their own."""

    reward_id: int
    kind: RewardKind
    values: tuple[tuple[int, Decimal, Decimal | None], ...]  # channel, worth, least to spend
    variant_id: str = ""

    def best_channel(self, wanted: int) -> int:
        """Return a channel that takes the voucher: the wanted one if it does."""
        takes = [pk for pk, _, _ in self.values]
        return wanted if wanted in takes else takes[0]

    @property
    def digest(self) -> str:
        """Return what the voucher is found by."""
        values = [[pk, f"{worth:f}", least and f"{least:f}"] for pk, worth, least in self.values]
        text = json.dumps([self.kind.value, values, self.variant_id])
        return hashlib.sha256(text.encode()).hexdigest()


def _terms(redemption: Redemption, channels: Sequence[Channel]) -> Terms | None:
    """Return the terms of a redemption's voucher; None if not even its own channel takes it."""
    content, kind = RewardContent.from_json(redemption.content), RewardKind(redemption.kind)
    values = []
    for channel in channels:
        worth: Decimal | None = Decimal(100)
        if kind is RewardKind.FIXED_DISCOUNT:
            worth = content.amounts.get(channel.currency_code)
        elif kind is RewardKind.PERCENTAGE_DISCOUNT:
            worth = content.percentage
        if worth is not None:
            values.append((channel.pk, worth, content.minimum_amounts.get(channel.currency_code)))
    # What was given in no currency, for no order, is good where it can be.
    if redemption.currency and redemption.channel_id not in {pk for pk, _, _ in values}:
        return None
    if not values:
        return None
    variant_id = content.variant_id if kind is RewardKind.FREE_PRODUCT else ""
    return Terms(
        reward_id=redemption.reward_id, kind=kind, values=tuple(values), variant_id=variant_id
    )


def _vouchers(redemptions: Sequence[Redemption]) -> dict[int, Issued]:
    if not redemptions:
        return {}
    served = channels_of({one.program_id for one in redemptions})
    groups: dict[Terms, list[Redemption]] = defaultdict(list)
    for one in redemptions:
        terms = _terms(one, served.get(one.program_id, []))
        if terms is not None:
            groups[terms].append(one)
    vouchers = _vouchers_for(groups)
    codes = VoucherCode.objects.bulk_create(
        [
            VoucherCode(voucher_id=vouchers[terms], code=new_voucher_code(PREFIX))
            for terms, group in groups.items()
            for _ in group
        ]
    )
    rows = [(terms, one) for terms, group in groups.items() for one in group]
    currencies = {one.pk: one.currency_code for some in served.values() for one in some}
    return {
        one.pk: Issued(
            code=code.code,
            issued_id=str(code.pk),
            currency=currencies[terms.best_channel(one.channel_id)],
        )
        for (terms, one), code in zip(rows, codes, strict=True)
    }


def _vouchers_for(groups: Mapping[Terms, Sequence[Redemption]]) -> dict[Terms, int]:
    """Return the voucher for each terms, made where there is none (any more).

    The rows that name them are locked first, in one order, so that no two workers make one.
    """
    if not groups:
        return {}
    RewardVoucher.objects.bulk_create(
        [
            RewardVoucher(reward_id=pk, terms=digest)
            for pk, digest in sorted((one.reward_id, one.digest) for one in groups)
        ],
        ignore_conflicts=True,
    )
    locked = RewardVoucher.objects.select_for_update().filter(
        reward__in={one.reward_id for one in groups}, terms__in={one.digest for one in groups}
    )
    rows = {(row.reward_id, row.terms): row for row in locked.order_by("reward", "terms")}
    known = Voucher.objects.in_bulk(
        [int(row.voucher_id) for row in rows.values() if row.voucher_id]
    )
    found: dict[Terms, int] = {}
    for terms, group in groups.items():
        row = rows[terms.reward_id, terms.digest]
        if int(row.voucher_id or 0) not in known:
            row.voucher_id = str(_new_voucher(terms, group).pk)
            row.save(update_fields=["voucher_id"])
        found[terms] = int(row.voucher_id)
    return found


def _new_voucher(terms: Terms, group: Sequence[Redemption]) -> Voucher:
    types = {
        RewardKind.FREE_SHIPPING: VoucherType.SHIPPING,
        RewardKind.FREE_PRODUCT: VoucherType.SPECIFIC_PRODUCT,
    }
    is_fixed = terms.kind is RewardKind.FIXED_DISCOUNT
    voucher = Voucher.objects.create(
        name=f"{group[0].reward.program.name} · {group[0].name}"[:MAX_NAME_LENGTH],
        type=types.get(terms.kind, VoucherType.ENTIRE_ORDER),
        discount_value_type=(DiscountValueType.FIXED if is_fixed else DiscountValueType.PERCENTAGE),
        # With a product: one piece of it is free, not every one.
        apply_once_per_order=terms.kind is RewardKind.FREE_PRODUCT,
        single_use=True,
        start_date=min(one.created_at for one in group),
    )
    currencies = Channel.objects.in_bulk([pk for pk, _, _ in terms.values])
    VoucherChannelListing.objects.bulk_create(
        [
            VoucherChannelListing(
                voucher=voucher,
                channel_id=pk,
                currency=currencies[pk].currency_code,
                discount_value=worth,
                min_spent_amount=least,
            )
            for pk, worth, least in terms.values
        ]
    )
    if terms.variant_id:
        voucher.variants.add(int(terms.variant_id))
    return voucher


def _gift_cards(redemptions: Sequence[Redemption]) -> dict[int, Issued]:
    """Make gift cards, each for its member alone where Saleor can bind them."""
    if not redemptions:
        return {}
    served = channels_of({one.program_id for one in redemptions if not one.currency})
    channels = Channel.objects.in_bulk({one.channel_id for one in redemptions})
    users = User.objects.in_bulk({one.member.user_id for one in redemptions if one.member.user_id})
    cards: dict[int, GiftCard] = {}
    for one in redemptions:
        user = users.get(one.member.user_id or 0)
        amounts = RewardContent.from_json(one.content).amounts
        own = [channels[one.channel_id]] if one.channel_id in channels else []
        places = [place.currency_code for place in own + served.get(one.program_id, [])]
        currency = one.currency or next((name for name in places if name in amounts), "")
        if currency in amounts and user is not None:
            cards[one.pk] = _gift_card(one, user, amount=amounts[currency], currency=currency)
    made = GiftCard.objects.bulk_create(cards.values())
    for card in made:
        balance = {"currency": card.currency, "amount": card.initial_balance_amount}
        events.gift_cards_issued_event([card], None, None, balance)
    return {
        pk: Issued(code=card.code, issued_id=str(card.pk), currency=card.currency)
        for pk, card in cards.items()
    }


def _bound_anew(redemptions: Sequence[Redemption]) -> dict[int, Issued]:
    """Bind gift cards to the members who have them now; who has no account has to wait."""
    if not redemptions:
        return {}
    users = User.objects.in_bulk({one.member.user_id for one in redemptions if one.member.user_id})
    found = {}
    for one in sorted(redemptions, key=lambda one: int(one.issued_id)):
        user = users.get(one.member.user_id or 0)
        if user is None:
            continue
        if ARE_BOUND:
            GiftCard.objects.filter(pk=int(one.issued_id)).update(**owner(user))
        found[one.pk] = Issued(code=one.code, issued_id=one.issued_id)
    return found


def _gift_card(redemption: Redemption, user: User, *, amount: Decimal, currency: str) -> GiftCard:
    last_day = None
    if redemption.valid_until is not None:
        zone = redemption.reward.program.time_zone
        last_day = local_date(redemption.valid_until - TICK, time_zone=zone)
    return GiftCard(
        code=new_code(),
        currency=currency,
        initial_balance_amount=amount,
        current_balance_amount=amount,
        expiry_date=last_day,
        **owner(user),
    )


def _reopened(redemptions: Sequence[Redemption]) -> dict[int, Issued]:
    """Make codes of vouchers good again that an order gave back.

    Not while another order or a checkout that is being paid has one: it is used then. A code
    that staff deleted is left out here, and gets another.
    """
    if not redemptions:
        return {}
    codes = VoucherCode.objects.select_for_update().filter(pk__in=_uuids(redemptions))
    rows = {str(code.pk): code for code in codes.order_by("pk")}
    taken = _taken([code.code for code in rows.values() if not code.is_active])
    VoucherCode.objects.filter(
        pk__in=[code.pk for code in rows.values() if code.code not in taken]
    ).update(is_active=True)
    return {
        one.pk: Issued(code=one.code, issued_id=one.issued_id)
        for one in redemptions
        if one.issued_id in rows
    }


def _taken(codes: Collection[str]) -> set[str]:
    """Return the codes that an order has, or a checkout that is just becoming one. Two queries."""
    if not codes:
        return set()
    orders = Order.objects.filter(voucher_code__in=codes).exclude(status__in=GONE)
    checkouts = Checkout.objects.filter(voucher_code__in=codes, is_voucher_usage_increased=True)
    return {
        *orders.order_by().values_list("voucher_code", flat=True),
        *checkouts.order_by().values_list("voucher_code", flat=True),
    }


def _close_vouchers(redemptions: Sequence[Redemption]) -> set[int]:
    """Shut voucher codes. One that is shut already was used, or else staff shut or deleted it."""
    if not redemptions:
        return set()
    codes = VoucherCode.objects.select_for_update().filter(pk__in=_uuids(redemptions))
    rows = {str(code.pk): code for code in codes.order_by("pk")}
    taken = _taken([code.code for code in rows.values() if not code.is_active])
    VoucherCode.objects.filter(pk__in=[code.pk for code in rows.values()]).update(is_active=False)
    return {
        one.pk
        for one in redemptions
        if one.issued_id not in rows or rows[one.issued_id].code not in taken
    }


def _close_cards(redemptions: Sequence[Redemption]) -> set[int]:
    """Shut gift cards that nothing was paid with, and empty them.

    Saleor looks at whether a card is active before it creates an order, and locks it when it pays:
    an empty one pays nothing for who comes in between.
    """
    if not redemptions:
        return set()
    pks = [int(one.issued_id) for one in redemptions if one.issued_id]
    rows = GiftCard.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")
    cards = {str(card.pk): card for card in rows}
    promised = _promised(pks)
    unused = [
        card
        for card in cards.values()
        if card.last_used_on is None
        and card.current_balance_amount == card.initial_balance_amount
        and card.pk not in promised
    ]
    shut = [card.pk for card in unused]
    GiftCard.objects.filter(pk__in=shut).update(is_active=False, current_balance_amount=Decimal(0))
    if unused:
        events.gift_cards_deactivated_event(shut, None, None)
        # Saleor locks a checkout before anything of ours, so it waits until our locks are gone.
        transaction.on_commit(partial(take_back_payments, shut))
    return {
        one.pk
        for one in redemptions
        if one.issued_id not in cards or cards[one.issued_id] in unused
    }


def _promised(card_ids: Sequence[int]) -> set[int]:
    """Return the gift cards that pay for an order when staff confirm it."""
    if not CAN_PAY:
        return set()
    authorized = TransactionItem.objects.filter(
        gift_card__in=card_ids, order__isnull=False, authorized_value__gt=0
    ).exclude(order__status__in=GONE)
    return set(authorized.order_by().values_list("gift_card_id", flat=True))


def _has_ordered(redemption: Redemption) -> bool:
    """Tell whether the member ordered by an access since, in an order that is not settled yet."""
    content = RewardContent.from_json(redemption.content)
    owners = Member.objects.filter(pk=redemption.member_id) | Member.objects.filter(
        merged_into=redemption.member_id
    )
    orders = Order.objects.filter(
        user__in=owners.exclude(user=None).values("user"), created_at__gte=redemption.created_at
    ).exclude(Q(status__in=(*GONE, OrderStatus.DRAFT)) | Q(origin=OrderOrigin.REISSUE))
    if content.exclusive_until is not None:
        orders = orders.filter(created_at__lt=content.exclusive_until)
    lines = OrderLine.objects.filter(
        order__in=orders.values("pk"), variant__product__in=[int(pk) for pk in content.product_ids]
    )
    by_others = Redemption.objects.filter(
        member=redemption.member_id, state=RedemptionState.USED.value
    ).exclude(order_id="")
    settled = set(by_others.values_list("order_id", flat=True))
    return any(str(pk) not in settled for pk in lines.order_by().values_list("order_id", flat=True))


def _uuids(redemptions: Iterable[Redemption]) -> list[UUID]:
    return [UUID(one.issued_id) for one in redemptions if one.issued_id]
