"""The log of mails, and the addresses that none goes to any more, for staff."""

from typing import Any

import graphene
from django.utils import timezone
from graphql.error import GraphQLError
from saleor.graphql.core.connection import (
    CountableConnection,
    connection_from_queryset_slice,
    create_connection_slice,
)
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import ConnectionField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseObjectType
from saleor.graphql.core.types.model import ModelObjectType
from saleor.graphql.core.utils import from_global_id_or_error

from saleor_loyalty.emails import models
from saleor_loyalty.emails.operations import clear_address
from saleor_loyalty.emails.queries import address_failures, email_log
from saleor_loyalty.emails.rules import EmailKind, EmailStatus, Purpose, purpose_of
from saleor_loyalty.flows.mail_addresses import report_bounce, send_mail_again
from saleor_loyalty.graphql.access import actor_of, null_when_off
from saleor_loyalty.graphql.email_enums import (
    LoyaltyEmailKindEnum,
    LoyaltyEmailReasonEnum,
    LoyaltyEmailStatusEnum,
    LoyaltyEmailTransportEnum,
)
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.loaders import MemberByIdLoader
from saleor_loyalty.graphql.mail_loaders import EmailByIdLoader
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.members.queries import members_at
from saleor_loyalty.orders.queries import order_ids_numbered
from saleor_loyalty.shop.customers import accounts_of
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.post_office import find_people

MAX_A_PAGE = 100


class LoyaltyEmail(ModelObjectType[models.EmailMessage]):
    """A mail on its way."""

    id = graphene.GlobalID(required=True, description="ID of the mail.")
    kind = graphene.Field(LoyaltyEmailKindEnum, required=True, description="What it is.")
    is_marketing = graphene.Boolean(
        required=True, description="Whether it comes to those alone who accept marketing."
    )
    status = graphene.Field(
        LoyaltyEmailStatusEnum, required=True, description="Where it is on its way."
    )
    why = graphene.Field(
        LoyaltyEmailReasonEnum, description="Why it waits, or was not sent; null: neither."
    )
    transport = graphene.Field(
        LoyaltyEmailTransportEnum,
        required=True,
        description="Whether it leaves as a mail, or as an event to the shop's own tool.",
    )
    recipient = graphene.String(
        required=True, description="Address it goes to; empty until that is decided."
    )
    language_code = graphene.String(required=True, description="Language it was asked for in.")
    subject = graphene.String(required=True, description="Its subject; empty until it is sent.")
    member = graphene.Field(
        "saleor_loyalty.graphql.members.LoyaltyMember", description="The member whom it is for."
    )
    order_id = graphene.ID(description="ID of the order that it is about.")
    attempts = graphene.Int(required=True, description="How often sending was tried.")
    error = graphene.String(required=True, description="Why the last attempt failed.")
    created_at = DateTime(required=True, description="When it was queued.")
    due_at = DateTime(required=True, description="When it leaves at the earliest.")
    expires_at = DateTime(description="When it is not sent any more; null: never.")
    sent_at = DateTime(description="When the mail server took it.")
    again_of = graphene.Field(
        "saleor_loyalty.graphql.emails.LoyaltyEmail",
        description="The mail that staff sent once more by this one.",
    )

    class Meta:
        description = "A mail of the loyalty programme."
        interfaces = [graphene.relay.Node]
        model = models.EmailMessage
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_is_marketing(root: models.EmailMessage, _info: Any) -> bool:
        return purpose_of(EmailKind(root.kind)) is Purpose.MARKETING

    @staticmethod
    def resolve_why(root: models.EmailMessage, _info: Any) -> str | None:
        return root.why or None

    @staticmethod
    def resolve_member(root: models.EmailMessage, info: Any) -> Any:
        return root.member_id and MemberByIdLoader(info.context).load(root.member_id)

    @staticmethod
    def resolve_order_id(root: models.EmailMessage, _info: Any) -> str | None:
        return graphene.Node.to_global_id("Order", root.order_id) if root.order_id else None

    @staticmethod
    def resolve_again_of(root: models.EmailMessage, info: Any) -> Any:
        return root.again_of_id and EmailByIdLoader(info.context).load(root.again_of_id)


class LoyaltyEmailCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyEmail


class LoyaltyEmailAddressFailure(BaseObjectType):
    """An address that failed."""

    address = graphene.String(required=True, description="The address, in lower case.")
    error = graphene.String(required=True, description="What the mail server said last.")
    failures = graphene.Int(required=True, description="How often it refused the address.")
    failed_at = DateTime(required=True, description="When it did so last.")

    class Meta:
        description = "An address that a mail server refused for good; no mail goes there any more."
        doc_category = DOC_CATEGORY


class LoyaltyEmailAddressFailureCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyEmailAddressFailure


