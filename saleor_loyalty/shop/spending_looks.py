"""Looking after points on Saleor's checkouts: some go back, some have to fit anew."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import batched

from django.db import OperationalError, transaction
from saleor.checkout.models import Checkout
from saleor.payment.models import TransactionItem
from saleor.plugins.manager import get_plugins_manager

from saleor_loyalty.flows.redeem_at_checkout import fit_points, release_points
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.shop.checkout_costs import current_costs, price
from saleor_loyalty.shop.gift_cards import CAN_PAY
from saleor_loyalty.shop.points_means import (
    AlreadyUsed,
    OnCheckout,
    cancel_card_payments,
    is_on,
    order_that_used,
    unbind,
)
from saleor_loyalty.shop.spending import is_becoming_an_order, is_of, lock_checkout
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.queries import held_spendings
from saleor_loyalty.spending.rules import Release

logger = logging.getLogger(__name__)

CHUNK = 500
# A checkout with a payment on it keeps its points so much longer than others.
WHILE_PAYING = timedelta(days=1)


@dataclass
class LookReport:
    """What a look at held points did, in numbers of checkouts."""

    released: int = 0
    fitted: int = 0
    ordered: int = 0
    failed: int = 0


def look_after_spendings(
    *, now: datetime, checkout_ids: Collection[str] | None = None
) -> LookReport:
    """Look at all checkouts with points (or at these): release and fit what has to be.

    Points of checkouts that are gone, that lost their code, or whose time is over go back; where an order used
    them, it is marked to be settled. Checkouts that changed keep what may still pay for them.
    One that fails holds up no other.
    """
    report = LookReport()
    rows = held_spendings().order_by("id")
    if checkout_ids is not None:
        rows = rows.filter(checkout_id__in=checkout_ids)
    for chunk in batched(rows.iterator(chunk_size=CHUNK), CHUNK):
        for spending, because in _verdicts(chunk, now=now):
            try:
                if because is None:
                    report.fitted += _fit(spending, now=now)
                elif _release(spending, because=because, now=now):
                    report.released += 1
            except AlreadyUsed as error:
                mark_due(order_ids=[error.order_id], now=now)
                report.ordered += 1
            except OperationalError:  # somebody works on the checkout: the next look comes soon
                logger.info("Checkout %s is busy", spending.checkout_id)
            except Exception:
                logger.exception("Points on checkout %s could not be looked at", spending.pk)
                report.failed += 1
    return report


def _verdicts(
    spendings: Sequence[Spending], *, now: datetime
) -> Iterator[tuple[Spending, Release | None]]:
    """Yield what has to be released and why, or None: what has to be fitted. Two queries."""
    ids = [one.checkout_id for one in spendings]
    checkouts = {str(pk): one for pk, one in Checkout.objects.in_bulk(ids).items()}
    cards = _gift_card_ids(ids)
    for one in spendings:
        checkout = checkouts.get(one.checkout_id)
        because = _why_release(
            one, checkout, gift_card_ids=cards.get(one.checkout_id, frozenset()), now=now
        )
        if because is not None:
            yield one, because
        elif checkout is not None and checkout.last_change > one.checked_at:
            yield one, None


def _gift_card_ids(checkout_ids: Collection[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    links = Checkout.gift_cards.through.objects.filter(checkout__in=checkout_ids)
    for checkout_id, card_id in links.values_list("checkout_id", "giftcard_id"):
        found.setdefault(str(checkout_id), set()).add(str(card_id))
    return {checkout_id: frozenset(ids) for checkout_id, ids in found.items()}


def _why_release(
    spending: Spending, checkout: Checkout | None, *, gift_card_ids: frozenset[str], now: datetime
) -> Release | None:
    if checkout is None:
        return Release.CHECKOUT_GONE
    if not is_of(spending, checkout):
        return Release.NOT_ALLOWED
    if not is_on(spending, voucher_code=checkout.voucher_code, gift_card_ids=gift_card_ids):
        return Release.CODE_GONE
    if now < spending.expires_at or is_becoming_an_order(checkout):
        return None
    is_being_paid = now < spending.expires_at + WHILE_PAYING and _has_payment(spending, checkout)
    return None if is_being_paid else Release.EXPIRED


def _has_payment(spending: Spending, checkout: Checkout) -> bool:
    """Tell whether somebody is paying for a checkout, or has, by other means than its own points."""
    items = TransactionItem.objects.filter(checkout=checkout)
    if CAN_PAY:
        items = items.exclude(gift_card__code=spending.code)
    return checkout.payments.filter(is_active=True).exists() or any(
        item.charged_value
        + item.authorized_value
        + item.charge_pending_value
        + item.authorize_pending_value
        > 0
        for item in items
    )


def _release(spending: Spending, *, because: Release, now: datetime) -> bool:
    """Release points, if under the checkout's lock that is still to be done.

    Raises:
        AlreadyUsed: an order used them.
        OperationalError: somebody else works on the checkout.

    """
    cancel_card_payments(spending)
    with transaction.atomic():
        checkout = lock_checkout(spending.checkout_id, nowait=True)
        if checkout is not None and is_becoming_an_order(checkout):
            return False
        cards = _gift_card_ids([spending.checkout_id]).get(spending.checkout_id, frozenset())
        why = _why_release(spending, checkout, gift_card_ids=cards, now=now)
        if why is None:
            return False
        released = release_points(
            spending_id=spending.pk,
            because=because,
            unbind=partial(unbind, checkout=checkout, now=now),
            now=now,
        )
    return released is not None


def _fit(spending: Spending, *, now: datetime) -> bool:
    """Give back the surplus of points on a checkout that changed; return whether there was any."""
    checkout = Checkout.objects.select_related("channel").filter(pk=spending.checkout_id).first()
    if checkout is None:
        return False
    manager = get_plugins_manager(allow_replica=False)
    priced = price(checkout, manager=manager)
    with transaction.atomic():
        locked = lock_checkout(checkout.pk, nowait=True)
        if locked is None or is_becoming_an_order(locked):
            return False
        if locked.last_change != priced.checkout.last_change:
            return False  # the next look sees it
        order_id = order_that_used(spending)
        if order_id is not None:
            raise AlreadyUsed(order_id)
        fitted = fit_points(
            spending_id=spending.pk,
            costs=current_costs(priced, terms=spending.spending_terms, own=spending, now=now),
            bind=OnCheckout(priced.info, priced.lines, manager).bind,
            unbind=partial(unbind, checkout=locked, now=now),
            seen_at=locked.last_change,
            now=now,
        )
    return fitted is not None and (fitted.points, fitted.state) != (spending.points, spending.state)
