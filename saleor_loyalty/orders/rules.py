"""How an order was settled, in pure Python."""

from enum import StrEnum


class Outcome(StrEnum):
    """What settling made of an order, and why it earned or did not."""

    EARNED = "earned"
    CANCELLED = "cancelled"
    UNPAID = "unpaid"
    REPLACEMENT = "replacement"
    NO_ACCOUNT = "no_account"
    NO_PROGRAM = "no_program"
    NO_RATE = "no_rate"
    NOT_A_MEMBER = "not_a_member"


FIRST_RETRY_SECONDS = 60
LONGEST_RETRY_SECONDS = 6 * 3600


def retry_delay_seconds(attempts: int) -> int:
    """Return how long an order waits after its nth failed settling: 1, 2, 4 ... 360 minutes."""
    doublings = min(attempts - 1, 20)
    return min(FIRST_RETRY_SECONDS << doublings, LONGEST_RETRY_SECONDS)
