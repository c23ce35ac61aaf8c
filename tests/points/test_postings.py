from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.points.postings import (
    Authorize,
    Award,
    Capture,
    Forgive,
    GiveBack,
    HoldExceeded,
    HoldNotFound,
    Mature,
    Take,
    Void,
)
from saleor_loyalty.points.rules import (
    MAX_POINTS,
    Bucket,
    InsufficientPoints,
    LedgerDrifted,
    LotTerms,
    PointsInvalid,
    Purse,
    Reason,
    Shortfall,
    order_points,
    signed_points,
)
from saleor_loyalty.points.wallets import LotState, Wallet
from tests.factories import NOW

COMMON = {"program_id": 1, "member_id": 1, "reason": Reason.ADJUSTMENT, "effective_at": NOW}


class Account:
    """A wallet, and postings on it that need no ids."""

    def __init__(self):
        self.wallet = Wallet(purse=Purse(), lots=[])
        self.ids = 0

    def do(self, kind, **values):
        self.ids += 1
        kind(**COMMON, **{"key": f"k{self.ids}", **values}).carry_out(self.wallet, new_id=self.ids)
        return [(leg.source.value, leg.target.value, leg.points) for leg in self.wallet.take_legs()]

    @property
    def purse(self):
        return self.wallet.purse

    def available_by_lot(self):
        return {lot.id: lot.available for lot in self.wallet.lots.values()}


def until(days):
    return LotTerms(expires_at=NOW + timedelta(days=days))


@pytest.fixture
def account():
    return Account()


def test_an_award_opens_a_lot(account):
    assert account.do(Award, points=120) == [("issued", "available", 120)]
    assert account.available_by_lot() == {1: 120}


def test_an_award_repays_debt_at_once(account):
    account.do(Take, points=50, shortfall=Shortfall.DEBT)

    legs = account.do(Award, points=120)

    assert legs == [("issued", "available", 120), ("available", "debt", 50)]
    assert account.purse == Purse(available=70)


def test_pending_points_repay_debt_only_when_they_mature(account):
    account.do(Take, points=50, shortfall=Shortfall.DEBT)
    account.do(Award, points=40, lot=LotTerms(is_pending=True))

    assert account.purse == Purse(pending=40, debt=50)
    account.do(Mature, lot_id=2, matured_at=NOW)

    assert account.purse == Purse(debt=10)


def test_points_are_used_soonest_expiring_first_and_never_expiring_last(account):
    account.do(Award, points=10)
    account.do(Award, points=10, lot=until(90))
    account.do(Award, points=10, lot=until(30))

    account.do(Take, points=15)

    assert account.available_by_lot() == {1: 10, 2: 5, 3: 0}


def test_taking_back_an_orders_points_begins_with_its_own(account):
    account.do(Award, points=10, lot=until(1))
    account.do(Award, points=10, order_id="17", lot=until(300))

    account.do(Take, points=12, order_id="17")

    assert account.available_by_lot() == {1: 8, 2: 0}


def test_points_that_expired_of_an_order_are_not_taken_from_others(account):
    account.do(Award, points=10, order_id="17")
    account.do(Award, points=10)
    lot = account.wallet.lots[1]
    account.wallet.move(Bucket.AVAILABLE, Bucket.EXPIRED, 10, lot=lot)
    account.wallet.take_legs()

    legs = account.do(Take, points=10, order_id="17")

    assert legs == [("expired", "revoked", 10)]
    assert account.purse == Purse(available=10)
    assert order_points(source=Bucket.EXPIRED, target=Bucket.REVOKED, points=10) == -10


def test_taking_more_than_is_there_is_refused_owed_or_forgiven(account):
    account.do(Award, points=40)

    with pytest.raises(InsufficientPoints) as refused:
        Account().do(Take, points=100)
    owed = account.do(Take, points=100, shortfall=Shortfall.DEBT)
    forgiven = account.do(Take, points=5, shortfall=Shortfall.FORGIVE)

    assert refused.value.data == {"available": 0, "asked": 100}
    assert owed == [("available", "revoked", 40), ("debt", "revoked", 60)]
    assert forgiven == [("debt", "revoked", 5), ("issued", "debt", 5)]
    assert account.purse == Purse(debt=60)


def test_a_debt_can_be_forgiven_but_not_more_than_it(account):
    account.do(Take, points=60, shortfall=Shortfall.DEBT)

    account.do(Forgive, points=20)

    assert account.purse == Purse(debt=40)
    with pytest.raises(PointsInvalid):
        account.do(Forgive, points=41)


def test_a_void_returns_points_to_the_lots_they_came_from(account):
    account.do(Award, points=10, lot=until(30))
    account.do(Award, points=10, lot=until(90))
    account.do(Authorize, key="checkout", points=15)

    account.do(Void, hold_key="checkout")

    assert account.available_by_lot() == {1: 10, 2: 10}
    assert account.purse == Purse(available=20)


