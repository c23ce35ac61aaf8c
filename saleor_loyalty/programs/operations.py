"""Writes of programmes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel import Locale
from django.db import transaction

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.models import (
    EarningRate,
    Program,
    ProgramChannel,
    ProgramPeriod,
    ProgramPolicy,
)
from saleor_loyalty.programs.policies.rules import Policy, check_policy
from saleor_loyalty.programs.rules import (
    Enrollment,
    PriceBasis,
    ProgramInvalid,
    RateInput,
    check_program,
)
from saleor_loyalty.programs.spending import SpendingTerms, check_spending


class ChannelTaken(LoyaltyError):
    """A channel already belongs to another programme."""

    code = "channel_taken"


class ProgramNotFound(LoyaltyError):
    """There is no programme with that id."""

    code = "program_not_found"


@dataclass(frozen=True, kw_only=True)
class ProgramChanges:
    """What to set on a programme; None leaves a value as it is (or at its default)."""

    name: str | None = None
    points_name: str | None = None
    time_zone: str | None = None
    enrollment: Enrollment | None = None
    guest_order_days: int | None = None
    is_active: bool | None = None
    price_basis: PriceBasis | None = None
    channel_ids: Sequence[int] | None = None
    rates: Sequence[RateInput] | None = None
    policy: Mapping[str, Any] | None = None
    spending: Mapping[str, Any] | None = None


@transaction.atomic
def create_program(*, changes: ProgramChanges, now: datetime) -> Program:
    """Create a programme that holds for orders placed from `now` on.

    Raises:
        ProgramInvalid: an input makes no sense (`field` names it).
        ChannelTaken: a channel has a programme already.
        PolicyInvalid: a part of the policy makes no sense (`field` names it).

    """
    if changes.name is None:
        raise ProgramInvalid(field="name", problem="is required")
    if changes.rates is None:
        raise ProgramInvalid(field="rates", problem="needs at least one currency")
    _check(changes)
    program = Program(created_at=now, updated_at=now)
    _set_values(program, changes)
    _set_spending(program, changes.spending)
    program.save(force_insert=True)
    _set_period(program, now=now)
    _set_channels(program, changes.channel_ids or (), now=now)
    _set_rates(program, changes, basis=changes.price_basis or PriceBasis.NET, now=now)
    _set_policy(program, changes.policy or {}, now=now)
    return program


@transaction.atomic
def update_program(*, program_id: int, changes: ProgramChanges, now: datetime) -> Program:
    """Change a programme for orders placed from `now` on; earlier ones keep what held for them.

    Giving `rates` or `channel_ids` replaces the whole list: a currency that is left out earns no
    more. `policy` holds the parts of the policy that change; points that were given keep the dates
    they were given with. `spending` holds the parts that change of how points pay. What does not change is left alone, so repeating a call changes nothing.

    Raises:
        ProgramNotFound, ProgramInvalid, ChannelTaken, PolicyInvalid.

    """
    _check(changes)
    program = Program.objects.select_for_update().filter(pk=program_id).first()
    if program is None:
        raise ProgramNotFound(field="id")
    # Another server's clock may be ahead of ours: a version never ends before it began.
    now = max(now, program.updated_at)
    _set_values(program, changes)
    _set_spending(program, changes.spending)
    program.updated_at = now
    program.save()
    _set_period(program, now=now)
    if changes.channel_ids is not None:
        _set_channels(program, changes.channel_ids, now=now)
    if changes.rates is not None or changes.price_basis is not None:
        current = program.rates.filter(valid_until__isnull=True).first()
        basis = changes.price_basis or (
            PriceBasis(current.price_basis) if current else PriceBasis.NET
        )
        _set_rates(program, changes, basis=basis, now=now)
    if changes.policy:
        _set_policy(program, changes.policy, now=now)
    return program


def _check(changes: ProgramChanges) -> None:
    check_program(
        name=changes.name,
        points_name=changes.points_name,
        time_zone=changes.time_zone,
        guest_order_days=changes.guest_order_days,
        rates=changes.rates,
        known_currencies=Locale("en").currencies,
    )


def _set_values(program: Program, changes: ProgramChanges) -> None:
    for field in (
        "name",
        "points_name",
        "time_zone",
        "enrollment",
        "guest_order_days",
        "is_active",
    ):
        value = getattr(changes, field)
        if value is not None:
            setattr(program, field, value.strip() if field == "name" else value)


def _set_spending(program: Program, parts: Mapping[str, Any] | None) -> None:
    if parts:
        terms = SpendingTerms.from_json(program.spending | dict(parts))
        check_spending(terms)
        program.spending = terms.as_json()


def _set_period(program: Program, *, now: datetime) -> None:
    wanted = program.enrollment if program.is_active else None
    current = program.periods.filter(valid_until__isnull=True).first()
    if wanted == (current.enrollment if current else None):
        return
    program.periods.filter(valid_until__isnull=True).update(valid_until=now)
    if wanted is not None:
        ProgramPeriod.objects.create(program=program, enrollment=wanted, valid_from=now)


def _set_channels(program: Program, channel_ids: Sequence[int], *, now: datetime) -> None:
    wanted = set(channel_ids)
    current = program.channels.filter(valid_until__isnull=True)
    current.exclude(channel_id__in=wanted).update(valid_until=now)
    ProgramChannel.objects.bulk_create(
        (ProgramChannel(program=program, channel_id=pk, valid_from=now) for pk in sorted(wanted)),
        ignore_conflicts=True,
    )
    taken = wanted - set(current.values_list("channel_id", flat=True))
    if taken:
        raise ChannelTaken(field="channels", channel_id=min(taken))


def _set_policy(program: Program, parts: Mapping[str, Any], *, now: datetime) -> None:
    current = program.policies.filter(valid_until__isnull=True).first()
    policy = Policy.from_json((current.terms if current else {}) | dict(parts))
    check_policy(policy)
    if current is not None and Policy.from_json(current.terms) == policy:
        return
    program.policies.filter(valid_until__isnull=True).update(valid_until=now)
    ProgramPolicy.objects.create(program=program, terms=policy.as_json(), valid_from=now)


def _set_rates(
    program: Program, changes: ProgramChanges, *, basis: PriceBasis, now: datetime
) -> None:
    open_rates = {rate.currency: rate for rate in program.rates.filter(valid_until__isnull=True)}
    wanted: Sequence[RateInput]
    if changes.rates is None:
        wanted = [
            RateInput(
                currency=rate.currency,
                points_per_unit=rate.points_per_unit,
                point_value=rate.point_value,
            )
            for rate in open_rates.values()
        ]
    else:
        wanted = changes.rates
    unchanged = {
        rate.currency
        for rate in wanted
        if (old := open_rates.get(rate.currency)) is not None
        and (old.points_per_unit, old.point_value, old.price_basis)
        == (rate.points_per_unit, rate.point_value, basis)
    }
    program.rates.filter(valid_until__isnull=True).exclude(currency__in=unchanged).update(
        valid_until=now
    )
    EarningRate.objects.bulk_create(
        EarningRate(
            program=program,
            currency=rate.currency,
            points_per_unit=rate.points_per_unit,
            point_value=rate.point_value,
            price_basis=basis,
            valid_from=now,
        )
        for rate in wanted
        if rate.currency not in unchanged
    )
