"""Mounting our fields on Saleor's main schema and our tasks on its schedule.

Saleor builds its schema when `saleor.graphql.api` is first imported, after all apps are ready.
Until then fields can be added to its types: to the root types through their parts
`CoreQueries` and `CoreMutations`, to others through their fields.
"""

import sys

import graphene
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from saleor.graphql.core.schema import CoreMutations, CoreQueries
from saleor.graphql.query_cost_map import COST_MAP

from saleor_loyalty.graphql.schema import COSTS, EXTENSIONS, MUTATIONS, QUERIES
from saleor_loyalty.plugin import tasks  # noqa: F401 -- the worker knows them by it
from saleor_loyalty.plugin.schedule import BEAT_SCHEDULE
from saleor_loyalty.plugin.wake import wake_events, wake_tiers
from saleor_loyalty.shop.wake import Bell, EventsBell


def mount() -> None:
    """Add our part to Saleor's schema, query costs and beat schedule; a repeat does nothing.

    Raises:
        ImproperlyConfigured: the schema was built already, or a field of ours exists.

    """
    if getattr(CoreQueries, "loyalty_is_mounted", False):
        return
    if "saleor.graphql.api" in sys.modules:
        raise ImproperlyConfigured(
            "saleor_loyalty cannot add its fields: something imported saleor.graphql.api, and so "
            "built Saleor's schema, before all apps were ready."
        )
    for root, parts in ((CoreQueries, QUERIES), (CoreMutations, MUTATIONS)):
        for part in parts:
            _copy_fields(root, part)
    for extended, fields in EXTENSIONS.items():
        for name, field in fields.items():
            _refuse_existing(extended, name)
            extended._meta.fields[name] = field
    for type_name, costs in COSTS.items():
        COST_MAP.setdefault(type_name, {}).update(costs)
    for name, entry in BEAT_SCHEDULE.items():
        settings.CELERY_BEAT_SCHEDULE.setdefault(name, entry)
    Bell.answer = staticmethod(wake_tiers)
    EventsBell.answer = staticmethod(wake_events)
    CoreQueries.loyalty_is_mounted = True


def _copy_fields(root: type[graphene.ObjectType], part: type[graphene.ObjectType]) -> None:
    for name, field in part._meta.fields.items():
        _refuse_existing(root, name)
        setattr(root, name, field)
        root._meta.fields[name] = field
        resolver = getattr(part, f"resolve_{name}", None)
        if resolver is not None:
            setattr(root, f"resolve_{name}", staticmethod(resolver))


def _refuse_existing(extended: type[graphene.ObjectType], name: str) -> None:
    if name in extended._meta.fields:
        raise ImproperlyConfigured(
            f"saleor_loyalty cannot add {extended.__name__}.{name}: the field exists already."
        )
