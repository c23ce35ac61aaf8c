"""Asking for work soon from rooms that know no Celery; the plugin says how when it mounts."""

from collections.abc import Callable


class Bell:
    """What a ring does; nothing until the plugin is mounted."""

    answer: Callable[[], None] | None = None


def tiers_changed() -> None:
    """Have members' tiers, vouchers and the customers' metadata looked at soon.

    Call it after staff changed a ladder, a tier, a member's tier or which programme serves a
    channel. It happens after the commit, and within a minute even without.
    """
    if Bell.answer is not None:
        Bell.answer()
