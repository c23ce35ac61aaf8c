"""The customer's tier where every app and storefront can read it: `loyalty.tier` in its metadata.

It is the slug of the tier in the customer's oldest membership with a ladder, as `User.loyalty`
shows the oldest first. Who has no tier has no key. Other keys are never touched.
"""

import logging
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from itertools import batched

from django.db import connection, transaction
from django.db.models import Q
from saleor.account.models import User
from saleor.plugins.manager import PluginsManager, get_plugins_manager
from saleor.webhook.event_types import WebhookEventAsyncType
from saleor.webhook.utils import get_webhooks_for_event

from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program
from saleor_loyalty.shop.settings import PLUGIN_ID
from saleor_loyalty.tiers.models import Tier, TierLadder, TierStanding

logger = logging.getLogger(__name__)

# Whether it is we who let Saleor tell of a customer's metadata: then there is nothing to put right.
is_telling: ContextVar[bool] = ContextVar("loyalty_is_telling", default=False)

TIER_KEY = "loyalty.tier"
PUBLISH_BATCH = 500
WEBHOOK_PLUGIN_ID = "mirumee.webhooks"
USERS = User._meta.db_table

# The tier of users: of the oldest membership with a ladder, as the member that it is by now.
WANTED = f"""
SELECT DISTINCT ON (mine.user_id) mine.user_id, tier.slug
FROM {Member._meta.db_table} AS mine
JOIN {Member._meta.db_table} AS owner ON owner.id = COALESCE(mine.merged_into_id, mine.id)
JOIN {TierLadder._meta.db_table} AS ladder ON ladder.program_id = owner.program_id
JOIN {Program._meta.db_table} AS program ON program.id = owner.program_id AND program.is_active
LEFT JOIN {TierStanding._meta.db_table} AS standing ON standing.member_id = owner.id
LEFT JOIN {Tier._meta.db_table} AS tier ON tier.id = standing.tier_id
WHERE mine.user_id {{which}}
ORDER BY mine.user_id, owner.joined_at, owner.id
"""
# As Saleor writes metadata: in the database, so that nothing that others write at once is lost.
WRITE = f"""
WITH wanted AS ({WANTED.format(which="= ANY(%(users)s)")})
UPDATE {USERS} AS customer
SET updated_at = %(now)s, metadata = CASE
  WHEN wanted.slug IS NULL THEN customer.metadata - '{TIER_KEY}'
  ELSE customer.metadata || jsonb_build_object('{TIER_KEY}', wanted.slug) END
FROM unnest(%(users)s) AS one(id) LEFT JOIN wanted ON wanted.user_id = one.id
WHERE customer.id = one.id AND customer.metadata->'{TIER_KEY}' IS DISTINCT FROM to_jsonb(wanted.slug)
RETURNING customer.id
"""
# Who should have a tier, by our tables, and who has the key, by Saleor's index of metadata.
DRIFTED = f"""
WITH wanted AS MATERIALIZED ({WANTED.format(which="IS NOT NULL")})
SELECT customer.id FROM wanted JOIN {USERS} AS customer ON customer.id = wanted.user_id
WHERE wanted.slug IS NOT NULL
  AND customer.metadata->'{TIER_KEY}' IS DISTINCT FROM to_jsonb(wanted.slug)
UNION
SELECT customer.id FROM {USERS} AS customer
WHERE customer.metadata ? '{TIER_KEY}' AND NOT EXISTS (
  SELECT FROM wanted WHERE wanted.user_id = customer.id AND wanted.slug IS NOT NULL
)
ORDER BY 1
"""


def publish_tiers(*, now: datetime, limit: int = PUBLISH_BATCH) -> int:
    """Publish the tiers of members who came into another; return how many members it looked at.

    One transaction: what is published is noted with it or not at all. Workers at once take
    different members.
    """
    with transaction.atomic():
        rows = (
            TierStanding.objects.select_for_update(skip_locked=True)
            .filter(is_published=False)
            .order_by("member")
        )
        member_ids = list(rows.values_list("member", flat=True)[:limit])
        if not member_ids:
            return 0
        members = Member.objects.filter(Q(pk__in=member_ids) | Q(merged_into__in=member_ids))
        _write(members.exclude(user=None).values_list("user", flat=True), now=now)
        TierStanding.objects.filter(member__in=member_ids).update(is_published=True)
    return len(member_ids)


def republish_drifted(*, now: datetime) -> int:
    """Put right the customers whose key is not their tier; return how many.

    Something overwrote it, an account was claimed by its owner later, or somebody is no member
    any more. One query finds them among all.
    """
    with connection.cursor() as cursor:
        cursor.execute(DRIFTED)
        found = [user_id for (user_id,) in cursor.fetchall()]
    changed = 0
    for some in batched(found, PUBLISH_BATCH):
        with transaction.atomic():
            changed += _write(some, now=now)
    if changed:
        logger.info("The tiers of %s customers were published anew", changed)
    return changed


def _write(user_ids: Iterable[int], *, now: datetime) -> int:
    """Write the key of users where it differs, and tell apps after the commit.

    The users are locked before their tiers are read: who comes second sees what the first saw, or
    something newer, and never writes back what is over.
    """
    ids = sorted(set(user_ids))
    locked = User.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    if not ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(WRITE, {"users": ids, "now": now})
        changed = [user_id for (user_id,) in cursor.fetchall()]
    if changed:
        transaction.on_commit(partial(tell_apps, changed))
    return len(changed)


def put_right(user: User, *, now: datetime) -> None:
    """Write a customer's key anew that they may have written themselves, as Saleor lets them.

    Two statements; none for who shows no tier. It is for the hooks of customers.
    """
    if not is_telling.get() and TIER_KEY in (user.metadata or {}):
        with transaction.atomic():
            _write([user.pk], now=now)


def tell_apps(user_ids: list[int]) -> None:
    """Let Saleor tell apps that the metadata of customers changed, as its own mutation does.

    Never raises: the metadata is written, and apps that hear nothing can still read it.
    """
    token = is_telling.set(True)
    try:
        manager = get_plugins_manager(allow_replica=False)
        webhooks = list(get_webhooks_for_event(WebhookEventAsyncType.CUSTOMER_METADATA_UPDATED))
        if not webhooks and not _is_heard_by_a_plugin(manager):
            return
        for user in User.objects.filter(pk__in=user_ids).order_by("pk"):
            manager.customer_metadata_updated(user, webhooks=webhooks)
    except Exception:
        logger.exception("Apps could not be told of the new tiers of %s customers", len(user_ids))
    finally:
        is_telling.reset(token)


def _is_heard_by_a_plugin(manager: PluginsManager) -> bool:
    """Return whether a plugin that is on, beside the one for webhooks, has this hook."""
    return any(
        plugin.active
        and plugin.PLUGIN_ID not in {WEBHOOK_PLUGIN_ID, PLUGIN_ID}
        and hasattr(plugin, "customer_metadata_updated")
        for plugin in manager.get_plugins()
    )
