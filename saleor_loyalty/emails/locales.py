"""How the language that is active writes things, by babel."""

from babel import Locale, UnknownLocaleError
from django.utils.translation import get_language


def current_locale() -> Locale:
    """Return babel's locale for the language that is active, or for English."""
    try:
        return Locale.parse(get_language() or "en", sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
