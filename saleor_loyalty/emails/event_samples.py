"""Made-up facts of the mails about events. Pure Python.

`event` is what its card shows, with texts by language ("" else); the flat ones are for the texts. `links` are
those of `Go.links`. The pictures are part of the mail, so that a preview shows them wherever it is.
"""

from collections.abc import Mapping
from typing import Any

from saleor_loyalty.emails.rules import EmailKind

ZONE = "Europe/Zagreb"
_PAGES = "https://shop.example/events/"
_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 536 200' width='536' height='200'%3E"
    "%3Crect width='536' height='200' fill='%23f3d9c4'/%3E%3Ccircle cx='420' cy='64' r='38' fill='%23f8ecdf'/%3E"
    "%3Cpath d='M0 160q134-70 268-20t268-30v90H0z' fill='%23c98d6b'/%3E"
    "%3Cpath d='M110 86h76v60a26 26 0 0 1-26 26h-24a26 26 0 0 1-26-26z' fill='%239a4a2f'/%3E"
    "%3Cpath d='M186 98h12a20 20 0 0 1 0 40h-12' fill='none' stroke='%239a4a2f' stroke-width='11'/%3E"
    "%3Cpath d='M134 74q-10-14 0-26t0-24M162 74q-10-14 0-26t0-24' fill='none' stroke='%23fff' stroke-width='6' "
    "stroke-linecap='round'/%3E%3C/svg%3E"
)
_QR_CODE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAGQAAABkAQAAAABYmaj5AAAAl0lEQVR42r1UsQ3AMAxCfYD/v+QDF9ylUyUy1G1k"
    "ZUAGbAfzCuGHGwDOk3ThHV83DGeCS+pwIEebapyZHuF0Us/CmL/UFyMdtZ8J69uuNDiZpGlCJc69G0mwN2U9fxZnrh0uBPWkjqfFZdDKeuun4ubU"
    "/UvPpX5etDSnn0+X9en3KAvMHmd15IE+N4Jivw/ad6bfh//ewRsUGGCW2wSLpAAAAABJRU5ErkJggg=="
)
_TITLE = {"": "Winter tasting", "hr": "Zimska degustacija", "nb": "Vintersmaking"}
_PLACE = {"": "Aurora Coffee, Ilica 5, Zagreb"}
_EVENT: Mapping[str, Any] = {
    "uid": "6f0d3a52-8a8e-4c68-9d0e-2f8c1b7f4a11",
    "sequence": 0,
    "title": _TITLE,
    "story": {
        "": "Five coffees from five mountains, and the people who roast them. We begin with a glass of something warm.",
        "hr": "Pet kava s pet planina i ljudi koji ih prže. Počinjemo čašom nečeg toplog.",
        "nb": "Fem kaffer fra fem fjell, og de som brenner dem. Vi begynner med et glass noe varmt.",
    },
    "place": _PLACE,
    "place_kind": "store",
    "place_url": "https://maps.example/aurora",
    "starts_at": "2026-12-03T17:00:00+00:00",
    "ends_at": "2026-12-03T19:30:00+00:00",
    "time_zone": ZONE,
    "image_url": _PICTURE,
    "image_alt": "",
    "age_note": {"": "From 18 years", "hr": "Od 18 godina", "nb": "Fra 18 år"},
    "languages": ["en", "hr"],
    "price_points": 100,
    "award_points": 50,
    "guests_allowed": 2,
}


def _at(instant: str) -> dict[str, str]:
    """Return an instant on the clocks of the event's place."""
    return {"at": f"{instant}:00+00:00", "zone": ZONE}


_FACTS: Mapping[str, Any] = {
    "first_name": "Ada",
    "program_name": "Aurora Club",
    "points_name": "",
    "currency": "EUR",
    "points_balance": 1500,
    "balance_value": "15.00",
    "event": _EVENT,
    "event_title": _TITLE,
    "event_start": _at("2026-12-03T17:00"),
    "event_place": _PLACE,
    "event_price": 200,
    "event_award": 50,
    "seats": 2,
    "guests": ["Grace Hopper"],
    "code": "ABCD1234EFGH5678",
    "cancel_until": _at("2026-12-02T17:00"),
    "links": {"event": f"{_PAGES}winter-tasting"},
}
_ASKED = {
    "links": {
        "event": f"{_PAGES}accept",
        "accept": f"{_PAGES}accept",
        "decline": f"{_PAGES}decline",
    }
}
_BOOKED = {
    "links": {
        **_FACTS["links"],
        "ticket": f"{_PAGES}ticket",
        "ticket_picture": _QR_CODE,
    }
}
_ALONE = {"seats": 1, "guests": [], "event_price": 100}

EVENT_SAMPLES: Mapping[EmailKind, Mapping[str, Any]] = {
    EmailKind.EVENT_INVITATION: {
        **_FACTS,
        **_ALONE,
        **_ASKED,
        "answer_until": _at("2026-11-27T17:00"),
    },
    EmailKind.EVENT_CONFIRMED: {**_FACTS, **_BOOKED},
    EmailKind.EVENT_WAITING: {**_FACTS, "waiting_place": 3},
    EmailKind.EVENT_OFFERED: {**_FACTS, **_ASKED, "offered_until": _at("2026-11-24T11:00")},
    EmailKind.EVENT_LEFT: {**_FACTS, "points_given_back": 200},
    EmailKind.EVENT_REMINDER: {**_FACTS, **_BOOKED},
    EmailKind.EVENT_CHANGED: {
        **_FACTS,
        "event": {**_EVENT, "sequence": 1},
        "moved_from": _at("2026-12-02T17:00"),
        "moved_place": {"": "Aurora Roastery, Vlaška 10, Zagreb"},
    },
    EmailKind.EVENT_CANCELLED: {
        **_FACTS,
        "event": {**_EVENT, "sequence": 1},
        "points_given_back": 200,
        "cancel_reason": "Our roaster has lost his voice.",
    },
    EmailKind.EVENT_THANKS: {**_FACTS, "links": {"feedback": f"{_PAGES}feedback"}},
}


def sparse_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event's card shows, without all that it can do without."""
    kept = {"uid", "sequence", "title", "place_kind", "starts_at", "ends_at", "time_zone"}
    return {name: value if name in kept else type(value)() for name, value in event.items()}
