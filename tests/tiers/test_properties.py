"""Where a member stands, over whole lives: what must hold for any ladder and any history."""

import os
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_loyalty.tiers.evaluation import Standing, decide
from saleor_loyalty.tiers.history import history_of_days
from saleor_loyalty.tiers.rules import (
    ROLLING,
    YEARLY,
    ChangeKind,
    Falling,
    Keeping,
    Ladder,
    MovingUp,
    Window,
)
from tests.tiers.ladders import GOLD, JOINED_ON, PLATINUM, SILVER, ladder, tier

BIRTH = date(2023, 11, 20)
DAY = timedelta(days=1)
LIFE = 800
LAST_EVENT = 500
TIERS = (tier(SILVER, 100), tier(GOLD, 250), tier(PLATINUM, 500))
WELCOMING = (tier(SILVER, 0), tier(GOLD, 250), tier(PLATINUM, 500))

SOAK = "LOYALTY_SOAK_EXAMPLES"
lives = settings(
    max_examples=int(os.environ.get(SOAK, "40")),
    deadline=None,
    derandomize=SOAK not in os.environ,
)


@st.composite
def ladders(draw, **fixed):
    """Any ladder of three tiers, with windows short enough to pass several times in a life."""
    window = fixed.get("window") or draw(st.sampled_from(Window))
    lengths = {
        Window.ROLLING_DAYS: st.sampled_from([1, 7, 30, 90, 365]),
        Window.ROLLING_MONTHS: st.sampled_from([1, 2, 12]),
    }
    keeping = draw(st.sampled_from(Keeping))
    if window is Window.LIFETIME:
        keeping = Keeping.FOREVER
    is_by_months = keeping is Keeping.MONTHS
    rising = draw(st.sampled_from(MovingUp)) if window in YEARLY else MovingUp.AT_ONCE
    terms = {
        "window": window,
        "window_length": draw(lengths[window]) if window in ROLLING else 0,
        "keeping": keeping,
        "keep_months": draw(st.sampled_from([1, 2, 6, 14])) if is_by_months else 0,
        "moving_up": rising,
        "falling": draw(st.sampled_from(Falling)),
        "grace_days": draw(st.sampled_from([0, 1, 14])),
        "notice_days": draw(st.sampled_from([0, 1, 30])),
    }
    tiers = draw(st.sampled_from([TIERS, TIERS, WELCOMING]))
    return ladder(tiers=tiers, **{**terms, **fixed})


# Points that were earned on a day of a life, became known some days later, and perhaps went back.
gains = st.tuples(
    st.integers(0, LAST_EVENT),
    st.sampled_from([0, 0, 0, 1, 40, 200]),
    st.sampled_from([30, 100, 130, 250, 500]),
    st.sampled_from([None, None, None, 0, 3, 60]),
)


def events_of(some):
    """Return (known on, counts on, points) of gains: a return counts on the day of what it takes."""
    events = []
    for earned, late, points, back in some:
        on, known = BIRTH + earned * DAY, BIRTH + (earned + late) * DAY
        events.append((known, on, points))
        if back is not None:
            events.append((known + back * DAY, on, -points))
    return events


def known_at(events, today):
    days: dict[date, int] = {}
    for known, on, points in events:
        if known <= today:
            days[on] = days.get(on, 0) + points * 1000
    return history_of_days({"": days})


class Life:
    """A member who is looked at on some days; `tiers`, `kinds` and `standing` tell what came of it."""

    def __init__(self, events, of: Ladder):
        self.of = of
        self.events = sorted(events)
        self.days = {known for known, _, _ in events}
        self.history = known_at([], BIRTH)
        self.standing = Standing(version=1)
        self.tiers: dict[date, int | None] = {}
        self.kinds: dict[date, ChangeKind] = {}
        self.next_on: date | None = BIRTH

    def look(self, today):
        if today in self.days or not self.tiers:
            self.history = known_at(self.events, today)
        made = decide(self.standing, self.history, ladder=self.of, joined_on=JOINED_ON, today=today)
        self.standing, self.next_on = made.standing, made.next_on
        self.tiers[today] = made.tier_id
        if made.kind:
            self.kinds[today] = made.kind
        return made

    def rank(self, today):
        return -1 if self.tiers[today] is None else self.tiers[today]


def days_of_life():
    return [BIRTH + number * DAY for number in range(LIFE)]


def is_period_end(today, of: Ladder):
    """Whether a year ended: the nightly look finds who moves up by that."""
    begins = {Window.CALENDAR_YEAR: (1, 1), Window.MEMBERSHIP_YEAR: (3, 10)}
    at_end = of.terms.moving_up is MovingUp.AT_PERIOD_END
    return at_end and (today.month, today.day) == begins[of.terms.window]


