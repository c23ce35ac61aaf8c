"""Pictures of every mail as readers see it: narrow and wide, in light and in dark surroundings.

Nothing is loaded from outside: the products' pictures are part of the page.
"""

import argparse
import html
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import quote

from dev.console import Trouble, say
from dev.places import REPO

PLACE = REPO / "docs" / "pictures" / "mails"
IN_README = REPO / "docs" / "pictures" / "thank-you.png"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WIDTHS = (360, 720)
TALLEST = 3000
GAP = 16
DARK = "(prefers-color-scheme: dark)"
BEHIND = (190, 193, 202)
MOST_BYTES = 120_000
TRANSLATED = ("thank_you_tier", "points_expiring")


class Look(NamedTuple):
    """A way to look at a mail."""

    width: int
    is_dark: bool


LOOKS = tuple(Look(width, is_dark) for width in WIDTHS for is_dark in (False, True))


def find_chromium() -> str:
    """Return Chromium: $CHROMIUM, or the one on PATH.

    Raises:
        Trouble: there is none.

    """
    for name in (os.environ.get("CHROMIUM"), *NAMES):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise Trouble("Chromium is needed for pictures of mails: install it, or set CHROMIUM to it.")


def sample_pictures() -> Dict[str, str]:
    """Return pictures of the samples' products, by product id."""
    return {
        "1": _drawing(
            "#f3d9c4",
            '<path d="M14 18h22v20a6 6 0 0 1-6 6H20a6 6 0 0 1-6-6z" fill='
            '"#9a4a2f"/><path d="M36 22h4a5 5 0 0 1 0 12h-4" fill="none" stroke="#9a4a2f" '
            'stroke-width="4"/>',
        ),
        "2": _drawing(
            "#dfe8d8",
            '<ellipse cx="22" cy="26" rx="9" ry="13" fill="#5b3a29"/>'
            '<ellipse cx="36" cy="34" rx="9" ry="13" fill="#7a5138"/>',
        ),
    }


def _drawing(background: str, shapes: str) -> str:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 56 56">'
        f'<rect width="56" height="56" fill="{background}"/>{shapes}</svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"


def sample_shop(**values):
    """Return the shop whose mails are shown."""
    from saleor_loyalty.emails.rendering import ShopIdentity

    defaults = {
        "name": "Aurora Coffee",
        "url": "https://aurora.example/",
        "postal_address": "Storgata 1\n0155 Oslo\nNorway",
    }
    return ShopIdentity(**{**defaults, **values})


def mail(kind: str, language: str, *, shop=None, facts=None) -> str:
    """Return the HTML of a sample mail; `facts` are changes of it."""
    from saleor_loyalty.emails.rendering import render
    from saleor_loyalty.emails.rules import EmailKind, Purpose, purpose_of
    from saleor_loyalty.emails.samples import SAMPLES

    one = EmailKind(kind)
    is_marketing = purpose_of(one) is Purpose.MARKETING
    return render(
        kind=one,
        language_code=language,
        facts={**SAMPLES[one], **(facts or {})},
        shop=shop or sample_shop(),
        preferences_url="https://aurora.example/preferences",
        unsubscribe_url="https://aurora.example/stop" if is_marketing else "",
        pictures=sample_pictures(),
    ).html


def page(mails: Sequence[Tuple[str, Look]]) -> str:
    """Return a page that shows mails, each in its look, side by side."""
    frames = "".join(
        f'<iframe width="{look.width}" height="10" '
        f'srcdoc="{html.escape(_in_look(source, look))}"></iframe>'
        for source, look in mails
    )
    return (
        "<!doctype html><meta charset=utf-8><style>"
        f"body{{margin:{GAP}px;display:flex;gap:{GAP}px;align-items:flex-start;"
        f"background:rgb{BEHIND}}}iframe{{border:0;flex:none}}</style>"
        f"{frames}<script>onload=()=>{{for(const one of document.querySelectorAll('iframe'))"
        "one.height=one.contentDocument.documentElement.scrollHeight}</script>"
    )


def _in_look(source: str, look: Look) -> str:
    """Return a mail that is light or dark whatever the machine that shows it prefers."""
    return source.replace(DARK, "all" if look.is_dark else "not all")


def take(mails: Sequence[Tuple[str, Look]], target: Path) -> None:
    """Write the picture of mails, each in its look."""
    width = sum(look.width + GAP for _, look in mails) + GAP
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "page.html").write_text(page(mails), encoding="utf-8")
        raw = folder / "raw.png"
        command = [find_chromium(), "--headless", "--disable-gpu", "--hide-scrollbars"]
        command += ["--no-sandbox"] if os.geteuid() == 0 else []
        command += [f"--user-data-dir={folder / 'profile'}", f"--screenshot={raw}"]
        command += [f"--window-size={width},{TALLEST}", "--virtual-time-budget=3000"]
        result = subprocess.run(
            [*command, (folder / "page.html").as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if not raw.exists():
            raise Trouble(f"Chromium took no picture:\n{result.stderr[-1000:]}")
        _finish(raw, target)


def _finish(raw: Path, target: Path) -> None:
    """Cut off what is below the mail, and make the file small."""
    from PIL import Image, ImageChops

    with Image.open(raw) as opened:
        picture = opened.convert("RGB")
    empty = Image.new("RGB", picture.size, BEHIND)
    box = ImageChops.difference(picture, empty).getbbox()
    if box:
        picture = picture.crop((0, 0, picture.width, min(box[3] + GAP, picture.height)))
    target.parent.mkdir(parents=True, exist_ok=True)
    for colors in (96, 64, 40, 24):
        few = picture.quantize(colors, dither=Image.Dither.NONE)
        few.save(target, optimize=True)
        if target.stat().st_size <= MOST_BYTES:
            return


def main(arguments: Optional[List[str]] = None) -> int:
    """Take a picture of every kind in English, and of some in the other languages."""
    import django

    django.setup()
    from saleor_loyalty.emails.rules import EmailKind

    parser = argparse.ArgumentParser(prog="python -m dev.mail_pictures", description=__doc__)
    parser.add_argument("kinds", nargs="*", help="kinds of mail; none: all of them")
    wanted = parser.parse_args(arguments).kinds or [kind.value for kind in EmailKind]
    try:
        find_chromium()
        for kind in wanted:
            for language in ("en", "hr", "nb") if kind in TRANSLATED else ("en",):
                ending = "" if language == "en" else f".{language}"
                target = PLACE / f"{kind}{ending}.png"
                source = mail(kind, language)
                take([(source, look) for look in LOOKS], target)
                say(f"{target.relative_to(REPO)}: {target.stat().st_size / 1000:.0f} kB")
        norwegian, croatian = (mail("thank_you", language) for language in ("nb", "hr"))
        take([(norwegian, Look(450, False)), (croatian, Look(450, True))], IN_README)
    except Trouble as trouble:
        say(f"\n{trouble}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
