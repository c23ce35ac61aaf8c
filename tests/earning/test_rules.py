from datetime import timedelta

import pytest

from saleor_loyalty.earning.conditions import ConditionInvalid
from saleor_loyalty.earning.kinds import KINDS
from saleor_loyalty.earning.models import EarningRule, EarningRuleVersion
from saleor_loyalty.earning.operations import (
    EarningRuleNotFound,
    RuleChanges,
    create_rule,
    delete_rule,
    update_rule,
)
from saleor_loyalty.earning.queries import rules_of
from saleor_loyalty.earning.rules import RuleDefinition, RuleInvalid
from saleor_loyalty.programs.operations import (
    ProgramChanges,
    ProgramNotFound,
    update_program,
)
from tests.factories import NOW, START, make_program, rate


@pytest.fixture
def program(db):
    return make_program()


def a_definition(**values):
    return RuleDefinition.from_json({"action": "fixed_points", "points": 5, **values})


def add(program, name="Bonus", *, now=START, **values):
    return create_rule(program_id=program.pk, name=name, definition=a_definition(**values), now=now)


def test_a_definition_survives_as_plain_data():
    definition = a_definition(
        action="points_per_unit",
        points=0,
        rates={"USD": "1.50", "EUR": "2"},
        conditions=[{"kind": "country", "values": ["NO"], "exclude": True}],
        cap_points=7,
        cap_period="week",
        stacking="best",
        maturing_days=3,
    )

    assert RuleDefinition.from_json(definition.as_json()) == definition


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"points": 0}, "points"),
        ({"points": 10**9}, "points"),
        ({"rates": {"USD": "1"}}, "rates"),
        ({"action": "points_per_unit", "points": 0, "rates": {"USD": "1"}}, "rates"),
        (
            {"action": "points_per_unit", "points": 0, "rates": {"USD": 1, "EUR": 1, "NOK": 1}},
            "rates",
        ),
        ({"action": "points_per_unit", "points": 0, "rates": {"USD": "0", "EUR": "1"}}, "rates"),
        ({"action": "multiplier", "points": 0, "factor": "1"}, "factor"),
        ({"action": "multiplier", "points": 0, "factor": "-1"}, "factor"),
        ({"action": "multiplier", "points": 0, "factor": "101"}, "factor"),
        ({"action": "multiplier", "points": 0, "factor": "0.5", "cap_points": 5}, "factor"),
        ({"action": "multiplier", "points": 5, "factor": "2"}, "points"),
        ({"factor": "2"}, "factor"),
        ({"stacking": "multiply"}, "stacking"),
        ({"trigger": "activity"}, "activity"),
        ({"activity": "review"}, "activity"),
        ({"trigger": "birthday", "stacking": "best"}, "stacking"),
        ({"trigger": "sign_up", "action": "points_per_item"}, "action"),
        (
            {
                "trigger": "sign_up",
                "conditions": [{"kind": "country", "values": ["NO"], "exclude": False}],
            },
            "conditions",
        ),
        ({"cap_points": 0}, "cap_points"),
        ({"cap_times": 0}, "cap_times"),
        ({"cooldown_days": -1}, "cooldown_days"),
        ({"budget_points": 0}, "budget_points"),
        ({"budget_alert_percent": 101}, "budget_alert_percent"),
        ({"expiry_days": 0}, "expiry_days"),
        ({"maturing_days": -1}, "maturing_days"),
    ],
)
def test_rules_that_make_no_sense_are_refused_and_nothing_is_written(program, values, field):
    with pytest.raises(RuleInvalid) as refused:
        add(program, **values)

    assert refused.value.field == field
    assert refused.value.data["problem"]
    assert EarningRule.objects.count() == 0


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("country", []),
        ("country", ["no"]),
        ("country", ["Norway"]),
        ("product", [""]),
        ("returning_customer", ["yes"]),
        ("minimum_amount", ["50"]),
        ("minimum_amount", ["EUR x"]),
        ("minimum_amount", ["EUR -1"]),
        ("weekday", ["Monday"]),
        ("date", ["tomorrow"]),
        ("date", ["2026-12-24/2026-12-01"]),
        ("channel", ["1"] * 1001),
    ],
)
def test_conditions_that_make_no_sense_are_refused(program, kind, values):
    with pytest.raises(ConditionInvalid) as refused:
        add(program, conditions=[{"kind": kind, "values": values, "exclude": False}])

    assert refused.value.data["kind"] == kind
    assert EarningRule.objects.count() == 0


