"""The speed of a wave of invitations, as a ratio to writing the same rows; see benchmarks.py.

Needs Django set up, and a database that may be filled.
"""

import uuid
from datetime import timedelta

from django.utils import timezone

from dev.ledger_benchmarks import timed
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.events.models import Event, EventWave, Invitation, InvitationStep
from saleor_loyalty.events.rules import Audience, EventState
from saleor_loyalty.flows.invite_members import run_due_waves
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program

MEMBERS = 5_000
BATCH = 500


def inviting() -> float:
    """Return inviting members by a wave (whom, invitation, step, mail), relative to writing these rows."""
    now = timezone.now()
    program = Program.objects.create(name="Guests", created_at=now, updated_at=now)
    Member.objects.bulk_create(
        (
            Member(
                program=program,
                email=f"{uuid.uuid4()}@example.com",
                joined_at=now,
                joined_by="customer",
            )
            for _ in range(MEMBERS)
        ),
        batch_size=BATCH,
    )
    event = Event.objects.create(
        program=program,
        state=EventState.PUBLISHED.value,
        title="Tasting",
        starts_at=now + timedelta(days=30),
        ends_at=now + timedelta(days=30, hours=2),
        time_zone="Europe/Zagreb",
        capacity=100,
        audience=Audience().as_json(),
        created_at=now,
        updated_at=now,
    )
    EventWave.objects.create(event=event, opens_at=now)
    inviting = timed(lambda: run_due_waves(now=now))
    mails = EmailMessage.objects.filter(program_id=program.pk)
    kept = {
        Invitation: list(Invitation.objects.filter(event=event)),
        InvitationStep: list(InvitationStep.objects.filter(invitation__event=event)),
        EmailMessage: list(mails),
    }
    assert [len(rows) for rows in kept.values()] == [MEMBERS] * 3
    mails.delete()
    Invitation.objects.filter(event=event).delete()
    writing = timed(
        lambda: [model.objects.bulk_create(rows, batch_size=BATCH) for model, rows in kept.items()]
    )
    print(f"   {MEMBERS / inviting:.0f} members a second", flush=True)
    return inviting / writing
