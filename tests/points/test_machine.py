"""The ledger under arbitrary sequences of operations, on the real database, beside a model of it."""

import os
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Q
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from saleor_loyalty.adjustments.rules import AdjustmentReason
from saleor_loyalty.flows.adjust_points import adjust_points
from saleor_loyalty.flows.merge_members import MergeImpossible, merge_members, move_late_points
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Entry, Hold, Lot
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import (
    Authorize,
    Award,
    Capture,
    Forgive,
    GiveBack,
    HoldExceeded,
    Take,
    Void,
)
from saleor_loyalty.points.queries import hold_states, lot_states, purses_of
from saleor_loyalty.points.rules import (
    Bucket,
    InsufficientPoints,
    LotTerms,
    PointsInvalid,
    Purse,
    Reason,
    Shortfall,
)
from saleor_loyalty.points.sweeps import expire_due, mature_due, void_due_holds
from saleor_loyalty.points.verification import find_drift
from saleor_loyalty.points.wallets import Wallet
from saleor_loyalty.programs.calendar import add_months, end_of_day
from tests.factories import NOW, make_member, make_program

EXAMPLES = int(os.environ.get("LOYALTY_SOAK_EXAMPLES", "200"))
STEPS = 12 if EXAMPLES <= 200 else 40  # `make soak` goes deeper
DAY = timedelta(days=1)

members = st.sampled_from([0, 0, 0, 1, 1, 2])  # what happens to one member, meets
numbers = st.integers(1, 60)
orders = st.sampled_from(["", "order-1", "order-2", "order-3"])
any_hold = st.integers(0, 20)
shortfalls = st.sampled_from([*Shortfall, Shortfall.DEBT])
lot_terms = st.sampled_from(
    [
        (LotTerms(), None),
        (LotTerms(), 5),
        (LotTerms(), 40),
        (LotTerms(inactivity_months=1, notice_days=7), None),
        (LotTerms(is_pending=True), 3),
        (LotTerms(is_pending=True, notice_days=10), 6),
        (LotTerms(is_pending=True, inactivity_months=1, notice_days=7), None),
    ]
)


class Pocket:
    """A member's purse as the model has it."""

    def __init__(self):
        self.pending = self.available = self.held = self.debt = 0

    def gain(self, points):
        """Usable points repay first what is owed."""
        repaid = min(self.debt, points)
        self.debt -= repaid
        self.available += points - repaid

    def purse(self):
        return Purse(pending=self.pending, available=self.available, held=self.held, debt=self.debt)


