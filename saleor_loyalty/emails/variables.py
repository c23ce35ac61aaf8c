"""What the texts of mails may speak of: variables, and how each is written. Pure Python."""

from collections.abc import Mapping
from enum import StrEnum


class VariableType(StrEnum):
    """How a variable's fact is written in the reader's language.

    NAME is a text that may have translations ({"": "Gold", "hr": "Zlatna"}); MEASURE is what counts
    towards tiers: points, money or orders. ORDINAL is the tenth of something, DAYS a number of
    days, and PERIOD a month ("2026-05") or a year ("2026"). WHEN is an instant as a place's clocks
    show it ({"at": "2026-12-03T17:00:00+00:00", "zone": "Europe/Zagreb"}), NAMES a list of people.
    """

    TEXT = "text"
    NAME = "name"
    POINTS = "points"
    MONEY = "money"
    DATE = "date"
    NUMBER = "number"
    ORDINAL = "ordinal"
    DAYS = "days"
    MEASURE = "measure"
    PERIOD = "period"
    WHEN = "when"
    NAMES = "names"


VARIABLES: Mapping[str, VariableType] = {
    "first_name": VariableType.TEXT,
    "shop_name": VariableType.TEXT,
    "program_name": VariableType.TEXT,
    "points_balance": VariableType.POINTS,
    "balance_value": VariableType.MONEY,
    "points_earned": VariableType.POINTS,
    "points_pending": VariableType.POINTS,
    "order_number": VariableType.TEXT,
    "ordered_on": VariableType.DATE,
    "total": VariableType.MONEY,
    "order_count": VariableType.ORDINAL,
    "tier_name": VariableType.NAME,
    "tier_until": VariableType.DATE,
    "reached_tier": VariableType.NAME,
    "next_tier_name": VariableType.NAME,
    "missing": VariableType.MEASURE,
    "missing_by": VariableType.DATE,
    "points_matured": VariableType.POINTS,
    "points_expiring": VariableType.POINTS,
    "expires_on": VariableType.DATE,
    "days_left": VariableType.DAYS,
    "points_taken": VariableType.POINTS,
    "points_given_back": VariableType.POINTS,
    "refunded": VariableType.MONEY,
    "reward_name": VariableType.NAME,
    "reward_code": VariableType.TEXT,
    "reward_until": VariableType.DATE,
    "reward_price": VariableType.POINTS,
    "day_name": VariableType.TEXT,
    "gift_points": VariableType.POINTS,
    "last_ordered_on": VariableType.DATE,
    "period": VariableType.PERIOD,
    "points_spent": VariableType.POINTS,
    "points_expired": VariableType.POINTS,
    "orders": VariableType.NUMBER,
    "joined_on": VariableType.DATE,
    "event_title": VariableType.NAME,
    "event_start": VariableType.WHEN,
    "event_place": VariableType.NAME,
    "event_price": VariableType.POINTS,
    "event_award": VariableType.POINTS,
    "seats": VariableType.NUMBER,
    "guests": VariableType.NAMES,
    "code": VariableType.TEXT,
    "answer_until": VariableType.WHEN,
    "offered_until": VariableType.WHEN,
    "cancel_until": VariableType.WHEN,
    "waiting_place": VariableType.NUMBER,
    "cancel_reason": VariableType.TEXT,
    "moved_from": VariableType.WHEN,
    "moved_place": VariableType.NAME,
}
ALWAYS = ("shop_name", "program_name", "points_balance")
OFTEN = ("first_name", "balance_value")
