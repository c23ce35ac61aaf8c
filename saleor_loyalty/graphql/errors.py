"""Our errors in Saleor's form: `errors { field code message }`."""

from enum import Enum

from django.core.exceptions import ValidationError
from saleor.graphql.core.types.common import Error

from saleor_loyalty.emails.delivery import RecipientImpossible
from saleor_loyalty.emails.rendering import TemplateBroken
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.adjust_points import AdjustmentInvalid, MemberNotFound
from saleor_loyalty.flows.join_program import NoProgram
from saleor_loyalty.graphql.enums import DOC_CATEGORY, enum_of
from saleor_loyalty.points.operations import IdempotencyConflict
from saleor_loyalty.points.rules import InsufficientPoints, PointsInvalid
from saleor_loyalty.programs.operations import ChannelTaken, ProgramNotFound
from saleor_loyalty.programs.rules import ProgramInvalid


class LoyaltyErrorCode(Enum):
    """What went wrong, for clients to match on."""

    CHANNEL_TAKEN = "channel_taken"
    DISABLED = "disabled"
    GRAPHQL_ERROR = "graphql_error"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    INSUFFICIENT_POINTS = "insufficient_points"
    INVALID = "invalid"
    NOT_FOUND = "not_found"
    NO_PROGRAM = "no_program"
    REQUIRED = "required"


LoyaltyErrorCodeEnum = enum_of(LoyaltyErrorCode, name="LoyaltyErrorCode")


class LoyaltyErrorType(Error):
    """An error of a loyalty mutation."""

    code = LoyaltyErrorCodeEnum(description="The error code.", required=True)

    class Meta:
        name = "LoyaltyError"
        doc_category = DOC_CATEGORY


# Every error of the engine: its code on the API and its words, with the error's data in them.
CODES_AND_TEXTS: dict[type[LoyaltyError], tuple[LoyaltyErrorCode, str]] = {
    AdjustmentInvalid: (LoyaltyErrorCode.INVALID, "{field} {problem}."),
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
    RecipientImpossible: (LoyaltyErrorCode.INVALID, "No mail can go to this address: {problem}."),
    TemplateBroken: (LoyaltyErrorCode.INVALID, "The mail {kind} cannot be rendered: {problem}"),
}


def validation_error(error: LoyaltyError) -> ValidationError:
    """Return an engine's error as the one that Saleor's mutations turn into `errors`."""
    code, text = CODES_AND_TEXTS[type(error)]
    words = text.format(field=error.field, **error.data)
    refused = ValidationError(words, code=code.value)
    return ValidationError({error.field: refused}) if error.field else refused


def switched_off() -> ValidationError:
    """Return the error of every mutation while the plugin is off."""
    return ValidationError("Loyalty is switched off.", code=LoyaltyErrorCode.DISABLED.value)
