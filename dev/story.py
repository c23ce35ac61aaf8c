"""The demo: one shopper's journey, told with its numbers and checked at every step."""

import re
from datetime import datetime, timedelta, timezone
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, Dict, Optional

from dev import journey
from dev.console import say
from dev.journey import Refused, Shop

ADA = "ada.lovelace@example.com"
PASSWORD = "password-of-ada"
WELCOME = 100
SILVER = 300
GOLD = 5000
SUBJECTS = ("Welcome", "Thank you", "See you", "refund", "refund", "refund", "Silver")


class Story:
    """Says what happens, and remembers whether all was right."""

    def __init__(self) -> None:
        self.is_right = True

    def tell(self, text: str) -> None:
        """Say what happened."""
        say(f"  * {text}")

    def check(self, text: str, *, found: object, expected: object) -> None:
        """Say a number, and whether it is the one that it should be."""
        if found == expected:
            say(f"  * {text}")
        else:
            self.is_right = False
            say(f"  ! {text} -- WRONG: expected {expected}, found {found}")


def tell(url: str, mail_folder: Path) -> bool:
    """Play and tell the journey; return whether every number was right."""
    story = Story()
    say("\nThe story of Ada's first order\n")
    try:
        _play(story, Shop(url, mail_folder))
    except Refused as refused:
        story.is_right = False
        say(f"  ! stopped: {refused}")
    return story.is_right


def _set_up(story: Story, shop: Shop) -> Dict[str, Any]:
    program = journey.set_up_program(shop)
    rate = Decimal(str(program["rates"][0]["pointsPerUnit"]))
    story.tell(
        f'Staff switch Loyalty on and create "{program["name"]}": '
        f"{rate.normalize():f} {program['pointsName']} a dollar."
    )
    journey.add_rule(
        shop,
        program["id"],
        name="Welcome",
        trigger="FIRST_ORDER",
        action="FIXED_POINTS",
        points=WELCOME,
    )
    story.tell(f"They add an earning rule: {WELCOME} more for a first order.")
    for name, points, color in (("Silver", SILVER, "#A8A8B3"), ("Gold", GOLD, "#C0A060")):
        journey.add_tier(shop, program["id"], name=name, color=color, threshold={"points": points})
    story.tell(f"And two tiers a calendar year: Silver at {SILVER:,} Stars, Gold at {GOLD:,}.")
    return program


def _play(story: Story, shop: Shop) -> None:
    program = _set_up(story, shop)
    rate = Decimal(str(program["rates"][0]["pointsPerUnit"]))
    token = journey.register(shop, address=ADA, password=PASSWORD, first_name="Ada")
    story.tell(f"Ada registers and logs in as {ADA}.")
    story.check(
        "She is no member yet: `me { loyalty }` is null.",
        found=journey.status_of(shop, token),
        expected=None,
    )
    checkout = journey.fill_checkout(shop, address=ADA, token=token)
    subtotal = Decimal(str(checkout["subtotalPrice"]["gross"]["amount"]))
    total = Decimal(str(checkout["totalPrice"]["gross"]["amount"]))
    to_earn = int((subtotal * rate).to_integral_value(ROUND_FLOOR)) + WELCOME
    story.check(
        f"Her basket costs {total} USD, {subtotal} of it merchandise; "
        f"the checkout promises {checkout['loyalty']['pointsToEarn']} Stars.",
        found=checkout["loyalty"]["pointsToEarn"],
        expected=to_earn,
    )
    parts = [one["points"] for one in checkout["loyalty"]["breakdown"]["parts"]]
    story.check(
        f"It says why: {parts[0]} for what she buys, {sum(parts[1:])} for a first order.",
        found=parts,
        expected=[to_earn - WELCOME, WELCOME],
    )
    story.check(
        f'And: "This order takes you to {_reached(checkout)}."',
        found=_reached(checkout),
        expected="Silver",
    )
    transaction = journey.pay(shop, checkout)
    order = journey.complete(shop, checkout, token=token)
    story.tell(f"She pays; order {order['number']} is complete.")
    balance = journey.until(lambda: journey.balance_of(shop, token), what="the award")
    story.check(f"Her balance is {balance} Stars.", found=balance, expected=to_earn)
    before = journey.status_of(shop, token)
    assert before is not None
    tier, next_tier = before["tier"] or {}, before["nextTier"] or {}
    story.check(
        f"She is {tier.get('name')} until {tier.get('until')}; "
        f"{next_tier['missing']['points']:,} Stars are missing to {next_tier['tier']['name']}.",
        found=(tier.get("name"), next_tier["missing"]["points"]),
        expected=("Silver", GOLD - to_earn),
    )
    mails = journey.until(lambda: _mails(shop), what="the thank-you mail")
    story.check(
        f'A mail arrives: "{mails[0]["Subject"]}".',
        found=mails[0]["Subject"],
        expected="Welcome, Ada, and thank you for your first order!",
    )
    _choose(story, shop, mails[0])
    _invite(story, shop, token, program)
    _spend(story, shop, token, balance=to_earn)
    half = (total / 2).quantize(Decimal("0.01"))
    back = int((to_earn * half / total).to_integral_value(ROUND_FLOOR))
    journey.refund(shop, transaction, amount=half)
    story.tell(f"She sends something back; {half} USD are refunded.")
    journey.until(lambda: journey.balance_of(shop, token) != to_earn, what="the clawback")
    found = journey.balance_of(shop, token)
    story.check(
        f"The share of that refund, {back} Stars, goes back: her balance is {found} Stars.",
        found=found,
        expected=to_earn - back,
    )
    journey.refund(shop, transaction, amount=total - half)
    journey.until(lambda: journey.balance_of(shop, token) == 0, what="the full clawback")
    status = journey.status_of(shop, token)
    assert status is not None
    story.check(
        "The rest is refunded too; not a Star is left, and none is owed.",
        found=(status["balance"]["availablePoints"], status["balance"]["debtPoints"]),
        expected=(0, 0),
    )
    tier = status["tier"] or {}
    story.check(
        f"She is told at once that she is {tier.get('name')} until {tier.get('until')} only: "
        "two weeks of grace.",
        found=(tier.get("name"), tier.get("isGrace")),
        expected=("Silver", True),
    )
    say("\n  Her history, as the storefront shows it:")
    for edge in status["entries"]["edges"]:
        node = edge["node"]
        say(f"      {node['points']:+8,}  {node['reason']:16} order {node['orderNumber']}")
    _look_into_the_mailbox(story, shop)


