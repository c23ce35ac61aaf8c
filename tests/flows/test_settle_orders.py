from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event
from time import sleep

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saleor_loyalty.adjustments.rules import AdjustmentReason
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.flows.adjust_points import adjust_points
from saleor_loyalty.flows.join_program import NoProgram, join_program
from saleor_loyalty.flows.settle_orders import settle_due_orders
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.orders.models import DueOrder, SettledOrder
from saleor_loyalty.orders.operations import advance_sweep, mark_due
from saleor_loyalty.orders.queries import swept_until
from saleor_loyalty.points.models import Entry
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import Purse
from saleor_loyalty.programs.models import ProgramChannel
from saleor_loyalty.programs.operations import ProgramChanges, update_program
from saleor_loyalty.programs.rules import Enrollment, PriceBasis
from tests.factories import NOW, line, make_order, make_program, make_user, rate, refunded
from tests.threads import in_threads


class Orders:
    """Stands where the shop's tables would be: orders by id, as they are now."""

    def __init__(self):
        self.by_id = {}

    def put(self, *orders):
        for order in orders:
            self.by_id[order.order_id] = order
        return self

    def load(self, order_ids):
        return {pk: self.by_id[pk] for pk in order_ids if pk in self.by_id}


@pytest.fixture
def orders():
    return Orders()


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def ada(db):
    return make_user()


def settle(orders, *changed, now=NOW):
    """Put orders as they are now, mark them as due and settle."""
    orders.put(*changed)
    mark_due(order_ids=[order.order_id for order in changed], now=now)
    return settle_due_orders(load_facts=orders.load, now=now)


def balance_of(user) -> Purse | None:
    member = Member.objects.filter(user=user).first()
    return member and purses_of(member_ids=[member.pk])[member.pk]


def history() -> list[tuple[int, str]]:
    return [(entry.signed_points, entry.reason) for entry in Entry.objects.order_by("id")]


def test_a_paid_order_earns_on_its_merchandise_and_makes_a_member(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))

    member = Member.objects.get()
    assert (member.user, member.program, member.joined_by) == (ada, program, "order")
    assert member.joined_at == NOW - timedelta(hours=1)
    assert balance_of(ada) == Purse(available=1000)
    assert DueOrder.objects.count() == 0
    settled = SettledOrder.objects.get()
    assert (settled.outcome, settled.earned_points, settled.returned_points) == (
        "earned",
        1000,
        0,
    )
    assert (settled.merchandise_amount, settled.points_per_unit) == (100, 10)


def test_an_entry_keeps_the_breakdown_that_made_it(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))

    entry = Entry.objects.get()
    assert entry.effective_at == NOW - timedelta(hours=1)
    assert entry.details == {
        "order_number": "41",
        "currency": "USD",
        "earned": 1000,
        "returned": 0,
        "merchandise": "100",
        "price_basis": "gross",
        "points_per_unit": "10.0000",
        "total": "110",
        "charged": "110",
        "rules": [
            {
                "rule": None,
                "version": None,
                "number": None,
                "name": "",
                "wanted": 1000,
                "granted": 1000,
                "why": "",
                "maturing_days": None,
                "expiry_days": None,
            }
        ],
    }


def test_a_programme_may_count_prices_without_taxes(db, ada, orders):
    make_program(price_basis=PriceBasis.NET)

    settle(orders, make_order(user_id=ada.pk))

    assert balance_of(ada) == Purse(available=800)


def test_awards_are_not_repeated_on_every_status_change(program, ada, orders):
    for _ in range(5):
        settle(orders, make_order(user_id=ada.pk))

    assert history() == [(1000, "order_earned")]


def test_buy_earn_refund_does_not_keep_the_points(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))

    settle(orders, make_order(user_id=ada.pk, **refunded("110")))

    assert balance_of(ada) == Purse(available=0)
    assert history() == [(1000, "order_earned"), (-1000, "order_refunded")]


