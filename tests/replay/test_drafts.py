import json
from decimal import Decimal

import pytest

from saleor_loyalty.earning.kinds import HasVoucher, InCategory
from saleor_loyalty.earning.operations import RuleChanges, create_rule, update_rule
from saleor_loyalty.earning.rules import Action, RuleDefinition, Trigger
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.operations import ProgramChanges, ProgramNotFound, update_program
from saleor_loyalty.programs.policies.rules import Expiry, Policy
from saleor_loyalty.programs.rules import PriceBasis
from saleor_loyalty.replay.drafts import (
    DraftInvalid,
    DraftRule,
    draft_from_file,
    draft_from_json,
    draft_of_program,
)
from tests.factories import NOW, make_program, rate
from tests.replay.histories import draft_data, draft_file

DOUBLE = RuleDefinition(action=Action.MULTIPLIER, factor=Decimal(2))


def test_a_draft_is_read_from_a_file(tmp_path):
    rule = {"name": "Double", "definition": DOUBLE.as_json()}
    policy = {"expiry": "after_earning", "expiry_months": 12, "notice_days": [30]}

    draft = draft_from_file(
        draft_file(tmp_path, price_basis="net", policy=policy, rules=[rule], time_zone="Asia/Tokyo")
    )

    assert (draft.name, draft.time_zone, draft.price_basis) == ("Draft", "Asia/Tokyo", "net")
    assert draft.rates == (rate("USD"),)
    assert draft.policy == Policy(expiry=Expiry.AFTER_EARNING, expiry_months=12, notice_days=(30,))
    assert draft.rules == (DraftRule(name="Double", definition=DOUBLE),)
    assert (draft.point_value("USD"), draft.point_value("EUR")) == (Decimal("0.01"), None)


def test_numbers_in_a_file_are_exact(tmp_path):
    path = tmp_path / "draft.json"
    path.write_text(
        '{"name": "A", "rates": [{"currency": "USD", "points_per_unit": 1.1, "point_value": 0.01}]}'
    )

    [found] = draft_from_file(path).rates

    assert (found.points_per_unit, found.point_value) == (Decimal("1.1"), Decimal("0.01"))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"colour": "red"}, "draft"),
        ({"name": 7}, "name"),
        ({"name": " "}, "name"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"price_basis": "cost"}, "price_basis"),
        ({"rates": []}, "rates"),
        ({"rates": [{"currency": "USD"}]}, "rates"),
        ({"rates": "USD"}, "rates"),
        ({"rates": [{"currency": "USD", "points_per_unit": "x", "point_value": 1}]}, "rates"),
        ({"policy": {"expires": "never"}}, "policy"),
        ({"policy": {"expiry": "sometimes"}}, "policy"),
        ({"policy": {"expiry_days": "ten"}}, "policy"),
        ({"policy": {"expiry_days": -1}}, "expiry_days"),
        ({"policy": []}, "policy"),
        ({"rules": [{"name": "A"}]}, "rules"),
        ({"rules": [{"name": "A", "definition": {"action": "give"}}]}, "rules"),
        ({"rules": [{"name": "A", "definition": {"colour": "red"}}]}, "rules"),
        (
            {"rules": [{"name": "A", "definition": {"conditions": [{"kind": "moon"}]}}]},
            "rules",
        ),
        ({"rules": 5}, "rules"),
    ],
)
def test_a_draft_that_makes_no_sense_is_refused_with_the_part_that_does_not(values, field):
    with pytest.raises(LoyaltyError) as refused:
        draft_from_json(draft_data(**values))

    assert refused.value.field == field
    assert refused.value.data["problem"]


def test_a_file_that_is_no_draft_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "list").write_text(json.dumps([1]))

    for name in ("text", "list", "missing"):
        with pytest.raises(DraftInvalid):
            draft_from_file(tmp_path / name)


def test_a_programmes_draft_is_what_holds_now(db):
    program = make_program(time_zone="Europe/Oslo", price_basis=PriceBasis.NET)
    rule = create_rule(program_id=program.pk, name="Double", definition=DOUBLE, now=NOW)
    off = create_rule(program_id=program.pk, name="Off", definition=DOUBLE, now=NOW)
    update_rule(rule_id=off.pk, changes=RuleChanges(is_active=False), now=NOW)
    update_rule(rule_id=rule.pk, changes=RuleChanges(name="Twice"), now=NOW)
    update_program(
        program_id=program.pk,
        changes=ProgramChanges(
            rates=[rate("USD", "5")], policy={"expiry": "after_earning", "expiry_days": 90}
        ),
        now=NOW,
    )

    draft = draft_of_program(program_id=program.pk)

    assert (draft.name, draft.time_zone, draft.price_basis) == ("Aurora Club", "Europe/Oslo", "net")
    assert draft.rates == (rate("USD", "5"),)
    assert draft.policy == Policy(expiry=Expiry.AFTER_EARNING, expiry_days=90)
    assert draft.rules == (DraftRule(name="Twice", definition=DOUBLE),)


def test_there_is_no_draft_of_no_programme(db):
    with pytest.raises(ProgramNotFound):
        draft_of_program(program_id=1)


def test_what_a_history_cannot_show_of_the_rules_is_noted():
    rules = [
        (
            "Books",
            RuleDefinition(action=Action.FIXED_POINTS, points=5, conditions=(InCategory(("7",)),)),
        ),
        (
            "Voucher",
            RuleDefinition(action=Action.POINTS_PER_ITEM, points=5, conditions=(HasVoucher(),)),
        ),
        ("Welcome", RuleDefinition(action=Action.FIXED_POINTS, points=5, trigger=Trigger.SIGN_UP)),
    ]
    data = [{"name": name, "definition": definition.as_json()} for name, definition in rules]

    draft = draft_from_json(draft_data(rules=data))

    assert draft.notes(columns=["category"]) == [
        "Voucher: the history tells no voucher; no order has any",
        "Voucher: every line counts as one item",
        "Welcome: waits for no order, and is not played",
    ]
    assert "Books: the history tells no category; no order has any" in draft.notes(columns=[])
