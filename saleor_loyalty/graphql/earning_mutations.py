"""Setting up earning rules, and trying them on orders of the past."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from saleor.graphql.core.scalars import PositiveDecimal
from saleor.graphql.core.types import BaseInputObjectType, BaseObjectType, NonNullList

from saleor_loyalty.earning import models
from saleor_loyalty.earning.kinds import KINDS
from saleor_loyalty.earning.operations import (
    RuleChanges,
    create_rule,
    delete_rule,
    update_rule,
)
from saleor_loyalty.earning.rules import RuleDefinition
from saleor_loyalty.flows.try_rule import try_rule
from saleor_loyalty.graphql.earning import (
    LIMITS,
    LoyaltyActionEnum,
    LoyaltyConditionKindEnum,
    LoyaltyEarningRule,
    LoyaltyStackingEnum,
    LoyaltyTriggerEnum,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.loaders import VersionByRuleIdLoader
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.points import LoyaltyEarningBreakdown
from saleor_loyalty.graphql.policies import LoyaltyPeriodEnum
from saleor_loyalty.graphql.previews import breakdown
from saleor_loyalty.rewards.models import Reward
from saleor_loyalty.shop.orders import load_order_facts
from saleor_loyalty.shop.permissions import LoyaltyPermissions


class LoyaltyRuleConditionInput(BaseInputObjectType):
    """A condition, as staff give it."""

    kind = LoyaltyConditionKindEnum(required=True, description="What it looks at.")
    values = NonNullList(
        graphene.String, description="One of these is enough; IDs for entities of the shop."
    )
    exclude = graphene.Boolean(default_value=False, description="Whether it must not hold instead.")

    class Meta:
        description = "A condition of an earning rule."
        doc_category = DOC_CATEGORY


class LoyaltyRuleRateInput(BaseInputObjectType):
    """Points for a unit of a currency, as staff give them."""

    currency = graphene.String(required=True, description="Currency code (ISO 4217).")
    points_per_unit = PositiveDecimal(
        required=True, description="Points for one unit of it, at most 4 decimals."
    )

    class Meta:
        description = "Points that a rule gives for a unit of a currency."
        doc_category = DOC_CATEGORY


class LoyaltyEarningRuleInput(BaseInputObjectType):
    """What to set on a rule."""

    name = graphene.String(description="Name of the rule, 1 to 120 characters.")
    position = graphene.Int(description="Its place in the order, from 0.")
    is_active = graphene.Boolean(description="Whether it is on. Default: true.")
    trigger = LoyaltyTriggerEnum(description="What it waits for. Default: ORDER.")
    activity = graphene.String(description="Name of the activity it waits for, as it is reported.")
    action = LoyaltyActionEnum(description="What it gives.")
    rates = NonNullList(
        LoyaltyRuleRateInput,
        description="Points per unit of money, for each currency of the programme.",
    )
    points = graphene.Int(description="Points of a fixed action, or of an item.")
    factor = PositiveDecimal(description="Factor of a multiplier: 2 doubles, 0 takes items out.")
    reward = graphene.ID(
        description="GIVE_REWARD: ID of the reward that it gives, in place of points."
    )
    conditions = NonNullList(LoyaltyRuleConditionInput, description="All of these must hold.")
    stacking = LoyaltyStackingEnum(description="How it goes with others. Default: ADD.")
    cap_period = LoyaltyPeriodEnum(description="The period that caps count in. Default: MONTH.")
    budget_period = LoyaltyPeriodEnum(description="The period of its budget. Default: MONTH.")
    maximum_points = graphene.Int(description=LIMITS["maximum_points"])
    cooldown_days = graphene.Int(description=LIMITS["cooldown_days"])
    cap_points = graphene.Int(description=LIMITS["cap_points"])
    cap_times = graphene.Int(description=LIMITS["cap_times"])
    budget_points = graphene.Int(description=LIMITS["budget_points"])
    budget_alert_percent = graphene.Int(description=LIMITS["budget_alert_percent"])
    maturing_days = graphene.Int(description=LIMITS["maturing_days"])
    expiry_days = graphene.Int(description=LIMITS["expiry_days"])

    class Meta:
        description = (
            "What to set on an earning rule; what is left out stays as it is, null takes a "
            "limit away."
        )
        doc_category = DOC_CATEGORY


NOT_OF_THE_DEFINITION = {"name", "position", "is_active"}


def _definition(
    mutation: type[LoyaltyMutation],
    values: dict[str, Any],
    before: RuleDefinition | None,
    *,
    program_id: int,
) -> RuleDefinition:
    """Return the definition that an input makes of the one before."""
    data = before.as_json() if before else {}
    for name, value in values.items():
        if name in NOT_OF_THE_DEFINITION:
            continue
        if name == "rates":
            data[name] = {
                one["currency"].upper(): str(one["points_per_unit"]) for one in value or ()
            }
        elif name == "reward":
            data["reward_id"] = (
                _reward_id(mutation, value, program_id=program_id) if value else None
            )
        elif name == "conditions":
            data[name] = [_condition(mutation, one) for one in value or ()]
        elif value is None and name not in LIMITS:
            data.pop(name, None)
        else:
            data[name] = value
    if data.get("cooldown_days") is None:
        data["cooldown_days"] = 0
    if data.get("budget_alert_percent") is None:
        data.pop("budget_alert_percent", None)
    if "action" not in data:
        raise ValidationError(
            {
                "action": ValidationError(
                    "A rule needs an action.", code=LoyaltyErrorCode.REQUIRED.value
                )
            }
        )
    return RuleDefinition.from_json(data)


def _reward_id(mutation: type[LoyaltyMutation], given: str, *, program_id: int) -> int:
    """Return the id of a reward, which must be in the programme's catalogue."""
    pk = mutation.get_pk(given, only_type="LoyaltyReward", field="reward")
    if not Reward.objects.filter(pk=pk, program=program_id, deleted_at=None).exists():
        raise ValidationError(
            {
                "reward": ValidationError(
                    "The programme has no such reward.", code=LoyaltyErrorCode.NOT_FOUND.value
                )
            }
        )
    return pk


