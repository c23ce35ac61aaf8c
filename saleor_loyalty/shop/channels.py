"""Saleor's channels."""

from collections.abc import Collection

from saleor.channel.models import Channel


def channel_ids_by_slug(slugs: Collection[str], *, using: str = "default") -> dict[str, int]:
    """Return the ids of channels by their slugs; unknown slugs are left out."""
    channels = Channel.objects.using(using).filter(slug__in=slugs)
    return dict(channels.values_list("slug", "pk"))


def currencies_by_slug(
    slugs: Collection[str], *, using: str = "default"
) -> dict[str, tuple[int, str]]:
    """Return the ids and currencies of channels by their slugs; unknown slugs are left out."""
    rows = Channel.objects.using(using).filter(slug__in=slugs)
    return {
        slug: (pk, currency)
        for slug, pk, currency in rows.values_list("slug", "pk", "currency_code")
    }


def channels_by_id(channel_ids: Collection[int], *, using: str = "default") -> dict[int, Channel]:
    """Return channels by id; one that was deleted is left out."""
    return Channel.objects.using(using).in_bulk(list(channel_ids))
