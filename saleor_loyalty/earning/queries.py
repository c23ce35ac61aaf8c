"""Reads of earning rules."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from saleor_loyalty.earning.models import BudgetUse, EarningGrant, EarningRuleVersion
from saleor_loyalty.earning.rules import RuleDefinition, RuleVersion
from saleor_loyalty.programs.calendar import Period, local_date, period_start
from saleor_loyalty.programs.models import Program


def version_of(row: EarningRuleVersion) -> RuleVersion:
    """Return a version as the rules want it."""
    return RuleVersion(
        version_id=row.pk,
        rule_id=row.rule_id,
        number=row.number,
        name=row.name,
        position=row.position,
        definition=RuleDefinition.from_json(row.definition),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def rules_of(
    *, program_ids: Iterable[int], since: datetime, using: str = "default"
) -> dict[int, list[RuleVersion]]:
    """Return the rules that programmes had at any time since an instant, by programme. One query."""
    found: dict[int, list[RuleVersion]] = defaultdict(list)
    rows = EarningRuleVersion.objects.using(using).filter(
        Q(valid_until__isnull=True) | Q(valid_until__gt=since), rule__program__in=list(program_ids)
    )
    for row in rows.select_related("rule").order_by("position", "rule_id", "number"):
        found[row.rule.program_id].append(version_of(row))
    return found


def grants_of(
    *, member_ids: Iterable[int], using: str = "default"
) -> dict[int, list[EarningGrant]]:
    """Return what rules gave to members, by member id. One query."""
    found: dict[int, list[EarningGrant]] = defaultdict(list)
    for grant in EarningGrant.objects.using(using).filter(member__in=list(member_ids)):
        found[grant.member_id].append(grant)
    return found


def latest_versions(*, rule_ids: Iterable[int], using: str = "default") -> dict[int, RuleVersion]:
    """Return the latest version of rules, by rule id. One query."""
    rows = EarningRuleVersion.objects.using(using).filter(rule__in=list(rule_ids))
    latest = rows.order_by("rule_id", "-number").distinct("rule_id")
    return {row.rule_id: version_of(row) for row in latest}


def budgets_used(
    *, keys: Iterable[tuple[int, int, Period]], now: datetime, using: str = "default"
) -> dict[tuple[int, int, Period], int]:
    """Return what is used of budgets now, by (programme id, rule id or 0, period). Two queries."""
    wanted = list(keys)
    program_ids = {program_id for program_id, _, _ in wanted}
    zones = dict(
        Program.objects.using(using).filter(pk__in=program_ids).values_list("pk", "time_zone")
    )
    starts = {key: period_start(local_date(now, time_zone=zones[key[0]]), key[2]) for key in wanted}
    rows = BudgetUse.objects.using(using).filter(
        program__in=program_ids, period_start__in=set(starts.values())
    )
    used = {(row.program_id, row.rule_id or 0, row.period_start): row.used_points for row in rows}
    return {key: used.get((key[0], key[1], starts[key]), 0) for key in wanted}
