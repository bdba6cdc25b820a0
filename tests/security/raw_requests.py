"""Requests as bytes: what clients of well-kept libraries would never send."""

import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Raw:
    """An answer with its header fields as they came, names in lower case."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for known, value in self.fields if known == name]


def send(url: str, data: bytes) -> Raw:
    """Bytes to the host of a URL, and the answer that comes back."""
    place = urlsplit(url)
    with socket.create_connection((str(place.hostname), place.port), timeout=20) as link:
        link.sendall(data)
        return answer_of(link)


def answer_of(link: socket.socket) -> Raw:
    """The next answer on a connection; without its body where that is an event stream, which has no end."""
    with HTTPResponse(link) as answer:
        answer.begin()
        endless = answer.headers.get_content_type() == "text/event-stream"
        fields = [(name.lower(), value) for name, value in answer.getheaders()]
        return Raw(answer.status, fields, b"" if endless else answer.read())


def request(method: str, target: bytes | str, *lines: bytes | str, body: bytes = b"") -> bytes:
    """The bytes of a request; `lines` are header lines without their end."""
    head = [
        *(method.encode() + b" " + _bytes(target) + b" HTTP/1.1", b"Host: heartguard"),
        *map(_bytes, lines),
        *((b"Content-Length: %d" % len(body),) if body else ()),
    ]
    return b"\r\n".join([*head, b"", body])


def bearer(headers: dict[str, str]) -> list[str]:
    """Header lines of a dictionary."""
    return [f"{name}: {value}" for name, value in headers.items()]


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
