import email
import email.policy
import socket

import pytest
from aiosmtpd.controller import Controller


class Inbox:
    """A real SMTP server's handler: keeps mails, or says no as it is told."""

    def __init__(self):
        self.mails = []
        self.answers = []
        self.hang_up = False
        self.hang_up_at = set()
        self.dropped = 0
        self.refuse_recipient = ""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.hang_up or len(self.mails) in self.hang_up_at:
            self.hang_up_at -= {len(self.mails)}
            self.dropped += 1
            server.transport.abort()
            return "421 gone"
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(
            email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        )
        return "250 OK"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def smtp_port(inbox):
    """The port of a running SMTP server that delivers into the inbox."""
    port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()
