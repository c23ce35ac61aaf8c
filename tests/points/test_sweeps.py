from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from django.db import transaction

from saleor_loyalty.points import sweeps
from saleor_loyalty.points.models import Balance, Entry, Hold, Lot
from saleor_loyalty.points.operations import post, schedule_maturity
from saleor_loyalty.points.postings import Authorize, Capture, GiveBack, Mature, Take
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import LotTerms, Purse, Reason
from saleor_loyalty.points.sweeps import expire_due, mature_due, void_due_holds
from saleor_loyalty.points.verification import find_drift
from tests.factories import NOW, make_member, make_posting, make_program
from tests.threads import in_threads
from tests.waiting import wait_until_blocked

DAY = timedelta(days=1)


@pytest.fixture
def member(db):
    return make_member()


def award(member, points, *, key="award", terms=None, **values):
    post(
        postings=[make_posting(member, points, key=key, lot=terms or LotTerms(), **values)], now=NOW
    )


def do(kind, member, *, key, **values):
    posting = kind(
        program_id=member.program_id,
        member_id=member.pk,
        key=key,
        reason=Reason.ADJUSTMENT,
        effective_at=NOW,
        **values,
    )
    return post(postings=[posting], now=NOW)


def spend(member, points, *, key="checkout", expires_at=None):
    do(Authorize, member, key=key, points=points, expires_at=expires_at)
    do(Capture, member, key=f"{key}:capture", hold_key=key)


def purse(member):
    return purses_of(member_ids=[member.pk])[member.pk]


def expired():
    entries = Entry.objects.filter(reason="expired").order_by("id")
    return list(entries.values_list("points", "effective_at", "created_at"))


def pending(matures_at, **values):
    return LotTerms(is_pending=True, matures_at=matures_at, **values)


def test_points_mature_at_their_instant_and_count_from_it(member):
    award(member, 10, terms=pending(NOW + DAY))

    early = mature_due(now=NOW + DAY - timedelta(microseconds=1))
    late = mature_due(now=NOW + 3 * DAY)

    assert (early, late) == (0, 1)
    assert purse(member) == Purse(available=10)
    entry = Entry.objects.get(reason="matured")
    assert (entry.effective_at, entry.created_at) == (NOW + DAY, NOW + 3 * DAY)


def test_maturing_again_does_nothing(member):
    award(member, 10, terms=pending(NOW))

    assert (mature_due(now=NOW), mature_due(now=NOW)) == (1, 0)

    assert Entry.objects.count() == 2


def test_points_that_wait_for_an_event_do_not_mature_by_time(member):
    award(member, 10, terms=pending(None), order_id="17")

    waiting = mature_due(now=NOW + 3650 * DAY)
    schedule_maturity(matures_at={"17": NOW + DAY})
    schedule_maturity(matures_at={"17": NOW + 9 * DAY})

    assert waiting == 0
    assert Lot.objects.get().matures_at == NOW + DAY
    assert mature_due(now=NOW + DAY) == 1


def test_points_wait_again_when_what_they_waited_for_is_undone(member):
    award(member, 10, terms=pending(None), order_id="17")

    schedule_maturity(matures_at={"17": NOW + DAY})
    schedule_maturity(matures_at={"17": None})

    assert Lot.objects.get().matures_at is None
    assert mature_due(now=NOW + DAY) == 0


def test_more_lots_mature_than_fit_in_one_call(member, monkeypatch):
    monkeypatch.setattr(sweeps, "POSTINGS_A_CALL", 2)
    for number in range(5):
        award(member, 10, key=f"award-{number}", terms=pending(NOW))

    assert mature_due(now=NOW) == 5

    assert purse(member) == Purse(available=50)


