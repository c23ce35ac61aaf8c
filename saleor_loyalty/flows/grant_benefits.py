"""Giving members what their tier brings: points at once, vouchers once a period."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet

from saleor_loyalty.flows.order_lots import expiring
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.calendar import (
    Period,
    end_of_day,
    local_date,
    period_end,
    period_start,
    start_of_day,
)
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.queries import load_terms
from saleor_loyalty.tiers.benefits import VOUCHERS, Benefit, BenefitKind
from saleor_loyalty.tiers.models import BenefitGrant, Tier, TierStanding

logger = logging.getLogger(__name__)

ONCE_ON = date(1, 1, 1)
ISSUE_BATCH = 500

IssueCodes = Callable[[Sequence[BenefitGrant]], Mapping[int, str]]


@transaction.atomic
def grant_benefits(
    *, reached: Mapping[Member, int], risen: Collection[int], time_zone: str, now: datetime
) -> None:
    """Give members what the tier brings that they came into: each benefit once, or once a period.

    Welcome points are posted now, once ever for a member and tier, whatever the benefit's key;
    only to members (by id) who have `risen`: nobody is welcomed into a tier that they fell to.
    Vouchers get their codes when they are issued. The caller holds the members' locks; a repeat
    gives nothing.
    """
    tiers = Tier.objects.in_bulk(set(reached.values()))
    wanted = [
        _grant(member, tiers[tier_id], benefit, number, time_zone=time_zone, now=now)
        for member, tier_id in reached.items()
        for benefit in benefits_of(tiers[tier_id])
        if benefit.kind in VOUCHERS
        or (benefit.kind is BenefitKind.WELCOME_POINTS and member.pk in risen)
        for number in range(1, (benefit.uses or 1) + 1)
    ]
    if not wanted:
        return
    before = list(
        BenefitGrant.objects.filter(
            member__in=[member.pk for member in reached], tier__in=tiers
        ).values_list("member", "tier", "benefit_key", "period_start", "number", "benefit__kind")
    )
    had = {row[:-1] for row in before}
    welcomed = {row[:2] for row in before if row[-1] == BenefitKind.WELCOME_POINTS.value}
    new = [
        one
        for one in wanted
        if identity_of(one) not in had
        and (one.issued_at is None or (one.member_id, one.tier_id) not in welcomed)
    ]
    BenefitGrant.objects.bulk_create(new, batch_size=5000)
    _welcome([one for one in new if one.issued_at is not None], now=now)


def benefits_of(tier: Tier) -> list[Benefit]:
    """Return a tier's benefits."""
    return [Benefit.from_json(data) for data in tier.benefits]


def identity_of(grant: BenefitGrant) -> tuple[int, int, str, date, int]:
    """Return what makes a grant the same: member, tier, key, period and number."""
    return (
        grant.member_id,
        grant.tier_id,
        grant.benefit_key,
        grant.period_start,
        grant.number,
    )


def _grant(
    member: Member, tier: Tier, benefit: Benefit, number: int, *, time_zone: str, now: datetime
) -> BenefitGrant:
    is_voucher = benefit.kind in VOUCHERS
    start, valid_from, valid_until = _validity(benefit, time_zone=time_zone, now=now)
    return BenefitGrant(
        member=member,
        tier=tier,
        benefit_key=benefit.key,
        period_start=start,
        number=number,
        benefit=benefit.as_json(),
        valid_from=valid_from,
        valid_until=valid_until,
        created_at=now,
        issued_at=None if is_voucher else now,
    )


def _validity(
    benefit: Benefit, *, time_zone: str, now: datetime
) -> tuple[date, datetime, datetime | None]:
    """Return the period of a benefit: its first day, its start and its end (exclusive)."""
    today = local_date(now, time_zone=time_zone)
    if benefit.period in {None, Period.LIFETIME}:
        return ONCE_ON, now, None
    assert benefit.period is not None
    first = period_start(today, benefit.period)
    last = period_end(today, benefit.period)
    return (
        first,
        start_of_day(first, time_zone=time_zone),
        end_of_day(last, time_zone=time_zone),
    )


def _welcome(grants: Sequence[BenefitGrant], *, now: datetime) -> None:
    if not grants:
        return
    program_ids = {grant.member.program_id for grant in grants}
    terms = load_terms(program_ids=program_ids).by_program
    postings = []
    for grant in grants:
        benefit = Benefit.from_json(grant.benefit)
        assert benefit.points is not None
        mine = terms[grant.member.program_id]
        postings.append(
            Award(
                program_id=grant.member.program_id,
                member_id=grant.member_id,
                key=f"tier:{grant.member_id}:{grant.tier_id}:{grant.benefit_key}",
                reason=Reason.TIER_REACHED,
                effective_at=now,
                points=benefit.points,
                note=benefit.name or grant.tier.name,
                details={"tier": grant.tier_id, "benefit": grant.benefit_key},
                lot=expiring(mine.policy_at(now), earned_at=now, now=now, time_zone=mine.time_zone),
            )
        )
    post(postings=postings, now=now)


