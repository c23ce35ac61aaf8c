"""Waves of invitations: whom they reach, when, and once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.operations import EventStateInvalid
from saleor_loyalty.events.rules import Audience, Guest, belongs
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.flows.invite_members import (
    Selection,
    invite_by_hand,
    preview_wave,
    run_due_waves,
)
from saleor_loyalty.mailings.models import MemberPreferences
from saleor_loyalty.members.models import Member
from tests.events.parties import (
    DAY,
    answers,
    come,
    in_tier,
    invitation_of,
    leave,
    mails,
    make_event,
    make_guest,
    make_wave,
)
from tests.factories import NOW, make_program
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def tiers(program):
    return make_ladder(program)


@pytest.fixture
def members(program, tiers):
    """One of gold, one of silver, one of none."""
    silver, gold = tiers
    return (
        in_tier(make_guest(program, "gold"), gold),
        in_tier(make_guest(program, "silver"), silver),
        make_guest(program, "none"),
    )


def invited(event) -> list:
    return [one.member for one in event.invitations.order_by("pk")]


def test_gold_first_silver_three_days_later_the_rest_when_seats_are_left(program, tiers, members):
    silver, gold = tiers
    event = make_event(program, capacity=2, guests_allowed=0)
    make_wave(event, tier_ids=[gold.pk])
    make_wave(event, tier_ids=[silver.pk], opens_at=NOW + 3 * DAY)
    make_wave(event, opens_at=NOW + 5 * DAY, only_if_free=True)

    assert run_due_waves(now=NOW) == 1
    assert run_due_waves(now=NOW + 2 * DAY) == 0
    assert run_due_waves(now=NOW + 3 * DAY) == 1
    assert invited(event) == list(members[:2])
    for member in members[:2]:
        come(member, event, now=NOW + 4 * DAY)
    assert run_due_waves(now=NOW + 5 * DAY) == 0
    leave(members[0], event, now=NOW + 6 * DAY)
    assert run_due_waves(now=NOW + 6 * DAY) == 1

    assert invited(event) == list(members)
    assert run_due_waves(now=NOW + 7 * DAY) == 0
    assert list(event.waves.values_list("invited_count", flat=True)) == [1, 1, 1]
    assert [mail.member_id for mail in mails("event_invitation")] == [one.pk for one in members]


def test_drafts_invite_nobody_and_what_has_begun_neither(program, members):
    for values in ({"state": "draft"}, {"state": "cancelled"}, {"starts_at": NOW}):
        make_wave(make_event(program, **values), opens_at=NOW - DAY)

    assert run_due_waves(now=NOW) == 0

    assert not Invitation.objects.exists()


def test_a_member_is_invited_once_by_whatever_wave(program, members):
    event = make_event(program)
    come(members[2], event)
    make_wave(event)
    make_wave(event)

    assert run_due_waves(now=NOW) == 2

    assert answers(event) == ["accepted", "invited", "invited"]
    assert len(mails("event_invitation")) == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_invite_each_member_once():
    program = make_program()
    event = make_event(program)
    members = [make_guest(program, f"guest{number}") for number in range(20)]
    make_wave(event)

    results = in_threads(6, lambda _: run_due_waves(now=NOW))

    assert sum(results) == 20
    assert sorted(one.pk for one in invited(event)) == [one.pk for one in members]
    assert len(mails("event_invitation")) == 20
    assert event.waves.get().invited_count == 20


def test_the_preview_counts_whom_the_wave_would_invite_and_writes_nothing(program, tiers, members):
    silver, gold = tiers
    event = make_event(program)
    MemberPreferences.objects.create(member=members[0], accepts_marketing=True)
    MemberPreferences.objects.create(
        member=members[1], accepts_marketing=True, stopped=["event_invitation"]
    )

    all_of_them = preview_wave(event=event, selection=Selection(), now=NOW)
    of_gold = preview_wave(event=event, selection=Selection(tier_ids=(gold.pk,)), now=NOW)

    assert (all_of_them.members, all_of_them.reachable) == (3, 1)
    assert all_of_them.by_tier == {gold.pk: 1, silver.pk: 1, None: 1}
    assert all_of_them.first == list(members)
    assert (of_gold.members, of_gold.first) == (1, [members[0]])
    assert not Invitation.objects.exists()
    make_wave(event)
    assert run_due_waves(now=NOW) == all_of_them.members


def test_who_stayed_away_too_often_is_left_out_where_the_wave_says_so(program, members):
    past = make_event(program, starts_at=NOW - 30 * DAY)
    long_ago = make_event(program, starts_at=NOW - 400 * DAY)
    for member, event in ((members[0], past), (members[1], long_ago)):
        Invitation.objects.create(
            event=event,
            member=member,
            source="wave",
            answer="accepted",
            code=f"{member.pk}",
            invited_at=NOW,
            is_no_show=True,
        )
    event = make_event(program)

    def count(most):
        return preview_wave(event=event, selection=Selection(most_no_shows=most), now=NOW).members

    assert [count(None), count(1), count(0)] == [3, 3, 2]


def test_staff_invite_by_name_also_whom_the_audience_does_not_have(program, members):
    nobody = Audience(is_handpicked=True, member_ids=(0,)).as_json()
    event = make_event(program, audience=nobody)

    for _ in range(2):
        invite_by_hand(event_id=event.pk, member_ids=[members[2].pk], actor="Cleo", now=NOW)

    assert invited(event) == [members[2]]
    assert len(mails("event_invitation")) == 1
    assert come(members[2], event).answer == "accepted"


def test_who_was_removed_can_be_invited_again_by_hand_alone(program, members):
    event = make_event(program)
    invitation = come(members[2], event)
    remove_guest(invitation_id=invitation.pk, actor="Cleo", note="", now=NOW)
    make_wave(event)

    run_due_waves(now=NOW)
    assert invitation_of(members[2], event).answer == "removed"
    invite_by_hand(event_id=event.pk, member_ids=[members[2].pk], actor="Cleo", now=NOW)

    assert come(members[2], event).answer == "accepted"


def test_nobody_is_invited_to_a_draft_by_hand(program, members):
    event = make_event(program, state="draft")

    with pytest.raises(EventStateInvalid):
        invite_by_hand(event_id=event.pk, member_ids=[members[2].pk], actor="Cleo", now=NOW)

    assert not Invitation.objects.exists()


def test_merged_and_deleted_members_are_not_invited(program, members):
    Member.objects.filter(pk=members[0].pk).update(merged_into=members[1])
    Member.objects.filter(pk=members[2].pk).update(user=None)
    event = make_event(program)
    make_wave(event)

    run_due_waves(now=NOW)

    assert invited(event) == [members[1]]


@pytest.mark.parametrize(
    ("audience", "is_in"),
    [
        (Audience(), True),
        (Audience(tier_ids=(1, 2)), True),
        (Audience(tier_ids=(2,)), False),
        (Audience(channel_ids=(7,), countries=("NO", "HR")), True),
        (Audience(countries=("NO",)), False),
        (Audience(minimum_spent={"EUR": Decimal(100), "USD": Decimal(900)}), True),
        (Audience(minimum_spent={"EUR": Decimal("100.01")}), False),
        (Audience(ordered_since=NOW), True),
        (Audience(ordered_since=NOW + timedelta(seconds=1)), False),
        (Audience(tier_ids=(2,), member_ids=(5,)), True),
        (Audience(is_handpicked=True, member_ids=(6,)), False),
    ],
)
def test_an_audience_is_who_is_all_that_it_asks_for(audience, is_in):
    guest = Guest(
        member_id=5,
        tier_id=1,
        channel_id=7,
        country="HR",
        spent={"EUR": Decimal(100)},
        last_ordered_at=NOW,
    )

    assert belongs(guest, audience) is is_in
    assert Audience.from_json(audience.as_json()) == audience
