"""What the mails about events say; as in `emails.kinds`, where all kinds are.

Their facts are flat ones for the texts, and `event` for its card (see `emails.event_samples`).
"""

from collections.abc import Mapping

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.specs import FRIEND, MEMBER, Block, KindSpec


def _(text: str) -> str:
    """Mark a text for translation."""
    return text


_EVENT = ("event_title", "event_start")
_ABOUT = ("event_place", "event_price", "event_award")
_PARTY = ("guests", "code")
_WHEN_AND_WHERE = _("{event_start}[, {event_place}]")
_CANCEL_UNTIL = _("[Until {cancel_until}, you get your points back.]")
_GIVEN_BACK = _("[Back on your account: {points_given_back}.]")
_SEE = _("See the event")
_BOOKING = _("Change or cancel")

EVENT_KINDS: Mapping[EmailKind, KindSpec] = {
    EmailKind.EVENT_INVITATION: KindSpec(
        name=_("Invitations to events"),
        subject=_("[{first_name}, ]you are invited: {event_title}"),
        preheader=_WHEN_AND_WHERE,
        heading=_("You are invited[, {first_name}]!"),
        body=(
            (
                _("We are planning something special, and we would love to have you with us."),
                _("[Please tell us by {answer_until} whether you can come.]"),
            ),
        ),
        reason=FRIEND,
        sure=_EVENT,
        maybe=(*_ABOUT, "answer_until", "cancel_until", "seats", *_PARTY),
        blocks=(Block.EVENT, Block.ANSWERS),
        button=_SEE,
        link="event",
    ),
    EmailKind.EVENT_CONFIRMED: KindSpec(
        name=_("Tickets for events"),
        subject=_("See you at {event_title}[, {first_name}]!"),
        preheader=_WHEN_AND_WHERE,
        heading=_("See you there[, {first_name}]!"),
        body=(
            (
                _("You are on the list, and we look forward to seeing you."),
                _("Here is all you need for the day."),
            ),
        ),
        closing=(
            (
                _("Have your plans changed? You can change your booking or cancel it."),
                _CANCEL_UNTIL,
            ),
        ),
        reason=MEMBER,
        sure=(*_EVENT, "seats"),
        maybe=(*_ABOUT, *_PARTY, "cancel_until"),
        blocks=(Block.TICKET, Block.EVENT),
        button=_BOOKING,
        link="event",
    ),
    EmailKind.EVENT_WAITING: KindSpec(
        name=_("Your place on a waiting list"),
        subject=_("[{first_name}, ]you are on the waiting list: {event_title}"),
        preheader=_("You are number {waiting_place}."),
        heading=_("You are number {waiting_place} on the waiting list"),
        body=(
            (
                _("Right now, every seat at {event_title} is taken."),
                _("As soon as there is room for you, we will write to you."),
                _("[You spend {event_price} only once you have your seats.]"),
            ),
        ),
        reason=MEMBER,
        sure=(*_EVENT, "seats", "waiting_place"),
        maybe=(*_ABOUT, *_PARTY, "cancel_until"),
        blocks=(Block.EVENT,),
        button=_SEE,
        link="event",
    ),
    EmailKind.EVENT_OFFERED: KindSpec(
        name=_("When there is room for you after all"),
        subject=_("[{first_name}, ]there is room for you: {event_title}"),
        preheader=_("We keep it for you until {offered_until}."),
        heading=_("Good news[, {first_name}]!"),
        body=(
            (
                _("There is room for you at {event_title} now."),
                _("We keep it for you until {offered_until}."),
                _("After that, it goes to the next on the list."),
            ),
        ),
        reason=MEMBER,
        sure=(*_EVENT, "seats", "offered_until"),
        maybe=(*_ABOUT, *_PARTY, "cancel_until"),
        blocks=(Block.ANSWERS, Block.EVENT),
        button=_SEE,
        link="event",
    ),
    EmailKind.EVENT_LEFT: KindSpec(
        name=_("When you are no longer on the list"),
        subject=_("[{first_name}, ]you are no longer on the list: {event_title}"),
        preheader=_GIVEN_BACK,
        heading=_("Until next time[, {first_name}]"),
        body=(
            (
                _("You are no longer on the list for {event_title} ({event_start})."),
                _GIVEN_BACK,
                _("We hope to see you at another one."),
            ),
        ),
        closing=((_("If that is not what you wanted, just reply to this message."),),),
        reason=MEMBER,
        sure=_EVENT,
        maybe=(*_ABOUT, "points_given_back", "seats", *_PARTY),
        button=_SEE,
        link="event",
    ),
    EmailKind.EVENT_REMINDER: KindSpec(
        name=_("Reminders of your events"),
        subject=_("[{first_name}, ]see you soon: {event_title}"),
        preheader=_WHEN_AND_WHERE,
        heading=_("See you soon[, {first_name}]!"),
        body=((_("It is almost time, and we look forward to having you with us."),),),
        closing=(
            (
                _("Can't make it after all? Please cancel, so that somebody else can come."),
                _CANCEL_UNTIL,
            ),
        ),
        reason=MEMBER,
        sure=(*_EVENT, "seats"),
        maybe=(*_ABOUT, *_PARTY, "cancel_until"),
        blocks=(Block.EVENT, Block.TICKET),
        button=_BOOKING,
        link="event",
    ),
    EmailKind.EVENT_CHANGED: KindSpec(
        name=_("Changes to your events"),
        subject=_("[{first_name}, ]please note what has changed: {event_title}"),
        preheader=_WHEN_AND_WHERE,
        heading=_("Please note what has changed[, {first_name}]"),
        body=(
            (_("There is a change to {event_title}."),),
            (_("[The new time: {event_start}. Before: {moved_from}.]"),),
            (_("[The new place: {event_place}. Before: {moved_place}.]"),),
            (
                _("Your answer stays as it is: there is nothing that you have to do."),
                _("If you cannot come now, please cancel."),
                _CANCEL_UNTIL,
            ),
        ),
        reason=MEMBER,
        sure=_EVENT,
        maybe=(*_ABOUT, "moved_from", "moved_place", "cancel_until", "seats", *_PARTY),
        blocks=(Block.EVENT,),
        button=_BOOKING,
        link="event",
    ),
    EmailKind.EVENT_CANCELLED: KindSpec(
        name=_("Events that are cancelled"),
        subject=_("We are sorry[, {first_name}]: {event_title} is cancelled"),
        preheader=_GIVEN_BACK,
        heading=_("We are sorry[, {first_name}]"),
        body=(
            (
                _("{event_title} ({event_start}) cannot take place."),
                _("[The reason: {cancel_reason}]"),
            ),
            (
                _("We would have loved to see you there."),
                _GIVEN_BACK,
            ),
        ),
        closing=((_("Any questions? Just reply to this message."),),),
        reason=MEMBER,
        sure=_EVENT,
        maybe=(*_ABOUT, "cancel_reason", "points_given_back", "seats", *_PARTY),
    ),
    EmailKind.EVENT_THANKS: KindSpec(
        name=_("Thanks for coming to an event"),
        subject=_("Thank you for coming[, {first_name}]!"),
        preheader=_("How was {event_title}?"),
        heading=_("It was lovely to have you[, {first_name}]!"),
        body=(
            (
                _("Thank you for being with us at {event_title}."),
                _("[On your account, as a thank-you: {event_award}.]"),
            ),
        ),
        reason=MEMBER,
        sure=_EVENT,
        maybe=(*_ABOUT, "seats", *_PARTY),
        blocks=(Block.FEEDBACK, Block.POINTS),
    ),
}
