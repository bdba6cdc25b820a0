"""Mail by SMTP (RFC 5321), encrypted on the way and never in clear with a password."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from heartguard_auth.domain import Letter
from heartguard_auth.ports import Undeliverable
from heartguard_auth.settings import SmtpServer
from heartguard_auth.store.times import moment
from heartguard_common.clock import Clock

TIMEOUT_SECONDS = 10.0


class SmtpMailer:
    """Hands each letter to one mail server, in a connection of its own."""

    def __init__(self, server: SmtpServer, clock: Clock, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._clock = clock
        self._context = context or ssl.create_default_context()

    def send(self, letter: Letter, letter_id: str) -> None:
        """Hand over a letter; `letter_id` becomes its Message-ID, so that one sent twice can be told.

        Raises `Undeliverable` where trying again can't help, OSError or SMTPException where it can.
        """
        try:
            message = self._message(letter, letter_id)
        except (ValueError, IndexError) as error:
            raise Undeliverable("the letter has no valid address or subject") from error
        with self._connect() as connection:
            if self._server.user:
                connection.login(self._server.user, self._server.password)
            try:
                connection.send_message(message)
            except smtplib.SMTPRecipientsRefused as error:
                if all(500 <= code < 600 for code, _ in error.recipients.values()):
                    raise Undeliverable("the mail server refuses the recipient") from error
                raise

    def _connect(self) -> smtplib.SMTP:
        place = (self._server.host, self._server.port)
        if self._server.tls:
            return smtplib.SMTP_SSL(*place, timeout=TIMEOUT_SECONDS, context=self._context)
        connection = smtplib.SMTP(*place, timeout=TIMEOUT_SECONDS)
        if self._server.starttls:
            try:
                connection.starttls(context=self._context)
            except Exception:
                connection.close()
                raise
        return connection

    def _message(self, letter: Letter, letter_id: str) -> EmailMessage:
        """The letter as RFC 5322 has it; the library refuses line ends in headers, and so no header is smuggled in."""
        message = EmailMessage()
        message["From"] = Address("HeartGuard", addr_spec=self._server.sender)
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(moment(self._clock.now_ns()))
        message["Message-ID"] = f"<{letter_id}@{self._server.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers to a machine
        message.set_content(letter.text)
        return message
