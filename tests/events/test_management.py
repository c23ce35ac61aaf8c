"""Events as staff make, move and call them off, and what guests hear of it."""

from datetime import timedelta

import pytest

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.events.checks import EventTexts, EventValues, check_event
from saleor_loyalty.events.models import Event
from saleor_loyalty.events.operations import EventStateInvalid
from saleor_loyalty.events.rules import Audience, Closed, EventClosed, EventInvalid, PlaceKind
from saleor_loyalty.flows.check_in import check_in
from saleor_loyalty.flows.invite_members import run_due_waves
from saleor_loyalty.flows.manage_events import (
    WaveValues,
    cancel_event,
    change_door,
    create_event,
    delete_event,
    publish_event,
    update_event,
)
from saleor_loyalty.flows.tell_of_changes import tell_of_changes
from saleor_loyalty.flows.wind_up_events import wind_up_events
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.programs.operations import ProgramNotFound
from tests.events.parties import (
    DAY,
    answers,
    come,
    invitation_of,
    leave,
    mails,
    make_event,
    make_guest,
    make_wave,
    purse,
    seats_taken,
)
from tests.factories import NOW, make_program
from tests.tiers.ladders import make_ladder

VALUES = {
    "title": "Winter tasting",
    "place": "Main street 1",
    "starts_at": NOW + 14 * DAY,
    "ends_at": NOW + 14 * DAY + timedelta(hours=2),
    "time_zone": "Europe/Zagreb",
    "capacity": 10,
}


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    return make_guest(program, "ada", points=1000)


def test_an_event_is_a_draft_with_its_texts_and_waves_until_it_is_published(program):
    silver, _ = make_ladder(program)

    event = create_event(
        program_id=program.pk,
        values=VALUES,
        translations=[EventTexts(language_code="NB", title="Vintersmaking")],
        waves=[WaveValues(opens_at=NOW, tier_ids=(silver.pk,))],
        now=NOW,
    )

    assert (event.state, event.reminder_hours, event.version) == ("draft", [168, 24], 0)
    assert event.translations.get().title == "Vintersmaking"
    assert event.translations.get().language_code == "nb"
    assert event.waves.get().tier_ids == [silver.pk]
    for _ in range(2):
        assert publish_event(event_id=event.pk, now=NOW).state == "published"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"story": "x" * 10_001}, "story"),
        ({"image_url": "javascript:alert(1)"}, "image_url"),
        ({"place_url": "ftp://x"}, "place_url"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"starts_at": None}, "starts_at"),
        ({"ends_at": NOW}, "ends_at"),
        ({"ends_at": NOW.replace(year=2201)}, "ends_at"),
        ({"starts_at": (NOW + DAY).replace(tzinfo=None)}, "starts_at"),
        ({"registration_closes_at": NOW + 30 * DAY}, "registration_closes_at"),
        ({"registration_opens_at": NOW + 15 * DAY}, "registration_opens_at"),
        ({"capacity": 0}, "capacity"),
        ({"guests_allowed": 21}, "guests_allowed"),
        ({"price_points": -1}, "price_points"),
        ({"award_points": 100_000_001}, "award_points"),
        ({"offer_hours": 0}, "offer_hours"),
        ({"reminder_hours": (0,)}, "reminder_hours"),
        ({"reminder_hours": (1, 2, 3, 4, 5, 6)}, "reminder_hours"),
        ({"audience": Audience(is_handpicked=True)}, "audience"),
        ({"languages": ("en",) * 21}, "languages"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_whole(program, values, field):
    with pytest.raises(EventInvalid) as refused:
        create_event(program_id=program.pk, values={**VALUES, **values}, now=NOW)

    assert refused.value.field == field
    assert not Event.objects.exists()


def test_a_programme_that_is_not_there_and_texts_that_are_too_long_make_no_event(program):
    with pytest.raises(ProgramNotFound):
        create_event(program_id=0, values=VALUES, now=NOW)
    with pytest.raises(EventInvalid):
        create_event(
            program_id=program.pk,
            values=VALUES,
            translations=[EventTexts(language_code="nb", title="x" * 121)],
            now=NOW,
        )

    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "wave",
    [
        WaveValues(opens_at=NOW + 14 * DAY),
        WaveValues(opens_at=NOW, tier_ids=(0,)),
        WaveValues(opens_at=NOW, most_no_shows=-1),
        WaveValues(opens_at=NOW.replace(tzinfo=None)),
        WaveValues(opens_at=NOW, wave_id=1),
    ],
)
def test_waves_that_make_no_sense_are_refused_with_the_event(program, wave):
    with pytest.raises(EventInvalid) as refused:
        create_event(program_id=program.pk, values=VALUES, waves=[wave], now=NOW)

    assert refused.value.field == "waves"
    assert not Event.objects.exists()


