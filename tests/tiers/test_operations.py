"""Setting up ladders and tiers: what is written, and what nothing is written for."""

from decimal import Decimal

import pytest

from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import Tier, TierFactor, TierLadder, TierTranslation
from saleor_loyalty.tiers.operations import (
    TierChanges,
    TierNotFound,
    TierTexts,
    create_tier,
    delete_tier,
    reorder_tiers,
    update_ladder,
    update_tier,
)
from saleor_loyalty.tiers.proposals import proposed_ladder
from saleor_loyalty.tiers.rules import (
    Demotion,
    LadderInvalid,
    Metric,
    Thresholds,
    TierInvalid,
    TierRules,
    Window,
)
from tests.factories import NOW, make_program
from tests.tiers.ladders import make_ladder, make_tier


@pytest.fixture
def program(db):
    return make_program()


@pytest.fixture
def tiers(program):
    return make_ladder(program)


def multiplier(factor):
    return Benefit(key="more", kind=BenefitKind.EARN_MULTIPLIER, factor=Decimal(factor))


def test_slugs_come_of_names_and_are_never_twice(program):
    slugs = [
        make_tier(program, name, points).slug
        for name, points in (("Or Éternel", 1), ("or eternel", 2), ("黄金", 3))
    ]

    assert slugs == ["or-eternel", "or-eternel-2", "tier"]


def test_a_tier_needs_a_name_a_place_and_a_programme(program, tiers):
    for given, error in (
        ({"changes": TierChanges()}, TierInvalid),
        ({"changes": TierChanges(name="X"), "position": 3}, TierInvalid),
        ({"changes": TierChanges(name="X"), "program_id": 0}, ProgramNotFound),
        ({"changes": TierChanges(name="X", slug="gold")}, TierInvalid),
    ):
        with pytest.raises(error):
            create_tier(**{"program_id": program.pk, "now": NOW, **given})

    assert Tier.objects.count() == 2
    assert [tier.position for tier in Tier.objects.all()] == [0, 1]


def test_a_multiplier_has_versions_and_the_same_again_makes_none(tiers):
    silver, _ = tiers

    for factor in ("1.5", "1.5", "2"):
        update_tier(tier_id=silver.pk, changes=TierChanges(benefits=[multiplier(factor)]), now=NOW)
    update_tier(tier_id=silver.pk, changes=TierChanges(benefits=[]), now=NOW)

    assert list(TierFactor.objects.order_by("pk").values_list("factor", "valid_until")) == [
        (Decimal("1.50"), NOW),
        (Decimal("2.00"), NOW),
    ]


def test_translations_are_replaced_by_language_and_removed_without_words(tiers):
    silver, _ = tiers

    def translate(**texts):
        update_tier(
            tier_id=silver.pk, changes=TierChanges(translations=[TierTexts(**texts)]), now=NOW
        )

    translate(language_code="nb", name="Sølv")
    translate(language_code="hr", name="Srebro")
    translate(language_code="nb", name="Solv")
    assert set(TierTranslation.objects.values_list("language_code", "name")) == {
        ("nb", "Solv"),
        ("hr", "Srebro"),
    }
    translate(language_code="nb")
    assert TierTranslation.objects.get().language_code == "hr"
    with pytest.raises(TierInvalid):
        translate(language_code="", name="X")
    with pytest.raises(TierInvalid):
        translate(language_code="nb", benefits={"unknown": {"name": "X"}})
    assert TierTranslation.objects.get().language_code == "hr"


def test_a_ladder_counts_its_changes_and_remembers_which_change_the_meaning(program, tiers):
    before = TierLadder.objects.get()

    same = update_ladder(program_id=program.pk, terms={}, now=NOW)
    gentler = update_ladder(program_id=program.pk, terms={"grace_days": 30}, now=NOW)
    other = update_ladder(program_id=program.pk, terms={"metric": "orders"}, now=NOW)
    strict = update_ladder(program_id=program.pk, terms={}, now=NOW, demotion=Demotion.AT_ONCE)

    start = before.version
    assert [row.version for row in (same, gentler, other, strict)] == [
        start,
        start + 1,
        start + 2,
        start + 3,
    ]
    assert [row.terms_since for row in (gentler, other)] == [before.terms_since, start + 2]
    assert (other.strict_since, strict.strict_since) == (0, start + 3)


