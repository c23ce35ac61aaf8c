"""Members answer invitations, ask in, leave, and say how it was: after a login, or by a link."""

from collections.abc import Mapping
from typing import Any

import graphene
from django.utils import timezone
from saleor.core.exceptions import PermissionDenied
from saleor.graphql.core.types import NonNullList
from saleor.graphql.core.validators import validate_one_of_args_is_in_mutation
from saleor.permission.auth_filters import AuthorizationFilters

from saleor_loyalty.emails.links import LinkPurpose
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import EventNotFound
from saleor_loyalty.events.rules import OPEN, Answer, EventState
from saleor_loyalty.flows.answer_invitations import Party, accept, decline
from saleor_loyalty.flows.event_feedback import give_feedback, note_opened
from saleor_loyalty.flows.join_program import NotAMember
from saleor_loyalty.graphql.access import actor_of
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType
from saleor_loyalty.graphql.event_links import ByLink, invitation_of_link, row_of
from saleor_loyalty.graphql.event_mutations import event_pk
from saleor_loyalty.graphql.guest_mutations import changed
from saleor_loyalty.graphql.invitations import ACCESS, DIETARY, LoyaltyInvitation, Root
from saleor_loyalty.graphql.mutations import LoyaltyMutation, fields_called
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.shop.orders import places_of_orders

STAYS = "Left out: as it was."
GUESTS = f"Names of the guests; an empty one is a guest without a name. {STAYS}"


class LoyaltyInvitationRespond(LoyaltyMutation):
    """Answers an invitation."""

    invitation = graphene.Field(LoyaltyInvitation, description="What the member has now.")

    class Arguments:
        id = graphene.ID(description="ID of an invitation of the member who calls.")
        token = graphene.String(
            description="The token of a link: to accept with `accept: true`, to decline with false."
        )
        accept = graphene.Boolean(required=True, description="Whether they come.")
        guests = NonNullList(graphene.String, description=GUESTS)
        dietary = graphene.String(description=f"{DIETARY} {STAYS}")
        access = graphene.String(description=f"{ACCESS} {STAYS}")

    class Meta:
        description = (
            "Accepts an invitation: with seats, or a place in the waiting list where none are "
            "free; or declines it, or cancels what was accepted. Accepting again changes the party. "
            "By ID for the member who calls, by token without a login.\n\n"
            "By ID it requires one of the following permissions: AUTHENTICATED_USER."
        )
        doc_category = DOC_CATEGORY
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls,
        info: Any,
        *,
        accept: bool,
        id: str | None = None,
        token: str | None = None,
        **party: Any,
    ) -> Any:
        purpose = LinkPurpose.ACCEPT if accept else LinkPurpose.DECLINE
        root = _found(cls, info, purpose, id=id, token=token)
        given = row_of(root)
        now = timezone.now()
        called = "token" if token else "id"
        with fields_called(event=called, member_id=called):
            if accept:
                invitation = _accept(
                    given.member_id, given.event_id, given, party, actor=_actor(info, token)
                )
            else:
                invitation = decline(
                    member_id=given.member_id,
                    event_id=given.event_id,
                    actor=_actor(info, token),
                    now=now,
                )
        note_opened(invitation_id=invitation.pk, now=now)
        return cls(invitation=_shown(info, root, invitation))


class LoyaltyEventJoin(LoyaltyMutation):
    """The caller comes to an event."""

    invitation = graphene.Field(LoyaltyInvitation, description="What the caller has now.")

    class Arguments:
        event_id = graphene.ID(required=True, description="ID of the event.")
        guests = NonNullList(graphene.String, description=GUESTS)
        dietary = graphene.String(description=f"{DIETARY} {STAYS}")
        access = graphene.String(description=f"{ACCESS} {STAYS}")

    class Meta:
        description = (
            "The member who calls comes to an event that is for them, invited or not: with seats, "
            "or a place in the waiting list where none are free. Again it changes the party."
        )
        doc_category = DOC_CATEGORY
        permissions = (AuthorizationFilters.AUTHENTICATED_USER,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, event_id: str, **party: Any) -> Any:
        event, member_id = _own(cls, info, event_id)
        had = Invitation.objects.filter(event=event, member=member_id).first()
        with fields_called(event="event_id", member_id="event_id"):
            invitation = _accept(member_id, event, had, party, actor=actor_of(info.context))
        return cls(invitation=changed(info, invitation))


