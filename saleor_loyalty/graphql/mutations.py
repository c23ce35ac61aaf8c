"""The base of our mutations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from saleor.graphql.core.mutations import BaseMutation

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.graphql.access import is_switched_on
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, switched_off, validation_error


@contextmanager
def fields_called(**names: str) -> Iterator[None]:
    """Give fields of refusals the names that the caller knows them by: theirs by ours."""
    try:
        yield
    except LoyaltyError as error:
        error.field = names.get(error.field or "", error.field)
        raise


class LoyaltyMutation(BaseMutation):
    """A mutation that refuses while the plugin is off and answers the engine's errors typed."""

    class Meta:
        abstract = True

    @classmethod
    def perform_mutation(cls, _root: Any, info: Any, /, **data: Any) -> Any:
        """Run the mutation; see `run`."""
        if not is_switched_on(info.context).get():
            raise switched_off()
        if _has_nul(data):
            raise ValidationError(
                "Texts must not have NUL characters.", code=LoyaltyErrorCode.INVALID.value
            )
        try:
            return cls.run(info, **data)
        except LoyaltyError as error:
            raise validation_error(error) from error

    @classmethod
    def get_pk(cls, global_id: str, *, only_type: str, field: str) -> int:
        """Return the number in a global ID.

        Raises:
            ValidationError: it is none, or of another type.

        """
        pk = cls.get_global_id_or_error(global_id, only_type=only_type, field=field)
        if not pk.isdecimal():
            code = LoyaltyErrorCode.GRAPHQL_ERROR.value
            raise ValidationError({field: ValidationError(f"Invalid ID: {global_id}.", code=code)})
        return int(pk)

    @classmethod
    def run(cls, info: Any, **data: Any) -> Any:
        """Do what the mutation is for; may raise any LoyaltyError."""
        raise NotImplementedError


def _has_nul(value: Any) -> bool:
    """Tell whether there is a NUL character in an input, which the database takes in no text."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_has_nul, dict.values(value)))  # graphene puts fields over methods
    return isinstance(value, list) and any(map(_has_nul, value))
