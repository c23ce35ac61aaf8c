"""Codes that people can read and nobody can guess."""

import re
import secrets

# 32 characters without I, L, O and U: five random bits each, 80 in all.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_GROUPS = 4
GROUP_LENGTH = 4
MAX_PREFIX_LENGTH = 12


def new_code(slug: str) -> str:
    """Return a new code: letters of a slug, then four groups of four random characters."""
    prefix = re.sub(r"[^A-Z0-9]", "", slug.upper())[:MAX_PREFIX_LENGTH]
    groups = [_random(GROUP_LENGTH) for _ in range(CODE_GROUPS)]
    return "-".join([prefix, *groups] if prefix else groups)


def new_card_code() -> str:
    """Return a new code of a gift card: Saleor's have sixteen characters at most."""
    return _random(CODE_GROUPS * GROUP_LENGTH)


def _random(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))