@lives
@given(of=ladders(), some=st.lists(gains, max_size=6))
def test_looking_when_something_happens_or_is_due_is_as_good_as_looking_every_day(of, some):
    daily, rare = Life(events_of(some), of), Life(events_of(some), of)

    for today in days_of_life():
        daily.look(today)
        is_due = rare.next_on is not None and rare.next_on <= today
        if is_due or today in rare.days or is_period_end(today, of):
            rare.look(today)
        rare.tiers.setdefault(today, rare.tiers.get(today - DAY))

    assert rare.tiers == daily.tiers
    assert rare.kinds == daily.kinds
    assert rare.standing == daily.standing


@lives
@given(of=ladders(), some=st.lists(gains, max_size=6))
def test_a_second_look_on_the_same_day_changes_nothing(of, some):
    life = Life(events_of(some), of)

    for today in days_of_life()[::3]:
        life.history = known_at(life.events, today)
        first = life.look(today)
        second = life.look(today)

        assert (second.standing, second.kind, second.next_on) == (
            first.standing,
            None,
            first.next_on,
        )


@lives
@given(of=ladders(), some=st.lists(gains, max_size=5), more=st.lists(gains, min_size=1, max_size=4))
def test_who_has_more_never_stands_lower_but_for_days_of_grace(of, some, more):
    kept = [(on, late, points, None) for on, late, points, _ in more]
    poor, rich = Life(events_of(some), of), Life(events_of([*some, *kept]), of)

    for today in days_of_life():
        poor.look(today)
        rich.look(today)

        # Grace is for the tier that ended. Whoever spends it higher up may find on falling that a
        # lower tier ended meanwhile, for which somebody with less is in grace just then.
        if poor.standing.grace_on is None:
            assert rich.rank(today) >= poor.rank(today)


@lives
@given(
    of=ladders(),
    some=st.lists(gains, min_size=2, max_size=6),
    order=st.randoms(use_true_random=False),
    found=st.integers(0, LAST_EVENT),
)
def test_in_which_order_a_day_brings_what_was_earned_makes_no_difference(of, some, order, found):
    found_on = BIRTH + found * DAY
    events = [(found_on, BIRTH + min(earned, found) * DAY, points) for earned, _, points, _ in some]
    shuffled = list(events)
    order.shuffle(shuffled)
    one, other = Life([], of), Life([], of)
    for life, known in ((one, events), (other, shuffled)):
        for number in range(len(known)):
            life.history = known_at(known[: number + 1], found_on)
            life.tiers[found_on] = None
            life.look(found_on)

    for today in days_of_life()[found:]:
        one.look(today)
        other.look(today)

    assert one.tiers == other.tiers


@lives
@given(of=ladders(falling=Falling.NEVER), some=st.lists(gains, max_size=6))
def test_nobody_falls_or_is_warned_where_nobody_is_to_fall(of, some):
    life = Life(events_of(some), of)

    ranks = []
    for today in days_of_life():
        life.look(today)
        ranks.append(life.rank(today))

    assert ranks == sorted(ranks)
    assert set(life.kinds.values()) <= {ChangeKind.ROSE}


@lives
@given(
    of=ladders(grace_days=14), some=st.lists(gains, max_size=6), looks=st.sets(st.integers(0, 50))
)
def test_who_falls_had_the_whole_grace_from_when_they_could_know(of, some, looks):
    life, told_on = Life(events_of(some), of), None

    for number, today in enumerate(days_of_life()):
        if number % 51 in looks and today not in life.days:
            continue  # the worker was down
        if life.look(today).kind is ChangeKind.GRACE:
            told_on = today
        if life.kinds.get(today) is ChangeKind.FELL:
            assert told_on is not None
            assert today >= told_on + 14 * DAY
            told_on = None


@lives
@given(of=ladders(grace_days=0), some=st.lists(gains, max_size=6))
def test_who_falls_without_grace_or_refund_was_told_the_day(of, some):
    life = Life(events_of([(on, late, points, None) for on, late, points, _ in some]), of)
    telling = {ChangeKind.ROSE, ChangeKind.RENEWED, ChangeKind.FELL, ChangeKind.WARNED}
    told = None

    for today in days_of_life():
        before = life.standing
        life.look(today)
        kind = life.kinds.get(today)
        if kind is ChangeKind.FELL:
            assert told == today - DAY
            if of.terms.notice_days and of.terms.window_length != 1:  # one day has no half
                assert before.is_warned
        if kind in telling:
            told = life.standing.kept_on
