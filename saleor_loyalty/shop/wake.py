"""Asking for work soon from rooms that know no Celery; the plugin says how when it mounts."""

from collections.abc import Callable


class Bell:
    """What a ring does; nothing until the plugin is mounted."""

    answer: Callable[[], None] | None = None


class EventsBell(Bell):
    """What a ring about events does; nothing until the plugin is mounted."""

    answer: Callable[[], None] | None = None


def tiers_changed() -> None:
    """Have members' tiers, vouchers and the customers' metadata looked at soon.

    Call it after staff changed a ladder, a tier, a member's tier or which programme serves a
    channel. It happens after the commit, and within a minute even without.
    """
    if Bell.answer is not None:
        Bell.answer()


def events_changed() -> None:
    """Have waves, changes and the mails about events looked at soon.

    Call it after staff published, changed or called off an event, and after answers. It happens after
    the commit, and within a minute even without.
    """
    if EventsBell.answer is not None:
        EventsBell.answer()
