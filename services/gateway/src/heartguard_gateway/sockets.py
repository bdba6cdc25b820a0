"""What the gateway does with sockets in one way, whoever is at the other end."""

from typing import Any

from gevent import monkey

# gevent's own polling is cooperative; this question is answered at once.
_poll = monkey.get_original("select", "poll")
_POLLIN = 1


def send_all(sock: Any, data: bytes) -> None:
    """Send all of it. Raises OSError, TimeoutError.

    One send() takes it nearly always; sendall() would ask the kernel for the buffer's size first.
    """
    sent = sock.send(data)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])


def readable(sock: Any) -> bool:
    """Whether bytes, or the end, can be read at once."""
    poll = _poll()
    poll.register(sock.fileno(), _POLLIN)
    return bool(poll.poll(0))
