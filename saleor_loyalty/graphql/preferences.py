"""What members chose to hear, and the days that they told us of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import graphene
from saleor.graphql.account.dataloaders import UserByUserIdLoader
from saleor.graphql.core.connection import CountableConnection
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.fields import BaseField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseObjectType, NonNullList
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.emails.defaults import kind_name
from saleor_loyalty.emails.rules import EmailKind, Purpose, purpose_of
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.preferences import member_of_link
from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.email_enums import (
    LoyaltyConsentSourceEnum,
    LoyaltyEmailKindEnum,
    LoyaltyEmailPurposeEnum,
    LoyaltyPersonalDayKindEnum,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import query_error
from saleor_loyalty.graphql.mail_loaders import (
    MailingByProgramIdLoader,
    PreferencesByMemberIdLoader,
)
from saleor_loyalty.mailings import models
from saleor_loyalty.mailings.rules import CHOICES, MailingTerms, choice_of
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.rules import masked

KNOWN_LANGUAGES = frozenset(value.value for value in LanguageCodeEnum._meta.enum)
FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True)
class Chosen:
    """What a member chose; `row` None: nothing yet."""

    member: Member
    row: models.MemberPreferences | None


@dataclass(frozen=True)
class KindChoice:
    """Whether a member wants a kind."""

    chosen: Chosen
    kind: EmailKind
    is_on: bool


class LoyaltyKindPreference(BaseObjectType):
    """Whether a member wants a kind of mail."""

    kind = graphene.Field(LoyaltyEmailKindEnum, required=True, description="The kind of mail.")
    name = graphene.String(
        required=True,
        language_code=LanguageCodeEnum(description="A language. Default: the member's."),
        description="What it is called, for the member to read.",
    )
    purpose = graphene.Field(
        LoyaltyEmailPurposeEnum,
        required=True,
        description="MARKETING comes to those alone who accept marketing as well.",
    )
    is_on = graphene.Boolean(required=True, description="Whether the member did not stop it.")

    class Meta:
        description = "Whether a member wants a kind of mail, in all its forms."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_name(root: KindChoice, info: Any, *, language_code: str | None = None) -> Any:
        if language_code:
            return kind_name(root.kind, language_code=language_code)
        return language_of(root.chosen, info).then(
            lambda code: kind_name(root.kind, language_code=code)
        )

    @staticmethod
    def resolve_purpose(root: KindChoice, _info: Any) -> Purpose:
        return purpose_of(root.kind)


class LoyaltyPreferences(BaseObjectType):
    """What a member chose."""

    masked_email = graphene.String(
        required=True,
        description='Where mails go, as its owner knows it again: "a***@example.com".',
    )
    accepts_marketing = graphene.Boolean(
        required=True, description="Whether the member agreed to marketing."
    )
    consented_at = DateTime(
        description="When the member last agreed or took it back; null: they never said."
    )
    consent_source = graphene.Field(
        LoyaltyConsentSourceEnum, description="Where that was; null: they never said."
    )
    kinds = NonNullList(
        LoyaltyKindPreference,
        required=True,
        description="The kinds of mail that the programme sends and that can be stopped.",
    )
    language_code = graphene.Field(
        LanguageCodeEnum, description="The language of mails; null: the order's or the account's."
    )
    time_zone = graphene.String(
        description="IANA name of the zone that quiet hours are in; null: the programme's."
    )

    class Meta:
        description = "What a member chose to hear, and how."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_masked_email(root: Chosen, info: Any) -> Any:
        if root.member.user_id is None:
            return masked(root.member.email)
        user = UserByUserIdLoader(info.context).load(root.member.user_id)
        return user.then(lambda found: masked(found.email) if found else "")

    @staticmethod
    def resolve_accepts_marketing(root: Chosen, _info: Any) -> bool:
        return bool(root.row and root.row.accepts_marketing)

    @staticmethod
    def resolve_consented_at(root: Chosen, _info: Any) -> datetime | None:
        return root.row.consented_at if root.row else None

    @staticmethod
    def resolve_consent_source(root: Chosen, _info: Any) -> str | None:
        return (root.row.consent_source or None) if root.row else None

    @staticmethod
    def resolve_kinds(root: Chosen, info: Any) -> Any:
        def shown(terms: MailingTerms) -> list[KindChoice]:
            sent = {choice_of(kind) for kind in EmailKind if terms.kind(kind).is_on}
            stopped = set(root.row.stopped) if root.row else set()
            return [
                KindChoice(root, one, one.value not in stopped) for one in CHOICES if one in sent
            ]

        return MailingByProgramIdLoader(info.context).load(root.member.program_id).then(shown)

    @staticmethod
    def resolve_language_code(root: Chosen, _info: Any) -> str | None:
        code = root.row.language_code if root.row else ""
        return code if code in KNOWN_LANGUAGES else None

    @staticmethod
    def resolve_time_zone(root: Chosen, _info: Any) -> str | None:
        return (root.row.time_zone or None) if root.row else None


def preferences_of(member: Member, info: Any) -> Any:
    """Return (a promise of) what a member chose."""
    row = PreferencesByMemberIdLoader(info.context).load(member.pk)
    return row.then(lambda found: Chosen(member, found))


def language_of(chosen: Chosen, info: Any) -> Any:
    """Return (a promise of) the language that a member reads: chosen, else the account's."""
    code = chosen.row.language_code if chosen.row else ""
    user_id = chosen.member.user_id
    return (
        UserByUserIdLoader(info.context)
        .load(user_id or 0)
        .then(lambda user: code or (user.language_code if user else FALLBACK_LANGUAGE))
    )


