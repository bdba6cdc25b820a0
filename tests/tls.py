"""A TLS front before servers that speak none, and the authority that signs for it."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from heartguard_cli.backup.tls import carry

# PostgreSQL's documentation, section 54.7: SSLRequest and GSSENCRequest.
SSL_REQUEST, GSS_REQUEST = struct.pack("!ii", 8, 80877103), struct.pack("!ii", 8, 80877104)
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Authority:
    """A certificate authority of one test: `file` is what a client trusts."""

    file: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, directory: Path, name: str = "authority") -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = _certificate(subject, subject, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        file = directory / f"{name}.pem"
        file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(PEM))
        return cls(file, subject, key)

    def server(self) -> ssl.SSLContext:
        """The context of a server whose certificate is for the address 127.0.0.1, and for no name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "front")])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = _certificate(subject, self.name, key).add_extension(
            x509.SubjectAlternativeName([address]), critical=False
        )
        file = self.file.with_suffix(".server")
        file.write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + made.sign(self.key, hashes.SHA256()).public_bytes(PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )


@contextlib.contextmanager
def front(target: int, context: ssl.SSLContext, *, postgres: bool = False) -> Iterator[int]:
    """The port of a TLS server that carries all to the loopback port `target`.

    With `postgres` it answers SSLRequest first, and ends connections that do not ask for TLS.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=handle, args=(client,), daemon=True).start()

    def handle(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if postgres and not _asked_for_tls(client):
                return
            with (
                context.wrap_socket(client, server_side=True) as secured,
                socket.create_connection(("127.0.0.1", target)) as server,
            ):
                carry(server, secured)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _asked_for_tls(client: socket.socket) -> bool:
    while (request := client.recv(8, socket.MSG_WAITALL)) == GSS_REQUEST:
        client.sendall(b"N")
    if request == SSL_REQUEST:
        client.sendall(b"S")
    return request == SSL_REQUEST
