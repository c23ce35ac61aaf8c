"""Invitations to events, as members and staff read them."""

from collections.abc import Callable
from typing import Any

import graphene
from promise import Promise
from saleor.graphql.core.connection import CountableConnection, create_connection_slice
from saleor.graphql.core.context import get_database_connection_name
from saleor.graphql.core.fields import PermissionsField
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import (
    BaseEnum,
    BaseInputObjectType,
    BaseObjectType,
    NonNullList,
    SortInputObjectType,
)
from saleor.graphql.core.types.model import ModelObjectType

from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.events import models
from saleor_loyalty.events.queries import invitations_of, invitations_to
from saleor_loyalty.events.rules import Answer
from saleor_loyalty.flows.mail_approval import LinkMaker
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.event_enums import (
    LoyaltyInvitationAnswerEnum,
    LoyaltyInvitationSourceEnum,
)
from saleor_loyalty.graphql.event_links import ByLink, is_open, is_theirs, links_of, row_of
from saleor_loyalty.graphql.event_loaders import (
    EventByIdLoader,
    PlacesByEventIdLoader,
    StepsByInvitationIdLoader,
)
from saleor_loyalty.graphql.loaders import MemberByIdLoader
from saleor_loyalty.graphql.rewards import STAFF

Root = models.Invitation | ByLink[models.Invitation]

DIETARY = "What they must not eat; up to 1000 characters."
ACCESS = "What they need to get in and around; up to 1000 characters."
# Texts that are the members' own business, and the links that they are shown by.
PRIVATE = {"dietary": LinkPurpose.ACCEPT, "access": LinkPurpose.ACCEPT, "code": LinkPurpose.TICKET}


class LoyaltyInvitationStep(BaseObjectType):
    """A step."""

    answer = graphene.Field(
        LoyaltyInvitationAnswerEnum, required=True, description="The answer it became."
    )
    seats = graphene.Int(required=True, description="For how many, with guests.")
    at = DateTime(required=True, description="When.")
    note = graphene.String(
        required=True, description="What was said about it; the member can read it."
    )
    actor = PermissionsField(
        graphene.String,
        required=True,
        description='Who did it: "user:<id>", "app:<id>", or empty for the programme itself.',
        permissions=STAFF,
    )

    class Meta:
        description = "Something that happened to an invitation."
        doc_category = DOC_CATEGORY


