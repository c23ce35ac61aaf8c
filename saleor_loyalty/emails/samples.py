"""Made-up facts of every kind of mail, for previews and tests: what a real one would tell."""

from collections.abc import Mapping
from typing import Any

from saleor_loyalty.emails.event_samples import EVENT_SAMPLES, sparse_event
from saleor_loyalty.emails.rules import EmailKind

_MEMBER: Mapping[str, Any] = {
    "first_name": "Ada",
    "program_name": "Aurora Club",
    "points_name": "",
    "currency": "EUR",
    "points_balance": 1500,
    "balance_value": "15.00",
}
_TIER: Mapping[str, Any] = {
    "tier_name": {"": "Silver", "hr": "Srebrna", "nb": "Sølv"},
    "tier_until": "2027-12-31",
    "next_tier_name": {"": "Gold", "hr": "Zlatna", "nb": "Gull"},
    "tier_percent": 62,
    "missing": {"metric": "points", "amount": "1900", "currency": ""},
    "missing_by": "2026-12-31",
}
_BENEFITS: Mapping[str, Any] = {
    "benefits": [
        {"name": {"": "Free shipping", "hr": "Besplatna dostava", "nb": "Fri frakt"}, "text": ""},
        {
            "name": {"": "Early access", "hr": "Raniji pristup", "nb": "Tidlig tilgang"},
            "text": {
                "": "New things a day before everybody else.",
                "hr": "Novosti dan prije svih ostalih.",
                "nb": "Nyheter en dag før alle andre.",
            },
        },
    ]
}
_ORDER: Mapping[str, Any] = {
    "order_number": "41",
    "ordered_on": "2026-11-21",
    "order_count": 3,
    "lines": [
        {
            "name": "Monkey mug",
            "variant_name": "Large",
            "quantity": 2,
            "total": "1040.00",
            "product_id": "1",
        },
        {"name": "Beans", "variant_name": "", "quantity": 1, "total": "9.50", "product_id": "2"},
    ],
    "shipping": "5.00",
    "paid_with_points": "",
    "paid_with_gift_cards": "",
    "total": "1054.50",
    "points_earned": 1200,
    "points_pending": 0,
}
_EXPIRING: Mapping[str, Any] = {
    "points_expiring": 500,
    "expires_on": "2026-12-21",
    "days_left": 30,
    "expiring": [{"on": "2026-12-21", "points": 380}, {"on": "2026-12-28", "points": 120}],
}
_REWARD: Mapping[str, Any] = {
    "reward_name": {"": "10 € off", "hr": "10 € popusta", "nb": "10 € avslag"},
    "reward_code": "7XK4-QM2P-9RTA",
    "reward_until": "2027-02-19",
    "reward_price": 1000,
}
_STATEMENT: Mapping[str, Any] = {
    "orders": 4,
    "points_earned": 1480,
    "points_spent": 500,
    "points_expired": 0,
}

SAMPLES: Mapping[EmailKind, Mapping[str, Any]] = {
    EmailKind.WELCOME: {
        **_MEMBER,
        "points_balance": 100,
        "balance_value": "1.00",
        "tier_name": "",
        "tier_until": "",
        "next_tier_name": _TIER["tier_name"],
        "tier_percent": 10,
        "missing": {"metric": "points", "amount": "900", "currency": ""},
        "missing_by": "",
    },
    EmailKind.THANK_YOU: {**_MEMBER, **_ORDER, **_TIER},
    EmailKind.THANK_YOU_FIRST: {**_MEMBER, **_ORDER, **_TIER, "order_count": 1},
    EmailKind.THANK_YOU_TIER: {**_MEMBER, **_ORDER, **_TIER, **_BENEFITS},
    EmailKind.THANK_YOU_MILESTONE: {**_MEMBER, **_ORDER, **_TIER, "order_count": 10},
    EmailKind.POINTS_AVAILABLE: {**_MEMBER, "points_matured": 1200, "points_pending": 300},
    EmailKind.POINTS_EXPIRING: {**_MEMBER, **_EXPIRING},
    EmailKind.POINTS_EXPIRING_LAST: {**_MEMBER, **_EXPIRING, "days_left": 7},
    EmailKind.REFUND_EXPLAINED: {
        **_MEMBER,
        "order_number": "41",
        "refunded": "520.00",
        "points_taken": 592,
        "points_given_back": 100,
    },
    EmailKind.REWARD_ISSUED: {**_MEMBER, **_REWARD},
    EmailKind.TIER_REACHED: {**_MEMBER, **_TIER, **_BENEFITS},
    EmailKind.TIER_AT_RISK: {
        **_MEMBER,
        **_TIER,
        **_BENEFITS,
        "next_tier_name": "",
        "missing_by": "2026-12-31",
    },
    EmailKind.BIRTHDAY: {**_MEMBER, **_REWARD, "gift_points": 200},
    EmailKind.PERSONAL_DAY: {**_MEMBER, "day_name": "Mia's birthday", "gift_points": 50},
    EmailKind.SECOND_PURCHASE: {**_MEMBER, **_TIER, "last_ordered_on": "2026-10-12"},
    EmailKind.WIN_BACK: {**_MEMBER, **_TIER, "last_ordered_on": "2026-06-02"},
    EmailKind.STATEMENT_MONTHLY: {**_MEMBER, **_STATEMENT, **_TIER, "period": "2026-11"},
    EmailKind.STATEMENT_YEARLY: {
        **_MEMBER,
        **_STATEMENT,
        **_TIER,
        "period": "2026",
        "joined_on": "2024-03-01",
    },
    **EVENT_SAMPLES,
}


def sparse(facts: Mapping[str, Any], *, always: tuple[str, ...]) -> dict[str, Any]:
    """Return facts of a kind of mail without all that it can do without."""
    kept = {*always, "program_name", "points_name", "currency", "lines", "expiring"}
    bare = {
        name: value if name in kept else 0 if isinstance(value, int) else ""
        for name, value in facts.items()
    }
    return bare | ({"event": sparse_event(facts["event"])} if "event" in facts else {})