def test_a_ladder_that_makes_no_sense_changes_nothing(program, tiers):
    before = TierLadder.objects.values().get()

    with pytest.raises(LadderInvalid):
        update_ladder(program_id=program.pk, terms={"window": "lifetime"}, now=NOW)

    assert TierLadder.objects.values().get() == before


def test_tiers_are_reordered_all_together_or_not_at_all(program, tiers):
    silver, gold = tiers
    circle = make_tier(program, "Circle", None)

    reorder_tiers(program_id=program.pk, tier_ids=[circle.pk, silver.pk, gold.pk], now=NOW)
    for wrong in ([silver.pk], [silver.pk, silver.pk, gold.pk], [gold.pk, silver.pk, circle.pk]):
        with pytest.raises(TierInvalid):
            reorder_tiers(program_id=program.pk, tier_ids=wrong, now=NOW)

    assert [tier.name for tier in Tier.objects.all()] == ["Circle", "Silver", "Gold"]


def test_a_deleted_tier_is_gone_once_and_moves_to_another_of_its_programme(program, tiers):
    silver, gold = tiers
    elsewhere = make_tier(make_program(name="Other", channel_ids=[]), "Other", 5)

    for target in (gold.pk, elsewhere.pk, 0):
        with pytest.raises(TierInvalid):
            delete_tier(tier_id=gold.pk, move_to_id=target, now=NOW)
    delete_tier(tier_id=gold.pk, move_to_id=silver.pk, now=NOW)
    for again in (gold.pk, 0):
        with pytest.raises(TierNotFound):
            delete_tier(tier_id=again, move_to_id=None, now=NOW)

    gold.refresh_from_db()
    assert (gold.deleted_at, gold.replaced_by) == (NOW, silver)
    make_tier(program, "Gold", 5000)


def proposed(program, *, tiers=None, terms=None, removals=None, demotion=Demotion.AT_REVIEW):
    return proposed_ladder(
        program_id=program.pk,
        terms=terms or {},
        tiers=tiers,
        removals=removals or {},
        demotion=demotion,
    )


def test_a_proposed_ladder_keeps_what_is_not_named_and_writes_nothing(program, tiers):
    silver, gold = tiers
    before = TierLadder.objects.values().get()

    found = proposed(
        program,
        tiers=[
            (TierRules(tier_id=silver.pk, name="", position=0), frozenset()),
            (
                TierRules(tier_id=-1, name="New", position=1, thresholds=Thresholds(points=3000)),
                frozenset({"name", "thresholds"}),
            ),
        ],
        terms={"window": Window.ROLLING_MONTHS, "window_length": 6},
        removals={gold.pk: silver.pk},
        demotion=Demotion.AT_ONCE,
    )

    assert [(one.name, one.thresholds.points) for one in found.tiers] == [
        ("Silver", 1000),
        ("New", 3000),
    ]
    assert found.replaced == {gold.pk: silver.pk}
    version = before["version"] + 1
    assert (found.version, found.terms_since, found.strict_since) == (version, version, version)
    assert TierLadder.objects.values().get() == before


def test_a_programme_without_tiers_can_be_tried_too(program):
    wanted = TierRules(tier_id=-1, name="New", position=0, thresholds=Thresholds(points=10))

    found = proposed(program, tiers=[(wanted, frozenset({"name", "thresholds"}))])

    assert [one.name for one in found.tiers] == ["New"]
    assert TierLadder.objects.count() == 0


def test_a_proposal_of_nonsense_is_refused(program, tiers):
    silver, gold = tiers
    same = (TierRules(tier_id=silver.pk, name="", position=0), frozenset())
    unknown = (TierRules(tier_id=987654, name="", position=0), frozenset())

    for given, error in (
        ({"tiers": [same, same]}, TierInvalid),
        ({"tiers": [unknown]}, TierNotFound),
        ({"removals": {gold.pk: None}}, TierInvalid),
        ({"tiers": [same], "removals": {gold.pk: gold.pk}}, TierInvalid),
        ({"terms": {"metric": Metric.AMOUNT, "keep_months": 3}}, LadderInvalid),
    ):
        with pytest.raises(error):
            proposed(program, **given)
    with pytest.raises(ProgramNotFound):
        proposed_ladder(
            program_id=0, terms={}, tiers=None, removals={}, demotion=Demotion.AT_REVIEW
        )
