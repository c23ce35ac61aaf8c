"""Mails that say what is true no more: they must not leave."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.event_freshness import overtaken_by_events
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.queries import last_ordered_at
from saleor_loyalty.points.expiring import ends_of
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.tiers.models import TierStanding

NUDGES = frozenset({EmailKind.SECOND_PURCHASE.value, EmailKind.WIN_BACK.value})
DAYS_SHOWN = 6
EXPIRING = frozenset({EmailKind.POINTS_EXPIRING.value, EmailKind.POINTS_EXPIRING_LAST.value})
AT_RISK = frozenset({EmailKind.TIER_AT_RISK.value})


def overtaken(
    messages: Sequence[EmailMessage],
    *,
    owners: Mapping[int, Member],
    standings: Mapping[int, TierStanding],
    now: datetime,
) -> set[int]:
    """Return the ids of mails that were true when they were written, and are no more.

    Who ordered since is not missed, points that are gone do not expire, and a tier that was kept is
    not about to end, an answer may have changed. `owners` are the members of mails by now, by mail id. At most
    three queries; none for other kinds.
    """
    known = [one for one in messages if one.pk in owners]
    return (
        _nudges_of_buyers([one for one in known if one.kind in NUDGES], owners)
        | _without_points([one for one in known if one.kind in EXPIRING], owners, now=now)
        | overtaken_by_events(known, now=now)
        | {
            one.pk
            for one in known
            if one.kind in AT_RISK and not _is_at_risk(one, standings.get(owners[one.pk].pk))
        }
    )


def _nudges_of_buyers(messages: Sequence[EmailMessage], owners: Mapping[int, Member]) -> set[int]:
    """Return the mails about a last order that is not the last one any more."""
    if not messages:
        return set()
    last = last_ordered_at(member_ids={owners[one.pk].pk for one in messages})
    found = set()
    for one in messages:
        member, told_on = owners[one.pk], _date(one, "last_ordered_on")
        ordered_at = last.get(member.pk)
        zone = member.program.time_zone
        if ordered_at and told_on and local_date(ordered_at, time_zone=zone) > told_on:
            found.add(one.pk)
    return found


def _without_points(
    messages: Sequence[EmailMessage], owners: Mapping[int, Member], *, now: datetime
) -> set[int]:
    """Return the notices about points of which none is left that expires until the day they told."""
    until = {one.pk: _date(one, "expiring_until") or _date(one, "expires_on") for one in messages}
    latest = max((on for on in until.values() if on is not None), default=None)
    if latest is None:
        return set()
    ends = ends_of(member_ids={owners[one.pk].pk for one in messages}, until=latest, now=now)
    return {
        one.pk
        for one in messages
        if (last_on := until[one.pk]) is not None
        and not any(on <= last_on for on in ends.get(owners[one.pk].pk, ()))
    }


def refresh_notices(
    messages: Sequence[EmailMessage], *, owners: Mapping[int, Member], now: datetime
) -> list[EmailMessage]:
    """Bring notices of points that expire up to date; return those that say something else now.

    Points may have been spent, and days have gone by, since they were written. They tell of the points that are left
    until the day they told of. At most one query; nothing is written.
    """
    notices = [one for one in messages if one.kind in EXPIRING and one.pk in owners]
    until = {one.pk: _date(one, "expiring_until") for one in notices}
    latest = max((on for on in until.values() if on is not None), default=None)
    if latest is None:
        return []
    ends = ends_of(member_ids={owners[one.pk].pk for one in notices}, until=latest, now=now)
    changed = []
    for one in notices:
        member, last_on = owners[one.pk], until[one.pk]
        found = ends.get(member.pk, {})
        days = sorted((on, points) for on, points in found.items() if last_on and on <= last_on)
        if not days:
            continue
        today = local_date(now, time_zone=member.program.time_zone)
        facts = one.facts | notice_facts(days, today=today)
        if facts != one.facts:
            one.facts = facts
            changed.append(one)
    return changed


def notice_facts(days: Sequence[tuple[date, int]], *, today: date) -> dict[str, Any]:
    """Return what a notice tells of points by the last day on which they can be used, soonest first."""
    return {
        "points_expiring": sum(points for _, points in days),
        "expires_on": days[0][0].isoformat(),
        "days_left": (days[0][0] - today).days,
        "expiring": [{"on": on.isoformat(), "points": points} for on, points in days[:DAYS_SHOWN]],
    }


def _is_at_risk(message: EmailMessage, standing: TierStanding | None) -> bool:
    """Tell whether the tier is still about to end on the day that the mail tells."""
    told_on = _date(message, "missing_by")
    if standing is None or not (standing.is_warned or standing.grace_on):
        return False
    ends_on = standing.grace_on or standing.kept_on
    return told_on is None or (ends_on is not None and ends_on <= told_on)


def _date(message: EmailMessage, name: str) -> date | None:
    value = message.facts.get(name)
    return date.fromisoformat(value) if value else None
