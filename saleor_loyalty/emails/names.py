"""Names that people gave themselves, and what is none. Pure Python."""

import re

LONGEST_NAME = 60
_ADDRESS = re.compile(r"://|www\.|[@<>]|\w\.\w{2,}", re.IGNORECASE)


def has_address(text: str) -> bool:
    """Tell whether a text has an address of a page or a mailbox in it."""
    return bool(_ADDRESS.search(text))
