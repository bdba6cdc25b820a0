"""A real SMTP server that keeps what it is given."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers import free_port, until


class Mailbox:
    """An SMTP server: `messages` it took, and for whom (`recipients`); it is slow while `hold` is clear.

    `refuse` is its reply to every recipient, `refused` has those to some.
    """

    def __init__(self, port=None, **options):
        self.messages = []
        self.recipients = []
        self.logins = []
        self.refuse = None
        self.refused = {}
        self.hold = threading.Event()
        self.hold.set()
        options.setdefault("auth_require_tls", False)
        self._controller = Controller(
            self, hostname="127.0.0.1", port=port or free_port(), authenticator=self._authenticate, **options
        )

    @property
    def port(self):
        return self._controller.port

    def url(self, options="&starttls=no", credentials="", scheme="smtp"):
        return f"{scheme}://{credentials}127.0.0.1:{self.port}?from=heartguard@example.org{options}"

    def start(self):
        self._controller.start()
        return self

    def stop(self):
        self._controller.stop()

    async def handle_RCPT(self, *call):  # noqa: N802  the library's name
        _, _, envelope, address, _ = call
        reply = self.refused.get(address, self.refuse)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, *call):  # noqa: N802  the library's name
        envelope = call[2]
        await asyncio.to_thread(self.hold.wait, 10)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        # Not `envelope.rcpt_tos`: the library's own server takes some addresses for encoded words.
        self.recipients.append(envelope.content.partition(b"\r\n")[0].removeprefix(b"To: ").decode())
        return "250 taken"

    def _authenticate(self, *call):
        login = call[-1]
        self.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=login.password == b"p@ss word")

    def wait(self, count=1):
        """The messages, once there are so many."""
        until(lambda: len(self.messages) >= count, f"{count} messages")
        return self.messages


@contextmanager
def mailbox(**options) -> Iterator[Mailbox]:
    server = Mailbox(**options).start()
    try:
        yield server
    finally:
        server.stop()


def certificate(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The context of a server at 127.0.0.1 with a fresh certificate, and that of a client who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "mail.pem"
    form = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(form)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)