def test_waves_to_come_can_be_changed_those_that_went_out_cannot(program):
    event = make_event(program)
    gone = make_wave(event, sent_at=NOW)
    kept, dropped = make_wave(event), make_wave(event)

    later = NOW + DAY
    update_event(
        event_id=event.pk,
        values={},
        waves=[WaveValues(opens_at=later, wave_id=kept.pk), WaveValues(opens_at=later)],
        now=NOW,
    )

    waves = list(event.waves.order_by("pk"))
    assert [one.pk for one in waves[:2]] == [gone.pk, kept.pk]
    assert [one.opens_at for one in waves] == [NOW, later, later]
    assert dropped.pk not in {one.pk for one in waves}
    with pytest.raises(EventInvalid):
        update_event(
            event_id=event.pk,
            values={},
            waves=[WaveValues(opens_at=later, wave_id=gone.pk)],
            now=NOW,
        )


def test_what_is_not_named_stays_and_more_seats_go_to_who_waits(program, ada):
    event = make_event(program, capacity=1, story="Come in.")
    come(ada, event)
    second = make_guest(program, "second")
    come(second, event)

    update_event(event_id=event.pk, values={"capacity": 2}, now=NOW)

    event.refresh_from_db()
    assert (event.story, event.version, event.seats_taken) == ("Come in.", 0, 2)
    assert answers(event) == ["accepted", "offered"]
    assert len(mails("event_offered")) == 1


def test_a_capacity_below_the_seats_that_are_taken_is_refused(program, ada):
    event = make_event(program)
    come(ada, event, "Mia")

    with pytest.raises(EventInvalid):
        update_event(event_id=event.pk, values={"capacity": 1}, now=NOW)

    event.refresh_from_db()
    assert event.capacity == 10


def test_an_event_that_is_moved_twice_is_told_with_a_rising_sequence(program, ada):
    event = make_event(program, place="Main street 1")
    come(ada, event)
    starts_at, ends_at = event.starts_at, event.ends_at

    update_event(
        event_id=event.pk,
        values={"starts_at": starts_at + DAY, "ends_at": ends_at + DAY},
        now=NOW,
    )
    assert tell_of_changes(now=NOW) == 1
    assert tell_of_changes(now=NOW) == 0
    EmailMessage.objects.filter(kind="event_changed").update(status="sent")
    update_event(event_id=event.pk, values={"place": "Harbour 2"}, now=NOW)
    update_event(event_id=event.pk, values={"place": "Harbour 3"}, now=NOW)
    assert tell_of_changes(now=NOW) == 1
    cancel_event(event_id=event.pk, reason="Storm", now=NOW)
    wind_up_events(now=NOW)

    (confirmed,) = mails("event_confirmed")
    first, second = mails("event_changed")
    (off,) = mails("event_cancelled")
    assert first.facts["moved_from"] == {"at": starts_at.isoformat(), "zone": "Europe/Zagreb"}
    assert (first.facts["moved_place"], second.facts["moved_from"]) == ("", "")
    assert second.facts["moved_place"] == "Main street 1"
    assert second.facts["event"]["place"] == {"": "Harbour 3"}
    told = [mail.facts for mail in (confirmed, first, second, off)]
    assert [one["event"]["sequence"] for one in told] == [1, 2, 3, 4]
    assert {one["event"]["uid"] for one in told} == {str(event.uid)}
    assert [one["calendar"]["method"] for one in told] == ["REQUEST"] * 3 + ["CANCEL"]


def test_who_was_never_mailed_hears_of_no_change_and_who_left_neither(program, ada):
    event = make_event(program)
    make_wave(event)
    mailed, gone = make_guest(program, "mailed"), make_guest(program, "gone")
    come(gone, event)
    leave(gone, event)
    run_due_waves(now=NOW)
    for mail in mails("event_invitation", member_id=mailed.pk):
        mail.status = "sent"
        mail.save()

    update_event(event_id=event.pk, values={"place": "Harbour 2"}, now=NOW)
    tell_of_changes(now=NOW)

    assert [mail.member_id for mail in mails("event_changed")] == [mailed.pk]


