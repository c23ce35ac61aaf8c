"""What a member has, and when it matures and expires."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import graphene
from prices import Money as PricesMoney
from promise import Promise
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.loaders import (
    LotsByMemberIdLoader,
    RatesByProgramIdLoader,
    TermsByProgramIdLoader,
)
from saleor_loyalty.points.models import Balance, Lot
from saleor_loyalty.points.rules import lapses_at


class OwnedBalance:
    """A balance, and the programme whose rates value it."""

    def __init__(self, balance: Balance, program_id: int) -> None:
        self.balance = balance
        self.program_id = program_id


class LoyaltyExpiringPoints(BaseObjectType):
    """Points that expire together."""

    points = graphene.Int(required=True, description="How many.")
    expires_at = DateTime(
        required=True, description="From this instant on they cannot be used any more."
    )
    extended_by_activity = graphene.Boolean(
        required=True, description="Whether earning or spending points puts the date off."
    )

    class Meta:
        description = "Points that expire together."
        doc_category = DOC_CATEGORY


class LoyaltyPendingPoints(BaseObjectType):
    """Points that become available together."""

    points = graphene.Int(required=True, description="How many.")
    available_at = DateTime(
        description="When they can be used; null while that waits for the order or for staff."
    )

    class Meta:
        description = "Points that become available together."
        doc_category = DOC_CATEGORY


class LoyaltyBalance(BaseObjectType):
    """What a member has."""

    available_points = graphene.Int(required=True, description="Points that can be used.")
    pending_points = graphene.Int(
        required=True, description="Points that were earned and cannot be used yet."
    )
    held_points = graphene.Int(
        required=True, description="Points set aside for a checkout that is not finished."
    )
    debt_points = graphene.Int(
        required=True,
        description=(
            "Points owed because a refund took back more than was left; the next awards repay them."
        ),
    )
    expiring = NonNullList(
        LoyaltyExpiringPoints,
        required=True,
        description="When the available points expire, soonest first; the rest never does.",
    )
    pending = NonNullList(
        LoyaltyPendingPoints,
        required=True,
        description="When the pending points become available, soonest first.",
    )
    last_activity_at = DateTime(description="When the member last earned or spent points.")
    value = graphene.Field(
        Money,
        currency=graphene.String(required=True, description="Currency code (ISO 4217)."),
        description="What the available points are worth; null without a rate for the currency.",
    )

    class Meta:
        description = "What a member has."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_available_points(root: OwnedBalance, _info: Any) -> int:
        return root.balance.available

    @staticmethod
    def resolve_pending_points(root: OwnedBalance, _info: Any) -> int:
        return root.balance.pending

    @staticmethod
    def resolve_held_points(root: OwnedBalance, _info: Any) -> int:
        return root.balance.held

    @staticmethod
    def resolve_debt_points(root: OwnedBalance, _info: Any) -> int:
        return root.balance.debt

    @staticmethod
    def resolve_last_activity_at(root: OwnedBalance, _info: Any) -> datetime | None:
        return root.balance.last_activity_at

    @staticmethod
    def resolve_expiring(root: OwnedBalance, info: Any) -> Any:
        return Promise.all(
            [
                LotsByMemberIdLoader(info.context).load(root.balance.member_id),
                TermsByProgramIdLoader(info.context).load(root.program_id),
            ]
        ).then(lambda found: _expiring(found[0], root.balance, time_zone=found[1].time_zone))

    @staticmethod
    def resolve_pending(root: OwnedBalance, info: Any) -> Any:
        return LotsByMemberIdLoader(info.context).load(root.balance.member_id).then(_pending)

    @staticmethod
    def resolve_value(root: OwnedBalance, info: Any, *, currency: str) -> Any:
        def worth(rates: list[Any]) -> PricesMoney | None:
            for rate in rates:
                if rate.currency == currency.upper():
                    return PricesMoney(
                        Decimal(root.balance.available) * rate.point_value, rate.currency
                    )
            return None

        return RatesByProgramIdLoader(info.context).load(root.program_id).then(worth)


def _expiring(lots: list[Lot], balance: Balance, *, time_zone: str) -> list[LoyaltyExpiringPoints]:
    found: dict[tuple[datetime, bool], int] = defaultdict(int)
    for lot in lots:
        expires_at = lot.expires_at
        if lot.inactivity_months is not None:
            expires_at = lapses_at(
                last_activity_at=balance.last_activity_at,
                earned_at=lot.earned_at,
                usable_at=lot.matures_at,
                months=lot.inactivity_months,
                notice_days=lot.notice_days,
                time_zone=time_zone,
            )
        if lot.available and expires_at is not None:
            found[expires_at, lot.inactivity_months is not None] += lot.available
    return [
        LoyaltyExpiringPoints(points=points, expires_at=at, extended_by_activity=by_activity)
        for (at, by_activity), points in sorted(found.items())
    ]


def _pending(lots: list[Lot]) -> list[LoyaltyPendingPoints]:
    found: dict[datetime | None, int] = defaultdict(int)
    for lot in lots:
        if lot.pending:
            found[lot.matures_at] += lot.pending
    dated = sorted((at, points) for at, points in found.items() if at is not None)
    undated = [(None, found[None])] if None in found else []
    return [
        LoyaltyPendingPoints(points=points, available_at=at) for at, points in [*dated, *undated]
    ]
