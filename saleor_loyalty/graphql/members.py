"""Members: their status for the storefront, and what staff do with them."""

from decimal import Decimal
from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from prices import Money as PricesMoney
from saleor.graphql.account.dataloaders import UserByUserIdLoader
from saleor.graphql.account.types import User
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField, PermissionsField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseInputObjectType, BaseObjectType, Money
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.core.utils import from_global_id_or_error
from saleor.permission.auth_filters import AuthorizationFilters

from saleor_loyalty.flows.adjust_points import adjust_points
from saleor_loyalty.flows.join_program import join_program
from saleor_loyalty.graphql.access import actor_of, null_when_off, require_owner_or_manager
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import (
    MemberByIdLoader,
    MembersByUserIdLoader,
    ProgramByIdLoader,
    PurseByMemberIdLoader,
    RatesByProgramIdLoader,
)
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.points import LoyaltyPointsEntryCountableConnection
from saleor_loyalty.graphql.programs import LoyaltyProgram, program_of_channel
from saleor_loyalty.members import models
from saleor_loyalty.members.queries import all_members
from saleor_loyalty.points.queries import history_of
from saleor_loyalty.points.rules import Purse
from saleor_loyalty.shop.channels import channel_ids_by_slug
from saleor_loyalty.shop.permissions import LoyaltyPermissions


class LoyaltyBalance(BaseObjectType):
    """What a member has."""

    available_points = graphene.Int(required=True, description="Points that can be used.")
    debt_points = graphene.Int(
        required=True,
        description=(
            "Points owed because a refund took back more than was left; the next awards repay them."
        ),
    )
    value = graphene.Field(
        Money,
        currency=graphene.String(required=True, description="Currency code (ISO 4217)."),
        description="What the available points are worth; null without a rate for the currency.",
    )

    class Meta:
        description = "What a member has."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_available_points(root: "_OwnedPurse", _info: Any) -> int:
        return root.purse.available

    @staticmethod
    def resolve_debt_points(root: "_OwnedPurse", _info: Any) -> int:
        return root.purse.debt

    @staticmethod
    def resolve_value(root: "_OwnedPurse", info: Any, *, currency: str) -> Any:
        def worth(rates: list[Any]) -> PricesMoney | None:
            for rate in rates:
                if rate.currency == currency.upper():
                    return PricesMoney(
                        Decimal(root.purse.available) * rate.point_value, rate.currency
                    )
            return None

        return RatesByProgramIdLoader(info.context).load(root.program_id).then(worth)


class _OwnedPurse:
    """A purse and the programme whose rates value it."""

    def __init__(self, purse: Purse, program_id: int) -> None:
        self.purse = purse
        self.program_id = program_id


