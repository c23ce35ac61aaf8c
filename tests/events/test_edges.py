"""Events where things happen at once, twice, too late or in another order than one would like."""

from datetime import timedelta

import pytest
from django.core.mail import get_connection
from django.db import transaction
from icalendar import Calendar

from saleor_loyalty.emails.delivery import PostOffice, deliver_due
from saleor_loyalty.emails.envelopes import MailSender
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import claim_emails, hand_over, mark_sent, note_verdicts
from saleor_loyalty.emails.rendering import ShopIdentity
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.numbers import numbers_of
from saleor_loyalty.flows import invite_members
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.flows.check_in import check_in
from saleor_loyalty.flows.invite_members import invite_by_hand, run_due_waves
from saleor_loyalty.flows.mail_approval import approve
from saleor_loyalty.flows.manage_events import cancel_event, update_event
from saleor_loyalty.flows.merge_members import merge_members, move_late_points
from saleor_loyalty.flows.tell_of_changes import remind_guests, tell_of_changes
from saleor_loyalty.flows.wind_up_events import (
    end_events,
    forget_notes,
    move_lines,
    wind_up_events,
)
from saleor_loyalty.mailings.models import MemberPreferences
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.programs.models import Program
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
from tests.flows.test_mail_approval import LINKS, people
from tests.threads import in_threads

MINUTE = timedelta(minutes=1)


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(program):
    member = make_guest(program, "ada", points=1000)
    MemberPreferences.objects.create(member=member, accepts_marketing=True)
    return member


def approved(messages, now):
    return approve(messages, now, find_people=people, links=LINKS)


def send(mailoutbox, *, now):
    """Send what is due and return what left, each with its entry for the calendar."""
    sender = MailSender(
        backend=get_connection("django.core.mail.backends.locmem.EmailBackend"),
        from_address="hello@aurora.example",
        shop=ShopIdentity(name="Aurora"),
    )
    before = len(mailoutbox)
    office = PostOffice(sender_for=lambda _: sender, approve=approved)
    report = deliver_due(office=office, clock=lambda: now)
    assert report.failed == 0
    return [(mail.subject, entry_of(mail)) for mail in mailoutbox[before:]]


def entry_of(mail):
    for form in mail.alternatives:
        if form[1].startswith("text/calendar"):
            (event,) = Calendar.from_ical(form[0]).walk("VEVENT")
            return event
    return None


def in_flight(kind):
    """Mails of a kind that a worker is just about to hand over."""
    messages = claim_emails(limit=10, now=NOW + MINUTE)
    with transaction.atomic():
        verdicts = approved(messages, NOW + MINUTE)
        note_verdicts(messages=messages, verdicts=verdicts, now=NOW + MINUTE)
    return messages


def arrive(messages):
    for message in messages:
        assert hand_over(message=message, now=NOW + MINUTE)
        mark_sent(message=message, now=NOW + MINUTE)


def test_every_mail_about_an_event_can_leave_with_its_entry_for_the_calendar(
    program, ada, mailoutbox
):
    event = make_event(program, capacity=1, guests_allowed=0, reminder_hours=[24], place="Old")
    make_wave(event)
    bea = make_guest(program, "bea")
    entries = []

    def step(minutes, *, now=NOW):
        entries.extend(send(mailoutbox, now=now + minutes * MINUTE))

    run_due_waves(now=NOW)
    step(1)  # ada is invited; bea did not agree to marketing
    come(ada, event)
    come(bea, event)
    step(2)  # a ticket, and the waiting list
    update_event(event_id=event.pk, values={"place": "New"}, now=NOW + 2 * MINUTE)
    tell_of_changes(now=NOW + 2 * MINUTE)
    step(3)  # both hear of the change
    leave(ada, event, now=NOW + 4 * MINUTE)
    step(5)  # she is off the list, and bea is asked
    come(bea, event, now=NOW + 6 * MINUTE)
    step(7)
    remind_guests(now=event.starts_at - DAY)
    step(0, now=event.starts_at - DAY)
    bea_s = invitation_of(bea, event)
    check_in(code=bea_s.code, actor="door", now=event.starts_at)
    end_events(now=event.ends_at + DAY)
    wind_up_events(now=event.ends_at + DAY)
    step(0, now=event.ends_at + DAY)
    other = make_event(program)
    come(ada, other)
    step(8)
    cancel_event(event_id=other.pk, reason="Storm", now=NOW)
    wind_up_events(now=NOW)
    step(9)

    sent = EmailMessage.objects.filter(status="sent").values_list("kind", flat=True)
    assert sorted(set(sent)) == [
        "event_cancelled",
        "event_changed",
        "event_confirmed",
        "event_invitation",
        "event_left",
        "event_offered",
        "event_reminder",
        "event_thanks",
        "event_waiting",
    ]
    of_ada = [
        (entry["STATUS"], entry["ATTENDEE"].params["PARTSTAT"])
        for _, entry in entries
        if entry and entry["UID"] == str(event.uid) and "ada@" in entry["ATTENDEE"]
    ]
    assert of_ada == [
        ("CONFIRMED", "NEEDS-ACTION"),
        ("CONFIRMED", "ACCEPTED"),
        ("CONFIRMED", "ACCEPTED"),
        ("CANCELLED", "DECLINED"),
    ]
    assert all("/accept/" not in str(entry.get("URL", "")) for _, entry in entries if entry)


