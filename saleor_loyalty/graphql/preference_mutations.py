"""Members choose what to hear; staff record what they were told."""

from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.types import BaseInputObjectType, NonNullList
from saleor.permission.auth_filters import AuthorizationFilters

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.preferences import (
    change_own_preferences,
    change_preferences_by_link,
    record_consent,
    set_own_days,
)
from saleor_loyalty.graphql.access import actor_of
from saleor_loyalty.graphql.email_enums import LoyaltyEmailKindEnum, LoyaltyPersonalDayKindEnum
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.mail_loaders import DaysByMemberIdLoader, PreferencesByMemberIdLoader
from saleor_loyalty.graphql.member_mutations import channel_id_of
from saleor_loyalty.graphql.members import LoyaltyMember
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.preferences import LoyaltyPreferences, preferences_of
from saleor_loyalty.mailings.operations import DayInput, PreferenceChanges
from saleor_loyalty.mailings.rules import ConsentSource, DayKind
from saleor_loyalty.shop.permissions import LoyaltyPermissions


class LoyaltyConsentRecordSourceEnum(graphene.Enum):
    """Where staff know a consent from."""

    STAFF = ConsentSource.STAFF.value
    IMPORT = ConsentSource.IMPORT.value

    class Meta:
        description = "Where staff know a consent from."
        doc_category = DOC_CATEGORY


class LoyaltyKindPreferenceInput(BaseInputObjectType):
    """A kind to switch."""

    kind = LoyaltyEmailKindEnum(
        required=True, description="A kind as `LoyaltyPreferences.kinds` lists them."
    )
    is_on = graphene.Boolean(required=True, description="Whether the member wants it.")

    class Meta:
        description = "A kind of mail to switch on or off."
        doc_category = DOC_CATEGORY


class LoyaltyPreferencesInput(BaseInputObjectType):
    """What to change."""

    accepts_marketing = graphene.Boolean(description="Whether the member agrees to marketing.")
    kinds = NonNullList(LoyaltyKindPreferenceInput, description="Kinds to switch; the others stay.")
    language_code = LanguageCodeEnum(
        description="The language of mails; null: the order's or the account's."
    )
    time_zone = graphene.String(
        description="IANA name of the zone that quiet hours are in; null: the programme's."
    )

    class Meta:
        description = "What a member changes; what is left out stays as it is."
        doc_category = DOC_CATEGORY


class LoyaltyPersonalDayInput(BaseInputObjectType):
    """A day."""

    kind = LoyaltyPersonalDayKindEnum(required=True, description="What it is.")
    name = graphene.String(
        required=True, description="What the member calls it, 1 to 60 characters."
    )
    month = graphene.Int(required=True, description="Its month, 1 to 12.")
    day = graphene.Int(
        required=True, description="Its day; of 29 February it is the 28th in other years."
    )

    class Meta:
        description = "A day of every year, such as a child's birthday."
        doc_category = DOC_CATEGORY


class LoyaltyPreferencesUpdate(LoyaltyMutation):
    """Changes the caller's preferences."""

    member = graphene.Field(LoyaltyMember, description="The caller's membership.")
    preferences = graphene.Field(LoyaltyPreferences, description="What they chose.")

    class Arguments:
        channel = graphene.String(required=True, description="Slug of the channel.")
        input = LoyaltyPreferencesInput(required=True, description="What to change.")

    class Meta:
        description = (
            "Changes what the member who calls wants to hear. A yes or no to marketing is "
            "recorded with the time; a repeat records nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (AuthorizationFilters.AUTHENTICATED_USER,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, channel: str, input: dict[str, Any]) -> Any:
        member = change_own_preferences(
            user_id=info.context.user.pk,
            channel_id=channel_id_of(channel),
            changes=_changes(input),
            now=timezone.now(),
        )
        PreferencesByMemberIdLoader(info.context).clear(member.pk)
        return cls(member=member, preferences=preferences_of(member, info))


class LoyaltyPreferencesUpdateByToken(LoyaltyMutation):
    """Changes preferences by a link."""

    preferences = graphene.Field(LoyaltyPreferences, description="What they chose.")

    class Arguments:
        token = graphene.String(required=True, description="The token of a link in a mail.")
        input = LoyaltyPreferencesInput(required=True, description="What to change.")

    class Meta:
        description = (
            "Changes what the member wants to hear whom a link in a mail is for, without a login: "
            "for a storefront's own page of preferences."
        )
        doc_category = DOC_CATEGORY
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, token: str, input: dict[str, Any]) -> Any:
        member = change_preferences_by_link(
            token=token, changes=_changes(input), now=timezone.now()
        )
        PreferencesByMemberIdLoader(info.context).clear(member.pk)
        return cls(preferences=preferences_of(member, info))


class LoyaltyPersonalDaysUpdate(LoyaltyMutation):
    """Replaces the caller's days."""

    member = graphene.Field(LoyaltyMember, description="The caller's membership.")

    class Arguments:
        channel = graphene.String(required=True, description="Slug of the channel.")
        days = NonNullList(
            LoyaltyPersonalDayInput, required=True, description="All their days, at most ten."
        )

    class Meta:
        description = (
            "Replaces the days that the member who calls told us of; what stays the same stays."
        )
        doc_category = DOC_CATEGORY
        permissions = (AuthorizationFilters.AUTHENTICATED_USER,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, channel: str, days: list[dict[str, Any]]) -> Any:
        member = set_own_days(
            user_id=info.context.user.pk,
            channel_id=channel_id_of(channel),
            days=[
                DayInput(
                    kind=DayKind(one["kind"]), name=one["name"], month=one["month"], day=one["day"]
                )
                for one in days
            ],
            now=timezone.now(),
        )
        DaysByMemberIdLoader(info.context).clear(member.pk)
        return cls(member=member)


class LoyaltyConsentRecord(LoyaltyMutation):
    """Records a consent."""

    member = graphene.Field(LoyaltyMember, description="The member.")

    class Arguments:
        member = graphene.ID(required=True, description="ID of the member.")
        is_given = graphene.Boolean(
            required=True, description="Whether they agreed to marketing, or took it back."
        )
        source = LoyaltyConsentRecordSourceEnum(
            required=True, description="Where that is known from."
        )
        wording = graphene.String(
            default_value="",
            description="What they agreed to, word for word; up to 5000 characters.",
        )

    class Meta:
        description = (
            "Records that a member told staff, or another system, yes or no to marketing. "
            "The same again records nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, member: str, is_given: bool, source: str, wording: str) -> Any:
        changed = record_consent(
            member_id=cls.get_pk(member, only_type="LoyaltyMember", field="member"),
            is_given=is_given,
            source=ConsentSource(source),
            wording=wording,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        PreferencesByMemberIdLoader(info.context).clear(changed.pk)
        return cls(member=changed)


def _changes(given: dict[str, Any]) -> PreferenceChanges:
    kinds = given.get("kinds")
    return PreferenceChanges(
        accepts_marketing=given.get("accepts_marketing"),
        switched=None if kinds is None else {EmailKind(one["kind"]): one["is_on"] for one in kinds},
        **{name: given[name] or "" for name in ("language_code", "time_zone") if name in given},
    )


class LoyaltyPreferenceMutations(graphene.ObjectType):
    """Mutations of preferences."""

    loyalty_preferences_update = LoyaltyPreferencesUpdate.Field()
    loyalty_preferences_update_by_token = LoyaltyPreferencesUpdateByToken.Field()
    loyalty_personal_days_update = LoyaltyPersonalDaysUpdate.Field()
    loyalty_consent_record = LoyaltyConsentRecord.Field()
