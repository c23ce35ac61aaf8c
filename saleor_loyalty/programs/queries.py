"""Reads of programmes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Min

from saleor_loyalty.programs.models import EarningRate, Program, ProgramChannel
from saleor_loyalty.programs.policies.rules import Policy
from saleor_loyalty.programs.rules import (
    Enrollment,
    Period,
    PolicyVersion,
    PriceBasis,
    ProgramTerms,
    Rate,
    Service,
)


@dataclass(frozen=True, kw_only=True)
class TermsIndex:
    """The terms of some programmes, found by programme, or by channel and time."""

    by_program: dict[int, ProgramTerms]
    services: tuple[Service, ...]

    def serving(self, *, channel_id: int, moment: datetime) -> ProgramTerms | None:
        """Return the programme that served a channel at an instant and was on, or None."""
        for service in self.services:
            if service.channel_id == channel_id and service.held_at(moment):
                terms = self.by_program[service.program_id]
                return terms if terms.enrollment_at(moment) is not None else None
        return None


def load_terms(
    *, channel_ids: Iterable[int] = (), program_ids: Iterable[int] = (), using: str = "default"
) -> TermsIndex:
    """Load the terms of the programmes that ever served these channels or have these ids.

    Five queries, however many are asked for.
    """
    services = tuple(
        Service(
            program_id=row.program_id,
            channel_id=row.channel_id,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
        for row in ProgramChannel.objects.using(using).filter(channel_id__in=list(channel_ids))
    )
    wanted = {service.program_id for service in services} | set(program_ids)
    programs = (
        Program.objects.using(using)
        .filter(pk__in=wanted)
        .prefetch_related("rates", "periods", "policies")
    )
    return TermsIndex(
        by_program={program.pk: terms_of(program) for program in programs}, services=services
    )


def terms_of(program: Program) -> ProgramTerms:
    """Return the terms of one programme; prefetch `rates`, `periods` and `policies` for lists."""
    return ProgramTerms(
        program_id=program.pk,
        name=program.name,
        points_name=program.points_name,
        time_zone=program.time_zone,
        guest_order_days=program.guest_order_days,
        periods=tuple(
            Period(
                enrollment=Enrollment(period.enrollment),
                valid_from=period.valid_from,
                valid_until=period.valid_until,
            )
            for period in program.periods.all()
        ),
        rates=tuple(
            Rate(
                currency=rate.currency,
                points_per_unit=rate.points_per_unit,
                point_value=rate.point_value,
                price_basis=PriceBasis(rate.price_basis),
                valid_from=rate.valid_from,
                valid_until=rate.valid_until,
            )
            for rate in program.rates.all()
        ),
        policies=tuple(
            PolicyVersion(
                policy=Policy.from_json(row.terms),
                valid_from=row.valid_from,
                valid_until=row.valid_until,
            )
            for row in program.policies.all()
        ),
    )


def longest_guest_order_days() -> int:
    """Return the longest time in which any programme still credits guests' orders."""
    longest: int | None = Program.objects.aggregate(days=Max("guest_order_days"))["days"]
    return longest or 0


def earliest_rate_at() -> datetime | None:
    """Return when the first programme began to earn; no order before it can matter."""
    earliest: datetime | None = EarningRate.objects.aggregate(at=Min("valid_from"))["at"]
    return earliest
