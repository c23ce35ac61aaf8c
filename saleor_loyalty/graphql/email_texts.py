"""The texts of mails: as they come, and as the shop wrote them."""

from dataclasses import dataclass
from typing import Any

import graphene
from saleor.graphql.channel.types import Channel
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.fields import ConnectionField, PermissionsField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseObjectType, NonNullList
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.site.dataloaders import get_site_promise

from saleor_loyalty.emails import models
from saleor_loyalty.emails.defaults import default_texts
from saleor_loyalty.emails.editing import LONGEST
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.languages import language_for
from saleor_loyalty.emails.queries import text_versions
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.specs import Block
from saleor_loyalty.emails.trials import sample_values
from saleor_loyalty.emails.variables import VARIABLES
from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.email_enums import (
    LoyaltyEmailBlockEnum,
    LoyaltyEmailKindEnum,
    LoyaltyEmailVariableTypeEnum,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.loaders import ChannelIdBySlugLoader
from saleor_loyalty.graphql.mail_loaders import ChannelByIdLoader
from saleor_loyalty.graphql.preferences import KNOWN_LANGUAGES
from saleor_loyalty.shop.permissions import LoyaltyPermissions

# The parts of a mail that the shop can write, and what each is.
PARTS: dict[str, str] = {
    "subject": "Its subject.",
    "preheader": "What lists of mails show behind the subject.",
    "heading": "Its heading.",
    "body": "Its text; empty lines are between paragraphs.",
    "closing": "What stands below the blocks; empty lines are between paragraphs.",
    "button": "What the button says.",
}
BUTTON_URL = "Where the button leads; empty: to the shop, or to the event that the mail is about."
BLOCKS = "What it shows beside its words, in this order; null: the usual blocks."


@dataclass(frozen=True)
class Texts:
    """The texts of a kind of mail in a language, for a channel or (None) all."""

    kind: EmailKind
    language_code: str
    channel_id: int | None


class _Parts:
    """The fields of texts, from the table above."""


for _name, _description in PARTS.items():
    setattr(_Parts, _name, graphene.String(required=True, description=_description))


class LoyaltyEmailDefaultTexts(_Parts, BaseObjectType):
    """The texts as they come."""

    language_code = graphene.Field(
        LanguageCodeEnum, required=True, description="The language that there are texts in."
    )

    class Meta:
        description = "The texts of a mail as they come; the shop's own take their place."
        doc_category = DOC_CATEGORY


class LoyaltyEmailTextVersion(_Parts, ModelObjectType[models.EmailText]):
    """A version of what the shop wrote."""

    id = graphene.GlobalID(required=True, description="ID of the version.")
    kind = graphene.Field(LoyaltyEmailKindEnum, required=True, description="The kind of mail.")
    language_code = graphene.Field(LanguageCodeEnum, description="The language.")
    channel = graphene.Field(Channel, description="The channel; null: all, or it was deleted.")
    version = graphene.Int(required=True, description="Its number, from 1.")
    is_current = graphene.Boolean(required=True, description="Whether it counts.")
    button_url = graphene.String(required=True, description=BUTTON_URL)
    blocks = NonNullList(LoyaltyEmailBlockEnum, description=BLOCKS)
    actor = graphene.String(required=True, description='Who saved it: "user:<id>" or "app:<id>".')
    created_at = DateTime(required=True, description="When.")

    class Meta:
        description = "What the shop wrote of a mail; what is empty is as it comes."
        interfaces = [graphene.relay.Node]
        model = models.EmailText
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_language_code(root: models.EmailText, _info: Any) -> str | None:
        return root.language_code if root.language_code in KNOWN_LANGUAGES else None

    @staticmethod
    def resolve_channel(root: models.EmailText, info: Any) -> Any:
        return root.channel_id and ChannelByIdLoader(info.context).load(root.channel_id)

    @staticmethod
    def resolve_blocks(root: models.EmailText, _info: Any) -> list[str] | None:
        known = {block.value for block in Block}
        return None if root.blocks is None else [one for one in root.blocks if one in known]


def _part_resolver(name: str) -> Any:
    def resolve(root: models.EmailText, _info: Any) -> str:
        return str(root.parts.get(name, ""))

    return resolve


for _name in LONGEST:
    setattr(LoyaltyEmailTextVersion, f"resolve_{_name}", staticmethod(_part_resolver(_name)))


class LoyaltyEmailTextVersionCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyEmailTextVersion


class LoyaltyEmailVariable(BaseObjectType):
    """A variable."""

    name = graphene.String(required=True, description="Its name; texts have it in braces.")
    type = graphene.Field(
        LoyaltyEmailVariableTypeEnum, required=True, description="How it is written."
    )
    is_always_there = graphene.Boolean(
        required=True, description="Whether it is never empty; else it needs an [optional part]."
    )
    sample = graphene.String(
        required=True, description="What it could say in the language; empty: often nothing."
    )

    class Meta:
        description = "What a text of a mail can have in it."
        doc_category = DOC_CATEGORY


class LoyaltyEmailTexts(BaseObjectType):
    """The texts of a mail."""

    kind = graphene.Field(LoyaltyEmailKindEnum, required=True, description="The kind of mail.")
    language_code = graphene.Field(LanguageCodeEnum, required=True, description="The language.")
    channel = graphene.Field(Channel, description="The channel; null: all without own texts.")
    defaults = graphene.Field(
        LoyaltyEmailDefaultTexts,
        required=True,
        description="The texts as they come, in the language, or in English where there are none.",
    )
    own = graphene.Field(
        LoyaltyEmailTextVersion,
        description="What the shop wrote for just this language and channel; null: nothing.",
    )
    variables = NonNullList(
        LoyaltyEmailVariable, required=True, description="What its texts can have in them."
    )
    blocks = NonNullList(
        LoyaltyEmailBlockEnum, required=True, description="Its blocks, in their usual order."
    )
    versions = ConnectionField(
        LoyaltyEmailTextVersionCountableConnection,
        required=True,
        description="All that the shop wrote for this language and channel, newest first.",
    )

    class Meta:
        description = "The texts of a kind of mail in a language."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_channel(root: Texts, info: Any) -> Any:
        return root.channel_id and ChannelByIdLoader(info.context).load(root.channel_id)

    @staticmethod
    def resolve_defaults(root: Texts, _info: Any) -> LoyaltyEmailDefaultTexts:
        return LoyaltyEmailDefaultTexts(
            language_code=language_for(root.language_code),
            **default_texts(root.kind, language_code=root.language_code),
        )

    @staticmethod
    def resolve_own(root: Texts, info: Any) -> models.EmailText | None:
        row = _versions(root, info).filter(is_current=True).first()
        return row if row and (row.parts or row.blocks is not None) else None

    @staticmethod
    def resolve_variables(root: Texts, info: Any) -> Any:
        spec = KINDS[root.kind]

        def shown(site: Any) -> list[LoyaltyEmailVariable]:
            samples = sample_values(
                root.kind, language_code=root.language_code, shop_name=site.name
            )
            return [
                LoyaltyEmailVariable(
                    name=name,
                    type=VARIABLES[name].value,
                    is_always_there=name in spec.always,
                    sample=samples[name],
                )
                for name in spec.allowed
            ]

        return get_site_promise(info.context).then(shown)

    @staticmethod
    def resolve_blocks(root: Texts, _info: Any) -> list[str]:
        return [block.value for block in KINDS[root.kind].blocks]

    @staticmethod
    def resolve_versions(root: Texts, info: Any, **kwargs: Any) -> Any:
        rows = _versions(root, info)
        return create_connection_slice(
            rows, info, kwargs, LoyaltyEmailTextVersionCountableConnection
        )


def _versions(root: Texts, info: Any) -> Any:
    return text_versions(
        kind=root.kind,
        language_code=root.language_code,
        channel_id=root.channel_id,
        using=get_database_connection_name(info.context),
    )


class LoyaltyEmailTextQueries(graphene.ObjectType):
    """Queries about texts of mails."""

    loyalty_email_texts = PermissionsField(
        LoyaltyEmailTexts,
        kind=LoyaltyEmailKindEnum(required=True, description="The kind of mail."),
        language_code=LanguageCodeEnum(required=True, description="The language."),
        channel=graphene.String(
            description="Slug of a channel; left out: all that have no texts of their own."
        ),
        description="The texts of a kind of mail; null where there is no such channel.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_email_texts(
        _root: Any, info: Any, *, kind: str, language_code: str, channel: str | None = None
    ) -> Any:
        if channel is None:
            return Texts(EmailKind(kind), language_code, None)
        found = ChannelIdBySlugLoader(info.context).load(channel.replace("\0", ""))
        return found.then(lambda pk: pk and Texts(EmailKind(kind), language_code, pk))
