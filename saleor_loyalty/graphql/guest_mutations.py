"""What staff do with an event's guests: they invite, take off, and let in."""

from typing import Any

import graphene
from django.core.exceptions import ValidationError
from django.utils import timezone
from saleor.graphql.core.types import NonNullList

from saleor_loyalty.events.models import Invitation
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.flows.check_in import check_in, walk_in
from saleor_loyalty.flows.invite_members import MOST_BY_HAND, invite_by_hand
from saleor_loyalty.graphql.access import actor_of
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorCode, LoyaltyErrorType
from saleor_loyalty.graphql.event_enums import LoyaltyEventDoorEnum
from saleor_loyalty.graphql.event_loaders import forget_events
from saleor_loyalty.graphql.event_mutations import event_pk
from saleor_loyalty.graphql.invitations import LoyaltyInvitation
from saleor_loyalty.graphql.loaders import BalanceByMemberIdLoader, LotsByMemberIdLoader
from saleor_loyalty.graphql.mutations import LoyaltyMutation, fields_called
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.wake import events_changed

MAX_NOTE_LENGTH = 1000


class LoyaltyEventInvite(LoyaltyMutation):
    """Invites members by hand."""

    invitations = NonNullList(
        LoyaltyInvitation,
        description="Those that were made; who was invited before has none among them.",
    )

    class Arguments:
        event_id = graphene.ID(required=True, description="ID of the event.")
        member_ids = NonNullList(
            graphene.ID, required=True, description="IDs of members of its programme, up to 500."
        )

    class Meta:
        description = (
            "Invites members to a published event, whether they belong to its audience or not. "
            "Who was taken off is invited again."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, event_id: str, member_ids: list[str]) -> Any:
        pks = {cls.get_pk(one, only_type="LoyaltyMember", field="member_ids") for one in member_ids}
        if len(pks) > MOST_BY_HAND:
            raise _refused("member_ids", f"member_ids must be at most {MOST_BY_HAND}.")
        with fields_called(event="event_id"):
            invitations = invite_by_hand(
                event_id=event_pk(cls, event_id, "event_id"),
                member_ids=pks,
                actor=actor_of(info.context),
                now=timezone.now(),
            )
        forget_events(info)
        events_changed()
        return cls(invitations=invitations)


class LoyaltyInvitationRemove(LoyaltyMutation):
    """Takes a member off an event."""

    invitation = graphene.Field(LoyaltyInvitation, description="The invitation.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the invitation.")
        note = graphene.String(
            default_value="", description="Why, in words that the member can read; up to 1000."
        )

    class Meta:
        description = (
            "Takes a member off an event that they have not come to: the seats go to who waits, "
            "points come back, and the member sees the event no more. A repeat changes nothing."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, note: str | None = "") -> Any:
        if len(note or "") > MAX_NOTE_LENGTH:
            raise _refused("note", f"note must have at most {MAX_NOTE_LENGTH} characters.")
        invitation = remove_guest(
            invitation_id=cls.get_pk(id, only_type="LoyaltyInvitation", field="id"),
            actor=actor_of(info.context),
            note=(note or "").strip(),
            now=timezone.now(),
        )
        return cls(invitation=changed(info, invitation))


class LoyaltyEventCheckIn(LoyaltyMutation):
    """Lets in who shows a code."""

    door = graphene.Field(LoyaltyEventDoorEnum, description="What the door says.")
    invitation = graphene.Field(
        LoyaltyInvitation, description="Whose code it is; null where it is unknown."
    )

    class Arguments:
        code = graphene.String(
            required=True, description="The code as it was typed, or the text of the QR code."
        )
        event_id = graphene.ID(
            description="ID of the event at whose door it is; codes of others are then unknown."
        )
        seats = graphene.Int(description="How many of the party came. Default: all.")
        later = graphene.Boolean(
            default_value=False,
            description="Whether staff note after the event who came, up to two weeks.",
        )
        rest = graphene.Boolean(
            default_value=False,
            description="Whether the others of a party that came in part come in too.",
        )

    class Meta:
        description = (
            "Lets in who shows a code, and gives the points for coming, once ever however often "
            "it is tried."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(
        cls,
        info: Any,
        *,
        code: str,
        event_id: str | None = None,
        seats: int | None = None,
        later: bool | None = False,
        rest: bool | None = False,
    ) -> Any:
        found = check_in(
            code=code,
            event_id=event_pk(cls, event_id, "event_id") if event_id else None,
            seats=seats,
            is_later=bool(later),
            is_rest=bool(rest),
            actor=actor_of(info.context),
            now=timezone.now(),
        )
        return cls(door=found.door.value, invitation=changed(info, found.invitation))


class LoyaltyEventWalkIn(LoyaltyMutation):
    """Lets in who has no seat."""

    door = graphene.Field(LoyaltyEventDoorEnum, description="What the door says.")
    invitation = graphene.Field(
        LoyaltyInvitation, description="What the member has now; null: nothing."
    )

    class Arguments:
        event_id = graphene.ID(required=True, description="ID of the event.")
        member_id = graphene.ID(required=True, description="ID of the member.")
        seats = graphene.Int(default_value=1, description="How many they are. Default: 1.")

    class Meta:
        description = (
            "Lets in a member who comes without a seat, if seats are free; they pay the price in "
            "points. Who has a seat is let in with it."
        )
        doc_category = DOC_CATEGORY
        permissions = (LoyaltyPermissions.MANAGE_LOYALTY,)
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, event_id: str, member_id: str, seats: int | None = 1) -> Any:
        with fields_called(event="event_id"):
            found = walk_in(
                event_id=event_pk(cls, event_id, "event_id"),
                member_id=cls.get_pk(member_id, only_type="LoyaltyMember", field="member_id"),
                seats=1 if seats is None else seats,
                actor=actor_of(info.context),
                now=timezone.now(),
            )
        return cls(door=found.door.value, invitation=changed(info, found.invitation))


def changed(info: Any, invitation: Invitation | None) -> Invitation | None:
    """Return an invitation that was changed, forget what was read before, and have its mails sent soon."""
    forget_events(info)
    events_changed()
    if invitation is not None:
        for loader in (BalanceByMemberIdLoader, LotsByMemberIdLoader):
            loader(info.context).clear(invitation.member_id)
    return invitation


def _refused(field: str, problem: str) -> ValidationError:
    return ValidationError({field: ValidationError(problem, code=LoyaltyErrorCode.INVALID.value)})


class LoyaltyGuestMutations(graphene.ObjectType):
    """Mutations of an event's guests."""

    loyalty_event_invite = LoyaltyEventInvite.Field()
    loyalty_invitation_remove = LoyaltyInvitationRemove.Field()
    loyalty_event_check_in = LoyaltyEventCheckIn.Field()
    loyalty_event_walk_in = LoyaltyEventWalkIn.Field()
