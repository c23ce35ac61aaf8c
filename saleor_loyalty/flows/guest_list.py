"""The list of an event's guests: for the door, and as CSV."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import batched
from zoneinfo import ZoneInfo

from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.rules import Answer
from saleor_loyalty.flows.event_guests import tiers_in_force
from saleor_loyalty.flows.mail_approval import FindPeople, Person

BATCH = 500
MOST_FOUND = 20
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "answer",
    "first_name",
    "last_name",
    "email",
    "tier",
    "seats",
    "guests",
    "dietary",
    "access",
    "code",
    "source",
    "answered_at",
    "came_at",
    "came_seats",
    "no_show",
    "price_points",
    "awarded_points",
    "feedback_score",
    "feedback_text",
)


@dataclass(frozen=True, kw_only=True)
class GuestRow:
    """A member who has to do with an event, by name. `tier` is the name of the one they have now."""

    invitation: Invitation
    person: Person
    tier: str


def guest_rows(
    event: Event, *, find_people: FindPeople, using: str = "default"
) -> Iterator[GuestRow]:
    """Yield an event's guests: those who come first, then who waits, then the others, each by when they answered."""
    rows = Invitation.objects.using(using).filter(event=event.pk)
    order = [Answer.ACCEPTED, Answer.OFFERED, Answer.WAITING, Answer.INVITED]
    order += [answer for answer in Answer if answer not in order]
    for answer in order:
        pks = rows.filter(answer=answer.value).order_by("answered_at", "pk")
        for some in batched(list(pks.values_list("pk", flat=True)), BATCH):
            found = Invitation.objects.using(using).select_related("member").in_bulk(some)
            members = [found[pk].member for pk in some]
            people = find_people({one.user_id for one in members if one.user_id is not None})
            tiers = tiers_in_force(members, using=using)
            for pk in some:
                member = found[pk].member
                person = people.get(member.user_id or 0) or Person(email=member.email)
                tier = tiers.get(member.pk)
                yield GuestRow(invitation=found[pk], person=person, tier=tier.name if tier else "")


def find_guests(event: Event, *, text: str, find_people: FindPeople) -> list[GuestRow]:
    """Return the guests with a seat whose name, address or guests' names have the words, up to twenty."""
    words = text.casefold().split()
    found: list[GuestRow] = []
    for row in guest_rows(event, find_people=find_people):
        if row.invitation.answer != Answer.ACCEPTED.value or len(found) == MOST_FOUND:
            break
        names = (row.person.first_name, row.person.last_name, row.person.email)
        all_of_it = " ".join([*names, *row.invitation.guests]).casefold()
        if words and all(word in all_of_it for word in words):
            found.append(row)
    return found


def write_guest_list(
    event: Event,
    *,
    find_people: FindPeople,
    write: Callable[[str], object],
    using: str = "default",
) -> int:
    """Write an event's guests as CSV, times in the event's zone; return the number of rows.

    Texts that a spreadsheet would take for a formula get a quote before them.
    """
    zone = ZoneInfo(event.time_zone)
    _write_row(write, COLUMNS)
    count = 0
    for row in guest_rows(event, find_people=find_people, using=using):
        one, person = row.invitation, row.person
        times = [
            moment.astimezone(zone).strftime("%Y-%m-%d %H:%M") if moment else ""
            for moment in (one.answered_at, one.checked_in_at)
        ]
        score = "" if one.feedback_score is None else one.feedback_score
        cells = (
            *(one.answer, person.first_name, person.last_name, person.email, row.tier, one.seats),
            *(", ".join(filter(None, one.guests)), one.dietary, one.access, one.code, one.source),
            *(*times, one.checked_in_seats, "yes" if one.is_no_show else "", one.price_points),
            *(one.awarded_points, score, one.feedback_text),
        )
        _write_row(write, cells)
        count += 1
    return count


def _write_row(write: Callable[[str], object], cells: tuple[object, ...]) -> None:
    line = StringIO()
    csv.writer(line).writerow([_cell(str(cell)) for cell in cells])
    write(line.getvalue())


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULAS) else text