def _invite(story: Story, shop: Shop, token: str, program: Dict[str, Any]) -> None:
    """Let Ada come to an event, and show her code at its door."""
    starts_at = datetime.now(timezone.utc) + timedelta(hours=1)
    event = journey.make_event(
        shop,
        program["id"],
        title="Winter tasting",
        story="Six wines, one evening.",
        place="Main street 1",
        startsAt=starts_at.isoformat(),
        endsAt=(starts_at + timedelta(hours=2)).isoformat(),
        timeZone="America/Los_Angeles",
        capacity=20,
    )
    invitation = journey.join_event(shop, event["id"], token=token)
    story.check(
        f'Staff publish an event, "{event["title"]}"; Ada takes a seat and gets a ticket, {invitation["code"]}.',
        found=invitation["answer"],
        expected="ACCEPTED",
    )
    story.tell(f"Her ticket: {invitation['ticketUrl']}")
    story.tell(f"The door, on a phone of the staff: {event['doorUrl']}")
    story.check(
        "At the door her code is welcome, and the second time it is in already.",
        found=[journey.check_in(shop, invitation["code"]) for _ in range(2)],
        expected=["WELCOME", "ALREADY_IN"],
    )


def _look_into_the_mailbox(story: Story, shop: Shop) -> None:
    """Show what arrived, and the first mail as plain text."""
    journey.until(lambda: len(_mails(shop)) >= len(SUBJECTS), what="the mails")
    mails = _mails(shop)
    found = [str(mail["Subject"]).strip() for mail in mails]
    say("\n  Her mailbox, as it filled:")
    for subject in found:
        say(f"      {subject}")
    story.check(
        "One thank-you an order, a ticket, each refund explained, and a warning that Silver ends.",
        found=sorted(_kind_of(subject) for subject in found),
        expected=sorted(SUBJECTS),
    )
    text = mails[0].get_body(("plain",))
    assert text is not None
    say("\n  The first one, as plain text:\n")
    for line in text.get_content().splitlines():
        say(f"      | {line}")


def _spend(story: Story, shop: Shop, token: str, *, balance: int) -> None:
    """Let Ada pay a part of a second order with points, and have that order cancelled."""
    checkout = journey.fill_checkout(shop, address=ADA, token=token, quantity=1)
    before = _total(checkout)
    paid = journey.apply_points(shop, checkout["id"], 400, token=token)
    story.check(
        f"She comes back and lets 400 Stars pay: her total falls from {before} to {_total(paid)} USD.",
        found=_total(paid),
        expected=before - 4,
    )
    paid = journey.apply_points(shop, checkout["id"], 250, token=token)
    story.check(
        f"She thinks again, 250 will do: {_total(paid)} USD; {balance - 250} Stars are left to use.",
        found=(_total(paid), journey.balance_of(shop, token)),
        expected=(before - Decimal("2.5"), balance - 250),
    )
    journey.pay(shop, paid)
    order = journey.complete(shop, checkout, token=token)
    earned = paid["loyalty"]["pointsToEarn"]
    expected = balance - 250 + earned
    journey.until(lambda: journey.balance_of(shop, token) == expected, what="the second award")
    story.check(
        f"Order {order['number']} spends them, once, and earns {earned} Stars on what she paid in "
        f"money: {expected} Stars.",
        found=journey.balance_of(shop, token),
        expected=expected,
    )
    journey.cancel(shop, order["id"])
    journey.until(lambda: journey.balance_of(shop, token) == balance, what="the points' return")
    story.check(
        f"The shop has to cancel that order: her 250 Stars come back, what it earned goes. "
        f"{balance} Stars.",
        found=journey.balance_of(shop, token),
        expected=balance,
    )


def _total(checkout: Dict[str, Any]) -> Decimal:
    return Decimal(str(checkout["totalPrice"]["gross"]["amount"]))


def _reached(checkout: Dict[str, Any]) -> Optional[str]:
    return (checkout["loyalty"]["tierReached"] or {}).get("name")


def _mails(shop: Shop) -> list:
    """Return the mails of ours that reached her."""
    return [mail for mail in shop.mails_to(ADA) if str(mail["Message-ID"]).startswith("<loyalty.")]


def _kind_of(subject: str) -> str:
    return next(
        (
            word
            for word in ("Welcome", "Thank you", "See you", "refund", "Silver")
            if word in subject
        ),
        "?",
    )


def _choose(story: Story, shop: Shop, mail: Any) -> None:
    """Look at the page that the mail links to: no login, no cookie, no script."""
    text = mail.get_body(("plain",)).get_content()
    found = re.search(r"https?://[^/]+(/plugins/saleor\.loyalty/preferences/\S+)", text)
    path = found.group(1) if found else "/missing"
    story.check(
        f"Its foot leads to the page where she chooses her mails: {shop.url}{path[:46]}...",
        found=shop.status(path),
        expected=200,
    )
