"""Redeeming rewards, giving them, and what becomes of them."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from saleor.core.exceptions import PermissionDenied
from saleor.permission.auth_filters import AuthorizationFilters

from saleor_loyalty.flows.end_redemptions import advance_redemption, cancel_redemption
from saleor_loyalty.flows.join_program import NotAMember
from saleor_loyalty.flows.redeem_rewards import give_reward, redeem_reward
from saleor_loyalty.graphql.access import actor_of, may_manage
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import BalanceByMemberIdLoader, LotsByMemberIdLoader
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.redemptions import LoyaltyRedemption, LoyaltyRedemptionStateEnum
from saleor_loyalty.graphql.reward_loaders import (
    GiftsByRewardIdLoader,
    RedeemedByMemberIdLoader,
    RewardByIdLoader,
    RewardsByProgramIdLoader,
    StepsByRedemptionIdLoader,
)
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.rewards.models import Redemption, Reward
from saleor_loyalty.rewards.operations import RewardNotFound
from saleor_loyalty.rewards.redemptions import RedemptionNotFound
from saleor_loyalty.rewards.rules import RedemptionState
from saleor_loyalty.shop.channels import currencies_by_slug
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.reward_checks import in_stock
from saleor_loyalty.shop.rewards import close, issue

KEY = "A key of the client's own: the same again, by the same member, does nothing more."


class LoyaltyRewardRedeem(LoyaltyMutation):
    """The caller redeems a reward."""

    redemption = graphene.Field(LoyaltyRedemption, description="What the caller has now.")

    class Arguments:
        reward = graphene.ID(required=True, description="ID of the reward.")
        channel = graphene.String(
            required=True, description="Slug of the channel; the reward is in its currency."
        )
        key = graphene.String(required=True, description=KEY)

    class Meta:
        description = (
            "The member who calls pays a reward with points, and gets its code, or an order "
            "for staff to fulfil. All of it happens, or nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (AuthorizationFilters.AUTHENTICATED_USER,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, reward: str, channel: str, key: str) -> Any:
        reward_id = cls.get_pk(reward, only_type="LoyaltyReward", field="reward")
        channel_id, currency = _channel(channel)
        redemption = redeem_reward(
            member_id=_caller(info, reward_id),
            reward_id=reward_id,
            channel_id=channel_id,
            currency=currency,
            key=key,
            issue=issue,
            in_stock=in_stock,
            now=timezone.now(),
        )
        _changed(info, redemption)
        return cls(redemption=redemption)


class LoyaltyRewardGive(LoyaltyMutation):
    """Gives a reward."""

    redemption = graphene.Field(LoyaltyRedemption, description="What the member has now.")

    class Arguments:
        member_id = graphene.ID(required=True, description="ID of the member.")
        reward = graphene.ID(required=True, description="ID of the reward.")
        channel = graphene.String(
            required=True, description="Slug of the channel; the reward is in its currency."
        )
        reason = graphene.String(
            required=True, description="Why, in words that the member can read."
        )
        key = graphene.String(required=True, description=KEY)

    class Meta:
        description = (
            "Gives a reward to a member without points, within its budget of gifts. Tiers, "
            "dates and limits for members do not matter."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls, info: Any, *, member_id: str, reward: str, channel: str, reason: str, key: str
    ) -> Any:
        channel_id, currency = _channel(channel)
        redemption = give_reward(
            member_id=cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id"),
            reward_id=cls.get_pk(reward, only_type="LoyaltyReward", field="reward"),
            channel_id=channel_id,
            currency=currency,
            reason=reason,
            actor=actor_of(info.context),
            key=key,
            issue=issue,
            in_stock=in_stock,
            now=timezone.now(),
        )
        _changed(info, redemption)
        return cls(redemption=redemption)


class LoyaltyRedemptionCancel(LoyaltyMutation):
    """Cancels a redemption."""

    redemption = graphene.Field(LoyaltyRedemption, description="The cancelled redemption.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the redemption.")
        note = graphene.String(
            default_value="", description="Why, in words that the member can read; up to 1000."
        )

    class Meta:
        description = (
            "Cancels what was not used: the code is closed and the points come back with the "
            "dates that they had. Members cancel their own, managers that of anybody.\n\n"
            "Requires one of the following permissions: OWNER, MANAGE_LOYALTY."
        )
        doc_category = DOC_CATEGORY
        permissions = (
            AuthorizationFilters.AUTHENTICATED_USER,
            AuthorizationFilters.AUTHENTICATED_APP,
        )
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, note: str | None = "") -> Any:
        redemption_id = cls.get_pk(id, only_type="LoyaltyRedemption", field="id")
        redemption = cancel_redemption(
            redemption_id=redemption_id,
            member_id=None if may_manage(info.context) else _owner(info, redemption_id),
            note=note or "",
            actor=actor_of(info.context),
            close=close,
            now=timezone.now(),
        )
        _changed(info, redemption)
        return cls(redemption=redemption)


class LoyaltyRedemptionAdvance(LoyaltyMutation):
    """Advances what staff fulfil."""

    redemption = graphene.Field(LoyaltyRedemption, description="The redemption.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the redemption.")
        state = LoyaltyRedemptionStateEnum(required=True, description="IN_PROGRESS or DONE.")
        note = graphene.String(
            default_value="", description="Words that the member can read; up to 1000."
        )

    class Meta:
        description = (
            "Tells how far an experience is: ORDERED, then IN_PROGRESS, then DONE. The same "
            "state again changes nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, state: str, note: str | None = "") -> Any:
        redemption = advance_redemption(
            redemption_id=cls.get_pk(id, only_type="LoyaltyRedemption", field="id"),
            state=RedemptionState(state),
            note=note or "",
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        _changed(info, redemption)
        return cls(redemption=redemption)


def _channel(slug: str) -> tuple[int, str]:
    found = currencies_by_slug([slug]).get(slug)
    if found is None:
        raise ValidationError(
            {
                "channel": ValidationError(
                    f"There is no channel {slug}.", code=LoyaltyErrorCode.NOT_FOUND.value
                )
            }
        )
    return found


def _caller(info: Any, reward_id: int) -> int:
    """Return the caller's member id in the programme of a reward.

    Raises:
        RewardNotFound, NotAMember.

    """
    # Also a deleted one: what was redeemed of it before a repeated request is found by its key.
    reward = Reward.objects.filter(pk=reward_id).first()
    if reward is None:
        raise RewardNotFound(field="reward")
    user_id = info.context.user.pk
    member = members_of(user_ids=[user_id]).get((reward.program_id, user_id))
    if member is None:
        raise NotAMember(field="reward")
    return member.pk


def _owner(info: Any, redemption_id: int) -> int:
    """Return the id of the member who has a redemption, if that is the caller.

    Raises:
        PermissionDenied: the caller is an app without our permission.
        RedemptionNotFound: it is somebody else's, or there is none.

    """
    if not info.context.user:
        raise PermissionDenied(
            permissions=[AuthorizationFilters.OWNER, LoyaltyPermissions.MANAGE_LOYALTY]
        )
    own = [member.pk for member in members_of(user_ids=[info.context.user.pk]).values()]
    redemption = Redemption.objects.filter(pk=redemption_id, member__in=own).first()
    if redemption is None:
        raise RedemptionNotFound(field="id")
    return redemption.member_id


def _changed(info: Any, redemption: Redemption) -> None:
    for loader in (BalanceByMemberIdLoader, LotsByMemberIdLoader, RedeemedByMemberIdLoader):
        loader(info.context).clear(redemption.member_id)
    for loader in (RewardByIdLoader, GiftsByRewardIdLoader):
        loader(info.context).clear(redemption.reward_id)
    RewardsByProgramIdLoader(info.context).clear(redemption.program_id)
    StepsByRedemptionIdLoader(info.context).clear(redemption.pk)


class LoyaltyRedemptionMutations(graphene.ObjectType):
    """Mutations of redemptions."""

    loyalty_reward_redeem = LoyaltyRewardRedeem.Field()
    loyalty_reward_give = LoyaltyRewardGive.Field()
    loyalty_redemption_cancel = LoyaltyRedemptionCancel.Field()
    loyalty_redemption_advance = LoyaltyRedemptionAdvance.Field()
