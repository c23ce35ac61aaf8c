"""Where a member stands on the ladder: one pure function of what counted, the ladder and the day.

What the member is entitled to follows from the history alone: the highest tier whose threshold
was met on some day from which it is still kept. So more never leads lower, a repeat changes
nothing, and it makes no difference in which order things came to be known. Only what was
promised (dates, grace) and what staff assigned is remembered.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from saleor_loyalty.tiers.entitlement import Entitlement, entitled, entitlement, met_on
from saleor_loyalty.tiers.history import History
from saleor_loyalty.tiers.rules import (
    YEARLY,
    Amounts,
    ChangeKind,
    Falling,
    Keeping,
    Ladder,
    MovingUp,
    TierRules,
)
from saleor_loyalty.tiers.windows import (
    DAY,
    FOREVER,
    kept_on,
    landed_until,
    near_on,
    window_ending,
    year_of,
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a member stands. Dates are the last day, in the programme's zone.

    `earned_id` is the tier that the metric led to, kept until `kept_on` (None: no end);
    `needed` was its threshold then, under the ladder's `version`. `grace_on`: until when it stays
    although it was not kept. `assigned_id` is what staff assigned until `assigned_on` (None: no end); it is
    the least the member has, or, pinned, exactly what they have.
    """

    earned_id: int | None = None
    kept_on: date | None = None
    needed: Amounts | None = None
    qualified_from: date | None = None
    version: int = 0
    grace_on: date | None = None
    is_warned: bool = False
    assigned_id: int | None = None
    assigned_on: date | None = None
    is_pinned: bool = False

    def tier_id(self, ladder: Ladder) -> int | None:
        """Return the tier in force: the earned or the assigned one, whichever is higher."""
        earned, assigned = ladder.tier(self.earned_id), ladder.tier(self.assigned_id)
        if assigned is not None and (
            self.is_pinned or ladder.rank(assigned) >= ladder.rank(earned)
        ):
            return assigned.tier_id
        return earned.tier_id if earned else None

    def ends_on(self, ladder: Ladder) -> date | None:
        """Return the last day on which the tier in force is certain; None: no end in sight."""
        assigned = ladder.tier(self.assigned_id)
        earned_until = self.grace_on or self.kept_on
        if assigned is None or self.tier_id(ladder) != assigned.tier_id:
            return earned_until
        if self.assigned_on is None or ladder.tier(self.earned_id) != assigned:
            return self.assigned_on
        return None if earned_until is None else max(self.assigned_on, earned_until)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Where a member stands after a look at a day, what to call the change, and when to look again.

    `kind` None: nothing that anybody should hear of. `next_on` is the date on which time alone
    may change something, None if it cannot; but who moves up because a year is over, where the
    ladder says so, is found by the look at all members in the night after it.
    """

    standing: Standing
    tier_id: int | None
    kind: ChangeKind | None = None
    next_on: date | None = None


def decide(
    standing: Standing, history: History, *, ladder: Ladder, joined_on: date, today: date
) -> Decision:
    """Look at a member on a day. A second look on the same day changes nothing."""
    before_id = standing.tier_id(ladder)
    after, kind = _earned(standing, history, ladder=ladder, joined_on=joined_on, today=today)
    if after.assigned_id is not None and _is_over(after, ladder=ladder, today=today):
        after = replace(after, assigned_id=None, assigned_on=None, is_pinned=False)
    elif after.assigned_id is not None:
        after = replace(after, assigned_id=_id(ladder.tier(after.assigned_id)))
    tier_id = after.tier_id(ladder)
    return Decision(
        standing=after,
        tier_id=tier_id,
        kind=_kind(standing, after, kind, before_id=before_id, tier_id=tier_id, ladder=ladder),
        next_on=_next_on(after, ladder=ladder, today=today),
    )


def _is_over(standing: Standing, *, ladder: Ladder, today: date) -> bool:
    ended = standing.assigned_on is not None and standing.assigned_on < today
    return ended or ladder.tier(standing.assigned_id) is None


def _kind(
    before: Standing,
    after: Standing,
    kind: ChangeKind | None,
    *,
    before_id: int | None,
    tier_id: int | None,
    ladder: Ladder,
) -> ChangeKind | None:
    """Return what to call a change of the tier in force, or of the dates of the one in force."""
    if before_id == tier_id:
        is_about_it = tier_id is not None and _id(ladder.tier(after.earned_id)) == tier_id
        is_hidden = after.assigned_id is not None
        return kind if is_about_it and not is_hidden else None
    if before.assigned_id is not None and after.assigned_id is None:
        return ChangeKind.ASSIGNMENT_ENDED
    return kind


def _earned(  # noqa: PLR0911 -- one return for each thing that can happen
    standing: Standing, history: History, *, ladder: Ladder, joined_on: date, today: date
) -> tuple[Standing, ChangeKind | None]:
    best = entitlement(history, ladder=ladder, joined_on=joined_on, today=today)
    earned = ladder.tier(standing.earned_id)
    is_deleted = standing.earned_id is not None and _id(earned) != standing.earned_id
    changed = ChangeKind.LADDER_CHANGED if is_deleted else None
    if is_deleted:
        standing = replace(standing, earned_id=_id(earned), needed=None)
    if ladder.rank(best.tier if best else None) > ladder.rank(earned):
        assert best is not None
        risen = _qualified(standing, best, ladder=ladder, joined_on=joined_on, today=today)
        return risen, changed or ChangeKind.ROSE
    if earned is None:
        return _like_assigned(Standing(version=standing.version), standing), changed
    is_entry = best is not None and best.tier == earned and best.kept_on == FOREVER
    if _has_new_terms(standing, ladder=ladder) and not is_entry:
        until = kept_on(today, terms=ladder.terms, joined_on=joined_on)
        standing = replace(standing, kept_on=until, needed=None, version=ladder.version)
        changed = ChangeKind.LADDER_CHANGED
    if ladder.terms.falling is Falling.NEVER and standing.version >= ladder.strict_since:
        return _without_end(standing), changed
    if best is not None and best.tier == earned:
        if _is_worth_renewing(standing, best, ladder=ladder, today=today):
            renewed = _qualified(standing, best, ladder=ladder, joined_on=joined_on, today=today)
            return renewed, changed or ChangeKind.RENEWED
        return _warned(standing, history, changed, ladder=ladder, joined_on=joined_on, today=today)
    if _is_promised(standing, history, ladder=ladder, joined_on=joined_on, today=today):
        if standing.grace_on is not None:  # what was taken back came again
            back = _told(replace(standing, grace_on=None), ladder=ladder, today=today)
            return back, changed or ChangeKind.RENEWED
        return _warned(standing, history, changed, ladder=ladder, joined_on=joined_on, today=today)
    return _falling(
        standing, best, earned, changed, ladder=ladder, joined_on=joined_on, today=today
    )


def _has_new_terms(standing: Standing, *, ladder: Ladder) -> bool:
    """Tell whether a tier that had no end is to have one, from the day that the ladder changed."""
    terms = ladder.terms
    can_end = terms.keeping is not Keeping.FOREVER and terms.falling is not Falling.NEVER
    is_older = ladder.strict_since <= standing.version < ladder.terms_since
    return can_end and is_older and standing.kept_on is None and standing.grace_on is None


def _qualified(
    standing: Standing, best: Entitlement, *, ladder: Ladder, joined_on: date, today: date
) -> Standing:
    window = window_ending(best.met_on, terms=ladder.terms, joined_on=joined_on)
    qualified = replace(
        standing,
        earned_id=best.tier.tier_id,
        kept_on=None if best.kept_on == FOREVER else best.kept_on,
        needed=ladder.needed_for(best.tier),
        qualified_from=window.first,
        version=ladder.version,
        grace_on=None,
    )
    if ladder.terms.falling is Falling.NEVER:
        return _without_end(qualified)
    return _told(qualified, ladder=ladder, today=today)


def _without_end(standing: Standing) -> Standing:
    """Return a standing of a ladder on which nobody falls: no date, and no condition."""
    return replace(standing, kept_on=None, needed=None, grace_on=None, is_warned=False)


def _told(standing: Standing, *, ladder: Ladder, today: date) -> Standing:
    """Return a standing with a new end: who hears of one that is near needs no warning of it."""
    until = standing.kept_on
    return replace(
        standing, is_warned=until is not None and near_on(until, terms=ladder.terms) <= today
    )


def _is_worth_renewing(
    standing: Standing, best: Entitlement, *, ladder: Ladder, today: date
) -> bool:
    """Tell whether to write a later end: at once for years, else only when the end comes near.

    Otherwise a rolling window would move the date a little every day.
    """
    if standing.grace_on is not None or standing.version < ladder.strict_since:
        return True
    if standing.kept_on is None:
        return False
    if best.kept_on <= standing.kept_on:
        return False
    is_by_year = ladder.terms.window in YEARLY and ladder.terms.keeping is Keeping.NEXT_PERIOD
    is_near = near_on(standing.kept_on, terms=ladder.terms) <= today
    return is_by_year or best.kept_on == FOREVER or is_near


def _is_promised(
    standing: Standing, history: History, *, ladder: Ladder, joined_on: date, today: date
) -> bool:
    """Tell whether a member keeps what the ladder would not give them now.

    They do until the date that they were told, whatever became of the ladder since; unless what
    it was given for went back, or staff said that it ends at once.
    """
    if standing.version < ladder.strict_since:
        return False
    if standing.kept_on is not None and standing.kept_on < today:
        return False
    if standing.needed is None or standing.version < ladder.terms_since:
        return True
    needed = standing.needed
    return entitled(history, needed, ladder=ladder, joined_on=joined_on, today=today) is not None


def _warned(
    standing: Standing,
    history: History,
    changed: ChangeKind | None,
    *,
    ladder: Ladder,
    joined_on: date,
    today: date,
) -> tuple[Standing, ChangeKind | None]:
    """Note that the member is to be warned, once a promise."""
    until = standing.kept_on
    if until is None or standing.is_warned or today < near_on(until, terms=ladder.terms):
        return standing, changed
    if _is_met_again(standing, history, ladder=ladder, joined_on=joined_on, today=today):
        return standing, changed
    return replace(standing, is_warned=True), changed or ChangeKind.WARNED


def _is_met_again(
    standing: Standing, history: History, *, ladder: Ladder, joined_on: date, today: date
) -> bool:
    """Tell whether the tier is sure to be renewed when a year is over that the ladder waits for."""
    earned = ladder.tier(standing.earned_id)
    if ladder.terms.moving_up is MovingUp.AT_ONCE or earned not in ladder.earnable:
        return False
    year = year_of(today, window=ladder.terms.window, joined_on=joined_on)
    if standing.kept_on is None or standing.kept_on < year.last:
        return False
    at_once = replace(ladder, terms=replace(ladder.terms, moving_up=MovingUp.AT_ONCE))
    needed = ladder.needed_for(earned)
    met = met_on(history, needed, ladder=at_once, joined_on=joined_on, today=today)
    return met is not None and met in year


def _falling(
    standing: Standing,
    best: Entitlement | None,
    earned: TierRules,
    changed: ChangeKind | None,
    *,
    ladder: Ladder,
    joined_on: date,
    today: date,
) -> tuple[Standing, ChangeKind | None]:
    """Give grace, then let the member fall."""
    grace_days = ladder.terms.grace_days
    is_strict = standing.version < ladder.strict_since
    if grace_days and not is_strict and standing.grace_on is None:
        # From the last day on, if it was yesterday. Whoever hears of it days late, after an
        # outage, has the whole grace from then on, and so has who is surprised by a refund.
        is_in_time = standing.kept_on == today - DAY
        grace_on = (today - DAY if is_in_time else today) + timedelta(days=grace_days)
        return replace(standing, grace_on=grace_on), changed or ChangeKind.GRACE
    if standing.grace_on is not None and today <= standing.grace_on and not is_strict:
        return standing, changed
    below = None if best is None else best.tier
    if ladder.terms.falling is Falling.ONE_STEP and not is_strict:
        step = ladder.step_below(earned)
        until = landed_until(today, terms=ladder.terms, joined_on=joined_on)
        # Who earned the step itself has it no shorter than who merely fell to it.
        is_shorter = best is not None and best.tier == step and best.kept_on < until
        if step is not None and (is_shorter or ladder.rank(step) > ladder.rank(below)):
            landed = Standing(
                earned_id=step.tier_id,
                kept_on=None if until == FOREVER else until,
                version=ladder.version,
            )
            landed = _told(landed, ladder=ladder, today=today)
            return _like_assigned(landed, standing), changed or ChangeKind.FELL
    if best is None:
        fallen = Standing(version=ladder.version)
    else:
        fallen = _qualified(Standing(), best, ladder=ladder, joined_on=joined_on, today=today)
    kind = ChangeKind.LADDER_CHANGED if is_strict else ChangeKind.FELL
    return _like_assigned(fallen, standing), changed or kind


def _like_assigned(standing: Standing, before: Standing) -> Standing:
    return replace(
        standing,
        assigned_id=before.assigned_id,
        assigned_on=before.assigned_on,
        is_pinned=before.is_pinned,
    )


def _next_on(standing: Standing, *, ladder: Ladder, today: date) -> date | None:
    """Return the next date on which time alone may change something."""
    dates = []
    if standing.assigned_id is not None and standing.assigned_on is not None:
        dates.append(standing.assigned_on + DAY)
    if standing.grace_on is not None:
        dates.append(standing.grace_on + DAY)
    elif standing.kept_on is not None:
        warned_on = near_on(standing.kept_on, terms=ladder.terms)
        dates.append(warned_on if warned_on > today else standing.kept_on + DAY)
    return min(dates, default=None)


def _id(tier: TierRules | None) -> int | None:
    return None if tier is None else tier.tier_id
