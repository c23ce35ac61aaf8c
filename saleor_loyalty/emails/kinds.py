"""What each mail says until the shop writes its own words, and what it may speak of.

The texts are marked for translation here and translated when a mail is rendered, sentence by
sentence. Their language is that of `emails.texts`.
"""

from collections.abc import Mapping

from saleor_loyalty.emails.event_kinds import EVENT_KINDS
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.specs import FRIEND, MEMBER, Block, KindSpec


def _(text: str) -> str:
    """Mark a text for translation."""
    return text


_TIER = ("tier_name", "tier_until", "next_tier_name", "missing", "missing_by")
_IN_TIER = ("tier_until", "next_tier_name", "missing", "missing_by")
_ORDER = ("order_number", "ordered_on", "total", "order_count")
_EARNED = ("points_earned", "points_pending", "reached_tier")
_EXPIRING = ("points_expiring", "expires_on", "days_left")
_BUYER = _(
    "You receive this message because you are a member of {program_name} and placed this order at {shop_name}."
)
_THANKS_SUBJECT = _("Thank you[, {first_name}]![ Your order has earned you {points_earned}]")
_RECEIVED = _("We have received your order {order_number} of {ordered_on}.")
_BALANCE = _("Your balance is now {points_balance}.")
_GOOD = _("It is good to have you with us.")
_REACHED = _("Congratulations[, {first_name}], you have reached {tier_name}!")
_YOURS = _("[{tier_name} is yours until {tier_until}.]")
_TO_USE = _("[You have {points_balance} to use.]")
_PRESENT = _("[A little present from us is on your account already: {gift_points}.]")
_GIFT = _("[A gift is waiting for you, too: {reward_name}.]")

