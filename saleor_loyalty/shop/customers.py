"""Saleor's customers."""

from collections.abc import Collection

from saleor.account.models import User


def confirmed_accounts(*, emails: Collection[str]) -> dict[str, int]:
    """Return the ids of active, confirmed accounts by their address in lower case. One query."""
    wanted = {email for email in emails if email} | {email.lower() for email in emails if email}
    if not wanted:
        return {}
    users = User.objects.filter(email__in=wanted, is_active=True, is_confirmed=True)
    return {email.lower(): pk for pk, email in users.values_list("pk", "email")}