GRANT_TO_ALL = f"""
INSERT INTO {BenefitGrant._meta.db_table} (
  member_id, tier_id, benefit_key, period_start, number, benefit, valid_from, valid_until, code,
  created_at
)
SELECT member_id, tier_id, %(key)s, %(start)s, numbers.number, %(benefit)s, %(valid_from)s, %(valid_until)s,
  '', %(now)s
FROM {TierStanding._meta.db_table} AS standing
CROSS JOIN generate_series(1, %(uses)s) AS numbers (number)
JOIN {Member._meta.db_table} AS member ON member.id = standing.member_id
WHERE tier_id = %(tier)s AND grace_on IS NULL AND (member.user_id IS NOT NULL OR member.email <> '') AND NOT EXISTS (
  SELECT FROM {BenefitGrant._meta.db_table} AS before
  WHERE before.member_id = standing.member_id AND before.tier_id = standing.tier_id
    AND before.benefit_key = %(key)s AND before.period_start = %(start)s
    AND before.number = numbers.number
)
ON CONFLICT DO NOTHING
"""


def grant_due_benefits(*, now: datetime) -> int:
    """Give the members of all tiers this period's vouchers; return how many were given.

    One statement a benefit. It also gives a voucher that a tier got since to its members. Whose
    account was deleted gets nothing more, and who is in the grace period nothing until it is over.
    """
    given = 0
    tiers = Tier.objects.filter(program__is_active=True, deleted_at=None)
    for tier in tiers.select_related("program"):
        for benefit in benefits_of(tier):
            if benefit.kind in VOUCHERS:
                given += _grant_to_all(tier, benefit, time_zone=tier.program.time_zone, now=now)
    return given


@transaction.atomic
def _grant_to_all(tier: Tier, benefit: Benefit, *, time_zone: str, now: datetime) -> int:
    start, valid_from, valid_until = _validity(benefit, time_zone=time_zone, now=now)
    field = BenefitGrant._meta.get_field("benefit")
    with connection.cursor() as cursor:
        cursor.execute(
            GRANT_TO_ALL,
            {
                "tier": tier.pk,
                "key": benefit.key,
                "uses": benefit.uses or 1,
                "start": start,
                "benefit": field.get_db_prep_save(benefit.as_json(), connection),
                "valid_from": valid_from,
                "valid_until": valid_until,
                "now": now,
            },
        )
        return int(cursor.rowcount)


@dataclass(frozen=True, kw_only=True)
class IssueReport:
    """What a round of issuing did: how many got a code, and how many could not and wait.

    `last_id` is the last grant that it looked at; None if none is left.
    """

    issued: int = 0
    waiting: int = 0
    last_id: int | None = None


def issue_benefits(
    *, issue: IssueCodes, now: datetime, after_id: int = 0, limit: int = ISSUE_BATCH
) -> IssueReport:
    """Give some vouchers that members were granted their codes, of the grants after one.

    `issue` makes codes in the shop and returns them by the grant's id; what it leaves out waits
    for another time, and so does a grant that it fails for: go on after `last_id`, and what waits
    holds up nothing. A code and the note of it are written together or not at all, and no two
    workers issue the same. Over periods, and programmes that are off or serve no channel, are not looked at.
    """
    ids = list(_to_issue(now).filter(pk__gt=after_id).values_list("pk", flat=True)[:limit])
    if not ids:
        return IssueReport()
    issued, waiting = _issue_some(ids, issue=issue, now=now)
    return IssueReport(issued=issued, waiting=waiting, last_id=ids[-1])


def _to_issue(now: datetime) -> QuerySet[BenefitGrant]:
    able = Program.objects.filter(is_active=True, channels__valid_until=None)
    tiers = Tier.objects.filter(program__in=able.values("pk"))
    return BenefitGrant.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=now), issued_at=None, tier__in=tiers.values("pk")
    ).order_by("pk")


def _issue_some(ids: Sequence[int], *, issue: IssueCodes, now: datetime) -> tuple[int, int]:
    """Issue grants together; where that fails, one half after the other, down to the bad one."""
    try:
        return _issue(ids, issue=issue, now=now)
    except OperationalError:  # the database's trouble, or another's lock: not the grants'
        raise
    except Exception:
        if len(ids) == 1:
            logger.exception("Benefit %s could not be issued", ids[0])
            return 0, 1
    middle = len(ids) // 2
    one, other = (_issue_some(some, issue=issue, now=now) for some in (ids[:middle], ids[middle:]))
    return one[0] + other[0], one[1] + other[1]


@transaction.atomic
def _issue(ids: Sequence[int], *, issue: IssueCodes, now: datetime) -> tuple[int, int]:
    """Return how many were issued and how many the shop left out; another worker's are neither."""
    grants = list(
        BenefitGrant.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk__in=ids, issued_at=None)
        .select_related("tier__program", "member")
        .order_by("pk")
    )
    codes = issue(grants) if grants else {}
    issued = [grant for grant in grants if grant.pk in codes]
    for grant in issued:
        grant.code = codes[grant.pk]
        grant.issued_at = now
    BenefitGrant.objects.bulk_update(issued, ["code", "issued_at"])
    return len(issued), len(grants) - len(issued)