def test_several_partial_refunds_take_their_shares_and_do_not_drift(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))

    for amount in ("36.67", "73.34", "110"):
        settle(orders, make_order(user_id=ada.pk, **refunded(amount)))

    assert history() == [
        (1000, "order_earned"),
        (-333, "order_refunded"),
        (-333, "order_refunded"),
        (-334, "order_refunded"),
    ]


def test_a_cancelled_order_gives_back_all(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))

    settle(orders, make_order(user_id=ada.pk, state=OrderState.CANCELLED))

    assert balance_of(ada) == Purse(available=0)
    assert history()[-1] == (-1000, "order_cancelled")
    assert SettledOrder.objects.get().outcome == "cancelled"


def test_an_order_that_comes_back_to_life_earns_again(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))
    settle(orders, make_order(user_id=ada.pk, state=OrderState.CANCELLED))

    settle(orders, make_order(user_id=ada.pk))

    assert balance_of(ada) == Purse(available=1000)


def test_a_refund_that_is_taken_back_gives_the_points_again(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))
    settle(orders, make_order(user_id=ada.pk, **refunded("55")))

    settle(orders, make_order(user_id=ada.pk))

    assert history()[-1] == (500, "order_earned")


def test_an_order_cancelled_before_it_was_settled_leaves_no_points_and_no_member(
    program, ada, orders
):
    settle(orders, make_order(user_id=ada.pk, state=OrderState.CANCELLED))

    assert Entry.objects.count() == 0
    assert Member.objects.count() == 0
    assert EmailMessage.objects.count() == 0


def test_a_payment_that_vanishes_takes_the_award_back(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))

    settle(orders, make_order(user_id=ada.pk, is_fully_charged=False, charged=Decimal(0)))

    assert history()[-1] == (-1000, "order_changed")
    assert SettledOrder.objects.get().outcome == "unpaid"


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"is_fully_charged": False, "charged": Decimal(50)}, "unpaid"),
        ({"is_replacement": True}, "replacement"),
        ({"channel_id": 99}, "no_program"),
        ({"currency": "NOK"}, "no_rate"),
        ({"placed_at": NOW.replace(year=2025)}, "no_program"),
        ({"user_id": None}, "no_account"),
    ],
)
def test_orders_that_do_not_earn_say_why(program, ada, orders, values, outcome):
    settle(orders, make_order(**{"user_id": ada.pk, **values}))

    assert SettledOrder.objects.get().outcome == outcome
    assert Entry.objects.count() == 0
    assert EmailMessage.objects.count() == 0


def test_drafts_leave_no_trace(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk, state=OrderState.OPEN))

    assert SettledOrder.objects.count() == 0
    assert DueOrder.objects.count() == 0


def test_a_programme_that_is_switched_off_awards_nothing_but_still_takes_back(program, ada, orders):
    settle(orders, make_order("before", user_id=ada.pk))
    update_program(program_id=program.pk, changes=ProgramChanges(is_active=False), now=NOW)

    settle(orders, make_order("after", user_id=ada.pk, placed_at=NOW))
    settle(orders, make_order("before", user_id=ada.pk, **refunded("55")))

    assert balance_of(ada) == Purse(available=500)
    assert SettledOrder.objects.get(pk="after").outcome == "no_program"


@pytest.mark.parametrize(
    ("changes", "points_of_the_later"),
    [
        ({"is_active": False}, 0),
        ({"channel_ids": []}, 0),
        ({"enrollment": Enrollment.ON_REQUEST}, 1000),  # the earlier order made a member
    ],
)
def test_a_change_after_the_order_does_not_matter_however_late_it_is_settled(
    program, ada, orders, changes, points_of_the_later
):
    update_program(program_id=program.pk, changes=ProgramChanges(**changes), now=NOW)

    settle(orders, make_order("earlier", user_id=ada.pk), now=NOW + timedelta(days=3))
    settle(orders, make_order("later", user_id=ada.pk, placed_at=NOW), now=NOW)

    assert SettledOrder.objects.get(pk="earlier").outcome == "earned"
    assert SettledOrder.objects.get(pk="later").earned_points == points_of_the_later


