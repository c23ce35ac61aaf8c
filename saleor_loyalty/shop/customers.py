"""Saleor's customers."""

from collections.abc import Collection

from saleor.account.models import User


def confirmed_accounts(*, emails: Collection[str]) -> dict[str, int]:
    """Return the ids of active, confirmed accounts by their address. One query.

    Saleor keeps the addresses of accounts in lower case.
    """
    wanted = {email.lower() for email in emails if email}
    if not wanted:
        return {}
    users = User.objects.filter(email__in=wanted, is_active=True, is_confirmed=True)
    return {email: pk for pk, email in users.values_list("pk", "email")}
