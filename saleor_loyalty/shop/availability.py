"""What of the shop's variants can be had where."""

from collections.abc import Collection

from django.db.models import Q
from django.utils import timezone
from saleor.channel.models import Channel
from saleor.product.models import ProductVariant
from saleor.site.models import Site
from saleor.warehouse.models import Stock


def available_variants(
    variant_ids: Collection[str], channel_slug: str, *, using: str = "default"
) -> set[str]:
    """Return those of some variants that are on sale in a channel, and have a piece left there.

    As Saleor counts: what is allocated to orders is gone, stock is that of the channel's
    warehouses. A variant whose stock is not tracked is always there. Three queries at most.
    """
    channel = Channel.objects.using(using).filter(slug=channel_slug, is_active=True).first()
    if channel is None:
        return set()
    now = timezone.now()
    on_sale = ProductVariant.objects.using(using).filter(
        Q(product__channel_listings__published_at=None)
        | Q(product__channel_listings__published_at__lte=now),
        pk__in=[int(one) for one in variant_ids],
        channel_listings__channel=channel,
        channel_listings__price_amount__isnull=False,
        product__channel_listings__channel=channel,
        product__channel_listings__is_published=True,
        product__channel_listings__available_for_purchase_at__lte=now,
    )
    tracked = dict(on_sale.order_by().values_list("pk", "track_inventory"))
    settings = Site.objects.get_current().settings
    stocks = Stock.objects.using(using)
    # Until 3.23 only warehouses count that ship somewhere; later the shop chooses.
    if getattr(settings, "use_legacy_shipping_zone_stock_availability", True):
        stocks = stocks.for_channel_and_country(channel.slug)
    else:
        stocks = stocks.for_channel(channel.slug)
    pieces = stocks.filter(
        product_variant__in=[pk for pk, is_tracked in tracked.items() if is_tracked]
    ).annotate_available_quantity()
    left = pieces.filter(available_quantity__gte=1).order_by()
    found = {pk for pk, is_tracked in tracked.items() if not is_tracked}
    return {str(pk) for pk in found | set(left.values_list("product_variant_id", flat=True))}
