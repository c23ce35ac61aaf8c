"""What the running Saleor does with gift cards: 3.23 binds them to customers, and pays by them."""

import logging
from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.utils import timezone
from saleor.account.models import User
from saleor.checkout.models import Checkout
from saleor.giftcard.models import GiftCard
from saleor.payment.models import TransactionItem

logger = logging.getLogger(__name__)

ARE_BOUND = hasattr(GiftCard, "assigned_to")
# By transactions: then they are not on the checkout that they pay for.
CAN_PAY = hasattr(TransactionItem, "gift_card")


def owner(user: User | None) -> dict[str, Any]:
    """Return the fields that bind a gift card to a customer; none where Saleor cannot."""
    if not ARE_BOUND or user is None:
        return {}
    return {"assigned_to": user, "assigned_to_email": user.email}


def take_back_payments(card_ids: Collection[int]) -> None:
    """Take what gift cards authorized off the checkouts that they were to pay for.

    An authorization outlives its card. Call it without any lock. Whatever fails here leaves a
    checkout that is refused when it is to become an order.
    """
    if not CAN_PAY:
        return
    from saleor.giftcard.gateway import detach_gift_card_from_previous_checkout_transactions

    authorized = TransactionItem.objects.filter(
        gift_card__in=card_ids, checkout__isnull=False, order=None, authorized_value__gt=0
    )
    for card_id in sorted(set(authorized.order_by().values_list("gift_card_id", flat=True))):
        try:
            with transaction.atomic():
                paid = authorized.filter(gift_card=card_id).values_list("checkout", flat=True)
                checkouts = Checkout.objects.filter(pk__in=list(paid))
                list(checkouts.select_for_update().order_by("pk"))
                card = GiftCard.objects.select_for_update(of=("self",)).get(pk=card_id)
                detach_gift_card_from_previous_checkout_transactions(card)
                checkouts.update(price_expiration=timezone.now())
        except Exception:
            logger.exception("What gift card %s authorized could not be taken back", card_id)
