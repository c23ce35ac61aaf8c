"""A mail server that fails at random, and workers that are killed: some hundred mails, in `make soak` ten thousand."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from aiosmtpd.controller import Controller
from django.db import connection

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import queue_emails
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.emails.samples import SAMPLES
from tests.emails.conftest import free_port
from tests.factories import NOW

MAILS = int(os.environ.get("LOYALTY_STORM_MAILS", "400"))
WORKERS = 2
KILLS = 8 if MAILS > 1000 else 4
LONGEST = 600  # seconds; on a busy machine it takes its time
MESSAGE_ID = re.compile(rb"^Message-ID: <loyalty\.(\d+)@", re.MULTILINE | re.IGNORECASE)


class MoodyServer:
    """A real SMTP server that refuses, is busy or hangs up at random, with or without the mail."""

    def __init__(self):
        self.random = Random(11)
        self.arrived = Counter()
        self.moods = Counter()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.random.random() < 0.02:
            self.moods["busy mailbox"] += 1
            return "450 mailbox busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        pk = int(MESSAGE_ID.search(envelope.original_content).group(1))
        mood = self.random.random()
        if mood < 0.05:
            self.moods["refused"] += 1
            return "451 try again"
        if mood < 0.06:
            self.moods["hung up without the mail"] += 1
            server.transport.abort()
            return "421 gone"
        self.arrived[pk] += 1
        if mood < 0.07:
            self.moods["hung up with the mail"] += 1
            server.transport.abort()
            return "421 gone"
        return "250 OK"


def start_worker(log, *, port, began):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.mail_worker"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "STORM_DATABASE": connection.settings_dict["NAME"],
            "STORM_PORT": str(port),
            "STORM_BEGAN": str(began),
        },
        cwd=Path(__file__).parents[2],
        stdout=log,
        stderr=log,
    )


def queue(count):
    """Queue mails of every kind in every language, each to somebody else."""
    kinds, languages = list(EmailKind), ("en", "hr", "nb")
    requests = [
        EmailRequest(
            key=f"storm:{number}",
            kind=kinds[number % len(kinds)],
            channel_id=1 + number % 2,
            recipient=f"member{number}@example.com",
            language_code=languages[number % 3],
            facts=SAMPLES[kinds[number % len(kinds)]],
        )
        for number in range(count)
    ]
    queue_emails(requests=requests, now=NOW)


def on_their_way():
    return EmailMessage.objects.filter(status__in=["queued", "sending"]).count()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_mail_arrives_exactly_once_but_for_those_in_doubt(tmp_path):
    queue(MAILS)
    server, port, began = MoodyServer(), free_port(), time.time()
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    random, kills, left = Random(7), 0, MAILS
    ends_at = time.monotonic() + LONGEST

    with (tmp_path / "log").open("w") as log:
        workers = [start_worker(log, port=port, began=began) for _ in range(WORKERS)]
        while left and time.monotonic() < ends_at:
            time.sleep(0.2)
            left = on_their_way()
            is_time_to_kill = kills < KILLS and left < MAILS * (1 - (kills + 1) / (KILLS + 2))
            if is_time_to_kill and left:
                victim = random.randrange(WORKERS)
                workers[victim].send_signal(signal.SIGKILL)
                workers[victim].wait()
                workers[victim] = start_worker(log, port=port, began=began)
                kills += 1
        codes = [worker.wait(60) for worker in workers]
    controller.stop()

    by_status = {
        status: set(EmailMessage.objects.filter(status=status).values_list("pk", flat=True))
        for status in ("sent", "doubtful", "failed", "queued", "sending")
    }
    doubts = len(by_status["doubtful"])
    print(f"\n{MAILS} mails, {kills} kills, {dict(server.moods)}: {doubts} in doubt")  # noqa: T201
    assert codes == [0] * WORKERS, (tmp_path / "log").read_text()[-3000:]
    assert kills == KILLS
    assert set(server.moods) == {
        "busy mailbox",
        "refused",
        "hung up without the mail",
        "hung up with the mail",
    }
    assert not by_status["failed"] | by_status["queued"] | by_status["sending"]
    assert len(by_status["sent"] | by_status["doubtful"]) == MAILS
    assert max(server.arrived.values()) == 1
    assert by_status["sent"] <= set(server.arrived)
    in_doubt = server.moods["hung up without the mail"] + server.moods["hung up with the mail"]
    assert len(by_status["doubtful"]) <= in_doubt + kills
