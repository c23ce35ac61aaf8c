"""Checks of ladders and tiers as staff give them, in pure Python."""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from saleor_loyalty.tiers.rules import (
    MAX_NAME_LENGTH,
    MAX_SLUG_LENGTH,
    ROLLING,
    YEARLY,
    Amounts,
    Keeping,
    LadderInvalid,
    LadderTerms,
    Metric,
    MovingUp,
    Thresholds,
    TierInvalid,
    TierRules,
    Window,
)

MAX_DESCRIPTION_LENGTH = 2000
MAX_URL_LENGTH = 500
MAX_TIERS = 20
MAX_WINDOW_DAYS = 3650
MAX_MONTHS = 120
MAX_GRACE_DAYS = 365
MAX_NEEDED = Decimal(10**12)
MAX_COUNT = 2_000_000_000
COLOR = re.compile(r"#[0-9a-fA-F]{6}")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LINK = re.compile(r"https?://[^\s/]+\S*")


def check_terms(terms: LadderTerms) -> None:
    """Check that a ladder's terms make sense.

    Raises:
        LadderInvalid: the first part that does not, with `field` and `problem`.

    """
    is_rolling = terms.window in ROLLING
    longest = MAX_WINDOW_DAYS if terms.window is Window.ROLLING_DAYS else MAX_MONTHS
    if is_rolling and not 1 <= terms.window_length <= longest:
        raise LadderInvalid(field="window_length", problem=f"must be 1 to {longest}")
    if not is_rolling and terms.window_length:
        raise LadderInvalid(field="window_length", problem="is for rolling windows alone")
    if terms.moving_up is MovingUp.AT_PERIOD_END and terms.window not in YEARLY:
        raise LadderInvalid(field="moving_up", problem="at a period's end needs a yearly window")
    if terms.window is Window.LIFETIME and terms.keeping is not Keeping.FOREVER:
        raise LadderInvalid(
            field="keeping", problem="must be FOREVER: what counts for a lifetime never runs out"
        )
    by_months = terms.keeping is Keeping.MONTHS
    if by_months and not 1 <= terms.keep_months <= MAX_MONTHS:
        raise LadderInvalid(field="keep_months", problem=f"must be 1 to {MAX_MONTHS}")
    if not by_months and terms.keep_months:
        raise LadderInvalid(field="keep_months", problem="is for keeping by months alone")
    for name in ("grace_days", "notice_days"):
        if not 0 <= getattr(terms, name) <= MAX_GRACE_DAYS:
            raise LadderInvalid(field=name, problem=f"must be 0 to {MAX_GRACE_DAYS}")


def check_texts(
    *, name: str, slug: str, description: str = "", color: str = "", icon_url: str = ""
) -> None:
    """Check the texts of a tier.

    Raises:
        TierInvalid: the first one that makes no sense, with `field` and `problem`.

    """
    if not 1 <= len(name.strip()) <= MAX_NAME_LENGTH:
        raise TierInvalid(field="name", problem=f"must have 1 to {MAX_NAME_LENGTH} characters")
    if not (len(slug) <= MAX_SLUG_LENGTH and SLUG.fullmatch(slug)):
        raise TierInvalid(
            field="slug",
            problem=f"must be up to {MAX_SLUG_LENGTH} small letters, digits and single hyphens",
        )
    if len(description) > MAX_DESCRIPTION_LENGTH:
        raise TierInvalid(
            field="description", problem=f"must have at most {MAX_DESCRIPTION_LENGTH} characters"
        )
    if color and not COLOR.fullmatch(color):
        raise TierInvalid(field="color", problem="must be like #C0A060")
    if icon_url:
        check_url(icon_url, field="icon_url")


def check_url(url: str, *, field: str) -> None:
    """Check that a link leads to the web.

    Raises:
        TierInvalid: it does not.

    """
    if len(url) > MAX_URL_LENGTH or not LINK.fullmatch(url):
        raise TierInvalid(field=field, problem="must be a link with http or https")


def thresholds_of(
    *, points: int | None, orders: int | None, amounts: Mapping[str, Any]
) -> Thresholds:
    """Return thresholds as staff give them.

    Raises:
        TierInvalid: a number below 0, too high, or with more than 3 decimals; an amount of 0 in
            one currency and not in another.

    """
    for name, count in (("points", points), ("orders", orders)):
        if count is not None and not 0 <= count <= MAX_COUNT:
            raise TierInvalid(field="threshold", problem=f"of {name} must be 0 to {MAX_COUNT}")
    exact: dict[str, Decimal] = {}
    for currency, given in amounts.items():
        try:
            amount = Decimal(str(given))
        except InvalidOperation:
            amount = Decimal(-1)
        if not (amount.is_finite() and 0 <= amount <= MAX_NEEDED and amount == round(amount, 3)):
            raise TierInvalid(
                field="threshold",
                problem=f"in {currency} must be 0 to {MAX_NEEDED}, with 3 decimals at most",
            )
        exact[currency] = amount
    if len({amount == 0 for amount in exact.values()}) > 1:
        raise TierInvalid(field="threshold", problem="must be 0 in every currency or in none")
    return Thresholds(points=points, orders=orders, amounts=exact)


def check_ladder(
    *,
    terms: LadderTerms,
    tiers: Sequence[TierRules],
    currencies: Collection[str],
    complete: Collection[int] | None = None,
) -> None:
    """Check that tiers make a ladder.

    Each that can be earned says by what, and needs more than the one below it. `currencies` are
    those of the programme's rates; only the tiers `complete` (None: all) must have them all, so that
    one tier after the other can be given a currency that came later.

    Raises:
        TierInvalid: the first that does not, with `field` and `problem`.

    """
    if len(tiers) > MAX_TIERS:
        raise TierInvalid(field="name", problem=f"would be one of more than {MAX_TIERS} tiers")
    below: tuple[TierRules, Amounts] | None = None
    for tier in sorted(tiers, key=lambda one: one.position):
        if tier.is_invitation_only:
            continue
        needed = tier.thresholds.needed(terms.metric)
        if needed is None:
            raise TierInvalid(
                field="threshold", problem=f"of {tier.name} does not say how many {terms.metric}"
            )
        missing = sorted(set(currencies) - set(needed))
        is_to_have_all = complete is None or tier.tier_id in complete
        if terms.metric is Metric.AMOUNT and missing and is_to_have_all:
            raise TierInvalid(
                field="threshold", problem=f"of {tier.name} is missing for {', '.join(missing)}"
            )
        if below is not None:
            for key, amount in needed.items():
                if amount <= below[1].get(key, Decimal(-1)):
                    raise TierInvalid(
                        field="threshold",
                        problem=f"of {tier.name} must be above that of {below[0].name} below it",
                    )
        below = (tier, needed)
