"""Reads of earning rules."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from saleor_loyalty.earning.models import EarningRuleVersion
from saleor_loyalty.earning.rules import RuleDefinition, RuleVersion


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
    for row in rows.select_related("rule").order_by("position", "rule", "number"):
        found[row.rule.program_id].append(version_of(row))
    return found
