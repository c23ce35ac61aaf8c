"""Earning rules, as staff see them."""

from typing import Any

import graphene
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import PermissionsField
from saleor.graphql.core.scalars import DateTime, PositiveDecimal
from saleor.graphql.core.types import BaseObjectType, NonNullList
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.core.utils import from_global_id_or_error

from saleor_loyalty.earning import models
from saleor_loyalty.earning.conditions import Condition
from saleor_loyalty.earning.kinds import KINDS
from saleor_loyalty.earning.rules import Action, RuleVersion, Stacking, Trigger
from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY, condition_enum, enum_of
from saleor_loyalty.graphql.loaders import BudgetUseLoader, VersionByRuleIdLoader
from saleor_loyalty.graphql.policies import LoyaltyPeriodEnum
from saleor_loyalty.graphql.reward_loaders import RewardByIdLoader
from saleor_loyalty.graphql.rewards import LoyaltyReward
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyTriggerEnum = enum_of(Trigger, name="LoyaltyTriggerEnum")
LoyaltyActionEnum = enum_of(Action, name="LoyaltyActionEnum")
LoyaltyStackingEnum = enum_of(Stacking, name="LoyaltyStackingEnum")
LoyaltyConditionKindEnum = condition_enum(KINDS)


class LoyaltyRuleCondition(BaseObjectType):
    """A condition of a rule."""

    kind = graphene.Field(LoyaltyConditionKindEnum, required=True, description="What it looks at.")
    values = NonNullList(
        graphene.String, required=True, description="One of these is enough; IDs for entities."
    )
    exclude = graphene.Boolean(required=True, description="Whether it must not hold instead.")

    class Meta:
        description = "A condition of an earning rule."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_values(root: Condition, _info: Any) -> list[str]:
        if root.id_type is None:
            return list(root.values)
        return [graphene.Node.to_global_id(root.id_type, value) for value in root.values]


class LoyaltyRuleRate(BaseObjectType):
    """Points for a unit of a currency."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    points_per_unit = PositiveDecimal(required=True, description="Points for one unit of it.")

    class Meta:
        description = "Points that a rule gives for a unit of a currency."
        doc_category = DOC_CATEGORY


LIMITS = {
    "maximum_points": "The most it gives at once.",
    "cooldown_days": "Days that a member waits between two times.",
    "cap_points": "The most points that a member gets by it in a period.",
    "cap_times": "How often a member gets points by it in a period.",
    "budget_points": "The most points that all members get by it in a budget's period.",
    "budget_alert_percent": "From this share of the budget on, staff are warned.",
    "maturing_days": "Days until its points can be used, in place of the programme's policy.",
    "expiry_days": "Days until its points expire, in place of the programme's policy.",
}


class LoyaltyEarningRule(ModelObjectType[models.EarningRule]):
    """An earning rule, as it stands now."""

    id = graphene.GlobalID(required=True, description="ID of the rule.")
    name = graphene.String(required=True, description="Name of the rule.")
    position = graphene.Int(required=True, description="Its place in the order, from 0.")
    is_active = graphene.Boolean(required=True, description="Whether it is on.")
    version = graphene.Int(required=True, description="Number of its latest version.")
    trigger = graphene.Field(LoyaltyTriggerEnum, required=True, description="What it waits for.")
    activity = graphene.String(required=True, description="Name of the activity it waits for.")
    action = graphene.Field(LoyaltyActionEnum, required=True, description="What it gives.")
    rates = NonNullList(
        LoyaltyRuleRate, required=True, description="Points per unit of money, by currency."
    )
    points = graphene.Int(required=True, description="Points of a fixed action, or of an item.")
    factor = PositiveDecimal(required=True, description="Factor of a multiplier.")
    reward = graphene.Field(
        LoyaltyReward, description="GIVE_REWARD: the reward that it gives, in place of points."
    )
    conditions = NonNullList(
        LoyaltyRuleCondition, required=True, description="All of these must hold."
    )
    stacking = graphene.Field(
        LoyaltyStackingEnum, required=True, description="How it goes together with others."
    )
    cap_period = graphene.Field(
        LoyaltyPeriodEnum, required=True, description="The period that caps count in."
    )
    budget_period = graphene.Field(
        LoyaltyPeriodEnum, required=True, description="The period of its budget."
    )
    budget_used_points = graphene.Int(
        description="What was given of the budget in this period; null without a budget."
    )
    created_at = DateTime(required=True, description="When the rule was made.")
    maximum_points = graphene.Int(description=LIMITS["maximum_points"])
    cooldown_days = graphene.Int(required=True, description=LIMITS["cooldown_days"])
    cap_points = graphene.Int(description=LIMITS["cap_points"])
    cap_times = graphene.Int(description=LIMITS["cap_times"])
    budget_points = graphene.Int(description=LIMITS["budget_points"])
    budget_alert_percent = graphene.Int(required=True, description=LIMITS["budget_alert_percent"])
    maturing_days = graphene.Int(description=LIMITS["maturing_days"])
    expiry_days = graphene.Int(description=LIMITS["expiry_days"])

    class Meta:
        description = "An earning rule of a programme, as it stands now."
        interfaces = [graphene.relay.Node]
        model = models.EarningRule
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_is_active(root: models.EarningRule, info: Any) -> Any:
        return _version(root, info).then(lambda version: version.valid_until is None)

    @staticmethod
    def resolve_version(root: models.EarningRule, info: Any) -> Any:
        return _version(root, info).then(lambda version: version.number)

    @staticmethod
    def resolve_rates(root: models.EarningRule, info: Any) -> Any:
        return _version(root, info).then(
            lambda version: [
                LoyaltyRuleRate(currency=currency, points_per_unit=rate)
                for currency, rate in sorted(version.definition.rates.items())
            ]
        )

    @staticmethod
    def resolve_reward(root: models.EarningRule, info: Any) -> Any:
        def reward(version: RuleVersion) -> Any:
            reward_id = version.definition.reward_id
            return RewardByIdLoader(info.context).load(reward_id) if reward_id else None

        return _version(root, info).then(reward)

    @staticmethod
    def resolve_budget_used_points(root: models.EarningRule, info: Any) -> Any:
        return _version(root, info).then(
            lambda version: None
            if version.definition.budget_points is None
            else BudgetUseLoader(info.context).load(
                (root.program_id, root.pk, version.definition.budget_period)
            )
        )


def _version(root: models.EarningRule, info: Any) -> Any:
    return VersionByRuleIdLoader(info.context).load(root.pk)


def _resolver_of(name: str) -> Any:
    def resolve(root: models.EarningRule, info: Any) -> Any:
        return _version(root, info).then(lambda version: getattr(version.definition, name))

    return resolve


for _name in (
    *LIMITS,
    *("trigger", "activity", "action", "points", "factor", "conditions", "stacking"),
    *("cap_period", "budget_period"),
):
    setattr(LoyaltyEarningRule, f"resolve_{_name}", staticmethod(_resolver_of(_name)))


class LoyaltyEarningQueries(graphene.ObjectType):
    """Queries about earning rules."""

    loyalty_earning_rules = PermissionsField(
        NonNullList(LoyaltyEarningRule),
        program=graphene.ID(required=True, description="ID of the programme."),
        description="The earning rules of a programme, in their order.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_earning_rules(_root: Any, info: Any, *, program: str) -> Any:
        _, pk = from_global_id_or_error(program, "LoyaltyProgram", raise_error=True)
        using = get_database_connection_name(info.context)
        rules = models.EarningRule.objects.using(using).filter(deleted_at=None)
        return list(rules.filter(program=int(pk))) if pk.isdecimal() else []
