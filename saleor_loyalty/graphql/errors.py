"""Our errors in Saleor's form: `errors { field code message }`."""

from enum import Enum

from django.core.exceptions import ValidationError
from graphql.error import GraphQLError
from saleor.graphql.core.types.common import Error, NonNullList

from saleor_loyalty.adjustments.rules import AdjustmentInvalid
from saleor_loyalty.earning.conditions import ConditionInvalid
from saleor_loyalty.earning.operations import EarningRuleNotFound
from saleor_loyalty.earning.rules import RuleInvalid
from saleor_loyalty.emails.editing import TextVersionNotFound
from saleor_loyalty.emails.envelopes import RecipientImpossible
from saleor_loyalty.emails.events import EventRefused, EventsNotSet
from saleor_loyalty.emails.links import LinkExpired, LinkInvalid
from saleor_loyalty.emails.operations import EmailForgotten, EmailNotFound, EmailUnfinished
from saleor_loyalty.emails.rendering import TemplateBroken
from saleor_loyalty.emails.texts import TextInvalid
from saleor_loyalty.emails.trials import TrialNotSent, TrialRecipientForbidden
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.events.operations import EventNotFound, EventStateInvalid, SeatsTaken
from saleor_loyalty.events.rules import AnswerInvalid, Closed, EventClosed, EventInvalid
from saleor_loyalty.flows.adjust_points import AdjustmentNotFound, MemberNotFound, SamePerson
from saleor_loyalty.flows.assign_tier import AssignmentInvalid
from saleor_loyalty.flows.join_program import BirthdayInvalid, NoProgram, NotAMember
from saleor_loyalty.flows.mail_addresses import AddressInvalid
from saleor_loyalty.flows.merge_members import MergeImpossible
from saleor_loyalty.flows.redeem_rewards import GiftBudgetSpent, RedemptionInvalid
from saleor_loyalty.flows.reward_activities import ActivityInvalid
from saleor_loyalty.flows.try_rule import OrderNotFound
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.mailings.rules import MailingInvalid, PersonalDayInvalid, PreferencesInvalid
from saleor_loyalty.points.postings import HoldExceeded, HoldNotFound
from saleor_loyalty.points.rules import InsufficientPoints, LedgerDrifted, PointsInvalid
from saleor_loyalty.points.transfers import LotNotFound
from saleor_loyalty.points.writing import IdempotencyConflict
from saleor_loyalty.programs.operations import ChannelTaken, ProgramNotFound
from saleor_loyalty.programs.policies.rules import PolicyInvalid
from saleor_loyalty.programs.rules import ProgramInvalid
from saleor_loyalty.rewards.checks import RewardInvalid
from saleor_loyalty.rewards.operations import RewardNotFound
from saleor_loyalty.rewards.redemptions import RedemptionClosed, RedemptionNotFound
from saleor_loyalty.rewards.rules import Obstacle, RewardUnavailable
from saleor_loyalty.shop.points_means import MeansUnavailable, VoucherInUse
from saleor_loyalty.shop.spending import CheckoutBusy, CheckoutNotFound
from saleor_loyalty.spending.rules import Limit, NothingToApply
from saleor_loyalty.tiers.operations import TierNotFound
from saleor_loyalty.tiers.rules import LadderInvalid, TierInvalid


class LoyaltyErrorCode(Enum):
    """What went wrong, for clients to match on."""

    CHANNEL_TAKEN = "channel_taken"
    CHECKOUT_BUSY = "checkout_busy"
    DISABLED = "disabled"
    EMAIL_NOT_SENT = "email_not_sent"
    EMAIL_FORGOTTEN = "email_forgotten"
    EMAIL_UNFINISHED = "email_unfinished"
    EVENT_CLOSED = "event_closed"
    EVENT_STATE_INVALID = "event_state_invalid"
    GIFT_BUDGET_SPENT = "gift_budget_spent"
    GRAPHQL_ERROR = "graphql_error"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    INSUFFICIENT_POINTS = "insufficient_points"
    INVALID = "invalid"
    LEDGER_DRIFTED = "ledger_drifted"
    LINK_EXPIRED = "link_expired"
    LINK_INVALID = "link_invalid"
    MEANS_UNAVAILABLE = "means_unavailable"
    MERGE_IMPOSSIBLE = "merge_impossible"
    NOT_A_MEMBER = "not_a_member"
    NOTHING_TO_APPLY = "nothing_to_apply"
    NOT_FOUND = "not_found"
    NO_PROGRAM = "no_program"
    REDEMPTION_CLOSED = "redemption_closed"
    REQUIRED = "required"
    REWARD_UNAVAILABLE = "reward_unavailable"
    SAME_PERSON = "same_person"
    SEATS_TAKEN = "seats_taken"
    VOUCHER_IN_USE = "voucher_in_use"


