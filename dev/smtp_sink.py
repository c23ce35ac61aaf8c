"""A real SMTP server that keeps what it gets: one .eml a mail, with its text and HTML beside it.

While a file named `refuse` lies in the folder, it answers 451 to every mail.
"""

import argparse
import asyncio
import email
import email.policy
import itertools
from pathlib import Path

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import SMTP, Envelope, Session


class Keeper:
    """Writes mails into a folder, numbered in order of arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count(len(list(folder.glob("*.eml"))) + 1)

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail, or refuse it."""
        if (self.folder / "refuse").exists():
            return "451 4.3.0 please try again later"
        name = f"{next(self.numbers):04d}"
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        for kind in ("plain", "html"):
            body = message.get_body((kind,))
            if body is not None:
                suffix = "txt" if kind == "plain" else "html"
                (self.folder / f"{name}.{suffix}").write_text(body.get_content())
        unfinished = self.folder / f"{name}.part"
        unfinished.write_bytes(content)
        unfinished.rename(self.folder / f"{name}.eml")
        return "250 kept"


async def serve(port: int, folder: Path) -> None:
    """Serve until killed."""
    folder.mkdir(parents=True, exist_ok=True)
    controller = UnthreadedController(
        Keeper(folder), hostname="127.0.0.1", port=port, loop=asyncio.get_running_loop()
    )
    controller.server_coro = controller._create_server()  # noqa: SLF001
    await controller.server_coro
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.folder))
