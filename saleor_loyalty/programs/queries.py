"""Reads of programmes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Prefetch, Q, QuerySet

from saleor_loyalty.programs.models import EarningRate, Program, ProgramChannel
from saleor_loyalty.programs.rules import Enrollment, PriceBasis, ProgramTerms, Rate


@dataclass(frozen=True, kw_only=True)
class TermsIndex:
    """The terms of some programmes, found by programme or by channel."""

    by_program: dict[int, ProgramTerms]
    by_channel: dict[int, ProgramTerms]


def load_terms(
    *,
    channel_ids: Iterable[int] = (),
    program_ids: Iterable[int] = (),
    using: str = "default",
) -> TermsIndex:
    """Load the terms of the programmes that serve these channels or have these ids.

    Three queries, however many are asked for. Inactive programmes are included.
    """
    programs = list(
        Program.objects.using(using)
        .filter(
            Q(channels__channel_id__in=list(channel_ids)) | Q(pk__in=list(program_ids)),
        )
        .distinct()
        .prefetch_related(
            Prefetch("rates", EarningRate.objects.using(using)),
            Prefetch("channels", ProgramChannel.objects.using(using)),
        )
    )
    by_program = {program.pk: terms_of(program) for program in programs}
    by_channel = {
        channel.channel_id: by_program[program.pk]
        for program in programs
        for channel in program.channels.all()
    }
    return TermsIndex(by_program=by_program, by_channel=by_channel)


def terms_of(program: Program) -> ProgramTerms:
    """Return the terms of one programme; reads its `rates`, so prefetch them for lists."""
    return ProgramTerms(
        program_id=program.pk,
        name=program.name,
        points_name=program.points_name,
        time_zone=program.time_zone,
        enrollment=Enrollment(program.enrollment),
        guest_order_days=program.guest_order_days,
        is_active=program.is_active,
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
    )


def active_programs(*, using: str = "default") -> QuerySet[Program]:
    """Return the programmes that are switched on."""
    return Program.objects.using(using).filter(is_active=True)


def earliest_rate_at() -> datetime | None:
    """Return when the first programme began to earn; no order before it can matter."""
    earliest: datetime | None = EarningRate.objects.aggregate(at=Min("valid_from"))["at"]
    return earliest