def test_a_hold_is_captured_in_parts_and_the_rest_released(account):
    account.do(Award, points=20)
    account.do(Authorize, key="checkout", points=15)

    account.do(Capture, hold_key="checkout", points=6)
    account.do(Capture, hold_key="checkout", points=4)
    account.do(Void, hold_key="checkout")

    assert account.purse == Purse(available=10)
    hold = account.wallet.holds["checkout"]
    assert (hold.points, hold.held, hold.captured, hold.returned) == (15, 0, 10, 0)


def test_undoing_a_spend_gives_back_the_longest_living_first(account):
    account.do(Award, points=10, lot=until(30))
    account.do(Award, points=10, lot=until(90))
    account.do(Authorize, key="checkout", points=15)
    account.do(Capture, hold_key="checkout")

    account.do(GiveBack, hold_key="checkout", points=7)

    assert account.available_by_lot() == {1: 2, 2: 10}


@pytest.mark.parametrize("kind", [Capture, GiveBack])
def test_no_more_is_captured_or_given_back_than_there_is(account, kind):
    account.do(Award, points=20)
    account.do(Authorize, key="checkout", points=10)

    with pytest.raises(HoldExceeded):
        account.do(kind, hold_key="checkout", points=11)
    with pytest.raises(HoldNotFound):
        account.do(kind, hold_key="another", points=1)

    assert account.purse == Purse(available=10, held=10)


def test_more_than_is_available_cannot_be_held(account):
    account.do(Award, points=20)
    account.do(Award, points=5, lot=LotTerms(is_pending=True))

    with pytest.raises(InsufficientPoints):
        account.do(Authorize, points=21)

    assert account.purse == Purse(available=20, pending=5)


def test_maturing_keeps_the_promised_notice(account):
    terms = LotTerms(is_pending=True, expires_at=NOW + timedelta(days=3), notice_days=30)
    account.do(Award, points=5, lot=terms)

    account.do(Mature, lot_id=1, matured_at=NOW)
    again = account.do(Mature, lot_id=1, matured_at=NOW)

    assert account.wallet.lots[1].expires_at == NOW + timedelta(days=30)
    assert again == []


def test_points_that_expire_by_inactivity_keep_their_place_in_the_order(account):
    account.wallet.note_activity(NOW - timedelta(days=20))
    account.do(Award, points=10, lot=until(5))
    account.do(Award, points=10, lot=LotTerms(inactivity_months=1))
    account.do(Award, points=10, lot=until(60))

    account.do(Take, points=15)

    assert account.available_by_lot() == {1: 0, 2: 5, 3: 10}


@pytest.mark.parametrize("points", [0, -1, MAX_POINTS + 1])
@pytest.mark.parametrize("kind", [Award, Take, Authorize])
def test_zero_and_absurd_numbers_of_points_are_refused(account, kind, points):
    with pytest.raises(PointsInvalid):
        account.do(kind, points=points)


def test_lots_that_disagree_with_the_balance_stop_everything():
    lot = LotState(id=1, terms=LotTerms(), earned_at=NOW, available=5)

    with pytest.raises(LedgerDrifted) as drifted:
        Wallet(purse=Purse(available=6), lots=[lot])

    assert drifted.value.data == {"bucket": "available", "lots": 5, "balance": 6}


@given(st.lists(st.integers(-10_000, 10_000).filter(bool), max_size=30))
def test_no_sequence_of_awards_and_takes_loses_or_makes_points(wishes):
    account = Account()
    signed = 0

    for wish in wishes:
        if wish > 0:
            legs = account.do(Award, points=wish)
        else:
            legs = account.do(Take, points=-wish, shortfall=Shortfall.DEBT)
        signed += sum(
            signed_points(source=Bucket(source), target=Bucket(target), points=points)
            for source, target, points in legs
        )
        assert account.purse.available == 0 or account.purse.debt == 0
        assert sum(account.available_by_lot().values()) == account.purse.available

    assert account.purse.total == sum(wishes) == signed


def test_points_that_move_within_a_member_are_neither_gained_nor_lost():
    assert signed_points(source=Bucket.PENDING, target=Bucket.AVAILABLE, points=9) == 0


def test_the_fingerprint_tells_other_data_but_not_a_later_time():
    def posting(points, **values):
        return Award(**{**COMMON, "key": "k", **values}, points=points)

    later = posting(10, effective_at=NOW.replace(year=2027), lot=until(3))

    assert posting(10).fingerprint() == later.fingerprint()
    assert posting(10).fingerprint() != posting(11).fingerprint()