def test_a_change_while_the_invitation_is_in_the_servers_hands_is_told(program, ada):
    event = make_event(program, place="Old")
    make_wave(event)
    run_due_waves(now=NOW)
    messages = in_flight("event_invitation")

    update_event(event_id=event.pk, values={"place": "New"}, now=NOW + MINUTE)
    tell_of_changes(now=NOW + MINUTE)
    arrive(messages)

    assert len(mails("event_changed")) == 1


def test_calling_off_while_the_invitation_is_in_the_servers_hands_is_told(program, ada):
    event = make_event(program)
    make_wave(event)
    run_due_waves(now=NOW)
    messages = in_flight("event_invitation")

    cancel_event(event_id=event.pk, reason="", now=NOW + MINUTE)
    wind_up_events(now=NOW + MINUTE)
    arrive(messages)

    assert len(mails("event_cancelled")) == 1


def test_of_two_quick_changes_the_second_mail_tells_both(program, ada, mailoutbox):
    event = make_event(program, place="Old")
    come(ada, event)
    send(mailoutbox, now=NOW + MINUTE)
    before = event.starts_at

    for values in (
        {"starts_at": before + DAY, "ends_at": event.ends_at + DAY},
        {"place": "New"},
    ):
        update_event(event_id=event.pk, values=values, now=NOW + 2 * MINUTE)
        tell_of_changes(now=NOW + 2 * MINUTE)
    send(mailoutbox, now=NOW + 3 * MINUTE)

    (sent,) = mails("event_changed", status="sent")
    assert sent.facts["moved_from"]["at"] == before.isoformat()
    assert sent.facts["moved_place"] == "Old"


def test_who_is_invited_again_gets_a_mail_again_but_only_one(program, ada, mailoutbox):
    event = make_event(program)

    for _ in range(2):
        invite_by_hand(event_id=event.pk, member_ids=[ada.pk], actor="", now=NOW)
        pk = invitation_of(ada, event).pk
        remove_guest(invitation_id=pk, actor="", note="", now=NOW)
    invite_by_hand(event_id=event.pk, member_ids=[ada.pk], actor="", now=NOW)

    assert len(send(mailoutbox, now=NOW + MINUTE)) == 1
    assert len(mails("event_invitation", status="sent")) == 1


def test_an_invitation_that_waits_tells_the_price_of_when_it_leaves(program, ada, mailoutbox):
    event = make_event(program, price_points=100)
    make_wave(event)
    run_due_waves(now=NOW)

    update_event(event_id=event.pk, values={"price_points": 500, "title": "Other"}, now=NOW)
    send(mailoutbox, now=NOW + MINUTE)

    (mail,) = mails("event_invitation", status="sent")
    assert (mail.facts["event_price"], mail.facts["event_title"]) == (500, {"": "Other"})


def test_who_comes_leaves_and_comes_again_gets_one_ticket(program, ada, mailoutbox):
    event = make_event(program)
    come(ada, event, "Mia")
    leave(ada, event)
    come(ada, event)

    assert len(send(mailoutbox, now=NOW + MINUTE)) == 1

    (mail,) = mails("event_confirmed", status="sent")
    assert mail.facts["seats"] == 1


