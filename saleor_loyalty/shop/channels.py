"""Saleor's channels."""

from collections.abc import Collection

from saleor.channel.models import Channel


def channel_id_of(slug: str, *, using: str = "default") -> int | None:
    """Return the id of a channel by its slug, or None when there is none."""
    return Channel.objects.using(using).filter(slug=slug).values_list("pk", flat=True).first()


def channels_by_id(channel_ids: Collection[int], *, using: str = "default") -> dict[int, Channel]:
    """Return channels by id; one that was deleted is left out."""
    return Channel.objects.using(using).in_bulk(list(channel_ids))
