"""Staff set how a programme sends its mails."""

from typing import Any

import graphene
from django.utils import timezone
from saleor.graphql.core.enums import LanguageCodeEnum
from saleor.graphql.core.types import BaseInputObjectType, NonNullList

from saleor_loyalty.emails.rules import EmailKind, Transport
from saleor_loyalty.flows.set_mailings import set_email_kind, set_mailing
from saleor_loyalty.graphql.email_enums import LoyaltyEmailKindEnum
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.mail_loaders import MailingByProgramIdLoader
from saleor_loyalty.graphql.mailings import (
    CHANNELS,
    DAYS_BEFORE,
    LANGUAGES,
    LIMITS,
    MILESTONES,
    SWITCHES,
    TIERS,
)
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.programs import LoyaltyProgram
from saleor_loyalty.mailings.operations import MailingChanges
from saleor_loyalty.shop.permissions import LoyaltyPermissions


class LoyaltyMailingInput(BaseInputObjectType):
    """What to change for all mails."""

    quiet_from = graphene.Int(description=LIMITS["quiet_from"])
    quiet_until = graphene.Int(description=LIMITS["quiet_until"])
    weekly_limit = graphene.Int(description=LIMITS["weekly_limit"])
    milestones = NonNullList(graphene.Int, description=MILESTONES)

    class Meta:
        description = "What to change for all mails of a programme; what is left out stays."
        doc_category = DOC_CATEGORY


class LoyaltyEmailSettingInput(BaseInputObjectType):
    """What to change of a kind."""

    is_on = graphene.Boolean(description=SWITCHES["is_on"][1])
    transport = SWITCHES["transport"][0](description=SWITCHES["transport"][1])
    delay_hours = graphene.Int(description=SWITCHES["delay_hours"][1])
    send_hour = graphene.Int(description=SWITCHES["send_hour"][1])
    days_before = graphene.Int(description=DAYS_BEFORE)
    tiers = NonNullList(graphene.ID, description=TIERS)
    channels = NonNullList(graphene.ID, description=CHANNELS)
    language_codes = NonNullList(LanguageCodeEnum, description=LANGUAGES)

    class Meta:
        description = "What to change of how a kind of mail is sent; what is left out stays."
        doc_category = DOC_CATEGORY


class LoyaltyMailingUpdate(LoyaltyMutation):
    """Changes the limits of mails."""

    loyalty_program = graphene.Field(LoyaltyProgram, description="The programme.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        input = LoyaltyMailingInput(required=True, description="What to change.")

    class Meta:
        description = "Changes when and how often a programme sends marketing, and its milestones."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, input: dict[str, Any]) -> Any:
        changed = set_mailing(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            changes=MailingChanges(**input),
            now=timezone.now(),
        )
        MailingByProgramIdLoader(info.context).clear(changed.pk)
        return cls(loyalty_program=changed)


class LoyaltyEmailSettingUpdate(LoyaltyMutation):
    """Changes how a kind is sent."""

    loyalty_program = graphene.Field(LoyaltyProgram, description="The programme.")

    class Arguments:
        program = graphene.ID(required=True, description="ID of the programme.")
        kind = LoyaltyEmailKindEnum(required=True, description="The kind of mail.")
        input = LoyaltyEmailSettingInput(required=True, description="What to change.")

    class Meta:
        description = "Changes whether, when and to whom a programme sends a kind of mail."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, program: str, kind: str, input: dict[str, Any]) -> Any:
        changed = set_email_kind(
            program_id=cls.get_pk(program, only_type="LoyaltyProgram", field="program"),
            kind=EmailKind(kind),
            values=_values(cls, input),
            now=timezone.now(),
        )
        MailingByProgramIdLoader(info.context).clear(changed.pk)
        return cls(loyalty_program=changed)


def _values(mutation: type[LoyaltyMutation], given: dict[str, Any]) -> dict[str, Any]:
    """Return what is given as the engine names it; of all but `daysBefore`, null changes nothing."""
    values: dict[str, Any] = {
        name: given[name]
        for name in ("is_on", "delay_hours", "send_hour")
        if given.get(name) is not None
    }
    if "days_before" in given:
        values["days_before"] = given["days_before"]
    if given.get("transport") is not None:
        values["transport"] = Transport(given["transport"])
    if given.get("language_codes") is not None:
        values["language_codes"] = tuple(dict.fromkeys(given["language_codes"]))
    for field, name, kind in (
        ("tiers", "tier_ids", "LoyaltyTier"),
        ("channels", "channel_ids", "Channel"),
    ):
        if given.get(field) is not None:
            ids = [mutation.get_pk(one, only_type=kind, field=field) for one in given[field]]
            values[name] = tuple(dict.fromkeys(ids))
    return values


class LoyaltyMailingMutations(graphene.ObjectType):
    """Mutations of how programmes send mails."""

    loyalty_mailing_update = LoyaltyMailingUpdate.Field()
    loyalty_email_setting_update = LoyaltyEmailSettingUpdate.Field()
