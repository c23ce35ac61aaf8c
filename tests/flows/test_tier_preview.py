"""What staff are shown before they change a ladder, against what then happens."""

from collections import Counter

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.flows.review_tiers import (
    apply_changed_ladders,
    preview_ladder,
    review_all_tiers,
)
from saleor_loyalty.members.models import Member
from saleor_loyalty.tiers.models import TierChange, TierLadder, TierStanding
from saleor_loyalty.tiers.queries import ladders_of
from tests.tiers.worlds import World

WARNINGS = ("grace", "warned")


def a_world(seed):
    world = World(seed)
    for _ in range(12):
        world.step()
    apply_changed_ladders(now=world.now)
    review_all_tiers(now=world.now)
    return world


def change(world):
    """Change the ladder, one way or another."""
    version = TierLadder.objects.get(program=world.program).version
    while TierLadder.objects.get(program=world.program).version == version:
        for _ in range(2):
            world.random.choice(
                [world.raise_or_lower, world.new_terms, world.retire, world.shuffle]
            )()


def changed_ladder(world):
    """Return the ladder as `change` will make it, without a trace."""
    state = world.random.getstate()
    with transaction.atomic():
        change(world)
        ladder = ladders_of(program_ids=[world.program.pk])[world.program.pk]
        transaction.set_rollback(True)
    world.random.setstate(state)
    return ladder


def members_by_tier(world):
    """Count the members of each tier."""
    counts = Counter(
        TierStanding.objects.filter(program=world.program, member__merged_into=None).values_list(
            "tier", flat=True
        )
    )
    members = Member.objects.filter(program=world.program, merged_into=None).count()
    counts[None] += members - counts.total()
    return +counts


@pytest.mark.parametrize("seed", range(30))
def test_a_preview_tells_exactly_what_then_happens(db, seed):
    world = a_world(seed)
    ladder = changed_ladder(world)

    preview = preview_ladder(ladder=ladder, now=world.now)
    assert +Counter(preview.before) == members_by_tier(world)
    last = TierChange.objects.count()
    change(world)
    apply_changed_ladders(now=world.now)

    made = list(TierChange.objects.order_by("id")[last:])
    moves = Counter((one.from_tier_id, one.to_tier_id) for one in made)
    moves = {move: number for move, number in moves.items() if move[0] != move[1]}
    assert {(move.from_id, move.to_id): move.count for move in preview.moves} == moves
    assert +Counter(preview.after) == members_by_tier(world)
    assert preview.warned == sum(1 for one in made if one.kind in WARNINGS)
    movers = {one.member_id for one in made if one.from_tier_id != one.to_tier_id}
    assert {pk for move in preview.moves for pk in move.member_ids} == movers


def test_a_preview_writes_nothing(db):
    world = a_world(1)
    ladder = changed_ladder(world)

    with CaptureQueriesContext(connection) as queries:
        preview = preview_ladder(ladder=ladder, now=world.now)

    assert preview.before
    assert {one["sql"].split()[0] for one in queries} <= {"SELECT", "WITH"}