class LoyaltyInvitation(ModelObjectType[models.Invitation]):
    """An invitation."""

    id = graphene.GlobalID(required=True, description="ID of the invitation.")
    event = graphene.Field(
        "saleor_loyalty.graphql.events.LoyaltyEvent", required=True, description="The event."
    )
    answer = graphene.Field(
        LoyaltyInvitationAnswerEnum, required=True, description="Where the member stands with it."
    )
    source = graphene.Field(
        LoyaltyInvitationSourceEnum, required=True, description="How the member came to it."
    )
    seats = graphene.Int(required=True, description="Seats of the party: theirs and the guests'.")
    guests = NonNullList(
        graphene.String,
        required=True,
        description="Names of the guests; an empty one is a guest without a name.",
    )
    dietary = graphene.String(description=f"{DIETARY} Null where the link is not for it.")
    access = graphene.String(description=f"{ACCESS} Null where the link is not for it.")
    invited_at = DateTime(required=True, description="When they were invited, or asked in.")
    answered_at = DateTime(description="When they answered last.")
    offered_until = DateTime(description="OFFERED: until when the seats are kept for them.")
    waiting_place = graphene.Int(description="WAITING: their place in the list, from 1.")
    price_points = graphene.Int(required=True, description="Points held or spent for the seats.")
    is_spent = graphene.Boolean(
        required=True, description="Whether those points are spent; else they are held."
    )
    checked_in_at = DateTime(description="When they came; null: not yet.")
    checked_in_seats = graphene.Int(required=True, description="How many came with them, and they.")
    code = graphene.String(
        description="The code that lets them in. Null where the link is not for it."
    )
    ticket_url = graphene.String(description="ACCEPTED: the page of the ticket.")
    qr_code_url = graphene.String(description="ACCEPTED: a picture of the ticket's QR code.")
    qr_content = graphene.String(
        description="ACCEPTED: the text of that QR code, for storefronts that draw their own."
    )
    accept_url = graphene.String(
        description="The page on which the member accepts, without a login; null for all others."
    )
    decline_url = graphene.String(
        description="The page on which the member declines, without a login; null for all others."
    )
    feedback_url = graphene.String(
        description="Who came: the page on which they say how it was; null for all others."
    )
    feedback_score = graphene.Int(description="How it was, from 1 to 5.")
    feedback_text = graphene.String(required=True, description="What they said about it.")
    steps = NonNullList(
        LoyaltyInvitationStep, required=True, description="What happened to it, oldest first."
    )
    member = PermissionsField(
        "saleor_loyalty.graphql.members.LoyaltyMember",
        required=True,
        description="The member.",
        permissions=STAFF,
    )
    opened_at = PermissionsField(
        DateTime, description="When they looked at its page first.", permissions=STAFF
    )
    checked_in_by = PermissionsField(
        graphene.String,
        required=True,
        description='Who let them in: "user:<id>", "app:<id>", or "door" for a link to the door.',
        permissions=STAFF,
    )
    is_no_show = PermissionsField(
        graphene.Boolean,
        required=True,
        description="Whether they had seats and did not come.",
        permissions=STAFF,
    )
    awarded_points = PermissionsField(
        graphene.Int, required=True, description="Points that coming gave.", permissions=STAFF
    )

    class Meta:
        description = (
            "What a member has to do with an event. Its member and managers see it, and who has the "
            "link of a mail; a link to the ticket or to feedback shows no more than that needs."
        )
        interfaces = [graphene.relay.Node]
        model = models.Invitation
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_event(root: Root, info: Any) -> Any:
        def shown(event: models.Event) -> models.Event | ByLink[models.Event]:
            if isinstance(root, ByLink):
                return ByLink(event, root.member_id, root.purpose)
            return event

        return EventByIdLoader(info.context).load(row_of(root).event_id).then(shown)

    @staticmethod
    def resolve_waiting_place(root: Root, info: Any) -> Any:
        row = row_of(root)
        if row.answer != Answer.WAITING.value:
            return None
        places = PlacesByEventIdLoader(info.context).load(row.event_id)
        return places.then(lambda found: found.get(row.pk))

    @staticmethod
    def resolve_is_spent(root: Root, _info: Any) -> bool:
        return row_of(root).is_captured

    @staticmethod
    def resolve_ticket_url(root: Root, info: Any) -> Any:
        return _ticket(root, info, lambda links, row: links.event(row.pk, LinkPurpose.TICKET))

    @staticmethod
    def resolve_qr_code_url(root: Root, info: Any) -> Any:
        return _ticket(root, info, lambda links, row: links.ticket_picture(row.pk))

    @staticmethod
    def resolve_qr_content(root: Root, info: Any) -> Any:
        return _ticket(root, info, lambda links, row: f"{links.base}door/{row.code}")

    @staticmethod
    def resolve_accept_url(root: Root, info: Any) -> Any:
        return _own_link(root, info, LinkPurpose.ACCEPT)

    @staticmethod
    def resolve_decline_url(root: Root, info: Any) -> Any:
        return _own_link(root, info, LinkPurpose.DECLINE)

    @staticmethod
    def resolve_feedback_url(root: Root, info: Any) -> Any:
        if row_of(root).checked_in_at is None:
            return None
        return _own_link(root, info, LinkPurpose.FEEDBACK)

    @staticmethod
    def resolve_steps(root: Root, info: Any) -> Any:
        return StepsByInvitationIdLoader(info.context).load(row_of(root).pk)

    @staticmethod
    def resolve_member(root: Root, info: Any) -> Any:
        return MemberByIdLoader(info.context).load(row_of(root).member_id)


