"""What the pages need of Saleor: how the shop looks, its customers, and where pages are."""

from django.contrib.sites.models import Site

from saleor_loyalty.pages.layout import Shopfront
from saleor_loyalty.shop.mail import shop_identity
from saleor_loyalty.shop.post_office import find_people, link_maker
from saleor_loyalty.shop.settings import LoyaltySettings


def shopfront(settings: LoyaltySettings) -> Shopfront:
    """Return what the pages of this shop need."""
    name = Site.objects.get_current().name
    return Shopfront(
        identity=shop_identity(settings, name=name),
        find_people=find_people,
        links=link_maker(settings),
    )