LoyaltyErrorCodeEnum = enum_of(LoyaltyErrorCode, name="LoyaltyErrorCode")
LoyaltyEventClosedEnum = enum_of(Closed, name="LoyaltyEventClosedEnum")
LoyaltyRewardObstacleEnum = enum_of(Obstacle, name="LoyaltyRewardObstacleEnum")
LoyaltySpendingLimitEnum = enum_of(Limit, name="LoyaltySpendingLimitEnum")


class LoyaltyErrorType(Error):
    """An error of a loyalty mutation."""

    code = LoyaltyErrorCodeEnum(description="The error code.", required=True)
    obstacle = LoyaltyRewardObstacleEnum(
        description="REWARD_UNAVAILABLE: why the reward cannot be had; null for other errors."
    )
    closed = LoyaltyEventClosedEnum(
        description="EVENT_CLOSED: why the event takes no answer; null for other errors."
    )
    limits = NonNullList(
        LoyaltySpendingLimitEnum, description="With NOTHING_TO_APPLY: why no points can pay."
    )

    class Meta:
        name = "LoyaltyError"
        doc_category = DOC_CATEGORY


# Every error of the engine: its code on the API and its words, with the error's data in them.
CODES_AND_TEXTS: dict[type[LoyaltyError], tuple[LoyaltyErrorCode, str]] = {
    ActivityInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    AdjustmentInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    AssignmentInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    LadderInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    TierInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    TierNotFound: (LoyaltyErrorCode.NOT_FOUND, "The programme has no such tier."),
    AdjustmentNotFound: (
        LoyaltyErrorCode.NOT_FOUND,
        "No such adjustment waits for a decision.",
    ),
    BirthdayInvalid: (
        LoyaltyErrorCode.INVALID,
        "A birthday lies in the past, at most 130 years ago.",
    ),
    AnswerInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    EventClosed: (LoyaltyErrorCode.EVENT_CLOSED, "This event takes no answers now: {reasons}."),
    EventInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    EventNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such event."),
    EventStateInvalid: (
        LoyaltyErrorCode.EVENT_STATE_INVALID,
        "This cannot be done with the event now: it is {state}.",
    ),
    SeatsTaken: (LoyaltyErrorCode.SEATS_TAKEN, "No more than {free} seats are free."),
    ConditionInvalid: (LoyaltyErrorCode.INVALID, "The condition {kind} {problem}."),
    EarningRuleNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such earning rule."),
    HoldExceeded: (
        LoyaltyErrorCode.INSUFFICIENT_POINTS,
        "{asked} points were asked for, the hold has {there_is}.",
    ),
    HoldNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such hold."),
    LedgerDrifted: (
        LoyaltyErrorCode.LEDGER_DRIFTED,
        "The member's points are under repair; nothing was changed.",
    ),
    LotNotFound: (LoyaltyErrorCode.NOT_FOUND, "The member has no such points."),
    MergeImpossible: (LoyaltyErrorCode.MERGE_IMPOSSIBLE, "{problem}."),
    CheckoutBusy: (
        LoyaltyErrorCode.CHECKOUT_BUSY,
        "The checkout is just becoming an order, or changing. Try again in a moment.",
    ),
    CheckoutNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such checkout any more."),
    MeansUnavailable: (
        LoyaltyErrorCode.MEANS_UNAVAILABLE,
        "Points are to pay by gift cards, and this channel takes none.",
    ),
    NothingToApply: (LoyaltyErrorCode.NOTHING_TO_APPLY, "No points can pay here: {reasons}."),
    VoucherInUse: (
        LoyaltyErrorCode.VOUCHER_IN_USE,
        "The checkout has a voucher, and points would take its place. Remove it first.",
    ),
    NotAMember: (LoyaltyErrorCode.NOT_A_MEMBER, "The customer takes no part in the programme."),
    OrderNotFound: (
        LoyaltyErrorCode.NOT_FOUND,
        "There is no such order, or the programme has no rate for its currency.",
    ),
    PolicyInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    RedemptionClosed: (
        LoyaltyErrorCode.REDEMPTION_CLOSED,
        "This cannot be changed any more: it is {state}.",
    ),
    RedemptionInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    RedemptionNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such redemption."),
    GiftBudgetSpent: (
        LoyaltyErrorCode.GIFT_BUDGET_SPENT,
        "No more than {gift_count} of this reward may be given in its period.",
    ),
    RewardInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    RewardNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such reward."),
    RewardUnavailable: (
        LoyaltyErrorCode.REWARD_UNAVAILABLE,
        "The member cannot have this reward now: {obstacle}.",
    ),
    RuleInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    SamePerson: (LoyaltyErrorCode.SAME_PERSON, "Nobody approves what they asked for."),
    ChannelTaken: (
        LoyaltyErrorCode.CHANNEL_TAKEN,
        "Channel {channel_id} belongs to another programme already.",
    ),
    IdempotencyConflict: (
        LoyaltyErrorCode.IDEMPOTENCY_CONFLICT,
        "This idempotency key was used before with other data.",
    ),
    InsufficientPoints: (
        LoyaltyErrorCode.INSUFFICIENT_POINTS,
        "The member has {available} points available, {asked} were asked for.",
    ),
    MemberNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such member."),
    NoProgram: (LoyaltyErrorCode.NO_PROGRAM, "No active programme serves this channel."),
    PointsInvalid: (
        LoyaltyErrorCode.INVALID,
        "{points} is no number of points to move: not 0, at most a thousand million.",
    ),
    ProgramInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    ProgramNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such programme."),
    AddressInvalid: (LoyaltyErrorCode.INVALID, "This is no address."),
    EmailNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such mail."),
    EmailForgotten: (
        LoyaltyErrorCode.EMAIL_FORGOTTEN,
        "What this mail said was forgotten; it cannot be sent once more.",
    ),
    EmailUnfinished: (
        LoyaltyErrorCode.EMAIL_UNFINISHED,
        "This mail is still on its way; it can be sent again when that has come to an end.",
    ),
    EventRefused: (
        LoyaltyErrorCode.EMAIL_NOT_SENT,
        "The shop's own tool answered with the HTTP status {status}.",
    ),
    EventsNotSet: (
        LoyaltyErrorCode.EMAIL_NOT_SENT,
        "The plugin's settings do not say where mails go as events.",
    ),
    LinkExpired: (LoyaltyErrorCode.LINK_EXPIRED, "This link is too old; newer mails have others."),
    LinkInvalid: (LoyaltyErrorCode.LINK_INVALID, "This link is not one of ours, or not complete."),
    MailingInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    PersonalDayInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    PreferencesInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
    TextInvalid: (LoyaltyErrorCode.INVALID, "{field}: {problem}."),
    TextVersionNotFound: (LoyaltyErrorCode.NOT_FOUND, "There is no such version."),
    TrialNotSent: (LoyaltyErrorCode.EMAIL_NOT_SENT, "The mail was not sent: {problem}"),
    TrialRecipientForbidden: (
        LoyaltyErrorCode.INVALID,
        "Staff send test mails to their own address only.",
    ),
    RecipientImpossible: (LoyaltyErrorCode.INVALID, "No mail can go to this address: {problem}."),
    TemplateBroken: (LoyaltyErrorCode.INVALID, "The mail {kind} cannot be rendered: {problem}"),
}