def test_a_change_of_words_alone_is_told_nobody(program, ada):
    event = make_event(program)
    come(ada, event)

    update_event(event_id=event.pk, values={"story": "New", "award_points": 5}, now=NOW)

    assert tell_of_changes(now=NOW) == 0


def test_a_published_event_is_not_moved_into_the_past(program):
    event = make_event(program)

    with pytest.raises(EventInvalid):
        update_event(event_id=event.pk, values={"starts_at": NOW - DAY}, now=NOW)


def test_an_event_that_is_called_off_gives_all_points_back_once(program, ada):
    event = make_event(program, capacity=1, price_points=100)
    second, late = (make_guest(program, name, points=100) for name in ("second", "late"))
    come(late, event)
    leave(late, event, now=event.starts_at - timedelta(hours=1))
    come(ada, event)
    come(second, event)

    for _ in range(2):
        cancel_event(event_id=event.pk, reason=" Storm ", now=NOW)
        wind_up_events(now=NOW)

    assert answers(event) == ["cancelled", "removed", "removed"]
    assert seats_taken(event) == 0
    assert [purse(one).available for one in (ada, second, late)] == [1000, 100, 100]
    assert find_drift() == []
    told = {mail.member_id: mail.facts for mail in mails("event_cancelled")}
    assert set(told) == {ada.pk, second.pk}
    assert (told[ada.pk]["points_given_back"], told[ada.pk]["cancel_reason"]) == (100, "Storm")


def test_an_event_can_be_called_off_when_guests_are_in(program, ada):
    event = make_event(program, price_points=100, award_points=50)
    invitation = come(ada, event)
    check_in(code=invitation.code, actor="door", now=event.starts_at)

    cancel_event(event_id=event.pk, reason="Fire", now=event.starts_at)
    wind_up_events(now=event.starts_at)

    assert purse(ada).total == 1050
    assert len(mails("event_cancelled")) == 1
    assert find_drift() == []


def test_nobody_answers_what_was_called_off_even_before_it_is_wound_up(program, ada):
    event = make_event(program)
    come(ada, event)
    cancel_event(event_id=event.pk, reason="", now=NOW)

    for answer in (come, leave):
        with pytest.raises(EventClosed) as refused:
            answer(ada, event)
        assert refused.value.data == {"why": Closed.CANCELLED}


def test_a_draft_that_is_called_off_or_deleted_is_heard_of_by_nobody(program):
    event, other = make_event(program, state="draft"), make_event(program, state="draft")

    cancel_event(event_id=event.pk, reason="", now=NOW)
    delete_event(event_id=other.pk)
    wind_up_events(now=NOW)

    assert mails("event_cancelled") == []
    assert list(Event.objects.values_list("pk", flat=True)) == [event.pk]


@pytest.mark.parametrize("state", ["cancelled", "done"])
def test_what_is_over_is_not_changed_any_more(program, state):
    event = make_event(program, state=state)

    with pytest.raises(EventStateInvalid):
        update_event(event_id=event.pk, values={"title": "New"}, now=NOW)
    with pytest.raises(EventStateInvalid):
        publish_event(event_id=event.pk, now=NOW)
    with pytest.raises(EventStateInvalid):
        delete_event(event_id=event.pk)


def test_an_event_that_began_is_not_published(program):
    event = make_event(program, state="draft", starts_at=NOW)

    with pytest.raises(EventInvalid):
        publish_event(event_id=event.pk, now=NOW)


def test_links_to_the_door_can_be_ended(program):
    event = make_event(program)

    assert change_door(event_id=event.pk, now=NOW).door_number == 1


def test_values_can_be_given_for_every_field(program):
    check_event(
        EventValues(
            **VALUES,
            story="s",
            image_url="https://x.test/a.png",
            place_kind=PlaceKind.ONLINE,
            place_url="https://x.test",
            registration_opens_at=NOW,
            registration_closes_at=NOW + DAY,
        )
    )


def test_who_answers_after_a_change_is_not_told_of_it_again(program, ada):
    event = make_event(program, place="Main street 1")
    update_event(event_id=event.pk, values={"place": "Harbour 2"}, now=NOW)
    event.refresh_from_db()
    come(ada, event)

    assert tell_of_changes(now=NOW) == 0
    assert invitation_of(ada, event).told_version == 1
