"""A real SMTP server in a process of its own, which a test can kill and stop."""

import signal
import smtplib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from tests.servers import Server, free_port, until


class MailProcess(Server):
    """An SMTP server whose e-mails are files of a directory, which outlive it."""

    def __init__(self, directory: Path) -> None:
        self._port, self._kept = free_port(), directory / "mail"
        self._kept.mkdir()
        program = Path(__file__).with_name("mail_server.py")
        command = [sys.executable, str(program), str(self._port), str(self._kept)]
        super().__init__(command, directory / "mail.log", self._reachable, signal.SIGTERM)

    @property
    def url(self) -> str:
        """The value of SMTP_URL."""
        return f"smtp://127.0.0.1:{self._port}?from=heartguard@example.org&starttls=no"

    def messages(self) -> list[EmailMessage]:
        """All e-mails, each as often as it was sent."""
        files = self._kept.glob("*.eml")
        return [cast("EmailMessage", message_from_bytes(it.read_bytes(), policy=policy.default)) for it in files]

    @contextmanager
    def unanswered(self) -> Iterator[None]:
        """Enter when the server has kept an e-mail that it does not answer; at the end it answers again."""
        hold, before = self._kept / "hold", self._held()
        hold.touch()
        try:
            until(lambda: self._held() > before, "an e-mail that gets no answer")
            yield
        finally:
            hold.unlink()

    def _held(self) -> int:
        return len(list(self._kept.glob("*.held.eml")))

    def _reachable(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self._port, timeout=10) as connection:
                return connection.noop()[0] == 250
        except OSError:
            return False