def test_a_member_whose_ledger_drifts_holds_up_no_other(member, caplog):
    other = make_member(member.program)
    for one in (member, other):
        terms = LotTerms(expires_at=NOW)
        award(one, 10, key=f"lot-{one.pk}", terms=terms)
        do(Authorize, one, key=f"hold-{one.pk}", points=4, expires_at=NOW)
        award(one, 7, key=f"pending-{one.pk}", terms=pending(NOW))
    Balance.objects.filter(member=member).update(available=1)

    assert (mature_due(now=NOW), void_due_holds(now=NOW), expire_due(now=NOW)) == (1, 1, 1)

    assert purse(member) == Purse(pending=7, available=1, held=4)
    assert purse(other) == Purse(available=7)
    assert "ledger drifts" in caplog.text


def test_points_expire_at_their_instant_and_no_sooner(member):
    award(member, 10, terms=LotTerms(expires_at=NOW + DAY))
    award(member, 5, key="other")

    early = expire_due(now=NOW + DAY - timedelta(microseconds=1))
    due = expire_due(now=NOW + DAY)

    assert (early, due) == (0, 1)
    assert purse(member) == Purse(available=5)
    assert expired() == [(10, NOW + DAY, NOW + DAY)]


def test_points_that_expire_late_count_from_their_own_instant(member):
    award(member, 10, terms=LotTerms(expires_at=NOW))

    expire_due(now=NOW + 4 * DAY)

    assert expired() == [(10, NOW, NOW + 4 * DAY)]


def test_expiring_again_does_nothing(member):
    award(member, 10, terms=LotTerms(expires_at=NOW))

    assert (expire_due(now=NOW), expire_due(now=NOW)) == (1, 0)

    assert len(expired()) == 1


def test_held_and_pending_points_do_not_expire(member):
    award(member, 10, terms=LotTerms(expires_at=NOW))
    do(Authorize, member, key="checkout", points=4)
    award(member, 3, key="pending", terms=pending(None, expires_at=NOW))

    expire_due(now=NOW)

    assert purse(member) == Purse(pending=3, held=4)
    assert find_drift() == []


def test_points_given_back_after_their_time_expire_again(member):
    award(member, 10, terms=LotTerms(expires_at=NOW))
    spend(member, 6)
    expire_due(now=NOW)
    do(GiveBack, member, key="undo", hold_key="checkout")

    assert expire_due(now=NOW) == 1

    assert purse(member) == Purse()
    assert [points for points, *_ in expired()] == [4, 6]


def test_as_many_points_expire_again_after_a_refund_of_expired_ones(member):
    award(member, 20, terms=LotTerms(expires_at=NOW), order_id="17")
    spend(member, 10)
    expire_due(now=NOW)
    do(Take, member, key="refund", points=10, order_id="17")
    do(GiveBack, member, key="undo", hold_key="checkout")

    assert expire_due(now=NOW) == 1

    assert purse(member) == Purse()
    assert [points for points, *_ in expired()] == [10, 10]
    assert find_drift() == []


def test_lots_expire_in_chunks(member, monkeypatch):
    monkeypatch.setattr(sweeps, "CHUNK", 2)
    other = make_member(member.program)
    for number in range(5):
        award((member, other)[number % 2], 10, key=f"a{number}", terms=LotTerms(expires_at=NOW))

    assert expire_due(now=NOW) == 5

    assert (purse(member), purse(other)) == (Purse(), Purse())
    assert find_drift() == []


def test_points_expire_by_inactivity_at_the_end_of_the_day_in_the_programmes_zone(db):
    member = make_member(make_program(time_zone="Europe/Oslo"))
    active_at = datetime(2026, 1, 30, 23, 30, tzinfo=UTC)  # the 31st in Oslo
    award(member, 10, terms=LotTerms(inactivity_months=1), effective_at=active_at, is_activity=True)
    over = datetime(2026, 2, 28, 23, 0, tzinfo=UTC)  # midnight after the 28th in Oslo

    early = expire_due(now=over - timedelta(microseconds=1))
    due = expire_due(now=over)

    assert (early, due) == (0, 1)
    assert expired() == [(10, over, over)]


def test_any_activity_keeps_points_alive(member):
    award(member, 10, terms=LotTerms(inactivity_months=1), effective_at=NOW - 40 * DAY)
    award(member, 1, key="active", effective_at=NOW - DAY, is_activity=True)

    assert expire_due(now=NOW) == 0

    assert purse(member) == Purse(available=11)


