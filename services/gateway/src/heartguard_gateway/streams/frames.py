"""Events as bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html, in chunks of HTTP/1.1."""

from heartguard_common.contract.contracts import Contracts
from heartguard_common.contract.representation import JSON
from heartguard_common.streams.events import Event

RETRY_MS = 3000
HEARTBEAT = b":\n\n"
WAITING = b": waiting\n\n"
"""A heartbeat while events can't be read: a comment, which clients may leave out."""
LAST_CHUNK = b"0\r\n\r\n"


def opening(cursor: str) -> bytes:
    """What a stream begins with: when to come back, and from where."""
    return f"retry: {RETRY_MS}\nid: {cursor}\n\n".encode()


def retry(milliseconds: int) -> bytes:
    """How long a client waits before it connects again."""
    return f"retry: {milliseconds}\n".encode()


def position(cursor: str) -> bytes:
    """An id without an event: so a client whose filter lets nothing through can resume, too."""
    return f"id: {cursor}\n\n".encode()


def event(name: str, data: bytes, cursor: str | None = None) -> bytes:
    """One event; each line of its data is a line of the stream."""
    head = f"event: {name}\n" if cursor is None else f"event: {name}\nid: {cursor}\n"
    lines = b"".join(b"data: %b\n" % line for line in data.split(b"\n"))
    return head.encode() + lines + b"\n"


def chunk(data: bytes) -> bytes:
    """A chunk of a body (RFC 9112 section 7.1)."""
    return b"%X\r\n%b\r\n" % (len(data), data)


class Rendering:
    """Documents in the format of a view."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts

    def event(self, shown: Event, media_type: str, cursor: str) -> bytes:
        """The bytes of an event."""
        data = shown.json if media_type == JSON else self.document(shown.message, shown.document, media_type)
        return event(shown.topic, data, cursor)

    def document(self, message: str, document: object, media_type: str) -> bytes:
        """The bytes of a document."""
        return self._contracts[message].encode(document, media_type)
