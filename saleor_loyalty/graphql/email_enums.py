"""Enums of mails."""

from saleor_loyalty.emails.rules import EmailKind, EmailStatus, Purpose, Transport, Why
from saleor_loyalty.emails.specs import Block
from saleor_loyalty.emails.variables import VariableType
from saleor_loyalty.graphql.enums import enum_of
from saleor_loyalty.mailings.rules import ConsentSource, DayKind

LoyaltyEmailKindEnum = enum_of(EmailKind, name="LoyaltyEmailKindEnum")
LoyaltyEmailStatusEnum = enum_of(EmailStatus, name="LoyaltyEmailStatusEnum")
LoyaltyEmailPurposeEnum = enum_of(Purpose, name="LoyaltyEmailPurposeEnum")
LoyaltyEmailTransportEnum = enum_of(Transport, name="LoyaltyEmailTransportEnum")
LoyaltyEmailReasonEnum = enum_of(Why, name="LoyaltyEmailReasonEnum")
LoyaltyEmailBlockEnum = enum_of(Block, name="LoyaltyEmailBlockEnum")
LoyaltyEmailVariableTypeEnum = enum_of(VariableType, name="LoyaltyEmailVariableTypeEnum")
LoyaltyConsentSourceEnum = enum_of(ConsentSource, name="LoyaltyConsentSourceEnum")
LoyaltyPersonalDayKindEnum = enum_of(DayKind, name="LoyaltyPersonalDayKindEnum")
