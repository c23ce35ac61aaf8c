"""Speed, as ratios to limits measured in the same run; run by `make bench`."""

import json
import os
import statistics
import sys
import uuid
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402
from saleor.core.jwt import create_access_token  # noqa: E402
from saleor.warehouse.models import Stock  # noqa: E402

settings.ALLOWED_HOSTS = ["*"]

from dev import event_benchmarks as events  # noqa: E402
from dev import journey  # noqa: E402
from dev import ledger_benchmarks as ledger  # noqa: E402
from dev import mail_benchmarks as mails  # noqa: E402
from dev import spending_benchmarks as spending  # noqa: E402
from dev import tier_benchmarks as tiers  # noqa: E402
from dev.ledger_benchmarks import timed  # noqa: E402
from saleor_loyalty.flows.settle_orders import settle_due_orders  # noqa: E402
from saleor_loyalty.orders.models import DueOrder  # noqa: E402
from saleor_loyalty.orders.operations import mark_due  # noqa: E402
from saleor_loyalty.points.models import Entry  # noqa: E402
from saleor_loyalty.programs.models import Program  # noqa: E402
from saleor_loyalty.shop.orders import load_order_facts  # noqa: E402

CHECKOUTS = 60
BATCH = 100


class InProcessShop(journey.Shop):
    """The shop's API called in this process, so that nothing but Saleor's own work is timed."""

    def __init__(self) -> None:
        super().__init__("", Path())
        self.client = Client()

    def answer(self, document, variables=None, token=""):
        """Send a document to Saleor's view."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        response = self.client.post(
            "/graphql/",
            {"query": document, "variables": variables or {}},
            content_type="application/json",
            headers=headers,
        )
        return response.json()

    @property
    def admin(self) -> str:
        """A token of the superuser."""
        from saleor.account.models import User

        return create_access_token(User.objects.get(email="admin@example.com"))


def open_shop() -> InProcessShop:
    """Return the shop, with a programme and enough in stock."""
    shop = InProcessShop()
    if not Program.objects.exists():
        journey.set_up_program(shop)
        Stock.objects.update(quantity=1_000_000)
    return shop


def buy(shop: InProcessShop) -> None:
    """Fill, pay and complete a checkout."""
    checkout = journey.fill_checkout(shop, address="bench@example.com", quantity=1)
    journey.pay(shop, checkout)
    journey.complete(shop, checkout)


def hooks_on_a_checkout() -> float:
    """Return checkoutComplete with the plugin on, relative to off; both in turns."""
    shop = open_shop()
    seconds = {True: [], False: []}
    for number in range(CHECKOUTS + 3):
        for is_on in (True, False):
            checkout = journey.fill_checkout(shop, address="bench@example.com", quantity=1)
            journey.pay(shop, checkout)
            journey.switch_plugin(shop, on=is_on)
            took = timed(lambda checkout=checkout: journey.complete(shop, checkout))
            if number >= 3:  # noqa: PLR2004 -- the first ones warm caches up
                seconds[is_on].append(took)
        if number % 20 == 0:
            print(f"   ... {number} of {CHECKOUTS} checkouts", flush=True)
    journey.switch_plugin(shop, on=True)
    DueOrder.objects.all().delete()
    return statistics.median(seconds[True]) / statistics.median(seconds[False])


def points_at_checkout() -> float:
    """Return applying points, relative to adding a code of Saleor's own."""
    return spending.applying_points(open_shop())


def copied_fields(model) -> list:
    """Return the fields that a copy of a row takes over."""
    own = {"id", "number", "old_id"}
    return [field for field in model._meta.concrete_fields if field.name not in own]


def paid_orders(count: int) -> list:
    """Return the ids of new paid orders, each of a customer of its own."""
    from saleor.account.models import User
    from saleor.order.models import Order, OrderLine

    paid = Order.objects.filter(user_email="bench@example.com", charge_status="full")
    if not paid.exists():
        buy(open_shop())
    model = paid.first()
    values = {field.attname: getattr(model, field.attname) for field in copied_fields(Order)}
    lines = [
        {field.attname: getattr(line, field.attname) for field in copied_fields(OrderLine)}
        for line in model.lines.all()
    ]
    order_ids = []
    for _ in range(count):
        user = User.objects.create(email=f"{uuid.uuid4()}@example.com", first_name="Ada")
        address = {"user_id": user.pk, "user_email": user.email, "created_at": timezone.now()}
        order = Order.objects.create(**values | address)
        OrderLine.objects.bulk_create(OrderLine(**line | {"order_id": order.pk}) for line in lines)
        order_ids.append(str(order.pk))
    return order_ids


def settling_a_batch() -> float:
    """Return settling new paid orders (points and mails), relative to loading their facts."""
    settled, loaded = [], []
    for _ in range(6):
        order_ids = paid_orders(BATCH)
        mark_due(order_ids=order_ids, now=timezone.now())
        loaded.append(timed(lambda ids=order_ids: load_order_facts(ids)))
        settled.append(
            timed(lambda: settle_due_orders(load_facts=load_order_facts, now=timezone.now()))
        )
        assert Entry.objects.filter(order_id__in=order_ids).count() == BATCH
    return min(settled) / min(loaded)


# What is measured, the aim, and whether more is better. Those that fill the database come last.
BENCHMARKS = (
    ("checkoutComplete with our hooks / without", hooks_on_a_checkout, "1.02", "lower"),
    ("applying points / checkoutAddPromoCode", points_at_checkout, "1.30", "lower"),
    ("settling 100 new orders / reading their facts", settling_a_batch, "5.00", "lower"),
    ("mails rendered / bare MJML compiled (rate)", mails.rendering_mails, "0.08", "higher"),
    ("inviting members by a wave / writing the rows", events.inviting, "3.00", "lower"),
    ("awards one by one / plain INSERTs (rate)", ledger.single_award, "0.40", "higher"),
    ("awards by 100 / plain INSERTs (rate)", ledger.batch_of_awards, "0.90", "higher"),
    ("hold + capture / two plain INSERTs (rate)", ledger.hold_and_capture, "0.25", "higher"),
    ("an award at 5M entries / at 10k (cost)", ledger.award_in_a_long_history, "1.10", "lower"),
    ("expiring 1M lots / INSERT..SELECT (rate)", ledger.expire_a_million_lots, "0.25", "higher"),
    (
        "verifying members / INSERT..SELECT (rate)",
        ledger.verify_a_million_members,
        "1.00",
        "higher",
    ),
    ("tiers of 1M members, a night / reading", tiers.ordinary_night, "6.00", "lower"),
    ("tiers of 1M members, New Year / reading", tiers.new_years_night, "20.00", "lower"),
)


def main(path: Path) -> None:
    """Measure, print the table and write it down; K narrows it to names that have it in them."""
    rows = []
    chosen = [one for one in BENCHMARKS if os.environ.get("K", "") in one[0]]
    for name, measure, aim, better in chosen:
        print(f"-> {name}", flush=True)
        ratio = round(measure(), 3)
        print(f"   {ratio}", flush=True)
        rows.append({"name": name, "ratio": ratio, "aim": float(aim), "better": better})
    print(f"\n{'name':50} {'ratio':>8} {'aim':>8}")
    for row in rows:
        is_lower = row["better"] == "lower"
        is_met = row["ratio"] <= row["aim"] if is_lower else row["ratio"] >= row["aim"]
        sign = "<=" if is_lower else ">="
        verdict = "" if is_met else "  missed"
        print(f"{row['name']:50} {row['ratio']:8.3f} {sign} {row['aim']:.3f}{verdict}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
