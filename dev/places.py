"""Where things are: the repository, its build folder and the cache outside of it."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
BUILD = REPO / "build"
CACHE = Path(os.environ.get("SALEOR_LOYALTY_CACHE") or Path.home() / ".cache" / "saleor-loyalty")

SALEOR_VERSION = os.environ.get("SALEOR") or "3.23.28"
SALEOR_SOURCE = os.environ.get("SALEOR_SOURCE") or "https://github.com/saleor/saleor"
