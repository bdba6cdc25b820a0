"""Where Redis is, and how a connection to it is opened."""

from dataclasses import dataclass
from ssl import PROTOCOL_TLS_CLIENT
from typing import Any

import hiredis
from gevent import socket, ssl

from heartguard_common.core.redis_urls import RedisUrl, parse
from heartguard_gateway.redis_client.commands import Command, RedisUnavailable

_NO_REPLY = object()
_RECEIVE = 64 * 1024


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis is, the commands that open a connection, and how its certificate is verified, with TLS."""

    url: RedisUrl
    opening: tuple[Command, ...]
    tls: Any

    @classmethod
    def parse(cls, text: str) -> "RedisAddress":
        """Read a Redis URL. Raises ValueError; OSError for a certificate that can't be read."""
        url = parse(text)
        opening: list[Command] = []
        if url.password:
            names = (url.username,) if url.username else ()
            opening.append(("AUTH", *names, url.password))
        if url.database:
            opening.append(("SELECT", str(url.database)))
        return cls(url, tuple(opening), _context(url) if url.tls else None)

    def open(self, timeout: float) -> Any:
        """A connected socket, authenticated, with the database selected. Raises OSError, `RedisUnavailable`."""
        sock = self._connect(timeout)
        try:
            self._authenticate(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _connect(self, timeout: float) -> Any:
        if self.url.path is not None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(timeout)
            sock.connect(self.url.path)
            return sock
        sock = socket.create_connection((self.url.host, self.url.port), timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self.tls.wrap_socket(sock, server_hostname=self.url.host) if self.tls else sock
        except BaseException:
            sock.close()
            raise

    def _authenticate(self, sock: Any) -> None:
        reader = hiredis.Reader(notEnoughData=_NO_REPLY)
        for command in self.opening:
            sock.sendall(hiredis.pack_command(command))
            while (reply := reader.gets()) is _NO_REPLY:
                data = sock.recv(_RECEIVE)
                if not data:
                    raise RedisUnavailable("Redis closed a connection that was being opened", sent=False)
                reader.feed(data)
            if isinstance(reply, hiredis.ReplyError):
                raise RedisUnavailable(str(reply), sent=False)


def _context(url: RedisUrl) -> Any:
    """How a server's certificate is verified: the host name too, by the authorities named or else the system's.

    gevent's own class: a wait in a TLS handshake or read must not stop the other greenlets. Raises
    OSError for a file that can't be read.
    """
    context = ssl.SSLContext(PROTOCOL_TLS_CLIENT)
    if url.ca_file:
        context.load_verify_locations(cafile=url.ca_file)
    else:
        context.load_default_certs()
    if url.certificate_file:
        context.load_cert_chain(url.certificate_file, url.key_file)
    return context
