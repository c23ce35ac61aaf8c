"""What an order earned, and what a checkout would."""

from typing import Any

import graphene
from django.utils import timezone
from prices import Money as PricesMoney
from promise import Promise
from saleor.graphql.checkout.dataloaders import CheckoutLinesInfoByCheckoutTokenLoader
from saleor.graphql.checkout.types import Checkout
from saleor.graphql.core.types import BaseObjectType
from saleor.product import ProductTypeKind

from saleor_loyalty.graphql.access import (
    is_user,
    may_manage,
    null_when_off,
    require_owner_or_manager,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.loaders import (
    MemberByIdLoader,
    ProgramByChannelIdLoader,
    ProgramByIdLoader,
    RatesByProgramIdLoader,
    SettledOrderByOrderIdLoader,
)
from saleor_loyalty.graphql.points import LoyaltyEarningBreakdown
from saleor_loyalty.graphql.programs import LoyaltyProgram
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.programs.models import EarningRate, Program
from saleor_loyalty.programs.rules import PriceBasis, points_for

LoyaltyOrderOutcomeEnum = enum_of(Outcome, name="LoyaltyOrderOutcomeEnum")


class OrderLoyalty(BaseObjectType):
    """What an order is worth to its member."""

    outcome = graphene.Field(
        LoyaltyOrderOutcomeEnum,
        required=True,
        description="Whether the order earned, or why it did not.",
    )
    program = graphene.Field(LoyaltyProgram, description="The programme that it counts for.")
    points = graphene.Int(
        required=True, description="Points of the order now: earned less returned."
    )
    earned_points = graphene.Int(required=True, description="Points that the order earned.")
    returned_points = graphene.Int(
        required=True, description="Points that went back, for refunds and the like."
    )
    breakdown = graphene.Field(
        LoyaltyEarningBreakdown, description="How the points came about; null without any."
    )

    class Meta:
        description = "What an order is worth to its member."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_program(root: SettledOrder, info: Any) -> Any:
        if root.program_id is None:
            return None
        return ProgramByIdLoader(info.context).load(root.program_id)

    @staticmethod
    def resolve_points(root: SettledOrder, _info: Any) -> int:
        return root.earned_points - root.returned_points

    @staticmethod
    def resolve_breakdown(root: SettledOrder, _info: Any) -> LoyaltyEarningBreakdown | None:
        if not root.price_basis:
            return None
        return LoyaltyEarningBreakdown(
            merchandise=PricesMoney(root.merchandise_amount, root.currency),
            price_basis=root.price_basis,
            points_per_unit=root.points_per_unit,
            earned_points=root.earned_points,
            returned_points=root.returned_points,
        )


@null_when_off
def resolve_order_loyalty(root: Any, info: Any) -> Any:
    """Return what was settled for an order; null before that.

    Its customer may see it, the member who got its points, and managers. A guest's order shows
    nothing to others; any other order is a permission error to them.
    """
    order = root.node

    def seen(settled: SettledOrder | None, member: Member | None = None) -> SettledOrder | None:
        is_credited = member is not None and is_user(info.context, user_id=member.user_id)
        if is_credited or may_manage(info.context):
            return settled
        if order.user_id is None:
            return None
        require_owner_or_manager(info.context, user_id=order.user_id)
        return settled

    def found(settled: SettledOrder | None) -> Any:
        if settled is None or settled.member_id is None:
            return seen(settled)
        member = MemberByIdLoader(info.context).load(settled.member_id)
        return member.then(lambda member: seen(settled, member))

    return SettledOrderByOrderIdLoader(info.context).load(str(order.pk)).then(found)


class CheckoutLoyalty(BaseObjectType):
    """What a checkout would earn."""

    program = graphene.Field(
        LoyaltyProgram, required=True, description="The programme of the checkout's channel."
    )
    points_to_earn = graphene.Int(
        required=True,
        description="Points that the order would earn if it were placed and paid as it is now.",
    )

    class Meta:
        description = "What a checkout would earn."
        doc_category = DOC_CATEGORY


@null_when_off
def resolve_checkout_loyalty(root: Any, info: Any) -> Any:
    """Return what a checkout would earn, for guests too; null without programme or rate."""
    checkout = root.node

    def with_program(program: Program | None) -> Any:
        if program is None:
            return None
        return (
            RatesByProgramIdLoader(info.context)
            .load(program.pk)
            .then(lambda rates: with_rates(program, rates))
        )

    def with_rates(program: Program, rates: list[EarningRate]) -> Any:
        now = timezone.now()
        for rate in rates:
            if rate.currency == checkout.currency and rate.valid_from <= now:
                return _priced_lines(root, info).then(
                    lambda lines, rate=rate: CheckoutLoyalty(
                        program=program, points_to_earn=_points_of(lines, rate)
                    )
                )
        return None

    return ProgramByChannelIdLoader(info.context).load(checkout.channel_id).then(with_program)


def _priced_lines(root: Any, info: Any) -> Promise[list[Any]]:
    """Return the checkout's lines with the prices that Saleor's own subtotal is made of."""
    subtotal = Promise.resolve(Checkout.resolve_subtotal_price(root, info))
    token = root.node.token
    return subtotal.then(lambda _: CheckoutLinesInfoByCheckoutTokenLoader(info.context).load(token))


def _points_of(lines: list[Any], rate: EarningRate) -> int:
    merchandise = sum(
        line.line.total_price_net_amount
        if rate.price_basis == PriceBasis.NET.value
        else line.line.total_price_gross_amount
        for line in lines
        if not line.line.is_gift and line.product_type.kind != ProductTypeKind.GIFT_CARD
    )
    return points_for(merchandise, points_per_unit=rate.points_per_unit) if merchandise else 0
