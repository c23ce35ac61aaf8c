"""Writes of ladders and tiers. What they change for members is applied afterwards (flows)."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.models import EarningRate, Program
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.tiers.benefits import Benefit, check_benefits, check_words, factor_of
from saleor_loyalty.tiers.checks import check_ladder, check_terms, check_texts
from saleor_loyalty.tiers.models import Tier, TierFactor, TierLadder, TierStanding, TierTranslation
from saleor_loyalty.tiers.queries import tier_rules, tiers_of
from saleor_loyalty.tiers.rules import (
    MAX_SLUG_LENGTH,
    MEANING,
    Demotion,
    LadderTerms,
    Thresholds,
    TierInvalid,
    closes,
)

MAX_LANGUAGE_LENGTH = 35


class TierNotFound(LoyaltyError):
    """There is no tier with that id in that programme."""

    code = "tier_not_found"


@dataclass(frozen=True, kw_only=True)
class TierTexts:
    """A tier's texts in a language; `benefits` by key: name and text."""

    language_code: str
    name: str = ""
    description: str = ""
    benefits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TierChanges:
    """What to set on a tier; None leaves a value as it is (or at its default).

    `translations` replace those of the languages that they name; one without any text removes it.
    """

    name: str | None = None
    slug: str | None = None
    description: str | None = None
    color: str | None = None
    icon_url: str | None = None
    thresholds: Thresholds | None = None
    is_invitation_only: bool | None = None
    benefits: Sequence[Benefit] | None = None
    translations: Sequence[TierTexts] | None = None


@transaction.atomic
def update_ladder(
    *,
    program_id: int,
    terms: Mapping[str, Any],
    now: datetime,
    demotion: Demotion = Demotion.AT_REVIEW,
) -> TierLadder:
    """Set parts of how a programme's tiers work; makes the ladder if there is none.

    Raises:
        ProgramNotFound, LadderInvalid: a part makes no sense.
        TierInvalid: a tier does not say what it needs of the metric.

    """
    ladder = _locked_ladder(program_id, now=now)
    before = _terms(ladder)
    after = LadderTerms.from_json(before.as_json() | dict(terms))
    check_terms(after)
    ladder.terms = after.as_json()
    _check(ladder, complete=None if after.metric is not before.metric else ())
    if after != before or demotion is Demotion.AT_ONCE:
        _advance(ladder, now=now, demotion=demotion)
    if any(getattr(after, name) != getattr(before, name) for name in MEANING):
        ladder.terms_since = ladder.version
    ladder.save()
    return ladder


@transaction.atomic
def create_tier(
    *, program_id: int, changes: TierChanges, now: datetime, position: int | None = None
) -> Tier:
    """Add a tier to a programme's ladder: on top, or below the one that has `position` now.

    Raises:
        ProgramNotFound, TierInvalid.

    """
    ladder = _locked_ladder(program_id, now=now)
    if changes.name is None:
        raise TierInvalid(field="name", problem="is required")
    tiers = tiers_of(program_ids=[program_id])[program_id]
    index = len(tiers) if position is None else position
    if not 0 <= index <= len(tiers):
        raise TierInvalid(field="position", problem=f"must be 0 to {len(tiers)}")
    tier = Tier(program_id=program_id, position=index, created_at=now)
    _set_values(tier, changes, slugs={one.slug for one in tiers})
    for number, one in enumerate(tiers):
        one.position = number + (number >= index)
    Tier.objects.bulk_update(tiers, ["position"])
    tier.save(force_insert=True)
    _set_factor(tier, now=now)
    _set_translations(tier, changes.translations or ())
    _check(ladder, complete=[tier.pk])
    _advance(ladder, now=now)
    ladder.save()
    return tier


