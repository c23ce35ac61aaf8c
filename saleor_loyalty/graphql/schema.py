"""All that we add to Saleor's schema, in one place: fields, and what each costs."""

import graphene
from saleor.graphql.account.types import User
from saleor.graphql.checkout.types import Checkout
from saleor.graphql.core.fields import BaseField
from saleor.graphql.order.types import Order
from saleor.graphql.product.types import ProductVariant

from saleor_loyalty.graphql.adjustments import (
    LoyaltyAdjustmentMutations,
    LoyaltyAdjustmentQueries,
)
from saleor_loyalty.graphql.checkout_points import CheckoutLoyaltyMutations
from saleor_loyalty.graphql.earning import LoyaltyEarningQueries
from saleor_loyalty.graphql.earning_mutations import LoyaltyEarningMutations
from saleor_loyalty.graphql.email_text_mutations import LoyaltyEmailTextMutations
from saleor_loyalty.graphql.email_texts import LoyaltyEmailTextQueries
from saleor_loyalty.graphql.emails import LoyaltyEmailMutations, LoyaltyEmailQueries
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.event_mutations import LoyaltyEventMutations
from saleor_loyalty.graphql.event_queries import LoyaltyEventQueries
from saleor_loyalty.graphql.guest_mutations import LoyaltyGuestMutations
from saleor_loyalty.graphql.invitation_mutations import LoyaltyInvitationMutations
from saleor_loyalty.graphql.mailing_mutations import LoyaltyMailingMutations
from saleor_loyalty.graphql.member_mutations import LoyaltyMemberMutations
from saleor_loyalty.graphql.members import (
    LoyaltyMember,
    LoyaltyMemberQueries,
    resolve_user_loyalty,
)
from saleor_loyalty.graphql.orders import OrderLoyalty, resolve_order_loyalty
from saleor_loyalty.graphql.preference_mutations import LoyaltyPreferenceMutations
from saleor_loyalty.graphql.preferences import LoyaltyPreferenceQueries
from saleor_loyalty.graphql.previews import (
    CheckoutLoyalty,
    LoyaltyProductPoints,
    resolve_checkout_loyalty,
    resolve_variant_points,
)
from saleor_loyalty.graphql.program_mutations import LoyaltyProgramMutations
from saleor_loyalty.graphql.programs import LoyaltyProgramQueries
from saleor_loyalty.graphql.redemption_mutations import LoyaltyRedemptionMutations
from saleor_loyalty.graphql.redemptions import LoyaltyRedemptionQueries
from saleor_loyalty.graphql.reward_mutations import LoyaltyRewardMutations
from saleor_loyalty.graphql.rewards import LoyaltyRewardQueries
from saleor_loyalty.graphql.tier_mutations import LoyaltyTierMutations

QUERIES: tuple[type[graphene.ObjectType], ...] = (
    LoyaltyProgramQueries,
    LoyaltyMemberQueries,
    LoyaltyEmailQueries,
    LoyaltyEmailTextQueries,
    LoyaltyPreferenceQueries,
    LoyaltyEarningQueries,
    LoyaltyAdjustmentQueries,
    LoyaltyRewardQueries,
    LoyaltyRedemptionQueries,
    LoyaltyEventQueries,
)
MUTATIONS: tuple[type[graphene.ObjectType], ...] = (
    LoyaltyProgramMutations,
    LoyaltyMemberMutations,
    LoyaltyEarningMutations,
    LoyaltyAdjustmentMutations,
    LoyaltyTierMutations,
    LoyaltyRewardMutations,
    LoyaltyRedemptionMutations,
    CheckoutLoyaltyMutations,
    LoyaltyPreferenceMutations,
    LoyaltyMailingMutations,
    LoyaltyEmailTextMutations,
    LoyaltyEmailMutations,
    LoyaltyEventMutations,
    LoyaltyGuestMutations,
    LoyaltyInvitationMutations,
)

EXTENSIONS: dict[type[graphene.ObjectType], dict[str, graphene.Field]] = {
    User: {
        "loyalty": BaseField(
            LoyaltyMember,
            program=graphene.ID(description="ID of the programme."),
            channel=graphene.String(description="Slug of a channel of the programme."),
            description=(
                "The user's membership of the loyalty programme: of the given one or of the "
                "given channel's, else the oldest membership. Null when not a member."
                "\n\nRequires one of the following permissions: OWNER, MANAGE_LOYALTY."
            ),
            resolver=resolve_user_loyalty,
            doc_category=DOC_CATEGORY,
        )
    },
    Order: {
        "loyalty": BaseField(
            OrderLoyalty,
            description=(
                "What the order earned, and what points paid of it. Null before it is settled; of a guest's order only "
                "managers, and the member it was credited to, see anything."
                "\n\nRequires one of the following permissions: OWNER, MANAGE_LOYALTY."
            ),
            resolver=resolve_order_loyalty,
            doc_category=DOC_CATEGORY,
        )
    },
    Checkout: {
        "loyalty": BaseField(
            CheckoutLoyalty,
            description=(
                "What the checkout would earn, and what points pay of it, for guests too. Null where no programme serves "
                "the channel, or none of its rates is for the currency."
            ),
            resolver=resolve_checkout_loyalty,
            doc_category=DOC_CATEGORY,
        )
    },
    ProductVariant: {
        "loyaltyPoints": BaseField(
            LoyaltyProductPoints,
            channel=graphene.String(required=True, description="Slug of the channel."),
            description=(
                "What one piece would earn the caller at its price in a channel. What an order "
                "earns as a whole comes on top. Null without programme, rate or price."
            ),
            resolver=resolve_variant_points,
            doc_category=DOC_CATEGORY,
        )
    },
}

