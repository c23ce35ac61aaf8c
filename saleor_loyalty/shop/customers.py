"""Saleor's customers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from saleor.account.models import User


@dataclass(frozen=True)
class Account:
    """A customer's account, and since when it exists."""

    user_id: int
    since: datetime


def confirmed_accounts(*, emails: Collection[str]) -> dict[str, Account]:
    """Return the active, confirmed accounts of addresses. One query.

    Saleor keeps the addresses of accounts in lower case.
    """
    wanted = {email.lower() for email in emails if email}
    if not wanted:
        return {}
    users = User.objects.filter(email__in=wanted, is_active=True, is_confirmed=True)
    return {
        email: Account(pk, since)
        for email, pk, since in users.values_list("email", "pk", "date_joined")
    }
