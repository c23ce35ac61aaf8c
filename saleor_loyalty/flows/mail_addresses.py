"""Addresses that mails go to: sending again by hand, and what mail services report of them."""

from collections.abc import Callable, Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import note_address_failure, send_again
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.mail_approval import FindPeople
from saleor_loyalty.mailings.operations import PreferenceChanges, change_preferences
from saleor_loyalty.mailings.rules import ConsentSource
from saleor_loyalty.members.models import Member

# Returns the accounts (ids) that have one of these addresses (lower case).
FindAccounts = Callable[[Collection[str]], Collection[int]]

MAX_ADDRESS_LENGTH = 254
REPORTED = "Reported by the mail service: {}"


class AddressInvalid(LoyaltyError):
    """What is reported is no address."""

    code = "email_address_invalid"


@transaction.atomic
def send_mail_again(*, email_id: int, find_people: FindPeople, now: datetime) -> EmailMessage:
    """Queue a mail once more, to the member's address as it is now; see `send_again`.

    Raises:
        EmailNotFound, EmailUnfinished.

    """
    message = EmailMessage.objects.filter(pk=email_id).first()
    member = None
    if message is not None and message.member_id is not None:
        rows = Member.objects.select_related("merged_into")
        member = rows.filter(pk=message.member_id).first()
    owner = (member.merged_into or member) if member else None
    address = owner.email if owner else ""
    if owner is not None and owner.user_id is not None:
        found = find_people([owner.user_id]).get(owner.user_id)
        address = found.email if found else ""
    return send_again(email_id=email_id, address=address, now=now)


@transaction.atomic
def report_bounce(
    *,
    address: str,
    is_complaint: bool,
    find_accounts: FindAccounts,
    actor: str,
    now: datetime,
) -> int:
    """Note that mails to an address come back, or that its owner complained; return how many members it is.

    Nothing goes there any more until staff clear it. A complaint also takes back the consent to
    marketing. A repeat changes nothing but the count.

    Raises:
        AddressInvalid: it is no address.

    """
    address = address.strip().lower()
    try:
        if len(address) > MAX_ADDRESS_LENGTH:
            raise AddressInvalid(field="address")
        validate_email(address)
    except ValidationError as error:
        raise AddressInvalid(field="address") from error
    what = "complaint" if is_complaint else "bounce"
    note_address_failure(address=address, error=REPORTED.format(what), now=now)
    by_account = Member.objects.filter(user__in=list(find_accounts([address])))
    members = (by_account | Member.objects.filter(email=address)).filter(merged_into=None)
    ids = list(members.order_by("pk").values_list("pk", flat=True))
    for pk in ids if is_complaint else ():
        change_preferences(
            member_id=pk,
            changes=PreferenceChanges(accepts_marketing=False),
            source=ConsentSource.COMPLAINT,
            actor=actor,
            now=now,
        )
    return len(ids)
