"""Settings of the engine's own suite: plain Django, our app, nothing of Saleor."""

import os
from urllib.parse import urlsplit

_database = urlsplit(os.environ.get("DATABASE_URL", "postgres://localhost/postgres"))

SECRET_KEY = "not-a-secret"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("nb", "Norwegian"), ("hr", "Croatian"), ("de", "German")]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "saleor_loyalty",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "loyalty_engine",
        "USER": _database.username or "",
        "PASSWORD": _database.password or "",
        "HOST": _database.hostname or "",
        "PORT": _database.port or "",
        "TEST": {"NAME": f"test_loyalty_engine_{os.getpid()}"},
    }
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
