"""Client connections: they wait for a request without a greenlet, and have one while it is answered.

A greenlet that has served a request keeps some 16 KiB of stack; a resting connection without one costs its socket
and a watcher. Greenlets are kept for the next request, because making one costs more than waking one.
"""

import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
from gevent.hub import get_hub
from gevent.socket import SHUT_RD, SHUT_RDWR, SO_LINGER, SOL_SOCKET

from heartguard_common.core.network import bucket_address
from heartguard_gateway.sockets import discard_and_close, readable

_POLLIN = 1
_RESET = struct.pack("ii", 1, 0)  # struct linger: close() discards what was not sent, and resets
_SPARE = 64  # greenlets kept for the next request; more are needed only in a burst


class Client:
    """One connection. `since` is when it began to rest or to send its request; `late` that it took too long.

    `fresh` says that nothing of it has been answered yet; `network` is its address as the rate limits count it.
    `received` are bytes that were read before it came to us; `given_away` that another owner goes on with it.
    """

    __slots__ = (
        *("address", "fresh", "given_away", "late", "listener", "network", "reading", "received", "since", "socket"),
        "watcher",
    )

    def __init__(self, socket: Any, address: Any, listener: Any, received: bytes = b"") -> None:
        self.received = received
        self.given_away = False
        self.socket = socket
        self.address = address
        self.network = bucket_address(address[0]) if isinstance(address, tuple) else ""  # a Unix socket has no address
        self.listener = listener
        self.watcher: Any = get_hub().loop.io(socket.fileno(), _POLLIN)
        self.since = 0.0
        self.reading = False
        self.late = False
        self.fresh = True

    def silent(self) -> bool:
        """Whether neither bytes nor its end are there to be read."""
        return not readable(self.socket)

    def cut(self) -> None:
        """End the connection at once: a send raises OSError, and the kernel discards what was not read."""
        with suppress(OSError):  # the client has gone meanwhile
            self.socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            self.socket.shutdown(SHUT_RDWR)

    def end(self) -> None:
        """Close the connection after its last answer; one that is given away goes on without us."""
        if not self.given_away:
            discard_and_close(self.socket)

    def close(self) -> None:
        """Forget watcher and socket."""
        self.watcher.stop()
        self.watcher.close()
        self.socket.close()


class ClientConnections:
    """All connections of one worker. `serve` answers what has come on one, and says whether it may rest again."""

    def __init__(self, serve: Callable[[Client], bool], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._serve = serve
        self._monotonic = monotonic
        self._resting: dict[Client, None] = {}
        self._working: dict[Client, gevent.Greenlet] = {}
        self._spare: list[gevent.Greenlet] = []
        self._by_network: dict[str, dict[Client, None]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._resting) + len(self._working)

    def take(self, client: Client) -> None:
        """A new connection, which waits for its first request."""
        self._by_network.setdefault(client.network, {})[client] = None
        self.rest(client)

    def take_request(self, client: Client) -> None:
        """A connection whose first request was received elsewhere, which may have taken seconds on purpose.

        To be called in the event loop, as watchers are.
        """
        client.fresh = False
        self._by_network.setdefault(client.network, {})[client] = None
        self._resting[client] = None
        self._wake(client)

    def make_room(self) -> None:
        """End one connection that waits or sends a head: the oldest of the address that has most.

        So a client that opens many connections loses its own, and no connection in use is closed.
        """
        for network in sorted(self._by_network, key=lambda it: len(self._by_network[it]), reverse=True):
            for client in self._by_network[network]:
                if client in self._resting:
                    self._end(client)
                    return
                if client.reading and not client.late:
                    client.late = True
                    _stop_reading(client)
                    return

    def rest(self, client: Client) -> None:
        """Wait for the next request."""
        client.since = self._monotonic()
        self._resting[client] = None
        client.watcher.start(self._wake, client)

    def sweep(self, rest_seconds: float, head_seconds: float) -> None:
        """Close idle connections; one that sends a request's head too slowly is marked `late` and shut down."""
        now = self._monotonic()
        for client in [one for one in self._resting if now - one.since > rest_seconds]:
            self._end(client)
        for client in self._working:
            if client.reading and now - client.since > head_seconds:
                client.late = True
                _stop_reading(client)

    def dismiss(self, rested: float) -> None:
        """End connections that were silent for so many seconds, between requests or in the middle of a head."""
        before = self._monotonic() - rested
        for client in [one for one in self._resting if one.since < before and one.silent()]:
            self._end(client)
        for client in self._working:
            if client.reading and client.since < before and client.silent():
                _stop_reading(client)

    def kill(self, timeout: float) -> None:
        """End all, also in the middle of a request."""
        for client in list(self._resting):
            self._end(client)
        gevent.killall(list(self._working.values()), timeout=timeout)

    def _wake(self, client: Client) -> None:
        """In the hub: hand a readable connection to a spare greenlet, or to a new one."""
        client.watcher.stop()
        del self._resting[client]
        client.since, client.reading = self._monotonic(), True
        if self._spare:
            greenlet = self._spare.pop()
            self._working[client] = greenlet
            greenlet.switch(client)
        else:
            self._working[client] = gevent.spawn(self._work, client)

    def _work(self, client: Client) -> None:
        hub = get_hub()
        while True:
            may_rest = False
            try:
                may_rest = self._serve(client)
            finally:
                greenlet = self._working.pop(client)
                if not may_rest:
                    self._close(client)
            if may_rest:
                self.rest(client)
            if len(self._spare) >= _SPARE:
                return
            self._spare.append(greenlet)
            client = hub.switch()

    def _end(self, client: Client) -> None:
        del self._resting[client]
        self._close(client)

    def _close(self, client: Client) -> None:
        others = self._by_network[client.network]
        del others[client]
        if not others:
            del self._by_network[client.network]
        client.close()


def _stop_reading(client: Client) -> None:
    """Make reads raise OSError (as gevent does it); a connection that is closed already is ignored."""
    try:
        client.socket.shutdown(SHUT_RD)
    except OSError:
        return
