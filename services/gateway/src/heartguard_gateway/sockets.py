"""Sending on and closing of sockets, of clients and of services."""

import socket
import struct
import time
from contextlib import suppress
from typing import Any

import gevent
from gevent import monkey

# gevent's own polling is cooperative; this question is answered at once.
_poll = monkey.get_original("select", "poll")
_POLLIN = 1
_UNSENT = 128 * 1024
_DISCARDED = bytearray(64 * 1024)  # overwritten and never read
_INFO_BYTES, _LAST_DATA_RECEIVED = 104, 52  # of struct tcp_info, <linux/tcp.h>


def send_all(sock: Any, data: bytes) -> None:
    """Send all of it. Raises OSError, TimeoutError.

    One send() takes it nearly always; sendall() would ask the kernel for the buffer's size first.
    """
    sent = sock.send(data)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])


def keep_little_unsent(sock: Any) -> None:
    """Let the kernel take no more than 128 KiB that it can't send yet; the rest is kept where it is counted."""
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):  # not TCP, or not Linux
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)


def readable(sock: Any) -> bool:
    """Whether bytes, or the end, can be read at once."""
    poll = _poll()
    poll.register(sock.fileno(), _POLLIN)
    return bool(poll.poll(0))


def discard_and_close(sock: Any, seconds: float = 5.0, size: int = 8 * 1024 * 1024) -> None:
    """Close a connection whose client may still be sending, so that it can read its answer (RFC 9112 section 9.6).

    What still comes is discarded until the client closes, but no longer than `seconds` and no more than `size` bytes.
    """
    deadline = time.monotonic() + seconds
    try:
        sock.shutdown(socket.SHUT_WR)
        while size > 0 and (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            received = sock.recv_into(_DISCARDED)
            if not received:
                break
            size -= received
            gevent.sleep(0)  # a fast sender would keep all others waiting
    except OSError:  # the client has gone, or is silent: TimeoutError
        pass
    finally:
        sock.close()


def seconds_since_data(sock: Any) -> float:
    """How long ago the kernel took the last bytes of a connection; 0 where it does not say (not Linux, not TCP)."""
    if not hasattr(socket, "TCP_INFO"):
        return 0.0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except OSError:
        return 0.0
    milliseconds: int = struct.unpack_from("I", info, _LAST_DATA_RECEIVED)[0]
    return milliseconds / 1000
