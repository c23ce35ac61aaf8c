"""What staff set on events, described for reading and writing."""

TEXTS: dict[str, str] = {
    "title": "Title, 1 to 120 characters.",
    "story": "What it is; up to 10,000 characters.",
    "image_url": "Link to an image.",
    "image_alt": "What the image shows, for those who do not see it.",
    "place": "Where it is, as people find it; up to 250 characters.",
    "time_zone": "IANA name of the zone that its times are shown in.",
    "age_note": "Who is old enough for it; up to 250 characters.",
}
PLACE_URL = "Link to a map, or to where it is online."
NUMBERS: dict[str, str] = {
    "capacity": "Seats in all, 1 to 100,000.",
    "guests_allowed": "How many guests a member may bring, up to 20.",
    "price_points": "Points that each seat costs.",
    "award_points": "Points for coming.",
}
STAFF_NUMBERS: dict[str, str] = {
    "cancel_hours": "Hours before the start until which cancelling gives points back.",
    "offer_hours": "Hours that seats are kept for who is next in the waiting list.",
}
OPTIONAL_DATES: dict[str, str] = {
    "registration_opens_at": "From when members can ask in; null: from publishing on.",
    "registration_closes_at": "Until when members can accept; null: until the start.",
}
LANGUAGES = "The languages that are spoken."
REMINDER_HOURS = "Hours before the start at which guests are reminded, up to five."
AUDIENCE: dict[str, str] = {
    "tiers": "Members in one of these tiers.",
    "channels": "Members whose last order was in one of these channels.",
    "countries": "Members whose last order went to one of these countries (ISO 3166-1 alpha-2).",
    "minimum_spent": "Members who spent so much in all, in one of these currencies.",
    "ordered_since": "Members whose last order is no older.",
    "members": "Members who may come in any case.",
    "is_handpicked": "Whether those members are all who may come.",
}
WAVE: dict[str, str] = {
    "tiers": "Whom it is for: members in these tiers; empty: all of the audience.",
    "opens_at": "When it goes out, on a published event.",
    "only_if_free": "Whether it waits until seats are free.",
    "most_no_shows": (
        "Who stayed away from more events of the last year is left out; null: nobody is."
    ),
}
