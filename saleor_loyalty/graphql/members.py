"""Members: their status for the storefront, and what staff do with them."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from saleor.graphql.account.dataloaders import UserByUserIdLoader
from saleor.graphql.account.types import User
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField, PermissionsField
from saleor.graphql.core.scalars import Date, DateTime
from saleor.graphql.core.types import BaseInputObjectType, NonNullList
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.core.utils import from_global_id_or_error
from saleor.permission.auth_filters import AuthorizationFilters

from saleor_loyalty.flows.join_program import join_program, set_birthday
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.graphql.access import actor_of, null_when_off, require_owner_or_manager
from saleor_loyalty.graphql.balances import LoyaltyBalance, OwnedBalance
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import (
    BalanceByMemberIdLoader,
    MemberByIdLoader,
    MembersByUserIdLoader,
    ProgramByIdLoader,
)
from saleor_loyalty.graphql.member_tiers import (
    LoyaltyMemberTier,
    LoyaltyNextTier,
    LoyaltyTierExplanation,
    LoyaltyTierVoucher,
    LoyaltyToKeepTier,
    aim_of,
    stand_of,
    tier_of,
    vouchers_of,
)
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.points import LoyaltyPointsEntryCountableConnection
from saleor_loyalty.graphql.programs import LoyaltyProgram, program_of_channel
from saleor_loyalty.graphql.redemptions import (
    LoyaltyRedemptionCountableConnection,
    LoyaltyRedemptionStateEnum,
)
from saleor_loyalty.graphql.tier_changes import LoyaltyTierChangeCountableConnection
from saleor_loyalty.graphql.tiers import LoyaltyTier
from saleor_loyalty.members import models
from saleor_loyalty.members.queries import all_members
from saleor_loyalty.points.queries import history_of
from saleor_loyalty.rewards.queries import redemptions_of
from saleor_loyalty.rewards.rules import RedemptionState
from saleor_loyalty.shop.channels import channel_ids_by_slug
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.tiers.queries import changes_of


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
    tier = graphene.Field(LoyaltyMemberTier, description="The member's tier; null without one.")
    next_tier = graphene.Field(
        LoyaltyNextTier, description="What is missing to the next tier; null on top."
    )
    to_keep_tier = graphene.Field(
        LoyaltyToKeepTier,
        description="What is missing to keep the tier beyond its end; null where it has none.",
    )
    tier_history = ConnectionField(
        LoyaltyTierChangeCountableConnection,
        required=True,
        description="What happened to the member's tier, and why, newest first.",
    )
    tier_explanation = graphene.Field(
        LoyaltyTierExplanation,
        description="Why the member is where they are; null where the programme has no tiers.",
    )
    tier_vouchers = NonNullList(
        LoyaltyTierVoucher,
        required=True,
        description="Vouchers that tiers gave the member and that are not over.",
    )
    rewards = ConnectionField(
        LoyaltyRedemptionCountableConnection,
        required=True,
        states=NonNullList(LoyaltyRedemptionStateEnum, description="Only those in these states."),
        description="Rewards that the member redeemed or was given, newest first.",
    )
    born_on = Date(description="The member's birthday, if they told it.")
    external_id = PermissionsField(
        graphene.String,
        required=True,
        description="Name of the member in another system; empty without one.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
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
            BalanceByMemberIdLoader(info.context)
            .load(root.pk)
            .then(lambda balance: OwnedBalance(balance, root.program_id))
        )

    @staticmethod
    def resolve_entries(root: models.Member, info: Any, **kwargs: Any) -> Any:
        entries = history_of(member_id=root.pk, using=get_database_connection_name(info.context))
        return create_connection_slice(entries, info, kwargs, LoyaltyPointsEntryCountableConnection)

    @staticmethod
    def resolve_tier(root: models.Member, info: Any) -> Any:
        return tier_of(root.pk, info)

    @staticmethod
    def resolve_next_tier(root: models.Member, info: Any) -> Any:
        return aim_of(root.pk, info, is_next=True)

    @staticmethod
    def resolve_to_keep_tier(root: models.Member, info: Any) -> Any:
        return aim_of(root.pk, info, is_next=False)

    @staticmethod
    def resolve_tier_history(root: models.Member, info: Any, **kwargs: Any) -> Any:
        changes = changes_of(member_id=root.pk, using=get_database_connection_name(info.context))
        return create_connection_slice(changes, info, kwargs, LoyaltyTierChangeCountableConnection)

    @staticmethod
    def resolve_tier_explanation(root: models.Member, info: Any) -> Any:
        return stand_of(root.pk, info)

    @staticmethod
    def resolve_tier_vouchers(root: models.Member, info: Any) -> Any:
        return vouchers_of(root.pk, info)

    @staticmethod
    def resolve_rewards(
        root: models.Member, info: Any, *, states: list[str] | None = None, **kwargs: Any
    ) -> Any:
        rows = redemptions_of(
            member_id=root.pk,
            states=[RedemptionState(state) for state in states or ()],
            using=get_database_connection_name(info.context),
        )
        return create_connection_slice(rows, info, kwargs, LoyaltyRedemptionCountableConnection)

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
    tier = graphene.ID(description="Members in this tier.")

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
        ids: dict[str, int | None] = {}
        for name, kind in (("program", LoyaltyProgram), ("tier", LoyaltyTier)):
            ids[name] = None
            if criteria.get(name):
                _, pk = from_global_id_or_error(criteria[name], kind, raise_error=True)
                ids[name] = int(pk) if pk.isdecimal() else 0
        members = all_members(
            program_id=ids["program"],
            tier_id=ids["tier"],
            search=(criteria.get("search") or "").replace("\0", ""),
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
        member = join_program(
            user_id=info.context.user.pk, channel_id=_channel_id(channel), now=timezone.now()
        )
        MembersByUserIdLoader(info.context).clear(info.context.user.pk)
        return cls(member=member)


class LoyaltyBirthdayUpdate(LoyaltyMutation):
    """Sets the caller's birthday."""

    member = graphene.Field(LoyaltyMember, description="The caller's membership.")

    class Arguments:
        channel = graphene.String(required=True, description="Slug of the channel.")
        born_on = Date(description="The birthday; null forgets it.")

    class Meta:
        description = (
            "Sets or forgets the birthday of the member who calls. A birthday is rewarded once "
            "a year, however often it is changed."
        )
        doc_category = DOC_CATEGORY
        permissions = (AuthorizationFilters.AUTHENTICATED_USER,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, channel: str, born_on: Any = None) -> Any:
        member = set_birthday(
            user_id=info.context.user.pk,
            channel_id=_channel_id(channel),
            born_on=born_on,
            now=timezone.now(),
        )
        MembersByUserIdLoader(info.context).clear(info.context.user.pk)
        return cls(member=member)


