"""What staff do with points by hand: adjust, release, forgive, and report activities."""

from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseInputObjectType
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.adjustments import models
from saleor_loyalty.adjustments.rules import AdjustmentReason, AdjustmentStatus
from saleor_loyalty.flows.adjust_points import adjust_points, decide_adjustment
from saleor_loyalty.flows.release_points import forgive_debt, release_points
from saleor_loyalty.flows.reward_activities import report_activity
from saleor_loyalty.graphql.access import actor_of, null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.loaders import (
    BalanceByMemberIdLoader,
    LotsByMemberIdLoader,
    MemberByIdLoader,
)
from saleor_loyalty.graphql.members import LoyaltyMember
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyAdjustmentReasonEnum = enum_of(AdjustmentReason, name="LoyaltyAdjustmentReasonEnum")
LoyaltyAdjustmentStatusEnum = enum_of(AdjustmentStatus, name="LoyaltyAdjustmentStatusEnum")


class LoyaltyAdjustment(ModelObjectType[models.Adjustment]):
    """Points given or taken by hand."""

    id = graphene.GlobalID(required=True, description="ID of the adjustment.")
    member = graphene.Field(LoyaltyMember, required=True, description="The member.")
    points = graphene.Int(required=True, description="Points: above 0 given, below 0 taken.")
    reason = graphene.Field(LoyaltyAdjustmentReasonEnum, required=True, description="Why.")
    note = graphene.String(required=True, description="Why, in words that the member can read.")
    counts_for_tiers = graphene.Boolean(
        required=True, description="Whether the points count towards tiers."
    )
    status = graphene.Field(
        LoyaltyAdjustmentStatusEnum, required=True, description="Done, waiting, or rejected."
    )
    requested_by = graphene.String(
        required=True, description='Who asked: "user:<id>" or "app:<id>".'
    )
    requested_at = DateTime(required=True, description="When it was asked for.")
    decided_by = graphene.String(required=True, description="Who decided; empty if nobody had to.")
    decided_at = DateTime(description="When it was decided.")

    class Meta:
        description = "Points given or taken by hand."
        interfaces = [graphene.relay.Node]
        model = models.Adjustment
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_member(root: models.Adjustment, info: Any) -> Any:
        return MemberByIdLoader(info.context).load(root.member_id)

    @staticmethod
    def resolve_counts_for_tiers(root: models.Adjustment, _info: Any) -> bool:
        return root.is_qualifying


class LoyaltyAdjustmentCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyAdjustment


class LoyaltyAdjustmentQueries(graphene.ObjectType):
    """Queries about adjustments."""

    loyalty_adjustments = ConnectionField(
        LoyaltyAdjustmentCountableConnection,
        status=LoyaltyAdjustmentStatusEnum(description="Only those with this status."),
        description="Points given and taken by hand, newest first.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_adjustments(
        _root: Any, info: Any, *, status: str | None = None, **kwargs: Any
    ) -> Any:
        using = get_database_connection_name(info.context)
        rows = models.Adjustment.objects.using(using).all()
        if status is not None:
            rows = rows.filter(status=status)
        return create_connection_slice(rows, info, kwargs, LoyaltyAdjustmentCountableConnection)


class LoyaltyPointsAdjustInput(BaseInputObjectType):
    """Points to give or take by hand."""

    member_id = graphene.ID(required=True, description="ID of the member.")
    points = graphene.Int(required=True, description="Points: above 0 to give, below 0 to take.")
    reason = LoyaltyAdjustmentReasonEnum(required=True, description="Why.")
    note = graphene.String(
        required=True, description="Why, in words that the member can read; up to 1000."
    )
    counts_for_tiers = graphene.Boolean(
        default_value=False,
        description="Whether it counts towards tiers too, not for the balance only.",
    )
    idempotency_key = graphene.String(
        description="A key that makes the adjustment happen once, however often it is sent."
    )

    class Meta:
        description = "Points to give or take by hand."
        doc_category = DOC_CATEGORY


def _member_changed(info: Any, pk: int) -> None:
    BalanceByMemberIdLoader(info.context).clear(pk)
    LotsByMemberIdLoader(info.context).clear(pk)


