"""Getting Python 3.12, Saleor at a tag, and an environment with both of us in it.

The cache keeps what is dear: Saleor's checkout and an environment with its dependencies and our
tools, by Saleor version. This clone's own environment (build/venv) sits on top and holds nothing
but the package itself, so that several clones share one cache.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional

from dev.console import Trouble, run, say, step
from dev.places import BUILD, CACHE, REPO, SALEOR_SOURCE, SALEOR_VERSION


class SaleorMissing(Trouble):
    """Saleor's sources cannot be had here."""


@dataclass(frozen=True)
class Environment:
    """A Python with our package installed; `saleor` is Saleor's checkout, None without it."""

    python: Path
    tools: Path
    saleor: Optional[Path]

    def tool(self, name: str) -> str:
        """Return the path of a command-line tool."""
        return str(self.tools / name)


def find_python() -> str:
    """Return a Python 3.12: PYTHON312, the one on PATH, pyenv's, or one that uv can fetch."""
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob("3.12.*/bin/python"))
    candidates = [os.environ.get("PYTHON312"), shutil.which("python3.12"), sys.executable, *pyenv]
    for candidate in candidates:
        if candidate and _version_of(str(candidate)) == "3.12":
            return str(candidate)
    return "3.12"


def _version_of(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip()


def find_uv() -> str:
    """Return uv, installing it into the cache if it is not on PATH."""
    found = shutil.which("uv")
    if found:
        return found
    venv = CACHE / "uv"
    uv = venv / "bin" / "uv"
    if not uv.exists():
        with step("installing uv"):
            run([sys.executable, "-m", "venv", venv])
            run([venv / "bin" / "pip", "install", "--quiet", "uv"])
    return str(uv)


def get_saleor() -> Path:
    """Return Saleor's checkout at the wanted tag, cloning it into the cache once.

    Raises:
        SaleorMissing: it is not in the cache and cannot be cloned.

    """
    place = CACHE / SALEOR_VERSION / "saleor"
    if (place / "manage.py").exists():
        return place
    unfinished = place.with_name(f"saleor.unfinished.{os.getpid()}")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with step(f"getting Saleor {SALEOR_VERSION} from {SALEOR_SOURCE} (some 450 MB, once)"):
            run(
                ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--depth", "1"]
                + ["--branch", SALEOR_VERSION, SALEOR_SOURCE, str(unfinished)],
                env={"GIT_TERMINAL_PROMPT": "0"},
            )
    except Trouble as trouble:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise SaleorMissing(
            f"Saleor {SALEOR_VERSION} cannot be had from {SALEOR_SOURCE}.\n{trouble}\n"
            "SALEOR_SOURCE may name another clone or URL, SALEOR another version."
        ) from trouble
    try:
        unfinished.rename(place)
    except OSError:  # another run was faster
        shutil.rmtree(unfinished, ignore_errors=True)
    return place


def with_saleor() -> Environment:
    """Return an environment with Saleor and our package, making what is missing."""
    saleor = get_saleor()
    base = CACHE / SALEOR_VERSION / "venv"
    uv = find_uv()
    dependencies = (REPO / "pyproject.toml").read_text()
    stamp = _digest((saleor / "uv.lock").read_text() + dependencies)
    if not _is_stamped(base, stamp):
        with step(f"installing Saleor {SALEOR_VERSION}'s dependencies and our tools"):
            run(
                [uv, "sync", "--quiet", "--frozen", "--inexact", "--python", find_python()]
                + ["--project", str(saleor)],
                env={"UV_PROJECT_ENVIRONMENT": str(base), "VIRTUAL_ENV": ""},
            )
            _install_ours(uv, base, groups=("dev",))
        _set_stamp(base, stamp)
    return Environment(_own_venv(uv, base), base / "bin", saleor)


def engine_only() -> Environment:
    """Return an environment for the engine's suite alone, where there is no Saleor."""
    base = CACHE / "engine" / "venv"
    uv = find_uv()
    stamp = _digest((REPO / "pyproject.toml").read_text())
    if not _is_stamped(base, stamp):
        with step("installing what the engine's own suite needs"):
            run([uv, "venv", "--quiet", "--clear", "--python", find_python(), str(base)])
            _install_ours(uv, base, groups=("engine", "dev"))
        _set_stamp(base, stamp)
    return Environment(_own_venv(uv, base), base / "bin", None)


def _install_ours(uv: str, base: Path, *, groups: tuple) -> None:
    """Install what we need beside what is there, whose versions stay as they are."""
    python = str(base / "bin" / "python")
    pins = base / "pins.txt"
    pins.write_text(run([uv, "pip", "freeze", "--quiet", "--python", python]))
    chosen = [part for group in groups for part in ("--group", f"{REPO}/pyproject.toml:{group}")]
    run(
        [uv, "pip", "install", "--quiet", "--python", python, "--constraint", str(pins)]
        + ["--requirements", str(REPO / "pyproject.toml"), *chosen]
    )


def _own_venv(uv: str, base: Path) -> Path:
    """Return this clone's Python: the cached environment plus our package, editable."""
    venv = BUILD / f"venv-{base.parent.name}"
    python = venv / "bin" / "python"
    stamp = _digest(str(base) + (REPO / "pyproject.toml").read_text())
    if not _is_stamped(venv, stamp):
        with step("installing saleor_loyalty itself"):
            run([uv, "venv", "--quiet", "--clear", "--python", base / "bin" / "python", venv])
            packages = next((venv / "lib").glob("python*/site-packages"))
            cached = next((base / "lib").glob("python*/site-packages"))
            (packages / "cached_environment.pth").write_text(f"{cached}\n")
            run(
                [uv, "pip", "install", "--quiet", "--no-deps", "--python", python]
                + ["--editable", str(REPO)]
            )
        _set_stamp(venv, stamp)
    return python


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_stamped(venv: Path, stamp: str) -> bool:
    file = venv / "complete"
    return file.exists() and file.read_text() == stamp and (venv / "bin" / "python").exists()


def _set_stamp(venv: Path, stamp: str) -> None:
    (venv / "complete").write_text(stamp)


def python_environment(environment: Environment) -> Dict[str, str]:
    """Return the variables that a Python of ours runs with."""
    path = [str(REPO)] + ([str(environment.saleor)] if environment.saleor else [])
    return {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
        "VIRTUAL_ENV": "",
    }


def announce(environment: Environment) -> None:
    """Say what will be used."""
    if environment.saleor:
        say(f"   Saleor {SALEOR_VERSION} in {environment.saleor}")
    else:
        say("   no Saleor: the engine alone")
