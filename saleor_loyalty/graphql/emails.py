"""The log of mails, for staff."""

from typing import Any

import graphene
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.emails import models
from saleor_loyalty.emails.queries import email_log
from saleor_loyalty.emails.rules import EmailKind, EmailStatus
from saleor_loyalty.graphql.access import null_when_off
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.shop.permissions import LoyaltyPermissions

LoyaltyEmailKindEnum = enum_of(EmailKind, name="LoyaltyEmailKindEnum")
LoyaltyEmailStatusEnum = enum_of(EmailStatus, name="LoyaltyEmailStatusEnum")


class LoyaltyEmail(ModelObjectType[models.EmailMessage]):
    """A mail on its way."""

    id = graphene.GlobalID(required=True, description="ID of the mail.")
    kind = graphene.Field(LoyaltyEmailKindEnum, required=True, description="What it is.")
    status = graphene.Field(
        LoyaltyEmailStatusEnum, required=True, description="Where it is on its way."
    )
    recipient = graphene.String(required=True, description="Address it goes to.")
    language_code = graphene.String(required=True, description="Language it was asked for in.")
    attempts = graphene.Int(required=True, description="How often sending was tried.")
    error = graphene.String(required=True, description="Why the last attempt failed.")
    created_at = DateTime(required=True, description="When it was queued.")
    sent_at = DateTime(description="When the mail server took it.")

    class Meta:
        description = "A mail of the loyalty programme."
        interfaces = [graphene.relay.Node]
        model = models.EmailMessage
        doc_category = DOC_CATEGORY


class LoyaltyEmailCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyEmail


class LoyaltyEmailQueries(graphene.ObjectType):
    """Queries about mails."""

    loyalty_emails = ConnectionField(
        LoyaltyEmailCountableConnection,
        status=LoyaltyEmailStatusEnum(description="Only mails with this status."),
        description="Mails of the loyalty programme, newest first.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_emails(
        _root: Any, info: Any, *, status: str | None = None, **kwargs: Any
    ) -> Any:
        emails = email_log(using=get_database_connection_name(info.context))
        if status is not None:
            emails = emails.filter(status=status)
        return create_connection_slice(emails, info, kwargs, LoyaltyEmailCountableConnection)
