"""Rules of membership, in pure Python."""

from enum import StrEnum


class JoinedBy(StrEnum):
    """What made a customer a member: an order that earned, their own wish, or an import."""

    ORDER = "order"
    CUSTOMER = "customer"
    ACTIVITY = "activity"
    IMPORT = "import"
