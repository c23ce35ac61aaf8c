import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.replay.conftest import scratch_schemas
from tests.replay.histories import TWO_YEARS, draft_file, history_file


def run(folder, *arguments, text=TWO_YEARS):
    """What the command says, and its remarks."""
    out, err = StringIO(), StringIO()
    path = history_file(folder, text)
    call_command("loyalty_replay", str(path), *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_shops_programme_is_played_against_a_draft(live, tmp_path):
    policy = {"expiry": "after_earning", "expiry_months": 12}
    against = draft_file(tmp_path, name="other.json", policy=policy)
    wanted = ["--program", live.pk, "--against", against, "--currency", "USD"]

    out, err = run(tmp_path, *wanted, "--json", tmp_path / "out" / "figures.json")

    assert "Aurora Club                     Draft" in out
    assert "outstanding at the end" + " " * 37 + "1,605" + " " * 23 + "500" in out
    assert out.count("proved") == 10
    assert "100 % 3 orders" in err
    first, second = json.loads((tmp_path / "out" / "figures.json").read_text())["programs"]
    assert (first["program"], first["outstanding"]) == ("Aurora Club", 1605)
    assert (second["program"], second["total"]["expired"]) == ("Draft", 1105)
    assert second["months"][0]["month"] == "2024-01-01"
    assert second["currencies"][0]["liability"] == "5.00"
    assert all(proof["holds"] for proof in second["proofs"])


def test_pictures_are_drawn_for_each_programme_and_for_both(live, tmp_path):
    wanted = ["--draft", draft_file(tmp_path), "--against", live.pk, "--currency", "USD"]

    out, _ = run(tmp_path, *wanted, "--pictures", tmp_path / "pictures", "--redeem", "0.5")

    drawn = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert drawn == ["customers.png", "liability.png", "points-1.png", "points-2.png"]
    for path in (tmp_path / "pictures").iterdir():
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert int.from_bytes(data[16:20]) == 1200
        assert f"drew {path}" in out


def test_bad_lines_are_told_and_listed(live, tmp_path):
    text = TWO_YEARS + "ada,soon,1\n" * 12
    wanted = ["--draft", draft_file(tmp_path), "--currency", "USD"]

    out, err = run(tmp_path, *wanted, "--bad-lines", tmp_path / "bad.txt", text=text)

    assert "12 of 15 lines made no sense and were left out" in out
    assert err.count("has the time 'soon'") == 10
    assert "... 2 more" in err
    listed = (tmp_path / "bad.txt").read_text().splitlines()
    assert (len(listed), listed[0][:24]) == (12, "line 5 has the time 'soo")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--program", "0", "--currency", "USD"], "program_not_found: program"),
        (["--program", "%(id)s"], "history_invalid: needs a column currency"),
        (["--program", "%(id)s", "--currency", "USD", "--redeem", "some"], "--redeem 'some'"),
        (["--program", "%(id)s", "--currency", "USD", "--redeem", "2"], "redeem_share_invalid"),
        (["--program", "%(id)s", "--currency", "USD", "--against", "none.json"], "draft_invalid"),
        (["--program", "%(id)s", "--currency", "USD", "--against", "0"], "program_not_found"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_left(live, tmp_path, arguments, problem):
    with pytest.raises(CommandError, match=problem):
        run(tmp_path, *(one % {"id": live.pk} for one in arguments))


def test_a_programme_that_the_engine_refuses_leaves_nothing(live, tmp_path):
    rates = [{"currency": "XXQ", "points_per_unit": "1", "point_value": "1"}]

    with pytest.raises(CommandError, match="program_invalid: rates 'XXQ' is not a currency code"):
        run(tmp_path, "--draft", draft_file(tmp_path, rates=rates), "--currency", "USD")


class Terminal(StringIO):
    """A terminal at which somebody presses Ctrl-C as soon as the bar is there."""

    def isatty(self):
        return True

    def write(self, text):
        raise KeyboardInterrupt


def test_stopping_it_leaves_nothing(live, tmp_path):
    path = history_file(tmp_path, TWO_YEARS)
    wanted = ["--draft", str(draft_file(tmp_path)), "--currency", "USD"]

    with pytest.raises(KeyboardInterrupt):
        call_command("loyalty_replay", str(path), *wanted, stderr=Terminal())

    assert scratch_schemas() == []
