"""Gunicorn's response, with the head and the first block in one write."""

import time
from email.utils import formatdate
from functools import lru_cache

from gunicorn.http import wsgi

from heartguard_gateway.bodies.spool import BLOCK
from heartguard_gateway.sockets import keep_little_unsent, send_all


class Response(wsgi.Response):  # type: ignore[misc]
    """A response that sends its head with the first block of its body."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.headers_sent = False
        self._unsent = b""

    def send_headers(self) -> None:
        """Make the head ready; it leaves with the first block, or when flushed."""
        if not self.headers_sent:
            major, minor = self.req.version
            connection = "close" if self.should_close() else "keep-alive"
            coding = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
            head = (
                f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\nDate: {_date(int(time.time()))}\r\n"
                f"Connection: {connection}\r\n{coding}"
            )
            lines = [head, *[f"{name}: {value}\r\n" for name, value in self.headers], "\r\n"]
            self._unsent = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def flush(self) -> None:
        """Send what was made ready."""
        if self._unsent:
            unsent, self._unsent = self._unsent, b""
            send_all(self.sock, unsent)

    def close(self) -> None:
        """Send what is left: the head where nothing was written, the last chunk."""
        self.send_headers()
        if self.chunked:
            self._unsent += b"0\r\n\r\n"
        self.flush()

    def _emit_body(self, data: bytes) -> None:
        unsent, self._unsent = self._unsent, b""
        if len(data) > BLOCK and not self.chunked:
            # Not joined with the head: all readers of a file of the contract share its one object in memory.
            keep_little_unsent(self.sock)
            send_all(self.sock, unsent)
            send_all(self.sock, data)
            return
        framed = b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data
        send_all(self.sock, unsent + framed)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)  # RFC 9110 section 5.6.7