_PAGED = {"complexity": 1, "multipliers": ["first", "last"]}
_ONE = {"complexity": 1}

# Every field that leads to an object; what is left out are plain values, which Saleor counts as 0.
COSTS: dict[str, dict[str, dict[str, object]]] = {
    "Query": {
        "loyaltyProgram": _ONE,
        "loyaltyPrograms": _PAGED,
        "loyaltyMember": _ONE,
        "loyaltyMembers": _PAGED,
        "loyaltyEmails": _PAGED,
        "loyaltyEmailAddressFailures": _PAGED,
        "loyaltyEmailTexts": _ONE,
        "loyaltyPreferencesByToken": _ONE,
        "loyaltyEarningRules": {"complexity": 10},
        "loyaltyAdjustments": _PAGED,
        "loyaltyRewards": {"complexity": 10},
        "loyaltyRedemptions": _PAGED,
        "loyaltyEvents": _PAGED,
        "loyaltyEvent": _ONE,
        "loyaltyStaffEvents": _PAGED,
        "loyaltyEventWavePreview": {"complexity": 50},
    },
    "Mutation": {
        "loyaltyProgramCreate": _ONE,
        "loyaltyProgramUpdate": _ONE,
        "loyaltyJoin": _ONE,
        "loyaltyBirthdayUpdate": _ONE,
        "loyaltyMembersMerge": _ONE,
        "loyaltyPointsAdjust": _ONE,
        "loyaltyAdjustmentApprove": _ONE,
        "loyaltyAdjustmentReject": _ONE,
        "loyaltyPointsRelease": _ONE,
        "loyaltyDebtForgive": _ONE,
        "loyaltyActivityReport": _ONE,
        "loyaltyEarningRuleCreate": _ONE,
        "loyaltyEarningRuleUpdate": _ONE,
        "loyaltyEarningRuleDelete": _ONE,
        "loyaltyEarningRulePreview": _ONE,
        "loyaltyTierLadderUpdate": _ONE,
        "loyaltyTierCreate": _ONE,
        "loyaltyTierUpdate": _ONE,
        "loyaltyTierReorder": _ONE,
        "loyaltyTierDelete": _ONE,
        "loyaltyTierPreview": {"complexity": 50},
        "loyaltyTierAssign": _ONE,
        "loyaltyTierAssignmentEnd": _ONE,
        "loyaltyRewardCreate": _ONE,
        "loyaltyRewardUpdate": _ONE,
        "loyaltyRewardReorder": _ONE,
        "loyaltyRewardDelete": _ONE,
        "loyaltyRewardRedeem": _ONE,
        "loyaltyRewardGive": _ONE,
        "loyaltyRedemptionCancel": _ONE,
        "loyaltyRedemptionAdvance": _ONE,
        "checkoutLoyaltyPointsApply": _ONE,
        "checkoutLoyaltyPointsRemove": _ONE,
        "loyaltyPreferencesUpdate": _ONE,
        "loyaltyPreferencesUpdateByToken": _ONE,
        "loyaltyPersonalDaysUpdate": _ONE,
        "loyaltyConsentRecord": _ONE,
        "loyaltyMailingUpdate": _ONE,
        "loyaltyEmailSettingUpdate": _ONE,
        "loyaltyEmailTextsUpdate": _ONE,
        "loyaltyEmailTextsReset": _ONE,
        "loyaltyEmailTextsRestore": _ONE,
        "loyaltyEmailPreview": {"complexity": 10},
        "loyaltyEmailTestSend": {"complexity": 10},
        "loyaltyEmailSendAgain": _ONE,
        "loyaltyEmailAddressClear": _ONE,
        "loyaltyEmailBounceReport": _ONE,
        "loyaltyEventCreate": _ONE,
        "loyaltyEventUpdate": _ONE,
        "loyaltyEventPublish": _ONE,
        "loyaltyEventCancel": _ONE,
        "loyaltyEventDelete": _ONE,
        "loyaltyEventDoorChange": _ONE,
        "loyaltyEventInvite": {"complexity": 10},
        "loyaltyInvitationRemove": _ONE,
        "loyaltyEventCheckIn": _ONE,
        "loyaltyEventWalkIn": _ONE,
        "loyaltyInvitationRespond": _ONE,
        "loyaltyEventJoin": _ONE,
        "loyaltyEventLeave": _ONE,
        "loyaltyEventFeedback": _ONE,
    },
    "User": {"loyalty": _ONE},
    "Order": {"loyalty": _ONE},
    "Checkout": {"loyalty": {"complexity": 5}},
    "ProductVariant": {"loyaltyPoints": _ONE},
    "LoyaltyProgram": {
        "rates": _ONE,
        "channels": _ONE,
        "policy": _ONE,
        "tiers": _ONE,
        "ladder": _ONE,
        "rewards": {"complexity": 10},
        "liability": {"complexity": 50},
        "spending": _ONE,
        "mailing": _ONE,
    },
    "LoyaltyMailing": {"kinds": _ONE},
    "LoyaltyEmailSetting": {"tiers": _ONE, "channels": _ONE},
    "LoyaltyMember": {
        "program": _ONE,
        "balance": _ONE,
        "entries": _PAGED,
        "user": _ONE,
        "tier": _ONE,
        "nextTier": _ONE,
        "toKeepTier": _ONE,
        "tierHistory": _PAGED,
        "tierExplanation": _ONE,
        "tierVouchers": _ONE,
        "rewards": _PAGED,
        "invitations": _PAGED,
        "preferences": _ONE,
        "personalDays": _ONE,
        "consents": _PAGED,
        "emails": _PAGED,
    },
    "LoyaltyPreferences": {"kinds": _ONE},
    "LoyaltyEmail": {"member": _ONE, "againOf": _ONE},
    "LoyaltyEmailTexts": {
        "channel": _ONE,
        "defaults": _ONE,
        "own": _ONE,
        "variables": _ONE,
        "versions": _PAGED,
    },
    "LoyaltyEmailTextVersion": {"channel": _ONE},
    "LoyaltyReward": {
        "translation": _ONE,
        "amounts": _ONE,
        "minimumAmounts": _ONE,
        "costs": _ONE,
        "tiers": _ONE,
    },
    "LoyaltyRedemption": {
        "reward": _ONE,
        "member": _ONE,
        "amount": _ONE,
        "minimumAmount": _ONE,
        "steps": _ONE,
    },
    "LoyaltyEvent": {
        "program": _ONE,
        "translation": _ONE,
        "translations": _ONE,
        "invitation": _ONE,
        "audience": _ONE,
        "waves": _ONE,
        "numbers": {"complexity": 10},
        "invitations": _PAGED,
        "guestListCsv": {"complexity": 50},
    },
    "LoyaltyEventAudience": {
        "tiers": _ONE,
        "channels": _ONE,
        "minimumSpent": _ONE,
        "members": _PAGED,
    },
    "LoyaltyEventWave": {"tiers": _ONE},
    "LoyaltyEventNumbers": {"revenue": _ONE},
    "LoyaltyEventWavePreview": {"byTier": _ONE, "first": _ONE},
    "LoyaltyEventWavePreviewTier": {"tier": _ONE},
    "LoyaltyInvitation": {"event": _ONE, "member": _ONE, "steps": _ONE},
    "LoyaltyLiability": {"amounts": _ONE},
    "LoyaltyTier": {"threshold": _ONE, "benefits": _ONE, "translation": _ONE},
    "LoyaltyTierAmount": {"amounts": _ONE},
    "LoyaltyTierBenefit": {"translation": _ONE},
    "LoyaltyMemberTier": {"tier": _ONE, "benefits": _ONE},
    "LoyaltyNextTier": {"tier": _ONE, "missing": _ONE},
    "LoyaltyToKeepTier": {"missing": _ONE},
    "LoyaltyTierVoucher": {"benefit": _ONE},
    "LoyaltyTierChange": {"fromTier": _ONE, "toTier": _ONE, "counted": _ONE, "needed": _ONE},
    "LoyaltyTierExplanation": {
        "change": _ONE,
        "counted": _ONE,
        "earnedTier": _ONE,
        "assignedTier": _ONE,
        "dueTier": _ONE,
    },
    "LoyaltyTierPreviewResult": {"tiers": _ONE, "moves": _ONE},
    "LoyaltyTierPreviewTier": {"tier": _ONE},
    "LoyaltyTierPreviewMove": {"fromTier": _ONE, "toTier": _ONE, "examples": _ONE},
    "LoyaltyBalance": {"value": _ONE, "expiring": _ONE, "pending": _ONE},
    "LoyaltyPointsEntry": {"breakdown": _ONE, "moves": _ONE},
    "LoyaltyEarningBreakdown": {"merchandise": _ONE, "parts": _ONE},
    "LoyaltyAdjustment": {"member": _ONE},
    "LoyaltyEarningRule": {"rates": _ONE, "conditions": _ONE, "reward": _ONE},
    "OrderLoyalty": {"program": _ONE, "breakdown": _ONE, "spentAmount": _ONE},
    "CheckoutLoyalty": {
        "program": _ONE,
        "breakdown": _ONE,
        "tierReached": _ONE,
        "applied": _ONE,
        "redeemable": _ONE,
    },
    "LoyaltyAppliedPoints": {"amount": _ONE},
    "LoyaltyRedeemablePoints": {"amount": _ONE},
    "LoyaltyProductPoints": {"breakdown": _ONE},
    "LoyaltyEarningRulePreviewResult": {"breakdown": _ONE},
    "LoyaltyEarningRate": {"pointValue": _ONE},
}