@transaction.atomic
def update_tier(
    *,
    tier_id: int,
    changes: TierChanges,
    now: datetime,
    demotion: Demotion = Demotion.AT_REVIEW,
) -> Tier:
    """Change a tier. Members who do not meet a new threshold keep it as `demotion` says.

    A multiplier holds for orders placed from `now` on; vouchers that were given stay as they are.

    Raises:
        TierNotFound, TierInvalid.

    """
    tier, ladder = _locked_tier(tier_id, now=now)
    others = tiers_of(program_ids=[tier.program_id])[tier.program_id]
    before = (tier.thresholds, tier.is_invitation_only)
    slug = tier.slug
    _set_values(tier, changes, slugs={one.slug for one in others if one.pk != tier.pk})
    tier.save()
    _set_factor(tier, now=now)
    _set_translations(tier, changes.translations or ())
    has_changed = before != (tier.thresholds, tier.is_invitation_only)
    _check(ladder, complete=[tier.pk] if has_changed else ())
    if has_changed or demotion is Demotion.AT_ONCE:
        _advance(ladder, now=now, demotion=demotion)
        if closes(Thresholds.from_json(before[0]), tier_rules(tier), _terms(ladder)):
            ladder.terms_since = ladder.version
        ladder.save()
    if slug != tier.slug:
        TierStanding.objects.filter(tier=tier).update(is_published=False)
    return tier


@transaction.atomic
def reorder_tiers(*, program_id: int, tier_ids: Sequence[int], now: datetime) -> list[Tier]:
    """Put a programme's tiers in an order, lowest first; all of them must be named once.

    Raises:
        ProgramNotFound, TierInvalid: one is missing, unknown or named twice, or a tier would
            need less than one below it.

    """
    ladder = _locked_ladder(program_id, now=now)
    tiers = {tier.pk: tier for tier in tiers_of(program_ids=[program_id])[program_id]}
    if sorted(tier_ids) != sorted(tiers):
        raise TierInvalid(field="tiers", problem="must name each tier of the programme once")
    for position, pk in enumerate(tier_ids):
        tiers[pk].position = position
    Tier.objects.bulk_update(tiers.values(), ["position"])
    _check(ladder, complete=())
    _advance(ladder, now=now)
    ladder.save()
    return [tiers[pk] for pk in tier_ids]


@transaction.atomic
def delete_tier(*, tier_id: int, move_to_id: int | None, now: datetime) -> Tier:
    """Take a tier off the ladder. Its members go to another, or (None) to where they belong.

    Those who are moved keep the dates that they had. What the tier gave stays given.

    Raises:
        TierNotFound: also when it was deleted before.
        TierInvalid: the other tier is itself, or of another programme.

    """
    tier, ladder = _locked_tier(tier_id, now=now)
    if move_to_id is not None:
        target = Tier.objects.filter(
            pk=move_to_id, program=tier.program_id, deleted_at=None
        ).exclude(pk=tier_id)
        if not target.exists():
            raise TierInvalid(field="move_to", problem="must be another tier of the programme")
    tier.deleted_at = now
    tier.replaced_by_id = move_to_id
    tier.save()
    tier.factors.filter(valid_until=None).update(valid_until=now)
    left = tiers_of(program_ids=[tier.program_id])[tier.program_id]
    for number, one in enumerate(left):
        one.position = number
    Tier.objects.bulk_update(left, ["position"])
    _advance(ladder, now=now)
    ladder.save()
    return tier


def mark_applied(*, program_id: int, version: int) -> None:
    """Remember that all members were looked at by a version of their ladder."""
    TierLadder.objects.filter(program=program_id, applied_version__lt=version).update(
        applied_version=version
    )


def _terms(ladder: TierLadder) -> LadderTerms:
    return LadderTerms.from_json(ladder.terms)


def _locked_ladder(program_id: int, *, now: datetime) -> TierLadder:
    if not Program.objects.select_for_update(no_key=True).filter(pk=program_id).exists():
        raise ProgramNotFound(field="program")
    ladder, _ = TierLadder.objects.select_for_update(no_key=True).get_or_create(
        program_id=program_id,
        defaults={"terms": LadderTerms().as_json(), "updated_at": now},
    )
    return ladder


