"""The colours of a mail, made from the shop's one, so that all of it can be read. Pure Python."""

import re
from dataclasses import dataclass

DEFAULT_ACCENT = "#4b3fb5"
READABLE = 7  # WCAG 2.2, 1.4.6: contrast of text, enhanced
BUTTON = 4.5  # 1.4.3: of text
SHAPE = 3  # 1.4.11: of what is no text
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_STEPS = 20
_LINEAR = 0.04045  # where sRGB begins to curve

_Rgb = tuple[int, int, int]
WHITE: _Rgb = (255, 255, 255)
INK: _Rgb = (23, 19, 46)
BLACK: _Rgb = (0, 0, 0)
NIGHT: _Rgb = (30, 33, 42)


@dataclass(frozen=True)
class Palette:
    """Colours as #rrggbb, for light and for dark surroundings.

    `accent` with `on_accent` is the button; `soft` with `on_soft` the panel; `bar` what of the
    progress bar is full and `track` what is empty.
    """

    accent: str
    on_accent: str
    soft: str
    on_soft: str
    bar: str
    track: str
    dark_accent: str
    on_dark_accent: str
    dark_soft: str
    on_dark_soft: str
    dark_bar: str
    dark_track: str


def is_color(text: str) -> bool:
    """Tell whether a text is a colour as #rrggbb."""
    return bool(_HEX.fullmatch(text))


def palette_of(accent: str) -> Palette:
    """Return the colours that go with a shop's colour; with ours where it is none."""
    base = _rgb(accent if is_color(accent) else DEFAULT_ACCENT)
    soft = _mix(base, WHITE, 0.9)
    lifted = _toward(base, WHITE, against=NIGHT)
    dark_soft = _mix(base, NIGHT, 0.8)
    track, dark_track = _mix(base, WHITE, 0.75), _mix(base, NIGHT, 0.7)
    return Palette(
        accent=_hex(base),
        on_accent=_hex(_on(base)),
        soft=_hex(soft),
        on_soft=_hex(_toward(base, INK, against=soft)),
        bar=_hex(_toward(base, INK, against=track, at_least=SHAPE)),
        track=_hex(track),
        dark_accent=_hex(lifted),
        on_dark_accent=_hex(_on(lifted)),
        dark_soft=_hex(dark_soft),
        on_dark_soft=_hex(_toward(base, WHITE, against=dark_soft)),
        dark_bar=_hex(_toward(base, WHITE, against=dark_track, at_least=SHAPE)),
        dark_track=_hex(dark_track),
    )


def contrast(one: _Rgb, other: _Rgb) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _on(color: _Rgb) -> _Rgb:
    """Return the colour of text on one; of white and black, one can always be read."""
    return next(one for one in (WHITE, INK, BLACK) if contrast(one, color) >= BUTTON)


def _toward(color: _Rgb, goal: _Rgb, *, against: _Rgb, at_least: float = READABLE) -> _Rgb:
    """Return the colour nearest to one, on the way to another, that stands out from a third."""
    steps = (_mix(color, goal, step / _STEPS) for step in range(_STEPS + 1))
    return next((one for one in steps if contrast(one, against) >= at_least), goal)


def _luminance(color: _Rgb) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    shares = (part / 255 for part in color)
    red, green, blue = (
        share / 12.92 if share <= _LINEAR else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(one: _Rgb, other: _Rgb, share: float) -> _Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _rgb(text: str) -> _Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _hex(color: _Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
