"""What a checkout and a product would earn: the same evaluation as for an order."""

from datetime import date
from decimal import Decimal
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
from saleor_loyalty.earning.evaluation import Evaluation, evaluate
from saleor_loyalty.earning.rules import Action, RuleVersion
from saleor_loyalty.earning.usage import Customer, usage_of
from saleor_loyalty.flows.settlement import breakdown_of, cause_of
from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.loaders import (
    BudgetUseLoader,
    ChannelIdBySlugLoader,
    CustomerFactsByUserIdLoader,
    GiftCardBalanceLoader,
    GrantsByMemberIdLoader,
    MembersByUserIdLoader,
    ProductFactsByIdLoader,
    ProgramByChannelIdLoader,
    RulesByProgramIdLoader,
    TermsByProgramIdLoader,
)
from saleor_loyalty.graphql.points import LoyaltyEarningBreakdown
from saleor_loyalty.graphql.programs import LoyaltyProgram
from saleor_loyalty.graphql.tier_loaders import (
    LadderByProgramIdLoader,
    LookByMemberIdLoader,
    MemberTierLoader,
    TierByIdLoader,
)
from saleor_loyalty.graphql.tiers import LoyaltyTier
from saleor_loyalty.orders.facts import OrderFacts
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.rules import Enrollment, ProgramTerms, Rate
from saleor_loyalty.shop.checkouts import facts_of_checkout, line_of_product, pretended_order
from saleor_loyalty.shop.customers import CustomerFacts
from saleor_loyalty.tiers.evaluation import History, Standing
from saleor_loyalty.tiers.goals import tier_reached
from saleor_loyalty.tiers.rules import Ladder, Metric


class CheckoutLoyalty(BaseObjectType):
    """What a checkout would earn."""

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
    tier_reached = graphene.Field(
        LoyaltyTier, description="The tier that the order would lift the member to; mostly null."
    )

    class Meta:
        description = "What a checkout would earn."
        doc_category = DOC_CATEGORY


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

    def priced(found: "_Terms | None") -> Any:
        if found is None or found.rate_for(checkout.currency) is None:
            return None
        subtotal = Promise.resolve(Checkout.resolve_subtotal_price(root, info))
        return subtotal.then(lambda _: _checkout_facts(checkout, info)).then(
            lambda order: shown(found, order)
        )

    def shown(found: "_Terms", order: OrderFacts) -> Any:
        rate = found.rate_for(checkout.currency)
        return _evaluation(found, order, info).then(
            lambda evaluation: CheckoutLoyalty(
                program=found.program,
                points_to_earn=evaluation.points,
                breakdown=breakdown(evaluation, rate),
                tier_reached=_tier_reached(found, order, evaluation, info),
            )
        )

    return _terms_of_channel(checkout.channel_id, info).then(priced)


def _checkout_facts(checkout: Any, info: Any) -> Any:
    """Return (a promise of) the order that a checkout with current prices would become."""
    context = info.context
    loaded = Promise.all(
        [
            CheckoutLinesInfoByCheckoutTokenLoader(context).load(checkout.token),
            CheckoutInfoByCheckoutTokenLoader(context).load(checkout.token),
            _customer(checkout.user_id, info),
            GiftCardBalanceLoader(context).load(checkout.token),
        ]
    )

    def with_products(found: list[Any]) -> Any:
        lines, checkout_info, customer, gift_card_balance = found
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
                    now=timezone.now(),
                )
            )
        )

    return loaded.then(with_products)


def _tier_reached(found: "_Terms", order: OrderFacts, evaluation: Evaluation, info: Any) -> Any:
    """Return (a promise of) the tier that an order would lift its customer to, or None."""
    if order.user_id is None:
        return None
    program = found.program
    today = local_date(order.placed_at, time_zone=program.time_zone)

    def with_member(member: Any) -> Any:
        if member is not None:
            return LookByMemberIdLoader(info.context).load(member.pk).then(reached)
        if found.terms.enrollment_at(order.placed_at) is not Enrollment.AUTOMATIC:
            return None
        ladder = LadderByProgramIdLoader(info.context).load(program.pk)
        return ladder.then(lambda one: one and lifted(one, Standing(), History(), today))

    def reached(loaded: Any) -> Any:
        if loaded is None:
            return None
        ladder, look = loaded
        return lifted(ladder, look.before, look.history, look.joined_on)

    def lifted(ladder: Ladder, standing: Standing, history: History, joined_on: date) -> Any:
        gain = {
            Metric.POINTS: {"": Decimal(evaluation.points)},
            Metric.AMOUNT: {order.currency: evaluation.merchandise},
            Metric.ORDERS: {"": Decimal(evaluation.merchandise > 0)},
        }[ladder.terms.metric]
        tier = tier_reached(
            standing, history, gain, ladder=ladder, joined_on=joined_on, today=today
        )
        return tier and TierByIdLoader(info.context).load(tier.tier_id)

    return _member(found, order, info).then(with_member)