def validation_error(error: LoyaltyError) -> ValidationError:
    """Return an engine's error as the one that Saleor's mutations turn into `errors`."""
    code, text = CODES_AND_TEXTS[type(error)]
    limits = error.data.get("limits", ())
    closed = [error.data["why"]] if isinstance(error, EventClosed) else []
    reasons = ", ".join(one.value.replace("_", " ") for one in (*limits, *closed))
    words = text.format(field=error.field, reasons=reasons, **error.data)
    # What `params` name is shown beside the words, which Django then reads as a format.
    shown = {name: error.data[name] for name in ("obstacle",) if name in error.data}
    if closed:
        shown["closed"] = closed[0].value
    if limits:
        shown["limits"] = [one.value for one in limits]
    refused = ValidationError(words, code=code.value, params=shown or None)
    return ValidationError({error.field: refused}) if error.field else refused


def query_error(error: LoyaltyError) -> GraphQLError:
    """Return an engine's error as a query answers it: with its code in the `extensions`."""
    code, _ = CODES_AND_TEXTS[type(error)]
    words = validation_error(error).messages[0]
    return GraphQLError(words, extensions={"code": code.name})


def switched_off() -> ValidationError:
    """Return the error of every mutation while the plugin is off."""
    return ValidationError("Loyalty is switched off.", code=LoyaltyErrorCode.DISABLED.value)
