"""Rules of membership, in pure Python."""

from enum import StrEnum


class JoinedBy(StrEnum):
    """What made a customer a member: an order that earned, their own wish, or an import."""

    ORDER = "order"
    CUSTOMER = "customer"
    ACTIVITY = "activity"
    IMPORT = "import"


def masked(address: str) -> str:
    """Return an address that its owner knows again and nobody else learns: "a***@example.com"."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else ""
