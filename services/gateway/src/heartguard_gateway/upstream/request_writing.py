"""Requests as a service gets them (RFC 9112)."""

from collections.abc import Iterable

from heartguard_gateway.ports import Outbound
from heartguard_gateway.upstream.connection import Connection

_ALWAYS_FRAMED = frozenset({"POST", "PUT", "PATCH"})


def head_of(outbound: Outbound, authority: str) -> bytes:
    """Request line and header of a request to the host and port `authority`."""
    lines = [f"{outbound.method} {outbound.target} HTTP/1.1", f"host: {authority}"]
    lines += [f"{name}: {value}" for name, value in outbound.headers]
    if not isinstance(outbound.body, bytes):
        framing = "transfer-encoding: chunked" if outbound.length is None else f"content-length: {outbound.length}"
        lines.append(framing)
    elif outbound.body or outbound.method in _ALWAYS_FRAMED:
        lines.append(f"content-length: {len(outbound.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def send_blocks(
    connection: Connection, head: bytes, body: Iterable[bytes], *, chunked: bool, block_seconds: float
) -> bool:
    """Send block by block, each within so many seconds; True when the service answered before it had all."""
    try:
        connection.send(head)
        for block in body:
            if connection.readable():
                return True
            connection.deadline(block_seconds)
            connection.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        if chunked:
            connection.send(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        # The service's answer, if it gave one before it closed the connection, is still to be read.
        return True
    return False
