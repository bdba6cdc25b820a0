"""E-mail by SMTP (RFC 5321); a password is sent over TLS only."""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from heartguard_auth.mail.domain import Email
from heartguard_auth.mail.ports import Deferred, MailError, MailServerUnavailable, Undeliverable
from heartguard_auth.settings import SmtpServer
from heartguard_auth.shared.store.timestamps import timestamptz
from heartguard_common.core.clock import Clock

TIMEOUT_SECONDS = 10.0
ADDRESS_LENGTH = 254
CLOSING, TOO_LARGE = 421, 552


class SmtpMailer:
    """Hands each e-mail to one mail server, in a connection of its own."""

    def __init__(self, server: SmtpServer, clock: Clock, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._clock = clock
        self._context = context or ssl.create_default_context()

    def send(self, email: Email, email_id: str) -> None:
        """Hand over an e-mail; `email_id` becomes its Message-ID, so that a duplicate can be recognized.

        Raises `Undeliverable` where trying this e-mail again can't help, `Deferred` where it may, and
        `MailServerUnavailable` where no e-mail could be sent now.
        """
        content = self._content(email, email_id)
        connection = self._connect()
        try:
            self._hand_over(connection, email.to, content)
            with contextlib.suppress(OSError):  # the server has accepted the e-mail: an error at QUIT does not matter
                connection.quit()
        finally:
            connection.close()

    def _hand_over(self, connection: smtplib.SMTP, to: str, content: bytes) -> None:
        options: Sequence[str] = ()
        if not to.isascii():
            if not connection.has_extn("smtputf8"):
                raise Undeliverable("the mail server takes no address outside ASCII")
            options = ("SMTPUTF8", "BODY=8BITMIME")
        try:
            connection.sendmail(self._server.sender, [to], content, options)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, _),) = error.recipients.values()
            raise _refusal(code, "the recipient is refused") from error
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, "the e-mail is refused") from error
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code == TOO_LARGE:
                raise _refusal(error.smtp_code, "the e-mail is too large") from error
            # The sender is the same for every e-mail.
            raise MailServerUnavailable(f"SMTP {error.smtp_code}: the sender is refused") from error
        except OSError as error:
            # The e-mail may have been accepted. If the server is unavailable, the next connection shows it.
            raise Deferred(f"the connection was lost: {type(error).__name__}") from error

    def _connect(self) -> smtplib.SMTP:
        """A connection that is ready for an e-mail. Raises `MailServerUnavailable`."""
        address = (self._server.host, self._server.port)
        connection: smtplib.SMTP | None = None
        try:
            if self._server.tls:
                connection = smtplib.SMTP_SSL(*address, timeout=TIMEOUT_SECONDS, context=self._context)
            else:
                connection = smtplib.SMTP(*address, timeout=TIMEOUT_SECONDS)
                if self._server.starttls:
                    connection.starttls(context=self._context)
            if self._server.user:
                connection.login(self._server.user, self._server.password)
            connection.ehlo_or_helo_if_needed()
        except OSError as error:
            if connection is not None:
                connection.close()
            raise MailServerUnavailable(type(error).__name__) from error
        return connection

    def _content(self, email: Email, email_id: str) -> bytes:
        """The e-mail in the format of RFC 5322; the library refuses line ends in headers, so no header can be injected.

        The recipient's header is written as it is and never parsed: the library takes the local part `=??q?a_?=` for
        an encoded word, which an address has none of (RFC 2047 section 5). Raises `Undeliverable`.
        """
        if len(email.to) > ADDRESS_LENGTH or not _ADDRESS.fullmatch(email.to):
            raise Undeliverable("the e-mail has no valid address")
        try:
            message = EmailMessage(policy=_POLICY)
            message["From"] = Address("HeartGuard", addr_spec=self._server.sender)
            message["Subject"] = email.subject
            message["Date"] = format_datetime(timestamptz(self._clock.now_ns()))
            message["Message-ID"] = f"<{email_id}@{self._server.sender.rpartition('@')[2]}>"
            message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers to a machine
            message.set_content(email.text)
            return f"To: {email.to}\r\n".encode() + message.as_bytes()
        except Exception as error:  # the library raises many types, each because of this e-mail
            raise Undeliverable(f"the e-mail can't be written: {type(error).__name__}") from error


def _refusal(code: int, description: str) -> MailError:
    """What a refusing reply means (RFC 5321 section 4.2.1)."""
    reason = f"SMTP {code}: {description}"
    if code == CLOSING:
        return MailServerUnavailable(reason)
    return Undeliverable(reason) if 500 <= code < 600 else Deferred(reason)


# Without 8BITMIME a server has to take 7 bits only (RFC 6152).
_POLICY = SMTP.clone(cte_type="7bit")
# A dot-atom and a domain (RFC 5321 section 4.1.2, RFC 6531): nothing that would have to be quoted.
_ATOM = r"[^\s\x00-\x20\x7f-\x9f\ud800-\udfff()<>\[\]:;@\\,.\"]+"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@{_ATOM}(\.{_ATOM})*")
