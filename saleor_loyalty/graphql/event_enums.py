"""Enums of events."""

from saleor_loyalty.events.rules import Answer, EventState, PlaceKind, Source
from saleor_loyalty.flows.check_in import Door
from saleor_loyalty.graphql.enums import enum_of

LoyaltyEventStateEnum = enum_of(EventState, name="LoyaltyEventStateEnum")
LoyaltyEventPlaceKindEnum = enum_of(PlaceKind, name="LoyaltyEventPlaceKindEnum")
LoyaltyInvitationAnswerEnum = enum_of(Answer, name="LoyaltyInvitationAnswerEnum")
LoyaltyInvitationSourceEnum = enum_of(Source, name="LoyaltyInvitationSourceEnum")
LoyaltyEventDoorEnum = enum_of(Door, name="LoyaltyEventDoorEnum")
