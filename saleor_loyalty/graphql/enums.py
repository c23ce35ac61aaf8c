"""Enums of the API, made from the engine's."""

import inspect
from collections.abc import Mapping
from enum import Enum

import graphene

DOC_CATEGORY = "Loyalty"


def enum_of(choices: type[Enum], *, name: str) -> type[graphene.Enum]:
    """Return the API's enum of the engine's choices, under its own name."""
    enum = graphene.Enum(name, [(choice.name, choice.value) for choice in choices])
    enum.doc_category = DOC_CATEGORY
    return enum


def condition_enum(kinds: Mapping[str, type]) -> type[graphene.Enum]:
    """Return the enum of the kinds of conditions, described by their own words."""
    docs = {kind: inspect.getdoc(condition) or "" for kind, condition in kinds.items()}
    enum = graphene.Enum(
        "LoyaltyConditionKindEnum",
        [(kind.upper(), kind) for kind in kinds],
        description=lambda value: docs[value.value] if value else "What a condition looks at.",
    )
    enum.doc_category = DOC_CATEGORY
    return enum
