"""Looking at all members: when their time comes, every night, and when the ladder changed."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

from django.db import OperationalError, transaction
from django.db.models import Count, F

from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers, look_at
from saleor_loyalty.flows.member_mails import tell_of_tiers
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.tiers.candidates import members_to_look_at
from saleor_loyalty.tiers.models import TierLadder, TierStanding
from saleor_loyalty.tiers.operations import mark_applied
from saleor_loyalty.tiers.queries import ladders_of
from saleor_loyalty.tiers.rules import ChangeKind, Ladder

logger = logging.getLogger(__name__)

CHUNK = 1000
EXAMPLES = 5


def review_due_tiers(*, now: datetime) -> int:
    """Look at the members whose time has come: a warning, an end, grace; return the changes."""
    due = TierStanding.objects.filter(review_at__lte=now, program__is_active=True)
    ids = list(due.order_by("member").values_list("member", flat=True))
    return _evaluate(ids, now=now).changes


def review_all_tiers(*, now: datetime) -> int:
    """Look at every member of every ladder; return the number of changes.

    Set-based: one pass over what counts finds those whose tier may be another. What time and
    settling did is found done, so that it changes next to nothing; anything else that it finds
    was missed, and is logged. Of a ladder that changed and was not applied yet nobody is told.
    """
    ladders = TierLadder.objects.filter(program__is_active=True)
    return _review_each(ladders.values_list("program", flat=True), now=now)


def apply_changed_ladders(*, now: datetime) -> int:
    """Look at the members of ladders that changed since they were applied; return the changes.

    No mails: staff changed the rules, the members did nothing.
    """
    changed = TierLadder.objects.filter(
        program__is_active=True, applied_version__lt=F("version")
    ).values_list("program", flat=True)
    return _review_each(changed, now=now, tells=False)


def _review_each(program_ids: Iterable[int], *, now: datetime, tells: bool = True) -> int:
    """Look at ladders one after the other; whatever is wrong with one must not stop the others."""
    changes = 0
    for program_id in program_ids:
        try:
            changes += _review(program_id, now=now, tells=tells)
        except Exception:
            logger.exception("The ladder of loyalty programme %s failed", program_id)
    return changes


def _review(program_id: int, *, now: datetime, tells: bool) -> int:
    ladder = ladders_of(program_ids=[program_id])[program_id]
    today = local_date(now, time_zone=ladder.time_zone)
    found = list(members_to_look_at(ladder=ladder, today=today, now=now))
    is_applied = TierLadder.objects.filter(pk=program_id, applied_version=ladder.version).exists()
    result = _evaluate(found, now=now, tells=tells and is_applied)
    if not result.is_cut:  # else the next minute looks at all of them again
        _note_version(ladder, but=result.failed)
        mark_applied(program_id=program_id, version=ladder.version)
    if result.changes:
        logger.info("Loyalty programme %s: %s changes of tiers", program_id, result.changes)
    return result.changes


@dataclass
class _Result:
    """The number of changes, the members who failed, and whether the database was in trouble."""

    changes: int = 0
    failed: list[int] = field(default_factory=list)
    is_cut: bool = False


def _evaluate(member_ids: Sequence[int], *, now: datetime, tells: bool = True) -> _Result:
    """Look at members, some at a time; whatever is wrong with some must not stop the others."""
    result = _Result()
    for some in batched(member_ids, CHUNK):
        _evaluate_some(some, result, now=now, tells=tells)
    return result


def _evaluate_some(
    member_ids: Sequence[int], result: _Result, *, now: datetime, tells: bool
) -> None:
    """Look at members together; where that fails, one half after the other, down to the bad one."""
    try:
        with transaction.atomic():
            changes = evaluate_tiers(member_ids=member_ids, now=now)
            if tells:
                tell_of_tiers(changes, now=now)
        result.changes += len(changes)
    except OperationalError:  # the database's trouble, or another's lock: not the members'
        logger.exception("Members %s to %s have to wait", member_ids[0], member_ids[-1])
        result.is_cut = True
    except Exception:
        if len(member_ids) == 1:
            logger.exception("Member %s could not be looked at", member_ids[0])
            result.failed.append(member_ids[0])
            return
        middle = len(member_ids) // 2
        for some in (member_ids[:middle], member_ids[middle:]):
            _evaluate_some(some, result, now=now, tells=tells)


@transaction.atomic
def _note_version(ladder: Ladder, *, but: Sequence[int]) -> None:
    """Let standings of older terms keep their dates without a condition; all were looked at."""
    TierStanding.objects.filter(
        program=ladder.program_id, version__lt=max(ladder.terms_since, ladder.strict_since)
    ).exclude(member__in=but).update(needed=None, version=ladder.version)


@dataclass(frozen=True, kw_only=True)
class TierMove:
    """Members who would go from one tier to another (None: no tier), and some of them."""

    from_id: int | None
    to_id: int | None
    count: int
    member_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TierPreview:
    """How many members the tiers have (None: no tier) and would have, and who would move."""

    before: dict[int | None, int]
    after: dict[int | None, int]
    moves: tuple[TierMove, ...]
    warned: int = 0


@dataclass
class _Count:
    number: int = 0
    member_ids: list[int] = field(default_factory=list)


def preview_ladder(*, ladder: Ladder, now: datetime, using: str = "default") -> TierPreview:
    """Work out who would move on a ladder as it would be, writing nothing.

    The same function decides as when the ladder is applied, over the same members.
    """
    today = local_date(now, time_zone=ladder.time_zone)
    found = list(members_to_look_at(ladder=ladder, today=today, now=now, using=using))
    moves: dict[tuple[int | None, int | None], _Count] = defaultdict(_Count)
    warned = 0
    for some in batched(found, CHUNK):
        members = list(Member.objects.using(using).filter(pk__in=some).order_by("pk"))
        for look in look_at(members=members, ladder=ladder, now=now, using=using):
            move = moves[look.before_id, look.decision.tier_id]
            if look.decision.kind in {ChangeKind.GRACE, ChangeKind.WARNED}:
                warned += 1
            move.number += 1
            if len(move.member_ids) < EXAMPLES:
                move.member_ids.append(look.member.pk)
    before = _counts(ladder, using=using)
    after = defaultdict(int, before)
    for (from_id, to_id), count in moves.items():
        after[from_id] -= count.number
        after[to_id] += count.number
    return TierPreview(
        before=before,
        after={tier_id: number for tier_id, number in after.items() if number or tier_id in before},
        moves=tuple(
            TierMove(
                from_id=from_id,
                to_id=to_id,
                count=count.number,
                member_ids=tuple(count.member_ids),
            )
            for (from_id, to_id), count in sorted(moves.items(), key=lambda item: -item[1].number)
            if from_id != to_id
        ),
        warned=warned,
    )


def _counts(ladder: Ladder, *, using: str) -> dict[int | None, int]:
    rows = TierStanding.objects.using(using).filter(program=ladder.program_id).order_by()
    counts: dict[int | None, int] = dict(rows.values_list("tier").annotate(Count("pk")))
    members = Member.objects.using(using).filter(program=ladder.program_id, merged_into=None)
    counts[None] = counts.get(None, 0) + members.count() - sum(counts.values())
    return counts