@pytest.mark.parametrize("first", [{"is_active": False}, {"channel_ids": []}])
def test_an_order_that_no_programme_served_does_not_earn_later(db, ada, orders, first):
    program = make_program(**first)
    settle(orders, make_order(user_id=ada.pk))
    update_program(
        program_id=program.pk,
        changes=ProgramChanges(is_active=True, channel_ids=[7]),
        now=NOW,
    )

    settle(orders, make_order(user_id=ada.pk))

    assert SettledOrder.objects.get().outcome == "no_program"
    assert Entry.objects.count() == 0


def test_an_order_earns_by_the_rate_of_its_own_time_however_late_it_is_settled(
    program, ada, orders
):
    update_program(
        program_id=program.pk,
        changes=ProgramChanges(rates=[rate("USD", "99")]),
        now=NOW - timedelta(minutes=30),
    )

    settle(orders, make_order(user_id=ada.pk), now=NOW + timedelta(days=3))
    settle(orders, make_order(user_id=ada.pk, **refunded("55")), now=NOW + timedelta(days=9))

    assert balance_of(ada) == Purse(available=500)


def test_an_order_stays_with_its_programme_when_the_channel_moves(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))
    update_program(program_id=program.pk, changes=ProgramChanges(channel_ids=[]), now=NOW)
    make_program(name="Second", rates=[rate("USD", "1")])

    settle(orders, make_order(user_id=ada.pk, **refunded("55")))

    assert balance_of(ada) == Purse(available=500)
    assert SettledOrder.objects.get().program == program


def test_a_clawback_beyond_the_balance_becomes_debt_that_the_next_award_repays(
    program, ada, orders
):
    settle(orders, make_order("first", user_id=ada.pk))
    member = Member.objects.get()
    adjust_points(
        member_id=member.pk,
        points=-900,
        reason=AdjustmentReason.OTHER,
        note="used",
        actor="user:1",
        now=NOW,
    )

    settle(orders, make_order("first", user_id=ada.pk, **refunded("110")))
    assert balance_of(ada) == Purse(available=0, debt=900)

    settle(orders, make_order("second", user_id=ada.pk))
    assert balance_of(ada) == Purse(available=100, debt=0)


def test_on_request_only_members_earn_and_only_from_when_they_joined(db, ada, orders):
    make_program(enrollment=Enrollment.ON_REQUEST)
    settle(orders, make_order("stranger", user_id=ada.pk))
    join_program(user_id=ada.pk, channel_id=7, now=NOW)

    settle(orders, make_order("before", user_id=ada.pk))
    settle(orders, make_order("after", user_id=ada.pk, placed_at=NOW))

    outcomes = dict(SettledOrder.objects.values_list("order_id", "outcome"))
    assert outcomes == {
        "stranger": "not_a_member",
        "before": "not_a_member",
        "after": "earned",
    }
    assert balance_of(ada) == Purse(available=1000)


def test_joining_twice_changes_nothing(program, ada):
    first = join_program(user_id=ada.pk, channel_id=7, now=NOW)

    again = join_program(user_id=ada.pk, channel_id=7, now=NOW + timedelta(days=1))

    assert (again.pk, again.joined_at) == (first.pk, NOW)
    assert Member.objects.get().joined_by == "customer"


@pytest.mark.parametrize("channel_id", [7, 99])
def test_joining_needs_an_active_programme(db, ada, channel_id):
    make_program(is_active=False)

    with pytest.raises(NoProgram):
        join_program(user_id=ada.pk, channel_id=channel_id, now=NOW)

    assert Member.objects.count() == 0


