"""Codes of vouchers that people read, type and read out on the telephone."""

import re

from saleor_loyalty.codes import new_code

CODE_GROUPS = 4
GROUP_LENGTH = 4
MAX_PREFIX_LENGTH = 12


def new_voucher_code(slug: str) -> str:
    """Return a new code: letters of a slug, then four groups of four random characters, 80 bits."""
    prefix = re.sub(r"[^A-Z0-9]", "", slug.upper())[:MAX_PREFIX_LENGTH]
    groups = [new_code(GROUP_LENGTH) for _ in range(CODE_GROUPS)]
    return "-".join([prefix, *groups] if prefix else groups)
