"""Settings of the replay that `make demo` falls back to: the engine alone, on DATABASE_URL."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, _database

DATABASES["default"]["NAME"] = _database.path.lstrip("/")
