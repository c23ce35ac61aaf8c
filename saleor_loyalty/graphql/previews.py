"""What a checkout and a product would earn: the same evaluation as for an order."""

from decimal import Decimal
from functools import partial
from typing import Any

import graphene
from django.utils import timezone
from prices import Money as PricesMoney
from promise import Promise
from saleor.graphql.checkout.dataloaders import (
    CheckoutInfoByCheckoutTokenLoader,
    CheckoutLinesInfoByCheckoutTokenLoader,
)
from saleor.graphql.checkout.types import Checkout
from saleor.graphql.core.context import ChannelContext
from saleor.graphql.core.types import BaseObjectType
from saleor.graphql.product.dataloaders import ProductTypeByProductIdLoader
from saleor.graphql.product.types import ProductVariant
from saleor.product import ProductTypeKind

from saleor_loyalty.earning.conditions import ItemCondition
from saleor_loyalty.earning.evaluation import Evaluation
from saleor_loyalty.earning.rules import Action, RuleVersion
from saleor_loyalty.flows.settlement import breakdown_of
from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.checkout_points import (
    LoyaltyAppliedPoints,
    LoyaltyRedeemablePoints,
    applied_to,
    redeemable_on,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.evaluations import (
    Terms,
    customer_of,
    evaluation_of,
    terms_of_channel,
    tier_reached_by,
)
from saleor_loyalty.graphql.loaders import (
    ChannelIdBySlugLoader,
    GiftCardBalanceLoader,
    HeldSpendingLoader,
    ProductFactsByIdLoader,
)
from saleor_loyalty.graphql.points import LoyaltyEarningBreakdown
from saleor_loyalty.graphql.programs import LoyaltyProgram
from saleor_loyalty.graphql.tiers import LoyaltyTier
from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.programs.rules import Rate
from saleor_loyalty.programs.spending import Means
from saleor_loyalty.shop.checkouts import facts_of_checkout, line_of_product, pretended_order


class CheckoutLoyalty(BaseObjectType):
    """What a checkout would earn, and what points pay of it."""

    program = graphene.Field(
        LoyaltyProgram, required=True, description="The programme of the checkout's channel."
    )
    points_to_earn = graphene.Int(
        required=True,
        description="Points that the order would earn if it were placed and paid as it is now.",
    )
    breakdown = graphene.Field(
        LoyaltyEarningBreakdown, required=True, description="How these points come about."
    )
    applied = graphene.Field(
        LoyaltyAppliedPoints, description="The points that pay for a part of it; null without any."
    )
    redeemable = graphene.Field(
        LoyaltyRedeemablePoints,
        description="What points could pay; null to all but its customer, if they are a member.",
    )
    tier_reached = graphene.Field(
        LoyaltyTier, description="The tier that the order would lift the member to; mostly null."
    )

    class Meta:
        description = "What a checkout would earn, and what points pay of it."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_applied(root: "CheckoutLoyalty", info: Any) -> Any:
        return root.applied(info)

    @staticmethod
    def resolve_redeemable(root: "CheckoutLoyalty", info: Any) -> Any:
        return root.redeemable(info)

    @staticmethod
    def resolve_tier_reached(root: "CheckoutLoyalty", info: Any) -> Any:
        return root.tier_reached(info)


class LoyaltyProductPoints(BaseObjectType):
    """What one piece of a product would earn."""

    points = graphene.Int(required=True, description="Points for one piece at its price now.")
    breakdown = graphene.Field(
        LoyaltyEarningBreakdown, required=True, description="How these points come about."
    )

    class Meta:
        description = "What one piece of a product variant would earn."
        doc_category = DOC_CATEGORY


def breakdown(evaluation: Evaluation, rate: Rate) -> LoyaltyEarningBreakdown:
    """Return an evaluation as the API shows it."""
    return LoyaltyEarningBreakdown(
        merchandise=PricesMoney(evaluation.merchandise, rate.currency),
        price_basis=rate.price_basis.value,
        points_per_unit=rate.points_per_unit,
        earned_points=evaluation.points,
        returned_points=0,
        parts=breakdown_of(evaluation),
    )


@null_when_off
def resolve_checkout_loyalty(root: Any, info: Any) -> Any:
    """Return what a checkout would earn, for guests too; null without programme or rate."""
    checkout = root.node

    def priced(found: Terms | None) -> Any:
        if found is None or found.rate_for(checkout.currency) is None:
            return None
        subtotal = Promise.resolve(Checkout.resolve_subtotal_price(root, info))
        return subtotal.then(lambda _: _checkout_facts(checkout, info)).then(
            lambda order: shown(found, order)
        )

    def shown(found: Terms, order: OrderFacts) -> Any:
        rate = found.rate_for(checkout.currency)
        return evaluation_of(found, order, info).then(
            lambda evaluation: CheckoutLoyalty(
                program=found.program,
                points_to_earn=evaluation.points,
                breakdown=breakdown(evaluation, rate),
                applied=partial(applied_to, checkout),
                redeemable=partial(redeemable_on, checkout, found),
                tier_reached=partial(tier_reached_by, found, order, evaluation),
            )
        )

    return terms_of_channel(checkout.channel_id, info).then(priced)


def _checkout_facts(checkout: Any, info: Any) -> Any:
    """Return (a promise of) the order that a checkout with current prices would become."""
    context = info.context
    loaded = Promise.all(
        [
            CheckoutLinesInfoByCheckoutTokenLoader(context).load(checkout.token),
            CheckoutInfoByCheckoutTokenLoader(context).load(checkout.token),
            customer_of(checkout.user_id, info),
            GiftCardBalanceLoader(context).load(checkout.token),
            HeldSpendingLoader(context).load(str(checkout.pk)),
        ]
    )

    def with_products(found: list[Any]) -> Any:
        lines, checkout_info, customer, gift_card_balance, own = found
        is_by_card = own is not None and own.means == Means.GIFT_CARD.value
        product_ids = [line.product.pk for line in lines]
        return (
            ProductFactsByIdLoader(context)
            .load_many(product_ids)
            .then(
                lambda products: facts_of_checkout(
                    checkout_info.checkout,
                    lines=lines,
                    checkout_info=checkout_info,
                    products=dict(zip(product_ids, products, strict=True)),
                    customer=customer,
                    gift_card_balance=gift_card_balance,
                    points_amount=own.amount if is_by_card else Decimal(0),
                    now=timezone.now(),
                )
            )
        )

    return loaded.then(with_products)


@null_when_off
def resolve_variant_points(root: Any, info: Any, *, channel: str) -> Any:
    """Return what one piece of a variant would earn its caller, at its price in a channel.

    What an order as a whole would earn besides (a bonus for the first order) is left out.
    """
    context = info.context
    variant = root.node
    user_id = context.user.pk if context.user else None

    def with_channel(channel_id: int | None) -> Any:
        return channel_id and terms_of_channel(channel_id, info).then(
            lambda found: found and priced(found, channel_id)
        )

    def priced(found: Terms, channel_id: int) -> Any:
        listed = ChannelContext(node=variant, channel_slug=channel)
        return Promise.all(
            [
                Promise.resolve(ProductVariant.resolve_pricing(listed, info)),
                ProductFactsByIdLoader(context).load(variant.product_id),
                ProductTypeByProductIdLoader(context).load(variant.product_id),
                customer_of(user_id, info),
            ]
        ).then(lambda loaded: shown(found, channel_id, *loaded))

    def shown(found: Terms, channel_id: int, pricing: Any, *others: Any) -> Any:
        product, product_type, customer = others
        rate = found.rate_for(pricing.price.currency) if pricing and pricing.price else None
        if rate is None:
            return None
        full = pricing.price_undiscounted or pricing.price
        line = line_of_product(
            product,
            variant=variant,
            quantity=1,
            net=pricing.price.net.amount,
            gross=pricing.price.gross.amount,
            full_net=full.net.amount,
            full_gross=full.gross.amount,
            is_gift_card=product_type.kind == ProductTypeKind.GIFT_CARD,
        )
        order = pretended_order(
            order_id=f"variant:{variant.pk}",
            channel_id=channel_id,
            currency=rate.currency,
            user_id=user_id,
            customer=customer,
            lines=[line],
            total=line.gross,
            now=timezone.now(),
        )
        only = Terms(found.program, found.terms, [one for one in found.rules if _is_of_items(one)])
        return evaluation_of(only, order, info).then(
            lambda evaluation: LoyaltyProductPoints(
                points=evaluation.points, breakdown=breakdown(evaluation, rate)
            )
        )

    return ChannelIdBySlugLoader(context).load(channel).then(with_channel)


def _is_of_items(rule: RuleVersion) -> bool:
    """Tell whether a rule gives for items, not for an order whatever is in it."""
    definition = rule.definition
    return definition.action is not Action.FIXED_POINTS or any(
        isinstance(one, ItemCondition) for one in definition.conditions
    )
