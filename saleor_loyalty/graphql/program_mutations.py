"""Setting up programmes."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from saleor.graphql.core.scalars import PositiveDecimal
from saleor.graphql.core.types import BaseInputObjectType, NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import (
    ChannelsByProgramIdLoader,
    ProgramByChannelIdLoader,
    ProgramByIdLoader,
    RatesByProgramIdLoader,
    TermsByProgramIdLoader,
)
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.policies import NULLABLE, LoyaltyPolicyInput
from saleor_loyalty.graphql.programs import (
    LoyaltyEnrollmentEnum,
    LoyaltyPriceBasisEnum,
    LoyaltyProgram,
)
from saleor_loyalty.graphql.spending_terms import LoyaltySpendingTermsInput, terms_changes
from saleor_loyalty.programs.operations import ProgramChanges, create_program, update_program
from saleor_loyalty.programs.rules import Enrollment, PriceBasis, RateInput
from saleor_loyalty.shop.channels import channels_by_id
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.wake import tiers_changed


class LoyaltyEarningRateInput(BaseInputObjectType):
    """A rate, as staff give it."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    points_per_unit = PositiveDecimal(
        required=True,
        description="Points for one unit of the currency: 0 to 1000000, at most 4 decimals.",
    )
    point_value = PositiveDecimal(
        required=True,
        description="What one point is worth in the currency, at most 6 decimals.",
    )

    class Meta:
        description = "What money earns and what a point is worth, in one currency."
        doc_category = DOC_CATEGORY


class LoyaltyProgramInput(BaseInputObjectType):
    """What to set on a programme."""

    name = graphene.String(description="Name of the programme, 1 to 120 characters.")
    points_name = graphene.String(
        description='What its points are called, e.g. "Stars". Empty: plainly "points".'
    )
    time_zone = graphene.String(description="IANA time zone of its dates. Default: UTC.")
    enrollment = LoyaltyEnrollmentEnum(
        description="How customers become members. Default: AUTOMATIC."
    )
    guest_order_days = graphene.Int(
        description="Days after a guest's order in which the account may be made. Default: 30."
    )
    is_active = graphene.Boolean(description="Whether the programme is on. Default: true.")
    price_basis = LoyaltyPriceBasisEnum(
        description="Whether prices with or without taxes earn. Default: NET."
    )
    policy = LoyaltyPolicyInput(description="The parts of its policy to change.")
    spending = LoyaltySpendingTermsInput(
        description="The parts to change of how points pay at checkout."
    )
    channels = NonNullList(
        graphene.ID, description="IDs of all channels that the programme serves."
    )
    rates = NonNullList(
        LoyaltyEarningRateInput,
        description="All its rates. They hold for orders placed from now on.",
    )

    class Meta:
        description = "What to set on a programme; what is left out stays as it is."
        doc_category = DOC_CATEGORY


class LoyaltyProgramCreate(LoyaltyMutation):
    """Creates a programme."""

    loyalty_program = graphene.Field(LoyaltyProgram, description="The created programme.")

    class Arguments:
        input = LoyaltyProgramInput(
            required=True, description="Fields of the programme; name and rates are required."
        )

    class Meta:
        description = "Creates a loyalty programme."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, input: dict[str, Any]) -> Any:
        changes = _changes(cls, input)
        program = create_program(changes=changes, now=timezone.now())
        ProgramByChannelIdLoader(info.context).clear_all()
        return cls(loyalty_program=program)


class LoyaltyProgramUpdate(LoyaltyMutation):
    """Changes a programme."""

    loyalty_program = graphene.Field(LoyaltyProgram, description="The changed programme.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the programme.")
        input = LoyaltyProgramInput(required=True, description="Fields to change.")

    class Meta:
        description = (
            "Changes a loyalty programme. New rates hold for orders placed from now on; "
            "orders placed before keep theirs."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, input: dict[str, Any]) -> Any:
        pk = cls.get_pk(id, only_type="LoyaltyProgram", field="id")
        changes = _changes(cls, input)
        program = update_program(program_id=pk, changes=changes, now=timezone.now())
        for loader in (
            RatesByProgramIdLoader,
            ChannelsByProgramIdLoader,
            ProgramByIdLoader,
            TermsByProgramIdLoader,
        ):
            loader(info.context).clear(pk)
        ProgramByChannelIdLoader(info.context).clear_all()
        tiers_changed()
        return cls(loyalty_program=program)


def _changes(mutation: type[LoyaltyMutation], values: dict[str, Any]) -> ProgramChanges:
    channels = values.get("channels")
    rates = values.get("rates")
    return ProgramChanges(
        name=values.get("name"),
        points_name=values.get("points_name"),
        time_zone=values.get("time_zone"),
        enrollment=_member_of(Enrollment, values.get("enrollment")),
        guest_order_days=values.get("guest_order_days"),
        is_active=values.get("is_active"),
        price_basis=_member_of(PriceBasis, values.get("price_basis")),
        policy=_policy_changes(values.get("policy")),
        spending=terms_changes(mutation, values.get("spending")),
        channel_ids=None if channels is None else _channel_ids(mutation, channels),
        rates=None
        if rates is None
        else [
            RateInput(
                currency=rate["currency"].upper(),
                points_per_unit=rate["points_per_unit"],
                point_value=rate["point_value"],
            )
            for rate in rates
        ],
    )


def _policy_changes(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the parts of a policy to change; null takes a limit away and changes nothing else."""
    if given is None:
        return None
    return {name: value for name, value in given.items() if value is not None or name in NULLABLE}


def _member_of[Choice: (Enrollment, PriceBasis)](
    choices: type[Choice], value: str | None
) -> Choice | None:
    return None if value is None else choices(value)


def _channel_ids(mutation: type[LoyaltyMutation], global_ids: list[str]) -> list[int]:
    ids = [
        mutation.get_pk(global_id, only_type="Channel", field="channels")
        for global_id in global_ids
    ]
    unknown = set(ids) - set(channels_by_id(ids))
    if unknown:
        raise ValidationError(
            {
                "channels": ValidationError(
                    f"There is no channel {min(unknown)}.", code=LoyaltyErrorCode.NOT_FOUND.value
                )
            }
        )
    return ids


class LoyaltyProgramMutations(graphene.ObjectType):
    """Mutations of programmes."""

    loyalty_program_create = LoyaltyProgramCreate.Field()
    loyalty_program_update = LoyaltyProgramUpdate.Field()