def test_every_kind_of_condition_explains_itself():
    assert all(condition.__doc__ for condition in KINDS.values())


@pytest.mark.parametrize("name", ["", " ", "x" * 121])
def test_a_rule_needs_a_name(program, name):
    with pytest.raises(RuleInvalid):
        add(program, name)


def test_a_rule_of_no_programme_is_refused(db):
    with pytest.raises(ProgramNotFound):
        create_rule(program_id=404, name="x", definition=a_definition(), now=NOW)


def test_a_change_opens_a_version_and_keeps_the_old_one(program):
    rule = add(program)

    update_rule(rule_id=rule.pk, changes=RuleChanges(definition=a_definition(points=9)), now=NOW)

    versions = rules_of(program_ids=[program.pk], since=START)[program.pk]
    assert [(one.number, one.definition.points, one.valid_until) for one in versions] == [
        (1, 5, NOW),
        (2, 9, None),
    ]


def test_changing_nothing_writes_nothing(program):
    rule = add(program)

    update_rule(rule_id=rule.pk, changes=RuleChanges(name="Bonus"), now=NOW)

    assert EarningRuleVersion.objects.count() == 1


def test_a_rule_is_switched_off_and_on_again(program):
    rule = add(program)

    update_rule(rule_id=rule.pk, changes=RuleChanges(is_active=False), now=NOW)
    off = rules_of(program_ids=[program.pk], since=NOW + timedelta(seconds=1))
    update_rule(rule_id=rule.pk, changes=RuleChanges(is_active=True), now=NOW + timedelta(days=1))
    on = rules_of(program_ids=[program.pk], since=NOW + timedelta(days=2))

    assert off == {}
    assert [one.valid_from for one in on[program.pk]] == [NOW + timedelta(days=1)]


def test_a_rule_can_be_switched_off_though_a_currency_is_missing(program):
    rates = {"USD": "1", "EUR": "1"}
    rule = add(program, action="points_per_unit", points=0, rates=rates)
    more = ProgramChanges(rates=[rate("USD"), rate("EUR"), rate("NOK")])
    update_program(program_id=program.pk, changes=more, now=NOW)

    update_rule(rule_id=rule.pk, changes=RuleChanges(is_active=False), now=NOW)

    assert not EarningRuleVersion.objects.filter(valid_until=None).exists()
    with pytest.raises(RuleInvalid):
        update_rule(rule_id=rule.pk, changes=RuleChanges(is_active=True), now=NOW)


@pytest.mark.parametrize("position", [-1, 10_001])
def test_a_place_outside_of_the_list_is_refused(program, position):
    rule = add(program)

    with pytest.raises(RuleInvalid):
        update_rule(rule_id=rule.pk, changes=RuleChanges(position=position), now=NOW)

    assert EarningRule.objects.get().position == 0


def test_rules_are_added_at_the_end_of_the_list(program):
    assert [add(program, name).position for name in "abc"] == [0, 1, 2]


def test_a_deleted_rule_earns_no_more_and_is_gone_for_staff(program):
    rule = add(program)

    delete_rule(rule_id=rule.pk, now=NOW)

    assert not EarningRuleVersion.objects.filter(valid_until=None).exists()
    for refused in (delete_rule, lambda **k: update_rule(changes=RuleChanges(name="x"), **k)):
        with pytest.raises(EarningRuleNotFound):
            refused(rule_id=rule.pk, now=NOW)