class LoyaltyEventLeave(LoyaltyMutation):
    """The caller does not come."""

    invitation = graphene.Field(LoyaltyInvitation, description="What the caller has now.")

    class Arguments:
        event_id = graphene.ID(required=True, description="ID of the event.")

    class Meta:
        description = (
            "The member who calls declines, or cancels what they accepted; the seats go to who "
            "waits. Points come back until the event's `cancelUntil`. A repeat changes nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (AuthorizationFilters.AUTHENTICATED_USER,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, event_id: str) -> Any:
        event, member_id = _own(cls, info, event_id)
        with fields_called(event="event_id", member_id="event_id"):
            invitation = decline(
                member_id=member_id,
                event_id=event,
                actor=actor_of(info.context),
                now=timezone.now(),
            )
        return cls(invitation=changed(info, invitation))


class LoyaltyEventFeedback(LoyaltyMutation):
    """Says how it was."""

    invitation = graphene.Field(LoyaltyInvitation, description="The invitation.")

    class Arguments:
        id = graphene.ID(description="ID of an invitation of the member who calls.")
        token = graphene.String(description="The token of a link to feedback.")
        score = graphene.Int(required=True, description="How it was, 1 to 5.")
        text = graphene.String(
            default_value="", description="Words about it; up to 1000 characters."
        )

    class Meta:
        description = (
            "Says how an event was, for who came, up to 60 days after; a second time replaces "
            "the first. By ID for the member who calls, by token without a login.\n\n"
            "By ID it requires one of the following permissions: AUTHENTICATED_USER."
        )
        doc_category = DOC_CATEGORY
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls,
        info: Any,
        *,
        score: int,
        text: str | None = "",
        id: str | None = None,
        token: str | None = None,
    ) -> Any:
        root = _found(cls, info, LinkPurpose.FEEDBACK, id=id, token=token)
        with fields_called(event="token" if token else "id"):
            invitation = give_feedback(
                invitation_id=row_of(root).pk, score=score, text=text or "", now=timezone.now()
            )
        return cls(invitation=_shown(info, root, invitation))


def _found(
    mutation: type[LoyaltyMutation],
    info: Any,
    purpose: LinkPurpose,
    *,
    id: str | None,
    token: str | None,
) -> Root:
    """Return the invitation that a token is for, or the caller's own by ID.

    Raises:
        ValidationError: both are given, or neither.
        LinkInvalid, LinkExpired, NotAMember: see `invitation_of_link`.
        PermissionDenied: an ID, and nobody is logged in.
        EventNotFound: it is somebody else's, or there is none.

    """
    validate_one_of_args_is_in_mutation("id", id, "token", token)
    if token:
        return invitation_of_link(token, purpose)
    if not info.context.user or info.context.app:
        raise PermissionDenied(permissions=[AuthorizationFilters.AUTHENTICATED_USER])
    pk = mutation.get_pk(str(id), only_type="LoyaltyInvitation", field="id")
    own = [member.pk for member in members_of(user_ids=[info.context.user.pk]).values()]
    invitation = Invitation.objects.filter(pk=pk, member__in=own).first()
    if invitation is None:
        raise EventNotFound(field="id")
    return invitation


def _own(mutation: type[LoyaltyMutation], info: Any, event_id: str) -> tuple[int, int]:
    """Return the ids of an event and of the caller in its programme.

    Raises:
        EventNotFound, NotAMember.

    """
    pk = event_pk(mutation, event_id, "event_id")
    event = Event.objects.filter(pk=pk).exclude(state=EventState.DRAFT.value).first()
    if event is None:
        raise EventNotFound(field="event_id")
    user_id = info.context.user.pk
    member = members_of(user_ids=[user_id]).get((event.program_id, user_id))
    if member is None:
        raise NotAMember(field="event_id")
    return event.pk, member.pk


def _accept(
    member_id: int,
    event_id: int,
    had: Invitation | None,
    party: Mapping[str, Any],
    *,
    actor: str,
) -> Invitation:
    """Take seats; what is not said of the party is as it was, while they had to do with the event."""
    is_on = had is not None and Answer(had.answer) in OPEN
    before = Party(guests=had.guests, dietary=had.dietary, access=had.access) if is_on else Party()
    given = {name: value for name, value in party.items() if value is not None}
    return accept(
        member_id=member_id,
        event_id=event_id,
        party=Party(**{**vars(before), **given}),
        actor=actor,
        places=places_of_orders,
        now=timezone.now(),
    )


def _actor(info: Any, token: str | None) -> str:
    return "" if token else actor_of(info.context)


def _shown(info: Any, root: Root, invitation: Invitation) -> Root | None:
    changed(info, invitation)
    if isinstance(root, ByLink):
        return ByLink(invitation, root.member_id, root.purpose)
    return invitation


class LoyaltyInvitationMutations(graphene.ObjectType):
    """Mutations of invitations."""

    loyalty_invitation_respond = LoyaltyInvitationRespond.Field()
    loyalty_event_join = LoyaltyEventJoin.Field()
    loyalty_event_leave = LoyaltyEventLeave.Field()
    loyalty_event_feedback = LoyaltyEventFeedback.Field()