class LoyaltyEmailQueries(graphene.ObjectType):
    """Queries about mails."""

    loyalty_emails = ConnectionField(
        LoyaltyEmailCountableConnection,
        status=LoyaltyEmailStatusEnum(description="Only mails with this status."),
        kind=LoyaltyEmailKindEnum(description="Only mails of this kind."),
        member=graphene.ID(description="ID of a member: only mails for them."),
        order=graphene.ID(description="ID of an order: only mails about it."),
        search=graphene.String(
            description="How the address begins, or the number of the order that it is about."
        ),
        description="Mails of the loyalty programme, newest first.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )
    loyalty_email_address_failures = ConnectionField(
        LoyaltyEmailAddressFailureCountableConnection,
        description="Addresses that mail servers refused for good, the last ones first.",
        permissions=[LoyaltyPermissions.MANAGE_LOYALTY],
        doc_category=DOC_CATEGORY,
    )

    @staticmethod
    @null_when_off
    def resolve_loyalty_emails(
        _root: Any,
        info: Any,
        *,
        status: str | None = None,
        kind: str | None = None,
        member: str | None = None,
        order: str | None = None,
        search: str | None = None,
        **kwargs: Any,
    ) -> Any:
        using = get_database_connection_name(info.context)
        member_id = order_id = None
        if member:
            _, pk = from_global_id_or_error(member, "LoyaltyMember", raise_error=True)
            member_id = int(pk) if pk.isdecimal() else 0
        if order:
            _, order_id = from_global_id_or_error(order, "Order", raise_error=True)
        words = (search or "").replace("\0", "").strip()
        emails = email_log(
            status=EmailStatus(status) if status else None,
            kind=EmailKind(kind) if kind else None,
            member_id=member_id,
            order_id=order_id and order_id.replace("\0", ""),
            search=words,
            of_orders=order_ids_numbered(beginning=words.lstrip("#"), using=using),
            of_members=members_at(address=words, using=using),
            using=using,
        )
        return create_connection_slice(emails, info, kwargs, LoyaltyEmailCountableConnection)

    @staticmethod
    @null_when_off
    def resolve_loyalty_email_address_failures(_root: Any, info: Any, **kwargs: Any) -> Any:
        rows = address_failures(using=get_database_connection_name(info.context))
        return _slice_by_address(rows, kwargs)


def _slice_by_address(rows: Any, kwargs: dict[str, Any]) -> Any:
    """Return a page of what has an address for its key: Saleor's own slice wants a number.

    Raises:
        GraphQLError: more is asked for than a page has.

    """
    wanted = kwargs.get("first") or kwargs.get("last") or 0
    if wanted > MAX_A_PAGE:
        raise GraphQLError(f"Requesting {wanted} records exceeds the limit of {MAX_A_PAGE}.")
    if not kwargs.get("first") and not kwargs.get("last"):
        raise GraphQLError("You must provide a `first` or `last` value to paginate the list.")
    if kwargs.get("last"):
        rows = rows.reverse()
    return connection_from_queryset_slice(
        rows,
        {**kwargs, "sort_by": {"field": ["failed_at", "address"], "direction": "-"}},
        LoyaltyEmailAddressFailureCountableConnection,
        LoyaltyEmailAddressFailureCountableConnection.Edge,
        graphene.relay.PageInfo,
    )


class LoyaltyEmailSendAgain(LoyaltyMutation):
    """Sends a mail again."""

    email = graphene.Field(LoyaltyEmail, description="The new mail.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the mail.")

    class Meta:
        description = (
            "Queues a mail once more that is not on its way any more. It tells the same; whether "
            "it may leave is decided anew, but an address that failed is tried again."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        pk = cls.get_pk(id, only_type="LoyaltyEmail", field="id")
        email = send_mail_again(email_id=pk, find_people=find_people, now=timezone.now())
        return cls(email=email)


class LoyaltyEmailAddressClear(LoyaltyMutation):
    """Clears an address."""

    was_failing = graphene.Boolean(description="Whether mails did not go there before.")

    class Arguments:
        address = graphene.String(required=True, description="The address.")

    class Meta:
        description = "Lets mails go again to an address that a mail server refused."
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, _info: Any, *, address: str) -> Any:
        return cls(was_failing=clear_address(address=address.strip()))


class LoyaltyEmailBounceReport(LoyaltyMutation):
    """Notes what a mail service reports."""

    members = graphene.Int(description="How many members have the address.")

    class Arguments:
        address = graphene.String(required=True, description="The address.")
        is_complaint = graphene.Boolean(
            default_value=False,
            description="Whether its owner called a mail spam: that also takes back the consent to marketing.",
        )

    class Meta:
        description = (
            "Notes that mails to an address come back, as mail services report it by their webhooks. "
            "Nothing goes there any more until it is cleared."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, address: str, is_complaint: bool = False) -> Any:
        members = report_bounce(
            address=address,
            is_complaint=is_complaint,
            find_accounts=accounts_of,
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        return cls(members=members)


class LoyaltyEmailMutations(graphene.ObjectType):
    """Mutations of the log of mails."""

    loyalty_email_send_again = LoyaltyEmailSendAgain.Field()
    loyalty_email_address_clear = LoyaltyEmailAddressClear.Field()
    loyalty_email_bounce_report = LoyaltyEmailBounceReport.Field()
