"""How a programme lets points pay at checkout."""

from collections.abc import Mapping
from typing import Any

import graphene
from graphene import Node
from saleor.graphql.core.types import BaseInputObjectType, BaseObjectType, NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.programs.spending import Means, Returning, SpendingTerms

LoyaltyMeansEnum = enum_of(Means, name="LoyaltyMeansEnum")
LoyaltyReturningEnum = enum_of(Returning, name="LoyaltyReturningEnum")

# The parts of the terms: type and description.
PARTS: dict[str, tuple[Any, str]] = {
    "is_on": (graphene.Boolean, "Whether points pay at checkout at all."),
    "means": (LoyaltyMeansEnum, "What carries the points on a checkout."),
    "minimum_points": (graphene.Int, "The fewest points that pay."),
    "step_points": (graphene.Int, "Points pay in multiples of so many."),
    "maximum_percent": (
        graphene.Int,
        "The largest share that points pay of what they may pay for, in percent.",
    ),
    "on_shipping": (
        graphene.Boolean,
        "Whether points pay for shipping too; a voucher never does.",
    ),
    "hold_minutes": (
        graphene.Int,
        "How long points stay on a checkout after they were applied last.",
    ),
    "returning": (LoyaltyReturningEnum, "How points come back when a part of an order does."),
}
# Lists of IDs: the terms' own name, the type of the IDs, and a description.
LISTS: dict[str, tuple[str, str, str]] = {
    "closed_channels": (
        "closed_channel_ids",
        "Channel",
        "IDs of channels of the programme in which points do not pay.",
    ),
    "excluded_products": (
        "excluded_product_ids",
        "Product",
        "IDs of products that points do not pay for.",
    ),
    "excluded_categories": (
        "excluded_category_ids",
        "Category",
        "IDs of categories, with all below them, that points do not pay for.",
    ),
    "excluded_collections": (
        "excluded_collection_ids",
        "Collection",
        "IDs of collections that points do not pay for.",
    ),
}


class _TermsFields:
    """The fields of the type, from the tables above."""


class _TermsInputFields:
    """The fields of the input, from the tables above."""


for _name, (_kind, _description) in PARTS.items():
    setattr(_TermsFields, _name, graphene.Field(_kind, required=True, description=_description))
    setattr(_TermsInputFields, _name, _kind(description=_description))
for _name, (_, _, _description) in LISTS.items():
    setattr(
        _TermsFields,
        _name,
        NonNullList(graphene.ID, required=True, description=_description),
    )
    setattr(_TermsInputFields, _name, NonNullList(graphene.ID, description=_description))


class LoyaltySpendingTerms(_TermsFields, BaseObjectType):
    """How points pay at checkout."""

    class Meta:
        description = "How a programme lets points pay at checkout."
        doc_category = DOC_CATEGORY


class LoyaltySpendingTermsInput(_TermsInputFields, BaseInputObjectType):
    """The parts of the terms to change."""

    class Meta:
        description = (
            "The parts to change of how points pay at checkout. They hold for what is applied from "
            "now on."
        )
        doc_category = DOC_CATEGORY


def shown_terms(terms: SpendingTerms) -> LoyaltySpendingTerms:
    """Return terms as the API shows them."""
    values = {name: getattr(terms, name) for name in PARTS}
    for name, (own, kind, _) in LISTS.items():
        values[name] = [Node.to_global_id(kind, pk) for pk in getattr(terms, own)]
    return LoyaltySpendingTerms(**values)


def terms_changes(
    mutation: type[LoyaltyMutation], given: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return the parts of terms to change, as the engine takes them; null changes nothing."""
    if given is None:
        return None
    changes = {name: given[name] for name in PARTS if given.get(name) is not None}
    for name, (own, kind, _) in LISTS.items():
        if given.get(name) is not None:
            pks = [mutation.get_pk(one, only_type=kind, field=name) for one in given[name]]
            is_text = own != "closed_channel_ids"
            changes[own] = [str(pk) if is_text else pk for pk in sorted(set(pks))]
    return changes
