"""Through a mail service's API: a real backend of django-anymail, and a real HTTP server in its place."""

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.mail import get_connection

from saleor_loyalty.emails.delivery import deliver_due
from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage
from saleor_loyalty.emails.operations import queue_emails
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.samples import SAMPLES
from tests.emails.test_delivery import office, request, sender
from tests.factories import NOW

pytest.importorskip("anymail")


class Service(BaseHTTPRequestHandler):
    """Answers as Postmark does: https://postmarkapp.com/developer/api/email-api."""

    got: list = []
    status = 200

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Service.got.append(body)
        answer = {"ErrorCode": 0 if Service.status == 200 else 10, "Message": "", "MessageID": "m"}
        self.send_response(Service.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def service(settings):
    """A sender whose mails go through Postmark's API, that is through our server."""
    Service.got, Service.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.ANYMAIL = {
        "POSTMARK_SERVER_TOKEN": "token",
        "POSTMARK_API_URL": f"http://127.0.0.1:{server.server_port}/",
    }
    backend = get_connection("anymail.backends.postmark.EmailBackend", timeout=15)
    yield replace(sender(1), backend=backend, reply_to="care@aurora.example")
    server.shutdown()
    thread.join()
    server.server_close()


def deliver(through):
    return deliver_due(office=office(lambda _: through), clock=lambda: NOW)


def test_a_mail_goes_through_a_mail_service_with_its_headers_and_calendar(db, service):
    calendar = {"method": "REQUEST", "partstat": "ACCEPTED"}
    facts = {**SAMPLES[EmailKind.EVENT_CONFIRMED], "calendar": calendar}
    queue_emails(requests=[request(kind=EmailKind.EVENT_CONFIRMED, facts=facts)], now=NOW)

    report = deliver(service)

    assert report.sent == 1
    (mail,) = Service.got
    assert mail["Subject"] == "See you at Winter tasting, Ada!"
    assert (mail["To"], mail["ReplyTo"]) == ("ada@example.com", "care@aurora.example")
    assert {"Name": "Auto-Submitted", "Value": "auto-generated"} in mail["Headers"]
    assert [one["Name"] for one in mail["Attachments"]] == ["invite.ics"]
    assert mail["TextBody"].startswith("See you there, Ada!")


def test_what_a_mail_service_refuses_is_tried_again_and_not_in_doubt(db, service):
    queue_emails(requests=[request("one"), request("two")], now=NOW)
    Service.status = 401

    report = deliver(service)

    assert (len(Service.got), report.is_down, report.doubtful) == (1, True, 0)
    assert set(EmailMessage.objects.values_list("status", flat=True)) == {"queued"}
    assert not EmailAddressFailure.objects.exists()
