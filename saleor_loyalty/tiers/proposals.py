"""A ladder as it would be, for trying it before it holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from saleor_loyalty.programs.models import EarningRate, Program
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.tiers.checks import check_ladder, check_terms
from saleor_loyalty.tiers.models import Tier, TierLadder
from saleor_loyalty.tiers.operations import TierNotFound
from saleor_loyalty.tiers.queries import ladder_of
from saleor_loyalty.tiers.rules import (
    MEANING,
    Demotion,
    Ladder,
    LadderTerms,
    TierInvalid,
    TierRules,
    closes,
)

TIER_VALUES = ("name", "thresholds", "is_invitation_only")


def proposed_ladder(
    *,
    program_id: int,
    terms: Mapping[str, Any],
    tiers: Sequence[tuple[TierRules, frozenset[str]]] | None,
    removals: Mapping[int, int | None],
    demotion: Demotion,
) -> Ladder:
    """Return a programme's ladder as it would be, writing nothing; checked as if it were set.

    `tiers` are all tiers as they would be, lowest first, each with the names of the values that
    differ from now (new ones have ids below 0); None: as they are. Tiers that are left out would
    be deleted, their members going to `removals`, or (None) where they belong.

    Raises:
        ProgramNotFound, LadderInvalid, TierInvalid, TierNotFound.

    """
    program = Program.objects.filter(pk=program_id).first()
    if program is None:
        raise ProgramNotFound(field="program")
    row = TierLadder.objects.filter(program=program_id).first()
    row = row or TierLadder(program=program, terms=LadderTerms().as_json(), version=0)
    before = ladder_of(row, tiers=list(Tier.objects.filter(program=program_id)))
    after = LadderTerms.from_json(before.terms.as_json() | dict(terms))
    check_terms(after)
    wanted = before.tiers if tiers is None else tuple(_as_proposed(tiers, before))
    gone = set(before.by_id) - {tier.tier_id for tier in wanted}
    for pk, target in removals.items():
        if pk not in gone:
            raise TierInvalid(field="removals", problem="must name tiers that would be deleted")
        if target is not None and target not in {tier.tier_id for tier in wanted}:
            raise TierInvalid(field="removals", problem="must lead to tiers that would be there")
    changed = [one.tier_id for one in wanted if not _is_as_before(one, before)]
    rates = EarningRate.objects.filter(program=program_id, valid_until=None)
    check_ladder(
        terms=after,
        tiers=wanted,
        currencies=set(rates.values_list("currency", flat=True)),
        complete=None if after.metric is not before.terms.metric else changed,
    )
    version = before.version + 1
    has_new_meaning = any(getattr(after, name) != getattr(before.terms, name) for name in MEANING)
    has_new_meaning = has_new_meaning or any(
        closes(known.thresholds, tier, after)
        for tier in wanted
        if (known := before.by_id.get(tier.tier_id)) is not None
    )
    return Ladder(
        program_id=program_id,
        time_zone=program.time_zone,
        terms=after,
        tiers=wanted,
        replaced={**before.replaced, **{pk: removals.get(pk) for pk in gone}},
        version=version,
        terms_since=version if has_new_meaning else before.terms_since,
        strict_since=version if demotion is Demotion.AT_ONCE else before.strict_since,
    )


def _is_as_before(tier: TierRules, before: Ladder) -> bool:
    known = before.by_id.get(tier.tier_id)
    return known is not None and all(
        getattr(tier, name) == getattr(known, name) for name in ("thresholds", "is_invitation_only")
    )


def _as_proposed(
    tiers: Sequence[tuple[TierRules, frozenset[str]]], before: Ladder
) -> Iterator[TierRules]:
    seen: set[int] = set()
    for position, (wanted, given) in enumerate(tiers):
        if wanted.tier_id in seen:
            raise TierInvalid(field="tiers", problem="must not name a tier twice")
        seen.add(wanted.tier_id)
        if wanted.tier_id < 0:
            yield replace(wanted, position=position)
            continue
        known = before.by_id.get(wanted.tier_id)
        if known is None:
            raise TierNotFound(field="tiers")
        changes = {name: getattr(wanted, name) for name in TIER_VALUES if name in given}
        yield replace(known, position=position, **changes)
