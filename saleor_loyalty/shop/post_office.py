"""What delivering mails needs of Saleor: people, pictures, pages, and the way to the shop's own tool."""

from collections.abc import Collection, Mapping
from functools import partial

from django.conf import settings as django_settings
from django.db.models import Q
from saleor.account.models import User
from saleor.core.http_client import HTTPClient
from saleor.core.utils import build_absolute_uri
from saleor.product import ProductMediaTypes
from saleor.product.models import ProductMedia
from saleor.thumbnail.models import Thumbnail
from saleor.thumbnail.utils import get_image_or_proxy_url, get_thumbnail_size

from saleor_loyalty.emails.delivery import PostOffice
from saleor_loyalty.flows.mail_approval import LinkMaker, Person, approve
from saleor_loyalty.shop.mail import mail_sender
from saleor_loyalty.shop.settings import PLUGIN_ID, LoyaltySettings

PICTURE_SIZE = 128  # twice what is shown, for sharp screens
TIMEOUT_SECONDS = 15


def post_office(settings: LoyaltySettings) -> PostOffice:
    """Return what delivering mails of this shop needs."""
    return PostOffice(
        sender_for=partial(mail_sender, settings=settings),
        approve=partial(
            approve,
            find_people=find_people,
            links=link_maker(settings),
            language_code=django_settings.LANGUAGE_CODE,
        ),
        pictures=pictures_of,
        post=partial(_post, settings.event_url) if settings.event_url else None,
        event_secret=settings.event_secret,
        a_minute=settings.a_minute,
    )


def link_maker(settings: LoyaltySettings) -> LinkMaker:
    """Return the maker of links to the plugin's own pages, or to the storefront's."""
    return LinkMaker(
        base=build_absolute_uri(f"/plugins/{PLUGIN_ID}/"),
        preferences_base=settings.preferences_url,
        events_base=settings.rsvp_url,
    )


def find_people(user_ids: Collection[int], *, using: str = "default") -> dict[int, Person]:
    """Return how active customers can be written to, by the id of their account. One query."""
    users = User.objects.using(using).filter(pk__in=user_ids, is_active=True).exclude(email="")
    columns = ("email", "first_name", "last_name", "language_code", "is_confirmed")
    return {row.pop("pk"): Person(**row) for row in users.values("pk", *columns)}


def pictures_of(product_ids: Collection[str]) -> dict[str, str]:
    """Return the addresses of products' first pictures, by product id. Two queries."""
    ids = [int(pk) for pk in product_ids if pk.isdecimal()]
    if not ids:
        return {}
    media = (
        ProductMedia.objects.filter(product__in=ids, type=ProductMediaTypes.IMAGE)
        .exclude(Q(image="") | Q(image=None))
        .order_by("product_id", "sort_order", "pk")
        .distinct("product_id")
    )
    by_media = {one.pk: one.product_id for one in media}
    size = get_thumbnail_size(PICTURE_SIZE)
    thumbnails = {
        one.product_media_id: one
        for one in Thumbnail.objects.filter(product_media__in=by_media, size=size, format=None)
    }
    return {
        str(product_id): build_absolute_uri(
            get_image_or_proxy_url(thumbnails.get(pk), str(pk), "ProductMedia", size, None)
        )
        for pk, product_id in by_media.items()
    }


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Post to the shop's own tool, as Saleor posts webhooks; return the HTTP status."""
    response = HTTPClient.send_request(
        "POST",
        url,
        data=body,
        headers=dict(headers),
        timeout=TIMEOUT_SECONDS,
        allow_redirects=False,
    )
    return int(response.status_code)
