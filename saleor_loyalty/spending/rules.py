"""How many points may pay for a checkout, what an order used of them, and what comes back.

Pure Python. Money is exact: a point's value times the points, rounded down to what the currency
can be paid in.
"""

from enum import StrEnum


class SpendingState(StrEnum):
    """Where points are that were applied to a checkout."""

    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"


class Release(StrEnum):
    """Why points went back from a checkout to the member."""

    REMOVED = "removed"
    CHECKOUT_GONE = "checkout_gone"
    CODE_GONE = "code_gone"
    EXPIRED = "expired"
    NOT_ALLOWED = "not_allowed"
