"""A programme's policy: how its points mature, expire and round, and what may be given away."""

from typing import Any

import graphene
from saleor.graphql.core.fields import PermissionsField
from saleor.graphql.core.types import BaseInputObjectType, BaseObjectType, NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.policies.rules import (
    Expiry,
    Maturing,
    Rounding,
    RoundingScope,
    WhenShort,
)
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyPeriodEnum = enum_of(Period, name="LoyaltyPeriodEnum")
LoyaltyMaturingEnum = enum_of(Maturing, name="LoyaltyMaturingEnum")
LoyaltyExpiryEnum = enum_of(Expiry, name="LoyaltyExpiryEnum")
LoyaltyWhenShortEnum = enum_of(WhenShort, name="LoyaltyWhenShortEnum")
LoyaltyRoundingEnum = enum_of(Rounding, name="LoyaltyRoundingEnum")
LoyaltyRoundingScopeEnum = enum_of(RoundingScope, name="LoyaltyRoundingScopeEnum")

# The parts of a policy that everybody may read: type and description.
PUBLIC: dict[str, tuple[Any, str]] = {
    "maturing": (LoyaltyMaturingEnum, "When points that an order earned can be used."),
    "maturing_days": (graphene.Int, "Days from the payment or fulfilment until then."),
    "expiry": (LoyaltyExpiryEnum, "How points expire, always at the end of a day."),
    "expiry_days": (
        graphene.Int,
        "Days from earning to expiry; with ON_DATES: the least that points last.",
    ),
    "expiry_months": (graphene.Int, "Months from earning, or from the last activity, to expiry."),
    "expiry_round_up_to": (
        LoyaltyPeriodEnum,
        "Expiry moves to the end of its day, month, quarter or year.",
    ),
    "notice_days": (
        NonNullList(graphene.Int),
        "Days before expiry at which members are warned; no points last shorter than the longest.",
    ),
    "expiry_dates": (
        NonNullList(graphene.String),
        'Dates of every year, "MM-DD", at whose end points expire.',
    ),
    "rounding": (LoyaltyRoundingEnum, "How a fraction of a point rounds."),
    "rounding_scope": (LoyaltyRoundingScopeEnum, "Whether the order or each line is rounded."),
    "on_full_price": (graphene.Boolean, "Whether prices before discounts earn."),
    "on_shipping": (graphene.Boolean, "Whether shipping earns too."),
    "on_gift_cards": (graphene.Boolean, "Whether what gift cards paid earns too."),
    "on_points": (graphene.Boolean, "Whether what points paid earns too."),
    "when_short": (
        LoyaltyWhenShortEnum,
        "What happens when a refund takes back more than is left.",
    ),
}
# Those that only staff may read.
PRIVATE: dict[str, tuple[Any, str]] = {
    "adjustment_limit_points": (
        graphene.Int,
        "Points that one member of staff gives and takes a day alone; null: no limit.",
    ),
    "budget_points": (graphene.Int, "The most that is awarded in a budget's period."),
    "budget_period": (LoyaltyPeriodEnum, "The period of the budget."),
    "budget_alert_percent": (
        graphene.Int,
        "From this share of the budget on, staff are warned.",
    ),
}
NULLABLE = {"adjustment_limit_points", "budget_points"}


def _public(kind: Any, description: str) -> Any:
    if isinstance(kind, NonNullList):
        return NonNullList(kind.of_type.of_type, required=True, description=description)
    return graphene.Field(kind, required=True, description=description)


class _PolicyFields:
    """The fields of the type, from the tables above."""


for _name, (_kind, _description) in PUBLIC.items():
    setattr(_PolicyFields, _name, _public(_kind, _description))
for _name, (_kind, _description) in PRIVATE.items():
    setattr(
        _PolicyFields,
        _name,
        PermissionsField(
            _kind,
            required=_name not in NULLABLE,
            description=_description,
            permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        ),
    )


class LoyaltyPolicy(_PolicyFields, BaseObjectType):
    """How a programme's points live."""

    class Meta:
        description = "How a programme's points mature, expire and round, as of now."
        doc_category = DOC_CATEGORY


class _PolicyInputFields:
    """The fields of the input, from the tables above."""


for _name, (_kind, _description) in (PUBLIC | PRIVATE).items():
    setattr(
        _PolicyInputFields,
        _name,
        NonNullList(_kind.of_type.of_type, description=_description)
        if isinstance(_kind, NonNullList)
        else _kind(description=_description),
    )


class LoyaltyPolicyInput(_PolicyInputFields, BaseInputObjectType):
    """The parts of a policy to change."""

    class Meta:
        description = (
            "The parts of a policy to change. They hold for what is earned from now on: points "
            "that were given keep the dates they were given with."
        )
        doc_category = DOC_CATEGORY