class LoyaltyMember(ModelObjectType[models.Member]):
    """A customer's part in a programme."""

    id = graphene.GlobalID(required=True, description="ID of the member.")
    program = graphene.Field(LoyaltyProgram, required=True, description="The programme.")
    joined_at = DateTime(required=True, description="When the membership began.")
    balance = graphene.Field(LoyaltyBalance, required=True, description="What the member has.")
    entries = ConnectionField(
        LoyaltyPointsEntryCountableConnection,
        required=True,
        description="The history of the member's points, newest first.",
    )
    user = PermissionsField(
        User,
        description="The customer; null when the account was deleted.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )

    class Meta:
        description = "A customer's part in a loyalty programme."
        interfaces = [graphene.relay.Node]
        model = models.Member
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_program(root: models.Member, info: Any) -> Any:
        return ProgramByIdLoader(info.context).load(root.program_id)

    @staticmethod
    def resolve_balance(root: models.Member, info: Any) -> Any:
        return (
            PurseByMemberIdLoader(info.context)
            .load(root.pk)
            .then(lambda purse: _OwnedPurse(purse, root.program_id))
        )

    @staticmethod
    def resolve_entries(root: models.Member, info: Any, **kwargs: Any) -> Any:
        entries = history_of(member_id=root.pk, using=get_database_connection_name(info.context))
        return create_connection_slice(entries, info, kwargs, LoyaltyPointsEntryCountableConnection)

    @staticmethod
    def resolve_user(root: models.Member, info: Any) -> Any:
        if root.user_id is None:
            return None
        return UserByUserIdLoader(info.context).load(root.user_id)


class LoyaltyMemberCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyMember


@null_when_off
def resolve_user_loyalty(
    root: Any, info: Any, *, program: str | None = None, channel: str | None = None
) -> Any:
    """Return a user's membership: of a programme, of a channel's programme, or the oldest."""

    def chosen(members: list[models.Member]) -> Any:
        if program is not None:
            _, pk = from_global_id_or_error(program, "LoyaltyProgram", raise_error=True)
            return _first(member for member in members if str(member.program_id) == pk)
        if channel is not None:
            return program_of_channel(channel, info).then(
                lambda served: served
                and _first(member for member in members if member.program_id == served.pk)
            )
        return _first(members)

    require_owner_or_manager(info.context, user_id=root.pk)
    return MembersByUserIdLoader(info.context).load(root.pk).then(chosen)


def _first(members: Any) -> models.Member | None:
    return next(iter(members), None)


class LoyaltyMemberFilterInput(BaseInputObjectType):
    """Which members to list."""

    program = graphene.ID(description="Members of this programme.")
    search = graphene.String(description="Part of the customer's e-mail address or name.")

    class Meta:
        description = "Which members to list."
        doc_category = DOC_CATEGORY


class LoyaltyMemberQueries(graphene.ObjectType):
    """Queries about members."""

    loyalty_member = PermissionsField(
        LoyaltyMember,
        id=graphene.ID(required=True, description="ID of the member."),
        description="A member by ID.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )
    loyalty_members = ConnectionField(
        LoyaltyMemberCountableConnection,
        filter=LoyaltyMemberFilterInput(description="Which members to list."),
        description="Members, oldest first.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_member(_root: Any, info: Any, *, id: str) -> Any:
        _, pk = from_global_id_or_error(id, LoyaltyMember, raise_error=True)
        return MemberByIdLoader(info.context).load(int(pk)) if pk.isdecimal() else None

    @staticmethod
    @null_when_off
    def resolve_loyalty_members(
        _root: Any, info: Any, *, filter: dict[str, str] | None = None, **kwargs: Any
    ) -> Any:
        criteria = filter or {}
        program_id = None
        if criteria.get("program"):
            _, pk = from_global_id_or_error(criteria["program"], LoyaltyProgram, raise_error=True)
            program_id = int(pk) if pk.isdecimal() else 0

        members = all_members(
            program_id=program_id,
            search=criteria.get("search") or "",
            using=get_database_connection_name(info.context),
        )
        return create_connection_slice(members, info, kwargs, LoyaltyMemberCountableConnection)


class LoyaltyJoin(LoyaltyMutation):
    """The caller joins."""

    member = graphene.Field(LoyaltyMember, description="The caller's membership.")

    class Arguments:
        channel = graphene.String(required=True, description="Slug of the channel.")

    class Meta:
        description = (
            "The customer who calls joins the loyalty programme of a channel. "
            "A member stays one; nothing changes."
        )
        doc_category = DOC_CATEGORY
        permissions = (AuthorizationFilters.AUTHENTICATED_USER,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, channel: str) -> Any:
        channel_id = channel_ids_by_slug([channel]).get(channel)
        if channel_id is None:
            raise ValidationError(
                {
                    "channel": ValidationError(
                        f"There is no channel {channel}.", code=LoyaltyErrorCode.NOT_FOUND.value
                    )
                }
            )
        member = join_program(
            user_id=info.context.user.pk, channel_id=channel_id, now=timezone.now()
        )
        MembersByUserIdLoader(info.context).clear(info.context.user.pk)
        return cls(member=member)


class LoyaltyPointsAdjustInput(BaseInputObjectType):
    """Points to give or take by hand."""

    member_id = graphene.ID(required=True, description="ID of the member.")
    points = graphene.Int(required=True, description="Points: above 0 to give, below 0 to take.")
    reason = graphene.String(
        required=True, description="Why, in words that the member can read; up to 1000."
    )
    idempotency_key = graphene.String(
        description="A key that makes the adjustment happen once, however often it is sent."
    )

    class Meta:
        description = "Points to give or take by hand."
        doc_category = DOC_CATEGORY


class LoyaltyPointsAdjust(LoyaltyMutation):
    """Gives or takes points by hand."""

    member = graphene.Field(LoyaltyMember, description="The member, with the new balance.")

    class Arguments:
        input = LoyaltyPointsAdjustInput(required=True, description="The adjustment.")

    class Meta:
        description = (
            "Gives or takes points by hand, for a reason. "
            "Taking more points than are available is refused."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, input: dict[str, Any]) -> Any:
        pk = cls.get_pk(input["member_id"], only_type="LoyaltyMember", field="member_id")
        member = adjust_points(
            member_id=pk,
            points=input["points"],
            note=input["reason"],
            idempotency_key=input.get("idempotency_key"),
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        PurseByMemberIdLoader(info.context).clear(pk)
        return cls(member=member)


class LoyaltyMemberMutations(graphene.ObjectType):
    """Mutations of members and their points."""

    loyalty_join = LoyaltyJoin.Field()
    loyalty_points_adjust = LoyaltyPointsAdjust.Field()
