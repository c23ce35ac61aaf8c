"""A programme to be played: the shop's own as it is now, or one described in a JSON file."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from saleor_loyalty.earning.models import EarningRuleVersion
from saleor_loyalty.earning.operations import create_rule
from saleor_loyalty.earning.rules import Action, RuleDefinition
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.operations import ProgramChanges, ProgramNotFound, create_program
from saleor_loyalty.programs.policies.rules import Expiry, Maturing, Policy, check_policy
from saleor_loyalty.programs.rules import PriceBasis, RateInput, check_program

KEYS = ("name", "time_zone", "price_basis", "rates", "policy", "rules")
TOLD_BY_A_HISTORY = frozenset({"returning_customer", "minimum_amount", "weekday", "date"})
CHANNEL = 1  # a history is of one channel


class DraftInvalid(LoyaltyError):
    """A draft of a programme makes no sense; `field` names the part, `problem` says why."""

    code = "draft_invalid"


@dataclass(frozen=True, kw_only=True)
class DraftRule:
    """An earning rule of a draft."""

    name: str
    definition: RuleDefinition


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a programme says, without the times at which it began to say so."""

    name: str
    time_zone: str = "UTC"
    price_basis: PriceBasis = PriceBasis.GROSS
    rates: tuple[RateInput, ...]
    policy: Policy = field(default_factory=Policy)
    rules: tuple[DraftRule, ...] = ()

    def point_value(self, currency: str) -> Decimal | None:
        """Return what a point is worth in a currency, or None."""
        return next((rate.point_value for rate in self.rates if rate.currency == currency), None)

    @property
    def needs_nights(self) -> bool:
        """Whether points change by time alone: they mature, or expire."""
        terms = [rule.definition for rule in self.rules]
        return (
            self.policy.maturing is not Maturing.AT_ONCE
            or self.policy.expiry is not Expiry.NEVER
            or any(one.maturing_days or one.expiry_days for one in terms)
        )

    def notes(self, *, columns: Collection[str]) -> list[str]:
        """Return what of the rules a history with these columns cannot show, a line each."""
        told = TOLD_BY_A_HISTORY | ({"category"} & set(columns))
        found = []
        for rule in self.rules:
            if not rule.definition.is_on_orders:
                found.append(f"{rule.name}: waits for no order, and is not played")
                continue
            if rule.definition.gives_reward:
                found.append(f"{rule.name}: gives a reward and no points, and is not played")
                continue
            blind = sorted({one.kind for one in rule.definition.conditions} - told)
            if blind:
                what = ", ".join(blind)
                found.append(f"{rule.name}: the history tells no {what}; no order has any")
            if rule.definition.action is Action.POINTS_PER_ITEM:
                found.append(f"{rule.name}: every line counts as one item")
        return found


def draft_from_file(path: Path) -> Draft:
    """Read a draft from a JSON file.

    Raises:
        DraftInvalid: it cannot be read, is not JSON, or a part of it makes no sense.

    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise DraftInvalid(problem=f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DraftInvalid(problem=f"{path} is not JSON: {error}") from error
    return draft_from_json(data)


def draft_from_json(data: Any) -> Draft:
    """Return the draft that plain data describes; what is missing is at its default.

    Raises:
        DraftInvalid: a part is unknown, or is not of its kind.
        ProgramInvalid, PolicyInvalid: a part makes no sense.

    """
    _check_keys(data, KEYS, part="draft")
    policy = data.get("policy", {})
    _check_keys(policy, [one.name for one in fields(Policy)], part="policy")
    draft = Draft(
        name=_read("name", lambda: _text(data["name"])),
        time_zone=_read("time_zone", lambda: _text(data.get("time_zone", "UTC"))),
        price_basis=_read("price_basis", lambda: PriceBasis(data.get("price_basis", "gross"))),
        rates=_read("rates", lambda: tuple(_rate(one) for one in data["rates"])),
        policy=_read("policy", lambda: _policy(policy)),
        rules=_read("rules", lambda: tuple(_rule(one) for one in data.get("rules", ()))),
    )
    currencies = [rate.currency for rate in draft.rates]
    check_program(
        name=draft.name,
        time_zone=draft.time_zone,
        rates=draft.rates,
        known_currencies=currencies,  # which codes there are is checked when it is played
    )
    return draft


def draft_of_program(*, program_id: int) -> Draft:
    """Return a programme as it is now, with its open rates, policy and active rules.

    Raises:
        ProgramNotFound: there is none with that id.
        DraftInvalid: it has no open rate, and so earns nothing.

    """
    program = Program.objects.filter(pk=program_id).first()
    if program is None:
        raise ProgramNotFound(field="program")
    rates = list(program.rates.filter(valid_until=None))
    if not rates:
        raise DraftInvalid(field="rates", problem="are missing: the programme earns nothing now")
    policy = program.policies.filter(valid_until=None).first()
    versions = EarningRuleVersion.objects.filter(rule__program=program, valid_until=None)
    return Draft(
        name=program.name,
        time_zone=program.time_zone,
        price_basis=PriceBasis(rates[0].price_basis),
        rates=tuple(
            RateInput(
                currency=rate.currency,
                points_per_unit=rate.points_per_unit,
                point_value=rate.point_value,
            )
            for rate in rates
        ),
        policy=Policy.from_json(policy.terms) if policy else Policy(),
        rules=tuple(
            DraftRule(name=row.name, definition=RuleDefinition.from_json(row.definition))
            for row in versions.order_by("position", "rule")
        ),
    )


def found(draft: Draft, *, now: datetime) -> int:
    """Create the drafted programme as one that holds from `now` on, and return its id.

    Customers become members by their first award, whatever the programme asks of them.

    Raises:
        ProgramInvalid, PolicyInvalid, RuleInvalid, ConditionInvalid: a part makes no sense.

    """
    program = create_program(
        changes=ProgramChanges(
            name=draft.name,
            time_zone=draft.time_zone,
            price_basis=draft.price_basis,
            channel_ids=[CHANNEL],
            rates=draft.rates,
            policy=draft.policy.as_json(),
        ),
        now=now,
    )
    for rule in draft.rules:
        if rule.definition.gives_reward:  # there is no catalogue in a replay
            continue
        create_rule(program_id=program.pk, name=rule.name, definition=rule.definition, now=now)
    return program.pk


def _check_keys(data: Any, known: Sequence[str], *, part: str) -> None:
    if not isinstance(data, Mapping):
        raise DraftInvalid(field=part, problem="must be an object of names and values")
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise DraftInvalid(field=part, problem=f"has {unknown[0]!r}, which is none of its parts")


def _read[T](part: str, make: Callable[[], T]) -> T:
    """Return what `make` makes of a part of the data.

    Raises:
        DraftInvalid: the part is missing or not of its kind.

    """
    try:
        return make()
    except KeyError as error:
        raise DraftInvalid(field=part, problem=f"{error} is missing or unknown") from error
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise DraftInvalid(field=part, problem=f"cannot be read: {error}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _rate(data: Mapping[str, Any]) -> RateInput:
    return RateInput(
        currency=_text(data["currency"]),
        points_per_unit=Decimal(data["points_per_unit"]),
        point_value=Decimal(data["point_value"]),
    )


def _policy(data: Mapping[str, Any]) -> Policy:
    policy = Policy.from_json(data)
    check_policy(policy)
    return policy


def _rule(data: Mapping[str, Any]) -> DraftRule:
    return DraftRule(
        name=_text(data["name"]), definition=RuleDefinition.from_json(data["definition"])
    )
