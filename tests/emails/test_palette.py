import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saleor_loyalty.emails import palette
from saleor_loyalty.emails.palette import contrast, is_color, palette_of

CARD, DARK_CARD = "#ffffff", "#1e212a"
COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def between(one, other):
    return contrast(palette._rgb(one), palette._rgb(other))


@given(COLORS)
@example("#ffff00")
@example("#000000")
@example("#ffffff")
@example("#808080")
@example("#767676")
@example("#777777")
def test_all_of_a_mail_can_be_read_whatever_the_shops_colour(color):
    colors = palette_of(color)

    assert between(colors.soft, colors.on_soft) >= 7
    assert between(CARD, colors.on_soft) >= 7
    assert between(colors.accent, colors.on_accent) >= 4.5
    assert between(colors.track, colors.bar) >= 3
    assert between(DARK_CARD, colors.dark_accent) >= 7
    assert between(colors.dark_accent, colors.on_dark_accent) >= 4.5
    assert between(colors.dark_soft, colors.on_dark_soft) >= 7
    assert between(colors.dark_track, colors.dark_bar) >= 3


@given(COLORS)
def test_the_button_has_the_shops_very_colour(color):
    assert palette_of(color).accent == color


@pytest.mark.parametrize("wrong", ["", "red", "#fff", "#12345g", "#1234567", "4b3fb5", "#4b3fb5\n"])
def test_what_is_no_colour_is_ours(wrong):
    assert not is_color(wrong)
    assert palette_of(wrong).accent == "#4b3fb5"


def test_contrast_is_what_the_standard_says():
    assert between("#000000", "#ffffff") == pytest.approx(21)
    assert between("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert between("#ffffff", "#ffffff") == 1
