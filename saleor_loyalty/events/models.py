"""Events, their waves, and each member's invitation."""

import uuid

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.events.rules import (
    MAX_PLACE_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_URL_LENGTH,
    SEATED,
    Answer,
    EventState,
    PlaceKind,
    Source,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.models import Program

STATES = [(state.value, state.value) for state in EventState]
PLACES = [(place.value, place.value) for place in PlaceKind]
ANSWERS = [(answer.value, answer.value) for answer in Answer]
SOURCES = [(source.value, source.value) for source in Source]


class Event(models.Model):
    """An event of a programme. Its times are shown in `time_zone` (IANA name).

    `capacity` seats, of which `seats_taken` are: those who accepted, with their guests, and those who are
    offered seats. A member brings up to `guests_allowed`. A seat costs `price_points`, a party of n n times that; coming gives `award_points`.
    Cancelling until `cancel_hours` before the start gives points back; an offer from the waiting list is good for
    `offer_hours`. `reminder_hours` before the start members are reminded. `audience` is an `Audience` as plain data, `languages` are
    codes of those spoken. `uid` names it in calendars for ever; `version` rises with every change of
    what guests were told, and `history` keeps what was told before, by version; `moved_at` is the last time. `door_number`: links to the door with an earlier one are no good any more.
    """

    program = models.ForeignKey(Program, related_name="events", on_delete=models.PROTECT)
    uid = models.UUIDField(unique=True, default=uuid.uuid4)
    version = models.PositiveIntegerField(default=0)
    history = models.JSONField(default=dict)
    door_number = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=16, choices=STATES, default=EventState.DRAFT.value)
    title = models.CharField(max_length=MAX_TITLE_LENGTH)
    story = models.TextField(blank=True, default="")
    image_url = models.CharField(max_length=MAX_URL_LENGTH, blank=True, default="")
    image_alt = models.CharField(max_length=250, blank=True, default="")
    place_kind = models.CharField(max_length=16, choices=PLACES, default=PlaceKind.STORE.value)
    place = models.CharField(max_length=MAX_PLACE_LENGTH, blank=True, default="")
    place_url = models.CharField(max_length=MAX_URL_LENGTH, blank=True, default="")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    capacity = models.PositiveIntegerField()
    seats_taken = models.PositiveIntegerField(default=0)
    guests_allowed = models.PositiveSmallIntegerField(default=0)
    audience = models.JSONField(default=dict)
    registration_opens_at = models.DateTimeField(null=True)
    registration_closes_at = models.DateTimeField(null=True)
    price_points = models.BigIntegerField(default=0)
    award_points = models.BigIntegerField(default=0)
    cancel_hours = models.PositiveIntegerField(default=24)
    offer_hours = models.PositiveIntegerField(default=24)
    reminder_hours = models.JSONField(default=list)
    age_note = models.CharField(max_length=250, blank=True, default="")
    languages = models.JSONField(default=list)
    cancel_reason = models.TextField(blank=True, default="")
    moved_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("starts_at", "pk")
        default_permissions = ()
        constraints = (
            check(
                name="loyalty_event_seats",
                condition=models.Q(seats_taken__lte=models.F("capacity")),
            ),
            check(
                name="loyalty_event_ends_after_start",
                condition=models.Q(ends_at__gt=models.F("starts_at")),
            ),
            check(
                name="loyalty_event_points",
                condition=models.Q(price_points__gte=0, award_points__gte=0),
            ),
        )

    def __str__(self) -> str:
        return self.title


class EventTranslation(models.Model):
    """An event's texts in a language; what is empty is as in the event itself."""

    event = models.ForeignKey(Event, related_name="translations", on_delete=models.CASCADE)
    language_code = models.CharField(max_length=35)
    title = models.CharField(max_length=MAX_TITLE_LENGTH, blank=True, default="")
    story = models.TextField(blank=True, default="")
    place = models.CharField(max_length=MAX_PLACE_LENGTH, blank=True, default="")
    age_note = models.CharField(max_length=250, blank=True, default="")

    class Meta:
        ordering = ("event", "language_code")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["event", "language_code"], name="loyalty_event_translation"
            ),
        )

    def __str__(self) -> str:
        return f"event {self.event_id} in {self.language_code}"


