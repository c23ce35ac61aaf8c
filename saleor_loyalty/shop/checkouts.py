"""Saleor's checkouts and products, as the orders that they would become."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone
from saleor.giftcard.models import GiftCard
from saleor.product import ProductTypeKind

from saleor_loyalty.orders.facts import OrderFacts, OrderLine, OrderState
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.shop.customers import CustomerFacts
from saleor_loyalty.shop.products import ProductFacts, plain_metadata
from saleor_loyalty.spending.queries import held_spendings


def gift_card_balances(tokens: Collection[UUID], *, using: str = "default") -> dict[UUID, Decimal]:
    """Return what the usable gift cards of checkouts have left, by token. One query.

    Those that carry points are left out.
    """
    cards = GiftCard.objects.using(using).active(date=timezone.now().date())
    of_points = held_spendings(using=using).filter(means=Means.GIFT_CARD.value).values("code")
    return dict(
        cards.exclude(code__in=of_points)
        .filter(checkouts__in=tokens)
        .order_by()
        .values_list("checkouts")
        .annotate(Sum("current_balance_amount"))
    )


def facts_of_checkout(
    checkout: Any,
    *,
    lines: Sequence[Any],
    checkout_info: Any,
    products: Mapping[int, ProductFacts],
    customer: CustomerFacts,
    gift_card_balance: Decimal,
    points_amount: Decimal = Decimal(0),
    now: datetime,
) -> OrderFacts:
    """Return the order that a checkout with current prices would become, placed and paid now.

    `lines` are Saleor's line infos, `gift_card_balance` what its gift cards have left, and
    `points_amount` what points pay of it by a gift card.
    """
    with_tax = checkout_info.tax_configuration.prices_entered_with_tax
    total = checkout.total_gross_amount
    by_points = min(points_amount, total)
    by_gift_cards = min(gift_card_balance, total - by_points)
    return pretended_order(
        order_id=f"checkout:{checkout.token}",
        channel_id=checkout.channel_id,
        currency=checkout.currency,
        user_id=checkout.user_id,
        customer=customer,
        country=checkout_info.get_country(),
        voucher_code=checkout.voucher_code or "",
        shipping=(checkout.shipping_price_net_amount, checkout.shipping_price_gross_amount),
        total=total - by_gift_cards - by_points,
        paid_with_gift_cards=by_gift_cards,
        paid_with_points=by_points,
        lines=[_line(line, products[line.product.pk], with_tax=with_tax) for line in lines],
        now=now,
    )


def pretended_order(
    *,
    order_id: str,
    channel_id: int,
    currency: str,
    user_id: int | None,
    customer: CustomerFacts,
    lines: Sequence[OrderLine],
    total: Decimal,
    now: datetime,
    country: str = "",
    voucher_code: str = "",
    shipping: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0)),
    paid_with_gift_cards: Decimal = Decimal(0),
    paid_with_points: Decimal = Decimal(0),
) -> OrderFacts:
    """Return the facts of an order that nobody placed: as if it were placed and paid now."""
    return OrderFacts(
        order_id=order_id,
        number="",
        channel_id=channel_id,
        currency=currency,
        state=OrderState.PLACED,
        is_replacement=False,
        is_import=False,
        placed_at=now,
        user_id=user_id,
        account_since=now if user_id is not None else None,
        email="",
        first_name="",
        language_code="",
        shipping=shipping[1],
        shipping_net=shipping[0],
        total=total,
        is_fully_charged=True,
        charged=total,
        refunded=Decimal(0),
        charged_back=Decimal(0),
        paid_with_gift_cards=paid_with_gift_cards,
        paid_with_points=paid_with_points,
        paid_at=now,
        country=country,
        customer_group_ids=customer.group_ids,
        voucher_code=voucher_code,
        earlier_orders=customer.earlier_orders(now),
        lines=tuple(lines),
    )


def _line(line_info: Any, product: ProductFacts, *, with_tax: bool) -> OrderLine:
    line = line_info.line
    full = line_info.undiscounted_unit_price.amount * line.quantity
    taxes = 1 + (line.tax_rate or Decimal(0))
    return line_of_product(
        product,
        variant=line_info.variant,
        quantity=line.quantity,
        net=line.total_price_net_amount,
        gross=line.total_price_gross_amount,
        full_net=full / taxes if with_tax else full,
        full_gross=full if with_tax else full * taxes,
        is_gift_card=line_info.product_type.kind == ProductTypeKind.GIFT_CARD,
        is_gift=line.is_gift,
    )


def line_of_product(
    product: ProductFacts,
    *,
    variant: Any,
    quantity: int,
    net: Decimal,
    gross: Decimal,
    full_net: Decimal,
    full_gross: Decimal,
    is_gift_card: bool,
    is_gift: bool = False,
) -> OrderLine:
    """Return a line of an order with a product."""
    return OrderLine(
        name="",
        variant_name="",
        quantity=quantity,
        net=net,
        gross=gross,
        full_net=round(full_net, 2),
        full_gross=round(full_gross, 2),
        is_gift_card=is_gift_card,
        is_gift=is_gift,
        product_id=product.product_id,
        product_type_id=product.product_type_id,
        category_ids=product.category_ids,
        collection_ids=product.collection_ids,
        metadata=product.metadata + plain_metadata(variant.metadata),
    )
