"""What a programme owes its members, for staff."""

from decimal import Decimal
from typing import Any

import graphene
from prices import Money as PricesMoney
from saleor.graphql.core.scalars import PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.loaders import RatesByProgramIdLoader
from saleor_loyalty.rewards.queries import Liability


class OfProgram:
    """A liability together with its programme, whose rates price it."""

    def __init__(self, liability: Liability, program_id: int) -> None:
        self.liability = liability
        self.program_id = program_id


def _points(description: str) -> Any:
    return PositiveDecimal(required=True, description=description)


class LoyaltyLiability(BaseObjectType):
    """What a programme owes."""

    available_points = _points("Points that members can spend now.")
    pending_points = _points("Points that members cannot spend yet.")
    held_points = _points("Points that are held, as for a checkout.")
    outstanding_points = _points("All of these together.")
    debt_points = _points("Points that members owe: coming awards repay them.")
    amounts = NonNullList(
        Money,
        required=True,
        description=(
            "What all outstanding points would cost at today's value of a point: as a whole in "
            "each currency of the rates, not to be added up."
        ),
    )
    open_rewards = graphene.Int(
        required=True, description="Rewards that members have and that are not over, with gifts."
    )
    open_gifts = graphene.Int(required=True, description="Those of them that were given.")
    open_reward_points = _points("Points that members paid for them: no more outstanding.")

    class Meta:
        description = (
            "What a programme owes its members. Points are whole numbers, beyond what an Int holds."
        )
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_available_points(root: OfProgram, _info: Any) -> int:
        return root.liability.available

    @staticmethod
    def resolve_pending_points(root: OfProgram, _info: Any) -> int:
        return root.liability.pending

    @staticmethod
    def resolve_held_points(root: OfProgram, _info: Any) -> int:
        return root.liability.held

    @staticmethod
    def resolve_outstanding_points(root: OfProgram, _info: Any) -> int:
        return root.liability.outstanding

    @staticmethod
    def resolve_debt_points(root: OfProgram, _info: Any) -> int:
        return root.liability.debt

    @staticmethod
    def resolve_open_rewards(root: OfProgram, _info: Any) -> int:
        return root.liability.open_rewards

    @staticmethod
    def resolve_open_gifts(root: OfProgram, _info: Any) -> int:
        return root.liability.open_gifts

    @staticmethod
    def resolve_open_reward_points(root: OfProgram, _info: Any) -> int:
        return root.liability.open_points

    @staticmethod
    def resolve_amounts(root: OfProgram, info: Any) -> Any:
        points = Decimal(root.liability.outstanding)
        return (
            RatesByProgramIdLoader(info.context)
            .load(root.program_id)
            .then(
                lambda rates: [
                    PricesMoney(points * rate.point_value, rate.currency) for rate in rates
                ]
            )
        )
