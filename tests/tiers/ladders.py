"""Makers of ladders, tiers and histories for tests."""

from datetime import UTC, date, datetime
from decimal import Decimal

from saleor_loyalty.tiers.evaluation import Standing, decide
from saleor_loyalty.tiers.history import History, history_of_days
from saleor_loyalty.tiers.operations import TierChanges, create_tier, update_ladder
from saleor_loyalty.tiers.rules import Ladder, LadderTerms, Thresholds, TierRules

SILVER, GOLD, PLATINUM, CIRCLE = 1, 2, 3, 4
JOINED_ON = date(2020, 3, 10)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def tier(tier_id: int, points: int | None, *, position: int | None = None, **values) -> TierRules:
    """A tier that needs so many points; None: by invitation only."""
    names = {SILVER: "Silver", GOLD: "Gold", PLATINUM: "Platinum", CIRCLE: "Circle"}
    return TierRules(
        tier_id=tier_id,
        name=names.get(tier_id, str(tier_id)),
        position=tier_id if position is None else position,
        thresholds=values.pop("thresholds", Thresholds(points=points)),
        is_invitation_only=points is None and "thresholds" not in values,
        **values,
    )


def ladder(*, tiers=None, version: int = 1, replaced=None, since=(0, 0), **terms) -> Ladder:
    """Silver at 100, Gold at 500, Platinum at 1000 points a year, and the Circle by invitation."""
    return Ladder(
        program_id=1,
        time_zone="Europe/Zagreb",
        terms=LadderTerms(**terms),
        tiers=tuple(tiers)
        if tiers is not None
        else (tier(SILVER, 100), tier(GOLD, 500), tier(PLATINUM, 1000), tier(CIRCLE, None)),
        replaced=replaced or {},
        version=version,
        terms_since=since[0],
        strict_since=since[1],
    )


def history(*events: tuple[date, int], key: str = "") -> History:
    """What counted on which dates, in whole points (or money of `key`)."""
    days: dict[date, int] = {}
    for on, points in events:
        days[on] = days.get(on, 0) + points * 1000
    return history_of_days({key: days})


def look(standing: Standing, events, on: date, *, of: Ladder | None = None, joined_on=JOINED_ON):
    """Decide on a day, by what had happened until then."""
    known = history(*[event for event in events if event[0] <= on])
    return decide(standing, known, ladder=of or ladder(), joined_on=joined_on, today=on)


def make_ladder(program, *, now=LONG_AGO, **terms):
    """Silver at 1000, Gold at 5000 points on a programme; returns both tiers' rows."""
    update_ladder(program_id=program.pk, terms=terms, now=now)
    return [
        make_tier(program, name, points, now=now)
        for name, points in (("Silver", 1000), ("Gold", 5000))
    ]


def make_tier(program, name: str, points: int | None, *, now=LONG_AGO, **changes):
    """A tier on top of a programme's ladder; None: by invitation only."""
    defaults = {"is_invitation_only": points is None}
    if points is not None:
        defaults["thresholds"] = Thresholds(
            points=points,
            orders=points // 1000,
            amounts={"USD": Decimal(points) / 10, "EUR": Decimal(points) / 10},
        )
    changes = TierChanges(name=name, **{**defaults, **changes})
    return create_tier(program_id=program.pk, changes=changes, now=now)