class EventWave(models.Model):
    """When which tiers are invited: all of the audience where `tier_ids` is empty.

    With `only_if_free` it waits until seats are free. Who
    stayed away from more than `most_no_shows` events of the last year is left out (None: nobody
    is). `sent_at`: when it was done with.
    """

    event = models.ForeignKey(Event, related_name="waves", on_delete=models.CASCADE)
    tier_ids = models.JSONField(default=list)
    opens_at = models.DateTimeField()
    only_if_free = models.BooleanField(default=False)
    most_no_shows = models.PositiveSmallIntegerField(null=True)
    sent_at = models.DateTimeField(null=True)
    invited_count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("opens_at", "pk")
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["opens_at"],
                condition=models.Q(sent_at__isnull=True),
                name="loyalty_wave_due",
            ),
        )

    def __str__(self) -> str:
        return f"wave of event {self.event_id} at {self.opens_at}"


class Invitation(models.Model):
    """What a member has to do with an event, once each.

    `seats` are the member's own and the guests'; `code` lets them in at the door. `rank` is the position of the tier they had when they
    began to wait. `hold_number` counts the holds of points for it, of which `price_points` is held or captured now, from the points of `payer`: another than the member after a merge. `is_captured`: it is spent.
    `opened_at`: when they looked at its page first. `calendar_sequence` rises with each calendar entry that
    they are sent; `told_version` is the event's that they know of. `wound_up_at`: when all was done that the end of the event, or calling it off, asks for.
    """

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(Event, related_name="invitations", on_delete=models.PROTECT)
    member = models.ForeignKey(Member, related_name="invitations", on_delete=models.PROTECT)
    wave = models.ForeignKey(EventWave, related_name="+", null=True, on_delete=models.SET_NULL)
    source = models.CharField(max_length=16, choices=SOURCES)
    answer = models.CharField(max_length=16, choices=ANSWERS)
    seats = models.PositiveSmallIntegerField(default=1)
    guests = models.JSONField(default=list)
    dietary = models.TextField(blank=True, default="")
    access = models.TextField(blank=True, default="")
    rank = models.IntegerField(default=-1)
    waiting_since = models.DateTimeField(null=True)
    offered_until = models.DateTimeField(null=True)
    hold_number = models.PositiveIntegerField(default=0)
    price_points = models.BigIntegerField(default=0)
    payer = models.ForeignKey(Member, related_name="+", null=True, on_delete=models.PROTECT)
    is_captured = models.BooleanField(default=False)
    code = models.CharField(max_length=32, unique=True)
    invited_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    checked_in_at = models.DateTimeField(null=True)
    checked_in_seats = models.PositiveSmallIntegerField(default=0)
    checked_in_by = models.CharField(max_length=64, blank=True, default="")
    is_no_show = models.BooleanField(default=False)
    feedback_score = models.PositiveSmallIntegerField(null=True)
    feedback_text = models.TextField(blank=True, default="")
    calendar_sequence = models.PositiveIntegerField(default=0)
    told_version = models.PositiveIntegerField(default=0)
    awarded_points = models.BigIntegerField(default=0)
    feedback_at = models.DateTimeField(null=True)
    wound_up_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["event", "-rank", "waiting_since", "id"],
                condition=models.Q(answer=Answer.WAITING.value),
                name="loyalty_invitation_waiting",
            ),
            models.Index(
                fields=["offered_until"],
                condition=models.Q(answer=Answer.OFFERED.value),
                name="loyalty_invitation_offered",
            ),
            models.Index(
                fields=["event"],
                condition=models.Q(wound_up_at__isnull=True),
                name="loyalty_invitation_open",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["event", "member"], name="loyalty_invitation_once"),
            check(
                name="loyalty_invitation_offer_ends",
                condition=~models.Q(answer=Answer.OFFERED.value)
                | models.Q(offered_until__isnull=False),
            ),
            check(
                name="loyalty_invitation_price_of_the_seated",
                condition=models.Q(price_points=0)
                | models.Q(answer=Answer.ACCEPTED.value)
                | models.Q(is_captured=True),
            ),
            check(
                name="loyalty_invitation_door",
                condition=models.Q(checked_in_at__isnull=True)
                | models.Q(answer__in=sorted(answer.value for answer in SEATED)),
            ),
        )

    def __str__(self) -> str:
        return f"member {self.member_id} at event {self.event_id}: {self.answer}"


class InvitationStep(models.Model):
    """A step of an invitation: the answer it became, when, by whom, with which words."""

    id = models.BigAutoField(primary_key=True)
    invitation = models.ForeignKey(Invitation, related_name="steps", on_delete=models.CASCADE)
    answer = models.CharField(max_length=16, choices=ANSWERS)
    seats = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=64, blank=True, default="")
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"invitation {self.invitation_id}: {self.answer}"