def _locked_tier(tier_id: int, *, now: datetime) -> tuple[Tier, TierLadder]:
    found = Tier.objects.filter(pk=tier_id).first()
    ladder = _locked_ladder(found.program_id, now=now) if found else None
    tier = Tier.objects.filter(pk=tier_id, deleted_at=None).first()
    if tier is None or ladder is None:
        raise TierNotFound(field="id")
    return tier, ladder


def _advance(ladder: TierLadder, *, now: datetime, demotion: Demotion = Demotion.AT_REVIEW) -> None:
    ladder.version += 1
    ladder.updated_at = now
    if demotion is Demotion.AT_ONCE:
        ladder.strict_since = ladder.version


def _check(ladder: TierLadder, *, complete: Collection[int] | None) -> None:
    rates = EarningRate.objects.filter(program=ladder.program_id, valid_until=None)
    tiers = tiers_of(program_ids=[ladder.program_id])[ladder.program_id]
    check_ladder(
        terms=_terms(ladder),
        tiers=[tier_rules(tier) for tier in tiers],
        currencies=set(rates.values_list("currency", flat=True)),
        complete=complete,
    )


def _set_values(tier: Tier, changes: TierChanges, *, slugs: set[str]) -> None:
    for name in ("name", "slug", "description", "color", "icon_url", "is_invitation_only"):
        value = getattr(changes, name)
        if value is not None:
            setattr(tier, name, value.strip() if isinstance(value, str) else value)
    if not tier.slug:
        tier.slug = _slug_of(tier.name, taken=slugs)
    if tier.slug in slugs:
        raise TierInvalid(field="slug", problem="belongs to another tier of the programme")
    check_texts(
        name=tier.name,
        slug=tier.slug,
        description=tier.description,
        color=tier.color,
        icon_url=tier.icon_url,
    )
    if changes.thresholds is not None:
        tier.thresholds = changes.thresholds.as_json()
    elif not tier.thresholds:
        tier.thresholds = Thresholds().as_json()
    if changes.benefits is not None:
        check_benefits(changes.benefits)
        tier.benefits = [benefit.as_json() for benefit in changes.benefits]


def _slug_of(name: str, *, taken: set[str]) -> str:
    """Return a slug of a name: letters without accents; "tier" where none are left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: MAX_SLUG_LENGTH - 4].strip("-") or "tier"
    found, number = slug, 2
    while found in taken:
        found, number = f"{slug}-{number}", number + 1
    return found


def _set_factor(tier: Tier, *, now: datetime) -> None:
    factor = factor_of([Benefit.from_json(data) for data in tier.benefits])
    current = tier.factors.filter(valid_until=None).first()
    if factor == (current.factor if current else 1):
        return
    last = tier.factors.aggregate(last=Max("valid_from"))["last"]
    now = max(now, last or now)  # another server's clock may be ahead of ours
    tier.factors.filter(valid_until=None).update(valid_until=now)
    if factor != 1:
        TierFactor.objects.create(tier=tier, factor=factor, valid_from=now)


def _set_translations(tier: Tier, translations: Sequence[TierTexts]) -> None:
    for texts in translations:
        check_texts(name=texts.name or tier.name, slug=tier.slug, description=texts.description)
        if not 1 <= len(texts.language_code) <= MAX_LANGUAGE_LENGTH:
            raise TierInvalid(field="translations", problem="need a language code")
        known = {data["key"] for data in tier.benefits}
        unknown = sorted(set(texts.benefits) - known)
        if unknown:
            raise TierInvalid(
                field="translations", problem=f"name the benefit {unknown[0]!r}, which is not there"
            )
        for key, words in texts.benefits.items():
            check_words(words, key=key)
        rows = TierTranslation.objects.filter(tier=tier, language_code=texts.language_code)
        if not (texts.name or texts.description or texts.benefits):
            rows.delete()
            continue
        TierTranslation.objects.update_or_create(
            tier=tier,
            language_code=texts.language_code,
            defaults={
                "name": texts.name.strip(),
                "description": texts.description,
                "benefits": {key: dict(value) for key, value in texts.benefits.items()},
            },
        )
