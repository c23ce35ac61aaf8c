"""Writes of earning rules."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from saleor_loyalty.earning.models import EarningRule, EarningRuleVersion
from saleor_loyalty.earning.rules import MAX_POSITION, RuleDefinition, RuleInvalid, check_rule
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.models import EarningRate, Program
from saleor_loyalty.programs.operations import ProgramNotFound


class EarningRuleNotFound(LoyaltyError):
    """There is no earning rule with that id."""

    code = "earning_rule_not_found"


@dataclass(frozen=True, kw_only=True)
class RuleChanges:
    """What to set on a rule; None leaves a value as it is. A rule that is not active is off."""

    name: str | None = None
    definition: RuleDefinition | None = None
    position: int | None = None
    is_active: bool | None = None


@transaction.atomic
def create_rule(
    *,
    program_id: int,
    name: str,
    definition: RuleDefinition,
    now: datetime,
    position: int | None = None,
    is_active: bool = True,
) -> EarningRule:
    """Add a rule to a programme, for what happens from `now` on; at the end without `position`.

    Raises:
        ProgramNotFound, RuleInvalid, ConditionInvalid.

    """
    if not Program.objects.select_for_update(no_key=True).filter(pk=program_id).exists():
        raise ProgramNotFound(field="program_id")
    check_rule(name=name, definition=definition, currencies=_currencies(program_id))
    _check_position(position)
    last = EarningRule.objects.filter(program=program_id).aggregate(last=Max("position"))["last"]
    rule = EarningRule.objects.create(
        program_id=program_id,
        name=name.strip(),
        position=position if position is not None else 0 if last is None else last + 1,
        created_at=now,
    )
    _open_version(rule, definition, now=now, is_active=is_active)
    return rule


@transaction.atomic
def update_rule(*, rule_id: int, changes: RuleChanges, now: datetime) -> EarningRule:
    """Change a rule for what happens from `now` on; awards made before keep their version.

    What does not change is left alone: a repeat changes nothing.

    Raises:
        EarningRuleNotFound, RuleInvalid, ConditionInvalid.

    """
    rule = _locked(rule_id)
    latest = EarningRuleVersion.objects.filter(rule=rule).latest("number")
    was_active = latest.valid_until is None
    definition = changes.definition or RuleDefinition.from_json(latest.definition)
    name = rule.name if changes.name is None else changes.name
    is_active = was_active if changes.is_active is None else changes.is_active
    if changes.name is not None or changes.definition is not None or is_active > was_active:
        check_rule(name=name, definition=definition, currencies=_currencies(rule.program_id))
    _check_position(changes.position)
    rule.name = name.strip()
    rule.position = rule.position if changes.position is None else changes.position
    rule.save()
    is_same = (latest.name, latest.position) == (rule.name, rule.position) and (
        RuleDefinition.from_json(latest.definition) == definition
    )
    if is_same and is_active == was_active:
        return rule
    # Another server's clock may be ahead of ours: a version never ends before it began.
    now = max(now, latest.valid_from, latest.valid_until or now)
    EarningRuleVersion.objects.filter(rule=rule, valid_until=None).update(valid_until=now)
    _open_version(rule, definition, now=now, is_active=is_active)
    return rule


@transaction.atomic
def delete_rule(*, rule_id: int, now: datetime) -> EarningRule:
    """Take a rule out of the list. What it gave stays, and so do its versions, as explanations.

    Raises:
        EarningRuleNotFound: also when it was deleted before.

    """
    rule = _locked(rule_id)
    rule.deleted_at = now
    rule.save()
    EarningRuleVersion.objects.filter(rule=rule, valid_until=None).update(valid_until=now)
    return rule


def _check_position(position: int | None) -> None:
    if position is not None and not 0 <= position <= MAX_POSITION:
        raise RuleInvalid(field="position", problem=f"must be 0 to {MAX_POSITION}")


def _locked(rule_id: int) -> EarningRule:
    rule = EarningRule.objects.select_for_update(no_key=True).filter(pk=rule_id, deleted_at=None)
    found = rule.first()
    if found is None:
        raise EarningRuleNotFound(field="id")
    return found


def _currencies(program_id: int) -> set[str]:
    rates = EarningRate.objects.filter(program=program_id, valid_until=None)
    return set(rates.values_list("currency", flat=True))


def _open_version(
    rule: EarningRule, definition: RuleDefinition, *, now: datetime, is_active: bool
) -> None:
    """Write the next version; one that is not active ends as it begins, and never held."""
    numbers = EarningRuleVersion.objects.filter(rule=rule).aggregate(last=Max("number"))
    EarningRuleVersion.objects.create(
        rule=rule,
        number=(numbers["last"] or 0) + 1,
        name=rule.name,
        position=rule.position,
        definition=definition.as_json(),
        valid_from=now,
        valid_until=None if is_active else now,
    )
