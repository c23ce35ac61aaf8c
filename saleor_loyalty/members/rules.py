"""Rules of membership, in pure Python."""

from enum import StrEnum


class JoinedBy(StrEnum):
    """What made a customer a member: an order that earned, their own wish, or an import."""

    ORDER = "order"
    CUSTOMER = "customer"
    ACTIVITY = "activity"
    IMPORT = "import"


def masked(email: str) -> str:
    """Return an address by which its owner knows it, and nobody else: "a***@example.com"."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}***@{domain}"
