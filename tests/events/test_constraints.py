"""What the database itself refuses of events, whoever writes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from saleor_loyalty.events.models import Event, Invitation
from tests.events.parties import come, make_event, make_guest
from tests.factories import NOW, make_program


@pytest.mark.parametrize(
    ("constraint", "break_it"),
    [
        (
            "loyalty_event_seats",
            lambda event, _: Event.objects.filter(pk=event.pk).update(seats_taken=11),
        ),
        (
            "loyalty_event_ends_after_start",
            lambda event, _: Event.objects.filter(pk=event.pk).update(ends_at=event.starts_at),
        ),
        (
            "loyalty_event_points",
            lambda event, _: Event.objects.filter(pk=event.pk).update(price_points=-1),
        ),
        (
            "loyalty_invitation_once",
            lambda event, one: Invitation.objects.create(
                event=event, member=one.member, source="staff", code="x", invited_at=NOW
            ),
        ),
        (
            "loyalty_invitation_offer_ends",
            lambda _, one: Invitation.objects.filter(pk=one.pk).update(answer="offered"),
        ),
        (
            "loyalty_invitation_price_of_the_seated",
            lambda _, one: Invitation.objects.filter(pk=one.pk).update(
                answer="waiting", price_points=5
            ),
        ),
        (
            "loyalty_invitation_door",
            lambda _, one: Invitation.objects.filter(pk=one.pk).update(
                answer="declined", checked_in_at=NOW + timedelta(days=1)
            ),
        ),
    ],
)
def test_the_database_refuses_what_cannot_be(db, constraint, break_it):
    program = make_program()
    event = make_event(program)
    invitation = come(make_guest(program, "ada"), event)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        break_it(event, invitation)
