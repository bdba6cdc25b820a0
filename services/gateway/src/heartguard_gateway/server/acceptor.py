"""Accepting connections, and how many of them a worker holds."""

import resource
import sys
from collections.abc import Sequence
from typing import Any

from heartguard_gateway.server.client_connections import Client, ClientConnections
from heartguard_gateway.server.listener import Listener

SEND_SECONDS = 60.0  # one block of 64 KiB may take so long: about 1 KiB/s is the slowest reader we keep
_OTHER_FILES = 256  # connections to services and stores, files that keep bodies and answers, logs
_MARGIN = 64  # connections above the limit that are being ended


class Acceptor:
    """Accepts on the listening sockets of a worker, at most `capacity` connections.

    A connection above that ends another one, see `ClientConnections.make_room`. `shared`: other workers accept on the
    same sockets, so that one is accepted at a time.
    """

    def __init__(self, sockets: Sequence[Any], connections: ClientConnections, capacity: int, *, shared: bool) -> None:
        self._connections = connections
        self._capacity = capacity
        self._shared = shared
        self._listeners = {self._open(sock): sock for sock in sockets}

    def reopen(self) -> None:
        """Accept again where a listener was full and is no more."""
        for listener in self._listeners:
            listener.reopen()

    def stop(self) -> None:
        """Accept no more; what the kernel has accepted for us is still answered."""
        for listener, sock in self._listeners.items():
            listener.stop_accepting()
            self._accept_backlog(sock)
            # At once: a client that connects from here on must be refused, not accepted by the kernel and then reset.
            sock.close()

    def _open(self, sock: Any) -> Listener:
        sock.setblocking(1)
        name = sock.getsockname()
        listener = Listener(sock, lambda client, address: self._admit(client, address, name))
        listener.is_full = lambda: len(self._connections) >= self._capacity + _MARGIN
        if self._shared:
            listener.max_accept = 1
        listener.start()
        return listener

    def _admit(self, client: Any, address: Any, name: Any) -> None:
        client.settimeout(SEND_SECONDS)
        if len(self._connections) >= self._capacity:
            self._connections.make_room()
        self._connections.take(Client(client, address, name))

    def _accept_backlog(self, sock: Any) -> None:
        sock.setblocking(0)
        name = sock.getsockname()
        while True:
            try:
                client, address = sock.accept()
            except OSError:
                return
            self._admit(client, address, name)


def capacity(most: int) -> int:
    """How many connections a worker holds, at most `most`: half of the files that are left to it for connections.

    A request may need a connection to a service beside its client's.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = sys.maxsize if soft == resource.RLIM_INFINITY else soft
    return max(1, min(most, (files - _OTHER_FILES) // 2))
