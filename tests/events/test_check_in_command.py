"""manage.py loyalty_check_in."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from saleor_loyalty.events.models import Invitation
from tests.events.parties import come, leave, make_event, make_guest
from tests.factories import NOW, make_program
from tests.pages.conftest import tables


@pytest.fixture
def event(db):
    return make_event(make_program())


@pytest.fixture
def ada(event):
    return come(make_guest(event.program, "ada"), event, "Mia", "=1+1")


def run(*arguments, now):
    """What the command says, its remarks, and its exit code."""
    out, err = StringIO(), StringIO()
    code = 0
    with freeze_time(now):
        try:
            call_command("loyalty_check_in", *map(str, arguments), stdout=out, stderr=err)
        except SystemExit as stop:
            code = stop.code
    return out.getvalue(), err.getvalue(), code


def test_it_lets_in_once_and_says_so(event, ada):
    out, _, code = run(event.pk, ada.code.lower(), "--seats", 2, now=event.starts_at)

    assert (out, code) == (f"Welcome: member {ada.member_id}, 2 of 3 seats.\n", 0)
    ada.refresh_from_db()
    assert (ada.checked_in_seats, ada.checked_in_by) == (2, "command")

    out, _, code = run(event.pk, ada.code, now=event.ends_at)

    assert code == 1
    assert out == (
        f"Already in: member {ada.member_id}, 2 of 3 seats, since 2026-06-29 12:00 UTC.\n"
    )

    out, _, code = run(event.pk, ada.code, "--rest", now=event.ends_at)
    assert (out, code) == (f"Welcome: member {ada.member_id}, 3 of 3 seats.\n", 0)


def test_it_says_why_somebody_stays_out(event, ada):
    other = make_event(event.program)
    before = tables()

    assert run(event.pk, ada.code, now=NOW)[::2] == (
        "Not today: the event is published and starts at 2026-06-29 12:00 UTC.\n",
        1,
    )
    assert run(other.pk, ada.code, now=event.starts_at)[::2] == (
        "Unknown: no ticket of this event has this code.\n",
        1,
    )
    assert tables() == before
    leave(ada.member, event)
    assert run(event.pk, ada.code, now=event.starts_at)[::2] == (
        f"No seat: member {ada.member_id}, cancelled.\n",
        1,
    )


def test_who_came_can_be_noted_later(event, ada):
    later = event.ends_at + timedelta(days=2)
    event.state = "done"
    event.save()

    assert run(event.pk, ada.code, now=later)[2] == 1
    assert run(event.pk, ada.code, "--later", now=later)[2] == 0
    assert Invitation.objects.get().checked_in_at == later


def test_it_lists_the_guests_as_csv(event, ada):
    out, err, code = run(event.pk, "--list", now=NOW)

    (row,) = csv.DictReader(StringIO(out))
    assert (row["answer"], row["seats"], row["guests"], row["code"]) == (
        "accepted",
        "3",
        "Mia, =1+1",
        ada.code,
    )
    assert (err, code) == ("1 row\n", 0)


@pytest.mark.parametrize(
    "arguments",
    [["0", "X"], ["{}"], ["{}", "X", "--list"], ["{}", "X", "--seats", "0"]],
)
def test_what_makes_no_sense_is_an_error(event, arguments):
    with pytest.raises(CommandError) as error:
        run(*(one.format(event.pk) for one in arguments), now=NOW)

    assert error.value.returncode == 2
