"""Members: their status for the storefront, and what staff do with them."""

from typing import Any

import graphene
from saleor.graphql.account.dataloaders import UserByUserIdLoader
from saleor.graphql.account.types import User
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField, PermissionsField
from saleor.graphql.core.scalars import Date, DateTime
from saleor.graphql.core.types import BaseInputObjectType, NonNullList
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.core.utils import from_global_id_or_error

from saleor_loyalty.emails.queries import email_log
from saleor_loyalty.graphql.access import null_when_off, require_owner_or_manager
from saleor_loyalty.graphql.balances import LoyaltyBalance, OwnedBalance
from saleor_loyalty.graphql.emails import LoyaltyEmailCountableConnection
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.invitations import (
    LoyaltyInvitationCountableConnection,
    LoyaltyInvitationSortingInput,
    own_invitations_page,
)
from saleor_loyalty.graphql.loaders import (
    BalanceByMemberIdLoader,
    MemberByIdLoader,
    MembersByUserIdLoader,
    ProgramByIdLoader,
)
from saleor_loyalty.graphql.mail_loaders import DaysByMemberIdLoader
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
from saleor_loyalty.graphql.points import LoyaltyPointsEntryCountableConnection
from saleor_loyalty.graphql.preferences import (
    LoyaltyConsentCountableConnection,
    LoyaltyPersonalDay,
    LoyaltyPreferences,
    preferences_of,
)
from saleor_loyalty.graphql.programs import LoyaltyProgram, program_of_channel
from saleor_loyalty.graphql.redemptions import (
    LoyaltyRedemptionCountableConnection,
    LoyaltyRedemptionStateEnum,
)
from saleor_loyalty.graphql.tier_changes import LoyaltyTierChangeCountableConnection
from saleor_loyalty.graphql.tiers import LoyaltyTier
from saleor_loyalty.mailings.models import Consent
from saleor_loyalty.members import models
from saleor_loyalty.members.queries import all_members
from saleor_loyalty.points.queries import history_of
from saleor_loyalty.rewards.queries import redemptions_of
from saleor_loyalty.rewards.rules import RedemptionState
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
    invitations = ConnectionField(
        LoyaltyInvitationCountableConnection,
        required=True,
        sort_by=LoyaltyInvitationSortingInput(description="Sort invitations."),
        description=(
            "The member's invitations to events, newest first; not those that staff took back."
            "\n\nRequires one of the following permissions: OWNER, MANAGE_LOYALTY."
        ),
    )
    born_on = Date(description="The member's birthday, if they told it.")
    personal_days = NonNullList(
        LoyaltyPersonalDay,
        required=True,
        description=(
            "The days that the member told us of, in the order of the year."
            "\n\nRequires one of the following permissions: OWNER, MANAGE_LOYALTY."
        ),
    )
    preferences = graphene.Field(
        LoyaltyPreferences,
        required=True,
        description=(
            "What the member chose to hear."
            "\n\nRequires one of the following permissions: OWNER, MANAGE_LOYALTY."
        ),
    )
    consents = ConnectionField(
        LoyaltyConsentCountableConnection,
        required=True,
        description="When the member agreed to marketing or took it back, newest first.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
    emails = ConnectionField(
        LoyaltyEmailCountableConnection,
        required=True,
        description="Mails for the member, newest first.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
    )
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
    def resolve_invitations(root: models.Member, info: Any, **kwargs: Any) -> Any:
        require_owner_or_manager(info.context, user_id=root.user_id)
        return own_invitations_page(root.pk, info, kwargs)

    @staticmethod
    def resolve_personal_days(root: models.Member, info: Any) -> Any:
        require_owner_or_manager(info.context, user_id=root.user_id)
        return DaysByMemberIdLoader(info.context).load(root.pk)

    @staticmethod
    def resolve_preferences(root: models.Member, info: Any) -> Any:
        require_owner_or_manager(info.context, user_id=root.user_id)
        return preferences_of(root, info)

    @staticmethod
    def resolve_consents(root: models.Member, info: Any, **kwargs: Any) -> Any:
        using = get_database_connection_name(info.context)
        rows = Consent.objects.using(using).filter(member=root.pk)
        return create_connection_slice(rows, info, kwargs, LoyaltyConsentCountableConnection)

    @staticmethod
    def resolve_emails(root: models.Member, info: Any, **kwargs: Any) -> Any:
        mails = email_log(member_id=root.pk, using=get_database_connection_name(info.context))
        return create_connection_slice(mails, info, kwargs, LoyaltyEmailCountableConnection)

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
