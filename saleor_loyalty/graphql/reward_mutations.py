"""Setting up the catalogue of rewards."""

from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.types import NonNullList

from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.reward_inputs import LoyaltyRewardInput, reward_texts, reward_values
from saleor_loyalty.graphql.reward_loaders import (
    RewardByIdLoader,
    RewardsByProgramIdLoader,
    TierIdsByRewardIdLoader,
    TranslationsByRewardIdLoader,
)
from saleor_loyalty.graphql.rewards import LoyaltyReward, LoyaltyRewardKindEnum
from saleor_loyalty.rewards.models import Reward
from saleor_loyalty.rewards.operations import (
    create_reward,
    delete_reward,
    reorder_rewards,
    update_reward,
)
from saleor_loyalty.rewards.rules import RewardContent, RewardKind
from saleor_loyalty.shop.permissions import LoyaltyPermissions


class LoyaltyRewardCreate(LoyaltyMutation):
    """Creates a reward."""

    reward = graphene.Field(LoyaltyReward, description="The created reward.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        kind = LoyaltyRewardKindEnum(
            required=True, description="What it is. It never changes; make another reward instead."
        )
        input = LoyaltyRewardInput(
            required=True,
            description="Fields of the reward; name, price and what its kind needs are required.",
        )

    class Meta:
        description = "Adds a reward to a programme's catalogue."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, kind: str, input: dict[str, Any]) -> Any:
        values = reward_values(cls, input)
        content = RewardContent(**values.pop("content", {}))
        reward = create_reward(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            kind=RewardKind(kind),
            values={**values, "content": content},
            translations=reward_texts(input),
            now=timezone.now(),
        )
        RewardsByProgramIdLoader(info.context).clear(reward.program_id)
        return cls(reward=reward)


class LoyaltyRewardUpdate(LoyaltyMutation):
    """Changes a reward."""

    reward = graphene.Field(LoyaltyReward, description="The changed reward.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the reward.")
        input = LoyaltyRewardInput(required=True, description="Fields to change.")

    class Meta:
        description = (
            "Changes a reward for those who redeem it from now on. What was redeemed keeps the "
            "content that it had."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, input: dict[str, Any]) -> Any:
        reward = update_reward(
            reward_id=cls.get_pk(id, only_type="LoyaltyReward", field="id"),
            values=reward_values(cls, input),
            translations=reward_texts(input),
            now=timezone.now(),
        )
        _changed(info, reward)
        return cls(reward=reward)


class LoyaltyRewardReorder(LoyaltyMutation):
    """Puts rewards in another order."""

    rewards = NonNullList(LoyaltyReward, description="The rewards, in their order.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        rewards = NonNullList(
            graphene.ID, required=True, description="IDs of all its rewards, in their new order."
        )

    class Meta:
        description = "Puts a programme's rewards in another order."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, rewards: list[str]) -> Any:
        ordered = reorder_rewards(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            reward_ids=[
                cls.get_pk(one, only_type="LoyaltyReward", field="rewards") for one in rewards
            ],
            now=timezone.now(),
        )
        for reward in ordered:
            _changed(info, reward)
        return cls(rewards=ordered)


class LoyaltyRewardDelete(LoyaltyMutation):
    """Deletes a reward."""

    reward = graphene.Field(LoyaltyReward, description="The deleted reward.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the reward.")

    class Meta:
        description = (
            "Takes a reward out of the catalogue. What was redeemed stays as good as it was."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        reward = delete_reward(
            reward_id=cls.get_pk(id, only_type="LoyaltyReward", field="id"), now=timezone.now()
        )
        _changed(info, reward)
        return cls(reward=reward)


def _changed(info: Any, reward: Reward) -> None:
    RewardsByProgramIdLoader(info.context).clear(reward.program_id)
    for loader in (RewardByIdLoader, TierIdsByRewardIdLoader, TranslationsByRewardIdLoader):
        loader(info.context).clear(reward.pk)


class LoyaltyRewardMutations(graphene.ObjectType):
    """Mutations of the catalogue."""

    loyalty_reward_create = LoyaltyRewardCreate.Field()
    loyalty_reward_update = LoyaltyRewardUpdate.Field()
    loyalty_reward_reorder = LoyaltyRewardReorder.Field()
    loyalty_reward_delete = LoyaltyRewardDelete.Field()
