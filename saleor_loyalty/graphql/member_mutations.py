"""What members do themselves, and merging them."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from saleor.graphql.core.scalars import Date
from saleor.permission.auth_filters import AuthorizationFilters

from saleor_loyalty.flows.join_program import join_program, set_birthday
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.graphql.access import actor_of
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import MembersByUserIdLoader
from saleor_loyalty.graphql.members import LoyaltyMember
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.shop.channels import channel_ids_by_slug
from saleor_loyalty.shop.permissions import LoyaltyPermissions


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
            user_id=info.context.user.pk, channel_id=channel_id_of(channel), now=timezone.now()
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
            channel_id=channel_id_of(channel),
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


def channel_id_of(slug: str) -> int:
    """Return the id of a channel.

    Raises:
        ValidationError: there is no such channel.

    """
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