KINDS: Mapping[EmailKind, KindSpec] = {
    EmailKind.WELCOME: KindSpec(
        name=_("Welcome"),
        subject=_("Welcome to {program_name}[, {first_name}]!"),
        preheader=_GOOD,
        heading=_("Welcome[, {first_name}]!"),
        body=(
            (
                _("We are happy that you have joined {program_name}."),
                _("From now on, every order at {shop_name} brings you something back."),
                _("You need no card: just log in when you shop."),
            ),
        ),
        closing=((_("Any questions? Just reply to this message."),),),
        reason=MEMBER,
        maybe=("points_earned", *_TIER),
        blocks=(Block.POINTS, Block.TIER),
        button=_("See what you can get"),
    ),
    EmailKind.THANK_YOU: KindSpec(
        name=_("Thanks for your orders"),
        subject=_THANKS_SUBJECT,
        preheader=_BALANCE,
        heading=_("Thank you[, {first_name}]!"),
        body=((_RECEIVED, _GOOD),),
        reason=_BUYER,
        sure=_ORDER,
        maybe=(*_EARNED, *_TIER),
        blocks=(Block.POINTS, Block.ORDER, Block.TIER),
    ),
    EmailKind.THANK_YOU_FIRST: KindSpec(
        name=_("Thanks for the first order"),
        subject=_("Welcome[, {first_name}], and thank you for your first order!"),
        preheader=_GOOD,
        heading=_("Thank you for your first order[, {first_name}]!"),
        body=(
            (
                _RECEIVED,
                _("It is your first with us, and we are delighted."),
                _("[It has even taken you straight to {reached_tier}!]"),
            ),
            (_("With {program_name}, every order brings you something back."),),
        ),
        reason=_BUYER,
        sure=_ORDER,
        maybe=(*_EARNED, *_TIER),
        blocks=(Block.POINTS, Block.ORDER, Block.TIER),
    ),
    EmailKind.THANK_YOU_TIER: KindSpec(
        name=_("Thanks for the order that reached a tier"),
        subject=_REACHED,
        preheader=_("Your order {order_number} did it."),
        heading=_("Welcome to {tier_name}[, {first_name}]!"),
        body=(
            (
                _RECEIVED,
                _("It has taken you to {tier_name}, and we are proud to have you there."),
                _YOURS,
            ),
        ),
        reason=_BUYER,
        sure=(*_ORDER, "tier_name"),
        maybe=(*_EARNED, *_IN_TIER),
        blocks=(Block.TIER, Block.BENEFITS, Block.POINTS, Block.ORDER),
        button=_("See what is yours now"),
    ),
    EmailKind.THANK_YOU_MILESTONE: KindSpec(
        name=_("Thanks for a milestone, such as the tenth order"),
        subject=_("Your {order_count} order[, {first_name}]: thank you!"),
        preheader=_("It means a lot to us."),
        heading=_("Your {order_count} order[, {first_name}]!"),
        body=(
            (
                _RECEIVED,
                _("It is your {order_count} with us."),
                _("Thank you for coming back, again and again."),
            ),
        ),
        reason=_BUYER,
        sure=_ORDER,
        maybe=(*_EARNED, *_TIER),
        blocks=(Block.POINTS, Block.ORDER, Block.TIER),
    ),
    EmailKind.POINTS_AVAILABLE: KindSpec(
        name=_("Points that you can use now"),
        subject=_("[{first_name}, ]{points_matured} can be used now"),
        preheader=_BALANCE,
        heading=_("Ready when you are[, {first_name}]"),
        body=(
            (
                _("From today you can use {points_matured} from your earlier orders."),
                _("Treat yourself to something nice, whenever you like."),
            ),
        ),
        reason=MEMBER,
        sure=("points_matured",),
        maybe=("points_pending",),
        blocks=(Block.POINTS,),
        button=_("Use them at {shop_name}"),
    ),
    EmailKind.POINTS_EXPIRING: KindSpec(
        name=_("Points that will expire"),
        subject=_("[{first_name}, ]{points_expiring} will expire soon"),
        preheader=_("All of them can be used until {expires_on}."),
        heading=_("Still time to use them[, {first_name}]"),
        body=(
            (
                _("{points_expiring} of yours will expire soon."),
                _("All of them can be used until {expires_on}[, for another {days_left}]."),
                _("It would be a pity to lose them."),
            ),
        ),
        reason=MEMBER,
        sure=_EXPIRING,
        blocks=(Block.EXPIRING, Block.POINTS),
        button=_("Use them at {shop_name}"),
    ),
    EmailKind.POINTS_EXPIRING_LAST: KindSpec(
        name=_("Points that expire soon: last reminder"),
        subject=_("Last chance[, {first_name}]: use {points_expiring} by {expires_on}"),
        preheader=_("All of them can be used until {expires_on}."),
        heading=_("Last chance[, {first_name}]"),
        body=(
            (
                _("{points_expiring} of yours will expire very soon."),
                _("Use them by {expires_on}, and none of them is lost."),
                _("This is our last reminder."),
            ),
        ),
        reason=MEMBER,
        sure=_EXPIRING,
        blocks=(Block.EXPIRING, Block.POINTS),
        button=_("Use them at {shop_name}"),
    ),
    EmailKind.REFUND_EXPLAINED: KindSpec(
        name=_("What a refund means for your points"),
        subject=_("Your refund for order {order_number}, and your points"),
        preheader=_BALANCE,
        heading=_("Your refund[, {first_name}]"),
        body=(
            (
                _("[We have paid {refunded} of your order {order_number} back to you.]"),
                _("Here is what the refund means for your balance."),
            ),
        ),
        closing=((_("If something is not right, just reply to this message."),),),
        reason=_BUYER,
        sure=("order_number",),
        maybe=("refunded", "points_taken", "points_given_back"),
        blocks=(Block.REFUND, Block.POINTS),
    ),
    EmailKind.REWARD_ISSUED: KindSpec(
        name=_("Your rewards"),
        subject=_("[{first_name}, ]here is your reward: {reward_name}"),
        preheader=_("[Your code: {reward_code}]"),
        heading=_("Enjoy it[, {first_name}]!"),
        body=((_("Your reward is ready, and it is all yours."),),),
        reason=MEMBER,
        sure=("reward_name",),
        maybe=("reward_code", "reward_until", "reward_price"),
        blocks=(Block.REWARD, Block.POINTS),
    ),
    EmailKind.TIER_REACHED: KindSpec(
        name=_("Tiers that you reach"),
        subject=_REACHED,
        preheader=_("See what is yours now."),
        heading=_("Welcome to {tier_name}[, {first_name}]!"),
        body=(
            (
                _("You have reached {tier_name} in {program_name}, and we are proud of you."),
                _YOURS,
            ),
        ),
        reason=MEMBER,
        sure=("tier_name",),
        maybe=_IN_TIER,
        blocks=(Block.TIER, Block.BENEFITS, Block.POINTS),
        button=_("See what is yours now"),
    ),
    EmailKind.TIER_AT_RISK: KindSpec(
        name=_("Tiers that you may lose"),
        subject=_("[{first_name}, ]keep {tier_name}[: {missing} to go]"),
        preheader=_("You have until {missing_by}."),
        heading=_("Stay in {tier_name}[, {first_name}]"),
        body=(
            (
                _("You have {tier_name} until {missing_by}."),
                _("There is still time to keep it, with all that it brings you."),
            ),
        ),
        reason=MEMBER,
        sure=("tier_name", "missing_by"),
        maybe=("tier_until", "next_tier_name", "missing"),
        blocks=(Block.TIER, Block.BENEFITS),
    ),
    EmailKind.BIRTHDAY: KindSpec(
        name=_("Birthday greetings"),
        subject=_("Happy birthday[, {first_name}]!"),
        preheader=_("All the best from {shop_name}."),
        heading=_("Happy birthday[, {first_name}]!"),
        body=(
            (
                _("All of us at {shop_name} wish you a wonderful day."),
                _PRESENT,
                _GIFT,
            ),
        ),
        reason=FRIEND,
        maybe=("gift_points", "reward_name", "reward_code", "reward_until"),
        blocks=(Block.REWARD,),
    ),
    EmailKind.PERSONAL_DAY: KindSpec(
        name=_("Greetings on days that you told us about"),
        subject=_("{day_name}: all the best[, {first_name}]!"),
        preheader=_("All the best from {shop_name}."),
        heading=_("All the best[, {first_name}]!"),
        body=(
            (
                _("You told us about this day: {day_name}."),
                _("All of us at {shop_name} hope it is a happy one."),
                _PRESENT,
                _GIFT,
            ),
        ),
        reason=FRIEND,
        sure=("day_name",),
        maybe=("gift_points", "reward_name", "reward_code", "reward_until"),
        blocks=(Block.REWARD,),
    ),
    EmailKind.SECOND_PURCHASE: KindSpec(
        name=_("Ideas after the first order"),
        subject=_("[{first_name}, ]how do you like it?"),
        preheader=_TO_USE,
        heading=_("How do you like it[, {first_name}]?"),
        body=(
            (
                _("On {last_ordered_on} you ordered from us for the first time."),
                _("We hope you enjoy what you chose."),
            ),
        ),
        closing=((_("If anything is not as it should be, just reply: we will put it right."),),),
        reason=FRIEND,
        sure=("last_ordered_on",),
        maybe=_TIER,
        blocks=(Block.POINTS, Block.TIER),
        button=_("See what is new"),
    ),
    EmailKind.WIN_BACK: KindSpec(
        name=_("When we have not seen you for a while"),
        subject=_("[{first_name}, ]we miss you"),
        preheader=_TO_USE,
        heading=_("We miss you[, {first_name}]"),
        body=(
            (
                _("It has been a while: your last order was on {last_ordered_on}."),
                _("We would love to see you again."),
            ),
        ),
        closing=((_("Did we do something wrong? Just reply: we read every answer."),),),
        reason=FRIEND,
        sure=("last_ordered_on",),
        maybe=_TIER,
        blocks=(Block.POINTS, Block.TIER),
        button=_("See what is new"),
    ),
    EmailKind.STATEMENT_MONTHLY: KindSpec(
        name=_("Monthly statement"),
        subject=_("Your month in {program_name}: {period}"),
        preheader=_BALANCE,
        heading=_("Your month: {period}"),
        body=((_("[{first_name}, ]here is what happened on your account."),),),
        reason=FRIEND,
        sure=("period", "orders"),
        maybe=("points_earned", "points_spent", "points_expired", *_TIER),
        blocks=(Block.STATEMENT, Block.TIER),
    ),
    EmailKind.STATEMENT_YEARLY: KindSpec(
        name=_("Year in review"),
        subject=_("Your {period} with {shop_name}[, {first_name}]"),
        preheader=_("A year in numbers, and a thank-you."),
        heading=_("Your {period} with us[, {first_name}]"),
        body=(
            (
                _("Thank you for this year!"),
                _("Here it is in numbers."),
            ),
        ),
        closing=(
            (
                _("You have been a member since {joined_on}."),
                _("We look forward to the next year with you."),
            ),
        ),
        reason=FRIEND,
        sure=("period", "orders", "joined_on"),
        maybe=("points_earned", "points_spent", "points_expired", *_TIER),
        blocks=(Block.STATEMENT, Block.TIER),
    ),
    **EVENT_KINDS,
}