def _member(found: "_Terms", order: OrderFacts, info: Any) -> Any:
    """Return (a promise of) the member that an order's customer is, or None."""
    if order.user_id is None:
        return Promise.resolve(None)
    members = MembersByUserIdLoader(info.context).load(order.user_id)
    return members.then(
        lambda some: next((one for one in some if one.program_id == found.program.pk), None)
    )


@null_when_off
def resolve_variant_points(root: Any, info: Any, *, channel: str) -> Any:
    """Return what one piece of a variant would earn its caller, at its price in a channel.

    What an order as a whole would earn besides (a bonus for the first order) is left out.
    """
    context = info.context
    variant = root.node
    user_id = context.user.pk if context.user else None

    def with_channel(channel_id: int | None) -> Any:
        return channel_id and _terms_of_channel(channel_id, info).then(
            lambda found: found and priced(found, channel_id)
        )

    def priced(found: _Terms, channel_id: int) -> Any:
        listed = ChannelContext(node=variant, channel_slug=channel)
        return Promise.all(
            [
                Promise.resolve(ProductVariant.resolve_pricing(listed, info)),
                ProductFactsByIdLoader(context).load(variant.product_id),
                ProductTypeByProductIdLoader(context).load(variant.product_id),
                _customer(user_id, info),
            ]
        ).then(lambda loaded: shown(found, channel_id, *loaded))

    def shown(found: _Terms, channel_id: int, pricing: Any, *others: Any) -> Any:
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
        only = _Terms(found.program, found.terms, [one for one in found.rules if _is_of_items(one)])
        return _evaluation(only, order, info).then(
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


class _Terms:
    """A channel's programme with its terms and the rules that hold now."""

    def __init__(self, program: Program, terms: ProgramTerms, rules: list[RuleVersion]) -> None:
        self.program = program
        self.terms = terms
        self.rules = rules

    def rate_for(self, currency: str) -> Rate | None:
        """Return the rate of a currency that holds now."""
        return self.terms.rate_at(currency=currency, moment=timezone.now())


def _terms_of_channel(channel_id: int, info: Any) -> Any:
    """Return (a promise of) the active programme of a channel with its terms; None without."""
    context = info.context

    def with_program(program: Program | None) -> Any:
        if program is None:
            return None
        return Promise.all(
            [
                TermsByProgramIdLoader(context).load(program.pk),
                RulesByProgramIdLoader(context).load(program.pk),
            ]
        ).then(lambda loaded: _Terms(program, *loaded))

    return ProgramByChannelIdLoader(context).load(channel_id).then(with_program)


def _customer(user_id: int | None, info: Any) -> Any:
    if user_id is None:
        return Promise.resolve(CustomerFacts())
    return CustomerFactsByUserIdLoader(info.context).load(user_id)


def _evaluation(found: _Terms, order: OrderFacts, info: Any) -> Any:
    """Return (a promise of) what an order would earn, within the caps that its customer has left."""
    rate = found.rate_for(order.currency)

    cause = cause_of(
        order, terms=found.terms, customer=Customer(found.program.pk, order.user_id or 0)
    )

    def grants_of(member: Any) -> Any:
        if member is None or not any(one.definition.has_limits_of_a_member for one in found.rules):
            return []
        return GrantsByMemberIdLoader(info.context).load(member.pk)

    def limited(loaded: list[Any]) -> Evaluation:
        grants, tier, *used = loaded
        usage = usage_of(
            cause=cause,
            rules=found.rules,
            grants=grants,
            used=dict(zip(budgets, used, strict=True)),
        )
        return evaluate(
            order,
            rate=rate,
            policy=cause.policy,
            rules=found.rules,
            time_zone=found.terms.time_zone,
            tier=tier,
            usage=usage,
        )

    budgets = [
        (one.rule_id, one.definition.budget_period)
        for one in found.rules
        if one.definition.budget_points is not None
    ]
    if cause.policy.budget_points is not None:
        budgets.append((0, cause.policy.budget_period))
    member = _member(found, order, info)
    tier = member.then(lambda one: one and MemberTierLoader(info.context).load(one.pk))
    used = [
        BudgetUseLoader(info.context).load((found.program.pk, rule_id, period))
        for rule_id, period in budgets
    ]
    return Promise.all([member.then(grants_of), tier, *used]).then(limited)