def test_where_an_online_event_is_only_those_learn_who_come(program, ada, mailoutbox):
    event = make_event(program, place_kind="online", place_url="https://meet.test/secret")
    make_wave(event)
    run_due_waves(now=NOW)
    send(mailoutbox, now=NOW + MINUTE)
    come(ada, event)
    send(mailoutbox, now=NOW + 2 * MINUTE)

    invitation, ticket = mailoutbox
    assert "meet.test" not in str(invitation.message())
    assert "https://meet.test/secret" in ticket.body


def test_nobody_is_a_no_show_of_an_event_online(program, ada):
    event = make_event(program, place_kind="online")
    come(ada, event)

    end_events(now=event.ends_at + DAY)
    wind_up_events(now=event.ends_at + DAY)

    assert not invitation_of(ada, event).is_no_show


def test_who_never_answered_did_not_decline(program, ada):
    event = make_event(program)
    make_wave(event)
    run_due_waves(now=NOW)

    end_events(now=event.ends_at + DAY)
    wind_up_events(now=event.ends_at + DAY)

    assert answers(event) == ["invited"]
    assert numbers_of([event.pk])[event.pk].declined == 0


def test_who_is_noted_later_is_thanked_too(program, ada):
    event = make_event(program)
    invitation = come(ada, event)
    after = event.ends_at + DAY
    end_events(now=after)
    wind_up_events(now=after)

    for _ in range(2):
        check_in(code=invitation.code, actor="Cleo", now=after, is_later=True)

    assert len(mails("event_thanks")) == 1


def test_who_declines_an_invitation_loses_its_entry_in_the_calendar(program, ada, mailoutbox):
    event = make_event(program)
    make_wave(event)
    run_due_waves(now=NOW)
    send(mailoutbox, now=NOW + MINUTE)

    leave(ada, event, now=NOW + MINUTE)

    ((_, entry),) = send(mailoutbox, now=NOW + 2 * MINUTE)
    assert (entry["STATUS"], entry["SEQUENCE"]) == ("CANCELLED", 2)


def test_staff_who_move_an_event_take_nobodys_points(program, ada):
    event = make_event(program, price_points=100)
    come(ada, event)
    soon = NOW + timedelta(hours=20)
    update_event(event_id=event.pk, values={"starts_at": soon, "ends_at": soon + MINUTE}, now=NOW)
    late = make_guest(program, "late", points=100)
    come(late, event, now=NOW + MINUTE)

    for member in (ada, late):
        leave(member, event, now=NOW + 2 * MINUTE)

    assert [purse(member).available for member in (ada, late)] == [1000, 0]


def test_offers_do_not_outlive_answers_and_the_end_may_move_while_it_runs(program, ada):
    event = make_event(program, capacity=1)
    bea = make_guest(program, "bea")
    come(ada, event)
    come(bea, event)
    leave(ada, event)

    closes = NOW + timedelta(hours=1)
    update_event(event_id=event.pk, values={"registration_closes_at": closes}, now=NOW)
    assert invitation_of(bea, event).offered_until == closes

    later = event.ends_at + timedelta(hours=1)
    update_event(event_id=event.pk, values={"ends_at": later}, now=event.starts_at + MINUTE)
    assert Event.objects.get().ends_at == later


def test_while_the_programme_is_off_nobody_is_offered_seats_that_they_cannot_take(program, ada):
    event = make_event(program, capacity=1)
    bea = make_guest(program, "bea")
    come(ada, event)
    come(bea, event)
    Program.objects.update(is_active=False)

    leave(ada, event)
    assert answers(event) == ["cancelled", "waiting"]
    Program.objects.update(is_active=True)
    come(bea, event)

    assert answers(event) == ["cancelled", "accepted"]


def test_a_party_may_stay_as_it_is_when_fewer_guests_are_allowed(program, ada):
    event = make_event(program, guests_allowed=2)
    come(ada, event, "Mia", "Bo")
    Event.objects.update(guests_allowed=0)

    come(ada, event, "Mia", "Bodil")

    assert invitation_of(ada, event).guests == ["Mia", "Bodil"]


def test_names_of_guests_are_forgotten_in_mails_too(program, ada):
    event = make_event(program)
    come(ada, event, "Mia")

    forget_notes(now=event.ends_at + 31 * DAY)

    (mail,) = mails("event_confirmed")
    assert mail.facts["guests"] == []


