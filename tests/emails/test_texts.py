import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.emails import texts
from saleor_loyalty.emails.texts import (
    Optional,
    TextInvalid,
    Variable,
    Word,
    fill,
    parse,
    required_in,
    variables_in,
)

SIGNS = st.text(alphabet="[]{}ab_1. \n", max_size=60)


def test_a_text_is_words_variables_and_optional_parts():
    assert parse("Thank you[, {first_name}]! {total}") == (
        Word("Thank you"),
        Optional((Word(", "), Variable("first_name"))),
        Word("! "),
        Variable("total"),
    )


def test_doubled_brackets_stand_for_brackets():
    assert fill(parse("[[{a}]]"), {"a": "1"}) == "[1]"
    assert fill(parse("[{a} [[x]]]"), {"a": "1"}) == "1 [x]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a [b [{c}]]", "an optional part cannot have another in it (character 6)"),
        ("a ] b", "a ] without its [ (character 3)"),
        ("a [{b}", "a [ without its ] (character 6)"),
        ("[b]", "an optional part needs a variable; write [[ for a bracket (character 3)"),
        ("a } b", "a } without its { (character 3)"),
        ("{", "a { that does not begin a {variable} (character 1)"),
        ("{a", "a { that does not begin a {variable} (character 1)"),
        ("{}", "a { that does not begin a {variable} (character 1)"),
        ("{ a }", "a { that does not begin a {variable} (character 1)"),
        ("{A}", "a { that does not begin a {variable} (character 1)"),
        ("{{a}}", "a { that does not begin a {variable} (character 1)"),
        ("{a.b}", "a { that does not begin a {variable} (character 1)"),
        ("{a|safe}", "a { that does not begin a {variable} (character 1)"),
        ("{a!r}", "a { that does not begin a {variable} (character 1)"),
        ("{a:>10}", "a { that does not begin a {variable} (character 1)"),
        ("{a[0]}", "a { that does not begin a {variable} (character 1)"),
        ("{" + "a" * 41 + "}", "a { that does not begin a {variable} (character 1)"),
    ],
)
def test_what_does_not_belong_together_is_refused_with_its_place(text, problem):
    with pytest.raises(TextInvalid) as refused:
        parse(text)

    assert refused.value.data == {"problem": problem}


@given(st.one_of(SIGNS, st.text(max_size=200)))
def test_any_text_is_understood_or_refused(text):
    try:
        parts = parse(text)
    except TextInvalid:
        return
    names = variables_in(parts)
    assert required_in(parts) <= names
    filled = fill(parts, dict.fromkeys(names, "x"))
    assert len(filled) <= len(text)


@given(SIGNS, st.text(max_size=20))
def test_values_are_never_read_as_texts(text, value):
    try:
        parts = parse(text)
    except TextInvalid:
        return

    filled = fill(parts, dict.fromkeys(variables_in(parts), "{a}[" + value))

    assert filled.count("{a}[" + value) >= sum(isinstance(one, Variable) for one in parts)


@given(st.text(alphabet="abc .,!\n", max_size=80))
def test_a_text_without_signs_stays_as_it_is(text):
    assert fill(parse(text), {}) == text


def test_an_optional_part_is_left_out_for_what_is_missing_or_empty():
    parts = parse("Hi[ {a}][ and {b}]!")

    assert fill(parts, {"a": "Ada", "b": "0 points"}) == "Hi Ada and 0 points!"
    assert fill(parts, {"b": "0 points"}, empty={"b"}) == "Hi!"
    assert fill(parse("[{a}, {b}]"), {"a": "Ada"}) == ""


def test_a_required_variable_without_a_value_is_an_error():
    with pytest.raises(KeyError):
        fill(parse("{a}"), {})


def test_words_and_values_are_escaped():
    assert fill(parse("<b> {a}"), {"a": "x"}, escape=str.upper) == "<B> X"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Until {day}.", "Until 1. 5. 2026."),
        ("Until {day}. See you.", "Until 1. 5. 2026. See you."),
        ("[Until {day}.]", "Until 1. 5. 2026."),
        ("Until [{day}].", "Until 1. 5. 2026."),
        ("Until {day}...", "Until 1. 5. 2026...."),
        ("Until {day}!", "Until 1. 5. 2026.!"),
        ("Until {day} at noon.", "Until 1. 5. 2026. at noon."),
    ],
)
def test_a_full_stop_after_a_date_that_has_one_is_not_doubled(text, filled):
    assert fill(parse(text), {"day": "1. 5. 2026."}) == filled


def steps(work):
    """How many lines of the little language's code a piece of work runs through."""
    count = 0
    before = sys.gettrace()

    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code.co_filename != texts.__file__:
            return None
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


WORST = {
    "variables": "{a}",
    "optional parts": "[{a}]",
    "parts of two": "[{a}{b}]",
    "brackets": "[[",
    "closing brackets": "]]",
    "words": "a",
    "short parts": "[{a}x]",
    "all in one": "[[{a}",
}


@pytest.mark.parametrize("piece", WORST.values(), ids=WORST)
def test_work_grows_with_the_length_of_a_text_and_no_faster(piece):
    def work(length):
        text = piece * (length // len(piece))
        return steps(lambda: fill(parse(text), {"a": "1", "b": "2"}))

    assert work(5000) <= 2.1 * work(2500)
    assert work(5000) <= 20 * 5000


def test_one_long_optional_part_is_work_of_its_length_alone():
    def work(variables):
        text = "[" + "{a}" * variables + "]"
        return steps(lambda: fill(parse(text), {"a": "1"}))

    assert work(1600) <= 2.1 * work(800)


NONSENSE = {
    "opening": "[" * 4999,
    "closing": "]" * 4999,
    "braces": "{" * 5000,
    "never closed": "[{a}" * 1250,
    "cut variables": "{a" * 2500,
}


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
def test_the_worst_nonsense_is_refused(text):
    with pytest.raises(TextInvalid):
        parse(text)
