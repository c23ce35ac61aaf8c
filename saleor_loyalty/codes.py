"""Codes that nobody guesses and everybody can read aloud."""

import secrets

# 32 characters without I, L, O and U: five random bits each.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_LENGTH = 16


def new_code(length: int = SECRET_LENGTH) -> str:
    """Return a random code; of 16 characters it has 80 random bits."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))