class LoyaltyMembersMerge(LoyaltyMutation):
    """Merges two members."""

    member = graphene.Field(LoyaltyMember, description="The member that is left.")

    class Arguments:
        member_id = graphene.ID(required=True, description="ID of the member to merge.")
        into_id = graphene.ID(required=True, description="ID of the member to merge it into.")

    class Meta:
        description = (
            "Merges a member into another of the same programme, with all points and their "
            "dates. It cannot be undone; a repeat changes nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, member_id: str, into_id: str) -> Any:
        member = merge_members(
            member_id=cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id"),
            into_id=cls.get_pk(into_id, only_type="LoyaltyMember", field="into_id"),
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        return cls(member=member)


def _channel_id(slug: str) -> int:
    channel_id = channel_ids_by_slug([slug]).get(slug)
    if channel_id is None:
        raise ValidationError(
            {
                "channel": ValidationError(
                    f"There is no channel {slug}.", code=LoyaltyErrorCode.NOT_FOUND.value
                )
            }
        )
    return channel_id


class LoyaltyMemberMutations(graphene.ObjectType):
    """Mutations of members."""

    loyalty_join = LoyaltyJoin.Field()
    loyalty_birthday_update = LoyaltyBirthdayUpdate.Field()
    loyalty_members_merge = LoyaltyMembersMerge.Field()