def test_a_guests_order_is_credited_to_an_account_that_was_made_in_time(program, ada, orders):
    guest = make_order(account_since=None)
    settle(orders, guest)
    assert SettledOrder.objects.get().outcome == "no_account"

    found = replace(guest, user_id=ada.pk, account_since=NOW + timedelta(days=29))
    settle(orders, found, now=NOW + timedelta(days=99))

    assert balance_of(ada) == Purse(available=1000)


def test_an_account_made_after_the_programmes_limit_is_not_credited(program, ada, orders):
    late = make_order(user_id=ada.pk, account_since=NOW + timedelta(days=30))

    settle(orders, late)

    assert balance_of(ada) is None
    assert SettledOrder.objects.get().outcome == "no_account"


def test_a_limit_of_0_days_credits_accounts_that_existed_before(db, ada, orders):
    make_program(guest_order_days=0)

    settle(orders, make_order("before", user_id=ada.pk))
    settle(orders, make_order("after", user_id=ada.pk, account_since=NOW))

    outcomes = dict(SettledOrder.objects.values_list("order_id", "outcome"))
    assert outcomes == {"before": "earned", "after": "no_account"}


def test_an_imported_order_may_be_older_than_its_account(program, ada, orders):
    since = NOW + timedelta(days=99)

    settle(orders, make_order(user_id=ada.pk, is_import=True, account_since=since))

    assert balance_of(ada) == Purse(available=1000)


def test_the_ledger_outlives_the_account_and_still_takes_back(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))
    ada.delete()

    settle(orders, make_order(user_id=None, **refunded("55")))

    member = Member.objects.get()
    assert member.user is None
    assert purses_of(member_ids=[member.pk])[member.pk] == Purse(available=500)


def test_a_customer_deleted_before_settling_earns_nothing(program, ada, orders):
    ada.delete()

    report = settle(orders, make_order(user_id=None))

    assert (report.settled, report.failed) == (1, 0)
    assert Entry.objects.count() == 0


def test_an_unknown_order_is_forgotten(program, orders):
    mark_due(order_ids=["gone", "\N{SNOWMAN}", ""], now=NOW)

    report = settle_due_orders(load_facts=orders.load, now=NOW)

    assert (report.claimed, report.settled, report.failed) == (3, 0, 0)
    assert DueOrder.objects.count() == 0
    assert SettledOrder.objects.count() == 0


def test_an_order_deleted_after_it_earned_keeps_its_points(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk))
    orders.by_id.clear()

    mark_due(order_ids=["order-1"], now=NOW)
    settle_due_orders(load_facts=orders.load, now=NOW)

    assert balance_of(ada) == Purse(available=1000)


def test_a_bad_order_holds_up_no_other_and_is_tried_again_later(program, ada, orders):
    bad = make_order("bad", user_id=ada.pk, number="x" * 99)

    report = settle(orders, bad, make_order("good", user_id=ada.pk))

    assert (report.settled, report.failed) == (1, 1)
    assert balance_of(ada) == Purse(available=1000)
    mark = DueOrder.objects.get()
    assert (mark.order_id, mark.attempts, mark.retry_at) == ("bad", 1, NOW + timedelta(minutes=1))
    assert "DataError" in mark.error

    assert settle_due_orders(load_facts=orders.load, now=NOW).claimed == 0
    orders.put(make_order("bad", user_id=ada.pk))
    settle_due_orders(load_facts=orders.load, now=NOW + timedelta(minutes=1))
    assert balance_of(ada) == Purse(available=2000)
    assert DueOrder.objects.count() == 0


def test_an_order_marked_anew_is_forgotten_by_its_retry(program, ada, orders):
    bad = make_order("bad", user_id=ada.pk, number="x" * 99)
    settle(orders, bad)

    settle(orders, make_order("bad", user_id=ada.pk))

    assert balance_of(ada) == Purse(available=1000)


def test_facts_that_cannot_be_read_leave_the_orders_due(program, orders):
    mark_due(order_ids=["order-1"], now=NOW)

    def broken(_):
        raise ConnectionError("no shop")

    report = settle_due_orders(load_facts=broken, now=NOW)

    assert report.failed == 1
    assert DueOrder.objects.get().error == "ConnectionError: no shop"