def _condition(mutation: type[LoyaltyMutation], given: dict[str, Any]) -> dict[str, Any]:
    kind = KINDS[given["kind"]]
    values = [value.strip() for value in given.get("values") or ()]
    if kind.id_type is not None:
        values = [
            str(mutation.get_pk(value, only_type=kind.id_type, field="conditions"))
            for value in values
        ]
    return {"kind": given["kind"], "values": values, "exclude": bool(given.get("exclude"))}


class LoyaltyEarningRuleCreate(LoyaltyMutation):
    """Creates a rule."""

    earning_rule = graphene.Field(LoyaltyEarningRule, description="The created rule.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        input = LoyaltyEarningRuleInput(
            required=True, description="Fields of the rule; name and action are required."
        )

    class Meta:
        description = "Adds an earning rule to a programme, for what happens from now on."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, input: dict[str, Any]) -> Any:
        is_active = input.get("is_active")
        program_id = cls.get_pk(program, only_type="LoyaltyProgram", field="program")
        rule = create_rule(
            program_id=program_id,
            name=input.get("name") or "",
            definition=_definition(cls, input, None, program_id=program_id),
            position=input.get("position"),
            is_active=is_active is not False,
            now=timezone.now(),
        )
        return cls(earning_rule=rule)


class LoyaltyEarningRuleUpdate(LoyaltyMutation):
    """Changes a rule."""

    earning_rule = graphene.Field(LoyaltyEarningRule, description="The changed rule.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the rule.")
        input = LoyaltyEarningRuleInput(required=True, description="Fields to change.")

    class Meta:
        description = (
            "Changes an earning rule for what happens from now on. Orders placed before keep "
            "the version of their time, also when they are refunded later."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, input: dict[str, Any]) -> Any:
        pk = cls.get_pk(id, only_type="LoyaltyEarningRule", field="id")
        versions = models.EarningRuleVersion.objects.filter(rule=pk).select_related("rule")
        latest = versions.order_by("-number").first()
        rule = update_rule(
            rule_id=pk,
            changes=RuleChanges(
                name=input.get("name"),
                definition=None
                if latest is None
                else _definition(
                    cls,
                    input,
                    RuleDefinition.from_json(latest.definition),
                    program_id=latest.rule.program_id,
                ),
                position=input.get("position"),
                is_active=input.get("is_active"),
            ),
            now=timezone.now(),
        )
        VersionByRuleIdLoader(info.context).clear(pk)
        return cls(earning_rule=rule)


class LoyaltyEarningRuleDelete(LoyaltyMutation):
    """Deletes a rule."""

    earning_rule = graphene.Field(LoyaltyEarningRule, description="The deleted rule.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the rule.")

    class Meta:
        description = "Deletes an earning rule. What it gave stays given."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        pk = cls.get_pk(id, only_type="LoyaltyEarningRule", field="id")
        return cls(earning_rule=delete_rule(rule_id=pk, now=timezone.now()))


class LoyaltyEarningRulePreviewResult(BaseObjectType):
    """An order with and without a rule."""

    points_without = graphene.Int(required=True, description="Points of the order without it.")
    points_with = graphene.Int(required=True, description="Points of the order with it.")
    breakdown = graphene.Field(
        LoyaltyEarningBreakdown, required=True, description="How the points with it come about."
    )

    class Meta:
        description = "What an order of the past would earn with a rule, and without."
        doc_category = DOC_CATEGORY


class LoyaltyEarningRulePreview(LoyaltyMutation):
    """Tries a rule."""

    preview = graphene.Field(LoyaltyEarningRulePreviewResult, description="What it would give.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        order = graphene.ID(required=True, description="ID of an order of the past.")
        input = LoyaltyEarningRuleInput(required=True, description="The rule to try.")
        rule = graphene.ID(description="ID of a rule that it would replace.")

    class Meta:
        description = (
            "Tries an earning rule on an order of the past, beside the programme's rules of "
            "today. Nothing is written; caps and budgets are not looked at."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls, info: Any, *, program: str, order: str, input: dict[str, Any], rule: str | None = None
    ) -> Any:
        replaced = cls.get_pk(rule, only_type="LoyaltyEarningRule", field="rule") if rule else None
        order_id = cls.get_global_id_or_error(order, only_type="Order", field="order")
        program_id = cls.get_pk(program, only_type="LoyaltyProgram", field="program")
        tried = try_rule(
            program_id=program_id,
            order=load_order_facts([order_id]).get(order_id),
            name=input.get("name") or "preview",
            definition=_definition(cls, input, None, program_id=program_id),
            position=input.get("position"),
            replaces=replaced,
            now=timezone.now(),
        )
        return cls(
            preview=LoyaltyEarningRulePreviewResult(
                points_without=tried.without.points,
                points_with=tried.with_rule.points,
                breakdown=breakdown(tried.with_rule, tried.rate),
            )
        )


class LoyaltyEarningMutations(graphene.ObjectType):
    """Mutations of earning rules."""

    loyalty_earning_rule_create = LoyaltyEarningRuleCreate.Field()
    loyalty_earning_rule_update = LoyaltyEarningRuleUpdate.Field()
    loyalty_earning_rule_delete = LoyaltyEarningRuleDelete.Field()
    loyalty_earning_rule_preview = LoyaltyEarningRulePreview.Field()
