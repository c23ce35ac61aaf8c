"""The base of every error that this package raises on purpose."""

from typing import Any, ClassVar


class LoyaltyError(Exception):
    """A refusal with a stable code and data instead of prose.

    Each error class stands beside the function that raises it. `code` is what clients
    match on (lower_snake_case, part of the API); `data` holds plain values that explain it.
    `field` names the input that was refused, when there is one.
    """

    code: ClassVar[str]

    def __init__(self, *, field: str | None = None, **data: Any) -> None:
        self.field = field
        self.data = data
        super().__init__(f"{self.code} {data}" if data else self.code)