class LoyaltyPointsAdjust(LoyaltyMutation):
    """Gives or takes points by hand."""

    member = graphene.Field(LoyaltyMember, description="The member, with the new balance.")
    adjustment = graphene.Field(
        LoyaltyAdjustment, description="The adjustment: done, or waiting for a second person."
    )

    class Arguments:
        input = LoyaltyPointsAdjustInput(required=True, description="The adjustment.")

    class Meta:
        description = (
            "Gives or takes points by hand, for a reason. Beyond the programme's limit for one "
            "person and day it waits until somebody else approves. "
            "Taking more points than are available is refused."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, input: dict[str, Any]) -> Any:
        pk = cls.get_pk(input["member_id"], only_type="LoyaltyMember", field="member_id")
        adjustment = adjust_points(
            member_id=pk,
            points=input["points"],
            reason=AdjustmentReason(input["reason"]),
            note=input["note"],
            is_qualifying=input["counts_for_tiers"],
            idempotency_key=input.get("idempotency_key"),
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        _member_changed(info, adjustment.member_id)
        return cls(member=adjustment.member, adjustment=adjustment)


class _Decision(LoyaltyMutation):
    """Decides about an adjustment that waits."""

    is_approved: bool

    class Meta:
        abstract = True

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        adjustment = decide_adjustment(
            adjustment_id=cls.get_pk(id, only_type="LoyaltyAdjustment", field="id"),
            is_approved=cls.is_approved,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        _member_changed(info, adjustment.member_id)
        return cls(adjustment=adjustment)


class LoyaltyAdjustmentApprove(_Decision):
    """Approves an adjustment."""

    adjustment = graphene.Field(LoyaltyAdjustment, description="The approved adjustment.")
    is_approved = True

    class Arguments:
        id = graphene.ID(required=True, description="ID of an adjustment that waits.")

    class Meta:
        description = "Approves an adjustment that waits. Nobody can approve their own."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType


class LoyaltyAdjustmentReject(_Decision):
    """Rejects an adjustment."""

    adjustment = graphene.Field(LoyaltyAdjustment, description="The rejected adjustment.")
    is_approved = False

    class Arguments:
        id = graphene.ID(required=True, description="ID of an adjustment that waits.")

    class Meta:
        description = "Rejects an adjustment that waits; nothing moves."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType


class LoyaltyPointsRelease(LoyaltyMutation):
    """Makes pending points available."""

    member = graphene.Field(LoyaltyMember, description="The member, with the new balance.")

    class Arguments:
        member_id = graphene.ID(required=True, description="ID of the member.")
        order_id = graphene.ID(description="ID of an order: only its points.")

    class Meta:
        description = "Makes a member's pending points available at once, all or an order's."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, member_id: str, order_id: str | None = None) -> Any:
        only = (
            cls.get_global_id_or_error(order_id, only_type="Order", field="order_id")
            if order_id
            else ""
        )
        member = release_points(
            member_id=cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id"),
            order_id=only,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        _member_changed(info, member.pk)
        return cls(member=member)


class LoyaltyDebtForgive(LoyaltyMutation):
    """Forgives a debt."""

    member = graphene.Field(LoyaltyMember, description="The member, with the new balance.")

    class Arguments:
        member_id = graphene.ID(required=True, description="ID of the member.")
        note = graphene.String(
            required=True, description="Why, in words that the member can read; up to 1000."
        )

    class Meta:
        description = "Forgives all that a member owes. Without a debt nothing happens."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, member_id: str, note: str) -> Any:
        member = forgive_debt(
            member_id=cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id"),
            note=note,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        _member_changed(info, member.pk)
        return cls(member=member)


class LoyaltyActivityReport(LoyaltyMutation):
    """Reports an activity."""

    member = graphene.Field(LoyaltyMember, description="The member, with the new balance.")
    points = graphene.Int(description="Points that the activity gave; 0 when it was known.")

    class Arguments:
        member_id = graphene.ID(required=True, description="ID of the member.")
        name = graphene.String(
            required=True, description='What it was, as rules name it, e.g. "review".'
        )
        key = graphene.String(
            required=True, description="What tells one from another: the same is rewarded once."
        )
        happened_at = DateTime(description="When it was. Default: now.")

    class Meta:
        description = (
            "Reports something that a member did in the shop or elsewhere, such as a review. "
            "Rules with the trigger ACTIVITY and this name give points for it, once a key."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, member_id: str, name: str, key: str, happened_at: Any = None) -> Any:
        pk = cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id")
        now = timezone.now()
        points = report_activity(
            member_id=pk, name=name, key=key, happened_at=happened_at or now, now=now
        )
        _member_changed(info, pk)
        return cls(member=MemberByIdLoader(info.context).load(pk), points=points)


class LoyaltyAdjustmentMutations(graphene.ObjectType):
    """Mutations of points by hand."""

    loyalty_points_adjust = LoyaltyPointsAdjust.Field()
    loyalty_adjustment_approve = LoyaltyAdjustmentApprove.Field()
    loyalty_adjustment_reject = LoyaltyAdjustmentReject.Field()
    loyalty_points_release = LoyaltyPointsRelease.Field()
    loyalty_debt_forgive = LoyaltyDebtForgive.Field()
    loyalty_activity_report = LoyaltyActivityReport.Field()