class Ledger(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.members = list(Member.objects.order_by("pk"))
        self.pockets = {member.pk: Pocket() for member in self.members}
        self.now = NOW
        self.keys = 0
        self.holds = []  # keys and the members they are of
        self.delivered = []
        self.dates = {}
        self.active_at = {}

    def teardown(self):
        try:
            self.holds_are_what_their_entries_say()
            self.entries_replayed_from_zero_give_the_same()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # What the rules are made of.

    def tick(self):
        self.now += timedelta(seconds=1)

    def do(self, kind, member, **values):
        self.tick()
        self.keys += 1
        if values.get("is_activity"):
            self.active_at[member.pk] = self.now
        posting = kind(
            program_id=member.program_id,
            member_id=member.pk,
            key=f"key-{self.keys}",
            reason=Reason.ADJUSTMENT,
            effective_at=self.now,
            **values,
        )
        post(postings=[posting], now=self.now)
        if getattr(posting, "points", None) is not None:  # all of nothing leaves no trace
            self.delivered.append(posting)
        return posting

    def pocket(self, member):
        return self.pockets[member.pk]

    def lots(self, **wanted):
        return list(Lot.objects.filter(member__in=self.members, **wanted))

    def hold(self, number):
        key, member = self.holds[number % len(self.holds)]
        return key, member, Hold.objects.get(key=key, program=member.program_id)

    # What can happen.

    @initialize(spent=st.integers(1, 40), held=st.integers(1, 20))
    def begin(self, spent, held):
        """A member has spent and held points already, so that undoing and owing soon meet."""
        self.award(0, 60, (LotTerms(), 40), "order-1", False)
        self.spend(0, spent)
        self.authorize(0, held, 2)
        self.award(1, 40, (LotTerms(), None), "order-2", True)

    @rule(number=members, points=numbers, terms=lot_terms, order_id=orders, active=st.booleans())
    def award(self, number, points, terms, order_id, active):
        member = self.members[number]
        lot, days = terms
        values = {name: getattr(lot, name) for name in ("is_pending", "inactivity_months")}
        self.do(
            Award,
            member,
            points=points,
            order_id=order_id,
            is_activity=active,
            lot=LotTerms(
                **values,
                notice_days=lot.notice_days,
                matures_at=self.now + 4 * DAY if lot.is_pending else None,
                expires_at=self.now + days * DAY if days else None,
            ),
        )
        if lot.is_pending:
            self.pocket(member).pending += points
        else:
            self.pocket(member).gain(points)

    @rule(days=st.integers(1, 40))
    def time_passes(self, days):
        self.now += days * DAY

    @rule()
    def mature(self):
        self.tick()
        due = self.lots(pending__gt=0, matures_at__lte=self.now)

        assert mature_due(now=self.now) == len(due)

        for lot in due:
            pocket = self.pockets[lot.member_id]
            pocket.pending -= lot.pending
            pocket.gain(lot.pending)
            if lot.expires_at is not None:
                promised = lot.matures_at + timedelta(days=lot.notice_days)
                self.dates[lot.pk]["expires_at"] = max(lot.expires_at, promised)

    @rule()
    def expire(self):
        self.tick()
        due = [lot for lot in self.lots(available__gt=0) if self.is_over(lot)]

        assert expire_due(now=self.now) == len(due)

        for lot in due:
            self.pockets[lot.member_id].available -= lot.available

    def is_over(self, lot):
        if lot.inactivity_months is None:
            return lot.expires_at is not None and lot.expires_at <= self.now
        last = max(self.active_at.get(lot.member_id, lot.earned_at), lot.earned_at)
        on = add_months(last.date(), lot.inactivity_months)
        noticed = (lot.matures_at or lot.earned_at) + timedelta(days=lot.notice_days)
        return max(end_of_day(on, time_zone="UTC"), noticed) <= self.now

    @rule(number=members, points=numbers, days=st.sampled_from([None, 2]))
    def authorize(self, number, points, days):
        member = self.members[number]
        pocket = self.pocket(member)
        ends = self.now + days * DAY if days else None
        if points > pocket.available:
            with pytest.raises(InsufficientPoints):
                self.do(Authorize, member, points=points, expires_at=ends)
            return
        posting = self.do(Authorize, member, points=points, expires_at=ends)
        pocket.available -= points
        pocket.held += points
        self.holds.append((posting.key, member))

    @rule(number=members, points=numbers)
    def spend(self, number, points):
        holds = len(self.holds)
        self.authorize(number, points, None)
        if len(self.holds) > holds:
            key, member = self.holds[-1]
            self.do(Capture, member, hold_key=key)
            self.pocket(member).held -= points

    @precondition(lambda self: self.holds)
    @rule(number=any_hold, points=st.none() | numbers)
    def capture(self, number, points):
        key, member, hold = self.hold(number)
        if points is not None and points > hold.held:
            with pytest.raises(HoldExceeded):
                self.do(Capture, member, hold_key=key, points=points)
            return
        self.do(Capture, member, hold_key=key, points=points)
        self.pocket(member).held -= hold.held if points is None else points

    @precondition(lambda self: self.holds)
    @rule(number=any_hold, points=st.none() | numbers)
    def void(self, number, points):
        key, member, hold = self.hold(number)
        if points is not None and points > hold.held:
            with pytest.raises(HoldExceeded):
                self.do(Void, member, hold_key=key, points=points)
            return
        self.do(Void, member, hold_key=key, points=points)
        self.release(member, hold.held if points is None else points)

    def release(self, member, points):
        self.pocket(member).held -= points
        self.pocket(member).gain(points)

    @rule()
    def time_out(self):
        self.tick()
        due = list(
            Hold.objects.filter(member__in=self.members, held__gt=0, expires_at__lte=self.now)
        )

        assert void_due_holds(now=self.now) == len(due)

        for hold in due:
            self.release(hold.member, hold.held)

    @precondition(lambda self: self.holds)
    @rule(number=any_hold, points=st.none() | numbers)
    def undo(self, number, points):
        key, member, hold = self.hold(number)
        spent = hold.captured - hold.returned
        if points is not None and points > spent:
            with pytest.raises(HoldExceeded):
                self.do(GiveBack, member, hold_key=key, points=points)
            return
        self.do(GiveBack, member, hold_key=key, points=points)
        self.pocket(member).gain(spent if points is None else points)

    @rule(number=members, points=numbers, order_id=orders, when_short=shortfalls)
    def take(self, number, points, order_id, when_short):
        member = self.members[number]
        pocket = self.pocket(member)
        own = self.lots(order_id=order_id, member_id=member.pk) if order_id else []
        own_pending = min(points, sum(lot.pending for lot in own))
        own_available = min(points - own_pending, sum(lot.available for lot in own))
        rest = points - own_pending - own_available
        rest -= min(rest, sum(lot.expired for lot in own))  # costs the member nothing
        others = min(rest, pocket.available - own_available)
        values = {"points": points, "order_id": order_id, "shortfall": when_short}
        if rest > others and when_short is Shortfall.REFUSE:
            with pytest.raises(InsufficientPoints):
                self.do(Take, member, **values)
            return
        self.do(Take, member, **values)
        pocket.pending -= own_pending
        pocket.available -= own_available + others
        pocket.debt += rest - others if when_short is Shortfall.DEBT else 0

    @rule(number=members, owed=numbers, points=st.none() | numbers, is_spent=st.booleans())
    def owe_while_points_are_away(self, number, owed, points, is_spent):
        """Rare by chance: what comes back from a hold meets a debt."""
        away = self.pocket(self.members[number]).available
        if away == 0:
            return
        self.authorize(number, away, None)
        last = len(self.holds) - 1
        if is_spent:
            self.capture(last, None)
        self.take(number, owed, "", Shortfall.DEBT)
        if is_spent:
            self.undo(last, points)
        else:
            self.void(last, points)

    @rule(number=members, points=numbers)
    def forgive(self, number, points):
        member = self.members[number]
        if points > self.pocket(member).debt:
            with pytest.raises(PointsInvalid):
                self.do(Forgive, member, points=points)
            return
        self.do(Forgive, member, points=points)
        self.pocket(member).debt -= points

    @rule(number=members, points=numbers, is_gift=st.booleans())
    def adjust(self, number, points, is_gift):
        self.tick()
        member = self.members[number]
        member = member.merged_into or member
        pocket = self.pocket(member)
        wish = {
            "member_id": self.members[number].pk,
            "points": points if is_gift else -points,
            "reason": AdjustmentReason.CORRECTION,
            "note": "by hand",
            "actor": "user:5",
            "now": self.now,
        }
        if not is_gift and points > pocket.available:
            with pytest.raises(InsufficientPoints):
                adjust_points(**wish)
            return
        adjust_points(**wish)
        if is_gift:
            pocket.gain(points)
        else:
            pocket.available -= points

    @rule(first=members, second=members)
    def merge(self, first, second):
        self.tick()
        member, into = self.members[first], self.members[second]
        wish = {"member_id": member.pk, "into_id": into.pk, "actor": "user:5", "now": self.now}
        was_merged = member.merged_into_id is not None
        if was_merged and member.merged_into_id == into.pk:
            assert merge_members(**wish) == into
            return
        if (
            member == into
            or was_merged
            or into.merged_into_id is not None
            or self.pocket(member).held
        ):
            with pytest.raises(MergeImpossible):
                merge_members(**wish)
            return
        merge_members(**wish)
        self.members = [Member.objects.get(pk=one.pk) for one in self.members]
        self.hand_over(member, into)

    def hand_over(self, member, into):
        mine, theirs = self.pocket(member), self.pocket(into)
        theirs.pending += mine.pending
        theirs.debt += mine.debt
        usable, theirs.available = theirs.available + mine.available, 0
        theirs.gain(usable)
        mine.pending = mine.available = mine.debt = 0
        if member.pk in self.active_at:
            latest = max(self.active_at[member.pk], self.active_at.get(into.pk, NOW))
            self.active_at[into.pk] = latest

    @rule()
    def late_points(self):
        self.tick()

        move_late_points(now=self.now)

        for member in self.members:
            if member.merged_into is not None:
                self.hand_over(member, member.merged_into)

    @precondition(lambda self: self.delivered)
    @rule(number=st.integers(0, 100))
    def delivered_again(self, number):
        self.tick()
        posting = self.delivered[number % len(self.delivered)]
        before = Entry.objects.count()

        posted = post(postings=[posting, posting], now=self.now)

        assert posted.new_keys == frozenset()
        assert Entry.objects.count() == before

    # What always holds.

    @invariant()
    def purses_are_as_the_model_says(self):
        found = purses_of(member_ids=list(self.pockets))
        assert found == {pk: pocket.purse() for pk, pocket in self.pockets.items()}
        for purse in found.values():
            assert min(purse.pending, purse.available, purse.held, purse.debt) >= 0
            assert purse.available == 0 or purse.debt == 0

    @invariant()
    def caches_are_what_the_entries_say(self):
        assert find_drift(member_ids=list(self.pockets)) == []

    @invariant()
    def lots_add_up_and_keep_their_dates(self):
        in_lots = {pk: Pocket() for pk in self.pockets}
        for lot in self.lots():
            assert min(lot.pending, lot.available, lot.held, lot.expired) >= 0
            pocket = in_lots[lot.member_id]
            pocket.pending += lot.pending
            pocket.available += lot.available
            pocket.held += lot.held
            dates = {
                name: getattr(lot, name)
                for name in ("earned_at", "matures_at", "expires_at", "inactivity_months")
            }
            assert self.dates.setdefault(lot.pk, dates) == dates
        for pk, pocket in in_lots.items():
            pocket.debt = self.pockets[pk].debt
            assert pocket.purse() == self.pockets[pk].purse()

    def holds_are_what_their_entries_say(self):
        keys = [(member.program_id, key) for key, member in self.holds]
        for states in hold_states(keys=keys).values():
            for hold in states:
                assert sum(use.held for use in hold.uses.values()) == hold.held
                spent = sum(use.captured for use in hold.uses.values())
                assert spent == hold.captured - hold.returned
                assert all(use.held >= 0 and use.captured >= 0 for use in hold.uses.values())

    def entries_replayed_from_zero_give_the_same(self):
        stored = lot_states(Q(member__in=self.members))
        for member in self.members:
            lots = {lot.id: lot for lot in stored[member.pk]}
            expected = {
                pk: (lot.pending, lot.available, lot.held, lot.expired) for pk, lot in lots.items()
            }
            for lot in lots.values():
                lot.pending = lot.available = lot.held = lot.expired = 0
            wallet = Wallet(purse=Purse(), lots=lots.values())
            for entry in Entry.objects.filter(member=member).order_by("id"):
                lot = lots[entry.lot_id] if entry.lot_id is not None else None
                wallet.move(Bucket(entry.source), Bucket(entry.target), entry.points, lot=lot)
                assert min(wallet.purse.pending, wallet.purse.available, wallet.purse.held) >= 0
            assert wallet.purse == self.pocket(member).purse()
            assert expected == {
                pk: (lot.pending, lot.available, lot.held, lot.expired) for pk, lot in lots.items()
            }
            balance = Balance.objects.filter(member=member).first()
            active_at = balance.last_activity_at if balance else None
            assert active_at == self.active_at.get(member.pk)


@pytest.mark.slow
def test_no_sequence_of_operations_breaks_the_ledger(db):
    program = make_program()
    for _ in range(3):
        make_member(program)

    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="LOYALTY_SOAK_EXAMPLES" not in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