def _plain_resolver(name: str) -> Callable[..., Any]:
    def resolve(root: Root, _info: Any) -> Any:
        if name in PRIVATE and not is_open(root, PRIVATE[name]):
            return None
        return getattr(row_of(root), name)

    return resolve


for _name in LoyaltyInvitation._meta.fields:
    if not hasattr(LoyaltyInvitation, f"resolve_{_name}"):
        setattr(LoyaltyInvitation, f"resolve_{_name}", staticmethod(_plain_resolver(_name)))


def _ticket(
    root: Root, info: Any, of: Callable[[LinkMaker, models.Invitation], str]
) -> Promise[str | None] | None:
    """Return (a promise of) something of a ticket, for who has one and may see it."""
    row = row_of(root)
    if row.answer != Answer.ACCEPTED.value or not is_open(root, LinkPurpose.TICKET):
        return None
    return links_of(info).then(lambda links: of(links, row))  # type: ignore[no-any-return]


def _own_link(root: Root, info: Any, purpose: LinkPurpose) -> Any:
    """Return (a promise of) a link that acts for the member, which nobody else is to have."""
    if not is_open(root, purpose):
        return None
    return Promise.all([is_theirs(root, info), links_of(info)]).then(
        lambda found: found[1].event(row_of(root).pk, purpose) if found[0] else None
    )


class LoyaltyInvitationCountableConnection(CountableConnection):
    class Meta:
        doc_category = DOC_CATEGORY
        node = LoyaltyInvitation


class LoyaltyInvitationFilterInput(BaseInputObjectType):
    """Which invitations to list."""

    answers = NonNullList(LoyaltyInvitationAnswerEnum, description="With one of these answers.")
    has_come = graphene.Boolean(description="Of those who came, or of those who did not.")
    is_no_show = graphene.Boolean(description="Of those who had seats and did not come.")
    search = graphene.String(
        description="Parts of the customer's address or name, or the code of a ticket."
    )

    class Meta:
        description = "Which invitations to list."
        doc_category = DOC_CATEGORY


class LoyaltyInvitationSortField(BaseEnum):
    INVITED_AT = ["pk"]

    class Meta:
        doc_category = DOC_CATEGORY

    @property
    def description(self) -> str:
        return "Sort invitations by when they were made."


class LoyaltyInvitationSortingInput(SortInputObjectType):
    class Meta:
        doc_category = DOC_CATEGORY
        sort_enum = LoyaltyInvitationSortField
        type_name = "invitations"


def invitations_page(event: models.Event, info: Any, kwargs: dict[str, Any]) -> Any:
    """Return a page of the invitations to an event that a filter wants, for staff."""
    criteria = kwargs.pop("filter", None) or {}
    rows = invitations_to(
        event_id=event.pk,
        answers=[Answer(one) for one in criteria.get("answers") or ()],
        has_come=criteria.get("has_come"),
        is_no_show=criteria.get("is_no_show"),
        search=(criteria.get("search") or "").replace("\0", ""),
        using=get_database_connection_name(info.context),
    )
    return create_connection_slice(rows, info, kwargs, LoyaltyInvitationCountableConnection)


def own_invitations_page(member_id: int, info: Any, kwargs: dict[str, Any]) -> Any:
    """Return a page of a member's invitations, the newest first if nothing else is asked for."""
    if not kwargs.get("sort_by"):
        newest_first = {"field": LoyaltyInvitationSortField.INVITED_AT.value, "direction": "-"}
        kwargs["sort_by"] = LoyaltyInvitationSortingInput._meta.container(newest_first)
    rows = invitations_of(member_id=member_id, using=get_database_connection_name(info.context))
    return create_connection_slice(rows, info, kwargs, LoyaltyInvitationCountableConnection)