def test_a_merge_after_calling_off_leaves_no_points_behind(program, ada):
    event = make_event(program, price_points=100)
    into = make_guest(program, "into", points=500)
    come(ada, event)
    come(into, event)

    cancel_event(event_id=event.pk, reason="", now=NOW)
    merge_members(member_id=ada.pk, into_id=into.pk, actor="", now=NOW)
    wind_up_events(now=NOW)

    assert (purse(into).available, purse(into).held) == (1500, 0)
    assert find_drift() == []


def test_a_merge_lets_the_calendars_sequence_rise_on(program, ada):
    event = make_event(program)
    into = make_guest(program, "into")
    come(ada, event)
    for guests in ((), ("Mia",), ("Mia", "Bo")):
        come(into, event, *guests)
    merge_members(member_id=ada.pk, into_id=into.pk, actor="", now=NOW)

    update_event(event_id=event.pk, values={"place": "New"}, now=NOW)
    tell_of_changes(now=NOW)

    assert mails("event_changed")[-1].facts["event"]["sequence"] == 4


def test_who_is_merged_while_a_wave_runs_is_not_invited(program, monkeypatch):
    monkeypatch.setattr(invite_members, "BATCH", 1)
    event = make_event(program)
    make_wave(event)
    first, into, gone = (make_guest(program, name) for name in ("first", "into", "gone"))
    invite = invite_members._invite

    def merging_meanwhile(*given, **values):
        found = invite(*given, **values)
        if found and found[0].member_id == first.pk:
            merge_members(member_id=gone.pk, into_id=into.pk, actor="", now=NOW)
        return found

    monkeypatch.setattr(invite_members, "_invite", merging_meanwhile)

    assert run_due_waves(now=NOW) == 2
    assert not Invitation.objects.filter(member=gone).exists()


def test_an_invitation_that_reached_a_merged_member_moves_on(program, ada):
    event = make_event(program)
    into = make_guest(program, "into")
    merge_members(member_id=ada.pk, into_id=into.pk, actor="", now=NOW)
    Invitation.objects.create(
        event=event, member=ada, source="wave", answer="invited", code="x", invited_at=NOW
    )

    move_late_points(now=NOW)

    assert invitation_of(into, event).answer == "invited"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_merges_of_guests_of_the_same_events_wait_for_each_other():
    program = make_program()
    events = [make_event(program, capacity=1000), make_event(program, capacity=1000)]
    for number in range(6):
        pairs = [
            [make_guest(program, f"{who}{number}", points=100) for who in pair]
            for pair in (("a", "aa"), ("b", "bb"))
        ]
        for paid, free, (member, _) in zip(events, reversed(events), pairs, strict=True):
            Event.objects.filter(pk=paid.pk).update(price_points=10)
            Event.objects.filter(pk=free.pk).update(price_points=0)
            come(member, paid)
            come(member, free)

        def merge(which, pairs=pairs):
            member, into = pairs[which]
            return merge_members(member_id=member.pk, into_id=into.pk, actor="", now=NOW)

        assert [type(one).__name__ for one in in_threads(2, merge)] == ["Member", "Member"]
    assert find_drift() == []


def test_one_invitation_that_is_broken_holds_up_no_other(program, ada):
    broken, good = (make_event(program, price_points=10) for _ in range(2))
    bea = make_guest(program, "bea", points=100)
    for event in (broken, good):
        come(ada, event)
        come(bea, event)
    Invitation.objects.filter(event=broken, member=ada).update(hold_number=77)

    for event in (broken, good):
        cancel_event(event_id=event.pk, reason="", now=NOW)
    wind_up_events(now=NOW)

    assert answers(good) == ["removed", "removed"]
    assert answers(broken) == ["accepted", "removed"]
    assert seats_taken(broken) == 1


def test_an_offer_that_lapsed_is_told(program, ada, mailoutbox):
    event = make_event(program, capacity=1)
    bea = make_guest(program, "bea")
    come(ada, event)
    come(bea, event)
    leave(ada, event)
    send(mailoutbox, now=NOW + MINUTE)

    move_lines(now=NOW + DAY)

    assert len(send(mailoutbox, now=NOW + DAY + MINUTE)) == 1
    assert [mail.member_id for mail in mails("event_left")] == [ada.pk, bea.pk]
