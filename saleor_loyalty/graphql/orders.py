"""What an order earned, and what points paid of it."""

from decimal import Decimal
from typing import Any

import graphene
from prices import Money as PricesMoney
from saleor.graphql.core.types import BaseObjectType, Money

from saleor_loyalty.graphql.access import (
    is_user,
    may_manage,
    null_when_off,
    require_owner_or_manager,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.loaders import (
    MemberByIdLoader,
    ProgramByIdLoader,
    SettledOrderByOrderIdLoader,
    SpentOnOrderLoader,
)
from saleor_loyalty.graphql.points import LoyaltyEarningBreakdown
from saleor_loyalty.graphql.programs import LoyaltyProgram
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome

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
    spent_points = graphene.Int(required=True, description="Points that paid for a part of it.")
    spent_amount = graphene.Field(Money, required=True, description="What these points paid.")
    given_back_points = graphene.Int(
        required=True, description="Points of these that the member got back."
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
    def resolve_spent_points(root: SettledOrder, info: Any) -> Any:
        spent = SpentOnOrderLoader(info.context).load(root.order_id)
        return spent.then(lambda rows: sum(row.captured_points for row in rows))

    @staticmethod
    def resolve_spent_amount(root: SettledOrder, info: Any) -> Any:
        spent = SpentOnOrderLoader(info.context).load(root.order_id)
        return spent.then(
            lambda rows: PricesMoney(
                sum((row.captured_amount for row in rows), Decimal(0)), root.currency
            )
        )

    @staticmethod
    def resolve_given_back_points(root: SettledOrder, info: Any) -> Any:
        spent = SpentOnOrderLoader(info.context).load(root.order_id)
        return spent.then(lambda rows: sum(row.returned_points for row in rows))

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
            parts=root.breakdown,
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
