"""An index of the models, for Django. Each model lives in its feature's room."""

from saleor_loyalty.adjustments.models import Adjustment
from saleor_loyalty.earning.models import (
    BudgetUse,
    EarningGrant,
    EarningRule,
    EarningRuleVersion,
)
from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage, EmailText
from saleor_loyalty.events.models import (
    Event,
    EventTranslation,
    EventWave,
    Invitation,
    InvitationStep,
)
from saleor_loyalty.mailings.models import (
    Consent,
    MemberPreferences,
    PersonalDay,
    ProgramMailing,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import DueOrder, OrderSweep, SettledOrder
from saleor_loyalty.points.models import Balance, Entry, Hold, LedgerDrift, Lot
from saleor_loyalty.programs.models import (
    EarningRate,
    Program,
    ProgramChannel,
    ProgramPeriod,
    ProgramPolicy,
)
from saleor_loyalty.rewards.models import (
    Redemption,
    RedemptionStep,
    Reward,
    RewardTranslation,
    RewardVoucher,
)
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.tiers.models import (
    BenefitGrant,
    BenefitVoucher,
    Tier,
    TierChange,
    TierFactor,
    TierLadder,
    TierStanding,
    TierTranslation,
)

__all__ = [
    "Adjustment",
    "Balance",
    "BenefitGrant",
    "BenefitVoucher",
    "BudgetUse",
    "Consent",
    "DueOrder",
    "EarningGrant",
    "EarningRate",
    "EarningRule",
    "EarningRuleVersion",
    "EmailAddressFailure",
    "EmailMessage",
    "EmailText",
    "Entry",
    "Event",
    "EventTranslation",
    "EventWave",
    "Hold",
    "Invitation",
    "InvitationStep",
    "LedgerDrift",
    "Lot",
    "Member",
    "MemberPreferences",
    "OrderSweep",
    "PersonalDay",
    "Program",
    "ProgramChannel",
    "ProgramMailing",
    "ProgramPeriod",
    "ProgramPolicy",
    "Redemption",
    "RedemptionStep",
    "Reward",
    "RewardTranslation",
    "RewardVoucher",
    "SettledOrder",
    "Spending",
    "Tier",
    "TierChange",
    "TierFactor",
    "TierLadder",
    "TierStanding",
    "TierTranslation",
]