def test_points_given_after_long_inactivity_last_from_then(member):
    award(member, 1, key="old", effective_at=NOW - 400 * DAY, is_activity=True)

    award(member, 10, key="goodwill", terms=LotTerms(inactivity_months=1))

    assert expire_due(now=NOW + DAY) == 0
    assert expire_due(now=NOW + 40 * DAY) == 1


def test_points_that_matured_late_keep_the_notice_before_inactivity_ends_them(member):
    terms = pending(NOW + 60 * DAY, inactivity_months=1, notice_days=30)
    award(member, 10, terms=terms)
    mature_due(now=NOW + 60 * DAY)

    assert expire_due(now=NOW + 89 * DAY) == 0
    assert expire_due(now=NOW + 90 * DAY) == 1


def test_holds_end_at_their_instant_and_give_back_what_is_held(member):
    award(member, 10)
    do(Authorize, member, key="checkout", points=8, expires_at=NOW + DAY)
    do(Capture, member, key="part", hold_key="checkout", points=3)

    early = void_due_holds(now=NOW + DAY - timedelta(microseconds=1))
    due = void_due_holds(now=NOW + DAY)
    again = void_due_holds(now=NOW + 2 * DAY)

    assert (early, due, again) == (0, 1, 0)
    assert purse(member) == Purse(available=7)
    assert Hold.objects.values_list("held", "captured").get() == (0, 3)


def test_a_hold_without_an_end_stays(member):
    award(member, 10)
    do(Authorize, member, key="checkout", points=8)

    assert void_due_holds(now=NOW + 3650 * DAY) == 0


def test_points_of_a_hold_that_ended_after_their_time_expire(member):
    award(member, 10, terms=LotTerms(expires_at=NOW))
    do(Authorize, member, key="checkout", points=8, expires_at=NOW)

    void_due_holds(now=NOW)
    expire_due(now=NOW)

    assert purse(member) == Purse()


@pytest.mark.django_db(transaction=True)
def test_who_is_active_while_the_sweep_waits_keeps_their_points():
    member = make_member()
    award(member, 10, terms=LotTerms(inactivity_months=1), effective_at=NOW - 40 * DAY)
    is_locked = Event()

    def work(number):
        if number == 0:
            with transaction.atomic():
                award(member, 1, key="active", is_activity=True)
                is_locked.set()
                wait_until_blocked()
            return 0
        is_locked.wait(10)
        return expire_due(now=NOW)

    results = in_threads(2, work)

    assert results == [0, 0]
    assert purse(member) == Purse(available=11)


@pytest.mark.django_db(transaction=True)
def test_maturing_by_hand_while_the_sweep_waits_happens_once():
    member = make_member()
    other = make_member(member.program)
    for one in (member, other):
        award(one, 10, key=f"award-{one.pk}", terms=pending(NOW))
    lot = Lot.objects.get(member=member)
    is_locked = Event()

    def work(number):
        if number == 0:
            with transaction.atomic():
                do(
                    Mature,
                    member,
                    key=f"mature:{lot.pk}",
                    lot_id=lot.pk,
                    matured_at=NOW,
                    actor="user:5",
                )
                is_locked.set()
                wait_until_blocked()
            return 0
        is_locked.wait(10)
        return mature_due(now=NOW)

    results = in_threads(2, work)

    assert results == [0, 1]
    assert (purse(member), purse(other)) == (Purse(available=10), Purse(available=10))


def test_after_an_outage_the_notice_begins_when_points_become_usable(member):
    terms = LotTerms(
        is_pending=True,
        matures_at=NOW,
        expires_at=NOW + timedelta(days=10),
        notice_days=7,
    )
    post(postings=[make_posting(member, 5, lot=terms)], now=NOW)

    mature_due(now=NOW + timedelta(days=20))

    assert Lot.objects.get().expires_at == NOW + timedelta(days=27)
