"""A service's answer as httptools parses it."""

from typing import Any

import httptools

from heartguard_gateway.domain import Headers

_NO_CONTENT = (204, 304)
_FIRST_FINAL = 200


class BadAnswer(Exception):  # noqa: N818  it is the service's answer that is bad
    """What the service sent is not an HTTP answer."""


class Message:
    """An answer as httptools reports it; `headers` in order and with repetitions."""

    def __init__(self, *, bodiless: bool) -> None:
        self.status = 0
        self.headers: Headers = []
        self.has_head = False
        self.complete = False
        self.keep_alive = False
        self.length: int | None = None
        self._bodiless = bodiless
        self._blocks: list[bytes] = []
        self._parser: Any = httptools.HttpResponseParser(self)

    @property
    def is_event_stream(self) -> bool:
        """Whether this is an event stream, which has no end and must not be buffered."""
        kind = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return kind.lower().startswith("text/event-stream")

    def feed(self, data: bytes) -> None:
        """Take bytes from the wire. Raises `BadAnswer`."""
        if self.complete:
            self.keep_alive = False  # no request asked for these bytes: the connection can't be trusted
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise BadAnswer from error

    def end(self) -> None:
        """The service has closed. Raises `BadAnswer` unless that is how this answer ends (RFC 9112 section 6.3)."""
        delimited = any(name.lower() == "transfer-encoding" for name, _ in self.headers)
        if not self.has_head or self.length is not None or delimited:
            raise BadAnswer
        self.complete, self.keep_alive = True, False

    def take(self) -> bytes:
        """The body as far as it has come since the last call."""
        blocks, self._blocks = self._blocks, []
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def forget_parser(self) -> None:
        """Break the reference cycle of parser and message, which only the garbage collector would free."""
        self._parser = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is there; the parser forgets status and keep-alive when the message ends."""
        self.status = self._parser.get_status_code()
        if self.status < _FIRST_FINAL:
            return
        self.keep_alive = self._parser.should_keep_alive()
        self.has_head = True
        if self._bodiless or self.status in _NO_CONTENT:
            self.complete = True
            return
        declared = next((value for name, value in self.headers if name.lower() == "content-length"), None)
        self.length = int(declared) if declared is not None and declared.isdecimal() else None

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._blocks.append(body)

    def on_message_complete(self) -> None:
        """The end; an interim answer (RFC 9110 section 15.2) is forgotten, the final one is still to come."""
        if self.status < _FIRST_FINAL:
            self.headers = []
        else:
            self.complete = True