def test_a_database_that_is_gone_is_not_hidden(program, orders, monkeypatch):
    def broken(**_):
        raise ConnectionError("no database")

    monkeypatch.setattr("saleor_loyalty.flows.settle_orders.claim_due", broken)

    with pytest.raises(ConnectionError):
        settle_due_orders(load_facts=orders.load, now=NOW)


def test_a_batch_takes_as_many_statements_for_20_orders_as_for_2(program, orders):
    users = [make_user(f"user-{n}@example.com") for n in range(44)]
    batches = {2: users[:2], 20: users[2:22]}
    settle(orders, *(make_order(f"warm-{u.pk}", user_id=u.pk) for u in users[22:]))
    counts = {}

    for size, batch in batches.items():
        orders.put(*(make_order(f"order-{u.pk}", user_id=u.pk) for u in batch))
        mark_due(order_ids=[f"order-{u.pk}" for u in batch], now=NOW)
        with CaptureQueriesContext(connection) as captured:
            settle_due_orders(load_facts=orders.load, now=NOW)
        counts[size] = len(captured)

    assert counts[20] == counts[2]


def test_orders_are_thanked_for_once(program, ada, orders):
    for _ in range(3):
        settle(orders, make_order(user_id=ada.pk))
    settle(orders, make_order(user_id=ada.pk, state=OrderState.CANCELLED))
    settle(orders, make_order(user_id=ada.pk))

    message = EmailMessage.objects.get(key__startswith="thank_you")
    assert (message.key, message.recipient) == ("thank_you:order-1", "ada@example.com")
    assert message.facts["points_earned"] == 1000
    assert message.facts["points_balance"] == 1000
    assert message.facts["balance_value"] == "10.000000"


def test_orders_without_points_are_thanked_for_too_with_the_right_balance(program, ada, orders):
    settle(orders, make_order("first", user_id=ada.pk))

    gift_card = line("50", "50", is_gift_card=True)
    settle(orders, make_order("second", user_id=ada.pk, lines=(gift_card,)))

    facts = EmailMessage.objects.get(key="thank_you:second").facts
    assert (facts["points_earned"], facts["points_balance"]) == (0, 1000)


def test_an_order_that_earns_nothing_makes_nobody_a_member(program, ada, orders):
    settle(orders, make_order(user_id=ada.pk, lines=(line("50", "50", is_gift_card=True),)))

    assert SettledOrder.objects.get().outcome == "earned"
    assert Member.objects.count() == 0
    assert EmailMessage.objects.count() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"is_import": True},
        {"email": ""},
        {"placed_at": NOW - timedelta(days=15)},
        refunded("110"),
    ],
)
def test_a_thank_you_that_would_surprise_is_not_sent(program, ada, orders, values):
    settle(orders, make_order(user_id=ada.pk, **values))

    assert SettledOrder.objects.get().outcome == "earned"
    assert EmailMessage.objects.count() == 0


def test_the_day_of_the_order_is_the_programmes(db, ada, orders):
    make_program(time_zone="Pacific/Auckland")

    settle(orders, make_order(user_id=ada.pk, placed_at=NOW.replace(hour=13), email="a@b.co"))

    assert EmailMessage.objects.get().facts["ordered_on"] == "2026-06-16"


