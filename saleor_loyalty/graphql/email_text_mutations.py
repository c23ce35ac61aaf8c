"""Staff write the texts of mails, and try them."""

from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.types import BaseInputObjectType, BaseObjectType, NonNullList

from saleor_loyalty.emails.editing import LONGEST, reset_texts, restore_texts, save_texts
from saleor_loyalty.emails.envelopes import MailSender
from saleor_loyalty.emails.rendering import RenderedEmail
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.trials import (
    Page,
    Proposal,
    TrialRecipientForbidden,
    send_trial,
    try_email,
)
from saleor_loyalty.flows.try_mails import trial_facts
from saleor_loyalty.graphql.access import actor_of
from saleor_loyalty.graphql.email_enums import LoyaltyEmailBlockEnum, LoyaltyEmailKindEnum
from saleor_loyalty.graphql.email_texts import (
    BLOCKS,
    BUTTON_URL,
    PARTS,
    LoyaltyEmailTexts,
    Texts,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.member_mutations import channel_id_of
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.shop.mail import mail_sender
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.post_office import find_people, link_maker, pictures_of
from saleor_loyalty.shop.settings import LoyaltySettings, load_settings

KIND = "The kind of mail."
LANGUAGE = "The language."
CHANNEL = "Slug of a channel; left out: all that have no texts of their own."


class _PartsInput:
    """The fields of texts, from the table of parts."""


for _name, _description in PARTS.items():
    setattr(
        _PartsInput,
        _name,
        graphene.String(description=f"{_description} At most {LONGEST[_name]} characters."),
    )


class LoyaltyEmailTextsInput(_PartsInput, BaseInputObjectType):
    """What the shop writes."""

    button_url = graphene.String(description=BUTTON_URL)
    blocks = NonNullList(LoyaltyEmailBlockEnum, description=BLOCKS)

    class Meta:
        description = (
            "All that the shop writes of a mail; what is left out or empty is as it comes. Texts "
            "have {variables} and [optional parts with a {variable}]; [[ and ]] are brackets."
        )
        doc_category = DOC_CATEGORY


class LoyaltyEmailPreviewResult(BaseObjectType):
    """A mail as it would be."""

    subject = graphene.String(required=True, description="Its subject.")
    text = graphene.String(required=True, description="It as plain text.")
    html = graphene.String(required=True, description="It as a page.")
    language_code = graphene.Field(
        LanguageCodeEnum, required=True, description="The language that it is in."
    )
    untranslated = NonNullList(
        graphene.String,
        required=True,
        description="Sentences that the language lacks, and that are in English.",
    )

    class Meta:
        description = "A mail as it would be."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_language_code(root: RenderedEmail, _info: Any) -> str:
        return root.language


def _proposal(given: dict[str, Any] | None) -> Proposal | None:
    if given is None:
        return None
    parts = {name: given[name] for name in LONGEST if given.get(name) is not None}
    return Proposal(parts=parts, blocks=given.get("blocks"))


class LoyaltyEmailTextsUpdate(LoyaltyMutation):
    """Saves texts."""

    texts = graphene.Field(LoyaltyEmailTexts, description="The texts, with the new version.")

    class Arguments:
        kind = LoyaltyEmailKindEnum(required=True, description=KIND)
        language_code = LanguageCodeEnum(required=True, description=LANGUAGE)
        channel = graphene.String(description=CHANNEL)
        input = LoyaltyEmailTextsInput(required=True, description="All that the shop writes.")

    class Meta:
        description = (
            "Saves the shop's own texts of a mail as a new version, which counts at once. What "
            "could not be sent is refused. The same again changes nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls,
        info: Any,
        *,
        kind: str,
        language_code: str,
        input: dict[str, Any],
        channel: str | None = None,
    ) -> Any:
        texts = _texts(kind, language_code, channel)
        proposal = _proposal(input)
        assert proposal is not None
        save_texts(
            kind=texts.kind,
            language_code=language_code,
            channel_id=texts.channel_id,
            parts=proposal.parts,
            blocks=proposal.blocks,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        return cls(texts=texts)


class LoyaltyEmailTextsReset(LoyaltyMutation):
    """Resets texts."""

    texts = graphene.Field(LoyaltyEmailTexts, description="The texts.")

    class Arguments:
        kind = LoyaltyEmailKindEnum(required=True, description=KIND)
        language_code = LanguageCodeEnum(required=True, description=LANGUAGE)
        channel = graphene.String(description=CHANNEL)

    class Meta:
        description = "Makes a mail's texts and blocks as they come again; older versions are kept."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, kind: str, language_code: str, channel: str | None = None) -> Any:
        texts = _texts(kind, language_code, channel)
        reset_texts(
            kind=texts.kind,
            language_code=language_code,
            channel_id=texts.channel_id,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        return cls(texts=texts)


class LoyaltyEmailTextsRestore(LoyaltyMutation):
    """Restores texts."""

    texts = graphene.Field(LoyaltyEmailTexts, description="The texts, with the new version.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the version.")

    class Meta:
        description = "Makes an older version of a mail's texts count again, as a new one."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        row = restore_texts(
            text_id=cls.get_pk(id, only_type="LoyaltyEmailTextVersion", field="id"),
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        return cls(texts=Texts(EmailKind(row.kind), row.language_code, row.channel_id))


class LoyaltyEmailPreview(LoyaltyMutation):
    """Shows a mail."""

    preview = graphene.Field(LoyaltyEmailPreviewResult, description="The mail.")

    class Arguments:
        kind = LoyaltyEmailKindEnum(required=True, description=KIND)
        language_code = LanguageCodeEnum(required=True, description=LANGUAGE)
        channel = graphene.String(description=CHANNEL)
        member = graphene.ID(
            description="ID of a member: their last mail of the kind, or one with their points."
        )
        input = LoyaltyEmailTextsInput(description="Texts that are not saved.")

    class Meta:
        description = (
            "Shows a mail as it would be, with made-up facts or a member's. Nothing is written."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls,
        info: Any,
        *,
        kind: str,
        language_code: str,
        channel: str | None = None,
        member: str | None = None,
        input: dict[str, Any] | None = None,
    ) -> Any:
        texts = _texts(kind, language_code, channel)
        member_id = member and cls.get_pk(member, only_type="LoyaltyMember", field="member")
        settings = load_settings() or LoyaltySettings()
        sender = mail_sender(texts.channel_id, settings=settings)
        return cls(
            preview=_tried(texts, sender, settings, member_id=member_id or None, given=input)
        )


class LoyaltyEmailTestSend(LoyaltyMutation):
    """Sends a test mail."""

    recipient = graphene.String(description="The address that it went to.")

    class Arguments:
        kind = LoyaltyEmailKindEnum(required=True, description=KIND)
        language_code = LanguageCodeEnum(required=True, description=LANGUAGE)
        channel = graphene.String(description=CHANNEL)
        recipient = graphene.String(
            description="An address. Staff: their own alone, which is the default; apps: any."
        )
        input = LoyaltyEmailTextsInput(description="Texts that are not saved.")

    class Meta:
        description = (
            "Sends a mail with made-up facts to one address at once, as the channel sends its "
            'mails, with "[Test]" before its subject. It is not in the log of mails.'
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls,
        info: Any,
        *,
        kind: str,
        language_code: str,
        channel: str | None = None,
        recipient: str | None = None,
        input: dict[str, Any] | None = None,
    ) -> Any:
        address = _own_address(info, recipient or "")
        texts = _texts(kind, language_code, channel)
        settings = load_settings() or LoyaltySettings()
        sender = mail_sender(texts.channel_id, settings=settings)
        rendered = _tried(texts, sender, settings, member_id=None, given=input)
        send_trial(rendered=rendered, recipient=address, sender=sender)
        return cls(recipient=address)


def _own_address(info: Any, recipient: str) -> str:
    """Return where a test mail goes: an app's choice, else the address of who asks.

    Raises:
        TrialRecipientForbidden: staff named somebody else's.

    """
    if info.context.app:
        return recipient
    own = str(info.context.user.email)
    if recipient and recipient.strip().lower() != own.lower():
        raise TrialRecipientForbidden(field="recipient")
    return own


def _texts(kind: str, language_code: str, channel: str | None) -> Texts:
    channel_id = None if channel is None else channel_id_of(channel)
    return Texts(EmailKind(kind), language_code, channel_id)


def _tried(
    texts: Texts,
    sender: MailSender,
    settings: LoyaltySettings,
    *,
    member_id: int | None,
    given: dict[str, Any] | None,
) -> RenderedEmail:
    found = trial_facts(
        kind=texts.kind, member_id=member_id, find_people=find_people, now=timezone.now()
    )
    lines = found.facts.get("lines", ()) if found.was_sent else ()
    links = link_maker(settings)
    page = Page(
        shop=sender.shop,
        preferences_url=links.preferences_base or f"{links.base}preferences/",
        pictures=pictures_of({line.get("product_id", "") for line in lines}),
    )
    return try_email(
        kind=texts.kind,
        language_code=texts.language_code,
        channel_id=texts.channel_id,
        facts=found.facts,
        page=page,
        proposal=_proposal(given),
    )


class LoyaltyEmailTextMutations(graphene.ObjectType):
    """Mutations of texts of mails."""

    loyalty_email_texts_update = LoyaltyEmailTextsUpdate.Field()
    loyalty_email_texts_reset = LoyaltyEmailTextsReset.Field()
    loyalty_email_texts_restore = LoyaltyEmailTextsRestore.Field()
    loyalty_email_preview = LoyaltyEmailPreview.Field()
    loyalty_email_test_send = LoyaltyEmailTestSend.Field()
