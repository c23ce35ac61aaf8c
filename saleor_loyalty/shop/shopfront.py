"""What the pages need of Saleor: how the shop looks, its customers, and where pages are."""

from functools import partial

from django.contrib.sites.models import Site

from saleor_loyalty.members.queries import members_of
from saleor_loyalty.pages.layout import Shopfront
from saleor_loyalty.shop.customers import accounts_of
from saleor_loyalty.shop.mail import mail_sender, shop_identity
from saleor_loyalty.shop.orders import places_of_orders
from saleor_loyalty.shop.post_office import find_people, link_maker
from saleor_loyalty.shop.settings import LoyaltySettings


def shopfront(settings: LoyaltySettings) -> Shopfront:
    """Return what the pages of this shop need."""
    name = Site.objects.get_current().name
    return Shopfront(
        identity=shop_identity(settings, name=name),
        find_people=find_people,
        links=link_maker(settings),
        places=places_of_orders,
        find_member=find_member,
        find_sender=partial(mail_sender, None, settings=settings),
    )


def find_member(email: str, program_id: int) -> int | None:
    """Return the member that the account with an address is in a programme. Two queries."""
    accounts = accounts_of([email.lower()])
    found = members_of(user_ids=accounts)
    members = [found[key].pk for pk in accounts if (key := (program_id, pk)) in found]
    return members[0] if members else None
