"""Programmes: what shoppers read of them, and how staff set them up."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from prices import Money as PricesMoney
from saleor.graphql.channel.types import Channel
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import BaseField, ConnectionField, PermissionsField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseInputObjectType, BaseObjectType, Money, NonNullList
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import (
    BudgetUseLoader,
    ChannelIdBySlugLoader,
    ChannelsByProgramIdLoader,
    ProgramByChannelIdLoader,
    ProgramByIdLoader,
    RatesByProgramIdLoader,
    TermsByProgramIdLoader,
)
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.policies import NULLABLE, LoyaltyPolicy, LoyaltyPolicyInput
from saleor_loyalty.programs import models
from saleor_loyalty.programs.operations import ProgramChanges, create_program, update_program
from saleor_loyalty.programs.rules import Enrollment, PriceBasis, RateInput
from saleor_loyalty.shop.channels import channels_by_id
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyEnrollmentEnum = enum_of(Enrollment, name="LoyaltyEnrollmentEnum")
LoyaltyPriceBasisEnum = enum_of(PriceBasis, name="LoyaltyPriceBasisEnum")


class LoyaltyEarningRate(BaseObjectType):
    """What money earns and what a point is worth, in one currency."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    points_per_unit = PositiveDecimal(
        required=True, description="Points for one unit of the currency."
    )
    point_value = graphene.Field(Money, required=True, description="What one point is worth.")
    price_basis = graphene.Field(
        LoyaltyPriceBasisEnum,
        required=True,
        description="Whether prices with or without taxes earn.",
    )
    valid_from = DateTime(
        required=True, description="Orders placed from this instant on earn by this rate."
    )

    class Meta:
        description = "What money earns and what a point is worth, in one currency."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_point_value(root: models.EarningRate, _info: Any) -> PricesMoney:
        return PricesMoney(root.point_value, root.currency)


class LoyaltyProgram(ModelObjectType[models.Program]):
    """A loyalty programme."""

    id = graphene.GlobalID(required=True, description="ID of the programme.")
    name = graphene.String(required=True, description="Name of the programme.")
    points_name = graphene.String(
        required=True,
        description='What its points are called, e.g. "Stars". Empty: plainly "points".',
    )
    time_zone = graphene.String(
        required=True, description="IANA name of the zone that its dates are in."
    )
    enrollment = graphene.Field(
        LoyaltyEnrollmentEnum,
        required=True,
        description="Whether the first award makes a member, or only `loyaltyJoin`.",
    )
    guest_order_days = graphene.Int(
        required=True,
        description=(
            "A guest's order is credited to the confirmed account with its address, if that "
            "was made at most that many days after the order. 0: before it."
        ),
    )
    rates = NonNullList(
        LoyaltyEarningRate, required=True, description="The rates that are valid now."
    )
    policy = graphene.Field(
        LoyaltyPolicy, required=True, description="How its points mature, expire and round."
    )
    budget_used_points = PermissionsField(
        graphene.Int,
        description="What was awarded of its budget in this period; null without a budget.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
    is_active = graphene.Boolean(required=True, description="Whether the programme is on.")
    channels = PermissionsField(
        NonNullList(Channel),
        required=True,
        description="Channels that the programme serves.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
    created_at = DateTime(required=True, description="When the programme was created.")

    class Meta:
        description = "A loyalty programme of the shop."
        interfaces = [graphene.relay.Node]
        model = models.Program
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_rates(root: models.Program, info: Any) -> Any:
        return RatesByProgramIdLoader(info.context).load(root.pk)

    @staticmethod
    def resolve_policy(root: models.Program, info: Any) -> Any:
        return _policy(root, info)

    @staticmethod
    def resolve_budget_used_points(root: models.Program, info: Any) -> Any:
        return _policy(root, info).then(
            lambda policy: None
            if policy.budget_points is None
            else BudgetUseLoader(info.context).load((root.pk, 0, policy.budget_period))
        )

    @staticmethod
    def resolve_channels(root: models.Program, info: Any) -> Any:
        return ChannelsByProgramIdLoader(info.context).load(root.pk)


def _policy(root: models.Program, info: Any) -> Any:
    terms = TermsByProgramIdLoader(info.context).load(root.pk)
    return terms.then(lambda found: found.policy_at(timezone.now()))


class LoyaltyProgramCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyProgram


def program_of_channel(slug: str, info: Any) -> Any:
    """Return (a promise of) the active programme of a channel; None without one."""
    return (
        ChannelIdBySlugLoader(info.context)
        .load(slug)
        .then(
            lambda channel_id: channel_id
            and ProgramByChannelIdLoader(info.context).load(channel_id)
        )
    )


class LoyaltyProgramQueries(graphene.ObjectType):
    """Queries about programmes."""

    loyalty_program = BaseField(
        LoyaltyProgram,
        channel=graphene.String(required=True, description="Slug of the channel."),
        description="The active loyalty programme of a channel, or null.",
        doc_category=DOC_CATEGORY,
    )
    loyalty_programs = ConnectionField(
        LoyaltyProgramCountableConnection,
        description="All loyalty programmes, also those that are switched off.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_program(_root: Any, info: Any, *, channel: str) -> Any:
        return program_of_channel(channel, info)

    @staticmethod
    @null_when_off
    def resolve_loyalty_programs(_root: Any, info: Any, **kwargs: Any) -> Any:
        using = get_database_connection_name(info.context)
        programs = models.Program.objects.using(using).all()
        return create_connection_slice(programs, info, kwargs, LoyaltyProgramCountableConnection)


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
