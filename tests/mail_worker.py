"""A worker in a process of its own that sends what is due until nothing is on its way.

Run by tests/emails/test_storm.py, which kills it; `STORM_DATABASE` names the test's database,
`STORM_PORT` the mail server's port. Its clock runs faster, so that retries come soon; every
worker's clock began at the instant `STORM_BEGAN`.
"""

import os
import sys
import time
from datetime import timedelta

import django
from django.conf import settings

FASTER = 120


def main() -> None:
    database = settings.DATABASES["default"]
    database["NAME"] = os.environ["STORM_DATABASE"]
    django.setup()
    from django.core.mail import get_connection
    from django.db import OperationalError, connection

    from saleor_loyalty.emails.delivery import PostOffice, deliver_due
    from saleor_loyalty.emails.envelopes import MailSender
    from saleor_loyalty.emails.models import EmailMessage
    from saleor_loyalty.emails.rendering import ShopIdentity
    from saleor_loyalty.emails.rules import Go
    from tests.factories import NOW

    began = float(os.environ["STORM_BEGAN"])
    backend = get_connection(
        "django.core.mail.backends.smtp.EmailBackend",
        host="127.0.0.1",
        port=int(os.environ["STORM_PORT"]),
        timeout=10,
    )
    sender = MailSender(
        backend=backend,
        from_address="hello@aurora.example",
        shop=ShopIdentity(name="Aurora Coffee", url="https://aurora.example/"),
    )
    office = PostOffice(
        sender_for=lambda _: sender,
        approve=lambda messages, _: {
            one.pk: Go(recipient=one.recipient, language_code=one.language_code) for one in messages
        },
    )

    def clock():
        return NOW + timedelta(seconds=(time.time() - began) * FASTER)

    while True:
        try:
            report = deliver_due(office=office, clock=clock)
            if report.claimed:
                continue
            if not EmailMessage.objects.filter(status__in=["queued", "sending"]).exists():
                return
            time.sleep(0.05)
        except OperationalError:
            connection.close()


if __name__ == "__main__":
    sys.exit(main())
