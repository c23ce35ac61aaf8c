"""Rules of membership, in pure Python."""

from enum import StrEnum


class JoinedBy(StrEnum):
    """What made a customer a member: an order that earned, or their own wish."""

    ORDER = "order"
    CUSTOMER = "customer"
