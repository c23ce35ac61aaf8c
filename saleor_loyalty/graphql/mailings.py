"""How a programme sends its mails, as staff read it."""

from dataclasses import dataclass
from typing import Any

import graphene
from saleor.graphql.channel.types import Channel
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.types import BaseObjectType, NonNullList

from saleor_loyalty.emails.defaults import kind_name
from saleor_loyalty.emails.rules import EmailKind, Purpose, purpose_of
from saleor_loyalty.graphql.email_enums import (
    LoyaltyEmailKindEnum,
    LoyaltyEmailPurposeEnum,
    LoyaltyEmailTransportEnum,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.mail_loaders import ChannelByIdLoader, MailingByProgramIdLoader
from saleor_loyalty.graphql.preferences import FALLBACK_LANGUAGE, KNOWN_LANGUAGES
from saleor_loyalty.graphql.tier_loaders import TierByIdLoader
from saleor_loyalty.graphql.tiers import LoyaltyTier
from saleor_loyalty.mailings.rules import KindTerms, MailingTerms

# What staff set on a kind of mail, and read of it: type and description.
SWITCHES: dict[str, tuple[Any, str]] = {
    "is_on": (graphene.Boolean, "Whether the programme sends it."),
    "transport": (
        LoyaltyEmailTransportEnum,
        "Whether it leaves as a mail, or as an event to the shop's own tool.",
    ),
    "delay_hours": (graphene.Int, "Hours from what causes it until it leaves, 0 to 1440."),
    "send_hour": (
        graphene.Int,
        "What the calendar causes: the hour in the programme's zone, 0 to 23.",
    ),
}
DAYS_BEFORE = "How long it comes before what it warns of, 1 to 180; null: as the policy says."
TIERS = "Only to members of these tiers; empty: to all."
CHANNELS = "Only in these channels; empty: in all that the programme serves."
LANGUAGES = "Only in these languages; empty: in all."
# What staff set for all its mails together.
LIMITS: dict[str, str] = {
    "quiet_from": "Marketing waits from this hour of the member's day, 0 to 23.",
    "quiet_until": "Marketing waits until this hour; the same as `quietFrom`: never.",
    "weekly_limit": "Marketing mails that a member gets at most in any seven days.",
}
MILESTONES = "Orders with these numbers are thanked for as such."


@dataclass(frozen=True)
class Setting:
    """How a programme sends a kind."""

    kind: EmailKind
    terms: KindTerms


class LoyaltyEmailSetting(BaseObjectType):
    """How a programme sends a kind of mail."""

    kind = graphene.Field(LoyaltyEmailKindEnum, required=True, description="The kind of mail.")
    name = graphene.String(
        required=True,
        language_code=LanguageCodeEnum(description="A language. Default: English."),
        description="What it is called.",
    )
    purpose = graphene.Field(
        LoyaltyEmailPurposeEnum, required=True, description="SERVICE, or MARKETING by consent."
    )
    is_on = graphene.Boolean(required=True, description=SWITCHES["is_on"][1])
    transport = graphene.Field(
        LoyaltyEmailTransportEnum, required=True, description=SWITCHES["transport"][1]
    )
    delay_hours = graphene.Int(required=True, description=SWITCHES["delay_hours"][1])
    send_hour = graphene.Int(required=True, description=SWITCHES["send_hour"][1])
    days_before = graphene.Int(description=DAYS_BEFORE)
    tiers = NonNullList(LoyaltyTier, required=True, description=TIERS)
    channels = NonNullList(Channel, required=True, description=CHANNELS)
    language_codes = NonNullList(LanguageCodeEnum, required=True, description=LANGUAGES)

    class Meta:
        description = "How a programme sends a kind of mail."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_name(root: Setting, _info: Any, *, language_code: str | None = None) -> str:
        return kind_name(root.kind, language_code=language_code or FALLBACK_LANGUAGE)

    @staticmethod
    def resolve_purpose(root: Setting, _info: Any) -> Purpose:
        return purpose_of(root.kind)

    @staticmethod
    def resolve_is_on(root: Setting, _info: Any) -> bool:
        return root.terms.is_on

    @staticmethod
    def resolve_transport(root: Setting, _info: Any) -> str:
        return root.terms.transport.value

    @staticmethod
    def resolve_delay_hours(root: Setting, _info: Any) -> int:
        return root.terms.delay_hours

    @staticmethod
    def resolve_send_hour(root: Setting, _info: Any) -> int:
        return root.terms.send_hour

    @staticmethod
    def resolve_days_before(root: Setting, _info: Any) -> int | None:
        return root.terms.days_before

    @staticmethod
    def resolve_tiers(root: Setting, info: Any) -> Any:
        found = TierByIdLoader(info.context).load_many(list(root.terms.tier_ids))
        return found.then(lambda tiers: [one for one in tiers if one and one.deleted_at is None])

    @staticmethod
    def resolve_channels(root: Setting, info: Any) -> Any:
        found = ChannelByIdLoader(info.context).load_many(list(root.terms.channel_ids))
        return found.then(lambda channels: [one for one in channels if one])

    @staticmethod
    def resolve_language_codes(root: Setting, _info: Any) -> list[str]:
        return [code for code in root.terms.language_codes if code in KNOWN_LANGUAGES]


class LoyaltyMailing(BaseObjectType):
    """How a programme sends its mails."""

    quiet_from = graphene.Int(required=True, description=LIMITS["quiet_from"])
    quiet_until = graphene.Int(required=True, description=LIMITS["quiet_until"])
    weekly_limit = graphene.Int(required=True, description=LIMITS["weekly_limit"])
    milestones = NonNullList(graphene.Int, required=True, description=MILESTONES)
    kinds = NonNullList(
        LoyaltyEmailSetting,
        required=True,
        description="All kinds of mail, also those that are off.",
    )

    class Meta:
        description = "How a programme sends its mails."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_kinds(root: MailingTerms, _info: Any) -> list[Setting]:
        return [Setting(kind, root.kind(kind)) for kind in EmailKind]


def mailing_of(program_id: int, info: Any) -> Any:
    """Return (a promise of) how a programme sends its mails."""
    return MailingByProgramIdLoader(info.context).load(program_id)
