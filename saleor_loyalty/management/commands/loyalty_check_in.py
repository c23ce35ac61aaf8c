"""manage.py loyalty_check_in: let guests of an event in, or list them."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from saleor_loyalty.events.models import Event
from saleor_loyalty.flows.check_in import CheckIn, Door, check_in
from saleor_loyalty.flows.guest_list import write_guest_list

ACTOR = "command"
SAYS = {
    Door.WELCOME: "Welcome",
    Door.ALREADY_IN: "Already in",
    Door.NOT_TODAY: "Not today",
    Door.NO_SEAT: "No seat",
    Door.UNKNOWN: "Unknown: no ticket of this event has this code.",
}


class Command(BaseCommand):
    """Prints what the door says; exits with 1 unless that is welcome."""

    help = "Let who has a ticket's code into an event, or write its guests as CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the arguments."""
        parser.add_argument("event", type=int, metavar="EVENT_ID")
        parser.add_argument("code", nargs="?", metavar="CODE")
        parser.add_argument("--seats", type=int, help="how many of the party come in; else all")
        parser.add_argument(
            "--later", action="store_true", help="note that they came, up to two weeks after"
        )
        parser.add_argument(
            "--rest", action="store_true", help="the others of a party that came in part come too"
        )
        parser.add_argument(
            "--list", action="store_true", help="write the guests, without names of accounts"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check in, or list.

        Raises:
            CommandError: there is no such event, or the arguments make no sense.

        """
        event = Event.objects.filter(pk=options["event"]).first()
        if event is None:
            raise CommandError(f"There is no event {options['event']}.", returncode=2)
        code, seats = options["code"], options["seats"]
        if options["list"] == bool(code):
            raise CommandError("Give a code, or --list.", returncode=2)
        if seats is not None and seats < 1:
            raise CommandError("--seats must be at least 1.", returncode=2)
        if options["list"]:
            rows = write_guest_list(
                event,
                find_people=lambda _: {},
                write=lambda part: self.stdout.write(part, None, ""),
            )
            self.stderr.write("1 row" if rows == 1 else f"{rows:,} rows")
            return
        said = check_in(
            code=code,
            actor=ACTOR,
            now=timezone.now(),
            seats=seats,
            event_id=event.pk,
            is_later=options["later"],
            is_rest=options["rest"],
        )
        self.stdout.write(_sentence(said, event))
        if said.door is not Door.WELCOME:
            sys.exit(1)


def _sentence(said: CheckIn, event: Event) -> str:
    """Return what the door says, as a line."""
    invitation = said.invitation
    if invitation is None:
        return SAYS[said.door]
    seats = f"{invitation.checked_in_seats} of {invitation.seats} seats"
    came_at = invitation.checked_in_at
    details = {
        Door.WELCOME: f"member {invitation.member_id}, {seats}.",
        Door.ALREADY_IN: f"member {invitation.member_id}, {seats}, since {came_at:%Y-%m-%d %H:%M} UTC."
        if came_at
        else "",
        Door.NOT_TODAY: f"the event is {event.state} and starts at {event.starts_at:%Y-%m-%d %H:%M} UTC.",
        Door.NO_SEAT: f"member {invitation.member_id}, {invitation.answer}.",
    }
    return f"{SAYS[said.door]}: {details[said.door]}"
