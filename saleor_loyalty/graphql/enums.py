"""Enums of the API, made from the engine's."""

from enum import Enum

import graphene

DOC_CATEGORY = "Loyalty"


def enum_of(choices: type[Enum], *, name: str) -> type[graphene.Enum]:
    """Return the API's enum of the engine's choices, under its own name."""
    enum = graphene.Enum(name, [(choice.name, choice.value) for choice in choices])
    enum.doc_category = DOC_CATEGORY
    return enum