class LoyaltyPersonalDay(ModelObjectType[models.PersonalDay]):
    """A day that a member told us of."""

    id = graphene.GlobalID(required=True, description="ID of the day.")
    kind = graphene.Field(LoyaltyPersonalDayKindEnum, required=True, description="What it is.")
    name = graphene.String(required=True, description="What the member calls it.")
    month = graphene.Int(required=True, description="Its month, 1 to 12.")
    day = graphene.Int(required=True, description="Its day of the month.")

    class Meta:
        description = "A day of every year that a member told us of."
        interfaces = [graphene.relay.Node]
        model = models.PersonalDay
        doc_category = DOC_CATEGORY


class LoyaltyConsent(ModelObjectType[models.Consent]):
    """A yes or no to marketing."""

    id = graphene.GlobalID(required=True, description="ID of the record.")
    is_given = graphene.Boolean(required=True, description="Whether they agreed or took it back.")
    source = graphene.Field(LoyaltyConsentSourceEnum, required=True, description="Where.")
    wording = graphene.String(
        required=True, description="What they read; empty where the source does not tell."
    )
    actor = graphene.String(
        required=True, description='By whose hand: "user:<id>", "app:<id>", or empty for a link.'
    )
    created_at = DateTime(required=True, description="When.")

    class Meta:
        description = "A proof that a member agreed to marketing, or took it back."
        interfaces = [graphene.relay.Node]
        model = models.Consent
        doc_category = DOC_CATEGORY


class LoyaltyConsentCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyConsent


class LoyaltyPreferenceQueries(graphene.ObjectType):
    """Queries about preferences."""

    loyalty_preferences_by_token = BaseField(
        LoyaltyPreferences,
        token=graphene.String(required=True, description="The token of a link in a mail."),
        description=(
            "What the member chose whom a link in a mail is for, without a login. The error's "
            "`extensions.code` is LINK_INVALID or LINK_EXPIRED, or NOT_A_MEMBER where the "
            "account was deleted."
        ),
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_preferences_by_token(_root: Any, info: Any, *, token: str) -> Any:
        try:
            member = member_of_link(token, using=get_database_connection_name(info.context))
        except LoyaltyError as error:
            raise query_error(error) from error
        return preferences_of(member, info)