def test_mail_and_points_are_one_transaction(program, ada, orders, monkeypatch):
    def broken(**_):
        raise ConnectionError("killed")

    monkeypatch.setattr("saleor_loyalty.flows.mail_desk.queue_emails", broken)
    settle(orders, make_order(user_id=ada.pk))
    assert (Entry.objects.count(), EmailMessage.objects.count()) == (0, 0)
    monkeypatch.undo()

    settle_due_orders(load_facts=orders.load, now=NOW + timedelta(minutes=1))

    assert (Entry.objects.count(), EmailMessage.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_the_same_hook_50_times_from_8_threads_awards_once(orders):
    make_program()
    ada = make_user()
    orders.put(make_order(user_id=ada.pk))

    def work(_):
        for _ in range(50):
            mark_due(order_ids=["order-1"], now=NOW)
            settle_due_orders(load_facts=orders.load, now=NOW)

    results = in_threads(8, work)
    settle_due_orders(load_facts=orders.load, now=NOW)

    assert results == [None] * 8
    assert history() == [(1000, "order_earned")]
    assert EmailMessage.objects.count() == 1
    assert DueOrder.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_slow_worker_cannot_undo_what_a_faster_one_settled_from_newer_facts(orders):
    make_program()
    ada = make_user()
    orders.put(make_order(user_id=ada.pk))
    mark_due(order_ids=["order-1"], now=NOW)
    has_read = Event()

    def slowly(order_ids):
        facts = orders.load(order_ids)
        has_read.set()
        sleep(0.5)
        return facts

    def work(number):
        if number == 0:
            return settle_due_orders(load_facts=slowly, now=NOW)
        has_read.wait()
        return settle(orders, make_order(user_id=ada.pk, **refunded("55")))

    results = in_threads(2, work)

    assert [result.settled for result in results] == [1, 1]
    assert balance_of(ada) == Purse(available=500)


@pytest.mark.django_db(transaction=True)
def test_many_orders_of_many_customers_from_4_workers_each_settle_once(orders):
    make_program()
    users = [make_user(f"user-{n}@example.com") for n in range(10)]
    for number in range(60):
        orders.put(make_order(f"order-{number}", user_id=users[number % 10].pk))
    mark_due(order_ids=list(orders.by_id) * 2, now=NOW)

    def work(_):
        while settle_due_orders(load_facts=orders.load, now=NOW, limit=7).claimed:
            pass

    results = in_threads(4, work)

    assert results == [None] * 4
    assert Entry.objects.count() == 60
    assert {balance_of(user).available for user in users} == {6000}


STATES = st.one_of(
    st.just(make_order()),
    st.just(make_order(state=OrderState.CANCELLED)),
    st.just(make_order(is_fully_charged=False, charged=Decimal(20))),
    st.integers(1, 11000).map(lambda cents: make_order(**refunded(str(Decimal(cents) / 100)))),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(states=st.lists(STATES, min_size=1, max_size=8))
def test_whatever_happened_before_the_ledger_ends_where_the_last_state_says(db, states):
    ProgramChannel.objects.all().delete()
    program = make_program()
    user = make_user(f"user-{program.pk}@example.com")
    orders = Orders()

    for state in states:
        settle(orders, replace(state, order_id=f"order-{program.pk}", user_id=user.pk))

    last = states[-1]
    expected = 1000 - last.points_to_return(1000) if last.is_paid else 0
    purse = balance_of(user)
    assert (purse.total if purse else 0) == expected


def test_the_sweep_never_goes_back(db):
    assert swept_until() is None

    advance_sweep(swept_until=NOW)
    advance_sweep(swept_until=NOW - timedelta(days=1))

    assert swept_until() == NOW


def test_models_name_themselves(program, ada, orders):
    mark_due(order_ids=["order-1"], now=NOW)
    assert str(DueOrder.objects.get()).startswith("order order-1 since")
    settle(orders, make_order(user_id=ada.pk))
    advance_sweep(swept_until=NOW)

    from saleor_loyalty.orders.models import OrderSweep

    assert str(SettledOrder.objects.get()) == "order 41: earned"
    assert str(Member.objects.get()).startswith("member ")
    assert str(Member.objects.get().balance) == "1000 available, 0 owed"
    assert str(Entry.objects.get()) == "1000 issued -> available (order_earned)"
    assert str(EmailMessage.objects.get()) == "thank_you:order-1: queued"
    assert str(OrderSweep.objects.get()).startswith("swept until 2026-06-15")
