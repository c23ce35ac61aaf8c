"""Points on Saleor's checkouts: applying and removing them."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from saleor.checkout.models import Checkout

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.redeem_at_checkout import (
    Applied,
    apply_points,
    release_points,
    spender_of,
)
from saleor_loyalty.shop.checkout_costs import Priced, current_costs, price
from saleor_loyalty.shop.points_means import (
    AlreadyUsed,
    OnCheckout,
    cancel_card_payments,
    means_for,
    order_that_used,
    unbind,
)
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.operations import CheckoutKey
from saleor_loyalty.spending.queries import held_on
from saleor_loyalty.spending.rules import Release

TRIES = 3


class CheckoutNotFound(LoyaltyError):
    """There is no such checkout (any more): perhaps it is an order by now."""

    code = "checkout_not_found"


class CheckoutBusy(LoyaltyError):
    """The checkout is just becoming an order, or changes all the time."""

    code = "checkout_busy"


def apply_to_checkout(
    checkout: Checkout, *, points: int, manager: Any, now: datetime
) -> tuple[Applied, Priced]:
    """Apply points to a checkout in place of those that it has.

    Prices are worked out before the checkout is locked; should it change in between, once more.

    Raises:
        NoProgram, NotAMember, NothingToApply, MeansUnavailable, VoucherInUse,
        CheckoutNotFound, CheckoutBusy.

    """
    spender = spender_of(user_id=checkout.user_id, channel_id=checkout.channel_id, now=now)
    means = means_for(spender.terms.means, checkout.channel)
    checkout_id = str(checkout.pk)
    for _ in range(TRIES):
        own = held_on(checkout_ids=[checkout_id]).get(checkout_id)
        if own is not None:
            is_theirs = own.member_id == spender.member.pk and is_of(own, checkout)
            if not is_theirs:
                _let_go(own, because=Release.NOT_ALLOWED, now=now)
                own = None
            else:
                cancel_card_payments(own)
        priced = price(checkout, manager=manager)
        with transaction.atomic():
            if _is_as_it_was(priced.checkout):
                _check_not_used(own)
                applied = apply_points(
                    spender=spender,
                    checkout=CheckoutKey(
                        checkout_id=checkout_id,
                        channel_id=checkout.channel_id,
                        currency=checkout.currency,
                        user_id=checkout.user_id,
                    ),
                    costs=current_costs(priced, terms=spender.terms, own=own, now=now),
                    points=points,
                    means=means,
                    bind=OnCheckout(priced.info, priced.lines, manager).bind,
                    now=now,
                )
                return applied, priced
        checkout.refresh_from_db()
    raise CheckoutBusy(field="id")


def _is_as_it_was(checkout: Checkout) -> bool:
    """Lock a checkout and tell whether it did not change since it was read.

    Raises:
        CheckoutNotFound, CheckoutBusy.

    """
    locked = lock_checkout(checkout.pk)
    if locked is None:
        raise CheckoutNotFound(field="id")
    if is_becoming_an_order(locked):
        raise CheckoutBusy(field="id")
    return bool(locked.last_change == checkout.last_change)


def _check_not_used(own: Spending | None) -> None:
    """Refuse to change points that an order used, though its checkout was kept.

    Raises:
        CheckoutBusy: it did; it is settled in a moment.

    """
    if own is not None and order_that_used(own) is not None:
        raise CheckoutBusy(field="id")


def is_becoming_an_order(checkout: Checkout) -> bool:
    """Tell whether an order is just being made of a checkout."""
    return bool(checkout.is_checkout_locked() or checkout.is_voucher_usage_increased)


def remove_from_checkout(checkout: Checkout, *, now: datetime) -> Spending | None:
    """Take points off a checkout and give them back; None where there were none.

    Raises:
        CheckoutBusy: it is just becoming an order.

    """
    own = held_on(checkout_ids=[str(checkout.pk)]).get(str(checkout.pk))
    return _let_go(own, because=Release.REMOVED, now=now) if own is not None else None


def _let_go(spending: Spending, *, because: Release, now: datetime) -> Spending | None:
    cancel_card_payments(spending)
    with transaction.atomic():
        locked = lock_checkout(spending.checkout_id)
        if locked is not None and is_becoming_an_order(locked):
            raise CheckoutBusy(field="id")
        try:
            return release_points(
                spending_id=spending.pk,
                because=because,
                unbind=partial(unbind, checkout=locked, now=now),
                now=now,
            )
        except AlreadyUsed as error:
            raise CheckoutBusy(field="id") from error


def lock_checkout(checkout_id: UUID | str, *, nowait: bool = False) -> Checkout | None:
    """Lock a checkout until the end of the transaction; None where it is gone.

    Raises:
        OperationalError: `nowait`, and somebody else has locked it.

    """
    rows = Checkout.objects.select_for_update(of=("self",), nowait=nowait).order_by()
    found: Checkout | None = rows.filter(pk=checkout_id).first()
    return found


def is_of(spending: Spending, checkout: Checkout) -> bool:
    """Tell whether points are the checkout's customer's, and for its channel and currency."""
    return (spending.user_id, spending.channel_id, spending.currency) == (
        checkout.user_id,
        checkout.channel_id,
        checkout.currency,
    )
