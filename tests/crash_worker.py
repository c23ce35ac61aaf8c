"""A worker in a process of its own that settles what is due until nothing is left.

Run by tests/points/test_crashes.py, which kills it; `CRASH_DATABASE` names the test's database.
"""

import os
import sys
import time
from decimal import Decimal

import django
from django.conf import settings


def main(pause: float) -> None:
    database = settings.DATABASES["default"]
    database["NAME"] = os.environ["CRASH_DATABASE"]
    database["OPTIONS"] = {"application_name": "crash_worker"}
    django.setup()
    from django.db import OperationalError, connection

    from saleor_loyalty.flows.settle_orders import settle_due_orders
    from saleor_loyalty.orders.models import DueOrder
    from tests.factories import NOW, make_order

    def load(order_ids):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM crash_facts WHERE order_id = ANY(%s)", [list(order_ids)])
            rows = cursor.fetchall()
        time.sleep(pause)  # so that a kill often comes in the middle
        return {
            order_id: make_order(
                order_id,
                user_id=user_id,
                refunded=Decimal(back),
                charged=Decimal(110) - back,
                is_fully_charged=back == 0,
            )
            for order_id, user_id, back in rows
        }

    moment = NOW
    while True:
        try:
            report = settle_due_orders(load_facts=load, now=moment, limit=4)
            if report.claimed == 0 and not DueOrder.objects.exists():
                return
            if report.claimed == 0:  # others have what is left, or it waits to be tried again
                time.sleep(0.05)
                moment = moment.replace(year=moment.year + 1)
        except OperationalError:
            connection.close()


if __name__ == "__main__":
    main(float(sys.argv[1]))
